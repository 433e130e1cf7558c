# A neural ordinary differential equation: four steps of Euler's method with one dense layer.
# R. T. Q. Chen et al., "Neural ordinary differential equations", 2018, arXiv:1806.07366.
size      n = 3
input     x[n]
target    y[n]
parameter W[n, n], b[n] = 0
constant  dt = 0.25
block step(s)
  o[i] = s[i] + dt * tanh(sum(W[i, j] * s[j], j) + b[i])
end
q = repeat 4 step(x)
E = sum((y[i] - q[i])**2, i)
