# RMSNorm of the weighted inputs a.
size n = 3, h = 4
input x[n]
parameter W[h, n], g[h] = 1, b[h] = 0
a[i] = sum(W[i, j] * x[j], j)
rms = sqrt(mean(a[i]**2, i))
y[i] = g[i] * a[i] / rms + b[i]
backward y
