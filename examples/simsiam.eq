# SimSiam: each of two views of an image predicts what the network makes of the other, which is taken for a constant.
# X. Chen, K. He, "Exploring simple siamese representation learning", 2021, arXiv:2011.10566.
size      n = 5, h = 6, d = 4, b = 3
input     x1[n], x2[n]
parameter W[h, n], V[d, h], P[b, d], Q[d, b]
block encode(x)
  a[i] = relu(sum(W[i, j] * x[j], j))
  z[r] = sum(V[r, i] * a[i], i)
end
block predict(z)
  a[s] = relu(sum(P[s, r] * z[r], r))
  p[r] = sum(Q[r, s] * a[s], s)
end
block similarity(p, z)
  c = sum(p[r] * z[r], r) / sqrt(sum(p[r]**2, r) + 1e-8) / sqrt(sum(z[r]**2, r) + 1e-8)
end
z    = encode(x1)
w    = encode(x2)
p    = predict(z)
q    = predict(w)
u[r] = stop_gradient(z[r])
v[r] = stop_gradient(w[r])
c    = similarity(p, v)
e    = similarity(q, u)
E    = -(c + e) / 2
