# A language model: two blocks of a transformer with the norm before each part.
# R. Xiong et al., "On layer normalization in the transformer architecture", 2020, arXiv:2002.04745.
use embedding, transformer_block, layer_norm
size      V = 7, T = 4, d = 6, h = 2, a = 3, m = 5
input     word[T] in V, M[T, T] without samples
target    y[T] in V
parameter P[T, d], U[V, d]
promise   mask M
e       = embedding(word, V, d)
x[t, i] = e[t, i] + P[t, i]
b       = repeat 2 transformer_block(x, M, d, h, a, m)
o       = layer_norm(b, d)
z[t, v] = sum(U[v, i] * o[t, i], i)
output    z
E       = mean(logsumexp(z[t, v], v) - z[t, y[t]], t)
