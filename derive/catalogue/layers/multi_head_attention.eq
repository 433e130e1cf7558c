# Attention of d units with h heads of size a; M[t, r] is 1 where t may read r, else 0 (Vaswani et al. 2017).
block multi_head_attention(x, M, d, h, a)
  parameter Wq[h, a, d], Wk[h, a, d], Wv[h, a, d], Wo[d, h, a]
  q[g, t, e]     = sum(Wq[g, e, i] * x[t, i], i)
  k[g, t, e]     = sum(Wk[g, e, i] * x[t, i], i)
  v[g, t, e]     = sum(Wv[g, e, i] * x[t, i], i)
  s[g, t, r]     = sum(q[g, t, e] * k[g, r, e], e) / sqrt(a)
  share[g, t, r] = M[t, r] * exp(s[g, t, r]) / sum(M[t, u] * exp(s[g, t, u]), u)
  c[g, t, e]     = sum(share[g, t, r] * v[g, r, e], r)
  o[t, i]        = sum(Wo[i, g, e] * c[g, t, e], g, e)
end
