# what is computed of one column, beside another column, also reads tensors at that column by the free index
input x[4, 2]
target y[4]
parameter W[2, 2]
gradient x

t[i, n] = sum(W[n, j] * x[i, j], j)
a[i, n] = t[i, n] * sin(t[i, n])
v[i] = max(log(1 + a[i, 1]**2), asin(9 * tanh(a[2 * i - 1, 2]) / 10))
E = sum((y[i] - v[i])**2, i)
