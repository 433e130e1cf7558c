# The gated feed-forward layer with swish, with h units between (Shazeer 2020, arXiv:2002.05202).
block swiglu(x, n, h)
  parameter W[h, n], V[h, n], U[n, h]
  g[i] = sum(W[i, j] * x[j], j)
  a[i] = swish(g[i]) * sum(V[i, j] * x[j], j)
  o[j] = sum(U[j, i] * a[i], i)
end
