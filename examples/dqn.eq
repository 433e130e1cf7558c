# Deep Q-learning: the value of the action that was taken nears the reward plus the best value of the next state.
# V. Mnih et al., "Human-level control through deep reinforcement learning", 2015. best: from the frozen target network.
use dense, linear
size      n = 3, h = 5, k = 4
input     state[n], action in k, reward, best, done
constant  discount = 0.99
promise   mask done
a = dense(state, n, h, relu)
q = linear(a, h, k)
t = reward + discount * (1 - done) * best
output q
E = where(abs(t - q[action]) < 1, (t - q[action])**2 / 2, abs(t - q[action]) - 1 / 2)
