# A recurrent network of three steps, with the same weights in each and a target for each.
# J. L. Elman, "Finding structure in time", 1990.
size      T = 3, n = 2, h = 5, k = 4
input     x[T, n]
target    y[T, k]
parameter W[h, n], U[h, h], b[h] = 0, first[h] = 0, V[k, h]
block step(s, t)
  h[i] = tanh(sum(W[i, j] * x[t, j], j) + sum(U[i, r] * s[r], r) + b[i])
end
block read(s)
  o[r] = sum(V[r, i] * s[i], i)
end
a = step(first, 1)
c = step(a, 2)
d = step(c, 3)
p = read(a)
q = read(c)
r = read(d)
E = sum((y[1, i] - p[i])**2 + (y[2, i] - q[i])**2 + (y[3, i] - r[i])**2, i)
