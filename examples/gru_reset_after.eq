# A gated recurrent unit whose reset gate multiplies the product with the weight, as in cuDNN and PyTorch.
# J. Chung et al., "Empirical evaluation of gated recurrent neural networks", 2014, arXiv:1412.3555.
size      T, n = 2, h = 5
input     x[T, n]
target    y[T, h]
recurrent s[T, h]
parameter Wu[h, n], Uu[h, h], bu[h] = 0, Wr[h, n], Ur[h, h], br[h] = 0, W[h, n], U[h, h], b[h] = 0, d[h] = 0

zu[t, i] = sum(Wu[i, j] * x[t, j], j) + sum(Uu[i, p] * s[t - 1, p], p) + bu[i]
zr[t, i] = sum(Wr[i, j] * x[t, j], j) + sum(Ur[i, p] * s[t - 1, p], p) + br[i]
u[t, i] = sigmoid(zu[t, i])
r[t, i] = sigmoid(zr[t, i])
v[t, i] = sum(U[i, p] * s[t - 1, p], p) + d[i]
z[t, i] = sum(W[i, j] * x[t, j], j) + r[t, i] * v[t, i] + b[i]
c[t, i] = tanh(z[t, i])
s[t, i] = u[t, i] * s[t - 1, i] + (1 - u[t, i]) * c[t, i]
E = mean(mean((y[t, i] - s[t, i])**2, i), t)
