# Linear attention: keys and values are summed first, so that the cost grows with T and not with its square.
# A. Katharopoulos et al., "Transformers are RNNs", 2020, arXiv:2006.16236.
size      T = 6, n = 3, a = 2, d = 4
input     x[T, n]
target    y[T, d]
parameter Q[a, n], K[a, n], V[d, n]
q[t, e] = 1 + elu(sum(Q[e, j] * x[t, j], j))
k[t, e] = 1 + elu(sum(K[e, j] * x[t, j], j))
v[t, i] = sum(V[i, j] * x[t, j], j)
S[e, i] = sum(k[t, e] * v[t, i], t)
s[e]    = sum(k[t, e], t)
o[t, i] = sum(q[t, e] * S[e, i], e) / sum(q[t, e] * s[e], e)
E       = mean((y[t, i] - o[t, i])**2, t, i)
