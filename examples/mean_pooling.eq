# The mean over all places of each channel, for every class.
# M. Lin, Q. Chen, S. Yan, "Network in network", 2013, arXiv:1312.4400.
use conv1d, mean_pool
size    c = 2, d = 4, n = 10, k = 3
input   x[c, n]
target  y[k]
promise sums_to_one y over k
z       = conv1d(x, c, d, 3, n, padding = 1)
a[f, t] = relu(z[f, t])
h       = mean_pool(a, 2, 5)
m       = conv1d(h, d, k, 1, 5)
l[f]    = mean(m[f, t], t)
p[f]    = softmax(l[f], f)
output    p
E       = -sum(y[f] * log(p[f]), f)
