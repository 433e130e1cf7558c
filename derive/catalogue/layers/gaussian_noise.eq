# Noise: normally distributed numbers are added in each step (Sietsma and Dow 1991, Bishop 1995).
block gaussian_noise(x, n, sigma = 0.1)
  random noise[n] ~ normal(0, sigma)
  o[i] = x[i] + noise[i]
end
