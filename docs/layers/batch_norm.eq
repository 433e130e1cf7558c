# BatchNorm: u is the index of a sample.
size h = 3
input x[h]
parameter gamma[h] = 1, beta[h] = 0
constant eps = 1e-5
mu[i] = mean(x[i, u], u)
v[i] = mean((x[i, u] - mu[i])**2, u)
n[i] = (x[i] - mu[i]) / sqrt(v[i] + eps)
y[i] = gamma[i] * n[i] + beta[i]
backward y
