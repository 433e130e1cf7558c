# LayerNorm of the units x of a layer.
size d = 3, h = 4
input a[d]
parameter W[h, d], gamma[h] = 1, beta[h] = 0
constant eps = 1e-5
x[i] = sum(W[i, j] * a[j], j)
mu = mean(x[i], i)
v = mean((x[i] - mu)**2, i)
s = sqrt(v + eps)
n[i] = (x[i] - mu) / s
y[i] = gamma[i] * n[i] + beta[i]
backward y
