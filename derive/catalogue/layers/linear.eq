# A dense layer without an activation: W x + b.
block linear(x, n, h)
  parameter W[h, n], b[h] = 0
  z[i] = sum(W[i, j] * x[j], j) + b[i]
end
