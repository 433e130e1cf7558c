# A language model of characters: long short-term memory that predicts the next character at each step.
# A. Graves, "Generating sequences with recurrent neural networks", 2013, arXiv:1308.0850.
size      T, n = 7, d = 3, h = 5
input     c[T] in n
target    y[T] in n
recurrent g[T, h], s[T, h]
parameter C[n, d], W[4, h, d], U[4, h, h], b[4, h] = 0, V[n, h], a[n] = 0

z[t, k, i] = sum(W[k, i, j] * C[c[t], j], j) + sum(U[k, i, r] * s[t - 1, r], r) + b[k, i]
g[t, i] = sigmoid(z[t, 1, i]) * g[t - 1, i] + sigmoid(z[t, 2, i]) * tanh(z[t, 3, i])
s[t, i] = sigmoid(z[t, 4, i]) * tanh(g[t, i])
q[t, v] = sum(V[v, i] * s[t, i], i) + a[v]
p[t, v] = softmax(q[t, v], v)
output p
E = mean(logsumexp(q[t, v], v) - q[t, y[t]], t)
