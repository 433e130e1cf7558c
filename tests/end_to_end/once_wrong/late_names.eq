# Two factors that were named late stood in the wrong order.

size n = 2
input x[n]
target y[n]
parameter W[n, n], b[n]

t[i, j] = W[i, j] * x[j] + b[j]
s[i, r] = sum(t[i, j] * t[r, j], j)
q[i, j] = sum(exp(s[i, r]) * t[r, j] / sum(exp(s[i, u]), u), r)
d[i, j, l] = diff(q[i, j], b[l])
o[i] = q[1, i]
E = sum((y[i] - o[i])**2, i) + sum(tanh(d[i, j, l])**2, i, j, l)
