"""Parts of equations that get a letter of their own, found by the lengths of the derivatives."""

from __future__ import annotations

import networks
import numpy as np
import pytest
from helpers import Statement, axis, complex_step, given_and_learned, index_form, interpreted, real
from networks import INPUTS, NETWORKS, OUTPUTS, UNITS, S, begun
from sympy import Rational, exp, log, sqrt

from derive.calculus.deltas import renumbered
from derive.calculus.forward import ForwardPass
from derive.calculus.index import SAMPLES, Equation, Tensor, total
from derive.calculus.parts import PART, with_parts


def hidden(define) -> ForwardPass:
    """A network whose hidden tensor ``define(s, z)`` is stated in one equation."""
    s, x, y = begun()
    z = s.dense("z", s.learned("W", UNITS, INPUTS), x)
    return s.error(s.squares(y, s.dense("o", s.learned("V", OUTPUTS, UNITS), define(s, z))))


def root_mean_square(s: Statement, z: Tensor) -> Tensor:
    g = s.learned("g", UNITS)

    def scale(u):
        return sqrt(s.sum(UNITS, lambda j: z[j, u] ** 2) / 5 + Rational(1, 1000))

    return s.define("n", z.axes, lambda i, u: g[i,] * z[i, u] / scale(u))


def temperature(s: Statement, z: Tensor) -> Tensor:
    t = s.learned("t")
    return s.define("p", z.axes, lambda i, u: exp(z[i, u] / t[()]) / s.sum(UNITS, lambda j: exp(z[j, u] / t[()])))


def gated_softmax(s: Statement, z: Tensor) -> Tensor:
    g, t = s.learned("g", UNITS), s.learned("t")

    def power(i, u):
        return exp(z[i, u] * t[()])

    return s.define("p", z.axes, lambda i, u: g[i,] * power(i, u) / s.sum(UNITS, lambda j: power(j, u)))


def batch_norm_with_gain(s: Statement, z: Tensor) -> Tensor:
    g = s.learned("g", UNITS)

    def off(i, u):
        return z[i, u] - s.sum(S, lambda v: z[i, v]) / SAMPLES

    def scale(i):
        return sqrt(s.sum(S, lambda u: off(i, u) ** 2) / SAMPLES + Rational(1, 1000))

    return s.define("n", z.axes, lambda i, u: g[i,] * off(i, u) / scale(i))


def weight_norm() -> ForwardPass:
    s, x, y = begun()
    v, g = s.learned("v", OUTPUTS, INPUTS), s.learned("g", OUTPUTS)

    def length(i):
        return sqrt(s.sum(INPUTS, lambda k: v[i, k] ** 2))

    return s.error(s.squares(y, s.dense("o", s.define("W", v.axes, lambda i, j: g[i,] * v[i, j] / length(i)), x)))


PASSES = {
    "layer norm": networks.layer_norm_with_gain,
    "scores": networks.scaled_scores,
    "root mean square": lambda: hidden(root_mean_square),
    "temperature": lambda: hidden(temperature),
    "batch norm": lambda: hidden(batch_norm_with_gain),
    "weight norm": weight_norm,
}


def parts(forward: ForwardPass) -> list[Equation]:
    return [e for e in with_parts(forward.refreshed()).equations if e.note == PART]


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        (
            "root mean square",
            lambda t, s, i, u: t["z"][i, u] / sqrt(s.sum(UNITS, lambda j: t["z"][j, u] ** 2) / 5 + Rational(1, 1000)),
        ),
        ("temperature", lambda t, s, i, u: t["z"][i, u] / t["t"][()]),
        ("weight norm", lambda t, s, i, j: t["v"][i, j] / sqrt(s.sum(INPUTS, lambda k: t["v"][i, k] ** 2))),
        ("scores", lambda t, s, i, u: s.sum(UNITS, lambda j: t["K"][i, j] * t["q"][j, u]) / sqrt(5)),
    ],
)
def test_the_part_is_the_one_with_the_shortest_derivatives(name, formula):
    forward = PASSES[name]()
    (part,) = parts(forward)
    assert renumbered(part.expression - formula(forward.tensors, Statement(), *part.indices)) == 0


@pytest.mark.parametrize("name", PASSES)
def test_naming_a_part_changes_neither_the_loss_nor_a_gradient(name):
    stated = PASSES[name]().refreshed()
    program, plain = index_form(with_parts(stated)), index_form(stated)
    values, sizes = given_and_learned(plain, 3, seed=2)
    found = interpreted(program, values, sizes)
    assert abs(found["E"] - interpreted(plain, values, sizes)["E"]) < 1e-14
    for gradient in program.stage("gradient"):
        wrt = gradient.target.about.name
        expected = complex_step(plain, values, sizes, wrt)
        assert np.allclose(real(found[gradient.target.name]), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", [n for n in NETWORKS if n not in ("layer_norm_with_gain", "scaled_scores")])
def test_what_the_derivatives_do_not_repeat_stays_as_it_is_stated(name):
    assert parts(NETWORKS[name]()) == []


def test_exponentials_stay_in_the_quotient_that_keeps_them_in_range():
    """A softmax is a part as a whole, or its exponents are: the exponentials alone would overflow."""
    forward = with_parts(hidden(gated_softmax).refreshed())
    assert any(e.note == PART for e in forward.equations)
    assert sum(e.expression.has(exp) for e in forward.equations) == 1
    s, x, y = begun()
    z = s.dense("z", s.learned("W", OUTPUTS, INPUTS), x)
    e = s.define("e", (S,), lambda u: log(s.sum(OUTPUTS, lambda j: exp(z[j, u]))))
    i, u = s.supply.several(y.axes)
    assert parts(s.error(total(e[u,] - y[i, u] * z[i, u], i, u))) == []


def test_a_part_has_a_letter_that_nothing_else_has():
    s = Statement()
    units = axis("u")
    x, y = s.given("X", "input", INPUTS), s.given("Y", "target", units)
    c, g = s.dense("C", s.learned("W", units, INPUTS), x), s.learned("d", units)

    def scale(r):
        return sqrt(s.sum(units, lambda j: c[j, r] ** 2) + 1)

    (part,) = parts(s.error(s.squares(y, s.define("n", c.axes, lambda i, r: g[i,] * c[i, r] / scale(r)))))
    assert part.target.name == "g"
