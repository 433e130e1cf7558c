# A support vector machine with soft margins; y is -1 or 1.
# C. Cortes, V. Vapnik, "Support-vector networks", 1995.
size      n = 3
input     x[n]
target    y
parameter w[n], b = 0
constant  C = 10
q = sum(w[j] * x[j], j) + b
E = sum(w[j]**2, j) / 2 + C * max(0, 1 - y * q)
