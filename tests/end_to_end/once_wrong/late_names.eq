# Two factors that were named late stood in the wrong order.
option name = network

size n1
samples m
input x2[2, 2], w26[4] in 2 without samples
target y31[2, n1, n1], y33[n1]
parameter W6[2, 2], b7[2], g12[2], b13[n1]

t8[n5, i4] = sum(W6[n5, i3] * x2[i3, i4], i3) + b7[n5]
u14[n5] = max(sinh(tanh(t8[n5, n5])), sum(g12[i4] * t8[n5, n5], i4))
t14[n5, i10] = b13[i10] + log(1 + exp(u14[n5]))
t18[n5, i4] = sum(t14[n5, i10] * t14[i4, i10], i10) / 2
u20[n5, i4] = exp(t18[n5, i4]) / sum(exp(t18[n5, i3]), i3)
t20[n5, i10] = sum(t14[i4, i10] * u20[n5, i4], i4)
t14_b13[n5 in 2, i10 in n1, i16 in n1, u in m] = delta(i10, i16)
t18_b13[n5, i4, i10] = sum(t14[n5, i16] * t14_b13[i4, i16, i10], i16) / 2 + sum(t14[i4, i16] * t14_b13[n5, i16, i10], i16) / 2
t20_b13[n5, i10, i16] = (sum(t14_b13[i4, i10, i16] * exp(t18[n5, i4]), i4) + sum(t14[i4, i10] * t18_b13[n5, i4, i16] * exp(t18[n5, i4]), i4) - sum(t14[i4, i10] * exp(t18[n5, i4]), i4) * sum(t18_b13[n5, i4, i16] * exp(t18[n5, i4]), i4) / sum(exp(t18[n5, i4]), i4)) / sum(exp(t18[n5, i4]), i4)
t24[n5, i10, i16] = tanh(t20_b13[n5, i10, i16])
t27[i10] = t20[1, i10]
E = sum(abs(t27[i10] - y33[i10]), i10) + sum((y31[n5, i10, i16] - t24[n5, i10, i16])**2, n5, i10, i16) / 2 / n1**2
