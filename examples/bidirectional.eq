# A recurrent network that reads a sequence in both directions.
# M. Schuster, K. K. Paliwal, "Bidirectional recurrent neural networks", 1997.
size      T, n = 2, h = 5, k = 3
input     x[T, n]
target    y[T, k]
recurrent f[T, h], b[T, h]
parameter Wf[h, n], Uf[h, h], cf[h] = 0, Wb[h, n], Ub[h, h], cb[h] = 0, V[2, k, h]

u[t, i] = sum(Wf[i, j] * x[t, j], j) + sum(Uf[i, r] * f[t - 1, r], r) + cf[i]
f[t, i] = tanh(u[t, i])
v[t, i] = sum(Wb[i, j] * x[t, j], j) + sum(Ub[i, r] * b[t + 1, r], r) + cb[i]
b[t, i] = tanh(v[t, i])
q[t, o] = sum(V[1, o, i] * f[t, i], i) + sum(V[2, o, i] * b[t, i], i)
E = mean(mean((y[t, o] - q[t, o])**2, o), t)
