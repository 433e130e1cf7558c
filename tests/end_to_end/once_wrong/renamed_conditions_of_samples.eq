# Equal arguments of functions got one name, although one had an old index in its conditions.
option name = network
option notation = delta

size n1
input x2[3, n1], w27 in 2, w28[n1] in 2, w29[2] in 2 without samples
parameter W6[n1, 3], b7[n1], g15[n1], b16[2], W21[2, n1], b22[2], b30[3]
constant c14 = 0.7

t8[n5, i4] = sum(W6[n5, i3] * x2[i3, i4], i3) + b7[n5]
t17[n5, i12] = sum(g15[i4] * log(1 + exp(c14)), i4) + b16[i12] + g15[n5]
t23[i12, n20] = sum(W21[i12, n5] * t17[n5, n20], n5) + b22[i12]
t31[i3, n5] = mean(min(t8[i4, 2 * i4 - 1], 1 + t23[w27, 1] / 2) * sign(where((t23[w27, w27] < -1) or (t23[w27, w28[n5]] > 0), t23[w27, w27] * t23[w27, w28[n5]], where(t23[w27, w27] >= 1/3, tanh(t23[w27, w28[n5]]), t23[w27, w27]))), i4) + b30[i3]

backward t31
