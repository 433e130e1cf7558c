# A selection over a denominator had a minus sign, which truth values have not.
option name = network
option notation = delta

size n1
input x2[n1, n1], w19 in 2
target y32[2, 3], y36[2, n1]
parameter W6[2, n1], W11[2, n1], K17[3], C22[2, 2, n1], w27[n1, 2], b28[2]
gradient x2

t7[i3, n5] = sum(W6[n5, i4] * x2[i3, i4], i4)
t12[n5, i9] = sum(W11[i9, i3] * t7[i3, n5], i3)
t18[n5, p16 in 3] = sum(K17[k15] * t12[n5, p16 + k15 - 1], k15)
t23[n5, i3] = C22[w19, n5, i3]
t29[n5, i3] = b28[n5] + atan(max(w27[i3, i9], i9))
E = sum((y36[n5, i3] - t23[n5, i3])**2, n5, i3) + sum(t29[n5, i3]**2, n5, i3) / 6 / n1 + mean((y32[n5, p16] - t18[n5, p16])**2, n5, p16)
