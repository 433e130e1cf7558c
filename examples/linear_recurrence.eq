# A diagonal linear state space with a learned beginning, as the core of state space models.
# A. Gu et al., "Efficiently modeling long sequences with structured state spaces", 2022, arXiv:2111.00396.
size      T, n = 2, h = 5, k = 3
input     x[T, n]
target    y[T, k]
recurrent s[T, h]
parameter a[h] = 0.5, B[h, n], C[k, h], first[h] = 0

s[0, i] = first[i]
s[t, i] = a[i] * s[t - 1, i] + sum(B[i, j] * x[t, j], j)
o[t, p] = sum(C[p, i] * s[t, i], i)
E = mean(mean((y[t, p] - o[t, p])**2, p), t)
