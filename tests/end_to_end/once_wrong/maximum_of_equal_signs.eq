# The slope of a maximum of equal numbers is that of the first, and no central difference measures it
input x[4]
target y[3]
parameter W[4, 4]
z[i] = sum(W[i, j] * x[j], j)
o[i] = z[i] + stop_gradient(sign(z[i]) - z[i])
p[k in 3] = max(o[k + r - 1], r in 2)
E = sum((y[k] - p[k])**2, k)
