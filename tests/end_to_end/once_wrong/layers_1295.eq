option name = network

input x1[4]
target y14[3]
parameter W4[3, 4], b5[3]

t6[n3] = sum(W4[n3, i2] * x1[i2], i2) + b5[n3]
t10[n3] = tanh(t6[n3])
t12[n3] = max(t10[n3], t10[n3]**2 / 3)
E = mean((y14[n3] - t12[n3])**2, n3)
