"""Networks stated by hand, as forward equations and nothing else.

Widths that may differ do, so that a lost transpose cannot hide.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from helpers import Statement, axis
from sympy import Expr, Rational, exp, log, sqrt, tanh

from derive.calculus.forward import ForwardPass
from derive.calculus.functions import elementwise
from derive.calculus.index import SAMPLE_AXIS, SAMPLES, Axis, Tensor, total
from derive.calculus.promises import SumsToOne
from derive.catalogue.activations import ACTIVATIONS

S = SAMPLE_AXIS
INPUTS, UNITS, MORE, OUTPUTS = axis(3), axis(5), axis(4), axis(2)
SMALL = Rational(1, 1000)


def begun(inputs: Axis = INPUTS, outputs: Axis = OUTPUTS) -> tuple[Statement, Tensor, Tensor]:
    """A statement with its inputs and its targets."""
    s = Statement()
    return s, s.given("X", "input", inputs), s.given("Y", "target", outputs)


def softmax_cross_entropy() -> ForwardPass:
    """One layer, softmax, cross-entropy, and targets that sum to one."""
    s, x, y = begun(outputs=MORE)
    w, b = s.learned("W1", MORE, INPUTS, layer=1), s.learned("b1", MORE, layer=1)
    z = s.dense("z1", w, x, b, role="preactivation", layer=1)
    softmax = lambda i, u: exp(z[i, u]) / s.sum(MORE, lambda j: exp(z[j, u]))  # noqa: E731
    p = s.define("p", z.axes, softmax, role="prediction", layer=1)
    i, u = s.supply.several(y.axes)
    return s.error(-total(y[i, u] * log(p[i, u]), i, u) / SAMPLES, promises=(SumsToOne(y),))


def softmax_in_steps() -> ForwardPass:
    """The same with a tensor for the powers, one for their sum, and one for the quotient."""
    s, x, y = begun(outputs=MORE)
    z = s.dense("z", s.learned("W", MORE, INPUTS), x)
    e = s.define("e", z.axes, lambda i, u: exp(z[i, u]))
    t = s.define("t", (S,), lambda u: s.sum(MORE, lambda j: e[j, u]))
    p = s.define("p", z.axes, lambda i, u: e[i, u] / t[u,])
    i, u = s.supply.several(y.axes)
    return s.error(-total(y[i, u] * log(p[i, u]), i, u) / SAMPLES, promises=(SumsToOne(y),))


def _normalised(steps: bool) -> ForwardPass:
    s, x, y = begun()
    z = s.dense("z", s.learned("W", UNITS, INPUTS), x)
    count = UNITS.extent
    mean = lambda u: s.sum(UNITS, lambda j: z[j, u]) / count  # noqa: E731
    if steps:
        mu = s.define("mu", (S,), mean)
        c = s.define("c", z.axes, lambda i, u: z[i, u] - mu[u,])
        v = s.define("v", (S,), lambda u: s.sum(UNITS, lambda j: c[j, u] ** 2) / count)
        n = s.define("n", z.axes, lambda i, u: c[i, u] / sqrt(v[u,] + SMALL))
    else:
        variance = lambda u: s.sum(UNITS, lambda j: (z[j, u] - mean(u)) ** 2) / count  # noqa: E731
        n = s.define("n", z.axes, lambda i, u: (z[i, u] - mean(u)) / sqrt(variance(u) + SMALL))
    g, b = s.learned("g", UNITS), s.learned("b", UNITS)
    h = s.define("h", n.axes, lambda i, u: g[i,] * n[i, u] + b[i,])
    out = s.dense("o", s.learned("V", OUTPUTS, UNITS), s.apply("a", "tanh", h))
    return s.error(s.squares(y, out))


def layer_norm() -> ForwardPass:
    """LayerNorm, stated as one equation."""
    return _normalised(steps=False)


def layer_norm_in_steps() -> ForwardPass:
    """LayerNorm, stated as mean, difference, variance and quotient."""
    return _normalised(steps=True)


def layer_norm_with_gain() -> ForwardPass:
    """LayerNorm with its gain and offset, stated as one equation."""
    s, x, y = begun()
    z = s.dense("z", s.learned("W", UNITS, INPUTS), x)
    g, b = s.learned("g", UNITS), s.learned("b", UNITS)

    def deviation(i: Expr, u: Expr) -> Expr:
        return z[i, u] - s.sum(UNITS, lambda j: z[j, u]) / UNITS.extent

    def formula(i: Expr, u: Expr) -> Expr:
        variance = s.sum(UNITS, lambda j: deviation(j, u) ** 2) / UNITS.extent
        return g[i,] * deviation(i, u) / sqrt(variance + Rational(1, 1000)) + b[i,]

    n = s.define("n", z.axes, formula)
    return s.error(s.squares(y, s.dense("o", s.learned("V", OUTPUTS, UNITS), n)))


def scaled_scores() -> ForwardPass:
    """A softmax of scaled inner products with learned keys, stated as one equation."""
    s, x, y = begun()
    q, k = s.dense("q", s.learned("Q", UNITS, INPUTS), x), s.learned("K", MORE, UNITS)

    def power(t: Expr, u: Expr) -> Expr:
        return exp(s.sum(UNITS, lambda i: k[t, i] * q[i, u]) / sqrt(UNITS.extent))

    p = s.define("p", (MORE, S), lambda t, u: power(t, u) / s.sum(MORE, lambda r: power(r, u)))
    return s.error(s.squares(y, s.dense("o", s.learned("V", OUTPUTS, MORE), p)))


def batch_norm() -> ForwardPass:
    """Normalised over the samples: the samples of a batch are coupled."""
    s, x, y = begun()
    z = s.dense("z", s.learned("W", UNITS, INPUTS), x)
    mu = s.define("mu", (UNITS,), lambda i: s.sum(S, lambda u: z[i, u]) / SAMPLES)
    v = s.define("v", (UNITS,), lambda i: s.sum(S, lambda u: (z[i, u] - mu[i,]) ** 2) / SAMPLES)
    g = s.learned("g", UNITS)
    n = s.define("n", z.axes, lambda i, u: g[i,] * (z[i, u] - mu[i,]) / sqrt(v[i,] + SMALL))
    out = s.dense("o", s.learned("V", OUTPUTS, UNITS), s.apply("h", "tanh", n))
    return s.error(s.squares(y, out))


def residual() -> ForwardPass:
    """h2 = h1 + f(W h1 + b), between layers of other widths."""
    s, x, y = begun()
    h1 = s.apply("h1", "tanh", s.dense("z1", s.learned("W1", UNITS, INPUTS), x, s.learned("b1", UNITS)))
    z2 = s.dense("z2", s.learned("W2", UNITS, UNITS), h1, s.learned("b2", UNITS))
    f2 = s.apply("f2", "sigmoid", z2)
    h2 = s.define("h2", h1.axes, lambda i, u: h1[i, u] + f2[i, u])
    out = s.dense("o", s.learned("W3", OUTPUTS, UNITS), h2, s.learned("b3", OUTPUTS))
    return s.error(s.squares(y, out))


def residual_twice() -> ForwardPass:
    """Two residual blocks, one after the other; the inner layer of each is narrower."""
    s, x, y = begun()
    h = s.apply("h0", "tanh", s.dense("z0", s.learned("W0", UNITS, INPUTS), x))
    for block in (1, 2):
        down, up = s.learned(f"U{block}", MORE, UNITS), s.learned(f"V{block}", UNITS, MORE)
        r = s.dense(f"r{block}", up, s.apply(f"f{block}", "tanh", s.dense(f"z{block}", down, h)))
        h = s.define(f"h{block}", h.axes, lambda i, u, h=h, r=r: h[i, u] + r[i, u])
    return s.error(s.squares(y, s.dense("o", s.learned("W", OUTPUTS, UNITS), h)))


def _tied(bias: bool) -> ForwardPass:
    s, x, y = begun()
    h = s.apply("h1", "tanh", s.dense("z1", s.learned("W1", UNITS, INPUTS), x))
    w, b = s.learned("W", UNITS, UNITS), s.learned("b", UNITS) if bias else None
    for layer in (2, 3):
        h = s.apply(f"h{layer}", "sigmoid", s.dense(f"z{layer}", w, h, b))
    return s.error(s.squares(y, s.dense("o", s.learned("W4", OUTPUTS, UNITS), h)))


def tied() -> ForwardPass:
    """The same W in two layers."""
    return _tied(bias=False)


def tied_with_bias() -> ForwardPass:
    """The same W and the same b in two layers."""
    return _tied(bias=True)


def autoencoder() -> ForwardPass:
    """W on the way in, its transpose on the way out."""
    s, x, y = begun(MORE, MORE)
    w = s.learned("W", INPUTS, MORE)
    h = s.apply("h", "sigmoid", s.dense("z", w, x, s.learned("b", INPUTS)))
    c = s.learned("c", MORE)
    out = s.define("o", y.axes, lambda i, u: s.sum(INPUTS, lambda j: w[j, i] * h[j, u]) + c[i,])
    return s.error(s.squares(y, out))


def symmetric_weight() -> ForwardPass:
    """(W + W^T) x: the same weight twice in one term."""
    s, x, y = begun(MORE, MORE)
    w = s.learned("W", MORE, MORE)
    out = s.define("o", y.axes, lambda i, u: s.sum(MORE, lambda j: (w[i, j] + w[j, i]) * x[j, u]))
    return s.error(s.squares(y, out))


def gating() -> ForwardPass:
    """One branch opens and closes the other."""
    s, x, y = begun()
    g = s.apply("g", "sigmoid", s.dense("zg", s.learned("U", UNITS, INPUTS), x, s.learned("c", UNITS)))
    h = s.apply("h", "tanh", s.dense("zh", s.learned("V", UNITS, INPUTS), x))
    p = s.define("p", g.axes, lambda i, u: g[i, u] * h[i, u])
    return s.error(s.squares(y, s.dense("o", s.learned("W", OUTPUTS, UNITS), p)))


def loss_of_two_layers() -> ForwardPass:
    """The error reads the outputs and a hidden layer."""
    s, x, y = begun()
    h = s.apply("h", "tanh", s.dense("z", s.learned("U", UNITS, INPUTS), x, s.learned("b", UNITS)))
    out = s.dense("o", s.learned("W", OUTPUTS, UNITS), h)
    i, u = s.supply.several(h.axes)
    return s.error(s.squares(y, out) + Rational(1, 3) * total(h[i, u] ** 2, i, u) / SAMPLES)


def penalty() -> ForwardPass:
    """lambda/2 times the squares of the weights is added to the error."""
    s, x, y = begun()
    w1, w2 = s.learned("U", UNITS, INPUTS), s.learned("W", OUTPUTS, UNITS)
    h = s.apply("h", "tanh", s.dense("z", w1, x, s.learned("b", UNITS)))
    out = s.dense("o", w2, h)
    squares = []
    for w in (w1, w2):
        i, j = s.supply.several(w.axes)
        squares.append(total(w[i, j] ** 2, i, j))
    return s.error(s.squares(y, out) + Rational(3, 200) * (squares[0] + squares[1]))


def penalty_of_biases() -> ForwardPass:
    """The squares of the biases are added to the error, and a scalar parameter's."""
    s, x, y = begun()
    b, t = s.learned("b", OUTPUTS), s.learned("t")
    z = s.dense("z", s.learned("W", OUTPUTS, INPUTS), x, b)
    out = s.define("o", z.axes, lambda i, u: t[()] * z[i, u])
    (i,) = s.supply.several(b.axes)
    return s.error(s.squares(y, out) + Rational(1, 5) * total(b[i,] ** 2, i) + t[()] ** 2)


def product_of_parameters() -> ForwardPass:
    """The product of two parameters is added to the error: the gradient of each is the other."""
    s, x, y = begun()
    b, c = s.learned("b", OUTPUTS), s.learned("c", OUTPUTS)
    z = s.dense("z", s.learned("W", OUTPUTS, INPUTS), x, b)
    (i,) = s.supply.several(b.axes)
    return s.error(s.squares(y, z) + total(b[i,] * c[i,], i))


def error_per_sample() -> ForwardPass:
    """One error for each sample, then their mean."""
    s, x, y = begun()
    h = s.apply("h", "tanh", s.dense("z", s.learned("U", UNITS, INPUTS), x, s.learned("b", UNITS)))
    out = s.dense("o", s.learned("W", OUTPUTS, UNITS), h)
    each = s.define("L", (S,), lambda u: s.sum(OUTPUTS, lambda i: (y[i, u] - out[i, u]) ** 2))
    (u,) = s.supply.several((S,))
    return s.error(total(each[u,], u) / SAMPLES)


def _cross_entropy(y: Expr, guess: Expr) -> Expr:
    return -y * log(guess) - (1 - y) * log(1 - guess)


def inputs_as_targets() -> ForwardPass:
    """An autoencoder: the cross-entropy reads the inputs, the squares read the targets."""
    s, x, y = begun(outputs=INPUTS)
    h = s.apply("h", "tanh", s.dense("z", s.learned("W", MORE, INPUTS), x))
    out = s.apply("o", "sigmoid", s.dense("q", s.learned("V", INPUTS, MORE), h))
    i, u = s.supply.several(y.axes)
    return s.error(total(_cross_entropy(x[i, u], out[i, u]), i, u) / SAMPLES + s.squares(y, out))


def learned_loss_weights() -> ForwardPass:
    """The cross-entropy of each unit has a weight of its own, called e."""
    s, x, y = begun()
    e = s.learned("e", OUTPUTS)
    out = s.apply("o", "sigmoid", s.dense("q", s.learned("W", OUTPUTS, INPUTS), x))
    i, u = s.supply.several(y.axes)
    return s.error(total(e[i,] ** 2 * _cross_entropy(y[i, u], out[i, u]), i, u) / SAMPLES)


def two_logarithms() -> ForwardPass:
    """The divergence of one output from another: logarithms of both in one term."""
    s, x, y = begun()
    p = s.apply("p", "sigmoid", s.dense("zp", s.learned("P", OUTPUTS, INPUTS), x), role="prediction")
    r = s.apply("r", "sigmoid", s.dense("zr", s.learned("R", OUTPUTS, INPUTS), x))
    i, u = s.supply.several(y.axes)
    return s.error(total(p[i, u] * (log(p[i, u]) - log(r[i, u])), i, u) / SAMPLES + s.squares(y, p))


def pairs_of_samples() -> ForwardPass:
    """An error that reads two samples at once."""
    s, x, y = begun()
    out = s.apply("o", "sigmoid", s.dense("q", s.learned("W", OUTPUTS, INPUTS), x))
    (i, u), (v,) = s.supply.several(y.axes), s.supply.several((S,))
    return s.error(-total(y[i, u] * y[i, v] * log(out[i, u]), i, u, v) / SAMPLES)


def bilinear() -> ForwardPass:
    """One output, h^T M k, where h and k are two branches."""
    s, x, y = begun(outputs=axis(1))
    h = s.apply("h", "tanh", s.dense("zh", s.learned("U", UNITS, INPUTS), x))
    k = s.dense("k", s.learned("V", MORE, INPUTS), x)
    m = s.learned("M", UNITS, MORE)

    def form(i: Expr, u: Expr) -> Expr:
        p, q = s.supply.several(m.axes)
        return total(m[p, q] * h[p, u] * k[q, u], p, q)

    return s.error(s.squares(y, s.define("o", y.axes, form)))


def scalar_parameters() -> ForwardPass:
    """A steepness and an offset that all units share: parameters with no axis."""
    s, x, y = begun()
    z = s.dense("z", s.learned("U", UNITS, INPUTS), x)
    t, c = s.learned("t"), s.learned("c")
    h = s.define("h", z.axes, lambda i, u: tanh(t[()] * z[i, u]) + c[()])
    return s.error(s.squares(y, s.dense("o", s.learned("W", OUTPUTS, UNITS), h)))


def recurrence() -> ForwardPass:
    """Three steps with the same weights, the same input at each."""
    s, x, y = begun()
    w, r, b = s.learned("U", UNITS, INPUTS), s.learned("R", UNITS, UNITS), s.learned("b", UNITS)
    h = s.apply("h1", "tanh", s.dense("z1", w, x, b))
    for step in (2, 3):

        def formula(i: Expr, u: Expr, h: Tensor = h) -> Expr:
            read = s.sum(INPUTS, lambda j: w[i, j] * x[j, u])
            return read + s.sum(UNITS, lambda j: r[i, j] * h[j, u]) + b[i,]

        h = s.apply(f"h{step}", "tanh", s.define(f"z{step}", h.axes, formula))
    return s.error(s.squares(y, s.dense("o", s.learned("V", OUTPUTS, UNITS), h)))


def attention() -> ForwardPass:
    """Each sample attends to the others: scores between samples, softmax, a weighted mean."""
    s, x, y = begun()
    q, k = (s.dense(n, s.learned(n.upper(), UNITS, INPUTS), x) for n in "qk")
    v = s.dense("v", s.learned("V", OUTPUTS, INPUTS), x)
    scores = s.define("sc", (S, S), lambda t, u: s.sum(UNITS, lambda i: q[i, t] * k[i, u]) / 2)
    p = s.define("p", (S, S), lambda t, u: exp(scores[t, u]) / s.sum(S, lambda r: exp(scores[r, u])))
    out = s.define("o", y.axes, lambda i, u: s.sum(S, lambda t: v[i, t] * p[t, u]))
    return s.error(s.squares(y, out))


def low_rank() -> ForwardPass:
    """A weight that is itself a product, W = P Q."""
    s, x, y = begun()
    p, q = s.learned("P", UNITS, MORE), s.learned("Q", MORE, INPUTS)
    w = s.define("W", (UNITS, INPUTS), lambda i, j: s.sum(MORE, lambda k: p[i, k] * q[k, j]))
    h = s.apply("h", "tanh", s.dense("z", w, x))
    return s.error(s.squares(y, s.dense("o", s.learned("V", OUTPUTS, UNITS), h)))


def outer_product() -> ForwardPass:
    """A weight of rank one, W = p q^T."""
    s, x, y = begun()
    p, q = s.learned("p", UNITS), s.learned("q", INPUTS)
    w = s.define("W", (UNITS, INPUTS), lambda i, j: p[i,] * q[j,])
    h = s.apply("h", "tanh", s.dense("z", w, x))
    return s.error(s.squares(y, s.dense("o", s.learned("V", OUTPUTS, UNITS), h)))


def steepness() -> ForwardPass:
    """Each unit has a steepness of its own: f(t_i z_i), a function of a product."""
    s, x, y = begun()
    z = s.dense("z", s.learned("U", UNITS, INPUTS), x)
    t = s.learned("t", UNITS)
    f = elementwise("tanh", ACTIVATIONS["tanh"].formula)
    h = s.define("h", z.axes, lambda i, u: f(t[i,] * z[i, u]))
    return s.error(s.squares(y, s.dense("o", s.learned("W", OUTPUTS, UNITS), h)))


def sum_of_units() -> ForwardPass:
    """A factor that is the same for every unit, and one that is the same for every sample."""
    s, x, y = begun()
    w, b = s.learned("W", UNITS, INPUTS), s.learned("b", UNITS)
    z = s.dense("z", w, x, b)
    t = s.define("t", (S,), lambda u: s.sum(UNITS, lambda i: z[i, u]))
    c = s.learned("c", OUTPUTS)
    return s.error(s.squares(y, s.define("o", y.axes, lambda i, u: tanh(t[u,]) * c[i,])))


def linear_error() -> ForwardPass:
    """An error whose derivative is the same for every sample."""
    s, x, y = begun()
    w, b, c = s.learned("W", OUTPUTS, INPUTS), s.learned("b", OUTPUTS), s.learned("c", OUTPUTS)
    z = s.dense("z", w, x, b)
    i, u = s.supply.several(y.axes)
    return s.error(total((z[i, u] - y[i, u]) * c[i,], i, u))


def constant_units() -> ForwardPass:
    """Hidden units that do not depend on the inputs: one column, repeated for every sample."""
    s, _, y = begun()
    b = s.learned("b", UNITS)
    h = s.define("h", (UNITS, S), lambda i, u: tanh(b[i,]))
    out = s.dense("o", s.learned("W", OUTPUTS, UNITS), h)
    return s.error(s.squares(y, out))


def bias_and_square() -> ForwardPass:
    """A term of the error that mixes what a sample decides with what it does not."""
    s, x, y = begun()
    w, b = s.learned("W", OUTPUTS, INPUTS), s.learned("b", OUTPUTS)
    z = s.dense("z", w, x, b)
    i, u = s.supply.several(y.axes)
    return s.error(s.squares(y, z) + total(b[i,] ** 2 * (1 + z[i, u] ** 2), i, u) / SAMPLES)


NETWORKS: dict[str, Callable[[], ForwardPass]] = {
    f.__name__: f
    for f in (
        softmax_cross_entropy,
        softmax_in_steps,
        layer_norm,
        layer_norm_in_steps,
        batch_norm,
        residual,
        residual_twice,
        tied,
        tied_with_bias,
        autoencoder,
        symmetric_weight,
        gating,
        loss_of_two_layers,
        penalty,
        penalty_of_biases,
        product_of_parameters,
        error_per_sample,
        inputs_as_targets,
        learned_loss_weights,
        two_logarithms,
        pairs_of_samples,
        bilinear,
        scalar_parameters,
        recurrence,
        attention,
        low_rank,
        outer_product,
        steepness,
        sum_of_units,
        linear_error,
        constant_units,
        bias_and_square,
        layer_norm_with_gain,
        scaled_scores,
    )
}


def random_network(seed: int) -> ForwardPass:
    """A random acyclic network: dense layers, sums, products and activations of what came before.

    Weights are shared where a random choice says so; everything computed is read
    in the end, so every parameter matters.
    """
    choose = np.random.default_rng(seed)
    s, x, y = begun()
    made, unread, weights = [x], {x.name}, []

    def dense(name: str, units: Axis, source: Tensor) -> Tensor:
        fits = [w for w in weights if w.axes == (units, source.axes[0])]
        reuse = bool(fits) and choose.random() < 0.5
        w = fits[choose.integers(len(fits))] if reuse else s.learned(f"W{name}", units, source.axes[0])
        weights.append(w)
        unread.discard(source.name)
        bias = s.learned(f"b{name}", units) if choose.random() < 0.5 else None
        return s.dense(name, w, source, bias)

    def joined(name: str, one: Tensor, other: Tensor) -> Tensor:
        unread.difference_update({one.name, other.name})
        if choose.random() < 0.5:
            return s.define(name, one.axes, lambda i, u: one[i, u] + other[i, u])
        return s.define(name, one.axes, lambda i, u: one[i, u] * other[i, u])

    for number in range(1, int(choose.integers(4, 8))):
        source = made[choose.integers(len(made))]
        mates = [t for t in made if t.axes == source.axes and t is not source]
        kind = choose.random()
        if kind < 0.5 or source is x:
            new = dense(f"t{number}", (UNITS, MORE)[choose.integers(2)], source)
        elif kind < 0.75 and mates:
            new = joined(f"t{number}", source, mates[choose.integers(len(mates))])
        else:
            unread.discard(source.name)
            new = s.apply(f"t{number}", ("tanh", "sigmoid", "softplus")[choose.integers(3)], source)
        made.append(new)
        unread.add(new.name)
    ends = [dense(f"e{n}", OUTPUTS, t) for n, t in enumerate(made[1:]) if t.name in unread]
    out = s.define("o", y.axes, lambda i, u: sum(e[i, u] for e in ends)) if len(ends) > 1 else ends[0]
    return s.error(s.squares(y, out))
