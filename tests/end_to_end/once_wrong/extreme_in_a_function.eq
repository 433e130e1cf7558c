# The argument of a function was named with the index that a product or a minimum binds.

size n = 4
input x[3]
target y
parameter W[n, 3], v[n]

z[i] = sum(W[i, j] * x[j], j)
p = prod(asin(tanh(z[i])), i)
q = min(z[i], i)**2 / (1 + abs(min(z[i], i))) + tanh(max(v[i], i)) * exp(p)
E = (y - q)**2
