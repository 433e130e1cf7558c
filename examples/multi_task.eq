# Two tasks that share a layer; the weight of each task is learned.
# A. Kendall, Y. Gal, R. Cipolla, "Multi-task learning using uncertainty to weigh losses", 2017, arXiv:1705.07115.
use dense, linear
size      n = 3, h = 5, k = 4, r = 2
input     x[n]
target    y[k], v[r]
parameter s = 0, t = 0
promise   sums_to_one y over k
a      = dense(x, n, h, tanh)
z      = linear(a, h, k)
p[i]   = softmax(z[i], i)
q      = linear(a, h, r)
cross  = -sum(y[i] * log(p[i]), i)
square = sum((v[i] - q[i])**2, i)
output   p, q
E      = exp(-s) * cross + s / 2 + exp(-t) * square / 2 + t / 2
