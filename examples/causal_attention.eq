# Attention with several heads, where a token reads no later one.
# A. Vaswani et al., "Attention is all you need", 2017, arXiv:1706.03762.
use multi_head_attention
size    T = 4, d = 3, a = 2, h = 5
input   x[T, d], M[T, T] without samples
target  y[T, d]
promise mask M
o = multi_head_attention(x, M, d, h, a)
E = sum((y[t, i] - o[t, i])**2, t, i)
