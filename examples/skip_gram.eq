# word2vec, skip-gram: a word tells its neighbour from T words that are drawn at random.
# T. Mikolov et al., "Distributed representations of words and phrases", 2013, arXiv:1310.4546.
size      V = 7, T = 4, d = 3
input     word in V, near in V, drawn[T] in V
parameter C[V, d], U[V, d]
s    = sum(C[word, i] * U[near, i], i)
r[t] = sum(C[word, i] * U[drawn[t], i], i)
output s
E    = softplus(-s) + sum(softplus(r[t]), t)
