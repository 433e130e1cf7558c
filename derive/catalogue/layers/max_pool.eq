# The largest of k places, stride places apart; q of them (Ranzato et al. 2007).
block max_pool(x, k, q, stride = 2)
  o[t in q] = max(x[stride * (t - 1) + r], r in k)
end
