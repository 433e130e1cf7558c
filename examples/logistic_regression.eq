# Logistic regression: the probability of one of two classes.
# D. R. Cox, "The regression analysis of binary sequences", 1958.
size      n = 3
input     x[n]
target    y
parameter w[n], b = 0
promise   probabilities y
z = sum(w[j] * x[j], j) + b
p = sigmoid(z)
output    p
E = -y * log(p) - (1 - y) * log(1 - p)
