# A delta had a minus sign, which truth values have not.
option name = network

size n1
input x2[2, n1, 2], x3[4], w16[4] in n1
target y35[2, 2]
parameter W8[n1, n1], b9[n1], w13[2], w14[2, 2], g19[4], a26
constant c18 = 0.7, c30 = 1e-5

t10[i4, i6, n7] = sum(W8[n7, i5] * x2[i4, i5, i6], i5) + b9[n7]
c20[i4] = mean(t10[i6, i4, 1], i6)
u20[i4, i6] = erf(min(w13[i4], 1 + w14[i4, i6] / 2)) - min(c20[i6], 1 + min(g19[j17] / 3, j17) / 2)
t20[i4, i6] = u20[i4, i6]**2
t24[p23 in 5] = prod(x3[p23 + 2 * i4 - 2], i4 in 2)
t27[p23] = max(0, t24[p23]) + a26 * min(0, t24[p23])
t31[i4, i6] = max(c30, t20[i4, i6])
E = sum(t27[p23]**2, p23) / 15 + sum((y35[i4, i6] - t31[i4, i6])**2, i4, i6)
