# A function of a function of numbers was no function of Python.
option name = network
option notation = xbar

size n1 = 3 from 0
samples m
input x2[4], x3[4]
parameter W6[n1, 4], b7[n1]
constant c17 = 0.7
gradient x3

t8[n5] = sum(W6[n5, i4] * x2[i4], i4) + b7[n5]
t11[n5, i4] = tanh(t8[n5] * x3[i4])
t16[p15 in 2, i4] = min(t11[k14 + 2 * p15 - 4, i4], k14 in 2)
t18 = erfc(2 - erfc(1.5))
t22[p15, i4] = min(t16[p15, i4, u21], u21)
E = sum(t22[p15, i4]**2, p15, i4) / 24 + t18**2 / 3
