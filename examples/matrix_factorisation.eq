# Matrix factorisation: a vector and a bias for each user and each item.
# Y. Koren, R. Bell, C. Volinsky, "Matrix factorization techniques for recommender systems", 2009.
size      users = 5, items = 6, d = 3
input     user in users, item in items
target    rating
parameter P[users, d], Q[items, d], b[users] = 0, c[items] = 0, mu = 0
constant  weight = 0.1
r = mu + sum(P[user, f] * Q[item, f], f) + b[user] + c[item]
E = (rating - r)**2 + weight * (sum(P[u, f]**2, u, f) + sum(Q[i, f]**2, i, f))
