# Two heads: the mean and the logarithm of the variance of a normal distribution.
# D. A. Nix, A. S. Weigend, "Estimating the mean and variance of the target probability distribution", 1994.
use dense, linear
size   n = 3, h = 5, k = 2
input  x[n]
target y[k]
a  = dense(x, n, h, tanh)
mu = linear(a, h, k)
v  = linear(a, h, k)
output mu, v
E  = sum(v[i] + (y[i] - mu[i])**2 / exp(v[i]) + log(2 * pi), i) / 2
