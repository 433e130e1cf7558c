# Cosines of normalised vectors and classes, with a margin for the true class and a scale.
# H. Wang et al., "CosFace: large margin cosine loss for deep face recognition", 2018, arXiv:1801.09414.
size      n = 3, d = 4, k = 5
input     x[n]
target    y[k]
parameter W[d, n], C[k, d]
constant  scale = 8, margin = 0.35
promise   sums_to_one y over k
e[i] = sum(W[i, j] * x[j], j)
a[i] = e[i] / sqrt(sum(e[r]**2, r))
c[u] = sum(C[u, i] * a[i], i) / sqrt(sum(C[u, i]**2, i))
z[u] = scale * (c[u] - margin * y[u])
p[u] = log_softmax(z[u], u)
output c
E    = -sum(y[u] * p[u], u)
