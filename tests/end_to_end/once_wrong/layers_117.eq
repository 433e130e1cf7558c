option name = network

input x1[3, 2, 2]
target y40[4, 5, 4]
parameter W6[5, 2], b7[5], W19[5, 2], W28[4, 5], b29[4], W35[4, 3]

t8[i2, n5, i4] = sum(W6[n5, i3] * x1[i2, i3, i4], i3) + b7[n5]
t14[i2, n5, i4 in 2] = max(t8[i2, n5, i4 + i9 - 2], i9 in 3)
t20[n5, i2, i10] = sum(W19[n5, i4] * t14[i2, i10, i4], i4)
t30[n27, n5, i2] = sum(W28[n27, i10] * t20[n5, i2, i10], i10) + b29[n27]
t36[n27, n5, i31] = sum(W35[i31, i2] * t30[n27, n5, i2], i2)
E = mean((y40[n27, n5, i31] - t36[n27, n5, i31])**2, n27, n5, i31)
