# A mixture density network: k normal distributions, whose shares, means and widths depend on x.
# C. M. Bishop, "Mixture density networks", 1994.
use dense, linear
size   n = 2, h = 5, k = 3
input  x[n]
target y
a  = dense(x, n, h, tanh)
z  = linear(a, h, k)
mu = linear(a, h, k)
w  = linear(a, h, k)
l[r] = log_softmax(z[r], r)
d[r] = -((y - mu[r]) / exp(w[r]))**2 / 2 - w[r] - log(2 * pi) / 2
output l, mu, w
E    = -logsumexp(l[r] + d[r], r)
