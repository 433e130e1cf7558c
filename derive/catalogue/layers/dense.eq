# A dense layer: the activation f of W x + b.
block dense(x, n, h, f)
  parameter W[h, n], b[h] = 0
  z[i] = sum(W[i, j] * x[j], j) + b[i]
  a[i] = f(z[i])
end
