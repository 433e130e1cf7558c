# A Kolmogorov-Arnold network: each edge is a function of one number, here a sum of bumps at g given places.
# Z. Liu et al., "KAN: Kolmogorov-Arnold networks", 2024, arXiv:2404.19756; bumps for splines: Z. Li, arXiv:2405.06721.
size      n = 3, h = 4, g = 5
input     x[n], place[g] without samples
target    y
block edges(x, n, h)
  parameter W[h, n, g], B[h, n]
  s[j, p] = exp(-(x[j] - place[p])**2)
  o[i] = sum(W[i, j, p] * s[j, p], j, p) + sum(B[i, j] * silu(x[j]), j)
end
a = edges(x, n, h)
q = edges(a, h, 1)
E = (y - q[1])**2
