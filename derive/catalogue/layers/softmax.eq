# Shares that are positive and sum to 1 over the last axis (Bridle 1990).
block softmax(x)
  p[i] = softmax(x[i], i)
end
