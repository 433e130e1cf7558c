# A recurrent layer with outputs.
size T = 5, n = 3, h = 4, k = 2
input x[T, n]
recurrent s[T, h]
parameter U[h, n], W[h, h], b[h], V[k, h], c[k]
a[t, i] = sum(W[i, j] * s[t - 1, j], j) + sum(U[i, j] * x[t, j], j) + b[i]
s[t, i] = tanh(a[t, i])
o[t, p] = sum(V[p, i] * s[t, i], i) + c[p]
backward o
