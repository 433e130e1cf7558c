# An echo state network: the recurrent weights are given and stay as they are.
# H. Jaeger, "The echo state approach to analysing and training recurrent neural networks", 2001.
size      T, n = 2, h = 5, k = 3
input     x[T, n], W[h, n] without samples, R[h, h] without samples
target    y[T, k]
recurrent s[T, h]
parameter V[k, h], b[k] = 0

s[t, i] = tanh(sum(W[i, j] * x[t, j], j) + sum(R[i, r] * s[t - 1, r], r))
o[t, p] = sum(V[p, i] * s[t, i], i) + b[p]
E = mean(mean((y[t, p] - o[t, p])**2, p), t)
