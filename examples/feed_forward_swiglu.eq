# The feed-forward layer of LLaMA, for each of T tokens.
# N. Shazeer, "GLU variants improve transformer", 2020, arXiv:2002.05202.
use rms_norm, swiglu
size   T = 4, n = 3, h = 5
input  x[T, n]
target y[T, n]
r       = rms_norm(x, n)
f       = swiglu(r, n, h)
q[t, i] = x[t, i] + f[t, i]
E       = sum((y[t, i] - q[t, i])**2, t, i)
