# Ridge regression: linear regression with a penalty of large weights.
# A. E. Hoerl, R. W. Kennard, "Ridge regression: biased estimation for nonorthogonal problems", 1970.
size      n = 4
input     x[n]
target    y
parameter w[n], b = 0
constant  weight = 0.1
q = sum(w[j] * x[j], j) + b
E = (y - q)**2 + weight * sum(w[j]**2, j)
