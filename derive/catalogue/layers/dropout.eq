# Dropout with a given mask M of 0 and 1, where a share p of it is 0 (Srivastava et al. 2014).
block dropout(x, M, p)
  o[i] = M[i] * x[i] / (1 - p)
end
