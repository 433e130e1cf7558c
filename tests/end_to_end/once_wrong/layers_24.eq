option name = network

input x1[5]
target y22[4]
parameter W4[3, 5], K8[3]

t5[n3] = sum(W4[n3, i2] * x1[i2], i2)
t9[i2 in 5] = sum(K8[2 + i2 - 2 * n3] * t5[n3], n3)
t11[i2] = max(t9[i2], t9[i2]**2 / 3)
t13[i2] = t11[i2]**2 / 4
t17[p16 in 4] = max(t13[2 * p16 + 2 * k15 - 4], k15 in 2)
t20[p16] = exp(t17[p16]) / sum(exp(t17[i18]), i18)
E = mean((y22[p16] - t20[p16])**2, p16)
