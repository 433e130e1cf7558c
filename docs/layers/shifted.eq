# The bias of a layer whose mean over the samples is subtracted.
input x
parameter b = 0
z = x + b
n = z - mean(z[u], u)
backward n
