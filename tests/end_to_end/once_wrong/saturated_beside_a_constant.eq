# A constant takes a function far out, where what is left of a difference is another function
size n = 3
input x[n]
target y[n]
parameter W[n, n], a
constant c = 30
promise probabilities y
z[i] = sum(W[i, j] * x[j], j)
p[i] = softmax(z[i], i) / 3 + c
q[i] = where(p[i] > 0, p[i], a * p[i])
E = -sum(y[i] * log(1 / (1 + exp(-2 * tanh(q[i])))) + (1 - y[i]) * log(1 - 1 / (1 + exp(-2 * tanh(q[i])))), i)
