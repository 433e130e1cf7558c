# A highway layer: a gate mixes what a dense layer computes with what it reads.
# R. K. Srivastava, K. Greff, J. Schmidhuber, "Highway networks", 2015, arXiv:1505.00387.
size      n = 3, h = 4, k = 2
input     x[n]
target    y[k]
block highway(x, n, f)
  parameter W[n, n], b[n] = 0, G[n, n], c[n] = -1
  t[i] = sigmoid(sum(G[i, j] * x[j], j) + c[i])
  a[i] = f(sum(W[i, j] * x[j], j) + b[i])
  o[i] = t[i] * a[i] + (1 - t[i]) * x[i]
end
use dense, linear
a = dense(x, n, h, tanh)
o = repeat 2 highway(a, h, tanh)
q = linear(o, h, k)
E = sum((y[i] - q[i])**2, i)
