# The mean of k places, stride places apart; q of them (LeCun et al. 1989).
block mean_pool(x, k, q, stride = 2)
  o[t in q] = mean(x[stride * (t - 1) + r], r in k)
end
