# Functions of numbers and conditions on numbers had no code.
option name = network
input x2[2]
target y28[2]
parameter W6[2, 2], b20[2], g22[2]
constant c21 = 0.7
function own(x) = x / sqrt(1 + x**2)
t7[n5] = sum(W6[n5, i4] * x2[i4], i4) + own(1/3) * b20[n5] + asinh(own(c21)) + hard_tanh(c21) * b20[1]
t20 = where(exp(c21) < 1, own(c21)**2, 2 / (1 + exp(c21)) - 1)
t21[n, i] = tanh(b20[n]) + g22[i] ** own(c21) * elu(-c21)
promise positive g22
E = mean((y28[n5] - t7[n5] * t20)**2, n5) + mean(t21[n,i]**2,n,i)
