# A gated linear unit: W x + b, times the sigmoid of V x + c (Dauphin et al. 2016, arXiv:1612.08083).
block glu(x, n, h)
  parameter W[h, n], b[h] = 0, V[h, n], c[h] = 0
  g[i] = sum(V[i, j] * x[j], j) + c[i]
  o[i] = (sum(W[i, j] * x[j], j) + b[i]) * sigmoid(g[i])
end
