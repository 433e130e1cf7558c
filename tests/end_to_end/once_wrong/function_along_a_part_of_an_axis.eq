# A function that is stated for a part of an axis is 0 beyond it, also where its definition is put in
input x[4]
target y[4]
parameter W[3, 4], K[3]
t[n] = sum(W[n, j] * x[j], j)
z[q in 5] = sum(K[q - n + 1] * t[n], n)
s[i in 4] = 1 / (1 + exp(-z[i]))
E = sum((y[i] - s[i])**2, i)
