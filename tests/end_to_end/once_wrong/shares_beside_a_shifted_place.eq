# Beside the delta of a shifted place the shares of exponentials overflowed.
option name = network

size n1
input x2[4]
target y24[n1]
parameter W5[n1, 4], a16[n1]
constant c13 = 30
promise sums_to_one y24

t7[n4] = sum(W5[n4, i3] * x2[i3], i3)
t17[i15] = abs(a16[i15] - c13*t7[i15])
t22[p21 in n1] = prod(t17[p21 + k19 - 2], k19 in 2)
E = -sum((t22[i23] - log(sum(exp(t22[k25]), k25))) * y24[i23], i23)
