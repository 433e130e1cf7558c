# An entry at a place that is another entry plus a multiple of an index had no array form.
option name = network
option notation = xbar

size n1 = 4
input x2[n1], x3[2, 2, 3], w14 in 3, w17[3] in n1, w27[n1] in 2, w29 in 3
target y32[n1]
parameter W8[n1, 2], b9[n1], w28[n1], w30

function huber_term(x) = where(abs(x) <= 1, x**2 / 2, abs(x) - 0.5)

t10[i6, i4, n7] = sum(W8[n7, i5] * x3[i4, i5, i6], i5) + b9[n7]
t15[i4, n7] = t10[w14, i4, n7]
t19[i6] = x2[w17[i6]]
t24[i4 in 2, n7] = max(t15[2 * i4 + 2 * i5 - 5, n7], i5 in 2)
u31[n7, i13] = t24[w27[n7], i13] - 2 * w28[n7] - (1 + t19[w29]**2)**tanh(w30)
t31[n7] = sqrt(mean(u31[n7, i13]**4, i13) + 0.1)
E = mean(huber_term(t31[n7] - y32[n7]), n7)
