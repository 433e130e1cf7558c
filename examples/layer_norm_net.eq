# LayerNorm between two dense layers, with mean and variance as equations.
# J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", 2016, arXiv:1607.06450.
size      n = 3, h = 5, k = 2
input     x[n]
target    y[k]
parameter W[h, n], b[h] = 0, g[h] = 1, s[h] = 0, V[k, h]
constant  eps = 1e-5
z[i] = sum(W[i, j] * x[j], j) + b[i]
mu   = mean(z[i], i)
v    = mean((z[i] - mu)**2, i)
a[i] = tanh(g[i] * (z[i] - mu) / sqrt(v + eps) + s[i])
q[r] = sum(V[r, i] * a[i], i)
E    = sum((y[r] - q[r])**2, r) / 2
