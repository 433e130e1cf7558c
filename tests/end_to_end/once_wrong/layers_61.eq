option name = network

samples m
input x1[5, 5]
target y32[4, 5]
parameter W5[4, 5], b6[4]

t7[n4, i3] = sum(W5[n4, i2] * x1[i2, i3], i2) + b6[n4]
m13[n4, i3] = mean(t7[n4, i3, u12], u12)
t14[n4, i3] = t7[n4, i3] - m13[n4, i3] / 2
m17[n4] = mean(t14[n4, i3], i3)
v18[n4] = mean((t14[n4, i3] - m17[n4])**2, i3)
t19[n4, i3] = (t14[n4, i3] - m17[n4]) / sqrt(v18[n4] + 0.1)
t24[n4, i3 in 5] = max(t19[n4, i3 + k22 - 3], k22 in 3)
m27[n4] = mean(t24[n4, i3], i3)
v28[n4] = mean((t24[n4, i3] - m27[n4])**2, i3)
t29[n4, i3] = (t24[n4, i3] - m27[n4]) / sqrt(v28[n4] + 0.1)
E = mean((y32[n4, i3] - t29[n4, i3])**2, n4, i3)
