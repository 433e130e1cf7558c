# Two recurrent layers, one above the other; the last step of the upper one predicts.
# R. Pascanu et al., "How to construct deep recurrent neural networks", 2014, arXiv:1312.6026.
size      T, n = 2, h = 5, d = 4
input     x[T, n]
target    y[d]
recurrent s[T, h], r[T, d]
parameter W[h, n], U[h, h], b[h] = 0, V[d, h], R[d, d], c[d] = 0

z[t, i] = sum(W[i, j] * x[t, j], j) + sum(U[i, p] * s[t - 1, p], p) + b[i]
s[t, i] = tanh(z[t, i])
v[t, k] = sum(V[k, i] * s[t, i], i) + sum(R[k, q] * r[t - 1, q], q) + c[k]
r[t, k] = tanh(v[t, k])
o[k] = r[T, k]
E = mean((y[k] - o[k])**2, k)
