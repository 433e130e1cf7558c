# The error function of a product over all entries got a number of NumPy, which is no array.

input x[3]
target y
parameter g[3]

q = sum(g[i] * x[i], i) + erfc(erf(prod(2 * g[i], i)))
E = (y - q)**2
