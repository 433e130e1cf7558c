# LoRA: a frozen weight W, and a learned one of rank r, half of which starts at 0.
# E. J. Hu et al., "LoRA: low-rank adaptation of large language models", 2021, arXiv:2106.09685.
size      n = 3, h = 5, r = 2
input     x[n], W[h, n] without samples
target    y[h]
parameter A[r, n] ~ he_normal, B[h, r] = 0
constant  alpha = 16
low[u] = sum(A[u, j] * x[j], j)
z[i]   = sum(W[i, j] * x[j], j) + alpha / r * sum(B[i, u] * low[u], u)
output   z
E      = mean((y[i] - tanh(z[i]))**2, i)
