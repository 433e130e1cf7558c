"""The definitions of functions in every format: roots, bars, decimals, and named functions."""

import pytest
from helpers import derivation
from sympy import Rational, Symbol, sqrt, symbols

from derive.calculus.functions import X, derivative, elementwise
from derive.catalogue.activations import ACTIVATIONS, activation
from derive.catalogue.losses import LOSSES, loss
from derive.paper.boxes import Typesetter
from derive.paper.latex import latex
from derive.paper.mathml import mathml
from derive.paper.notation import PSI
from derive.paper.page import Page
from derive.paper.text import text

PAGE = Page(Typesetter(PSI.times), PSI, {})
FORMULAS = {name: activation(name).formula for name, entry in ACTIVATIONS.items() if entry.elementwise}
FORMULAS |= {name: loss(name).function for name, entry in LOSSES.items() if entry.function is not None}


@pytest.mark.parametrize(
    ("name", "tex", "plain"),
    [
        (
            "gelu",
            r"\frac{x}{2}\,\left(1 + \mathrm{erf}\left(\frac{x}{\sqrt{2}}\right)\right)",
            "x/2 (1 + erf(x/√2))",
        ),
        (
            "gelu_tanh",
            r"\frac{x}{2}\,\left(1 + \tanh\left(\sqrt{\frac{2}{\pi}}\,(x + 0.044715\, x^{3})\right)\right)",
            "x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))",
        ),
        ("softsign", r"\frac{x}{1 + |x|}", "x/(1 + |x|)"),
        ("log_cosh", r"\ln(\cosh(x))", "ln(cosh(x))"),
        (
            "huber",
            r"\begin{cases} \frac{x^{2}}{2} & |x| \le 1 \\ |x| - \frac{1}{2} & \text{otherwise} \end{cases}",
            "{x²/2 if |x| ≤ 1, else |x| − 1/2}",
        ),
    ],
)
def test_a_definition(name, tex, plain):
    box = PAGE.formula(FORMULAS[name])
    assert (latex(box), text(box)) == (tex, plain)


@pytest.mark.parametrize("name", FORMULAS)
def test_every_definition_and_its_slope_have_every_format(name):
    function = elementwise("other", FORMULAS[name])
    for formula in (function.definition, derivative(function).definition):
        box = PAGE.formula(formula)
        assert all(write(box) for write in (latex, mathml, text))


@pytest.mark.parametrize(
    ("value", "tex", "plain"),
    [
        (Rational(7, 5), "1.4", "1.4"),
        (Rational(-1, 100), "-0.01", "−0.01"),
        (Rational(1, 2), r"\frac{1}{2}", "1/2"),
        (Rational(1, 3), r"\frac{1}{3}", "1/3"),
        (Rational(1, 10**8), r"10^{-8}", "10⁻⁸"),
        (Rational(7, 5) * X, r"1.4\, x", "1.4 x"),
    ],
)
def test_decimals_and_fractions(value, tex, plain):
    box = PAGE.formula(value)
    assert (latex(box), text(box)) == (tex, plain)


def test_a_mean_over_five_outputs_is_no_decimal():
    source = derivation((2, 5), "identity", "mse").latex(only=("forward", "chain", "values", "matrices"))
    assert r"\frac{1}{5}" in source and "0.2" not in source


def test_a_small_term_of_an_equation_is_a_decimal():
    assert text(PAGE.entry(sqrt(X + Rational(1, 10**5)))) == "√(10⁻⁵ + x)"
    assert text(PAGE.entry(X + Rational(1, 10))) == "1/10 + x"


def test_mathml_has_roots_and_bars():
    assert "<msqrt><mn>2</mn></msqrt>" in mathml(PAGE.entry(FORMULAS["gelu"]))
    bars = mathml(PAGE.entry(FORMULAS["mae"]))
    assert bars.count("<mo") == 2 and bars.count(">|</mo>") == 2


def test_softmax_pull_is_invariant_to_a_constant_shift():
    """``softmax_pull`` uses that a * (v - sum(v * a)) is the same for v - c if a sums to 1."""
    a, v, c = symbols("a:3"), symbols("v:3"), Symbol("c")
    for share, value in zip(a, v, strict=True):
        plain = share * (value - sum(p * q for p, q in zip(v, a, strict=True)))
        moved = share * (value - c - sum((p - c) * q for p, q in zip(v, a, strict=True)))
        assert (plain - moved).subs(a[2], 1 - a[0] - a[1]).expand() == 0


def test_the_largest_share_is_one_minus_the_others():
    """``softmax_minus`` uses this, with exponentials relative to the largest."""
    first, second, y = symbols("p q y", positive=True)
    others = first + second
    share = 1 / (1 + others)
    assert (-others / (1 + others) - (y - 1) - (share - y)).simplify() == 0
