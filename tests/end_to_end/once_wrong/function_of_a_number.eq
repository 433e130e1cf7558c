# erf of a number within a formula of arrays
size n1 = 4 from 0
input x2[n1], x3[3]
target y24[n1]
parameter W6[2, 3], g19[3], b20[2], b21[2], a25
constant c18 = 0.7
t7[n5] = sum(W6[n5, i4] * x3[i4], i4)
e10[i8] = exp(x2[i8])
t11[i8] = e10[i8] / sum(e10[r9], r9)
t13 = prod(t7[n5], n5)
t14 = -sinh(tanh(t13 / 3))
t22[n5, i12] = b20[n5] + b21[i12] + min((erfc(t14) - erf(2))**2 * g19[i4], i4)
E = sum(t22[n5, i12]**2, n5, i12) / 12 + mean((y24[i8] - t11[i8])**2 * exp(-a25), i8) + a25 / 2
