# Convolution and the largest of windows that overlap.
# K. Jarrett et al., "What is the best multi-stage architecture for object recognition?", 2009.
use conv1d, max_pool
size   c = 2, d = 4, n = 9
input  x[c, n]
target y[d, 4]
z       = conv1d(x, c, d, 3, n, padding = 1)
a[f, t] = abs(tanh(z[f, t]))
o       = max_pool(a, 3, 4)
E       = mean((y[f, t] - o[f, t])**2, f, t)
