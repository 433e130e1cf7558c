# Equal arguments of functions got one name, although one had an old index in its conditions.
option name = network
option notation = bracket

size n1
input x2[n1, 2], w15[4] in 2, w16[4] in 4
target y26, y29[4]
parameter W6[2, n1], b7[2], W12[4, 2], b13[4], W23[4, 4], b24[4], a27

t8[i4, n5] = sum(W6[n5, i3] * x2[i3, i4], i3) + b7[n5]
t14[i4, n11] = sum(W12[n11, n5] * t8[i4, n5], n5) + b13[n11]
t17 = abs(where((t14[1, 1] < 0) or (sin(t14[2, 1]) < -1), -t14[1, 1] * sin(t14[2, 1]) / 3, where(sin(t14[2, 1]) >= 1/3, -tanh(t14[1, 1] / 3), sin(t14[2, 1]))))
t20[n11] = max(t14[i4, n11], i4)
t25[n11] = sum(W23[n11, i19] * t20[i19], i19) + b24[n11]
E = sum(abs(t25[n11] - y29[n11]), n11) + (y26 - t17)**2 * exp(-a27) + a27 / 2
