# A sparse autoencoder: a dictionary of h features, few of which are used at once.
# H. Cunningham et al., "Sparse autoencoders find highly interpretable features", 2023, arXiv:2309.08600.
size      n = 3, h = 7
input     x[n]
parameter W[h, n], b[h] = 0, D[n, h], c[n] = 0
constant  weight = 0.01
f[i] = relu(sum(W[i, j] * (x[j] - c[j]), j) + b[i])
q[j] = sum(D[j, i] * f[i], i) + c[j]
output q
E    = sum((x[j] - q[j])**2, j) + weight * sum(f[i], i)
