"""Elementwise functions: their derivatives, and the derivative in terms of the function's value."""

import math

import mpmath
import numpy as np
import pytest
from sympy import Abs, I, Max, Min, Piecewise, Rational, Symbol, atan, cos, diff, exp, lambdify, log, sign, sin, tanh

from derive.calculus.functions import A, Elementwise, X, derivative, elementwise, kinks, output_form, slope_in
from derive.catalogue.activations import ACTIVATIONS, activation, titles

FORMULAS = {name: entry.formula for name, entry in ACTIVATIONS.items() if entry.formula is not None}
SMOOTH = {n: f for n, f in FORMULAS.items() if not f.has(Piecewise)}
Z = Symbol("z", real=True)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("identity", 1),
        ("sigmoid", A * (1 - A)),
        ("tanh", 1 - A**2),
        ("softplus", 1 - exp(-A)),
        ("exponential", A),
        *((name, None) for name in ("relu", "elu", "hard_tanh", "softsign", "gelu", "gelu_tanh", "silu", "mish")),
    ],
)
def test_the_output_form_is_found(name, form):
    found = output_form(elementwise(name, FORMULAS[name]))
    assert found is None if form is None else (found - form).expand() == 0


@pytest.mark.parametrize("formula", [X / (1 + exp(-X)), sin(X), cos(2 * X), atan(X), X**2, X * tanh(X)])
def test_no_output_form_where_there_is_none(formula):
    assert output_form(elementwise("other", formula)) is None


@pytest.mark.parametrize(
    ("formula", "form"),
    [
        (2 / (1 + exp(-X)) - 1, (1 - A**2) / 2),
        (tanh(3 * X), 3 * (1 - A**2)),
        (3 / (1 + exp(-2 * X)), 2 * A * (3 - A) / 3),
        (exp(X), A),
        (log(1 + exp(3 * X)), 3 * (1 - exp(-A))),
    ],
)
def test_the_output_form_is_computed_not_listed(formula, form):
    assert (output_form(elementwise("unheard_of", formula)) - form).expand() == 0


@pytest.mark.parametrize("name", [n for n, f in SMOOTH.items() if output_form(elementwise(n, f)) is not None])
def test_the_output_form_is_the_slope(name):
    function = elementwise(name, SMOOTH[name])
    f, p = (lambdify(v, e, "mpmath") for v, e in ((X, function.definition), (A, output_form(function))))
    with mpmath.workdps(40):
        for point in (-3.7, -0.2, 0.9, 5.1):
            assert mpmath.almosteq(p(f(mpmath.mpf(point))), mpmath.diff(f, point), rel_eps=1e-15)


@pytest.mark.parametrize("name", SMOOTH)
def test_the_derivative_is_the_slope(name):
    """Against the complex step, where nothing is differentiated by SymPy."""
    function = elementwise(name, SMOOTH[name])
    f, slope = (
        lambdify(X, g.definition, [{"erf": erf, "Abs": size}, "numpy"]) for g in (function, derivative(function))
    )
    for point in (-2.3, -0.4, 0.7, 3.1):
        assert slope(point) == pytest.approx(np.imag(f(point + 1e-20j)) / 1e-20, rel=1e-14)


def erf(z):
    """Of a complex number to the first order in its imaginary part."""
    return math.erf(np.real(z)) + 2j / math.sqrt(math.pi) * math.exp(-(np.real(z) ** 2)) * np.imag(z)


def size(z):
    return z if np.real(z) >= 0 else -z


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("relu", [(0, 0)]),
        ("relu6", [(0, 0), (6, 0)]),
        ("hard_tanh", [(-1, 0), (1, 0)]),
        ("leaky_relu", [(0, Rational(1, 100))]),
        ("elu(alpha=1.4)", [(0, Rational(7, 5))]),
        ("elu", []),
        ("softsign", []),
        ("gelu", []),
        ("softplus", []),
    ],
)
def test_kinks_and_the_slopes_taken_there(text, expected):
    assert kinks(elementwise("other", activation(text).formula)) == expected


def test_a_function_has_a_kink_only_where_its_slope_jumps():
    assert kinks(elementwise("size", Abs(X))) == [(0, 0)]
    assert kinks(elementwise("huber", Piecewise((X**2 / 2, Abs(X) <= 2), (2 * Abs(X) - 2, True)))) == []
    bent = Piecewise((X**2, Abs(X) <= 2), (2 * Abs(X), True))
    assert kinks(elementwise("bent", bent)) == [(-2, -4), (2, 4)]


def test_the_slope_of_softsign_is_one_term():
    """As a difference of two fractions it would lose its digits far from zero."""
    assert derivative(elementwise("softsign", FORMULAS["softsign"])).definition == 1 / (1 + Abs(X)) ** 2


def test_an_activation_is_called_by_its_name_unless_there_are_two():
    assert titles(["elu(alpha=1.4)", "tanh"]) == {"elu(alpha=1.4)": "elu", "tanh": "tanh"}
    found = titles(["elu(alpha=1e-8)", "elu", "elu(alpha=1/3)", "elu(alpha=1.4)", "elu(alpha=14)"])
    assert list(found.values()) == [
        "elu_alpha_1e_minus_8",
        "elu",
        "elu_alpha_1_over_3",
        "elu_alpha_1_4",
        "elu_alpha_14",
    ]
    assert all(name.isidentifier() for name in found.values()) and len(set(found.values())) == len(found)


def test_relu_has_slope_zero_at_its_kink():
    slope = derivative(elementwise("relu", FORMULAS["relu"])).definition
    assert [slope.subs(X, v) for v in (-1, 0, 1)] == [0, 0, 1]


def test_a_derivative_is_a_named_function():
    function = elementwise("tanh", tanh(X))
    slope = function(Z).diff(Z)
    assert isinstance(slope, Elementwise) and slope.title == "tanh_prime"
    assert (slope.order, slope.origin) == (1, "tanh")
    second = slope.diff(Z)
    assert (second.title, second.order, second.origin) == ("tanh_prime_prime", 2, "tanh")
    assert (second.definition - diff(tanh(X), X, 2)).simplify() == 0


def test_a_constant_slope_is_its_value():
    assert elementwise("identity", X)(Z).diff(Z) == 1


def test_the_chain_rule_goes_through_a_named_function():
    function = elementwise("tanh", tanh(X))
    assert function(3 * Z).diff(Z) == 3 * derivative(function)(3 * Z)


def test_the_same_name_and_definition_is_the_same_function():
    assert elementwise("tanh", tanh(X)) is elementwise("tanh", tanh(X))
    assert elementwise("tanh", tanh(X)) is not elementwise("tanh", tanh(2 * X))


def test_a_function_of_several_numbers_has_a_derivative_by_name_for_each():
    slope, t = Symbol("slope", real=True), Symbol("t", real=True)
    function = elementwise("prelu", Piecewise((X, X > 0), (slope * X, True)), others=(slope,))
    first, second = (type(function(Z, t).fdiff(n)) for n in (1, 2))
    assert (first.title, first.definition) == ("prelu_prime", Piecewise((1, X > 0), (slope, True)))
    assert (second.title, second.definition) == ("prelu_wrt_slope", Piecewise((0, X > 0), (X, True)))
    assert function(Z, t).fdiff(2).args == (Z, t)
    assert function(Z, t).diff(t) == second(Z, t)


def test_the_slope_of_a_maximum_at_a_tie_is_that_of_the_first_and_of_a_number():
    a, b = Symbol("a", real=True), Symbol("b", real=True)
    assert [slope_in(Max(a, b), n).subs({a: 2, b: 2}) for n in (0, 1)] == [1, 0]
    assert [slope_in(Min(a, b), n).subs({a: 2, b: 2}) for n in (0, 1)] == [1, 0]
    assert slope_in(Max(0, a), 1).subs(a, 0) == slope_in(Min(0, a), 1).subs(a, 0) == 0
    assert slope_in(sign(a), 0) == 0 and slope_in(Abs(a), 0).subs(a, 0) == 0


def test_real_symbols_leave_no_imaginary_parts():
    assert not elementwise("sigmoid", FORMULAS["sigmoid"])(Z).diff(Z).definition.has(I)
