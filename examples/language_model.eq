# The next word after T words; the table of words is used to read and to predict.
# Y. Bengio et al., "A neural probabilistic language model", 2003; O. Press, L. Wolf, 2016, arXiv:1608.05859.
size      V = 7, T = 3, d = 4, h = 5
input     word[T] in V
target    y in V
parameter C[V, d], W[h, T, d], b[h] = 0, U[d, h]
a[j] = tanh(sum(W[j, t, i] * C[word[t], i], t, i) + b[j])
q[i] = sum(U[i, j] * a[j], j)
z[v] = sum(C[v, i] * q[i], i)
output z
E    = logsumexp(z[v], v) - z[y]
