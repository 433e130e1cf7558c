# A residual network of dense layers.
# K. He et al., "Deep residual learning for image recognition", 2015, arXiv:1512.03385.
use dense, linear, residual
size   n = 3, d = 4, h = 5, k = 2
input  x[n]
target y[k]
a = dense(x, n, d, relu)
o = repeat 3 residual(a, d, h)
q = linear(o, d, k)
E = sum((y[i] - q[i])**2, i)
