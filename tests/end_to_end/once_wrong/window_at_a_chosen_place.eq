# A place that is an entry and a multiple of an index had no array form.
option name = network
option notation = bracket

samples m
input x2[4, 3], x3[2, 4], w25 in 5
target y33[2, 4], y36[2]
parameter W7[2, 3], b8[2], w29[2]
promise sums_to_one y36

t9[n6, i4] = sum(W7[n6, i5] * x2[i4, i5], i5) + b8[n6]
t17[n6, i4, u16] = t9[n6, i4, u16] - mean(t9[n6, i4, u34], u34)
t22[n6, p21 in 5] = mean(t17[n6, p21 + 2 * i5 - 3], i5 in 3)
t26[n6] = t22[n6, w25]
t30[n6, i4] = w29[n6] * x3[n6, i4]
E = mean((y33[n6, i4] - t30[n6, i4])**2, n6, i4) - sum((t26[n6] - log(sum(exp(t26[i14]), i14))) * y36[n6], n6)

output t30, t26
