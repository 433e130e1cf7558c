# A neural ordinary differential equation: eight steps of Euler's method with one dense layer.
# R. T. Q. Chen et al., "Neural ordinary differential equations", 2018, arXiv:1806.07366.
size      T = 8, n = 3
input     x[n]
target    y[n]
recurrent s[T, n]
parameter W[n, n], b[n] = 0
constant  dt = 0.125

s[0, i] = x[i]
z[t, i] = sum(W[i, j] * s[t - 1, j], j) + b[i]
s[t, i] = s[t - 1, i] + dt * tanh(z[t, i])
q[i] = s[T, i]
E = sum((y[i] - q[i])**2, i)
