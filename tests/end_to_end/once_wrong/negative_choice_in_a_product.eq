# A product with the minus sign of a choice, which NumPy has not for truth values
option notation = delta
samples m
input x[2, 4], w[2] in 2
target y[2, 2]
parameter W[2, 4], b[2]
t[i, n] = sum(W[n, j] * x[i, j], j) + b[n]
c[i, n] = t[w[i], n]
p[i, n] = exp(c[i, n]) / sum(exp(c[r, s]), s, r)
o[i, n] = p[i, n] - mean(p[i, n, u], u) / 2
E = mean((y[i, n] - o[i, n] / (exp(p[i, n]) + 0.5))**2, i, n)
