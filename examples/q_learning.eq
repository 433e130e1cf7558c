# Q-learning with the semi-gradient: the target reads the network itself, and is taken for a constant.
# R. S. Sutton, A. G. Barto, "Reinforcement learning: an introduction", 2nd edition, 2018; C. Watkins 1989.
size      n = 3, h = 5, k = 4
input     state[n], next[n], action in k, reward, done
parameter W[h, n], b[h] = 0, V[k, h], c[k] = 0
constant  discount = 0.99
promise   mask done
block value(x)
  a[i] = relu(sum(W[i, j] * x[j], j) + b[i])
  q[r] = sum(V[r, i] * a[i], i) + c[r]
end
q = value(state)
p = value(next)
t = reward + discount * (1 - done) * max(p[r], r)
output q
E = (stop_gradient(t) - q[action])**2 / 2
