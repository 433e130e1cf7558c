# A recurrent network with a target for each step.
# J. L. Elman, "Finding structure in time", 1990.
size      T, n = 2, h = 5, k = 4
input     x[T, n]
target    y[T, k]
recurrent s[T, h]
parameter W[h, n], U[h, h], b[h] = 0, first[h] = 0, V[k, h]

s[0, i] = first[i]
z[t, i] = sum(W[i, j] * x[t, j], j) + sum(U[i, r] * s[t - 1, r], r) + b[i]
s[t, i] = tanh(z[t, i])
o[t, p] = sum(V[p, i] * s[t, i], i)
E = mean(sum((y[t, p] - o[t, p])**2, p), t) / 2
