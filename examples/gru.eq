# A gated recurrent unit with a target for each step; the reset gate multiplies the state.
# K. Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014, arXiv:1406.1078.
size      T, n = 2, h = 5, k = 3
input     x[T, n]
target    y[T, k]
recurrent s[T, h]
parameter Wu[h, n], Uu[h, h], bu[h] = 0, Wr[h, n], Ur[h, h], br[h] = 0, W[h, n], U[h, h], b[h] = 0, V[k, h]

zu[t, i] = sum(Wu[i, j] * x[t, j], j) + sum(Uu[i, p] * s[t - 1, p], p) + bu[i]
zr[t, i] = sum(Wr[i, j] * x[t, j], j) + sum(Ur[i, p] * s[t - 1, p], p) + br[i]
u[t, i] = sigmoid(zu[t, i])
r[t, i] = sigmoid(zr[t, i])
z[t, i] = sum(W[i, j] * x[t, j], j) + sum(U[i, p] * r[t, p] * s[t - 1, p], p) + b[i]
c[t, i] = tanh(z[t, i])
s[t, i] = u[t, i] * s[t - 1, i] + (1 - u[t, i]) * c[t, i]
o[t, q] = sum(V[q, i] * s[t, i], i)
E = mean(mean((y[t, q] - o[t, q])**2, q), t)
