# Long short-term memory whose gates look at the cell, with a target for each step.
# F. A. Gers, N. N. Schraudolph, J. Schmidhuber, "Learning precise timing with LSTM", 2002.
size      T, n = 2, h = 5
input     x[T, n]
target    y[T, h]
recurrent c[T, h], s[T, h]
parameter W_i[h, n], U_i[h, h], p_i[h] = 0, W_f[h, n], U_f[h, h], p_f[h] = 0, b_f[h] = 1
parameter W_o[h, n], U_o[h, h], p_o[h] = 0, W_g[h, n], U_g[h, h]

z_i[t, i] = sum(W_i[i, j] * x[t, j], j) + sum(U_i[i, r] * s[t - 1, r], r) + p_i[i] * c[t - 1, i]
z_f[t, i] = sum(W_f[i, j] * x[t, j], j) + sum(U_f[i, r] * s[t - 1, r], r) + p_f[i] * c[t - 1, i] + b_f[i]
z_g[t, i] = sum(W_g[i, j] * x[t, j], j) + sum(U_g[i, r] * s[t - 1, r], r)
g[t, i] = sigmoid(z_i[t, i])
f[t, i] = sigmoid(z_f[t, i])
u[t, i] = tanh(z_g[t, i])
c[t, i] = f[t, i] * c[t - 1, i] + g[t, i] * u[t, i]
z_o[t, i] = sum(W_o[i, j] * x[t, j], j) + sum(U_o[i, r] * s[t - 1, r], r) + p_o[i] * c[t, i]
o[t, i] = sigmoid(z_o[t, i])
s[t, i] = o[t, i] * tanh(c[t, i])
E = mean(mean((y[t, i] - s[t, i])**2, i), t)
