# A convolution along one axis, of c channels to d channels.
size c = 2, p = 8, d = 3, w = 3, q = 6
input x[c, p]
parameter K[d, c, w], b[d] = 0
y[f, t in q] = sum(K[f, g, r] * x[g, t + r - 1], g, r) + b[f]
backward y
