# InfoNCE: two views of each sample; the other samples of the batch are the negatives.
# A. van den Oord et al., "Representation learning with contrastive predictive coding", 2018, arXiv:1807.03748.
size      n = 3, k = 4, d = 5
input     x[n], v[k]
parameter A[d, n], B[d, k], tau = 1
promise   positive tau
a[i] = sum(A[i, j] * x[j], j)
b[i] = sum(B[i, j] * v[j], j)
s[u] = sum(a[i] * b[i, u], i) / tau
output a
E    = logsumexp(s[u], u) - sum(a[i] * b[i], i) / tau
