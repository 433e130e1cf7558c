# A selection at a shifted place had no array form.

size k = 5 from 0, n = 4
input x[3]
target y
parameter W[n, 3]

z[i] = sum(W[i, j] * x[j], j)
q = min(z[j + 1], j in k)**2 / (1 + exp(min(z[j + 1], j in k)))
r = prod(1 + z[j + 1], j in k)**2 / (1 + exp(prod(1 + z[j + 1], j in k)))
E = (q + r - y)**2
