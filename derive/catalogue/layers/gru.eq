# A gated recurrent unit over T steps: update, reset and candidate (Cho et al. 2014, arXiv:1406.1078).
block gru(x, T, n, h)
  recurrent o[T, h]
  parameter W[3, h, n], U[2, h, h], V[h, h], b[3, h] = 0
  y[t, g, i] = sum(W[g, i, j] * x[t, j], j) + b[g, i]
  u[t, i] = sigmoid(y[t, 1, i] + sum(U[1, i, p] * o[t - 1, p], p))
  r[t, i] = sigmoid(y[t, 2, i] + sum(U[2, i, p] * o[t - 1, p], p))
  c[t, i] = tanh(y[t, 3, i] + sum(V[i, p] * r[t, p] * o[t - 1, p], p))
  o[t, i] = u[t, i] * o[t - 1, i] + (1 - u[t, i]) * c[t, i]
end
