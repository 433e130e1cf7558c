# A function that is 0 between the other arguments of its check had no digits there.
option name = network
input x3[4, 3]
parameter W7[2, 4]
target y26[2,3]
t9[n6, i5] = sum(W7[n6, i4] * x3[i4, i5], i4)
t12[n6, i5] = mish(t9[n6, i5])
t19[n6, i5] = t12[n6, i5] / (exp(t9[n6, i5]) + 0.5)
E = mean((y26[n6, i5] - t19[n6, i5])**2, n6, i5)
