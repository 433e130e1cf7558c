# Long short-term memory with peepholes.
size T = 5, n = 3, h = 4
input x[T, n]
recurrent c[T, h], y[T, h]
parameter W_z[h, n], R_z[h, h], b_z[h], W_i[h, n], R_i[h, h], p_i[h], b_i[h]
parameter W_f[h, n], R_f[h, h], p_f[h], b_f[h], W_o[h, n], R_o[h, h], p_o[h], b_o[h]
z_bar[t, j] = sum(W_z[j, k] * x[t, k], k) + sum(R_z[j, k] * y[t - 1, k], k) + b_z[j]
z[t, j]     = tanh(z_bar[t, j])
i_bar[t, j] = sum(W_i[j, k] * x[t, k], k) + sum(R_i[j, k] * y[t - 1, k], k) + p_i[j] * c[t - 1, j] + b_i[j]
i[t, j]     = sigmoid(i_bar[t, j])
f_bar[t, j] = sum(W_f[j, k] * x[t, k], k) + sum(R_f[j, k] * y[t - 1, k], k) + p_f[j] * c[t - 1, j] + b_f[j]
f[t, j]     = sigmoid(f_bar[t, j])
c[t, j]     = z[t, j] * i[t, j] + c[t - 1, j] * f[t, j]
o_bar[t, j] = sum(W_o[j, k] * x[t, k], k) + sum(R_o[j, k] * y[t - 1, k], k) + p_o[j] * c[t, j] + b_o[j]
o[t, j]     = sigmoid(o_bar[t, j])
y[t, j]     = tanh(c[t, j]) * o[t, j]
out[t, j]   = y[t, j]
backward out
