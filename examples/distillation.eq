# Distillation: a small network learns the softened probabilities of a large one, whose logits are given.
# G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network", 2015, arXiv:1503.02531.
size      n = 3, k = 4
input     x[n], teacher[k]
target    y[k]
parameter W[k, n], b[k] = 0
constant  T = 3, share = 0.3
promise   sums_to_one y over k
z[i] = sum(W[i, j] * x[j], j) + b[i]
t[i] = softmax(teacher[i] / T, i)
s[i] = log_softmax(z[i] / T, i)
p[i] = log_softmax(z[i], i)
output p
E    = -share * sum(y[i] * p[i], i) - (1 - share) * T**2 * sum(t[i] * s[i], i)
