# Beyond the axis of the data, where they read as 0, there is no logarithm that a factor 0 takes away
input x[2], w[2]
target y[2]
parameter W[4, 2], b[4]
promise positive w
t[n] = sum(W[n, j] * x[j], j) + b[n]
c[i in 2] = x[i] * where(t[i] > 0, t[i], 2 * t[i])
o[i] = c[i] * log(w[i]) + w[i]**tanh(c[i])
E = sum((y[i] - o[i])**2, i)
