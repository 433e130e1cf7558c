# A time-delay network: two convolutions along time, the second with dilation.
# A. Waibel et al., "Phoneme recognition using time-delay neural networks", 1989.
size      c = 2, n = 9, h = 4, k = 3
input     x[c, n]
target    y[k]
parameter K[h, c, 3], b[h] = 0, L[k, h, 2]
promise   sums_to_one y over k
a[f, t in 7] = sigmoid(sum(K[f, g, r] * x[g, t + r - 1], g, r) + b[f])
z[f, t in 5] = sum(L[f, g, r] * a[g, t + 2 * r - 2], g, r)
s[f]         = sum(sigmoid(z[f, t])**2, t)
p[f]         = s[f] / sum(s[g], g)
output         p
E            = -sum(y[f] * log(p[f]), f)
