option name = network

samples m
input x1[3, 2], x2[2, 3]
target y34[2, 4], y37[2, 2]
parameter W6[4, 3], K30[3]

t7[i4, n5] = sum(W6[n5, i3] * x1[i3, i4], i3)
t12[i4, n5 in 4] = mean(t7[i4, n5 + 2 * i3 - 4], i3 in 3)
t17[i4, n5 in 4] = max(t12[i4, n5 + i3 - 2], i3 in 3)
t20[i4, i3] = tanh(x2[i4, i3])
m24[i4, i3] = mean(t20[i4, i3, u23], u23)
t25[i4, i3] = t20[i4, i3] - m24[i4, i3] / 2
t31[i4, i8 in 2] = sum(K30[i3] * t25[i4, 2 * i8 + 2 * i3 - 5], i3)
E = mean((y34[i4, n5] - t17[i4, n5])**2, i4, n5) + mean((y37[i4, i8] - t31[i4, i8])**2, i4, i8)
