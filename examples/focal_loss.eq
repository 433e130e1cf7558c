# The focal loss, with a weight for each class: classes that are easy to tell count less.
# T.-Y. Lin et al., "Focal loss for dense object detection", 2017, arXiv:1708.02002.
size      n = 3, k = 4
input     x[n], alpha[k] without samples
target    y[k]
parameter W[k, n], b[k] = 0
constant  gamma = 2
promise   sums_to_one y over k
z[i] = sum(W[i, j] * x[j], j) + b[i]
p[i] = softmax(z[i], i)
output p
E    = -sum(alpha[i] * y[i] * (1 - p[i])**gamma * log(p[i]), i)
