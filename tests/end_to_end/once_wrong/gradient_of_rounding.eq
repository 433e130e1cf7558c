# A gradient that is 0 but for the rounding of data was wrong in the check.

input x[2]
target y[4]
parameter W[3, 2], a, c

function hinge(x) = where(x > 0, x, 0)

z[i] = sum(W[i, j] * x[j], j)
p[i in 4] = prod(z[i + 2 * k - 2], k in 3)
u[i] = abs(a - p[i])
m = mean(u[i], i)
v = mean((u[i] - m)**2, i)
q[i] = (u[i] - m) / sqrt(v + 0.1)
E = mean(hinge(1 - q[i] * y[i]), i) + c**2 * x[1]
