# Long short-term memory over three steps, with one weight for the four gates.
# S. Hochreiter, J. Schmidhuber, "Long short-term memory", 1997.
size      T = 3, n = 2, h = 5
input     x[T, n]
target    y[h]
parameter W[4, h, n], U[4, h, h], b[4, h] = 0, s0[h] = 0, c0[h] = 0
block step(s, c, t)
  z[g, i] = sum(W[g, i, j] * x[t, j], j) + sum(U[g, i, r] * s[r], r) + b[g, i]
  m[i]    = sigmoid(z[1, i]) * tanh(z[2, i]) + sigmoid(z[3, i]) * c[i]
  o[i]    = sigmoid(z[4, i]) * tanh(m[i])
  return o, m
end
s1, c1 = step(s0, c0, 1)
s2, c2 = step(s1, c1, 2)
s3, c3 = step(s2, c2, 3)
E = mean((y[i] - s3[i])**2, i)
