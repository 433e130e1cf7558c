# A nonlinear autoregressive model that reads the two values before, and predicts the whole series.
# I. J. Leontaritis, S. A. Billings, "Input-output parametric models for non-linear systems", 1985.
size      T, n = 2, h = 5
input     x[T, n]
target    y[T, h]
recurrent s[T, h]
parameter W[h, n], U[h, h], V[h, h], b[h] = 0

z[t, i] = sum(W[i, j] * x[t, j], j) + sum(U[i, p] * s[t - 1, p], p) + sum(V[i, p] * s[t - 2, p], p) + b[i]
s[t, i] = tanh(z[t, i])
E = mean(mean((y[t, i] - s[t, i])**2, i), t)
