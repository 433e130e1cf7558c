# The gated feed-forward layer with GELU, with h units between (Shazeer 2020, arXiv:2002.05202).
block geglu(x, n, h)
  parameter W[h, n], V[h, n], U[n, h]
  g[i] = sum(W[i, j] * x[j], j)
  a[i] = gelu(g[i]) * sum(V[i, j] * x[j], j)
  o[j] = sum(U[j, i] * a[i], i)
end
