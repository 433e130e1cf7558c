# Squeeze and excitation: the channels of a convolution are weighted by what all places say together.
# J. Hu et al., "Squeeze-and-excitation networks", 2017, arXiv:1709.01507.
use conv2d, dense, linear
size      c = 2, d = 6, n = 5, h = 3, k = 4
input     x[c, n, n]
target    y[k]
promise   sums_to_one y over k
f          = conv2d(x, c, d, 3, 3, n, n, padding = 1)
s[g]       = mean(f[g, i, j], i, j)
r          = dense(s, d, h, relu)
w          = dense(r, h, d, sigmoid)
o[g, i, j] = w[g] * f[g, i, j]
m[g]       = mean(relu(o[g, i, j]), i, j)
z          = linear(m, d, k)
p[i]       = softmax(z[i], i)
output       p
E          = -sum(y[i] * log(p[i]), i)
