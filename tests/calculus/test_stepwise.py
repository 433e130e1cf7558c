"""Derivatives with their inner derivatives written out are the derivatives."""

from __future__ import annotations

import pytest
from sympy import Integer, Symbol, exp, log, simplify, sqrt, tanh

from derive import Statement, derive
from derive.calculus.deltas import tidy
from derive.calculus.functions import X, derivative, elementwise, steepest
from derive.calculus.index import Axis, IndexSupply, Tensor, total
from derive.calculus.stepwise import InOrder, derivative_by_hand, factored
from derive.catalogue.activations import ACTIVATIONS

SMOOTH = [
    (1 + exp(-X)) ** -1,
    (3 - X) ** 4,
    log(1 - X**2),
    X * tanh(2 * X + 1),
    sqrt(1 + X**2) / (2 - X),
    exp(-(X**2) / 2) * (1 - X),
]


@pytest.mark.parametrize("expression", SMOOTH, ids=str)
def test_multiplied_out_it_is_the_derivative(expression):
    by_hand = derivative_by_hand(expression, X)
    assert by_hand.has(InOrder)
    assert simplify(by_hand.doit() - expression.diff(X)) == 0


@pytest.mark.parametrize("name", [n for n, a in ACTIVATIONS.items() if a.formula is not None])
def test_it_is_that_of_every_activation(name):
    function = elementwise(
        name, ACTIVATIONS[name].formula.xreplace({s: Integer(2) for s in ACTIVATIONS[name].formula.free_symbols - {X}})
    )
    difference = derivative_by_hand(function.definition, X).doit() - function.definition.diff(X)
    for point in (-1.7, -0.3, 0.4, 2.6):
        assert abs(complex(difference.subs(X, point))) < 1e-12


def test_an_inner_derivative_is_a_factor_of_its_own_and_comes_last():
    y, a = Symbol("y"), Symbol("a")
    assert derivative_by_hand((y - a) ** 2, a).args == (2, y - a, -1)
    assert factored(2 * a - 2 * y).args == (2, a - y)


def test_the_largest_slope_is_that_of_the_function():
    logistic = elementwise("logistic", 1 / (1 + exp(-X)))
    assert steepest(logistic) == (logistic.definition.subs(X, 0), derivative(logistic).definition.subs(X, 0))
    assert steepest(elementwise("ramp", X**2 / 2)) is None


def test_sums_that_differ_in_the_names_of_their_indices_cancel():
    axis, supply = Axis(Integer(5)), IndexSupply()
    z = Tensor("z", "preactivation", (axis,))
    i, j, k = supply.several((axis, axis, axis))
    first, second = total(z[i,], i), total(z[j,], j)
    assert first != second and tidy(first - second) == 0
    nested = total(z[i,] * total(z[j,], j), i) - total(z[k,] * total(z[i,], i), k)
    assert tidy(nested) == 0
    assert tidy(3 * first - second) in (2 * first, 2 * second)


def test_the_documents_of_a_maximum_inside_a_function_are_written():
    s = Statement("input x[3]\n target y\n parameter w[3], a\n q = tanh(a * max(w[i] * x[i], i))\n E = (y - q)**2")
    assert "max" in derive(s).latex(detail="exhaustive")
