# A transposed convolution, which doubles the number of places.
# M. D. Zeiler, G. W. Taylor, R. Fergus, "Adaptive deconvolutional networks", 2011.
size      c = 2, d = 5, n = 4, k = 3, q = 9
input     x[c, n]
target    y[d, q]
parameter V[c, c], K[d, c, k]
a[g, p]      = tanh(sum(V[g, e] * x[e, p], e))
o[f, t in q] = sum(K[f, g, t - 2 * (p - 1)] * a[g, p], g, p)
E            = mean((y[f, t] - o[f, t])**2, f, t)
