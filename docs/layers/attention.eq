# Scaled dot-product attention, of T places to R places.
size T = 4, R = 5, d = 3, e = 2
input Q[T, d], K[R, d], V[R, e]
S[t, r] = sum(Q[t, i] * K[r, i], i) / sqrt(d)
P[t, r] = softmax(S[t, r], r)
O[t, j] = sum(P[t, r] * V[r, j], r)
backward O
