# A weight for each sample, and a mask of the targets that are known.
# D. G. Horvitz, D. J. Thompson, "A generalization of sampling without replacement from a finite universe", 1952.
size      n = 3, k = 2
input     x[n], weight, known[k]
target    y[k]
parameter W[k, n], b[k] = 0
promise   mask known
promise   positive weight
q[i] = tanh(sum(W[i, j] * x[j], j) + b[i])
output q
E    = weight * sum(known[i] * (y[i] - q[i])**2, i)
