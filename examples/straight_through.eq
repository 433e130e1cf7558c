# Straight-through: a unit is 1 or -1 in the forward pass, and its derivative is that of the hard tanh.
# Y. Bengio, N. Leonard, A. Courville, "Estimating or propagating gradients through stochastic neurons", 2013.
use linear
size      n = 3, h = 5, k = 2
input     x[n]
target    y[k]
z    = linear(x, n, h)
a[i] = hard_tanh(z[i])
b[i] = a[i] + stop_gradient(sign(z[i]) - a[i])
q    = linear(b, h, k)
E    = sum((y[i] - q[i])**2, i)
