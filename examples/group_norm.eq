# GroupNorm: the channels are in groups, each with its own mean and variance.
# Y. Wu, K. He, "Group normalization", 2018, arXiv:1803.08494.
size      c = 3, g = 2, d = 4, n = 5
input     x[c, n]
target    y[g, d, n]
parameter W[g, d, c], s[g, d] = 1, b[g, d] = 0
constant  eps = 0.001
z[u, i, p] = sum(W[u, i, j] * x[j, p], j)
mu[u]      = mean(z[u, i, p], i, p)
v[u]       = mean((z[u, i, p] - mu[u])**2, i, p)
q[u, i, p] = s[u, i] * (z[u, i, p] - mu[u]) / sqrt(v[u] + eps) + b[u, i]
E          = mean((y[u, i, p] - q[u, i, p])**2, u, i, p)
