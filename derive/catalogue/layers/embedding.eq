# Each whole number in word selects a row of a table with V rows of d numbers (Bengio et al. 2003).
block embedding(word, V, d)
  parameter C[V, d]
  e[t, i] = C[word[t], i]
end
