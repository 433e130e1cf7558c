option name = network

input x1[3, 5], x2[3, 5]
target y31[3, 5], y34[3, 5]
parameter W6[3, 3], K12[2], K27[3]

t7[n5, i4] = sum(W6[n5, i3] * x1[i3, i4], i3)
t13[n5, i4 in 5] = sum(K12[k10] * t7[n5, i4 + 2 * k10 - 2], k10)
t16[n5, i4] = t7[n5, i4] * x2[n5, i4]
t20[n5, i4] = exp(t16[n5, i4]) / sum(exp(t16[n5, p11]), p11)
t23[n5, i4] = t13[n5, i4] * t16[n5, i4]
t28[n5, i4 in 5] = sum(K27[1 + i4 - p11] * t20[n5, p11], p11)
E = mean((y31[n5, i4] - t23[n5, i4])**2, n5, i4) + mean((y34[n5, i4] - t28[n5, i4])**2, n5, i4)
