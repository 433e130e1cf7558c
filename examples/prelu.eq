# PReLU: the slope of each unit for negative numbers is learned.
# K. He et al., "Delving deep into rectifiers", 2015, arXiv:1502.01852.
size      n = 3, h = 5, k = 2
input     x[n]
target    y[k]
parameter W[h, n] ~ he_normal, b[h] = 0, s[h] = 0.25, V[k, h]
z[i] = sum(W[i, j] * x[j], j) + b[i]
a[i] = where(z[i] > 0, z[i], s[i] * z[i])
q[r] = sum(V[r, i] * a[i], i)
E    = sum((y[r] - q[r])**2, r)
