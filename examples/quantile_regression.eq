# Quantile regression: three quantiles of a number at once.
# R. Koenker, G. Bassett, "Regression quantiles", 1978.
use dense, linear
size      n = 2, h = 5, k = 3
input     x[n], share[k] without samples
target    y
promise   probabilities share
a = dense(x, n, h, tanh)
q = linear(a, h, k)
E = sum(max(share[i] * (y - q[i]), (share[i] - 1) * (y - q[i])), i)
