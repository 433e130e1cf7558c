# Two layers of sigmoids, which can learn XOR.
# D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning representations by back-propagating errors", 1986.
size      n = 2, h = 3
input     x[n]
target    y
parameter W[h, n], b[h] = 0, v[h], c = 0
a[i] = sigmoid(sum(W[i, j] * x[j], j) + b[i])
q    = sigmoid(sum(v[i] * a[i], i) + c)
E    = (y - q)**2 / 2
