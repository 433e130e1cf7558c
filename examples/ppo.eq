# Proximal policy optimisation: the ratio of the new probability of an action to the old one is clipped.
# J. Schulman et al., "Proximal policy optimization algorithms", 2017, arXiv:1707.06347.
use dense, linear
size      n = 3, h = 5, k = 4
input     state[n], action in k, advantage, old
target    gain
constant  clip = 0.2, share = 0.01
a       = dense(state, n, h, tanh)
z       = linear(a, h, k)
value   = linear(a, h, 1)
l[i]    = log_softmax(z[i], i)
ratio   = exp(l[action] - old)
near    = min(max(ratio, 1 - clip), 1 + clip)
entropy = -sum(exp(l[i]) * l[i], i)
output    l
E       = -min(ratio * advantage, near * advantage) + (gain - value[1])**2 / 2 - share * entropy
