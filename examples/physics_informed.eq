# The Poisson equation: the Laplacian of a network is a given force, and at the edge its value is known.
# M. Raissi, P. Perdikaris, G. E. Karniadakis, "Physics-informed neural networks", 2019, arXiv:1711.10561.
size      n = 2, h = 5
input     x[n], force, edge[n]
target    wanted
parameter W[h, n], b[h] = 0, v[h]
block network(x)
  z[i] = sum(W[i, j] * x[j], j) + b[i]
  a[i] = tanh(z[i])
  u    = sum(v[i] * a[i], i)
end
u = network(x)
g = network(edge)
laplace = sum(diff(diff(u, x[j]), x[j]), j)
output    g
E       = (laplace - force)**2 + (g - wanted)**2
