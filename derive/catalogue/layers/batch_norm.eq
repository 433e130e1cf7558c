# BatchNorm: mean 0 and variance 1 over the samples of a batch (Ioffe and Szegedy 2015, arXiv:1502.03167).
block batch_norm(x, n, eps = 1e-5, momentum = 0.1)
  parameter gain[n] = 1, offset[n] = 0
  mu[i] = mean(x[i, u], u)
  v[i]  = mean((x[i, u] - mu[i])**2, u)
  running mu, v = 1 momentum momentum
  o[i]  = gain[i] * (x[i] - mu[i]) / sqrt(v[i] + eps) + offset[i]
end
