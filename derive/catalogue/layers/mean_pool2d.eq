# The mean of k by k places, stride places apart; p by q of them (LeCun et al. 1998).
block mean_pool2d(x, k, p, q, stride = 2)
  o[s in p, t in q] = mean(x[stride * (s - 1) + a, stride * (t - 1) + r], a in k, r in k)
end
