# Barlow twins: what two views of a batch have in common is the same, and all else differs.
# J. Zbontar et al., "Barlow twins: self-supervised learning via redundancy reduction", 2021, arXiv:2103.03230.
size      n = 3, d = 4
input     x[n], v[n]
parameter W[d, n]
constant  weight = 0.005, eps = 0.001
block normal(z)
  mu[i] = mean(z[i, u], u)
  s[i]  = sqrt(mean((z[i, u] - mu[i])**2, u) + eps)
  o[i]  = (z[i] - mu[i]) / s[i]
end
e[i] = sum(W[i, j] * x[j], j)
f[i] = sum(W[i, j] * v[j], j)
a = normal(e)
b = normal(f)
C[i, j] = mean(a[i, u] * b[j, u], u)
output e
E = sum((1 - C[i, i])**2, i) + weight * (sum(C[i, j]**2, i, j) - sum(C[i, i]**2, i))
