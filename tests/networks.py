"""Networks stated by hand, as forward equations and nothing else.

Widths that may differ do, so that a lost transpose cannot hide.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from helpers import apply, axis, closed, define, dense, in_role, of_layer
from sympy import Expr, Rational, exp, log, sqrt, tanh

from derive.calculus.forward import ForwardPass
from derive.calculus.index import SAMPLE_AXIS, Axis
from derive.statement.quantities import Entries
from derive.statement.statement import Statement

S = SAMPLE_AXIS
INPUTS, UNITS, MORE, OUTPUTS = axis(3), axis(5), axis(4), axis(2)
SMALL = Rational(1, 1000)


def begun(inputs: Axis = INPUTS, outputs: Axis = OUTPUTS) -> tuple[Statement, Entries, Entries]:
    """A statement with its inputs and its targets."""
    s = Statement()
    return s, s.input("X", inputs), s.target("Y", outputs)


def of_squares(s: Statement, y: Entries, guess: Entries) -> Expr:
    """The summed squares of the differences, for one sample."""
    i = s.index("i", y.axes[0])
    return s.sum((y[i] - guess[i]) ** 2, i)


def softmax_cross_entropy() -> ForwardPass:
    """One layer, softmax, cross-entropy, and targets that sum to one."""
    s, x, y = begun(outputs=MORE)
    w, b = of_layer(s, 1, "W1", MORE, INPUTS), of_layer(s, 1, "b1", MORE)
    z = dense(s, "z1", w, x, b, role="preactivation", layer=1)
    i, j = s.indices("i j", MORE)
    p = in_role(s, s.define("p", i, exp(z[i]) / s.sum(exp(z[j]), j)), "prediction", 1)
    s.promise_sums_to_one(y)
    return closed(s, -s.sum(y[i] * log(p[i]), i))


def softmax_in_steps() -> ForwardPass:
    """The same with a tensor for the powers, one for their sum, and one for the quotient."""
    s, x, y = begun(outputs=MORE)
    z = dense(s, "z", s.parameter("W", MORE, INPUTS), x)
    i = s.index("i", MORE)
    e = s.define("e", i, exp(z[i]))
    t = s.define("t", (), s.sum(e[i], i))
    p = s.define("p", i, e[i] / t)
    s.promise_sums_to_one(y)
    return closed(s, -s.sum(y[i] * log(p[i]), i))


def _normalised(steps: bool) -> ForwardPass:
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", UNITS, INPUTS), x)
    i, j, k = s.indices("i j k", UNITS)
    if steps:
        mu = s.define("mu", (), s.mean(z[j], j))
        c = s.define("c", i, z[i] - mu)
        v = s.define("v", (), s.mean(c[j] ** 2, j))
        n = s.define("n", i, c[i] / sqrt(v + SMALL))
    else:
        mean = s.mean(z[k], k)
        n = s.define("n", i, (z[i] - mean) / sqrt(s.mean((z[j] - mean) ** 2, j) + SMALL))
    g, b = s.parameter("g", UNITS), s.parameter("b", UNITS)
    h = s.define("h", i, g[i] * n[i] + b[i])
    out = dense(s, "o", s.parameter("V", OUTPUTS, UNITS), apply(s, "a", "tanh", h))
    return closed(s, of_squares(s, y, out))


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
    i, j, k = s.indices("i j k", UNITS)
    mean = s.mean(z[k], k)
    variance = s.mean((z[j] - mean) ** 2, j)
    n = s.define("n", i, g[i] * (z[i] - mean) / sqrt(variance + SMALL) + b[i])
    return closed(s, of_squares(s, y, dense(s, "o", s.parameter("V", OUTPUTS, UNITS), n)))


def scaled_scores() -> ForwardPass:
    """A softmax of scaled inner products with learned keys, stated as one equation."""
    s, x, y = begun()
    q, k = dense(s, "q", s.parameter("Q", UNITS, INPUTS), x), s.parameter("K", MORE, UNITS)
    t, r, i = s.indices("t r i", MORE, MORE, UNITS)

    def power(t: Expr) -> Expr:
        return exp(s.sum(k[t, i] * q[i], i) / sqrt(UNITS.extent))

    p = s.define("p", t, power(t) / s.sum(power(r), r))
    return closed(s, of_squares(s, y, dense(s, "o", s.parameter("V", OUTPUTS, MORE), p)))


def batch_norm() -> ForwardPass:
    """Normalised over the samples: the samples of a batch are coupled."""
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", UNITS, INPUTS), x)
    i, u = s.index("i", UNITS), s.sample("u")
    mu = s.define("mu", i, s.mean(z[i, u], u))
    v = s.define("v", i, s.mean((z[i, u] - mu[i]) ** 2, u))
    g = s.parameter("g", UNITS)
    n = s.define("n", i, g[i] * (z[i] - mu[i]) / sqrt(v[i] + SMALL))
    out = dense(s, "o", s.parameter("V", OUTPUTS, UNITS), apply(s, "h", "tanh", n))
    return closed(s, of_squares(s, y, out))


def residual() -> ForwardPass:
    """h2 = h1 + f(W h1 + b), between layers of other widths."""
    s, x, y = begun()
    h1 = apply(s, "h1", "tanh", dense(s, "z1", s.parameter("W1", UNITS, INPUTS), x, s.parameter("b1", UNITS)))
    z2 = dense(s, "z2", s.parameter("W2", UNITS, UNITS), h1, s.parameter("b2", UNITS))
    f2, i = apply(s, "f2", "sigmoid", z2), s.index("i", UNITS)
    h2 = s.define("h2", i, h1[i] + f2[i])
    out = dense(s, "o", s.parameter("W3", OUTPUTS, UNITS), h2, s.parameter("b3", OUTPUTS))
    return closed(s, of_squares(s, y, out))


def residual_twice() -> ForwardPass:
    """Two residual blocks, one after the other; the inner layer of each is narrower."""
    s, x, y = begun()
    h, i = apply(s, "h0", "tanh", dense(s, "z0", s.parameter("W0", UNITS, INPUTS), x)), s.index("i", UNITS)
    for block in (1, 2):
        down, up = s.parameter(f"U{block}", MORE, UNITS), s.parameter(f"V{block}", UNITS, MORE)
        r = dense(s, f"r{block}", up, apply(s, f"f{block}", "tanh", dense(s, f"z{block}", down, h)))
        h = s.define(f"h{block}", i, h[i] + r[i])
    return closed(s, of_squares(s, y, dense(s, "o", s.parameter("W", OUTPUTS, UNITS), h)))


def _tied(bias: bool) -> ForwardPass:
    s, x, y = begun()
    h = apply(s, "h1", "tanh", dense(s, "z1", s.parameter("W1", UNITS, INPUTS), x))
    w, b = s.parameter("W", UNITS, UNITS), s.parameter("b", UNITS) if bias else None
    for layer in (2, 3):
        h = apply(s, f"h{layer}", "sigmoid", dense(s, f"z{layer}", w, h, b))
    return closed(s, of_squares(s, y, dense(s, "o", s.parameter("W4", OUTPUTS, UNITS), h)))


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
    c, (i, j) = s.parameter("c", MORE), s.indices("i j", MORE, INPUTS)
    out = s.define("o", i, s.sum(w[j, i] * h[j], j) + c[i])
    return closed(s, of_squares(s, y, out))


def symmetric_weight() -> ForwardPass:
    """(W + W^T) x: the same weight twice in one term."""
    s, x, y = begun(MORE, MORE)
    w, (i, j) = s.parameter("W", MORE, MORE), s.indices("i j", MORE)
    out = s.define("o", i, s.sum((w[i, j] + w[j, i]) * x[j], j))
    return closed(s, of_squares(s, y, out))


def gating() -> ForwardPass:
    """One branch opens and closes the other."""
    s, x, y = begun()
    g = apply(s, "g", "sigmoid", dense(s, "zg", s.parameter("U", UNITS, INPUTS), x, s.parameter("c", UNITS)))
    h, i = apply(s, "h", "tanh", dense(s, "zh", s.parameter("V", UNITS, INPUTS), x)), s.index("i", UNITS)
    p = s.define("p", i, g[i] * h[i])
    return closed(s, of_squares(s, y, dense(s, "o", s.parameter("W", OUTPUTS, UNITS), p)))


def loss_of_two_layers() -> ForwardPass:
    """The error reads the outputs and a hidden layer."""
    s, x, y = begun()
    h = apply(s, "h", "tanh", dense(s, "z", s.parameter("U", UNITS, INPUTS), x, s.parameter("b", UNITS)))
    out, i = dense(s, "o", s.parameter("W", OUTPUTS, UNITS), h), s.index("i", UNITS)
    return closed(s, of_squares(s, y, out) + Rational(1, 3) * s.sum(h[i] ** 2, i))


def penalty() -> ForwardPass:
    """lambda/2 times the squares of the weights is added to the error."""
    s, x, y = begun()
    w1, w2 = s.parameter("U", UNITS, INPUTS), s.parameter("W", OUTPUTS, UNITS)
    h = apply(s, "h", "tanh", dense(s, "z", w1, x, s.parameter("b", UNITS)))
    out, (i, j, k) = dense(s, "o", w2, h), s.indices("i j k", UNITS, INPUTS, OUTPUTS)
    penalties = s.sum(w1[i, j] ** 2, i, j) + s.sum(w2[k, i] ** 2, k, i)
    return closed(s, of_squares(s, y, out) + Rational(3, 200) * penalties)


def penalty_of_biases() -> ForwardPass:
    """The squares of the biases are added to the error, and a scalar parameter's."""
    s, x, y = begun()
    b, t, i = s.parameter("b", OUTPUTS), s.parameter("t"), s.index("i", OUTPUTS)
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x, b)
    out = s.define("o", i, t * z[i])
    return closed(s, of_squares(s, y, out) + Rational(1, 5) * s.sum(b[i] ** 2, i) + t**2)


def product_of_parameters() -> ForwardPass:
    """The product of two parameters is added to the error: the gradient of each is the other."""
    s, x, y = begun()
    b, c, i = s.parameter("b", OUTPUTS), s.parameter("c", OUTPUTS), s.index("i", OUTPUTS)
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x, b)
    return closed(s, of_squares(s, y, z) + s.sum(b[i] * c[i], i))


def error_per_sample() -> ForwardPass:
    """One error for each sample, then their mean."""
    s, x, y = begun()
    h = apply(s, "h", "tanh", dense(s, "z", s.parameter("U", UNITS, INPUTS), x, s.parameter("b", UNITS)))
    out = dense(s, "o", s.parameter("W", OUTPUTS, UNITS), h)
    each = s.define("L", (), of_squares(s, y, out))
    return closed(s, each)


def _cross_entropy(y: Expr, guess: Expr) -> Expr:
    return -y * log(guess) - (1 - y) * log(1 - guess)


def inputs_as_targets() -> ForwardPass:
    """An autoencoder: the cross-entropy reads the inputs, the squares read the targets."""
    s, x, y = begun(outputs=INPUTS)
    h = apply(s, "h", "tanh", dense(s, "z", s.parameter("W", MORE, INPUTS), x))
    out, i = apply(s, "o", "sigmoid", dense(s, "q", s.parameter("V", INPUTS, MORE), h)), s.index("i", INPUTS)
    return closed(s, s.sum(_cross_entropy(x[i], out[i]), i) + of_squares(s, y, out))


def learned_loss_weights() -> ForwardPass:
    """The cross-entropy of each unit has a weight of its own, called e."""
    s, x, y = begun()
    e, i = s.parameter("e", OUTPUTS), s.index("i", OUTPUTS)
    out = apply(s, "o", "sigmoid", dense(s, "q", s.parameter("W", OUTPUTS, INPUTS), x))
    return closed(s, s.sum(e[i] ** 2 * _cross_entropy(y[i], out[i]), i))


def two_logarithms() -> ForwardPass:
    """The divergence of one output from another: logarithms of both in one term."""
    s, x, y = begun()
    p = apply(s, "p", "sigmoid", dense(s, "zp", s.parameter("P", OUTPUTS, INPUTS), x), role="prediction")
    r = apply(s, "r", "sigmoid", dense(s, "zr", s.parameter("R", OUTPUTS, INPUTS), x))
    i = s.index("i", OUTPUTS)
    return closed(s, s.sum(p[i] * (log(p[i]) - log(r[i])), i) + of_squares(s, y, p))


def pairs_of_samples() -> ForwardPass:
    """An error that reads two samples at once."""
    s, x, y = begun()
    out = apply(s, "o", "sigmoid", dense(s, "q", s.parameter("W", OUTPUTS, INPUTS), x))
    i, u, v = s.index("i", OUTPUTS), s.sample("u"), s.sample("v")
    return closed(s, -s.sum(y[i, u] * y[i, v] * log(out[i, u]), i, u, v) / s.samples)


def bilinear() -> ForwardPass:
    """One output, h^T M k, where h and k are two branches."""
    s, x, y = begun(outputs=axis(1))
    h = apply(s, "h", "tanh", dense(s, "zh", s.parameter("U", UNITS, INPUTS), x))
    k = dense(s, "k", s.parameter("V", MORE, INPUTS), x)
    m, (i, p, q) = s.parameter("M", UNITS, MORE), s.indices("i p q", axis(1), UNITS, MORE)
    return closed(s, of_squares(s, y, s.define("o", i, s.sum(m[p, q] * h[p] * k[q], p, q))))


def scalar_parameters() -> ForwardPass:
    """A steepness and an offset that all units share: parameters with no axis."""
    s, x, y = begun()
    z = dense(s, "z", s.parameter("U", UNITS, INPUTS), x)
    t, c, i = s.parameter("t"), s.parameter("c"), s.index("i", UNITS)
    h = s.define("h", i, tanh(t * z[i]) + c)
    return closed(s, of_squares(s, y, dense(s, "o", s.parameter("W", OUTPUTS, UNITS), h)))


def recurrence() -> ForwardPass:
    """Three steps with the same weights, the same input at each."""
    s, x, y = begun()
    w, r, b = s.parameter("U", UNITS, INPUTS), s.parameter("R", UNITS, UNITS), s.parameter("b", UNITS)
    i, j, k = s.indices("i j k", UNITS, INPUTS, UNITS)
    h = apply(s, "h1", "tanh", dense(s, "z1", w, x, b))
    for step in (2, 3):
        z = s.define(f"z{step}", i, s.sum(w[i, j] * x[j], j) + s.sum(r[i, k] * h[k], k) + b[i])
        h = apply(s, f"h{step}", "tanh", z)
    return closed(s, of_squares(s, y, dense(s, "o", s.parameter("V", OUTPUTS, UNITS), h)))


def attention() -> ForwardPass:
    """Each sample attends to the others: scores between samples, softmax, a weighted mean."""
    s, x, y = begun()
    q, k = (dense(s, n, s.parameter(n.upper(), UNITS, INPUTS), x) for n in "qk")
    v = dense(s, "v", s.parameter("V", OUTPUTS, INPUTS), x)
    i, o, t, r = s.index("i", UNITS), s.index("o_", OUTPUTS), s.sample("t"), s.sample("r")
    scores = s.define("sc", t, s.sum(q[i, t] * k[i], i) / 2)
    p = s.define("p", t, exp(scores[t]) / s.sum(exp(scores[r]), r))
    out = s.define("o", o, s.sum(v[o, t] * p[t], t))
    return closed(s, of_squares(s, y, out))


def low_rank() -> ForwardPass:
    """A weight that is itself a product, W = P Q."""
    s, x, y = begun()
    p, q = s.parameter("P", UNITS, MORE), s.parameter("Q", MORE, INPUTS)
    i, j, k = s.indices("i j k", UNITS, INPUTS, MORE)
    w = s.define("W", (i, j), s.sum(p[i, k] * q[k, j], k))
    h = apply(s, "h", "tanh", dense(s, "z", w, x))
    return closed(s, of_squares(s, y, dense(s, "o", s.parameter("V", OUTPUTS, UNITS), h)))


def outer_product() -> ForwardPass:
    """A weight of rank one, W = p q^T."""
    s, x, y = begun()
    p, q, (i, j) = s.parameter("p", UNITS), s.parameter("q", INPUTS), s.indices("i j", UNITS, INPUTS)
    w = s.define("W", (i, j), p[i] * q[j])
    h = apply(s, "h", "tanh", dense(s, "z", w, x))
    return closed(s, of_squares(s, y, dense(s, "o", s.parameter("V", OUTPUTS, UNITS), h)))


def steepness() -> ForwardPass:
    """Each unit has a steepness of its own: f(t_i z_i), a function of a product."""
    s, x, y = begun()
    z = dense(s, "z", s.parameter("U", UNITS, INPUTS), x)
    t, i = s.parameter("t", UNITS), s.index("i", UNITS)
    h = s.define("h", i, s.apply("tanh", t[i] * z[i]))
    return closed(s, of_squares(s, y, dense(s, "o", s.parameter("W", OUTPUTS, UNITS), h)))


def sum_of_units() -> ForwardPass:
    """A factor that is the same for every unit, and one that is the same for every sample."""
    s, x, y = begun()
    w, b = s.parameter("W", UNITS, INPUTS), s.parameter("b", UNITS)
    z, (i, k) = dense(s, "z", w, x, b), s.indices("i k", UNITS, OUTPUTS)
    t = s.define("t", (), s.sum(z[i], i))
    c = s.parameter("c", OUTPUTS)
    return closed(s, of_squares(s, y, s.define("o", k, tanh(t) * c[k])))


def linear_error() -> ForwardPass:
    """An error whose derivative is the same for every sample, a sum over them."""
    s, x, y = begun()
    w, b, c = s.parameter("W", OUTPUTS, INPUTS), s.parameter("b", OUTPUTS), s.parameter("c", OUTPUTS)
    z, i, u = dense(s, "z", w, x, b), s.index("i", OUTPUTS), s.sample("u")
    return closed(s, s.sum((z[i, u] - y[i, u]) * c[i], i, u))


def constant_units() -> ForwardPass:
    """Hidden units that do not depend on the inputs: one column, repeated for every sample."""
    s, _, y = begun()
    b, i, u = s.parameter("b", UNITS), s.index("i", UNITS), s.sample("u")
    h = s.define("h", (i, u), tanh(b[i]))
    out = dense(s, "o", s.parameter("W", OUTPUTS, UNITS), h)
    return closed(s, of_squares(s, y, out))


def bias_and_square() -> ForwardPass:
    """A term of the error that mixes what a sample decides with what it does not."""
    s, x, y = begun()
    w, b, i = s.parameter("W", OUTPUTS, INPUTS), s.parameter("b", OUTPUTS), s.index("i", OUTPUTS)
    z = dense(s, "z", w, x, b)
    return closed(s, of_squares(s, y, z) + s.sum(b[i] ** 2 * (1 + z[i] ** 2), i))


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
    return closed(s, of_squares(s, y, out))
