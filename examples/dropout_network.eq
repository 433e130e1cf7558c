# Dropout between two dense layers, and noise on the inputs: drawn in each step, and no part of predictions.
# N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.
use dense, dropout, gaussian_noise, linear
size    n = 3, h = 5, k = 2
input   x[n]
target  y[k]
v = gaussian_noise(x, n, sigma=0.05)
a = dense(v, n, h, relu)
o = dropout(a, h, rate=0.5)
q = linear(o, h, k)
E = sum((y[i] - q[i])**2, i)
