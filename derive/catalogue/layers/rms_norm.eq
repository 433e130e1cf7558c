# RMSNorm: divides by the root mean square over the units (Zhang and Sennrich 2019, arXiv:1910.07467).
block rms_norm(x, n, eps = 1e-5)
  parameter gain[n] = 1
  rms  = sqrt(mean(x[i]**2, i) + eps)
  o[i] = gain[i] * x[i] / rms
end
