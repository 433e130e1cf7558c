# A residual layer: x plus two dense layers, with h units between them (He et al. 2015, arXiv:1512.03385).
use dense, linear
block residual(x, n, h, f = relu)
  a    = dense(x, n, h, f)
  w    = linear(a, h, n)
  o[j] = x[j] + w[j]
end
