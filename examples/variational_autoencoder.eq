# A variational autoencoder; the noise is drawn in each step.
# D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", 2013, arXiv:1312.6114.
size      n = 5, h = 4, d = 2
input     x[n]
random    noise[d] ~ normal(0, 1)
parameter A[h, n], a[h] = 0, M[d, h], V[d, h], B[h, d], b[h] = 0, D[n, h], c[n] = 0
e[r]  = tanh(sum(A[r, j] * x[j], j) + a[r])
mu[i] = sum(M[i, r] * e[r], r)
v[i]  = sum(V[i, r] * e[r], r)
z[i]  = mu[i] + exp(v[i] / 2) * noise[i]
f[r]  = tanh(sum(B[r, i] * z[i], i) + b[r])
q[j]  = sum(D[j, r] * f[r], r) + c[j]
output  q
E     = sum((x[j] - q[j])**2, j) / 2 + sum(exp(v[i]) + mu[i]**2 - 1 - v[i], i) / 2
