# BatchNorm: the samples of a batch share mean and variance.
# S. Ioffe, C. Szegedy, "Batch normalization", 2015, arXiv:1502.03167.
size      n = 3, h = 5, k = 2
input     x[n]
target    y[k]
parameter W[h, n], g[h] = 1, s[h] = 0, V[k, h], c[k] = 0
constant  eps = 0.001
z[i]  = sum(W[i, j] * x[j], j)
mu[i] = mean(z[i, u], u)
v[i]  = mean((z[i, u] - mu[i])**2, u)
a[i]  = relu(g[i] * (z[i] - mu[i]) / sqrt(v[i] + eps) + s[i])
q[r]  = sum(V[r, i] * a[i], i) + c[r]
running mu, v = 1
E     = sum((y[r] - q[r])**2, r)
