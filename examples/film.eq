# FiLM: a condition scales and shifts the units of a hidden layer.
# E. Perez et al., "FiLM: visual reasoning with a general conditioning layer", 2017, arXiv:1709.07871.
use linear
size      n = 3, c = 4, h = 5, k = 2
input     x[n], condition[c]
target    y[k]
z     = linear(x, n, h)
gamma = linear(condition, c, h)
beta  = linear(condition, c, h)
a[i]  = relu((1 + gamma[i]) * z[i] + beta[i])
q     = linear(a, h, k)
E     = sum((y[i] - q[i])**2, i)
