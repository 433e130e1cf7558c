# A softmax with the cross-entropy, for one-hot targets or shares.
size k = 4
input z[k]
target y[k]
gradient z
p[i] = softmax(z[i], i)
E = -sum(y[i] * log(p[i]), i)
promise sums_to_one y over k
