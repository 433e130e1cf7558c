# A graph attention layer: a node weights its neighbours by what both are.
# P. Velickovic et al., "Graph attention networks", 2017, arXiv:1710.10903.
size      N = 6, n = 3, h = 4
input     A[N, N] without samples, x[N, n]
target    y[N, h]
parameter W[h, n], left[h], right[h]
promise   mask A
z[p, i] = sum(W[i, j] * x[p, j], j)
l[p]    = sum(left[i] * z[p, i], i)
r[p]    = sum(right[i] * z[p, i], i)
e[p, q] = leaky_relu(l[p] + r[q], slope = 0.2)
a[p, q] = A[p, q] * exp(e[p, q]) / (1e-9 + sum(A[p, s] * exp(e[p, s]), s))
o[p, i] = elu(sum(a[p, q] * z[q, i], q))
E       = mean((y[p, i] - o[p, i])**2, p, i)
