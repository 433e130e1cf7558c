# A convolution with kernels of k places, of c channels to d channels and q places; 0 outside (LeCun et al. 1989).
block conv1d(x, c, d, k, q, stride = 1, padding = 0, dilation = 1)
  parameter K[d, c, k], b[d] = 0
  z[f, t in q] = sum(K[f, g, r] * x[g, stride * (t - 1) + dilation * (r - 1) + 1 - padding], g, r) + b[f]
end
