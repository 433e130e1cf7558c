# A softmax; the derivative v = ∂E/∂a is given.
size k = 4
input z[k]
a[i] = softmax(z[i], i)
backward a
