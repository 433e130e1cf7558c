# Poisson regression: the expected number of events, over a given time.
# J. A. Nelder, R. W. M. Wedderburn, "Generalized linear models", 1972.
size      n = 3
input     x[n], time
target    y
parameter w[n], b = 0
promise   positive time
rate = exp(sum(w[j] * x[j], j) + b)
q    = time * rate
E    = q - y * log(q)
