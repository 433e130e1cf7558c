# A stack of dilated convolutions, whose reach doubles with each layer.
# F. Yu, V. Koltun, "Multi-scale context aggregation by dilated convolutions", 2015, arXiv:1511.07122.
use conv2d
size   c = 2, d = 3, p = 7, q = 6
input  x[c, p, q]
target y[p, q]
a          = conv2d(x, c, d, 3, 3, p, q, padding = 1)
f[i, s, t] = relu(a[i, s, t])
b          = conv2d(f, d, d, 3, 3, p, q, padding = 2, dilation = 2)
g[i, s, t] = relu(b[i, s, t])
o          = conv2d(g, d, 1, 1, 1, p, q)
E          = mean((y[s, t] - o[1, s, t])**2, s, t)
