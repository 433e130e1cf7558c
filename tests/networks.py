"""Networks stated by hand, as forward equations and nothing else.

Widths that may differ do, so that a lost transpose cannot hide.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from helpers import apply, axis, closed, define, dense, of_layer, squares, summed
from sympy import Expr, Rational, exp, log, sqrt, tanh

from derive.calculus.forward import ForwardPass
from derive.calculus.functions import elementwise
from derive.calculus.index import SAMPLE_AXIS, SAMPLES, Axis, Tensor, total
from derive.calculus.promises import SumsToOne
from derive.catalogue.activations import ACTIVATIONS
from derive.statement.quantities import Entries
from derive.statement.stated import Statement

S = SAMPLE_AXIS
INPUTS, UNITS, MORE, OUTPUTS = axis(3), axis(5), axis(4), axis(2)
SMALL = Rational(1, 1000)


def begun(inputs: Axis = INPUTS, outputs: Axis = OUTPUTS) -> tuple[Statement, Entries, Entries]:
    """A statement with its inputs and its targets."""
    s = Statement()
    return s, s.input("X", inputs), s.target("Y", outputs)


def softmax_cross_entropy() -> ForwardPass:
    """One layer, softmax, cross-entropy, and targets that sum to one."""
    s, x, y = begun(outputs=MORE)
    w, b = of_layer(s, 1, "W1", MORE, INPUTS), of_layer(s, 1, "b1", MORE)
    z = dense(s, "z1", w, x, b, role="preactivation", layer=1)
    softmax = lambda i, u: exp(z[i, u]) / summed(s, MORE, lambda j: exp(z[j, u]))  # noqa: E731
    p = define(s, "p", z.axes, softmax, role="prediction", layer=1)
    i, u = s.supply.several(y.axes)
    return closed(s, -total(y[i, u] * log(p[i, u]), i, u) / SAMPLES, promises=(SumsToOne(y.tensor),))


def softmax_in_steps() -> ForwardPass:
    """The same with a tensor for the powers, one for their sum, and one for the quotient."""
    s, x, y = begun(outputs=MORE)
    z = dense(s, "z", s.parameter("W", MORE, INPUTS), x)
    e = define(s, "e", z.axes, lambda i, u: exp(z[i, u]))
    t = define(s, "t", (S,), lambda u: summed(s, MORE, lambda j: e[j, u]))
    p = define(s, "p", z.axes, lambda i, u: e[i, u] / t[u,])
    i, u = s.supply.several(y.axes)
    return closed(s, -total(y[i, u] * log(p[i, u]), i, u) / SAMPLES, promises=(SumsToOne(y.tensor),))


def _normalised(steps: bool) -> ForwardPass:
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", UNITS, INPUTS), x)
    count = UNITS.extent
    mean = lambda u: summed(s, UNITS, lambda j: z[j, u]) / count  # noqa: E731
    if steps:
        mu = define(s, "mu", (S,), mean)
        c = define(s, "c", z.axes, lambda i, u: z[i, u] - mu[u,])
        v = define(s, "v", (S,), lambda u: summed(s, UNITS, lambda j: c[j, u] ** 2) / count)
        n = define(s, "n", z.axes, lambda i, u: c[i, u] / sqrt(v[u,] + SMALL))
    else:
        variance = lambda u: summed(s, UNITS, lambda j: (z[j, u] - mean(u)) ** 2) / count  # noqa: E731
        n = define(s, "n", z.axes, lambda i, u: (z[i, u] - mean(u)) / sqrt(variance(u) + SMALL))
    g, b = s.parameter("g", UNITS), s.parameter("b", UNITS)
    h = define(s, "h", n.axes, lambda i, u: g[i,] * n[i, u] + b[i,])
    out = dense(s, "o", s.parameter("V", OUTPUTS, UNITS), apply(s, "a", "tanh", h))
    return closed(s, squares(s, y, out))


def layer_norm() -> ForwardPass:
    """LayerNorm, stated as one equation."""
    return _normalised(steps=False)


def layer_norm_in_steps() -> ForwardPass:
    """LayerNorm, stated as mean, difference, variance and quotient."""
    return _normalised(steps=True)


def layer_norm_with_gain() -> ForwardPass:
    """LayerNorm with its gain and offset, stated as one equation."""
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", UNITS, INPUTS), x)
    g, b = s.parameter("g", UNITS), s.parameter("b", UNITS)

    def deviation(i: Expr, u: Expr) -> Expr:
        return z[i, u] - summed(s, UNITS, lambda j: z[j, u]) / UNITS.extent

    def formula(i: Expr, u: Expr) -> Expr:
        variance = summed(s, UNITS, lambda j: deviation(j, u) ** 2) / UNITS.extent
        return g[i,] * deviation(i, u) / sqrt(variance + Rational(1, 1000)) + b[i,]

    n = define(s, "n", z.axes, formula)
    return closed(s, squares(s, y, dense(s, "o", s.parameter("V", OUTPUTS, UNITS), n)))


def scaled_scores() -> ForwardPass:
    """A softmax of scaled inner products with learned keys, stated as one equation."""
    s, x, y = begun()
    q, k = dense(s, "q", s.parameter("Q", UNITS, INPUTS), x), s.parameter("K", MORE, UNITS)

    def power(t: Expr, u: Expr) -> Expr:
        return exp(summed(s, UNITS, lambda i: k[t, i] * q[i, u]) / sqrt(UNITS.extent))

    p = define(s, "p", (MORE, S), lambda t, u: power(t, u) / summed(s, MORE, lambda r: power(r, u)))
    return closed(s, squares(s, y, dense(s, "o", s.parameter("V", OUTPUTS, MORE), p)))


def batch_norm() -> ForwardPass:
    """Normalised over the samples: the samples of a batch are coupled."""
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", UNITS, INPUTS), x)
    mu = define(s, "mu", (UNITS,), lambda i: summed(s, S, lambda u: z[i, u]) / SAMPLES)
    v = define(s, "v", (UNITS,), lambda i: summed(s, S, lambda u: (z[i, u] - mu[i,]) ** 2) / SAMPLES)
    g = s.parameter("g", UNITS)
    n = define(s, "n", z.axes, lambda i, u: g[i,] * (z[i, u] - mu[i,]) / sqrt(v[i,] + SMALL))
    out = dense(s, "o", s.parameter("V", OUTPUTS, UNITS), apply(s, "h", "tanh", n))
    return closed(s, squares(s, y, out))


def residual() -> ForwardPass:
    """h2 = h1 + f(W h1 + b), between layers of other widths."""
    s, x, y = begun()
    h1 = apply(s, "h1", "tanh", dense(s, "z1", s.parameter("W1", UNITS, INPUTS), x, s.parameter("b1", UNITS)))
    z2 = dense(s, "z2", s.parameter("W2", UNITS, UNITS), h1, s.parameter("b2", UNITS))
    f2 = apply(s, "f2", "sigmoid", z2)
    h2 = define(s, "h2", h1.axes, lambda i, u: h1[i, u] + f2[i, u])
    out = dense(s, "o", s.parameter("W3", OUTPUTS, UNITS), h2, s.parameter("b3", OUTPUTS))
    return closed(s, squares(s, y, out))


def residual_twice() -> ForwardPass:
    """Two residual blocks, one after the other; the inner layer of each is narrower."""
    s, x, y = begun()
    h = apply(s, "h0", "tanh", dense(s, "z0", s.parameter("W0", UNITS, INPUTS), x))
    for block in (1, 2):
        down, up = s.parameter(f"U{block}", MORE, UNITS), s.parameter(f"V{block}", UNITS, MORE)
        r = dense(s, f"r{block}", up, apply(s, f"f{block}", "tanh", dense(s, f"z{block}", down, h)))
        h = define(s, f"h{block}", h.axes, lambda i, u, h=h, r=r: h[i, u] + r[i, u])
    return closed(s, squares(s, y, dense(s, "o", s.parameter("W", OUTPUTS, UNITS), h)))


def _tied(bias: bool) -> ForwardPass:
    s, x, y = begun()
    h = apply(s, "h1", "tanh", dense(s, "z1", s.parameter("W1", UNITS, INPUTS), x))
    w, b = s.parameter("W", UNITS, UNITS), s.parameter("b", UNITS) if bias else None
    for layer in (2, 3):
        h = apply(s, f"h{layer}", "sigmoid", dense(s, f"z{layer}", w, h, b))
    return closed(s, squares(s, y, dense(s, "o", s.parameter("W4", OUTPUTS, UNITS), h)))


def tied() -> ForwardPass:
    """The same W in two layers."""
    return _tied(bias=False)


def tied_with_bias() -> ForwardPass:
    """The same W and the same b in two layers."""
    return _tied(bias=True)


def autoencoder() -> ForwardPass:
    """W on the way in, its transpose on the way out."""
    s, x, y = begun(MORE, MORE)
    w = s.parameter("W", INPUTS, MORE)
    h = apply(s, "h", "sigmoid", dense(s, "z", w, x, s.parameter("b", INPUTS)))
    c = s.parameter("c", MORE)
    out = define(s, "o", y.axes, lambda i, u: summed(s, INPUTS, lambda j: w[j, i] * h[j, u]) + c[i,])
    return closed(s, squares(s, y, out))


def symmetric_weight() -> ForwardPass:
    """(W + W^T) x: the same weight twice in one term."""
    s, x, y = begun(MORE, MORE)
    w = s.parameter("W", MORE, MORE)
    out = define(s, "o", y.axes, lambda i, u: summed(s, MORE, lambda j: (w[i, j] + w[j, i]) * x[j, u]))
    return closed(s, squares(s, y, out))


def gating() -> ForwardPass:
    """One branch opens and closes the other."""
    s, x, y = begun()
    g = apply(s, "g", "sigmoid", dense(s, "zg", s.parameter("U", UNITS, INPUTS), x, s.parameter("c", UNITS)))
    h = apply(s, "h", "tanh", dense(s, "zh", s.parameter("V", UNITS, INPUTS), x))
    p = define(s, "p", g.axes, lambda i, u: g[i, u] * h[i, u])
    return closed(s, squares(s, y, dense(s, "o", s.parameter("W", OUTPUTS, UNITS), p)))


def loss_of_two_layers() -> ForwardPass:
    """The error reads the outputs and a hidden layer."""
    s, x, y = begun()
    h = apply(s, "h", "tanh", dense(s, "z", s.parameter("U", UNITS, INPUTS), x, s.parameter("b", UNITS)))
    out = dense(s, "o", s.parameter("W", OUTPUTS, UNITS), h)
    i, u = s.supply.several(h.axes)
    return closed(s, squares(s, y, out) + Rational(1, 3) * total(h[i, u] ** 2, i, u) / SAMPLES)


def penalty() -> ForwardPass:
    """lambda/2 times the squares of the weights is added to the error."""
    s, x, y = begun()
    w1, w2 = s.parameter("U", UNITS, INPUTS), s.parameter("W", OUTPUTS, UNITS)
    h = apply(s, "h", "tanh", dense(s, "z", w1, x, s.parameter("b", UNITS)))
    out = dense(s, "o", w2, h)
    penalties = []
    for w in (w1, w2):
        i, j = s.supply.several(w.axes)
        penalties.append(total(w[i, j] ** 2, i, j))
    return closed(s, squares(s, y, out) + Rational(3, 200) * (penalties[0] + penalties[1]))


def penalty_of_biases() -> ForwardPass:
    """The squares of the biases are added to the error, and a scalar parameter's."""
    s, x, y = begun()
    b, t = s.parameter("b", OUTPUTS), s.parameter("t")
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x, b)
    out = define(s, "o", z.axes, lambda i, u: t[()] * z[i, u])
    (i,) = s.supply.several(b.axes)
    return closed(s, squares(s, y, out) + Rational(1, 5) * total(b[i,] ** 2, i) + t[()] ** 2)


def product_of_parameters() -> ForwardPass:
    """The product of two parameters is added to the error: the gradient of each is the other."""
    s, x, y = begun()
    b, c = s.parameter("b", OUTPUTS), s.parameter("c", OUTPUTS)
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x, b)
    (i,) = s.supply.several(b.axes)
    return closed(s, squares(s, y, z) + total(b[i,] * c[i,], i))


def error_per_sample() -> ForwardPass:
    """One error for each sample, then their mean."""
    s, x, y = begun()
    h = apply(s, "h", "tanh", dense(s, "z", s.parameter("U", UNITS, INPUTS), x, s.parameter("b", UNITS)))
    out = dense(s, "o", s.parameter("W", OUTPUTS, UNITS), h)
    each = define(s, "L", (S,), lambda u: summed(s, OUTPUTS, lambda i: (y[i, u] - out[i, u]) ** 2))
    (u,) = s.supply.several((S,))
    return closed(s, total(each[u,], u) / SAMPLES)


def _cross_entropy(y: Expr, guess: Expr) -> Expr:
    return -y * log(guess) - (1 - y) * log(1 - guess)


def inputs_as_targets() -> ForwardPass:
    """An autoencoder: the cross-entropy reads the inputs, the squares read the targets."""
    s, x, y = begun(outputs=INPUTS)
    h = apply(s, "h", "tanh", dense(s, "z", s.parameter("W", MORE, INPUTS), x))
    out = apply(s, "o", "sigmoid", dense(s, "q", s.parameter("V", INPUTS, MORE), h))
    i, u = s.supply.several(y.axes)
    return closed(s, total(_cross_entropy(x[i, u], out[i, u]), i, u) / SAMPLES + squares(s, y, out))


def learned_loss_weights() -> ForwardPass:
    """The cross-entropy of each unit has a weight of its own, called e."""
    s, x, y = begun()
    e = s.parameter("e", OUTPUTS)
    out = apply(s, "o", "sigmoid", dense(s, "q", s.parameter("W", OUTPUTS, INPUTS), x))
    i, u = s.supply.several(y.axes)
    return closed(s, total(e[i,] ** 2 * _cross_entropy(y[i, u], out[i, u]), i, u) / SAMPLES)


def two_logarithms() -> ForwardPass:
    """The divergence of one output from another: logarithms of both in one term."""
    s, x, y = begun()
    p = apply(s, "p", "sigmoid", dense(s, "zp", s.parameter("P", OUTPUTS, INPUTS), x), role="prediction")
    r = apply(s, "r", "sigmoid", dense(s, "zr", s.parameter("R", OUTPUTS, INPUTS), x))
    i, u = s.supply.several(y.axes)
    return closed(s, total(p[i, u] * (log(p[i, u]) - log(r[i, u])), i, u) / SAMPLES + squares(s, y, p))


def pairs_of_samples() -> ForwardPass:
    """An error that reads two samples at once."""
    s, x, y = begun()
    out = apply(s, "o", "sigmoid", dense(s, "q", s.parameter("W", OUTPUTS, INPUTS), x))
    (i, u), (v,) = s.supply.several(y.axes), s.supply.several((S,))
    return closed(s, -total(y[i, u] * y[i, v] * log(out[i, u]), i, u, v) / SAMPLES)


def bilinear() -> ForwardPass:
    """One output, h^T M k, where h and k are two branches."""
    s, x, y = begun(outputs=axis(1))
    h = apply(s, "h", "tanh", dense(s, "zh", s.parameter("U", UNITS, INPUTS), x))
    k = dense(s, "k", s.parameter("V", MORE, INPUTS), x)
    m = s.parameter("M", UNITS, MORE)

    def form(i: Expr, u: Expr) -> Expr:
        p, q = s.supply.several(m.axes)
        return total(m[p, q] * h[p, u] * k[q, u], p, q)

    return closed(s, squares(s, y, define(s, "o", y.axes, form)))


def scalar_parameters() -> ForwardPass:
    """A steepness and an offset that all units share: parameters with no axis."""
    s, x, y = begun()
    z = dense(s, "z", s.parameter("U", UNITS, INPUTS), x)
    t, c = s.parameter("t"), s.parameter("c")
    h = define(s, "h", z.axes, lambda i, u: tanh(t[()] * z[i, u]) + c[()])
    return closed(s, squares(s, y, dense(s, "o", s.parameter("W", OUTPUTS, UNITS), h)))


def recurrence() -> ForwardPass:
    """Three steps with the same weights, the same input at each."""
    s, x, y = begun()
    w, r, b = s.parameter("U", UNITS, INPUTS), s.parameter("R", UNITS, UNITS), s.parameter("b", UNITS)
    h = apply(s, "h1", "tanh", dense(s, "z1", w, x, b))
    for step in (2, 3):

        def formula(i: Expr, u: Expr, h: Tensor = h) -> Expr:
            read = summed(s, INPUTS, lambda j: w[i, j] * x[j, u])
            return read + summed(s, UNITS, lambda j: r[i, j] * h[j, u]) + b[i,]

        h = apply(s, f"h{step}", "tanh", define(s, f"z{step}", h.axes, formula))
    return closed(s, squares(s, y, dense(s, "o", s.parameter("V", OUTPUTS, UNITS), h)))


def attention() -> ForwardPass:
    """Each sample attends to the others: scores between samples, softmax, a weighted mean."""
    s, x, y = begun()
    q, k = (dense(s, n, s.parameter(n.upper(), UNITS, INPUTS), x) for n in "qk")
    v = dense(s, "v", s.parameter("V", OUTPUTS, INPUTS), x)
    scores = define(s, "sc", (S, S), lambda t, u: summed(s, UNITS, lambda i: q[i, t] * k[i, u]) / 2)
    p = define(s, "p", (S, S), lambda t, u: exp(scores[t, u]) / summed(s, S, lambda r: exp(scores[r, u])))
    out = define(s, "o", y.axes, lambda i, u: summed(s, S, lambda t: v[i, t] * p[t, u]))
    return closed(s, squares(s, y, out))


def low_rank() -> ForwardPass:
    """A weight that is itself a product, W = P Q."""
    s, x, y = begun()
    p, q = s.parameter("P", UNITS, MORE), s.parameter("Q", MORE, INPUTS)
    w = define(s, "W", (UNITS, INPUTS), lambda i, j: summed(s, MORE, lambda k: p[i, k] * q[k, j]))
    h = apply(s, "h", "tanh", dense(s, "z", w, x))
    return closed(s, squares(s, y, dense(s, "o", s.parameter("V", OUTPUTS, UNITS), h)))


def outer_product() -> ForwardPass:
    """A weight of rank one, W = p q^T."""
    s, x, y = begun()
    p, q = s.parameter("p", UNITS), s.parameter("q", INPUTS)
    w = define(s, "W", (UNITS, INPUTS), lambda i, j: p[i,] * q[j,])
    h = apply(s, "h", "tanh", dense(s, "z", w, x))
    return closed(s, squares(s, y, dense(s, "o", s.parameter("V", OUTPUTS, UNITS), h)))


def steepness() -> ForwardPass:
    """Each unit has a steepness of its own: f(t_i z_i), a function of a product."""
    s, x, y = begun()
    z = dense(s, "z", s.parameter("U", UNITS, INPUTS), x)
    t = s.parameter("t", UNITS)
    f = elementwise("tanh", ACTIVATIONS["tanh"].formula)
    h = define(s, "h", z.axes, lambda i, u: f(t[i,] * z[i, u]))
    return closed(s, squares(s, y, dense(s, "o", s.parameter("W", OUTPUTS, UNITS), h)))


def sum_of_units() -> ForwardPass:
    """A factor that is the same for every unit, and one that is the same for every sample."""
    s, x, y = begun()
    w, b = s.parameter("W", UNITS, INPUTS), s.parameter("b", UNITS)
    z = dense(s, "z", w, x, b)
    t = define(s, "t", (S,), lambda u: summed(s, UNITS, lambda i: z[i, u]))
    c = s.parameter("c", OUTPUTS)
    return closed(s, squares(s, y, define(s, "o", y.axes, lambda i, u: tanh(t[u,]) * c[i,])))


def linear_error() -> ForwardPass:
    """An error whose derivative is the same for every sample."""
    s, x, y = begun()
    w, b, c = s.parameter("W", OUTPUTS, INPUTS), s.parameter("b", OUTPUTS), s.parameter("c", OUTPUTS)
    z = dense(s, "z", w, x, b)
    i, u = s.supply.several(y.axes)
    return closed(s, total((z[i, u] - y[i, u]) * c[i,], i, u))


def constant_units() -> ForwardPass:
    """Hidden units that do not depend on the inputs: one column, repeated for every sample."""
    s, _, y = begun()
    b = s.parameter("b", UNITS)
    h = define(s, "h", (UNITS, S), lambda i, u: tanh(b[i,]))
    out = dense(s, "o", s.parameter("W", OUTPUTS, UNITS), h)
    return closed(s, squares(s, y, out))


def bias_and_square() -> ForwardPass:
    """A term of the error that mixes what a sample decides with what it does not."""
    s, x, y = begun()
    w, b = s.parameter("W", OUTPUTS, INPUTS), s.parameter("b", OUTPUTS)
    z = dense(s, "z", w, x, b)
    i, u = s.supply.several(y.axes)
    return closed(s, squares(s, y, z) + total(b[i,] ** 2 * (1 + z[i, u] ** 2), i, u) / SAMPLES)


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

    def layer(name: str, units: Axis, source: Entries) -> Entries:
        fits = [w for w in weights if w.axes == (units, source.axes[0])]
        reuse = bool(fits) and choose.random() < 0.5
        w = fits[choose.integers(len(fits))] if reuse else s.parameter(f"W{name}", units, source.axes[0])
        weights.append(w)
        unread.discard(source.name)
        bias = s.parameter(f"b{name}", units) if choose.random() < 0.5 else None
        return dense(s, name, w, source, bias)

    def joined(name: str, one: Entries, other: Entries) -> Entries:
        unread.difference_update({one.name, other.name})
        if choose.random() < 0.5:
            return define(s, name, one.axes, lambda i, u: one[i, u] + other[i, u])
        return define(s, name, one.axes, lambda i, u: one[i, u] * other[i, u])

    for number in range(1, int(choose.integers(4, 8))):
        source = made[choose.integers(len(made))]
        mates = [t for t in made if t.axes == source.axes and t is not source]
        kind = choose.random()
        if kind < 0.5 or source is x:
            new = layer(f"t{number}", (UNITS, MORE)[choose.integers(2)], source)
        elif kind < 0.75 and mates:
            new = joined(f"t{number}", source, mates[choose.integers(len(mates))])
        else:
            unread.discard(source.name)
            new = apply(s, f"t{number}", ("tanh", "sigmoid", "softplus")[choose.integers(3)], source)
        made.append(new)
        unread.add(new.name)
    ends = [layer(f"e{n}", OUTPUTS, t) for n, t in enumerate(made[1:]) if t.name in unread]
    out = define(s, "o", y.axes, lambda i, u: sum(e[i, u] for e in ends)) if len(ends) > 1 else ends[0]
    return closed(s, squares(s, y, out))
