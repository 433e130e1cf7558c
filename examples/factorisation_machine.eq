# A factorisation machine: all pairs of n features, in time linear in n.
# S. Rendle, "Factorization machines", 2010.
size      n = 5, d = 3
input     x[n]
target    y
parameter w[n], b = 0, V[n, d]
s[f] = sum(V[j, f] * x[j], j)
q    = b + sum(w[j] * x[j], j) + (sum(s[f]**2, f) - sum(V[j, f]**2 * x[j]**2, j, f)) / 2
E    = (y - q)**2
