# word2vec, CBOW: a word from the mean of the words around it.
# T. Mikolov et al., "Efficient estimation of word representations in vector space", 2013, arXiv:1301.3781.
size      V = 7, T = 4, d = 3
input     word[T] in V
target    y in V
parameter C[V, d], U[V, d]
e[i] = mean(C[word[t], i], t)
z[v] = sum(U[v, i] * e[i], i)
output z
E    = logsumexp(z[v], v) - z[y]
