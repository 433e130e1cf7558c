# Denoising diffusion: a network finds the noise that was added; level says how much.
# J. Ho, A. Jain, P. Abbeel, "Denoising diffusion probabilistic models", 2020, arXiv:2006.11239.
use linear
size      n = 3, h = 5
input     x[n], noise[n], level
parameter W[h, n], c[h], b[h] = 0
promise   probabilities level
z[j] = sqrt(level) * x[j] + sqrt(1 - level) * noise[j]
a[i] = silu(sum(W[i, j] * z[j], j) + c[i] * level + b[i])
q    = linear(a, h, n)
output q
E    = mean((noise[j] - q[j])**2, j)
