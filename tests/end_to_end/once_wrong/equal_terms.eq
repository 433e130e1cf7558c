# Reductions over an index at which terms cancel were refused.
option name = network

size n
samples m
input x[3]
target y[n]
parameter W[n, 3], b[n]

t[i] = sum(W[i, j] * x[j], j) + sum(b[i] * x[k] / x[k], k)
q[i] = t[i] + prod(tanh(t[i]) + b[k] - b[k], k) + logsumexp(b[k] + t[i] - b[k], k) + sum(b[k] + 0 * x[j], k, j)
r[i] = q[i] * softmax(b[i] - b[i], i) + mean(t[i] * x[k]**0, k) + max(0 * b[k], k)
E = mean((y[i] - r[i])**2, i) + sum(0 * y[j, u] + b[j]**2, j, u) / m
