# A form that divides 0 by 0 is no candidate
size n
input x[n, 3]
target y[4, n]
parameter W[n, n], b[n], g[4], c[4]
promise sums_to_one y
t[i, k] = sum(W[i, j] * x[j, k], j) + b[i]
s = sum(exp(-(t[i, k] - t[i, k, u])**2), i, k, u) / 9
v = -sqrt(mean(g[r]**2 * s**2, r) + 0.1)
o[r, i] = c[r] + b[i] + 1 / (1 + exp(v))
E = -mean((o[r, i] - log(sum(exp(o[q, i]), q))) * y[r, i], r, i)
