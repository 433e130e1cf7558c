# A small convolutional network: convolutions, the largest of each window, a mean over places.
# Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998.
use conv2d, linear, max_pool2d
size    c = 2, d = 3, e = 4, n = 8, k = 5
input   x[c, n, n]
target  y[k]
promise sums_to_one y over k
a           = conv2d(x, c, d, 3, 3, n, n, padding = 1)
r[f, s, t]  = relu(a[f, s, t])
b           = max_pool2d(r, 2, 4, 4)
o           = conv2d(b, d, e, 2, 2, 3, 3)
m[f]        = mean(tanh(o[f, s, t]), s, t)
z           = linear(m, e, k)
p[i]        = softmax(z[i], i)
output        p
E           = -sum(y[i] * log(p[i]), i)
