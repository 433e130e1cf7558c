# The Poisson equation: the Laplacian of a network is a given force, and at the edge its value is known.
# M. Raissi, P. Perdikaris, G. E. Karniadakis, "Physics-informed neural networks", 2019, arXiv:1711.10561.
size      n = 2, h = 5
input     x[n], force, edge[n]
target    wanted
parameter W[h, n], b[h] = 0, v[h]
a[i]    = tanh(sum(W[i, j] * x[j], j) + b[i])
laplace = -2 * sum(v[i] * sum(W[i, j]**2, j) * a[i] * (1 - a[i]**2), i)
g       = sum(v[i] * tanh(sum(W[i, j] * edge[j], j) + b[i]), i)
output    g
E       = (laplace - force)**2 + (g - wanted)**2
