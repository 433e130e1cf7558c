option name = network

input x1[5, 4, 4], w21[3] in 4
target y36[3, 3], y40[5, 5, 2]
parameter W6[5, 4], K19[3], C22[4, 3], W32[2, 5]

t7[i2, n5, i4] = sum(W6[n5, i3] * x1[i2, i3, i4], i3)
t13[i2, n5, i8 in 5] = max(t7[i2, n5, i8 + 2 * k11 - 3], k11 in 2)
t20[i2 in 5, n5, i8] = sum(K19[k17] * t13[i2 + 2 * k17 - 4, n5, i8], k17)
t25[k17, t23] = C22[w21[k17], t23]
t33[i2, n5, k11] = sum(W32[k11, i8] * t20[i2, n5, i8], i8)
E = mean((y36[k17, t23] - t25[k17, t23])**2, k17, t23) + mean((y40[i2, n5, k11] - t33[i2, n5, k11])**2, i2, n5, k11)
