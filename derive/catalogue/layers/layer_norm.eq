# LayerNorm: mean 0 and variance 1 over the units, then a gain and an offset (Ba et al. 2016, arXiv:1607.06450).
block layer_norm(x, n, eps = 1e-5)
  parameter gain[n] = 1, offset[n] = 0
  mu   = mean(x[i], i)
  v    = mean((x[i] - mu)**2, i)
  o[i] = gain[i] * (x[i] - mu) / sqrt(v + eps) + offset[i]
end
