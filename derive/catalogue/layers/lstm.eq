# Long short-term memory over T steps: forget, input, cell and output (Hochreiter and Schmidhuber 1997).
block lstm(x, T, n, h)
  recurrent c[T, h], o[T, h]
  parameter W[4, h, n], U[4, h, h], b[4, h] = 0
  z[t, g, i] = sum(W[g, i, j] * x[t, j], j) + sum(U[g, i, r] * o[t - 1, r], r) + b[g, i]
  f[t, i] = sigmoid(z[t, 1, i])
  c[t, i] = f[t, i] * c[t - 1, i] + sigmoid(z[t, 2, i]) * tanh(z[t, 3, i])
  o[t, i] = sigmoid(z[t, 4, i]) * tanh(c[t, i])
end
