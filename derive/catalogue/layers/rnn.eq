# A recurrent layer with tanh over T steps (Elman 1990).
block rnn(x, T, n, h)
  recurrent o[T, h]
  parameter W[h, n], U[h, h], b[h] = 0
  z[t, i] = sum(W[i, j] * x[t, j], j) + sum(U[i, r] * o[t - 1, r], r) + b[i]
  o[t, i] = tanh(z[t, i])
end
