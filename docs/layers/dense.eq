# A dense layer.
size n = 3, h = 4
input x[n]
parameter W[h, n], b[h] = 0
z[i] = sum(W[i, j] * x[j], j) + b[i]
a[i] = sigmoid(z[i])
backward a
