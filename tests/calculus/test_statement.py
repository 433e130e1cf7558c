"""Validation of forward passes: one-sentence errors in the user's names, and the accepted spellings."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from helpers import axis, closed, define, dense, load, squares, summed
from sympy import (
    E,
    Float,
    Heaviside,
    I,
    Indexed,
    IndexedBase,
    Integer,
    Max,
    Ne,
    Piecewise,
    Rational,
    Sum,
    Symbol,
    exp,
    floor,
    gamma,
    loggamma,
    oo,
    sqrt,
    tanh,
    zeta,
)

from derive.api import derive
from derive.calculus.forward import ForwardPass
from derive.calculus.functions import X, elementwise
from derive.calculus.index import SAMPLE_AXIS, SAMPLES, Axis, Equation, Index, IndexSupply, Tensor, total
from derive.calculus.promises import SumsToOne
from derive.statement.statement import Statement
from derive.text.errors import StatementError

S = SAMPLE_AXIS
N, K = Axis(3), Axis(2)
x, y = Tensor("x", "input", (N, S)), Tensor("t", "target", (K, S))
W, b, c = Tensor("W", "weight", (K, N)), Tensor("b", "bias", (K,)), Tensor("c", "bias")
q, ERROR = Tensor("q", "q", (K, S)), Tensor("cost", "error")
i, j, k, u, v = (Index(n, a) for n, a in (("i", K), ("j", N), ("k", K), ("u", S), ("v", S)))
LINE = Equation(q, (i, u), total(W[i, j] * x[j, u], j) + b[i,])
COST = Equation(ERROR, (), total((t_q := y[k, v] - q[k, v]) * t_q, k, v) / SAMPLES)


def stated(**changes: Any) -> ForwardPass:
    """Return a valid pass, or one with some parts replaced."""
    parts = {"equations": (LINE, COST), "inputs": (x, y), "parameters": (W, b), "supply": IndexSupply()}
    return ForwardPass(**{**parts, **changes})


def with_right(right: Any, **changes: Any) -> ForwardPass:
    """Return the pass with another right side for q."""
    return stated(equations=(Equation(q, (i, u), right), COST), **changes)


def with_axes(name: str, *axes: Any) -> ForwardPass:
    """The pass with other axes for a parameter that is read as a bias is."""
    p = Tensor(name, "weight", axes)
    return stated(parameters=(W, b, p))


PLAIN = total(W[i, j] * x[j, u], j) + b[i,]
LONG = Index("long", Axis(4))

REFUSED: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "another role": (lambda: stated(inputs=(x, y, Tensor("w", "weights", (K, S)))), ("w", "'weights'")),
    "an input that is a parameter": (lambda: stated(parameters=(W, b, x)), ("x", "an input", "a parameter")),
    "a parameter twice": (lambda: stated(parameters=(W, b, W)), ("W", "twice")),
    "a tensor twice": (lambda: stated(equations=(LINE, LINE, COST)), ("q", "twice")),
    "an equation for an input": (
        lambda: stated(equations=(LINE, Equation(x, (j, u), x[j, u]), COST)),
        ("x", "an input"),
    ),
    "no parameters": (lambda: stated(parameters=()), ("no parameters",)),
    "no equations": (lambda: stated(equations=()), ("no equations",)),
    "a constant called like a tensor": (lambda: stated(constants={"q": Fraction(1)}), ("q",)),
    "a constant that is NaN": (lambda: stated(constants={"eps": float("nan")}), ("eps",)),
    "a constant that is text": (lambda: stated(constants={"eps": "1"}), ("eps",)),
    "a constant too small": (lambda: stated(constants={"eps": Fraction(1, 10**400)}), ("eps", "small")),
    "a power of a constant too large": (
        lambda: with_right(PLAIN + Symbol("c") ** 90, constants={"c": 30_000}),
        ("c**90", "the equation of q", "too large"),
    ),
    "a power of a constant too small": (
        lambda: with_right(PLAIN * Symbol("c") ** -90, constants={"c": 30_000}),
        ("c**(-90)", "the equation of q", "too small"),
    ),
    "an exponential of an exponential of a constant": (
        lambda: with_right(PLAIN + exp(exp(exp(Symbol("c")))), constants={"c": 30_000}),
        ("exp(exp(exp(c)))", "the equation of q", "too large"),
    ),
    "a constant of which there is no root": (
        lambda: with_right(PLAIN + sqrt(1 - Symbol("c")), constants={"c": 2}),
        ("sqrt(1 - c)", "the equation of q", "has no value"),
    ),
    "a division by the difference of equal constants": (
        lambda: with_right(PLAIN / (Symbol("c") - 2), constants={"c": 2}),
        ("1/(c - 2)", "the equation of q", "has no value"),
    ),
    "no tensor": (lambda: stated(parameters=("W", "b")), ("'W'",)),
    "no equation": (lambda: stated(equations=("q = W x", COST)), ("'q = W x'",)),
    "parts that are no tuples": (lambda: stated(parameters=3), ("parameters", "3")),
    "a name that is none": (lambda: stated(parameters=(W, b, Tensor("a b", "bias"))), ("'a b'",)),
    "an empty name": (lambda: stated(parameters=(W, b, Tensor("", "bias"))), ("''",)),
    "a name with a line break": (lambda: stated(parameters=(W, b, Tensor("a\nb", "bias"))), (r"'a\nb'",)),
    "an extent of 0": (lambda: with_axes("g", Axis(0)), ("axis 1 of g", "0")),
    "a negative extent": (lambda: with_axes("g", Axis(-2)), ("axis 1 of g", "-2")),
    "a half extent": (lambda: with_axes("g", Axis(Rational(5, 2))), ("axis 1 of g", "5/2")),
    "a float extent": (lambda: with_axes("g", Axis(2.0)), ("axis 1 of g", "2.0")),
    "a boolean extent": (lambda: with_axes("g", Axis(True)), ("axis 1 of g", "True")),
    "an extent that is text": (lambda: with_axes("g", Axis("n")), ("axis 1 of g", "'n'")),
    "a plain symbol": (lambda: with_axes("g", Axis(Symbol("n"))), ("axis 1 of g", "n", "positive")),
    "an extent of two names": (
        lambda: with_axes("g", Axis(Symbol("n", integer=True, positive=True) * 2)),
        ("axis 1 of g", "2*n"),
    ),
    "a width that no parameter has": (
        lambda: stated(
            equations=(LINE, Equation(Tensor("o", "o", (axis("h"),)), (Index("i", axis("h")),), Integer(1)), COST)
        ),
        ("h", "o"),
    ),
    "an axis that is a number": (lambda: with_axes("g", 3), ("axis 1 of g", "3")),
    "axes that are no tuple": (lambda: stated(parameters=(W, b, Tensor("g", "bias", N))), ("axes of g",)),
    "a parameter along the samples": (lambda: with_axes("g", S), ("g", "samples")),
    "a parameter with a column per sample": (lambda: with_axes("g", N, S), ("g", "samples")),
    "other samples": (lambda: with_axes("g", Axis(5, sample=True)), ("g", "samples")),
    "an input with too few axes": (lambda: stated(inputs=(Tensor("x", "input", (S,)), y)), ("x[j, u]", "1 axis")),
    "a target with too few axes": (lambda: stated(inputs=(x, Tensor("t", "target", (S,)))), ("t[k, v]", "1 axis")),
    "samples as rows": (lambda: stated(inputs=(Tensor("x", "input", (S, N)), y)), ("x", "the last one")),
    "an index beyond the axis": (lambda: with_right(PLAIN + b[i + 99,]), ("b[i + 99]", "never")),
    "an index that is a product": (lambda: with_right(PLAIN + Indexed("b", i * u)), ("no index", "2*i + j - 1")),
    "an error of 0": (lambda: stated(equations=(LINE, Equation(ERROR, (), 0))), ("the error", "reads no tensor")),
    "an error that is text": (lambda: stated(equations=(LINE, Equation(ERROR, (), "E"))), ("cost", "'E'")),
    "no error": (lambda: stated(equations=(LINE,)), ("q", "one number")),
    "None": (lambda: with_right(None), ("q", "None")),
    "a truth": (lambda: with_right(True), ("q", "True")),
    "a tensor for its entry": (lambda: with_right(W), ("q",)),
    "read before it is stated": (lambda: stated(equations=(COST, LINE)), ("cost", "q", "after")),
    "reads itself": (lambda: with_right(PLAIN + q[i, u]), ("q", "itself")),
    "not stated": (lambda: with_right(PLAIN + Symbol("beta")), ("q", "beta")),
    "a tensor that is not stated": (lambda: with_right(PLAIN + Tensor("r", "r", (K,))[i,]), ("q", "r")),
    "too few indices": (lambda: with_right(total(Indexed("W", i) * x[j, u], j)), ("q", "W[i]", "2 axes")),
    "no indices": (lambda: with_right(PLAIN + Symbol("W", real=True)), ("q", "W", "2 axes")),
    "a scalar with indices": (
        lambda: with_right(PLAIN + Indexed("c", i), parameters=(W, b, c)),
        ("q", "c[i]", "no axes"),
    ),
    "an index that is free on the right": (lambda: with_right(W[i, j] * x[j, u]), ("q", "j")),
    "an index beyond its axis": (lambda: with_right(total(W[i, LONG] * x[LONG, u], LONG)), ("q", "long", "W")),
    "an index of samples for units": (lambda: with_right(PLAIN + Indexed("b", u)), ("q", "u", "b")),
    "one index twice on the left": (lambda: stated(equations=(Equation(q, (i, i), b[i,]), COST)), ("q",)),
    "too few on the left": (lambda: stated(equations=(Equation(q, (i,), b[i,]), COST)), ("q", "2")),
    "another axis on the left": (lambda: stated(equations=(Equation(q, (j, u), x[j, u]), COST)), ("q", "j", "axis 1")),
    "a symbol as an index": (lambda: with_right(PLAIN + Indexed("b", Symbol("p"))), ("q", "b[p]")),
    "an index as a number": (lambda: with_right(i * PLAIN), ("q", "i")),
    "an index in an exponent": (lambda: with_right(PLAIN**i), ("q", "i")),
    "a part of a sum": (lambda: with_right(Sum(W[i, j] * x[j, u], (j, 1, 2)) + b[i,]), ("q", "j")),
    "a sum over a symbol": (
        lambda: with_right(Sum(Symbol("p") * PLAIN, (Symbol("p"), 1, 3))),
        ("q", "p"),
    ),
    "Heaviside": (lambda: with_right(Heaviside(PLAIN)), ("q", "Heaviside", "Piecewise((1, x > 0), (0, True))")),
    "floor": (lambda: with_right(floor(PLAIN)), ("q", "floor", "derivative is 0")),
    "loggamma": (lambda: with_right(loggamma(PLAIN)), ("q", "loggamma", "NumPy")),
    "zeta": (lambda: with_right(zeta(b[i,])), ("q", "zeta", "Max, Min and Piecewise")),
    "gamma in a condition": (lambda: with_right(Piecewise((PLAIN, gamma(b[i,]) > 0), (0, True))), ("q", "gamma")),
    "no last case": (lambda: with_right(Piecewise((PLAIN, b[i,] > 0))), ("q", "Piecewise", "(value, True)")),
    "an unequal": (lambda: with_right(Piecewise((PLAIN, Ne(b[i,], 0)), (0, True))), ("q", "Ne(b[i], 0)", ">=")),
    "an index beyond a condition": (lambda: with_right(Piecewise((PLAIN, b[j,] > 0), (0, True))), ("q", "j")),
    "an infinite number": (lambda: with_right(PLAIN + oo), ("q",)),
    "an imaginary number": (lambda: with_right(I * PLAIN), ("q",)),
    "a number beyond float64": (lambda: with_right(Integer(10) ** 400 * PLAIN), ("q", "large")),
    "a number below float64": (lambda: with_right(PLAIN + Rational(1, 10**400)), ("q", "small")),
    "a float that is none": (lambda: with_right(PLAIN * Float("nan")), ("q",)),
    "a promise about a parameter": (lambda: stated(promises=(SumsToOne(W),)), ("W",)),
    "a promise about no axis": (lambda: stated(promises=(SumsToOne(y, 2),)), ("t", "axis 2")),
    "a promise along the samples": (
        lambda: stated(promises=(SumsToOne(y, 1),)),
        ("t", "axis 1", "not that of the samples"),
    ),
    "a long name": (lambda: stated(parameters=(Tensor("W" * 5000, "weight", (K, N)), b)), ("5000", "at most 100")),
    "a role that is no text": (lambda: stated(inputs=(x, Tensor("t", [1], (K, S)))), ("role of t", "a list")),
    "promises that are none": (lambda: stated(promises=None), ("promises", "None")),
    "a promise that is text": (lambda: stated(promises=("y",)), ("promises", "'y'")),
    "constants that are none": (lambda: stated(constants=None), ("constants", "None")),
    "constants without names": (lambda: stated(constants=[1]), ("constants", "a list")),
    "a constant of 0 below a line": (
        lambda: with_right(PLAIN / Symbol("scale"), constants={"scale": 0}),
        ("q", "scale"),
    ),
    "a target that is text": (lambda: stated(equations=(Equation("q", (), b), COST)), ("'q'", "Tensor")),
    "an index that is text": (lambda: stated(equations=(Equation(q, ("i", "u"), PLAIN), COST)), ("q", "'i'")),
    "an entry in an exponent": (lambda: with_right(b[i,] ** b[i,]), ("q", "exponent")),
    **{
        f"a function by {what}": (lambda f=f: with_right(elementwise("act", f)(b[i,])), ("q", "act", what))
        for what, f in {
            "gamma": gamma(X),
            "Max": Max(X, 0),
            "floor": floor(X),
            "the imaginary unit": I * X,
            "Or": Piecewise((X, (X > 1) | (X < -1)), (X**3, True)),
            "rate": Symbol("rate") * X,
            "inner": elementwise("inner", X**2)(X) + X,
            "the same": Integer(3),
        }.items()
    },
    "a function without a name": (lambda: with_right(elementwise("", X**2)(b[i,])), ("q", "''")),
    "an idle parameter": (lambda: stated(parameters=(W, b, c)), ("c",)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_sentence_with_the_users_names(name):
    make, words = REFUSED[name]
    with pytest.raises(ValueError) as refusal:
        derive(make())
    said = str(refusal.value)
    assert isinstance(refusal.value, StatementError)
    assert "\n" not in said and len(said) < 200
    assert [raw for raw in ("i000", "Tensor(", "Axis(", "Equation(") if raw in said] == []
    assert [w for w in words if w not in said] == [], said


def test_a_pass_as_it_is_stated_is_accepted():
    assert derive(stated()).check().passed


def numbers(forward: ForwardPass) -> dict[str, Any]:
    """Return the results of the module of a pass for fixed data."""
    module: Any = load(derive(forward).numpy())
    generator = np.random.default_rng(3)
    parameters = {"W": generator.normal(size=(2, 3)), "b": generator.normal(size=(2, 1))}
    X, Y = generator.normal(size=(3, 4)), generator.normal(size=(2, 4))
    found = {"E": module.error(parameters, X, Y), "Y": module.forward(parameters, X)}
    return {**found, **module.gradients(parameters, X, Y)}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_the_inputs_are_told_by_their_roles_and_not_by_their_places():
    assert same(numbers(stated(inputs=(y, x))), numbers(stated()))


def test_lists_do_as_tuples():
    lists = {"equations": [LINE, COST], "inputs": [x, y], "parameters": [W, b]}
    assert same(numbers(stated(**lists)), numbers(stated()))
    listed = Equation(Tensor("q", "q", [K, S]), [i, u], PLAIN)
    assert same(numbers(stated(equations=[listed, COST])), numbers(stated()))


def test_a_float_is_the_decimal_as_it_is_written():
    cost = Equation(ERROR, (), COST.expression * Rational(1, 10))
    written = Equation(ERROR, (), 0.1 * COST.expression)
    assert same(numbers(stated(equations=(LINE, written))), numbers(stated(equations=(LINE, cost))))


def test_symbols_without_assumptions_mean_the_tensors_of_their_names():
    plain = Sum(IndexedBase("W")[i, j] * IndexedBase("x")[j, u], (j, 1, 3)) + IndexedBase("b")[i]
    assert same(numbers(with_right(plain)), numbers(stated()))


def test_a_scalar_parameter_may_be_a_plain_symbol():
    d = derive(with_right(tanh(Symbol("c") * PLAIN), parameters=(W, b, c)))
    assert d.check().passed


def test_constants_may_be_any_numbers():
    for value in (2, 0.5, Fraction(1, 3), Rational(1, 3), np.float64(0.5), np.float32(0.1), np.int64(2)):
        assert derive(with_right(PLAIN * Symbol("scale", real=True), constants={"scale": value})).check().passed


def test_roles_of_its_own_making_are_not_taken_from_a_statement():
    """A tensor that is called like something of the step, with its name as its role, is a tensor."""
    for name in (
        "step",
        "rate",
        "mean",
        "velocity",
        "clipped",
        "penalty",
        "gradient",
        "updated",
        "factor",
        "correction",
    ):
        s = Statement()
        data, target = s.input("x", N), s.target("t", K)
        hidden = define(s, name, (N, S), lambda p, r, d=data: tanh(d[p, r]))
        out = dense(s, "o", s.parameter("W", K, N), hidden)
        assert derive(closed(s, squares(s, target, out))).check().passed


def test_exp_of_one_is_a_number_like_any_other():
    made = derive(with_right(PLAIN + E))
    assert made.check().passed and r"e^{1}" in made.latex()
    assert derive(with_right(exp(PLAIN))).check().passed


@pytest.mark.parametrize(
    "name", ["learning_rate", "Psi_q", "dE_dW", "W_next", "values", "lambda", "class", "np", "state"]
)
def test_names_of_derive_yield_to_names_of_the_user(name):
    p = Tensor(name, "bias", (K,))
    d = derive(with_right(PLAIN + p[i,], parameters=(W, b, p)))
    assert d.check().passed
    assert f'"{name}"' in d.numpy()


def test_a_gradient_with_three_indices_in_a_factor_is_right():
    """Half the square of a sum less the sum of squares, in one equation: its gradient has three indices in a factor."""
    s = Statement()
    units, factors = axis(3), axis(2)
    a, target = s.input("a", units), s.target("t", axis(1))
    v = s.parameter("V", units, factors)

    def pairs(i: Any, n: Any) -> Any:
        def less_squares(f: Any) -> Any:
            whole = summed(s, units, lambda j: v[j, f] * a[j, n])
            return whole**2 - summed(s, units, lambda j: v[j, f] ** 2 * a[j, n] ** 2)

        return summed(s, factors, less_squares) / 2

    o = define(s, "o", target.axes, pairs, role="prediction")
    assert derive(closed(s, squares(s, target, o))).check().passed
