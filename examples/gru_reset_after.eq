# A gated recurrent unit whose reset gate multiplies the product with the weight, as in cuDNN and PyTorch.
# J. Chung et al., "Empirical evaluation of gated recurrent neural networks", 2014, arXiv:1412.3555.
size      T, n = 2, h = 5
input     x[T, n]
target    y[T, h]
recurrent s[T, h]
parameter W_u[h, n], U_u[h, h], b_u[h] = 0, W_r[h, n], U_r[h, h], b_r[h] = 0, W[h, n], U[h, h], b[h] = 0, d[h] = 0

z_u[t, i] = sum(W_u[i, j] * x[t, j], j) + sum(U_u[i, p] * s[t - 1, p], p) + b_u[i]
z_r[t, i] = sum(W_r[i, j] * x[t, j], j) + sum(U_r[i, p] * s[t - 1, p], p) + b_r[i]
u[t, i] = sigmoid(z_u[t, i])
r[t, i] = sigmoid(z_r[t, i])
v[t, i] = sum(U[i, p] * s[t - 1, p], p) + d[i]
z[t, i] = sum(W[i, j] * x[t, j], j) + r[t, i] * v[t, i] + b[i]
c[t, i] = tanh(z[t, i])
s[t, i] = u[t, i] * s[t - 1, i] + (1 - u[t, i]) * c[t, i]
E = mean(mean((y[t, i] - s[t, i])**2, i), t)
