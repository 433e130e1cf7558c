# The selection of a minimum had a minus sign, which truth values have not.
option name = network
option notation = xbar

size n1 = 2 from 0
input x2[n1, 4], x3[n1, n1], w9 in n1, w10[4] in n1
target y28[n1, n1]
parameter W7[n1, n1], K15[3], b24[n1]
gradient x2, x3

t8[n6, i5] = sum(W7[n6, i4] * x3[i4, i5], i4)
t11 = t8[w9, 1]
t16[n6, q14 in 5] = sum(K15[2 + q14 - 2 * i13] * x2[n6, i13], i13)
t21[n6, i13 in 4] = max(t16[n6, 2 * i13 + 2 * k19 - 5], k19 in 3)
t25[n6, i5] = b24[n6] - where(t11 > t21[i5, 1 + i5], t11, t21[i5, 1 + i5] / 2) / 3
E = mean((y28[n6, i5] - t25[n6, i5])**2, n6, i5)
