# Dropout: each unit is 0 in a share of the steps, its rate, and scaled so that its mean is kept (Srivastava et al. 2014).
block dropout(x, n, rate = 0.5)
  random M[n] ~ bernoulli(1 - rate)
  o[i] = M[i] * x[i] / (1 - rate)
end
