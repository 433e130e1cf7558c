# RMSNorm of each token.
# B. Zhang, R. Sennrich, "Root mean square layer normalization", 2019, arXiv:1910.07467.
size      T = 4, n = 3, h = 5
input     x[T, n]
target    y[T, h]
parameter W[h, n], g[h] = 1
constant  eps = 0.01
z[t, i] = sum(W[i, j] * x[t, j], j)
r[t]    = sqrt(mean(z[t, i]**2, i) + eps)
q[t, i] = g[i] * z[t, i] / r[t]
E       = sum((y[t, i] - q[t, i])**2, t, i)
