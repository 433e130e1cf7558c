# The largest of k by k places, stride places apart; p by q of them (Ranzato et al. 2007).
block max_pool2d(x, k, p, q, stride = 2)
  o[s in p, t in q] = max(x[stride * (s - 1) + a, stride * (t - 1) + r], a in k, r in k)
end
