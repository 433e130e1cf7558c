# REINFORCE: the return of an action weights the logarithm of its probability.
# R. J. Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning", 1992.
use dense, linear
size      n = 3, h = 5, k = 4
input     state[n], action in k, gain
constant  baseline = 0.5
a    = dense(state, n, h, tanh)
z    = linear(a, h, k)
l[i] = log_softmax(z[i], i)
p[i] = exp(l[i])
output p
E    = -(gain - baseline) * l[action]
