# The argument of a function was named with the index that a maximum binds.
option name = network

input x2[3, 4], w21[2] in 2, w22 in 2
target y32
parameter W6[3, 3], g11[2], W16[2, 4], g23[3], b24[3], b25[4]

t7[n5, i4] = sum(W6[n5, i3] * x2[i3, i4], i3)
t12[i8 in 2, i4] = (1 + prod(g11[j10] * t7[i8, i4] / 2, j10)**2)**tanh(sqrt(t7[i8, i4]**2 + 0.1))
t17[i8, j10] = sum(W16[j10, i4] * t12[i8, i4], i4)
t26[n5, i4] = b24[n5] + b25[i4] + sin(cos(prod(g23[i3] * t17[1, w22], i3)))
t31 = log(sum(exp(t26[n5, i4]), n5, i4))
E = (y32 - t31)**2
