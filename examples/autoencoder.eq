# An autoencoder that learns a code of d numbers; the same weight codes and decodes.
# G. E. Hinton, R. R. Salakhutdinov, "Reducing the dimensionality of data with neural networks", 2006.
size      n = 5, d = 2
input     x[n]
parameter W[d, n], b[d] = 0, c[n] = 0
code[i] = tanh(sum(W[i, j] * x[j], j) + b[i])
q[j]    = sum(W[i, j] * code[i], i) + c[j]
output    q
E       = sum((x[j] - q[j])**2, j) / 2
