# A gated recurrent unit with a target for each step; the reset gate multiplies the state.
# K. Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014, arXiv:1406.1078.
size      T, n = 2, h = 5, k = 3
input     x[T, n]
target    y[T, k]
recurrent s[T, h]
parameter W_u[h, n], U_u[h, h], b_u[h] = 0, W_r[h, n], U_r[h, h], b_r[h] = 0, W[h, n], U[h, h], b[h] = 0, V[k, h]

z_u[t, i] = sum(W_u[i, j] * x[t, j], j) + sum(U_u[i, p] * s[t - 1, p], p) + b_u[i]
z_r[t, i] = sum(W_r[i, j] * x[t, j], j) + sum(U_r[i, p] * s[t - 1, p], p) + b_r[i]
u[t, i] = sigmoid(z_u[t, i])
r[t, i] = sigmoid(z_r[t, i])
z[t, i] = sum(W[i, j] * x[t, j], j) + sum(U[i, p] * r[t, p] * s[t - 1, p], p) + b[i]
c[t, i] = tanh(z[t, i])
s[t, i] = u[t, i] * s[t - 1, i] + (1 - u[t, i]) * c[t, i]
o[t, q] = sum(V[q, i] * s[t, i], i)
E = mean(mean((y[t, q] - o[t, q])**2, q), t)
