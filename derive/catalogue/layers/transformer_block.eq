# Attention and two dense layers, each after a LayerNorm and added to what it reads (Xiong et al. 2020, arXiv:2002.04745).
use layer_norm, multi_head_attention
block transformer_block(x, M, d, h, a, m)
  parameter A[m, d], p[m] = 0, B[d, m], q[d] = 0
  n       = layer_norm(x, d)
  w       = multi_head_attention(n, M, d, h, a)
  z[t, i] = x[t, i] + w[t, i]
  l       = layer_norm(z, d)
  y[t, j] = gelu(sum(A[j, i] * l[t, i], i) + p[j])
  o[t, i] = z[t, i] + sum(B[i, j] * y[t, j], j) + q[i]
end
