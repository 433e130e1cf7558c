# Convolutions with stride in place of pooling.
# J. T. Springenberg et al., "Striving for simplicity: the all convolutional net", 2014, arXiv:1412.6806.
size      c = 2, d = 3, p = 7, w = 6, k = 5
input     x[c, p, w]
target    y[k]
parameter K[d, c, 3, 2], b[d] = 0, L[k, d]
z[f, s in 4, t in 3] = sum(K[f, g, i, j] * x[g, 2 * s + i - 3, 2 * t + j - 2], g, i, j) + b[f]
m[f]                 = mean(relu(z[f, s, t]), s, t)
q[r]                 = sum(L[r, f] * m[f], f)
E                    = sum((y[r] - q[r])**2, r)
