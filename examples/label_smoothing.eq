# Label smoothing: the class has probability 1 - a, and all k classes share a.
# C. Szegedy et al., "Rethinking the Inception architecture for computer vision", 2015, arXiv:1512.00567.
use dense, linear
size      n = 3, h = 5, k = 4
input     x[n]
target    y[k]
constant  a = 0.1
promise   sums_to_one y over k
hidden = dense(x, n, h, relu)
z      = linear(hidden, h, k)
p[i]   = softmax(z[i], i)
output   p
E      = -sum(((1 - a) * y[i] + a / k) * log(p[i]), i)
