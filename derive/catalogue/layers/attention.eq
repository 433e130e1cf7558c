# Scaled dot-product attention: queries q and keys k of size a, values v (Vaswani et al. 2017, arXiv:1706.03762).
block attention(q, k, v, a)
  score[t, r] = sum(q[t, e] * k[r, e], e) / sqrt(a)
  share[t, r] = softmax(score[t, r], r)
  o[t, i]     = sum(share[t, r] * v[r, i], r)
end
