# Deep sets: a function of a set of T vectors, which does not depend on their order.
# M. Zaheer et al., "Deep sets", 2017, arXiv:1703.06114.
size      T = 6, n = 3, h = 5, d = 4
input     x[T, n]
target    y
parameter W[h, n], b[h] = 0, V[d, h], c[d] = 0, w[d]
a[t, i] = relu(sum(W[i, j] * x[t, j], j) + b[i])
s[r]    = sum(V[r, i] * a[t, i], i, t) + c[r]
q       = sum(w[r] * tanh(s[r]), r)
E       = (y - q)**2
