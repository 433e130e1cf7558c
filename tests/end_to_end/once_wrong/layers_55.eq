option name = network

input x1[4, 5, 2], x2[5]
target y37[5], y41[5, 3, 5]
parameter W7[3, 5], W13[2, 2], b14[2], K20[3], K24[3], W30[5, 2]

t8[i3, n6, i5] = sum(W7[n6, i4] * x1[i3, i4, i5], i4)
t15[i3, n6, i5] = sum(W13[i5, n12] * t8[i3, n6, n12], n12) + b14[i5]
t21[i4 in 5, n6, i5] = sum(K20[1 + i4 - i3] * t15[i3, n6, i5], i3)
t25[i4 in 5] = sum(K24[2 + i4 - 2 * q19] * x2[q19], q19)
t31[i4, n6, q19] = sum(W30[q19, i5] * t21[i4, n6, i5], i5)
t35[i4, n6, q19] = t31[i4, n6, q19] / (1 + exp(-t31[i4, n6, q19]))
E = mean((y37[i4] - t25[i4])**2, i4) + mean((y41[i4, n6, q19] - t35[i4, n6, q19])**2, i4, n6, q19)
