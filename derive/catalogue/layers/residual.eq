# A residual layer: x plus two dense layers, with h units between them (He et al. 2015, arXiv:1512.03385).
block residual(x, n, h, f = relu)
  parameter W[h, n], b[h] = 0, V[n, h], c[n] = 0
  z[i] = sum(W[i, j] * x[j], j) + b[i]
  a[i] = f(z[i])
  o[j] = x[j] + sum(V[j, i] * a[i], i) + c[j]
end
