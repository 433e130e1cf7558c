# Dropout between two dense layers, with a given mask.
# N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.
use dense, dropout, linear
size    n = 3, h = 5, k = 2
input   x[n], M[h]
target  y[k]
promise mask M
a = dense(x, n, h, relu)
o = dropout(a, M, 0.5)
q = linear(o, h, k)
E = sum((y[i] - q[i])**2, i)
