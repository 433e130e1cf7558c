# Long short-term memory whose gates look at the cell, with a target for each step.
# F. A. Gers, N. N. Schraudolph, J. Schmidhuber, "Learning precise timing with LSTM", 2002.
size      T, n = 2, h = 5
input     x[T, n]
target    y[T, h]
recurrent c[T, h], s[T, h]
parameter Wi[h, n], Ui[h, h], pi_[h] = 0, Wf[h, n], Uf[h, h], pf[h] = 0, bf[h] = 1
parameter Wo[h, n], Uo[h, h], po[h] = 0, Wg[h, n], Ug[h, h]

zi[t, i] = sum(Wi[i, j] * x[t, j], j) + sum(Ui[i, r] * s[t - 1, r], r) + pi_[i] * c[t - 1, i]
zf[t, i] = sum(Wf[i, j] * x[t, j], j) + sum(Uf[i, r] * s[t - 1, r], r) + pf[i] * c[t - 1, i] + bf[i]
zg[t, i] = sum(Wg[i, j] * x[t, j], j) + sum(Ug[i, r] * s[t - 1, r], r)
g[t, i] = sigmoid(zi[t, i])
f[t, i] = sigmoid(zf[t, i])
u[t, i] = tanh(zg[t, i])
c[t, i] = f[t, i] * c[t - 1, i] + g[t, i] * u[t, i]
zo[t, i] = sum(Wo[i, j] * x[t, j], j) + sum(Uo[i, r] * s[t - 1, r], r) + po[i] * c[t, i]
o[t, i] = sigmoid(zo[t, i])
s[t, i] = o[t, i] * tanh(c[t, i])
E = mean(mean((y[t, i] - s[t, i])**2, i), t)
