"""Layers and losses of the literature, each stated with ``derive.Statement`` beside a plain forward function.

The function is what a user of NumPy writes: samples are the first axis, and slices, reshapes and einsum take the
place of indices. It returns the error, and HIPS autograd differentiates it. Sizes differ, so that a lost transpose
cannot hide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import autograd.numpy as np
import autograd.scipy.special as special
from autograd import elementwise_grad
from sympy import Abs, Expr, Max, Min, Piecewise, Rational, cos, erf, exp, log, pi, sin, sqrt, tanh

from derive import Statement


class Model(NamedTuple):
    """A statement, its error as a function of all data and parameters by name, samples first.

    ``data`` are those that cannot be drawn at random, and ``sizes`` those that the statement leaves open.
    """

    statement: Statement
    error: Callable[..., Any]
    data: Mapping[str, Any] = MappingProxyType({})
    sizes: Mapping[str, int] = MappingProxyType({})


MODELS: dict[str, Callable[[], Model]] = {}


def model(made: Callable[[], Model]) -> Callable[[], Model]:
    """Enter a model in the table."""
    MODELS[made.__name__] = made
    return made


def mean_square(y: Any, o: Any) -> Any:
    """The mean over the samples of the summed squares."""
    return np.sum((y - o) ** 2) / len(y)


def softmax(z: Any) -> Any:
    """The softmax over the last axis."""
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def sigmoid(z: Any) -> Any:
    """The logistic function."""
    return special.expit(z)


def logistic(z: Any) -> Expr:
    """The logistic function in an equation."""
    return 1 / (1 + exp(-z))


# Activations.


@model
def prelu() -> Model:
    """The slope for negative arguments is learned."""
    s = Statement()
    n, h = s.size("n", 3), s.size("h", 5)
    x, y, W, a = s.input("x", n), s.target("y", h), s.parameter("W", h, n), s.parameter("a", start=0.25)
    i, j = s.indices("i j", h, n)
    z = s.define("z", i, s.sum(W[i, j] * x[j], j))
    o = s.define("o", i, Piecewise((z[i], z[i] > 0), (a * z[i], True)))
    s.error(s.sum((y[i] - o[i]) ** 2, i))

    def error(x, y, W, a):
        z = x @ W.T
        return mean_square(y, np.where(z > 0, z, a * z))

    return Model(s, error)


@model
def prelu_of_channels() -> Model:
    """A slope for each channel, of a sequence."""
    s = Statement()
    c, d, t = s.size("c", 3), s.size("d", 2), s.size("t", 5)
    x, y, W, a = s.input("x", c, t), s.target("y", d, t), s.parameter("W", d, c), s.parameter("a", d, start=0.25)
    i, j, p = s.indices("i j p", d, c, t)
    z = s.define("z", (i, p), s.sum(W[i, j] * x[j, p], j))
    o = s.define("o", (i, p), Max(z[i, p], 0) + a[i] * Min(z[i, p], 0))
    s.error(s.sum((y[i, p] - o[i, p]) ** 2, i, p))

    def error(x, y, W, a):
        z = np.einsum("dc,mct->mdt", W, x)
        return mean_square(y, np.maximum(z, 0) + a[:, None] * np.minimum(z, 0))

    return Model(s, error)


@model
def absolute_values() -> Model:
    """A maximum, an absolute value and the mean absolute error."""
    s = Statement()
    n, h, k = s.size("n", 3), s.size("h", 5), s.size("k", 2)
    x, y, W, V = s.input("x", n), s.target("y", k), s.parameter("W", h, n), s.parameter("V", k, h)
    i, j, r = s.indices("i j r", h, n, k)
    z = s.define("z", i, s.sum(W[i, j] * x[j], j))
    a = s.define("a", i, Max(z[i], 0) + Abs(z[i]) / 3)
    o = s.define("o", r, s.sum(V[r, i] * a[i], i))
    s.error(s.mean(Abs(y[r] - o[r]), r))

    def error(x, y, W, V):
        z = x @ W.T
        return np.mean(np.abs(y - (np.maximum(z, 0) + np.abs(z) / 3) @ V.T))

    return Model(s, error)


@model
def swiglu() -> Model:
    """The gated feed-forward layer of LLaMA, for each token."""
    s = Statement()
    t, d, f = s.size("t", 4), s.size("d", 3), s.size("f", 5)
    x, y = s.input("x", t, d), s.target("y", t, d)
    W, V, U = s.parameter("W", f, d), s.parameter("V", f, d), s.parameter("U", d, f)
    p, i, j = s.indices("p i j", t, d, f)
    g = s.define("g", (p, j), s.sum(W[j, i] * x[p, i], i))
    u = s.define("u", (p, j), s.sum(V[j, i] * x[p, i], i))
    h = s.define("h", (p, j), s.apply("swish", g[p, j]) * u[p, j])
    o = s.define("o", (p, i), s.sum(U[i, j] * h[p, j], j))
    s.error(s.sum((y[p, i] - o[p, i]) ** 2, p, i))

    def error(x, y, W, V, U):
        g = x @ W.T
        return mean_square(y, (g * sigmoid(g) * (x @ V.T)) @ U.T)

    return Model(s, error)


@model
def exponentials() -> Model:
    """Softplus, tanh, sigmoid and a logarithm of a sum, written with exp."""
    s = Statement()
    n, h = s.size("n", 3), s.size("h", 5)
    x, y, W = s.input("x", n), s.target("y"), s.parameter("W", h, n)
    i, j = s.indices("i j", h, n)
    z = s.define("z", i, s.sum(W[i, j] * x[j], j))
    a = s.define("a", i, log(1 + exp(z[i])) + (exp(z[i]) - exp(-z[i])) / (exp(z[i]) + exp(-z[i])) + logistic(z[i]))
    o = s.define("o", (), log(s.sum(exp(a[i]), i)))
    s.error((y - o) ** 2)

    def error(x, y, W):
        z = x @ W.T
        return mean_square(y, special.logsumexp(np.logaddexp(0, z) + np.tanh(z) + sigmoid(z), axis=1))

    return Model(s, error)


@model
def temperature() -> Model:
    """A softmax with a learned temperature, and its cross-entropy."""
    s = Statement()
    n, k = s.size("n", 3), s.size("k", 4)
    x, y, W, T = s.input("x", n), s.target("y", k), s.parameter("W", k, n), s.parameter("T", start=1)
    i, c, j = s.indices("i c j", k, k, n)
    z = s.define("z", i, s.sum(W[i, j] * x[j], j))
    p = s.define("p", i, exp(z[i] / T) / s.sum(exp(z[c] / T), c))
    s.error(-s.sum(y[i] * log(p[i]), i))
    s.promise_sums_to_one(y, over=i)
    s.promise_positive(T)

    def error(x, y, W, T):
        return -np.sum(y * np.log(softmax(x @ W.T / T))) / len(x)

    return Model(s, error)


@model
def log_softmax() -> Model:
    """The logarithm of a softmax over the classes of every place, with smoothed labels."""
    s = Statement()
    t, n, k = s.size("t", 2), s.size("n", 3), s.size("k", 4)
    x, y, W, b = s.input("x", t, n), s.target("y", t, k), s.parameter("W", k, n), s.parameter("b", k)
    p, i, c, j = s.indices("p i c j", t, k, k, n)
    z = s.define("z", (p, i), s.sum(W[i, j] * x[p, j], j) + b[i])
    q = s.define("q", (p, i), z[p, i] - log(s.sum(exp(z[p, c]), c)))
    s.error(-s.sum((y[p, i] * Rational(9, 10) + Rational(1, 40)) * q[p, i], p, i))
    s.promise_sums_to_one(y, over=i)

    def error(x, y, W, b):
        z = x @ W.T + b
        q = z - special.logsumexp(z, axis=-1, keepdims=True)
        return -np.sum((0.9 * y + 0.1 / 4) * q) / len(x)

    return Model(s, error)


@model
def softmax_in_steps() -> Model:
    """The powers, their sum and the quotient are tensors of their own, over the rows of a matrix."""
    s = Statement()
    t, n, k = s.size("t", 2), s.size("n", 3), s.size("k", 4)
    x, y, W = s.input("x", t, n), s.target("y", t, k), s.parameter("W", k, n)
    p, i, j = s.indices("p i j", t, k, n)
    e = s.define("e", (p, i), exp(s.sum(W[i, j] * x[p, j], j)))
    total = s.define("total", p, s.sum(e[p, i], i))
    q = s.define("q", (p, i), e[p, i] / total[p])
    s.error(s.sum((y[p, i] - q[p, i]) ** 2, p, i))

    def error(x, y, W):
        return mean_square(y, softmax(x @ W.T))

    return Model(s, error)


@model
def softmax_of_a_weight() -> Model:
    """The rows of a weight are shares."""
    s = Statement()
    n, h = s.size("n", 3), s.size("h", 5)
    x, y, W = s.input("x", n), s.target("y", h), s.parameter("W", h, n)
    i, j, k = s.indices("i j k", h, n, n)
    P = s.define("P", (i, j), exp(W[i, j]) / s.sum(exp(W[i, k]), k))
    o = s.define("o", i, s.sum(P[i, j] * x[j], j))
    s.error(s.sum((y[i] - o[i]) ** 2, i))

    def error(x, y, W):
        return mean_square(y, x @ softmax(W).T)

    return Model(s, error)


# Normalisation.


@model
def layer_norm() -> Model:
    """In steps, with a gain and an offset."""
    s = Statement()
    n, h = s.size("n", 3), s.size("h", 5)
    x, y, W = s.input("x", n), s.target("y", h), s.parameter("W", h, n)
    gamma, beta, eps = s.parameter("gamma", h, start=1), s.parameter("beta", h), s.constant("eps", 1e-5)
    i, j = s.indices("i j", h, n)
    z = s.define("z", i, s.sum(W[i, j] * x[j], j))
    mu = s.define("mu", (), s.mean(z[i], i))
    v = s.define("v", (), s.mean((z[i] - mu) ** 2, i))
    hat = s.define("hat", i, (z[i] - mu) / sqrt(v + eps))
    o = s.define("o", i, gamma[i] * hat[i] + beta[i])
    s.error(s.sum((y[i] - o[i]) ** 2, i))

    def error(x, y, W, gamma, beta):
        z = x @ W.T
        hat = (z - np.mean(z, axis=1, keepdims=True)) / np.sqrt(np.var(z, axis=1, keepdims=True) + 1e-5)
        return mean_square(y, gamma * hat + beta)

    return Model(s, error)


@model
def layer_norm_in_one() -> Model:
    """One equation, for each token of a sequence."""
    s = Statement()
    t, n, h = s.size("t", 4), s.size("n", 3), s.size("h", 5)
    x, y, W = s.input("x", t, n), s.target("y", t, h), s.parameter("W", h, n)
    g, b = s.parameter("g", h, start=1), s.parameter("b", h)
    p, i, j, k, r = s.indices("p i j k r", t, h, n, h, h)
    z = s.define("z", (p, i), s.sum(W[i, j] * x[p, j], j))
    variance = s.mean((z[p, k] - s.mean(z[p, r], r)) ** 2, k)
    o = s.define("o", (p, i), g[i] * (z[p, i] - s.mean(z[p, k], k)) / sqrt(variance + Rational(1, 1000)) + b[i])
    s.error(s.sum((y[p, i] - o[p, i]) ** 2, p, i))

    def error(x, y, W, g, b):
        z = x @ W.T
        centred = z - np.mean(z, axis=2, keepdims=True)
        return mean_square(y, g * centred / np.sqrt(np.var(z, axis=2, keepdims=True) + 1e-3) + b)

    return Model(s, error)


@model
def layer_norm_of_the_input() -> Model:
    """LayerNorm alone: x, x_hat and y are the names, Y the target, and X what x is computed from."""
    s = Statement()
    n, h = s.size("n", 3), s.size("h", 5)
    X, Y, W, g = s.input("X", n), s.target("Y", h), s.parameter("W", h, n), s.parameter("g", h, start=1)
    i, j = s.indices("i j", h, n)
    x = s.define("x", i, s.sum(W[i, j] * X[j], j))
    m = s.define("mean", (), s.mean(x[i], i))
    v = s.define("var", (), s.mean(x[i] ** 2, i) - m**2)
    x_hat = s.define("x_hat", i, (x[i] - m) / sqrt(v + Rational(1, 100)))
    y = s.define("y", i, g[i] * x_hat[i])
    s.error(s.sum((Y[i] - y[i]) ** 2, i))

    def error(X, Y, W, g):
        x = X @ W.T
        hat = (x - np.mean(x, axis=1)[:, None]) / np.sqrt(np.var(x, axis=1) + 0.01)[:, None]
        return mean_square(Y, g * hat)

    return Model(s, error)


@model
def rms_norm() -> Model:
    """Root mean square, for each token."""
    s = Statement()
    t, n, h = s.size("t", 4), s.size("n", 3), s.size("h", 5)
    x, y, W, g = s.input("x", t, n), s.target("y", t, h), s.parameter("W", h, n), s.parameter("g", h, start=1)
    eps = s.constant("eps", 0.01)
    p, i, j = s.indices("p i j", t, h, n)
    z = s.define("z", (p, i), s.sum(W[i, j] * x[p, j], j))
    rms = s.define("rms", p, sqrt(s.mean(z[p, i] ** 2, i) + eps))
    o = s.define("o", (p, i), g[i] * z[p, i] / rms[p])
    s.error(s.sum((y[p, i] - o[p, i]) ** 2, p, i))

    def error(x, y, W, g):
        z = x @ W.T
        return mean_square(y, g * z / np.sqrt(np.mean(z**2, axis=-1, keepdims=True) + 0.01))

    return Model(s, error)


@model
def batch_norm() -> Model:
    """Mean and variance over the samples."""
    s = Statement()
    n, h = s.size("n", 3), s.size("h", 5)
    x, y, W = s.input("x", n), s.target("y", h), s.parameter("W", h, n)
    g, b, eps = s.parameter("g", h, start=1), s.parameter("b", h), s.constant("eps", 0.001)
    i, j, u = *s.indices("i j", h, n), s.sample("u")
    z = s.define("z", i, s.sum(W[i, j] * x[j], j))
    mu = s.define("mu", i, s.mean(z[i, u], u))
    v = s.define("v", i, s.mean((z[i, u] - mu[i]) ** 2, u))
    o = s.define("o", i, g[i] * (z[i] - mu[i]) / sqrt(v[i] + eps) + b[i])
    s.error(s.sum((y[i] - o[i]) ** 2, i))

    def error(x, y, W, g, b):
        z = x @ W.T
        return mean_square(y, g * (z - np.mean(z, axis=0)) / np.sqrt(np.var(z, axis=0) + 0.001) + b)

    return Model(s, error)


@model
def batch_norm_of_channels() -> Model:
    """Mean and variance over the samples and the places."""
    s = Statement()
    c, d, t = s.size("c", 2), s.size("d", 3), s.size("t", 4)
    x, y, W, g = s.input("x", c, t), s.target("y", d, t), s.parameter("W", d, c), s.parameter("g", d, start=1)
    i, j, p, u = *s.indices("i j p", d, c, t), s.sample("u")
    z = s.define("z", (i, p), s.sum(W[i, j] * x[j, p], j))
    mu = s.define("mu", i, s.mean(z[i, p, u], p, u))
    v = s.define("v", i, s.mean((z[i, p, u] - mu[i]) ** 2, p, u))
    o = s.define("o", (i, p), g[i] * (z[i, p] - mu[i]) / sqrt(v[i] + Rational(1, 1000)))
    s.error(s.sum((y[i, p] - o[i, p]) ** 2, i, p))

    def error(x, y, W, g):
        z = np.einsum("dc,mct->mdt", W, x)
        hat = (z - np.mean(z, axis=(0, 2))[:, None]) / np.sqrt(np.var(z, axis=(0, 2)) + 0.001)[:, None]
        return mean_square(y, g[:, None] * hat)

    return Model(s, error)


# Convolution and pooling.


@model
def conv1d() -> Model:
    """One channel, and a kernel for each unit."""
    s = Statement()
    n, k, q, h = s.size("n", 7), s.size("k", 3), s.size("q", 5), s.size("h", 2)
    x, y, w, b = s.input("x", n), s.target("y", h, q), s.parameter("w", h, k), s.parameter("b", h)
    f, i, j = s.indices("f i j", h, q, k)
    o = s.define("o", (f, i), tanh(s.sum(w[f, j] * x[i + j - 1], j) + b[f]))
    s.error(s.mean((y[f, i] - o[f, i]) ** 2, f, i))

    def error(x, y, w, b):
        windows = np.stack([x[:, j : j + 5] for j in range(3)], axis=-1)
        return np.mean((y - np.tanh(np.einsum("fk,mqk->mfq", w, windows) + b[:, None])) ** 2)

    return Model(s, error)


@model
def conv1d_from_zero() -> Model:
    """Two convolutions, the first with padding; the taps of the kernels are counted from 0."""
    s = Statement()
    n, k, q = s.size("n", 9), s.size("k", 3, start=0), s.size("q", 7)
    x, y, w, v = s.input("x", n), s.target("y", q), s.parameter("w", k), s.parameter("v", k)
    t, p, r = s.indices("t p r", n, q, k)
    a = s.define("a", t, tanh(s.sum(w[r] * x[t + r - 1], r)))
    o = s.define("o", p, s.sum(v[r] * a[p + r], r))
    s.error(s.sum((y[p] - o[p]) ** 2, p))

    def error(x, y, w, v):
        x = np.concatenate([np.zeros((len(x), 1)), x, np.zeros((len(x), 1))], axis=1)
        a = np.tanh(w[0] * x[:, :-2] + w[1] * x[:, 1:-1] + w[2] * x[:, 2:])
        return mean_square(y, v[0] * a[:, :-2] + v[1] * a[:, 1:-1] + v[2] * a[:, 2:])

    return Model(s, error)


def windows(x: Any, kernel: tuple[int, int], stride: int, padding: int, dilation: int) -> Any:
    """What each place of a convolution in two dimensions reads: an array [samples, channels, p, q, k, l]."""
    edge = np.zeros((*x.shape[:2], padding, x.shape[3]))
    x = np.concatenate([edge, x, edge], axis=2)
    edge = np.zeros((*x.shape[:3], padding))
    x = np.concatenate([edge, x, edge], axis=3)
    height, width = ((n - dilation * (k - 1) - 1) // stride + 1 for n, k in zip(x.shape[2:], kernel, strict=True))
    taps = [
        [
            x[:, :, dilation * k :, dilation * l :][:, :, ::stride, ::stride][:, :, :height, :width]
            for l in range(kernel[1])  # noqa: E741
        ]
        for k in range(kernel[0])
    ]
    return np.stack([np.stack(row, axis=-1) for row in taps], axis=-2)


def conv2d(stride: int, padding: int, dilation: int) -> Model:
    """Two channels, pictures of 7 by 6 and a kernel of 3 by 2."""
    s = Statement()
    height, width = ((n + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for n, k in ((7, 3), (6, 2)))
    c, d, H, W = s.size("c", 2), s.size("d", 4), s.size("H", 7), s.size("W", 6)
    x, y = s.input("x", c, H, W), s.target("y", d, height, width)
    K, b = s.parameter("K", d, c, 3, 2), s.parameter("b", d)
    f, g, p, q, k, r = s.indices("f g p q k r", d, c, height, width, 3, 2)
    row, column = (stride * (a - 1) + dilation * (e - 1) + 1 - padding for a, e in ((p, k), (q, r)))
    z = s.define("z", (f, p, q), s.sum(K[f, g, k, r] * x[g, row, column], g, k, r) + b[f])
    o = s.define("o", (f, p, q), tanh(z[f, p, q]))
    s.error(s.mean((y[f, p, q] - o[f, p, q]) ** 2, f, p, q))

    def error(x, y, K, b):
        z = np.einsum("dckl,mcpqkl->mdpq", K, windows(x, (3, 2), stride, padding, dilation))
        return np.mean((y - np.tanh(z + b[:, None, None])) ** 2)

    return Model(s, error)


@model
def conv2d_plain() -> Model:
    return conv2d(1, 0, 1)


@model
def conv2d_strided() -> Model:
    return conv2d(2, 1, 1)


@model
def conv2d_dilated() -> Model:
    return conv2d(1, 2, 2)


@model
def conv2d_strided_dilated() -> Model:
    return conv2d(3, 2, 2)


@model
def conv_net() -> Model:
    """Two convolutions, a largest value, a mean over all places, and a layer of classes."""
    s = Statement()
    c, d, e, n, k = s.size("c", 2), s.size("d", 3), s.size("e", 4), s.size("n", 8), s.size("k", 5)
    x, y = s.input("x", c, n, n), s.target("y", k)
    K, L, V, b = s.parameter("K", d, c, 3, 3), s.parameter("L", e, d, 2, 2), s.parameter("V", k, e), s.parameter("b", k)
    f, g, h, p, q, a, r = s.indices("f g h p q a r", d, c, e, 8, 8, 3, 3)
    z = s.define("z", (f, p, q), s.sum(K[f, g, a, r] * x[g, p + a - 2, q + r - 2], g, a, r))
    relu = s.define("relu", (f, p, q), Max(z[f, p, q], 0))
    p, q, a, r = s.indices("p q a r", 4, 4, 2, 2)
    pooled = s.define("pooled", (f, p, q), s.max(relu[f, 2 * p + a - 2, 2 * q + r - 2], a, r))
    p, q = s.indices("p q", 3, 3)
    w = s.define("w", (h, p, q), s.sum(L[h, f, a, r] * pooled[f, p + a - 1, q + r - 1], f, a, r))
    m = s.define("m", h, s.mean(tanh(w[h, p, q]), p, q))
    i, t = s.indices("i t", k, k)
    l = s.define("l", i, s.sum(V[i, h] * m[h], h) + b[i])  # noqa: E741
    share = s.define("share", i, exp(l[i]) / s.sum(exp(l[t]), t))
    s.error(-s.sum(y[i] * log(share[i]), i))
    s.promise_sums_to_one(y, over=i)

    def error(x, y, K, L, V, b):
        a = np.maximum(np.einsum("dckl,mcpqkl->mdpq", K, windows(x, (3, 3), 1, 1, 1)), 0)
        a = np.max(np.reshape(a, (len(x), 3, 4, 2, 4, 2)), axis=(3, 5))
        a = np.tanh(np.einsum("edkl,mdpqkl->mepq", L, windows(a, (2, 2), 1, 0, 1)))
        return -np.sum(y * np.log(softmax(np.mean(a, axis=(2, 3)) @ V.T + b))) / len(x)

    return Model(s, error)


@model
def transposed_conv() -> Model:
    """A convolution the other way, with stride 2, of channels that are computed."""
    s = Statement()
    c, d, n, k, q = s.size("c", 2), s.size("d", 5), s.size("n", 4), s.size("k", 3), s.size("q", 9)
    x, y, V, K = s.input("x", c, n), s.target("y", d, q), s.parameter("V", c, c), s.parameter("K", d, c, k)
    f, g, e, p, t = s.indices("f g e p t", d, c, c, n, q)
    a = s.define("a", (g, p), tanh(s.sum(V[g, e] * x[e, p], e)))
    o = s.define("o", (f, t), s.sum(K[f, g, t - 2 * (p - 1)] * a[g, p], g, p))
    s.error(s.sum((y[f, t] - o[f, t]) ** 2, f, t))

    def error(x, y, V, K):
        a = np.tanh(np.einsum("ce,mep->mcp", V, x))
        out = 0
        for p in range(4):
            tap = np.einsum("dck,mc->mdk", K, a[:, :, p])
            before, after = np.zeros((len(x), 5, 2 * p)), np.zeros((len(x), 5, 6 - 2 * p))
            out = out + np.concatenate([before, tap, after], axis=2)
        return mean_square(y, out)

    return Model(s, error)


def pooling(kind: str, stride: int) -> Model:
    """Windows of three places of a sequence with channels."""
    s = Statement()
    places = (8 - 3) // stride + 1
    c, d, n = s.size("c", 4), s.size("d", 5), s.size("n", 8)
    x, y, W = s.input("x", c, n), s.target("y", d, places), s.parameter("W", d, c)
    i, j, t, p, k = s.indices("i j t p k", d, c, n, places, 3)
    a = s.define("a", (i, t), tanh(s.sum(W[i, j] * x[j, t], j)))
    o = s.define("o", (i, p), getattr(s, kind)(a[i, stride * (p - 1) + k], k))
    s.error(s.sum((y[i, p] - o[i, p]) ** 2, i, p))

    def error(x, y, W):
        a = np.tanh(np.einsum("dc,mct->mdt", W, x))
        taps = np.stack([a[:, :, k : k + stride * (places - 1) + 1 : stride] for k in range(3)], axis=-1)
        return mean_square(y, getattr(np, kind)(taps, axis=-1))

    return Model(s, error)


@model
def max_pooling() -> Model:
    return pooling("max", 2)


@model
def max_pooling_overlapping() -> Model:
    return pooling("max", 1)


@model
def min_pooling() -> Model:
    return pooling("min", 2)


@model
def mean_pooling() -> Model:
    return pooling("mean", 3)


@model
def global_pooling() -> Model:
    """The largest value of each feature over all places, and the mean."""
    s = Statement()
    n, t, h, k = s.size("n", 3), s.size("t", 5), s.size("h", 4), s.size("k", 2)
    x, y, W, V = s.input("x", t, n), s.target("y", k), s.parameter("W", h, n), s.parameter("V", k, h)
    p, i, j, r = s.indices("p i j r", t, h, n, k)
    a = s.define("a", (p, i), tanh(s.sum(W[i, j] * x[p, j], j)))
    o = s.define("o", r, s.sum(V[r, i] * (s.max(a[p, i], p) + s.mean(a[p, i], p)), i))
    s.error(s.sum((y[r] - o[r]) ** 2, r))

    def error(x, y, W, V):
        a = np.tanh(x @ W.T)
        return mean_square(y, (np.max(a, axis=1) + np.mean(a, axis=1)) @ V.T)

    return Model(s, error)


@model
def generalised_mean_pooling() -> Model:
    """A mean of powers over all places; the exponent of each feature is learned, and so is a scale."""
    s = Statement()
    n, t, h = s.size("n", 3), s.size("t", 5), s.size("h", 4)
    x, y, W = s.input("x", t, n), s.target("y", h), s.parameter("W", h, n)
    q, c = s.parameter("q", h, start=3), s.parameter("c", start=1)
    p, i, j = s.indices("p i j", t, h, n)
    a = s.define("a", (p, i), s.apply("softplus", s.sum(W[i, j] * x[p, j], j)))
    o = s.define("o", i, 2**c * exp(log(s.mean(exp(q[i] * log(a[p, i])), p)) / q[i]))
    s.error(s.sum((y[i] - erf(c) * tanh(c) * o[i]) ** 2, i))
    s.promise_positive(q)

    def error(x, y, W, q, c):
        a = np.logaddexp(0, x @ W.T)
        return mean_square(y, special.erf(c) * np.tanh(c) * 2**c * np.mean(a**q, axis=1) ** (1 / q))

    return Model(s, error)


@model
def learned_numbers() -> Model:
    """Functions of numbers that are learned, as factors, terms and divisors of matrices."""
    s = Statement()
    n, k = s.size("n", 3), s.size("k", 2)
    x, y, W = s.input("x", n), s.target("y", k), s.parameter("W", k, n)
    a, b, c, d = (s.parameter(name, start=start) for name, start in (("a", 1), ("b", 0.5), ("c", 2), ("d", -1)))
    i, j = s.indices("i j", k, n)
    z = s.define("z", i, s.sum(W[i, j] * x[j], j) * sqrt(a) * exp(b) / (1 + exp(c)))
    o = s.define("o", i, Max(a, Rational(1, 3)) * z[i] ** 2 + Abs(d) * tanh(z[i] * sin(b)) / log(1 + a) + erf(c))
    s.error(s.sum((y[i] - o[i]) ** 2, i) * 2**b + Piecewise((c**2, c > d), (d, True)))
    s.promise_positive(a)

    def error(x, y, W, a, b, c, d):
        z = x @ W.T * np.sqrt(a) * np.exp(b) / (1 + np.exp(c))
        o = np.maximum(a, 1 / 3) * z**2 + np.abs(d) * np.tanh(z * np.sin(b)) / np.log(1 + a) + special.erf(c)
        return mean_square(y, o) * 2**b + np.where(c > d, c**2, d)

    return Model(s, error)


# Integers as inputs.


@model
def embedding() -> Model:
    """Words are rows of a table, and their places rows of another."""
    s = Statement()
    v, t, d, k = s.size("v", 6), s.size("t", 4), s.size("d", 3), s.size("k", 2)
    word, y = s.input("word", t, values=v), s.target("y", k)
    C, P, U = s.parameter("C", v, d), s.parameter("P", t, d), s.parameter("U", k, t, d)
    p, i, r = s.indices("p i r", t, d, k)
    e = s.define("e", (p, i), C[word[p], i] + P[p, i])
    o = s.define("o", r, s.sum(U[r, p, i] * tanh(e[p, i]), p, i))
    s.error(s.sum((y[r] - o[r]) ** 2, r))

    def error(word, y, C, P, U):
        return mean_square(y, np.tensordot(np.tanh(C[word - 1] + P), U, ((1, 2), (1, 2))))

    return Model(s, error)


@model
def language_model() -> Model:
    """The next word after three, as in Bengio et al.; the target is an integer, and the table is used twice."""
    s = Statement()
    v, t, d, h = s.size("v", 7), s.size("t", 3), s.size("d", 4), s.size("h", 5)
    word, y = s.input("word", t, values=v), s.target("y", values=v)
    C, W, U = s.parameter("C", v, d), s.parameter("W", h, t, d), s.parameter("U", d, h)
    p, i, j, k, c = s.indices("p i j k c", t, d, h, v, v)
    a = s.define("a", j, tanh(s.sum(W[j, p, i] * C[word[p], i], p, i)))
    q = s.define("q", i, s.sum(U[i, j] * a[j], j))
    z = s.define("z", k, s.sum(C[k, i] * q[i], i))
    s.error(log(s.sum(exp(z[c]), c)) - z[y])

    def error(word, y, C, W, U):
        a = np.tanh(np.einsum("jpi,mpi->mj", W, C[word - 1]))
        z = a @ U.T @ C.T
        return np.mean(special.logsumexp(z, axis=1) - z[np.arange(len(z)), y - 1])

    return Model(s, error)


@model
def factorisation() -> Model:
    """A latent vector and a bias for each user and each item."""
    s = Statement()
    users, items, d = s.size("users", 5), s.size("items", 6), s.size("d", 3)
    user, item, rating = s.input("user", values=users), s.input("item", values=items), s.target("rating")
    P, Q, b, c = (
        s.parameter("P", users, d),
        s.parameter("Q", items, d),
        s.parameter("b", users),
        s.parameter("c", items),
    )
    f, u, i = s.indices("f u i", d, users, items)
    r = s.define("r", (), s.sum(P[user, f] * Q[item, f], f) + b[user] + c[item])
    s.error((rating - r) ** 2 + s.sum(P[u, f] ** 2, u, f) / 10 + s.sum(Q[i, f] ** 2, i, f) / 10)

    def error(user, item, rating, P, Q, b, c):
        user, item = user - 1, item - 1
        r = np.sum(P[user] * Q[item], axis=1) + b[user] + c[item]
        return np.mean((rating - r) ** 2) + 0.1 * (np.sum(P**2) + np.sum(Q**2))

    return Model(s, error)


@model
def factorised_matrix() -> Model:
    """R is nearly U V, where it is known; there are no samples, and the sizes are names."""
    s = Statement()
    n, k, d = s.size("n"), s.size("k"), s.size("d", 2)
    known, R = s.input("known", n, k, samples=False), s.target("R", n, k, samples=False)
    U, V = s.parameter("U", n, d), s.parameter("V", d, k)
    i, j, f = s.indices("i j f", n, k, d)
    o = s.define("o", (i, j), s.sum(U[i, f] * V[f, j], f))
    s.error(s.sum(known[i, j] * (R[i, j] - o[i, j]) ** 2, i, j) / s.sum(known[i, j], i, j))
    s.promise_mask(known)

    def error(known, R, U, V):
        return np.sum(known * (R - U @ V) ** 2) / np.sum(known)

    return Model(s, error, sizes={"n": 5, "k": 4})


# Attention.


def causal(length: int) -> Any:
    """1 where a place may read another, no later one."""
    return np.tril(np.ones((length, length)))


@model
def attention() -> Model:
    """Several heads with a causal mask."""
    s = Statement()
    t, d, a, h = s.size("t", 4), s.size("d", 3), s.size("a", 2), s.size("h", 5)
    x, y, M = s.input("x", t, d), s.target("y", t, d), s.input("M", t, t, samples=False)
    Wq, Wk, Wv = (s.parameter(f"W{name}", h, a, d) for name in "qkv")
    Wo = s.parameter("Wo", d, h, a)
    p, r, u, i, e, g = s.indices("p r u i e g", t, t, t, d, a, h)
    q, k, v = (
        s.define(name, (g, p, e), s.sum(W[g, e, i] * x[p, i], i)) for name, W in zip("qkv", (Wq, Wk, Wv), strict=True)
    )
    score = s.define("score", (g, p, r), s.sum(q[g, p, e] * k[g, r, e], e) / sqrt(a))
    share = s.define("share", (g, p, r), M[p, r] * exp(score[g, p, r]) / s.sum(M[p, u] * exp(score[g, p, u]), u))
    c = s.define("c", (g, p, e), s.sum(share[g, p, r] * v[g, r, e], r))
    o = s.define("o", (p, i), s.sum(Wo[i, g, e] * c[g, p, e], g, e))
    s.error(s.sum((y[p, i] - o[p, i]) ** 2, p, i))
    s.promise_mask(M)

    def error(x, y, M, Wq, Wk, Wv, Wo):
        flat = [np.reshape(W, (10, 3)) for W in (Wq, Wk, Wv)]
        q, k, v = (np.transpose(np.reshape(x @ W.T, (len(x), 4, 5, 2)), (0, 2, 1, 3)) for W in flat)
        score = q @ np.swapaxes(k, 2, 3) / np.sqrt(2)
        c = softmax(np.where(M > 0, score, -1e30)) @ v
        c = np.reshape(np.transpose(c, (0, 2, 1, 3)), (len(x), 4, 10))
        return mean_square(y, c @ np.reshape(Wo, (3, 10)).T)

    return Model(s, error, data={"M": causal(4)})


@model
def attention_over_samples() -> Model:
    """Each sample reads all the others of its batch."""
    s = Statement()
    n, h, k = s.size("n", 3), s.size("h", 5), s.size("k", 2)
    x, y = s.input("x", n), s.target("y", k)
    Q, K, V = s.parameter("Q", h, n), s.parameter("K", h, n), s.parameter("V", k, n)
    i, j, r, u, w = *s.indices("i j r", h, n, k), s.sample("u"), s.sample("w")
    q, key = s.define("q", i, s.sum(Q[i, j] * x[j], j)), s.define("key", i, s.sum(K[i, j] * x[j], j))
    v = s.define("v", r, s.sum(V[r, j] * x[j], j))
    score = s.define("score", u, s.sum(key[i, u] * q[i], i) / sqrt(h))
    share = s.define("share", u, exp(score[u]) / s.sum(exp(score[w]), w))
    o = s.define("o", r, s.sum(share[u] * v[r, u], u))
    s.error(s.sum((y[r] - o[r]) ** 2, r))

    def error(x, y, Q, K, V):
        return mean_square(y, softmax((x @ Q.T) @ (x @ K.T).T / np.sqrt(5)) @ (x @ V.T))

    return Model(s, error)


def transformer(blocks: int) -> Model:
    """Blocks of a transformer, with the norm before each part."""
    s = Statement()
    t, d, a, h, f = s.size("t", 4), s.size("d", 6), s.size("a", 3), s.size("h", 2), s.size("f", 5)
    x, y, M = s.input("x", t, d), s.target("y", t, d), s.input("M", t, t, samples=False)
    eps = s.constant("eps", 0.001)
    s.promise_mask(M)
    p, r, u, i, e, g, j = s.indices("p r u i e g j", t, t, t, d, a, h, f)

    def norm(name: str, x: Any) -> Any:
        gain, offset = s.parameter(f"g{name}", d, start=1), s.parameter(f"b{name}", d)
        mu = s.define(f"mu{name}", p, s.mean(x[p, i], i))
        v = s.define(f"v{name}", p, s.mean((x[p, i] - mu[p]) ** 2, i))
        return s.define(f"n{name}", (p, i), gain[i] * (x[p, i] - mu[p]) / sqrt(v[p] + eps) + offset[i])

    out = x
    for b in range(1, blocks + 1):
        n = norm(f"a{b}", out)
        weights = {name: s.parameter(f"W{name}{b}", h, a, d) for name in "qkv"}
        q, k, v = (s.define(f"{c}{b}", (g, p, e), s.sum(W[g, e, i] * n[p, i], i)) for c, W in weights.items())
        score = s.define(f"s{b}", (g, p, r), s.sum(q[g, p, e] * k[g, r, e], e) / sqrt(a))
        powers = s.sum(M[p, u] * exp(score[g, p, u]), u)
        share = s.define(f"p{b}", (g, p, r), M[p, r] * exp(score[g, p, r]) / powers)
        c = s.define(f"c{b}", (g, p, e), s.sum(share[g, p, r] * v[g, r, e], r))
        Wo = s.parameter(f"Wo{b}", d, h, a)
        z = s.define(f"z{b}", (p, i), out[p, i] + s.sum(Wo[i, g, e] * c[g, p, e], g, e))
        n, A, B = norm(f"f{b}", z), s.parameter(f"A{b}", f, d), s.parameter(f"B{b}", d, f)
        w = s.define(f"w{b}", (p, j), s.apply("gelu", s.sum(A[j, i] * n[p, i], i)))
        out = s.define(f"y{b}", (p, i), z[p, i] + s.sum(B[i, j] * w[p, j], j))
    s.error(s.sum((y[p, i] - out[p, i]) ** 2, p, i))

    def error(x, y, M, **own):
        def normal(name, x):
            x = (x - np.mean(x, axis=-1, keepdims=True)) / np.sqrt(np.var(x, axis=-1, keepdims=True) + 1e-3)
            return own[f"g{name}"] * x + own[f"b{name}"]

        out = x
        for b in range(1, blocks + 1):
            n = normal(f"a{b}", out)
            q, k, v = (np.einsum("mtd,had->mhta", n, own[f"W{name}{b}"]) for name in "qkv")
            share = softmax(np.where(M > 0, np.einsum("mhta,mhra->mhtr", q, k) / np.sqrt(3), -1e30))
            out = out + np.einsum("mhtr,mhra,dha->mtd", share, v, own[f"Wo{b}"])
            z = normal(f"f{b}", out) @ own[f"A{b}"].T
            out = out + (z * (1 + special.erf(z / np.sqrt(2))) / 2) @ own[f"B{b}"].T
        return mean_square(y, out)

    return Model(s, error, data={"M": causal(4)})


@model
def transformer_block() -> Model:
    return transformer(1)


@model
def two_transformer_blocks() -> Model:
    return transformer(2)


# Recurrences.


@model
def elman() -> Model:
    """A recurrent network of four steps, with the same weights in each and a target for each."""
    s = Statement()
    t, n, h, k = s.size("t", 4), s.size("n", 3), s.size("h", 5), s.size("k", 2)
    x, y = s.input("x", t, n), s.target("y", t, k)
    W, U, b, V = s.parameter("W", h, n), s.parameter("U", h, h), s.parameter("b", h), s.parameter("V", k, h)
    i, j, u, r = s.indices("i j u r", h, n, h, k)
    state, squares = None, 0
    for p in range(1, 5):
        z = s.sum(W[i, j] * x[p, j], j) + b[i] + (s.sum(U[i, u] * state[u], u) if state else 0)
        state = s.define(f"h{p}", i, tanh(s.define(f"z{p}", i, z)[i]))
        o = s.define(f"o{p}", r, s.sum(V[r, i] * state[i], i))
        squares += s.sum((y[p, r] - o[r]) ** 2, r)
    s.error(squares)

    def error(x, y, W, U, b, V):
        state, found = np.zeros((len(x), 5)), 0
        for p in range(4):
            state = np.tanh(x[:, p] @ W.T + state @ U.T + b)
            found = found + mean_square(y[:, p], state @ V.T)
        return found

    return Model(s, error)


@model
def gru() -> Model:
    """Gated recurrent units over three steps."""
    s = Statement()
    t, n, h = s.size("t", 3), s.size("n", 2), s.size("h", 4)
    x, y = s.input("x", t, n), s.target("y", h)
    W, U, b = (
        dict(zip("rzn", group, strict=True))
        for group in (
            [s.parameter(f"W{g}", h, n) for g in "rzn"],
            [s.parameter(f"U{g}", h, h) for g in "rzn"],
            [s.parameter(f"b{g}", h) for g in "rzn"],
        )
    )
    i, j, u = s.indices("i j u", h, n, h)
    first = s.parameter("h0", h)
    state = s.define("h_0", i, first[i])
    for p in range(1, 4):
        into = {g: s.sum(W[g][i, j] * x[p, j], j) + b[g][i] for g in "rzn"}
        back = {g: s.sum(U[g][i, u] * state[u], u) for g in "rzn"}
        r = s.define(f"r_{p}", i, s.apply("sigmoid", into["r"] + back["r"]))
        z = s.define(f"z_{p}", i, s.apply("sigmoid", into["z"] + back["z"]))
        new = s.define(f"n_{p}", i, tanh(into["n"] + r[i] * back["n"]))
        state = s.define(f"h_{p}", i, (1 - z[i]) * new[i] + z[i] * state[i])
    s.error(s.mean((y[i] - state[i]) ** 2, i))

    def error(x, y, h0, **own):
        state = h0 * np.ones((len(x), 1))
        for p in range(3):
            into = {g: x[:, p] @ own[f"W{g}"].T + own[f"b{g}"] for g in "rzn"}
            r, z = (sigmoid(into[g] + state @ own[f"U{g}"].T) for g in "rz")
            new = np.tanh(into["n"] + r * (state @ own["Un"].T))
            state = (1 - z) * new + z * state
        return np.mean((y - state) ** 2)

    return Model(s, error)


@model
def lstm() -> Model:
    """Long short-term memory over three steps, with one weight for the four gates."""
    s = Statement()
    t, n, h = s.size("t", 3), s.size("n", 2), s.size("h", 4)
    x, y = s.input("x", t, n), s.target("y", h)
    W, U, b = s.parameter("W", 5, h, n), s.parameter("U", 5, h, h), s.parameter("b", 5, h)
    i, j, u, a = s.indices("i j u a", h, n, h, 5)
    state = cell = None
    for p in range(1, 4):
        z = s.sum(W[a, i, j] * x[p, j], j) + b[a, i] + (s.sum(U[a, i, u] * state[u], u) if state else 0)
        z = s.define(f"z{p}", (a, i), z)
        new = s.apply("sigmoid", z[1, i]) * tanh(z[2, i])
        cell = s.define(f"c{p}", i, new + (s.apply("sigmoid", z[3, i]) * cell[i] if cell else 0))
        state = s.define(f"h{p}", i, s.apply("sigmoid", z[4, i]) * tanh(cell[i]))
    s.error(s.mean((y[i] - state[i]) ** 2, i) + s.mean(z[5, i] ** 2, i))

    def error(x, y, W, U, b):
        state, cell = np.zeros((len(x), 4)), np.zeros((len(x), 4))
        for p in range(3):
            z = x[:, p] @ np.reshape(W, (20, 2)).T + state @ np.reshape(U, (20, 4)).T + np.reshape(b, 20)
            i, g, f, o, last = np.split(z, 5, axis=1)
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
            state = sigmoid(o) * np.tanh(cell)
        return np.mean((y - state) ** 2) + np.mean(last**2)

    return Model(s, error)


@model
def shifted_rows() -> Model:
    """A shared weight reads the first rows of an input and the rows after them."""
    s = Statement()
    n, q, k = s.size("n", 7), s.size("q", 4), s.size("k", 2)
    X, y, W = s.input("X", n), s.target("y", k), s.parameter("W", k, q)
    i, r = s.indices("i r", q, k)
    first = s.define("first", r, tanh(s.sum(W[r, i] * X[i], i)))
    second = s.define("second", r, tanh(s.sum(W[r, i] * X[i + 3], i)))
    s.error(s.sum((y[r] - first[r] * second[r]) ** 2, r))

    def error(X, y, W):
        return mean_square(y, np.tanh(X[:, :4] @ W.T) * np.tanh(X[:, 3:] @ W.T))

    return Model(s, error)


# Products over indices.


@model
def noisy_or() -> Model:
    """The probability that at least one of the causes acts; half of the inputs are 0, so that factors are 1."""
    s = Statement()
    n, k = s.size("n", 5), s.size("k", 2)
    x, y, W = s.input("x", n), s.target("y", k), s.parameter("W", k, n)
    i, j = s.indices("i j", k, n)
    p = s.define("p", (i, j), 1 / (1 + exp(-W[i, j])))
    o = s.define("o", i, 1 - s.prod(1 - p[i, j] * x[j], j))
    s.error(s.sum((y[i] - o[i]) ** 2, i))
    s.promise_mask(x)

    def error(x, y, W):
        return mean_square(y, 1 - np.prod(1 - sigmoid(W)[None] * x[:, None], axis=2))

    return Model(s, error)


@model
def products_with_zeros() -> Model:
    """Factors that are 0: one, or two, of a product, which divides by none of them."""
    s = Statement()
    n, h = s.size("n", 3), s.size("h", 4)
    x, y, W, c = s.input("x", n), s.target("y", n), s.parameter("W", h, n), s.parameter("c", h, start=1)
    i, j = s.indices("i j", h, n)
    o = s.define("o", j, s.prod(W[i, j] * x[j], i) + 2 * s.prod(c[i], i) * x[j] ** 2)
    s.error(s.sum((y[j] - o[j]) ** 2, j) / s.prod(2 + W[i, j] ** 2, i, j))

    def error(x, y, W, c):
        o = W[0] * W[1] * W[2] * W[3] * x**4 + 2 * np.prod(c) * x**2  # autograd's prod divides by each factor
        return mean_square(y, o) / np.prod(2 + W**2)

    return Model(s, error, {"W": np.array([[1.5, 0.0, 0.0], [0.5, 2.0, -1.0], [1.0, 0.5, 0.0], [2.0, 1.0, 1.0]])})


@model
def product_of_shifts() -> Model:
    """A product of neighbours, over the places and the channels, and one over the samples."""
    s = Statement()
    c, t, q, k = s.size("c", 2), s.size("t", 6), s.size("q", 4), s.size("k", 3)
    x, y, w = s.input("x", c, t), s.target("y", q), s.parameter("w", c, t)
    i, p, r, u = *s.indices("i p r", c, q, k), s.sample("u")
    z = s.define("z", (i, r, p), w[i, p + r - 1] + x[i, p + r - 1])
    o = s.define("o", p, s.prod(z[i, r, p], i, r))
    g = s.define("g", p, s.prod(1 + o[p, u] ** 2 / 9, u))
    s.error(s.sum((y[p] - o[p]) ** 2, p) + s.sum(log(g[p]), p))

    def error(x, y, w):
        z = np.stack([(w[None] + x)[:, :, r : r + 4] for r in range(3)], axis=2)
        o = np.prod(np.prod(z, axis=2), axis=1)
        return mean_square(y, o) + np.sum(np.log(np.prod(1 + o**2 / 9, axis=0)))

    return Model(s, error)


# Entries in exponents.


@model
def cobb_douglas() -> Model:
    """A product of powers of positive inputs, whose exponents are learned."""
    s = Statement()
    n, k = s.size("n", 3), s.size("k", 2)
    x, y, W, c = s.input("x", n), s.target("y", k), s.parameter("W", k, n), s.parameter("c", k, start=1)
    i, j = s.indices("i j", k, n)
    s.promise_positive(x)
    o = s.define("o", i, c[i] * s.prod(x[j] ** W[i, j], j))
    s.error(s.sum((y[i] - o[i]) ** 2, i))

    def error(x, y, W, c):
        return mean_square(y, c * np.prod(x[:, None] ** W[None], axis=2))

    return Model(s, error)


@model
def powers() -> Model:
    """Bases that are positive by their form: an exponential, a square and 1, and a tensor whose equation is one."""
    s = Statement()
    n, h = s.size("n", 3), s.size("h", 4)
    x, y, W, b = s.input("x", n), s.target("y", h), s.parameter("W", h, n), s.parameter("b", h)
    i, j = s.indices("i j", h, n)
    z = s.define("z", i, s.sum(W[i, j] * x[j], j))
    q = s.define("q", i, 1 + z[i] ** 2)
    o = s.define("o", i, q[i] ** b[i] + (s.sum(exp(x[j]), j) + 1) ** tanh(z[i]) / (1 + exp(-z[i])) ** z[i])
    s.error(s.sum((y[i] - o[i]) ** 2, i))

    def error(x, y, W, b):
        z = x @ W.T
        total = np.sum(np.exp(x), axis=1, keepdims=True) + 1
        return mean_square(y, (1 + z**2) ** b + total ** np.tanh(z) / (1 + np.exp(-z)) ** z)

    return Model(s, error)


# Derivatives in equations.


@model
def heat_equation() -> Model:
    """A physics-informed network: what is left of the heat equation, u_t = u_xx / 4, is made small."""
    s = Statement()
    h, k = s.size("h", 4), s.size("k", 3)
    x, t, w, v, b = s.input("x"), s.input("t"), s.parameter("w", h), s.parameter("v", h), s.parameter("b", h)
    U, c = s.parameter("U", k, h), s.parameter("c", k)
    i, j = s.indices("i j", h, k)
    a = s.define("a", i, tanh(w[i] * x + v[i] * t + b[i]))
    g = s.define("g", j, tanh(s.sum(U[j, i] * a[i], i)))
    u = s.define("u", (), s.sum(c[j] * g[j], j))
    r = s.define("r", (), s.diff(u, t) - s.diff(s.diff(u, x), x) / 4)
    s.error(r**2 + (u - sin(x)) ** 2)
    s.output(u)

    def error(x, t, w, v, b, U, c):
        def u(x, t):
            return np.tanh(np.tanh(x[:, None] * w + t[:, None] * v + b) @ U.T) @ c

        slope = elementwise_grad(u)
        r = elementwise_grad(u, 1)(x, t) - elementwise_grad(slope)(x, t) / 4
        return np.mean(r**2 + (u(x, t) - np.sin(x)) ** 2)

    return Model(s, error)


@model
def forces() -> Model:
    """The forces of a learned energy of a chain of atoms are fitted: its derivatives by their positions."""
    s = Statement()
    n, h, q = s.size("n", 4), s.size("h", 3), s.size("q", 3)
    x, y, W = s.input("x", n), s.target("y", n), s.parameter("W", h)
    b, c = s.parameter("b", h), s.parameter("c", h)
    i, j, p = s.indices("i j p", h, n, q)
    d = s.define("d", p, (x[p + 1] - x[p]) ** 2)
    a = s.define("a", (i, p), tanh(W[i] * d[p] + b[i]))
    e = s.define("e", (), s.sum(c[i] * a[i, p], i, p))
    f = s.define("f", j, -s.diff(e, x)[j])
    s.error(s.sum((y[j] - f[j]) ** 2, j))

    def error(x, y, W, b, c):
        def energy(x):
            d = (x[:, 1:] - x[:, :-1]) ** 2
            return np.sum(np.tanh(d[:, None] * W[:, None] + b[:, None]) * c[:, None])

        return mean_square(y, -elementwise_grad(energy)(x))

    return Model(s, error)


# Losses, and data of all kinds.


@model
def lora() -> Model:
    """A frozen weight and a learned one of low rank; half of the latter starts at 0."""
    s = Statement()
    n, h, r, alpha = s.size("n", 3), s.size("h", 5), s.size("r", 2), s.constant("alpha", 16)
    x, y, W = s.input("x", n), s.target("y", h), s.input("W", h, n, samples=False)
    A, B = s.parameter("A", r, n, start="he_normal"), s.parameter("B", h, r, start=0)
    i, j, k = s.indices("i j k", h, n, r)
    low = s.define("low", k, s.sum(A[k, j] * x[j], j))
    o = s.define("o", i, s.sum(W[i, j] * x[j], j) + alpha / r * s.sum(B[i, k] * low[k], k))
    s.error(s.mean((y[i] - tanh(o[i])) ** 2, i))
    s.output(o)

    def error(x, y, W, A, B):
        return np.mean((y - np.tanh(x @ (W + 16 / 2 * B @ A).T)) ** 2)

    return Model(s, error)


@model
def triplet() -> Model:
    """A siamese network: three inputs, one weight, and a margin."""
    s = Statement()
    n, h, margin = s.size("n", 3), s.size("h", 5), s.constant("margin", 0.5)
    a, p, q = s.input("anchor", n), s.input("positive", n), s.input("negative", n)
    W, b, (i, j) = s.parameter("W", h, n), s.parameter("b", h), s.indices("i j", h, n)
    e, f, g = (
        s.define(name, i, tanh(s.sum(W[i, j] * x[j], j) + b[i])) for name, x in zip("efg", (a, p, q), strict=True)
    )
    near = s.define("near", (), s.sum((e[i] - f[i]) ** 2, i))
    far = s.define("far", (), s.sum((e[i] - g[i]) ** 2, i))
    s.error(Max(0, near - far + margin))
    s.output(e)

    def error(anchor, positive, negative, W, b):
        e, f, g = (np.tanh(x @ W.T + b) for x in (anchor, positive, negative))
        return np.mean(np.maximum(0, np.sum((e - f) ** 2, axis=1) - np.sum((e - g) ** 2, axis=1) + 0.5))

    return Model(s, error)


@model
def info_nce() -> Model:
    """Two views of each sample; all other samples of the batch are the negatives, with a learned temperature."""
    s = Statement()
    n, k, d = s.size("n", 3), s.size("k", 4), s.size("d", 5)
    x, v = s.input("x", n), s.input("v", k)
    A, B, tau = s.parameter("A", d, n), s.parameter("B", d, k), s.parameter("tau", start=1)
    i, c, j, r, u = *s.indices("i c j r", d, d, n, k), s.sample("u")
    a, b = s.define("a", i, s.sum(A[i, j] * x[j], j)), s.define("b", i, s.sum(B[i, r] * v[r], r))
    na = s.define("na", i, a[i] / sqrt(s.sum(a[c] ** 2, c)))
    nb = s.define("nb", i, b[i] / sqrt(s.sum(b[c] ** 2, c)))
    score = s.define("score", u, s.sum(na[i] * nb[i, u], i) / tau)
    s.error(log(s.sum(exp(score[u]), u)) - s.sum(na[i] * nb[i], i) / tau)
    s.promise_positive(tau)

    def error(x, v, A, B, tau):
        a, b = x @ A.T, v @ B.T
        a, b = (c / np.sqrt(np.sum(c**2, axis=1, keepdims=True)) for c in (a, b))
        score = a @ b.T / tau
        return np.mean(special.logsumexp(score, axis=1) - np.diag(score))

    return Model(s, error)


@model
def gaussian_heads() -> Model:
    """A mean and a logarithm of a variance from one hidden layer, with the negative log-likelihood."""
    s = Statement()
    n, h, k = s.size("n", 3), s.size("h", 5), s.size("k", 2)
    x, y, W, b = s.input("x", n), s.target("y", k), s.parameter("W", h, n), s.parameter("b", h)
    V, c, U, d = s.parameter("V", k, h), s.parameter("c", k), s.parameter("U", k, h), s.parameter("d", k)
    i, j, r = s.indices("i j r", h, n, k)
    a = s.define("a", i, tanh(s.sum(W[i, j] * x[j], j) + b[i]))
    mu = s.define("mu", r, s.sum(V[r, i] * a[i], i) + c[r])
    v = s.define("v", r, s.sum(U[r, i] * a[i], i) + d[r])
    s.error(s.sum(v[r] + (y[r] - mu[r]) ** 2 / exp(v[r]) + log(2 * pi), r) / 2)
    s.output(mu, v)

    def error(x, y, W, b, V, c, U, d):
        a = np.tanh(x @ W.T + b)
        mu, v = a @ V.T + c, np.exp(a @ U.T + d)
        return np.sum(np.log(2 * np.pi * v) + (y - mu) ** 2 / v) / 2 / len(x)

    return Model(s, error)


@model
def focal_loss() -> Model:
    """Classes, with a weight for each of them and gamma = 2."""
    s = Statement()
    n, k, gamma = s.size("n", 3), s.size("k", 4), s.constant("gamma", 2)
    x, y, alpha = s.input("x", n), s.target("y", k), s.input("alpha", k, samples=False)
    W, b, (i, c, j) = s.parameter("W", k, n), s.parameter("b", k), s.indices("i c j", k, k, n)
    z = s.define("z", i, s.sum(W[i, j] * x[j], j) + b[i])
    p = s.define("p", i, exp(z[i]) / s.sum(exp(z[c]), c))
    s.error(-s.sum(alpha[i] * y[i] * (1 - p[i]) ** gamma * log(p[i]), i))
    s.promise_sums_to_one(y, over=i)
    s.output(p)

    def error(x, y, alpha, W, b):
        p = softmax(x @ W.T + b)
        return -np.sum(alpha * y * (1 - p) ** 2 * np.log(p)) / len(x)

    return Model(s, error)


@model
def mixture_density() -> Model:
    """A mixture of three normal distributions of a number, whose shares, means and widths depend on x."""
    s = Statement()
    n, h, k = s.size("n", 2), s.size("h", 5), s.size("k", 3)
    x, y, W, b = s.input("x", n), s.target("y"), s.parameter("W", h, n), s.parameter("b", h)
    A, B, C = s.parameter("A", k, h), s.parameter("B", k, h), s.parameter("C", k, h)
    i, j, r, c = s.indices("i j r c", h, n, k, k)
    a = s.define("a", i, tanh(s.sum(W[i, j] * x[j], j) + b[i]))
    z = s.define("z", r, s.sum(A[r, i] * a[i], i))
    share = s.define("share", r, exp(z[r]) / s.sum(exp(z[c]), c))
    mu = s.define("mu", r, s.sum(B[r, i] * a[i], i))
    sigma = s.define("sigma", r, exp(s.sum(C[r, i] * a[i], i)))
    density = exp(-((y - mu[r]) ** 2) / (2 * sigma[r] ** 2)) / (sqrt(2 * pi) * sigma[r])
    s.error(-log(s.sum(share[r] * density, r)))
    s.output(share, mu, sigma)

    def error(x, y, W, b, A, B, C):
        a = np.tanh(x @ W.T + b)
        z, mu, width = a @ A.T, a @ B.T, a @ C.T
        shares = z - special.logsumexp(z, axis=1, keepdims=True)
        normal = -(((y[:, None] - mu) / np.exp(width)) ** 2) / 2 - width - np.log(2 * np.pi) / 2
        return -np.mean(special.logsumexp(shares + normal, axis=1))

    return Model(s, error)


@model
def physics_informed() -> Model:
    """The Poisson equation: the Laplacian of a network, of which no more than the formula of tanh'' is written."""
    s = Statement()
    n, h = s.size("n", 2), s.size("h", 5)
    x, force, edge, wanted = s.input("x", n), s.input("force"), s.input("edge", n), s.target("wanted")
    W, b, v = s.parameter("W", h, n), s.parameter("b", h), s.parameter("v", h)
    i, j = s.indices("i j", h, n)
    a = s.define("a", i, tanh(s.sum(W[i, j] * x[j], j) + b[i]))
    laplace = s.define("laplace", (), s.sum(v[i] * s.sum(W[i, j] ** 2, j) * -2 * a[i] * (1 - a[i] ** 2), i))
    g = s.define("g", (), s.sum(v[i] * tanh(s.sum(W[i, j] * edge[j], j) + b[i]), i))
    s.error((laplace - force) ** 2 + (g - wanted) ** 2)
    s.output(g)

    def error(x, force, edge, wanted, W, b, v):
        net = lambda p, q: np.tanh(np.outer(p, W[:, 0]) + np.outer(q, W[:, 1]) + b) @ v  # noqa: E731
        p, q = x[:, 0], x[:, 1]
        along, across = (elementwise_grad(elementwise_grad(net, axis), axis)(p, q) for axis in (0, 1))
        return np.mean((along + across - force) ** 2) + np.mean((net(edge[:, 0], edge[:, 1]) - wanted) ** 2)

    return Model(s, error)


@model
def wave_informed() -> Model:
    """An oscillator, u'' + w**2 u = 0, with sines for activations, a learned frequency, and two layers."""
    s = Statement()
    h, k = s.size("h", 5), s.size("k", 3)
    t, A, b, B, v, w = (
        s.input("t"),
        s.parameter("A", h),
        s.parameter("b", h),
        s.parameter("B", k, h),
        s.parameter("v", k),
        s.parameter("w", start=1),
    )
    i, r = s.indices("i r", h, k)
    z = s.define("z", i, A[i] * t + b[i])
    first = s.define("first", i, sin(z[i]))
    slope = s.define("slope", r, s.sum(B[r, i] * A[i] * cos(z[i]), i))
    bend = s.define("bend", r, -s.sum(B[r, i] * A[i] ** 2 * first[i], i))
    y = s.define("y", r, s.sum(B[r, i] * first[i], i))
    u = s.define("u", (), s.sum(v[r] * sin(y[r]), r))
    second = s.define("second", (), s.sum(v[r] * (cos(y[r]) * bend[r] - sin(y[r]) * slope[r] ** 2), r))
    s.error((second + w**2 * u) ** 2)
    s.output(u)

    def error(t, A, b, B, v, w):
        net = lambda t: np.sin(np.sin(np.outer(t, A) + b) @ B.T) @ v  # noqa: E731
        return np.mean((elementwise_grad(elementwise_grad(net))(t) + w**2 * net(t)) ** 2)

    return Model(s, error)


@model
def weighted_samples() -> Model:
    """A weight for each sample, and a mask of the targets that are known."""
    s = Statement()
    n, k = s.size("n", 3), s.size("k", 2)
    x, weight, known, y = s.input("x", n), s.input("weight"), s.input("known", k), s.target("y", k)
    W, b, (i, j) = s.parameter("W", k, n), s.parameter("b", k), s.indices("i j", k, n)
    o = s.define("o", i, tanh(s.sum(W[i, j] * x[j], j) + b[i]))
    s.error(weight * s.sum(known[i] * (y[i] - o[i]) ** 2, i))
    s.promise_mask(known)
    s.promise_positive(weight)
    s.output(o)

    def error(x, weight, known, y, W, b):
        return np.mean(weight * np.sum(known * (y - np.tanh(x @ W.T + b)) ** 2, axis=1))

    return Model(s, error)


@model
def masked_mean() -> Model:
    """The mean over the entries that are known, of all samples together."""
    s = Statement()
    n, k = s.size("n", 3), s.size("k", 2)
    x, known, y, W = s.input("x", n), s.input("known", k), s.target("y", k), s.parameter("W", k, n)
    i, j, u = *s.indices("i j", k, n), s.sample("u")
    o = s.define("o", i, tanh(s.sum(W[i, j] * x[j], j)))
    count = s.define("count", (), s.sum(known[i, u], i, u))
    s.error(s.sum(known[i, u] * (y[i, u] - o[i, u]) ** 2, i, u) / count)
    s.promise_mask(known)

    def error(x, known, y, W):
        return np.sum(known * (y - np.tanh(x @ W.T)) ** 2) / np.sum(known)

    return Model(s, error)


@model
def distillation() -> Model:
    """The logits of a teacher are an input, and the student has the same temperature; there is no target."""
    s = Statement()
    n, k, T = s.size("n", 3), s.size("k", 4), s.constant("T", 3)
    x, teacher, W, b = s.input("x", n), s.input("teacher", k), s.parameter("W", k, n), s.parameter("b", k)
    i, c, j = s.indices("i c j", k, k, n)
    z = s.define("z", i, s.sum(W[i, j] * x[j], j) + b[i])
    q = s.define("q", i, exp(teacher[i] / T) / s.sum(exp(teacher[c] / T), c))
    p = s.define("p", i, exp(z[i] / T) / s.sum(exp(z[c] / T), c))
    s.error(T**2 * s.sum(q[i] * (log(q[i]) - log(p[i])), i))
    s.output(p)

    def error(x, teacher, W, b):
        p, q = softmax((x @ W.T + b) / 3), softmax(teacher / 3)
        return 9 * np.sum(q * np.log(q / p)) / len(x)

    return Model(s, error)


@model
def variational_autoencoder() -> Model:
    """Noise is an input, and the input is what is predicted."""
    s = Statement()
    n, d = s.size("n", 4), s.size("d", 2)
    x, noise = s.input("x", n), s.input("noise", d)
    M, V, D, b = s.parameter("M", d, n), s.parameter("V", d, n), s.parameter("D", n, d), s.parameter("b", n)
    i, j = s.indices("i j", d, n)
    mu = s.define("mu", i, s.sum(M[i, j] * x[j], j))
    v = s.define("v", i, s.sum(V[i, j] * x[j], j))
    z = s.define("z", i, mu[i] + exp(v[i] / 2) * noise[i])
    o = s.define("o", j, s.sum(D[j, i] * z[i], i) + b[j])
    s.error(s.sum((x[j] - o[j]) ** 2, j) / 2 + s.sum(exp(v[i]) + mu[i] ** 2 - 1 - v[i], i) / 2)
    s.output(o)

    def error(x, noise, M, V, D, b):
        mu, v = x @ M.T, x @ V.T
        o = (mu + np.exp(v / 2) * noise) @ D.T + b
        return (np.sum((x - o) ** 2) - np.sum(1 + v - mu**2 - np.exp(v))) / 2 / len(x)

    return Model(s, error)


@model
def root_mean_square() -> Model:
    """The root of a named sum, divided by a number that is computed."""
    s = Statement()
    n, k = s.size("n", 3), s.size("k", 2)
    x, y, W = s.input("x", n), s.target("y", k), s.parameter("W", k, n)
    i, j, u = *s.indices("i j", k, n), s.sample("u")
    o = s.define("o", i, s.sum(W[i, j] * x[j], j))
    squares = s.define("squares", (), s.sum((y[i, u] - o[i, u]) ** 2, i, u) / (k * s.samples))
    spread = s.define("spread", (), 1 + s.sum(W[i, j] ** 2, i, j))
    s.error(sqrt(squares) / spread)

    def error(x, y, W):
        return np.sqrt(np.mean((y - x @ W.T) ** 2)) / (1 + np.sum(W**2))

    return Model(s, error)


# Further rows of algebra.


@model
def taken_names() -> Model:
    """Names that Python or the module has for something else."""
    s = Statement()
    n, h, k = s.size("numpy", 3), s.size("len", 5), s.size("max", 2)
    x, y = s.input("math", n), s.target("dtype", k)
    W, b, V, g = s.parameter("parameters", h, n), s.parameter("tanh", h), s.parameter("lambda", k, h), s.parameter("E")
    i, j, r = s.indices("np import def", h, n, k)
    a = s.define("exp", i, tanh(s.sum(W[i, j] * x[j], j) + b[i]))
    o = s.define("sum", r, s.sum(V[r, i] * a[i], i) + g)
    s.error(s.mean((y[r] - o[r]) ** 2, r), "values")

    def error(**v):
        a = np.tanh(v["math"] @ v["parameters"].T + v["tanh"])
        return np.mean((v["dtype"] - a @ v["lambda"].T - v["E"]) ** 2)

    return Model(s, error)


@model
def repeated_sum() -> Model:
    """A sum of units, repeated over units, and the row sums of a weight."""
    s = Statement()
    n, h = s.size("n", 3), s.size("h", 5)
    x, y, W = s.input("x", n), s.target("y", h), s.parameter("W", h, n)
    i, j, u = s.indices("i j u", h, n, h)
    z = s.define("z", i, s.sum(W[i, j] * x[j], j))
    t = s.define("t", i, s.sum(tanh(z[u]), u) + 0 * z[i])
    o = s.define("o", i, t[i] + z[i] ** 2 * s.sum(W[i, j], j))
    s.error(s.sum((y[i] - o[i]) ** 2, i))

    def error(x, y, W):
        z = x @ W.T
        return mean_square(y, np.sum(np.tanh(z), axis=1, keepdims=True) + z**2 * np.sum(W, axis=1))

    return Model(s, error)


@model
def diagonal() -> Model:
    """Entries of the diagonal and of the first row of a weight, and its row sums."""
    s = Statement()
    n = s.size("n", 4)
    x, y, W, (i, j) = s.input("x", n), s.target("y", n), s.parameter("W", n, n), s.indices("i j", n)
    o = s.define("o", i, tanh(W[i, i] * x[i] + W[1, i] * x[2] + s.sum(W[i, j], j)))
    s.error(s.sum((y[i] - o[i]) ** 2, i))

    def error(x, y, W):
        return mean_square(y, np.tanh(np.diag(W) * x + W[0] * x[:, 1:2] + np.sum(W, axis=1)))

    return Model(s, error)


@model
def both_sides() -> Model:
    """A graph with two kinds of edges: a sum of products of three matrices in one equation."""
    s = Statement()
    nodes, n, h = s.size("nodes", 4), s.size("n", 3), s.size("h", 2)
    S1, S2 = (s.input(f"S{k}", nodes, nodes, samples=False) for k in (1, 2))
    X, y = s.input("X", n, nodes, samples=False), s.target("y", h, nodes, samples=False)
    W1, W2 = s.parameter("W1", h, n), s.parameter("W2", h, n)
    i, j, p, q = s.indices("i j p q", h, n, nodes, nodes)
    Z = s.define("Z", (i, p), sum(s.sum(W[i, j] * X[j, q] * S[q, p], j, q) for W, S in ((W1, S1), (W2, S2))))
    s.error(s.sum((y[i, p] - tanh(Z[i, p])) ** 2, i, p))
    s.output(Z)

    def error(S1, S2, X, y, W1, W2):
        return np.sum((y - np.tanh(W1 @ X @ S1 + W2 @ X @ S2)) ** 2)

    return Model(s, error)


@model
def no_input() -> Model:
    """A matrix is learned that is orthogonal."""
    s = Statement()
    n = s.size("n", 4)
    A, (i, j, k) = s.parameter("A", n, n), s.indices("i j k", n)
    G = s.define("G", (i, j), s.sum(A[i, k] * A[j, k], k))
    s.error(s.sum(G[i, j] ** 2, i, j) - 2 * s.sum(A[i, j] ** 2, i, j) + n)

    def error(A):
        return np.sum((A @ A.T - np.eye(4)) ** 2)

    return Model(s, error)


@model
def learned_input() -> Model:
    """What would be the input is learned, as in style transfer."""
    s = Statement()
    n, h = s.size("n", 3), s.size("h", 5)
    W, y, x = s.input("W", h, n, samples=False), s.target("y", h, samples=False), s.parameter("x", n, start="he_normal")
    i, j = s.indices("i j", h, n)
    o = s.define("o", i, tanh(s.sum(W[i, j] * x[j], j)))
    s.error(s.sum((y[i] - o[i]) ** 2, i))

    def error(W, y, x):
        return np.sum((y - np.tanh(W @ x)) ** 2)

    return Model(s, error)
