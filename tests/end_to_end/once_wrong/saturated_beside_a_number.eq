# A learned number beside a saturated function kept its stable form from being found.
option name = network
option notation = xbar

size n1 = 4 from 0
input x2[3, n1], w17 in 3
target y24[n1], y27[n1]
parameter W6[n1, 3], w20, b21[n1], a25
constant c13 = 30

t7[i4, n5] = sum(W6[n5, i3] * x2[i3, i4], i3)
t12 = log(sum(exp(t7[n5, i4]), i4, n5))
t14 = t12 / 3 + c13
t18[i4] = x2[w17, i4]
t22[i4] = b21[i4] + exp(tanh((1 + 1 / (1 + w20**2)**2)**tanh(t14)))
E = mean((y27[i4] - t22[i4])**2, i4) + mean((y24[i4] - t18[i4])**2 * exp(-a25), i4) + a25 / 2
