"""Every function in the table of calls, as an activation: its slope, far out, in every document; others are refused."""

from __future__ import annotations

import re

import mpmath
import numpy as np
import pytest
from sympy import (
    Abs,
    Expr,
    Ne,
    Piecewise,
    acos,
    acosh,
    asin,
    asinh,
    atanh,
    gamma,
    lambdify,
    log,
    sin,
    sinh,
    tanh,
)

from derive import Edition, Network, derive
from derive.arrays.entrywise import proved_form
from derive.arrays.trial import GREATEST
from derive.calculus.functions import CALLS, X, derivative, elementwise
from derive.catalogue.activations import ACTIVATIONS, Activation
from derive.catalogue.loss import Loss
from derive.command.main import main
from derive.targets.numpy.evaluator import NumPyEvaluator
from derive.text.errors import StatementError

#: A formula for each function that is defined for every number.
_INSIDE = {f: 2 + X**2 for f in (log, acosh)} | {f: tanh(X) / 2 for f in (asin, acos, atanh)}
FORMULAS = {f"trial_{f.__name__}": f(_INSIDE.get(f, X)) for f in CALLS}
CALL = {f"trial_{f.__name__}": call for f, call in CALLS.items()}
POINTS = [sign * size for size in (1e-8, 0.3, 1.0, 2.5, 36.0, 300.0, 1e4) for sign in (1, -1)]


@pytest.fixture(params=FORMULAS)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    chosen: str = request.param
    monkeypatch.setitem(ACTIVATIONS, chosen, Activation(chosen, "a trial", FORMULAS[chosen]))
    return chosen


def test_the_gradients_are_those_of_the_complex_step(name: str) -> None:
    report = derive(Network("3,4,2", activation=f"{name},identity")).check()
    assert report.passed, report.line()


@pytest.mark.sampled(6)
def test_every_document_writes_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    files = derive(Network("3,2", activation=name)).files(Edition("tex,md,html,ipynb,svg", numbers=7))
    spelled = CALL[name].text or name.removeprefix("trial_")
    if name != "trial_exp":  # which is written as a power of e
        assert CALL[name].tex in str(files["derivation.tex"]) and CALL[name].tex in str(files["derivation.md"])
        assert f"<mi>{spelled}</mi>" in str(files["derivation.html"])
    assert main(["list", "activations"]) == 0
    assert name in capsys.readouterr().out


@pytest.mark.parametrize("chosen", FORMULAS)
def test_values_and_slopes_are_right_far_out(chosen: str) -> None:
    function = elementwise(chosen, FORMULAS[chosen])
    for formula in (function.definition, derivative(function).definition):
        _assert_exact(formula)


def _assert_exact(formula: Expr) -> None:
    run = NumPyEvaluator()
    code, exact = run.function(proved_form(run, formula), ()), lambdify(X, formula, "mpmath")
    for point in POINTS:
        with mpmath.workdps(900):
            true = mpmath.mpf(exact(mpmath.mpf(point)))
        if abs(true) < GREATEST:
            assert code(np.array([point])).item() == pytest.approx(float(true), rel=1e-12, abs=1e-300), (formula, point)


def test_other_functions_are_refused() -> None:
    said = "^the (activation|loss) mine is defined by gamma; known are arithmetic, .*asin, .* and Piecewise$"
    with pytest.raises(StatementError, match=said):
        Activation("mine", "a trial", X + gamma(X))
    with pytest.raises(StatementError, match=said):
        Loss("mine", "", "", lambda y, a, f: f(a - y), lambda m, k: 1 / m, function=gamma(X))


UNFIT = {
    "a condition": (Piecewise((sin(X) / X, Ne(X, 0)), (1, True)), "has the condition Ne(x, 0): conditions are written"),
    "no last case": (Piecewise((X, X > 0)), "has no value where no condition of its Piecewise holds: add a last case"),
}


@pytest.mark.parametrize("formula", UNFIT)
def test_a_formula_that_has_no_value_for_some_numbers_is_refused(formula: str) -> None:
    function, said = UNFIT[formula]
    with pytest.raises(StatementError, match=re.escape(f"the activation mine {said}")):
        Activation("mine", "a trial", function)
    with pytest.raises(StatementError, match=re.escape(f"the loss mine {said}")):
        Loss("mine", "", "", lambda y, a, f: f(a - y), lambda m, k: 1 / m, function=function)


def test_a_slope_that_is_simplified_to_a_number_has_a_value_for_each_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ACTIVATIONS, "same", Activation("same", "a trial", asinh(sinh(X))))
    derivation = derive(Network("3,4,2", activation="same,identity"))
    assert derivation.check().passed
    assert "np.full_like(x, 1)" in derivation.numpy()


def test_the_check_says_where_a_function_loses_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """No form is known that keeps the digits of the slope of sin(x)/x near 0."""
    formula = Piecewise((sin(X) / X, Abs(X) > 0), (1, True))
    monkeypatch.setitem(ACTIVATIONS, "sinc", Activation("sinc", "a trial", formula))
    report = derive(Network("3,4,2", activation="sinc,identity")).check()
    assert report.passed
    assert "; sinc_prime loses digits at |x| from 1e-300 to 0.004" in report.line()
    assert derive(Network("3,4,2", activation="gelu")).check().range == ""
