# A field over places, read through sines and cosines of L frequencies.
# B. Mildenhall et al., "NeRF: representing scenes as neural radiance fields", 2020, arXiv:2003.08934.
use dense
size      n = 3, L = 4, h = 6, k = 2
input     x[n], frequency[L] without samples
target    y[k]
parameter S[h, n, L], C[h, n, L], b[h] = 0
s[j, f] = sin(frequency[f] * x[j])
c[j, f] = cos(frequency[f] * x[j])
a[i]    = relu(sum(S[i, j, f] * s[j, f] + C[i, j, f] * c[j, f], j, f) + b[i])
q       = dense(a, h, k, sigmoid)
E       = sum((y[r] - q[r])**2, r)
