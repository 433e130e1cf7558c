# A convolution with kernels of k by l, of c channels to d channels and p by q places; 0 outside (LeCun et al. 1998).
block conv2d(x, c, d, k, l, p, q, stride = 1, padding = 0, dilation = 1)
  parameter K[d, c, k, l], b[d] = 0
  z[f, s in p, t in q] = sum(K[f, g, a, r] * x[g, stride * (s - 1) + dilation * (a - 1) + 1 - padding,
                             stride * (t - 1) + dilation * (r - 1) + 1 - padding], g, a, r) + b[f]
end
