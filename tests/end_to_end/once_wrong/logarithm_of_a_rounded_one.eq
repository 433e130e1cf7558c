# The logarithm of 1, computed from shares: what is found is their rounding
option optimizer = momentum
input x[4]
target y
parameter W[3, 4], b[3], a
z[i] = sum(W[i, j] * x[j], j) + b[i]
l[i] = z[i] - log(sum(exp(z[i]), i))
o = log(sum(exp(l[i]), i))
E = (y - o)**2 * exp(-a) + a / 2 + sum(l[i], i)
