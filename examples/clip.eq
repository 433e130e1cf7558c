# CLIP: images and texts of a batch find each other, by the cosines of what two encoders make of them.
# A. Radford et al., "Learning transferable visual models from natural language supervision", 2021, arXiv:2103.00020.
use linear
size      n = 3, k = 4, d = 5
input     image[n], words[k]
parameter s = 1
samples   m
e       = linear(image, n, d)
f       = linear(words, k, d)
a[i]    = e[i] / sqrt(sum(e[j]**2, j))
b[i]    = f[i] / sqrt(sum(f[j]**2, j))
z[u, v] = exp(s) * sum(a[i, u] * b[i, v], i)
output    a, b
E       = mean(logsumexp(z[u, v], v) + logsumexp(z[v, u], v) - 2 * z[u, u], u) / 2
