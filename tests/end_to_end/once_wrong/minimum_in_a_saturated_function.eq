# A function of an entry that has a minimum of several formulas in it had no code.

input x[3]
target y
parameter W[3], b

t = sum(W[i] * x[i], i)
q = b - exp(sinh(tanh(t)) * tanh(min(t, 1 + t / 2))) / 3
E = (y - q)**2
