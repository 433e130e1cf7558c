"""Parts of equations that get a letter of their own, found by the lengths of the derivatives."""

from __future__ import annotations

import networks
import numpy as np
import pytest
from helpers import (
    axis,
    closed,
    complex_step,
    define,
    dense,
    given_and_learned,
    index_form,
    interpreted,
    real,
    squares,
    summed,
)
from networks import INPUTS, NETWORKS, OUTPUTS, UNITS, S, begun
from sympy import Rational, exp, log, sqrt

from derive.calculus.deltas import renumbered
from derive.calculus.forward import ForwardPass
from derive.calculus.index import SAMPLES, Equation, total
from derive.calculus.parts import PART, with_parts
from derive.statement.quantities import Entries
from derive.statement.statement import Statement


def hidden(define) -> ForwardPass:
    """A network whose hidden tensor ``define(s, z)`` is stated in one equation."""
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", UNITS, INPUTS), x)
    return closed(s, squares(s, y, dense(s, "o", s.parameter("V", OUTPUTS, UNITS), define(s, z))))


def root_mean_square(s: Statement, z: Entries) -> Entries:
    g = s.parameter("g", UNITS)

    def scale(u):
        return sqrt(summed(s, UNITS, lambda j: z[j, u] ** 2) / 5 + Rational(1, 1000))

    return define(s, "n", z.axes, lambda i, u: g[i,] * z[i, u] / scale(u))


def temperature(s: Statement, z: Entries) -> Entries:
    t = s.parameter("t")
    return define(s, "p", z.axes, lambda i, u: exp(z[i, u] / t[()]) / summed(s, UNITS, lambda j: exp(z[j, u] / t[()])))


def gated_softmax(s: Statement, z: Entries) -> Entries:
    g, t = s.parameter("g", UNITS), s.parameter("t")

    def power(i, u):
        return exp(z[i, u] * t[()])

    return define(s, "p", z.axes, lambda i, u: g[i,] * power(i, u) / summed(s, UNITS, lambda j: power(j, u)))


def batch_norm_with_gain(s: Statement, z: Entries) -> Entries:
    g = s.parameter("g", UNITS)

    def off(i, u):
        return z[i, u] - summed(s, S, lambda v: z[i, v]) / SAMPLES

    def scale(i):
        return sqrt(summed(s, S, lambda u: off(i, u) ** 2) / SAMPLES + Rational(1, 1000))

    return define(s, "n", z.axes, lambda i, u: g[i,] * off(i, u) / scale(i))


def weight_norm() -> ForwardPass:
    s, x, y = begun()
    v, g = s.parameter("v", OUTPUTS, INPUTS), s.parameter("g", OUTPUTS)

    def length(i):
        return sqrt(summed(s, INPUTS, lambda k: v[i, k] ** 2))

    return closed(s, squares(s, y, dense(s, "o", define(s, "W", v.axes, lambda i, j: g[i,] * v[i, j] / length(i)), x)))


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
            lambda t, s, i, u: (
                t["z"][i, u] / sqrt(summed(s, UNITS, lambda j: t["z"][j, u] ** 2) / 5 + Rational(1, 1000))
            ),
        ),
        ("temperature", lambda t, s, i, u: t["z"][i, u] / t["t"][()]),
        ("weight norm", lambda t, s, i, j: t["v"][i, j] / sqrt(summed(s, INPUTS, lambda k: t["v"][i, k] ** 2))),
        ("scores", lambda t, s, i, u: summed(s, UNITS, lambda j: t["K"][i, j] * t["q"][j, u]) / sqrt(5)),
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
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)
    e = define(s, "e", (S,), lambda u: log(summed(s, OUTPUTS, lambda j: exp(z[j, u]))))
    i, u = s.supply.several(y.axes)
    assert parts(closed(s, total(e[u,] - y[i, u] * z[i, u], i, u))) == []


def test_a_part_has_a_letter_that_nothing_else_has():
    s = Statement()
    units = axis("u")
    x, y = s.input("X", INPUTS), s.target("Y", units)
    c, g = dense(s, "C", s.parameter("W", units, INPUTS), x), s.parameter("d", units)

    def scale(r):
        return sqrt(summed(s, units, lambda j: c[j, r] ** 2) + 1)

    (part,) = parts(closed(s, squares(s, y, define(s, "n", c.axes, lambda i, r: g[i,] * c[i, r] / scale(r)))))
    assert part.target.name == "g"
