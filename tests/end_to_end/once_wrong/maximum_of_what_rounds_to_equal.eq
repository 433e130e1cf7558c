# Of entries that round to the same number, floats select another one than exact numbers do.
option name = network

input x[3]
target y
parameter W[40, 3]

s[i] = tanh(5 * sum(W[i, j] * x[j], j))
q = max(sqrt(s[i]**2 + 1000), i)
E = (y - q / 1000)**2
