# A network of radial basis functions, whose centres and widths are learned.
# D. S. Broomhead, D. Lowe, "Multivariable functional interpolation and adaptive networks", 1988.
size      n = 3, h = 5
input     x[n]
target    y
parameter C[h, n], w[h] = 1, v[h], b = 0
d[i] = sum((x[j] - C[i, j])**2, j)
a[i] = exp(-w[i]**2 * d[i])
q    = sum(v[i] * a[i], i) + b
E    = (y - q)**2 / 2
