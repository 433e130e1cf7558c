# A siamese network: a face is nearer to another of the same person than to that of somebody else.
# F. Schroff, D. Kalenichenko, J. Philbin, "FaceNet", 2015, arXiv:1503.03832.
size      n = 3, h = 5
input     anchor[n], positive[n], negative[n]
parameter W[h, n], b[h] = 0
constant  margin = 0.5
block code(x)
  e[i] = tanh(sum(W[i, j] * x[j], j) + b[i])
end
e = code(anchor)
f = code(positive)
g = code(negative)
near = sum((e[i] - f[i])**2, i)
far  = sum((e[i] - g[i])**2, i)
output e
E    = max(0, near - far + margin)
