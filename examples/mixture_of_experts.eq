# A mixture of e experts; a softmax weights what they predict.
# R. A. Jacobs et al., "Adaptive mixtures of local experts", 1991.
size      n = 3, h = 5, e = 4, k = 2
input     x[n]
target    y[k]
parameter G[e, n], W[e, h, n], b[e, h] = 0, V[e, k, h]
z[u]    = sum(G[u, j] * x[j], j)
g[u]    = softmax(z[u], u)
a[u, i] = tanh(sum(W[u, i, j] * x[j], j) + b[u, i])
o[u, r] = sum(V[u, r, i] * a[u, i], i)
q[r]    = sum(g[u] * o[u, r], u)
E       = sum((y[r] - q[r])**2, r) / 2
