# Long short-term memory, with one weight for the four gates; the last step predicts.
# S. Hochreiter, J. Schmidhuber, "Long short-term memory", 1997.
size      T, n = 2, h = 5
input     x[T, n]
target    y[h]
recurrent c[T, h], s[T, h]
parameter W[4, h, n], U[4, h, h], b[4, h] = 0

z[t, g, i] = sum(W[g, i, j] * x[t, j], j) + sum(U[g, i, r] * s[t - 1, r], r) + b[g, i]
c[t, i] = sigmoid(z[t, 1, i]) * c[t - 1, i] + sigmoid(z[t, 2, i]) * tanh(z[t, 3, i])
s[t, i] = sigmoid(z[t, 4, i]) * tanh(c[t, i])
q[i] = s[T, i]
E = mean((y[i] - q[i])**2, i)
