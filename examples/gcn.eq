# A graph convolutional network of two layers; A is the normalised adjacency matrix.
# T. N. Kipf, M. Welling, "Semi-supervised classification with graph convolutional networks", 2016, arXiv:1609.02907.
size      N = 6, n = 3, h = 5, k = 2
input     A[N, N] without samples, x[N, n] without samples, known[N] without samples
target    y[N, k] without samples
parameter W[h, n], V[k, h]
promise   mask known
promise   sums_to_one y over k
a[p, i] = relu(sum(A[p, q] * W[i, j] * x[q, j], q, j))
z[p, r] = sum(A[p, q] * V[r, i] * a[q, i], q, i)
s[p, r] = softmax(z[p, r], r)
output    s
E       = -sum(known[p] * y[p, r] * log(s[p, r]), p, r) / sum(known[p], p)
