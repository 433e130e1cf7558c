# Attention by a small network: one state reads T others.
# D. Bahdanau, K. Cho, Y. Bengio, "Neural machine translation by jointly learning to align and translate", 2014.
size      T = 5, n = 3, s = 2, h = 4
input     x[T, n], state[s]
target    y[n]
parameter W[h, n], U[h, s], v[h]
e[t] = sum(v[i] * tanh(sum(W[i, j] * x[t, j], j) + sum(U[i, r] * state[r], r)), i)
a[t] = softmax(e[t], t)
c[j] = sum(a[t] * x[t, j], t)
E    = sum((y[j] - c[j])**2, j)
