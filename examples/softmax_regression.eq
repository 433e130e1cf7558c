# Softmax regression: the probabilities of k classes, with a penalty of large weights.
# D. R. Cox, "Some procedures connected with the logistic qualitative response curve", 1966.
size      n = 4, k = 3
input     x[n]
target    y[k]
parameter W[k, n], b[k] = 0
promise   sums_to_one y over k
option    l2 = 0.01
z[i] = sum(W[i, j] * x[j], j) + b[i]
p[i] = softmax(z[i], i)
output    p
E    = -sum(y[i] * log(p[i]), i)
