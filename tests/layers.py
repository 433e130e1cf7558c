"""Layers of any form, stated with the public builder: convolutions, pooling, attention, embeddings, combined samples.

All extents that may differ do. ``LAYERS`` has them by name.
"""

from __future__ import annotations

from collections.abc import Callable

from sympy import Rational, exp, log, sqrt, tanh

from derive import Statement


def conv1d() -> Statement:
    """Two convolutions along one axis, the first with padding."""
    s = Statement(name="conv1d")
    t, w, r = s.size("T", 9), s.size("W", 3), s.size("R", 7)
    x, y, v, u = s.input("x", t), s.target("y", r), s.parameter("v", w), s.parameter("w", w)
    i, k = s.indices("i k", t, w)
    z = s.define("z", i, s.sum(v[k] * x[i + k - 2], k))
    a = s.define("a", i, s.apply("tanh", z[i]))
    q = s.index("q", r)
    o = s.define("o", q, s.sum(u[k] * a[q + k - 1], k))
    s.error(s.sum((y[q] - o[q]) ** 2, q))
    return s


def conv2d(stride: int = 2, dilation: int = 1, padding: int = 1) -> Statement:
    """A convolution over two axes, with channels, stride, dilation and padding."""
    s = Statement(name="conv2d")
    rows, columns = ((n + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for n, k in ((7, 3), (6, 2)))
    x, y = s.input("x", 2, 7, 6), s.target("y", 3, rows, columns)
    K, b = s.parameter("K", 3, 2, 3, 2), s.parameter("b", 3)
    d, p, q, c, k, h = s.indices("d p q c k h", 3, rows, columns, 2, 3, 2)
    row, column = (stride * (i - 1) + dilation * (j - 1) + 1 - padding for i, j in ((p, k), (q, h)))
    z = s.define("z", (d, p, q), s.sum(K[d, c, k, h] * x[c, row, column], c, k, h) + b[d])
    a = s.define("a", (d, p, q), s.apply("tanh", z[d, p, q]))
    s.error(s.sum((y[d, p, q] - a[d, p, q]) ** 2, d, p, q))
    return s


def transposed_conv() -> Statement:
    """A transposed convolution with a stride of 2."""
    s = Statement(name="transposed_conv")
    x, y, V, K = s.input("x", 2, 4), s.target("y", 3, 9), s.parameter("V", 2, 2), s.parameter("K", 3, 2, 3)
    c, e, p, d, q = s.indices("c e p d q", 2, 2, 4, 3, 9)
    a = s.define("a", (c, p), tanh(s.sum(V[c, e] * x[e, p], e)))
    o = s.define("o", (d, q), s.sum(K[d, c, q - 2 * (p - 1)] * a[c, p], c, p))
    s.error(s.sum((y[d, q] - o[d, q]) ** 2, d, q))
    return s


def pooling(kind: str = "max") -> Statement:
    """Pooling along one axis, with windows that overlap."""
    s = Statement(name="pooling")
    x, y, W = s.input("x", 2, 7), s.target("y", 2, 3), s.parameter("W", 2, 2)
    c, e, t, p, k = s.indices("c e t p k", 2, 2, 7, 3, 3)
    a = s.define("a", (c, t), tanh(s.sum(W[c, e] * x[e, t], e)))
    o = s.define("o", (c, p), getattr(s, kind)(a[c, 2 * p + k - 2], k))
    s.error(s.sum((y[c, p] - o[c, p]) ** 2, c, p))
    return s


def pooling2d() -> Statement:
    """Maxima over windows with two axes."""
    s = Statement(name="pooling2d")
    x, y, W = s.input("x", 4, 6), s.target("y", 2, 2), s.parameter("W", 4, 6)
    i, j, p, q, k, h = s.indices("i j p q k h", 4, 6, 2, 2, 2, 3)
    a = s.define("a", (i, j), tanh(W[i, j] * x[i, j]))
    o = s.define("o", (p, q), s.max(a[2 * p + k - 2, 3 * q + h - 3], k, h))
    s.error(s.sum((y[p, q] - o[p, q]) ** 2, p, q))
    return s


def embedding() -> Statement:
    """Words of a vocabulary as vectors."""
    s = Statement(name="embedding")
    vocabulary = s.size("V", 6)
    word, y = s.input("word", 4, values=vocabulary), s.target("y", 2)
    C, U = s.parameter("C", vocabulary, 3), s.parameter("U", 2, 3)
    t, d, k = s.indices("t d k", 4, 3, 2)
    e = s.define("e", (t, d), C[word[t], d])
    o = s.define("o", k, s.sum(U[k, d] * tanh(e[t, d]), t, d))
    s.error(s.sum((y[k] - o[k]) ** 2, k))
    return s


def factorisation() -> Statement:
    """Latent vectors of users and items."""
    s = Statement(name="factorisation")
    users, items = s.size("U", 5), s.size("I", 6)
    user, item, rating = s.input("user", values=users), s.input("item", values=items), s.target("rating")
    P, Q, c = s.parameter("P", users, 3), s.parameter("Q", items, 3), s.parameter("c", users)
    f = s.index("f", 3)
    r = s.define("r", (), s.sum(P[user[()], f] * Q[item[()], f], f) + c[user[()]])
    s.error((rating[()] - r[()]) ** 2)
    return s


def attention() -> Statement:
    """Attention with several heads and a mask that is the same for all samples."""
    s = Statement(name="attention")
    x, M, y = s.input("x", 4, 3), s.input("M", 4, 4, samples=False), s.target("y", 4, 3)
    into, out = {n: s.parameter(f"W{n}", 5, 2, 3) for n in "qkv"}, s.parameter("O", 3, 5, 2)
    t, r, u, d, h, a = s.indices("t r u d h a", 4, 4, 4, 3, 5, 2)
    q, k, v = (s.define(n, (t, h, a), s.sum(W[h, a, d] * x[t, d], d)) for n, W in into.items())
    z = s.define("s", (h, t, r), s.sum(q[t, h, a] * k[r, h, a], a) / sqrt(2))
    p = s.define("p", (h, t, r), M[t, r] * exp(z[h, t, r]) / s.sum(M[t, u] * exp(z[h, t, u]), u))
    o = s.define("o", (t, d), s.sum(out[d, h, a] * p[h, t, r] * v[r, h, a], h, a, r))
    s.error(s.sum((y[t, d] - o[t, d]) ** 2, t, d))
    s.promise_mask(M)
    return s


def layernorm() -> Statement:
    """A normalised layer for each of several tokens, with a gain that starts at 1."""
    s = Statement(name="layernorm")
    x, y, W = s.input("x", 4, 3), s.target("y", 4, 3), s.parameter("W", 3, 3)
    gamma, b = s.parameter("gamma", 3, start=1), s.parameter("b", 3)
    t, i, j = s.indices("t i j", 4, 3, 3)
    z = s.define("z", (t, i), s.sum(W[i, j] * x[t, j], j))
    mu = s.define("mu", t, s.mean(z[t, i], i))
    sigma = s.define("sigma", t, sqrt(s.mean((z[t, i] - mu[t]) ** 2, i) + Rational(1, 100)))
    o = s.define("o", (t, i), gamma[i] * (z[t, i] - mu[t]) / sigma[t] + b[i])
    s.error(s.sum((y[t, i] - o[t, i]) ** 2, t, i))
    return s


def infonce() -> Statement:
    """A contrastive loss over the samples of a batch, with a learned temperature."""
    s = Statement(name="infonce")
    x, v = s.input("x", 3), s.input("v", 3)
    A, B, tau = s.parameter("A", 4, 3), s.parameter("B", 4, 3), s.parameter("tau", start=2)
    i, j, m, n = *s.indices("i j", 4, 3), s.sample("m1"), s.sample("m2")
    a, b = s.define("a", i, s.sum(A[i, j] * x[j], j)), s.define("b", i, s.sum(B[i, j] * v[j], j))
    score = s.define("s", (m, n), s.sum(a[i, m] * b[i, n], i) / tau[()])
    s.error(s.mean(log(s.sum(exp(score[m, n]), n)) - score[m, m], m))
    return s


def triplet() -> Statement:
    """Three inputs through one network, and no target."""
    s = Statement(name="triplet")
    W, i, j = s.parameter("W", 4, 3), *s.indices("i j", 4, 3)
    data = [s.input(n, 3) for n in ("a", "p", "n")]
    e = [s.define(f"e_{x.name}", i, s.apply("tanh", s.sum(W[i, j] * x[j], j))) for x in data]
    near, far = (s.define(n, (), s.sum((e[0][i] - other[i]) ** 2, i)) for n, other in (("dp", e[1]), ("dn", e[2])))
    s.error(s.apply("softplus", 1 + near[()] - far[()]))
    return s


def two_heads() -> Statement:
    """Two outputs with targets of their own, of which one has weights for its samples."""
    s = Statement(name="two_heads")
    x, w, y, c = s.input("x", 3), s.input("w"), s.target("y", 2), s.target("c")
    W, V, b = s.parameter("W", 2, 3), s.parameter("V", 3), s.parameter("b")
    i, j = s.indices("i j", 2, 3)
    o = s.define("o", i, s.sum(W[i, j] * x[j], j))
    r = s.define("r", (), s.sum(V[j] * x[j], j) + b[()])
    s.error(w[()] * s.sum((y[i] - o[i]) ** 2, i) + (c[()] - r[()]) ** 2)
    s.output(o, r)
    return s


LAYERS: dict[str, Callable[[], Statement]] = {
    f.__name__: f
    for f in (
        *(conv1d, conv2d, transposed_conv, pooling, pooling2d, embedding, factorisation, attention, layernorm),
        *(infonce, triplet, two_heads),
    )
}
LAYERS |= {"dilated": lambda: conv2d(3, 2, 1), "average": lambda: pooling("mean"), "least": lambda: pooling("min")}
