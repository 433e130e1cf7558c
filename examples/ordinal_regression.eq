# Ordinal regression: c ordered classes, whose thresholds are sums of positive steps.
# P. McCullagh, "Regression models for ordinal data", 1980. y[i] is 1 if the class is above threshold i.
size      n = 3, c = 4
input     x[n], before[c, c] without samples
target    y[c]
parameter w[n], b = -1, s[c] = 0
promise   probabilities y
promise   mask before
q    = sum(w[j] * x[j], j)
t[i] = b + sum(before[i, r] * exp(s[r]), r)
z[i] = q - t[i]
output z
E    = sum(softplus(z[i]) - y[i] * z[i], i)
