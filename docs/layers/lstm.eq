# Long short-term memory with peepholes.
size T = 5, n = 3, h = 4
input x[T, n]
recurrent c[T, h], y[T, h]
parameter Wz[h, n], Rz[h, h], bz[h], Wi[h, n], Ri[h, h], pi_[h], bi[h]
parameter Wf[h, n], Rf[h, h], pf[h], bf[h], Wo[h, n], Ro[h, h], po[h], bo[h]
z_bar[t, j] = sum(Wz[j, k] * x[t, k], k) + sum(Rz[j, k] * y[t - 1, k], k) + bz[j]
z[t, j]     = tanh(z_bar[t, j])
i_bar[t, j] = sum(Wi[j, k] * x[t, k], k) + sum(Ri[j, k] * y[t - 1, k], k) + pi_[j] * c[t - 1, j] + bi[j]
i[t, j]     = sigmoid(i_bar[t, j])
f_bar[t, j] = sum(Wf[j, k] * x[t, k], k) + sum(Rf[j, k] * y[t - 1, k], k) + pf[j] * c[t - 1, j] + bf[j]
f[t, j]     = sigmoid(f_bar[t, j])
c[t, j]     = z[t, j] * i[t, j] + c[t - 1, j] * f[t, j]
o_bar[t, j] = sum(Wo[j, k] * x[t, k], k) + sum(Ro[j, k] * y[t - 1, k], k) + po[j] * c[t, j] + bo[j]
o[t, j]     = sigmoid(o_bar[t, j])
y[t, j]     = tanh(c[t, j]) * o[t, j]
out[t, j]   = y[t, j]
backward out
