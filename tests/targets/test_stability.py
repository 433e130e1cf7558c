"""Stability is a rewriting of expressions: whatever is stated, over any axis, is right however far out.

The exact values come from the interpreter of the index form over mpmath's numbers. Inputs
and weights are such that the pre-activations are exact: what is measured is the module.
"""

from __future__ import annotations

import ast
import functools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from agreement import assert_right
from helpers import (
    Array,
    Values,
    apply,
    axis,
    closed,
    define,
    dense,
    forwarded,
    load,
    shape_of,
    squares,
    stored,
    summed,
)
from networks import INPUTS, MORE, OUTPUTS, begun
from sympy import Expr, Piecewise, Rational, Sum, Symbol, exp, log, sqrt, tanh
from test_edge_numbers import digits_lost

from derive.api import Derivation, derive
from derive.arrays import entrywise
from derive.arrays import matrix as mx
from derive.arrays.along import stated
from derive.arrays.entrywise import Fusing
from derive.arrays.equal import equal
from derive.arrays.rewriting import spelled
from derive.arrays.stability import better, setting
from derive.arrays.stable import StableForm
from derive.arrays.trial import Trial, no_worse
from derive.calculus.evaluate import Arithmetic, Interpreter, as_floats, interpret
from derive.calculus.forward import ForwardPass
from derive.calculus.functions import X, elementwise
from derive.calculus.index import SAMPLE_AXIS, SAMPLES, Equation, Index, IndexSupply, Tensor, total
from derive.calculus.promises import SumsToOne
from derive.catalogue.activations import ACTIVATIONS
from derive.statement.quantities import Entries
from derive.statement.statement import Statement
from derive.targets.named import Point
from derive.targets.numpy.along_code import ALONG
from derive.targets.numpy.evaluator import NumPyEvaluator, elementwise_code, functions_of
from derive.text.errors import StatementError
from derive.worked.exact import EXACT

S = SAMPLE_AXIS
ONE = axis(1)
TOLERANCE = 1e-12
M = 3


def scores(s: Statement, x: Entries, units: Any = MORE, name: str = "z") -> Entries:
    return dense(s, name, s.parameter(name.upper(), units, INPUTS), x)


def softmax(s: Statement, z: Entries) -> Entries:
    return define(s, "p", z.axes, lambda i, u: exp(z[i, u]) / summed(s, z.axes[0], lambda j: exp(z[j, u])))


def softmax_over_samples(s: Statement, z: Entries) -> Entries:
    return define(s, "p", z.axes, lambda i, u: exp(z[i, u]) / summed(s, S, lambda v: exp(z[i, v])))


def in_steps(s: Statement, z: Entries) -> Entries:
    e = define(s, "e", z.axes, lambda i, u: exp(z[i, u]))
    t = define(s, "t", (S,), lambda u: summed(s, z.axes[0], lambda j: e[j, u]))
    return define(s, "p", z.axes, lambda i, u: e[i, u] / t[u,])


def log_likelihood(s: Statement, y: Entries, p: Entries) -> Expr:
    i, u = s.supply.several(y.axes)
    return -total(y[i, u] * log(p[i, u]), i, u) / SAMPLES


def focal_loss(s: Statement, y: Entries, p: Entries) -> Expr:
    i, u = s.supply.several(y.axes)
    return -total(y[i, u] * (1 - p[i, u]) ** 2 * log(p[i, u]), i, u) / SAMPLES


def every_class(s: Statement, y: Entries, p: Entries) -> Expr:
    """The cross-entropy of each class against all others."""
    i, u = s.supply.several(y.axes)
    return -total(y[i, u] * log(p[i, u]) + (1 - y[i, u]) * log(1 - p[i, u]), i, u) / SAMPLES


def classifier(shares: Callable[..., Tensor], loss: Callable[..., Expr], promised: bool = True) -> ForwardPass:
    s, x, y = begun(outputs=MORE)
    p = shares(s, scores(s, x))
    return closed(s, loss(s, y, p), promises=(SumsToOne(y.tensor),) if promised else ())


def spread(loss: Callable[[Expr, Expr], Expr], function: str = "softplus", raw: Any = None) -> ForwardPass:
    """One output that is a function of one pre-activation."""
    s, x, y = begun(outputs=ONE)
    v = scores(s, x, ONE, "v")
    out = define(s, "sd", v.axes, lambda i, u: raw(v[i, u])) if raw else apply(s, "sd", function, v)
    i, u = s.supply.several(y.axes)
    return closed(s, total(loss(y[i, u], out[i, u]), i, u) / SAMPLES)


def log_sum(s: Statement, z: Entries) -> Entries:
    return define(s, "l", (S,), lambda u: log(summed(s, z.axes[0], lambda j: exp(z[j, u]))))


def stated_log_softmax() -> ForwardPass:
    s, x, y = begun(outputs=MORE)
    z = scores(s, x)
    lse = log_sum(s, z)
    lp = define(s, "lp", z.axes, lambda i, u: z[i, u] - lse[u,])
    i, u = s.supply.several(y.axes)
    return closed(s, -total(y[i, u] * lp[i, u], i, u) / SAMPLES)


def mixture() -> ForwardPass:
    """A mixture of densities: the logarithm of a sum of shares times exponentials."""
    s, x, y = begun(outputs=ONE)
    z = scores(s, x)
    mu = dense(s, "mu", s.parameter("MU", MORE, INPUTS), x, role="prediction")
    p = softmax(s, z)
    (u,) = s.supply.several((S,))
    density = summed(s, MORE, lambda k: p[k, u] * exp(-((summed(s, ONE, lambda i: y[i, u]) - mu[k, u]) ** 2) / 2))
    return closed(s, -total(log(density), u) / SAMPLES)


def mixture_of_widths() -> ForwardPass:
    """A mixture whose components have widths of their own."""
    s, x, y = begun(outputs=MORE)
    p = softmax(s, scores(s, x))
    mu = dense(s, "mu", s.parameter("MU", MORE, INPUTS), x, role="prediction")
    v = dense(s, "v", s.parameter("V", MORE, INPUTS), x)
    (u,) = s.supply.several((S,))

    def exponent(k: Any) -> Any:
        return -((y[k, u] - mu[k, u]) ** 2) * exp(-2 * v[k, u]) / 2 - v[k, u]

    return closed(s, -total(log(summed(s, MORE, lambda k: p[k, u] * exp(exponent(k)))), u) / SAMPLES)


NETWORKS: dict[str, Callable[[], ForwardPass]] = {
    "softmax": lambda: classifier(softmax, log_likelihood),
    "softmax, squares": lambda: classifier(softmax, squares),
    "softmax, no promise": lambda: classifier(softmax, log_likelihood, promised=False),
    "softmax in steps": lambda: classifier(in_steps, log_likelihood),
    "softmax in steps, squares": lambda: classifier(in_steps, squares),
    "softmax over samples": lambda: classifier(softmax_over_samples, log_likelihood, promised=False),
    "softmax over samples, squares": lambda: classifier(softmax_over_samples, squares, promised=False),
    "focal": lambda: classifier(softmax, focal_loss),
    "focal in steps": lambda: classifier(in_steps, focal_loss),
    "focal over samples": lambda: classifier(softmax_over_samples, focal_loss, promised=False),
    "every class": lambda: classifier(softmax, every_class),
    "log softmax stated": stated_log_softmax,
    "ln sd + y/sd": lambda: spread(lambda y, sd: log(sd) + y / sd),
    "ln sd + y/(2 sd)": lambda: spread(lambda y, sd: log(sd) + y / (2 * sd)),
    "log(1 - p)": lambda: spread(lambda y, p: -y * log(1 - p), "sigmoid"),
    "focal of one": lambda: spread(lambda y, p: -y * (1 - p) ** 2 * log(p), "sigmoid"),
    "p**(3/2)": lambda: spread(lambda y, p: y * p ** Rational(3, 2), "sigmoid"),
    "log(1 - a**2)": lambda: spread(lambda y, a: -y * log(1 - a**2), "tanh"),
    "root": lambda: spread(lambda y, p: y * sqrt(p), "sigmoid"),
    "sigmoid stated": lambda: spread(lambda y, p: (y - p) ** 2, raw=lambda v: 1 / (1 + exp(-v))),
    "cross-entropy of a sigmoid stated": lambda: spread(
        lambda y, p: -y * log(p) - (1 - y) * log(1 - p), raw=lambda v: 1 / (1 + exp(-v))
    ),
    "softplus stated": lambda: spread(lambda y, p: y * p, raw=lambda v: log(1 + exp(v))),
    "tanh stated": lambda: spread(lambda y, p: (1 - p) * y, raw=tanh),
    "mixture": mixture,
    "mixture of widths": mixture_of_widths,
}


#: Where a gradient is a difference of two quotients: one of what may be no number, or of two softmaxes that both
#: round to 1. Every entry is right up to here; of mixtures, beyond it, entries are right beside shares of 1.
LIMITS = {"every class": 100, "mixture": 1, "mixture of widths": 1}


@functools.cache
def derivation(name: str) -> Derivation:
    return derive(NETWORKS[name]())


@functools.cache
def module(name: str) -> Any:
    return load(derivation(name).numpy())


def data(name: str, scale: float) -> Values:
    """Inputs of 1 and 0, weights in eighths times the scale: each pre-activation is a weight."""
    program, choose = derivation(name).program, np.random.default_rng(int(scale))
    values = {"X": np.eye(3)}
    for p in program.parameters:
        shape = shape_of(p, {"m": M})
        sizes = choose.permutation(np.arange(1, 1 + np.prod(shape))).reshape(shape) / 8  # no two are alike
        values[p.name] = sizes * choose.choice([-1, 1], size=shape) * (scale if p.name != "MU" else 1)
    (y,) = (t for t in program.inputs if t.role == "target")
    rows = shape_of(y, {"m": M})[0]
    if rows == 1:
        values["Y"] = np.array([[1.0, 0.5, 0.25]])
    else:
        values["Y"] = np.array([[1, 0, 0, 0], [0, 0.5, 0.25, 0.25], [0, 0, 0, 1]], dtype=float).T
    return values


def exactly(name: str, values: Values, precision: int) -> dict[str, Array]:
    program = derivation(name).program
    with mpmath.workdps(precision):
        start = {n: np.vectorize(lambda v: mpmath.mpf(float(v)), otypes=[object])(v) for n, v in values.items()}
        return interpret(program, start, {"m": M}, Arithmetic(mpmath, mpmath.mpf))


def _digits(name: str, scale: float) -> int:
    """So many that sixty are left; of many units, what would need more is below all numbers, but for its logarithm."""
    return 60 + int(
        3 * scale if "1 -" in name or "cross-entropy" in name or name == "every class" else min(3 * scale, 1900)
    )


def silently(call: Callable[[], Any]) -> Any:
    with warnings.catch_warnings(), np.errstate(over="raise", invalid="raise", divide="raise"):
        warnings.simplefilter("error")
        return call()


@pytest.mark.parametrize("scale", [0, 1, 30, 100, 800, 1e4])
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(46)
def test_error_gradients_and_prediction_are_right(name, scale):
    if (name, scale) == ("every class", 1e4):
        pytest.skip("its truth takes more digits than there is time for")
    if name == "mixture of widths" and scale > 100:
        pytest.skip("its widths are beyond all numbers")
    program, values = derivation(name).program, data(name, scale)
    exact = exactly(name, values, _digits(name, scale))
    if abs(exact["E"][()]) > 1e300:
        pytest.skip("the error is beyond all numbers")
    parameters = {p.name: stored(p, values[p.name]) for p in program.parameters}
    made = module(name)
    predicted = silently(lambda: made.forward(parameters, values["X"]))
    assert np.isfinite(predicted).all()
    error = silently(lambda: made.error(parameters, values["X"], values["Y"]))
    assert digits_lost(np.array([error]), np.array([exact["E"][()]])) < TOLERANCE, "E"
    if name == "every class" and scale > LIMITS[name]:
        return
    slopes = silently(lambda: made.gradients(parameters, values["X"], values["Y"]))
    for p in program.parameters:
        wanted = stored(p, exact[f"dE_d{p.name}"])
        if scale <= LIMITS.get(name, scale):
            assert digits_lost(slopes[p.name], wanted) < TOLERANCE, p.name
        else:
            largest = max(1, *(abs(v) for v in wanted.flat))
            assert max(abs(v) for v in (slopes[p.name] - wanted).flat) <= TOLERANCE * largest, p.name


def test_a_root_of_another_argument_takes_an_array():
    y = Symbol("y", real=True)
    code = elementwise_code(StableForm(X / sqrt(y**2 + Rational(1, 100)), None, X), (y,))
    assert np.allclose(code(np.ones(3), np.array([0.0, 1.0, 2.0])), 1 / np.sqrt([0.01, 1.01, 4.01]))


def plain(name: str, scale: float) -> tuple[Any, Values, Array, Array]:
    """The module, its parameters, and the data."""
    values = data(name, scale)
    parameters = {p.name: stored(p, values[p.name]) for p in derivation(name).program.parameters}
    return module(name), parameters, values["X"], values["Y"]


@pytest.mark.parametrize("scale", [1, 30])
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(7)
def test_a_complex_step_gives_the_gradients(name, scale):
    made, parameters, x, y = plain(name, scale)
    slopes = made.NETWORK.gradients(parameters, x, y, forwarded(made, parameters, x))
    for learned, slope in slopes.items():
        for position in np.ndindex(slope.shape):
            moved = {n: v.astype(complex) for n, v in parameters.items()}
            moved[learned][position] += 1e-30j
            error = silently(lambda moved=moved: made.NETWORK.error(moved, x, y, forwarded(made, moved, x)))
            along = np.asarray(error).imag.item() / 1e-30
            assert abs(along - slope[position]) <= 1e-11 * np.max(np.abs(slope))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(5)
def test_float32_stays_float32(name):
    made, parameters, x, y = plain(name, 30)
    short = {n: v.astype(np.float32) for n, v in parameters.items()}
    x, y = x.astype(np.float32), y.astype(np.float32)
    values = silently(lambda: forwarded(made, short, x))
    error = silently(lambda: made.NETWORK.error(short, x, y, values))
    slopes = silently(lambda: made.NETWORK.gradients(short, x, y, values))
    assert {np.asarray(a).dtype for a in (*values.values(), error, *slopes.values())} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(5)
def test_both_renderings_agree(name):
    assert derivation(name).check().passed


@pytest.mark.parametrize(
    ("v", "error"), [(-40.0, None), (-30.0, None), (-20.0, None), (0.0, 1.0761829), (800.0, 6.6858617)]
)
def test_the_logarithm_of_a_softplus_and_its_inverse(v, error):
    """Each term by itself is right where one function for both is not; both have names of their own."""
    made = module("ln sd + y/sd")
    parameters, x, y = {"V": np.array([[v, 0.0, 0.0]])}, np.array([[1.0], [0.0], [0.0]]), np.ones((1, 1))
    with mpmath.workdps(60):
        z = mpmath.mpf(v)
        sd, slope = mpmath.log1p(mpmath.exp(z)), 1 / (1 + mpmath.exp(-z))
        exact = (mpmath.log(sd) + 1 / sd, slope / sd - slope / sd**2)
    found = silently(lambda: (made.error(parameters, x, y), made.gradients(parameters, x, y)["V"][0, 0]))
    assert digits_lost(np.array(found), np.array(exact)) < TOLERANCE
    assert error is None or found[0] == pytest.approx(error, abs=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(5)
def test_no_two_functions_of_a_module_have_one_name(name):
    defined = [n.name for n in ast.parse(derivation(name).numpy()).body if isinstance(n, ast.FunctionDef)]
    assert len(defined) == len(set(defined))


# The rules.

SPREADS = [(0, 0, 0), (1, 2, -3), (30, -30, 29), (800, 0, -800), (1e4, 9.99e3, -1e4), (-50, -60, -70)]


@pytest.mark.parametrize("spread", SPREADS, ids=str)
@pytest.mark.parametrize("name", ALONG)
@pytest.mark.sampled(7)
def test_what_is_computed_along_an_axis_is_what_is_stated(name, spread):
    """The printed code of every function along an axis, beside the sums and exponentials that it stands for."""
    rule, along = ALONG[name]
    i, u = Index("i", axis(3)), Index("u", axis(2))
    tensors = {a: Tensor(a, "argument", (i.axis, u.axis) if along == 0 else (u.axis, i.axis)) for a in rule.arguments}
    order = (i, u) if along == 0 else (u, i)
    node = rule.node(*(t[order] for t in tensors.values()), i)
    free = tuple(k for k in order if not rule.reduces or k != i)
    equation = Equation(Tensor("f", "result", tuple(k.axis for k in free)), free, stated(node, IndexSupply("s")))
    z = np.array([spread, spread[::-1]], dtype=float).T
    others = {"y": [[0, 1], [1, 0], [0, 0]], "v": [[1, 2], [3, 5], [8, 4]], "c": [[1, 2], [3, 0.5], [1, 1]]}
    others["w"] = [[0.5, 0], [0, 0.25], [1, 2]]
    given = {"z": z, **{n: np.array(v, dtype=float) for n, v in others.items()}}
    given = {n: v if along == 0 else v.T for n, v in given.items() if n in tensors}
    largest = max(map(abs, spread))
    with mpmath.workdps(60 + int(2 * largest if rule.title == "log_softmax_rest" else min(2 * largest, 1900))):
        numbers = {n: np.vectorize(lambda v: mpmath.mpf(float(v)), otypes=[object])(v) for n, v in given.items()}
        machine = Interpreter(numbers, {}, tensors, Arithmetic(mpmath, mpmath.mpf))
        exact = machine.tensor(equation)
    found = silently(lambda: functions_of(mx.Call(name, ()), {})[name](*(given[a] for a in rule.arguments)))
    if rule.title == "softmax_pull" and spread == (0, 0, 0):
        exact = np.vectorize(float)(exact)  # shares of a third round, and what is left of them cancels
        np.testing.assert_allclose(found, exact, atol=1e-15)
    elif rule.reduces:
        assert digits_lost(found.ravel(), exact.ravel()) < TOLERANCE
    else:
        assert digits_lost(found, exact) < TOLERANCE


def test_a_form_that_would_lose_digits_is_not_taken(monkeypatch):
    """One function for the whole summand of ln sd + y/sd, if plain, loses what softplus itself does not."""
    monkeypatch.setattr(entrywise, "proved_form", lambda _, definition, others=(): StableForm(definition))
    program = derivation("ln sd + y/sd").program
    (error,) = program.stage("error")
    (summand,) = error.equation.expression.atoms(Sum)
    indices = tuple(limit[0] for limit in summand.limits)
    target = Tensor("summand", "summand", tuple(k.axis for k in indices))
    given = setting(program, NumPyEvaluator())
    trial = Trial(
        Equation(target, indices, summand.function), given.sources(error.equation), given.data, given.evaluator
    )
    whole = Fusing(given.evaluator, "loss_of_{}", "whole").whole(given.opened(trial.statement))
    as_stated = trial.errors(summand.function)
    assert not no_worse(trial.errors(whole), as_stated)
    taken = better.__wrapped__(given, trial.statement, "error", ())
    assert no_worse(trial.errors(taken.expression), as_stated)


def test_the_template_of_the_functions_holds_no_mathematics_of_softmax():
    source = (Path(__file__).resolve().parents[2] / "templates" / "numpy" / "functions.py.jinja").read_text(
        encoding="utf-8"
    )
    assert "softmax" not in source and "argmax" not in source


def test_equal_sums_are_equal_expressions():
    k, j, other = (Index(n, axis(3)) for n in "kjl")
    z = Tensor("z", "preactivation", (axis(3),))
    one, two = (total(exp(z[a,]) * total(z[b,], b), a) for a, b in ((k, j), (j, other)))
    assert one != two and equal(one, two) and spelled(one) == spelled(two)


@pytest.mark.parametrize("form", [lambda c, z: c * z, lambda c, z: z / c, lambda c, z: c + z])
def test_a_function_of_a_formula_is_as_stable_as_one_of_an_entry(form):
    """Where f(c z) rounds to 1, the cross-entropy and its slopes are those of the logits, and not infinite."""
    s, x, y = begun(outputs=ONE)
    c, z = s.parameter("c"), dense(s, "z", s.parameter("W", ONE, INPUTS), x)
    sigmoid = elementwise("sigmoid", ACTIVATIONS["sigmoid"].formula)
    p = define(s, "p", z.axes, lambda i, u: sigmoid(form(c[()], z[i, u])))
    i, u = s.supply.several(y.axes)
    error = -total(y[i, u] * log(p[i, u]) + (1 - y[i, u]) * log(1 - p[i, u]), i, u) / SAMPLES
    made: Any = load(derive(closed(s, error)).numpy())
    for weight in (40.0, -40.0, 300.0):
        parameters = {"c": np.array([[1.25]]), "W": np.array([[weight, 0.0, 0.0]])}
        q = form(1.25, weight)
        found = silently(lambda p=parameters: made.error(p, np.array([[1.0], [0], [0]]), np.array([[0.25]])))
        assert found == pytest.approx(np.logaddexp(0, q) - 0.25 * q, rel=1e-14)


BY_A_FUNCTION: dict[str, Any] = {
    "1/(exp z + exp(-z))": lambda z: 1 / (exp(z) + exp(-z)),
    "exp z/(1 + exp z)**2": lambda z: exp(z) / (1 + exp(z)) ** 2,
    "exp z/(1 + exp z)**3": lambda z: exp(z) / (1 + exp(z)) ** 3,
    "exp z/(1 + exp 2z)": lambda z: exp(z) / (1 + exp(2 * z)),
    "(exp z - 1)/z": lambda z: (exp(z) - 1) / z,
    "log(exp z + exp(-z))": lambda z: log(exp(z) + exp(-z)),
    "log((exp z + exp(-z))/2)": lambda z: log((exp(z) + exp(-z)) / 2),
    "log(3 + exp z + exp(-z))": lambda z: log(3 + exp(z) + exp(-z)),
}
SOFTMAX_OF: dict[str, Any] = {
    "softplus": elementwise("softplus", ACTIVATIONS["softplus"].formula),
    "relu": elementwise("relu", ACTIVATIONS["relu"].formula),
    "a root": lambda z: sqrt(1 + z**2),
    "1/(1 + relu**2)": lambda z: 1 / (1 + SOFTMAX_OF["relu"](z) ** 2),
    "a square": lambda z: z**2,
}


@pytest.mark.parametrize("name", BY_A_FUNCTION)
@pytest.mark.sampled(4)
def test_a_function_without_a_better_form_is_computed_as_stated(name):
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)
    h = define(s, "h", z.axes, lambda i, u: BY_A_FUNCTION[name](z[i, u]), role="prediction")
    assert_right(closed(s, squares(s, y, h)))


@pytest.mark.parametrize("name", SOFTMAX_OF)
@pytest.mark.sampled(2)
def test_a_softmax_of_a_function(name):
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)

    def shares(i: Any, u: Any) -> Any:
        (j,) = s.supply.several(z.axes[:1])
        return exp(SOFTMAX_OF[name](z[i, u])) / total(exp(SOFTMAX_OF[name](z[j, u])), j)

    p = define(s, "p", z.axes, shares, role="prediction")
    i, u = s.supply.several(y.axes)
    assert_right(closed(s, -total(y[i, u] * log(p[i, u]), i, u) / SAMPLES, promises=(SumsToOne(y.tensor),)))


def softmax_of(s: Statement, of: Any, axis: Any) -> Any:
    """The equation of a softmax along the units of one of a statement's tensors, or of a formula of its entry."""

    def shares(i: Any, u: Any) -> Any:
        (j,) = s.supply.several((axis,))
        return exp(of(i, u)) / total(exp(of(j, u)), j)

    return shares


def test_two_tensors_that_are_computed_alike():
    """Neither is read for the other: the second is computed later."""
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)
    a, b = (define(s, n, z.axes, softmax_of(s, lambda i, u: z[i, u], OUTPUTS)) for n in "ab")
    o = define(s, "o", z.axes, lambda i, u: a[i, u] * b[i, u] ** 2, role="prediction")
    assert_right(closed(s, squares(s, y, o)))


def test_a_softmax_over_one_unit_has_an_error_of_0_and_that_is_right():
    s, x, y = begun(outputs=ONE)
    z = dense(s, "z", s.parameter("W", ONE, INPUTS), x)
    p = define(s, "p", z.axes, softmax_of(s, lambda i, u: z[i, u], ONE), role="prediction")
    i, u = s.supply.several(y.axes)
    error = -total(y[i, u] * log(p[i, u]), i, u) / SAMPLES
    assert derive(closed(s, error, promises=(SumsToOne(y.tensor),))).check().passed


@pytest.mark.parametrize("way", ["in steps", "of a formula"])
def test_the_slopes_of_a_softmax_are_numbers_far_out(way):
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)
    i, u = s.supply.several(y.axes)
    if way == "in steps":
        e = define(s, "e", z.axes, lambda i, u: exp(z[i, u]))
        (j,) = s.supply.several((OUTPUTS,))
        t = define(s, "t", (S,), lambda u: total(e[j, u], j))
        summand = log(e[i, u]) - log(t[u,])
    else:
        c = s.parameter("c")
        p = define(s, "p", z.axes, softmax_of(s, lambda i, u: z[i, u] + c[()] * z[i, u] ** 2, OUTPUTS), "prediction")
        summand = log(p[i, u])
    s.promise_sums_to_one(y)
    made: Any = load(derive(closed(s, -total(y[i, u] * summand, i, u) / SAMPLES)).numpy())
    parameters, x_values, y_values = made.example()
    parameters["W"] *= 1000
    assert all(np.all(np.isfinite(g)) for g in made.gradients(parameters, x_values, y_values).values())


HARD_TANH = elementwise("hard_tanh", ACTIVATIONS["hard_tanh"].formula)
ELU = elementwise("elu", Piecewise((X, X > 0), (exp(X) - 1, True)))


@pytest.mark.parametrize(
    "formula",
    [
        pytest.param(lambda z: ELU(z) / sqrt(ELU(z) ** 2 + Rational(1, 100)), id="a root of a function with two cases"),
        pytest.param(lambda z: HARD_TANH(z**2) + z, id="a case that holds between two numbers"),
    ],
)
def test_a_function_of_a_function_with_cases_is_right(formula):
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)
    assert_right(closed(s, squares(s, y, define(s, "o", z.axes, lambda i, u: formula(z[i, u]), role="prediction"))))


def test_a_case_that_depends_on_another_one_is_right():
    s, x, y = begun()
    h = apply(s, "h", "relu", dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x))
    t = apply(s, "t", "hard_tanh", h)
    o = define(s, "o", h.axes, lambda i, u: h[i, u] / sqrt(h[i, u] ** 2 + Rational(1, 100)), role="prediction")
    i, u = s.supply.several(y.axes)
    assert_right(closed(s, squares(s, y, o) + total(t[i, u] ** 2, i, u) / SAMPLES))


def test_values_that_need_too_many_digits_are_checked_at_smaller_arguments():
    """The logarithm of softplus(-300000): its true value needs 130,000 digits."""
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)
    far = define(s, "far", z.axes, lambda i, u: 300_000 * z[i, u], role="prediction")
    spread = apply(s, "spread", "softplus", far)
    i, u = s.supply.several(y.axes)
    error = (y[i, u] - far[i, u]) ** 2 / (spread[i, u] ** 2 + 1) + log(spread[i, u])
    report = derive(closed(s, total(error, i, u) / SAMPLES)).check()
    assert report.passed, report.line()


def test_a_form_that_loses_digits_near_zero_is_not_taken():
    """What two summands of a square have in common cancels at 0 where one of the other arguments is 0."""
    s, x, y = begun()
    q = s.parameter("Q", OUTPUTS)
    z = dense(s, "U", s.parameter("A", OUTPUTS, INPUTS), x, q)
    n = define(s, "n", z.axes, lambda i, u: tanh(q[i,] + z[i, u]))
    o = define(s, "o", z.axes, lambda i, u: (n[i, u] - z[i, u]) ** 2 + tanh(n[i, u]), role="prediction")
    report = derive(closed(s, squares(s, y, o))).check()
    assert report.passed, report.line()


def _stated(formula: Callable[[Expr], Expr]) -> ForwardPass:
    """A function of z, entry by entry."""
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)
    return closed(s, squares(s, y, define(s, "h", z.axes, lambda i, u: formula(z[i, u]), role="prediction")))


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        (lambda z: sqrt(-1 - z**2), "the equation of h has no value at the random numbers of the check"),
        (lambda z: exp(1000 + z), "the error is too large for float64 at the random numbers of the check"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_statement_with_no_value_at_the_numbers_of_the_check_is_refused(formula, said):
    with pytest.raises(StatementError, match=said):
        derive(_stated(formula)).numpy()


@pytest.mark.parametrize(
    "formula",
    [lambda z: exp(30_000 * z), lambda z: exp(-30_000 * z**2), lambda z: sqrt(1 - z**2)],
    ids=["overflows", "has no slope", "has no value"],
)
def test_functions_undefined_at_the_usual_arguments_are_checked_at_smaller_ones(formula):
    made: Any = load(derive(_stated(formula)).numpy())
    report = made.check_gradients(*made.example())
    assert all(0 < c <= 1e-12 and d <= 1e-6 for c, d in report.values())


def test_cancellation_in_one_function_is_not_blamed_on_its_readers():
    """1 - tanh(a)**2 keeps few digits where a is large, and so does all that is computed from it."""
    s, x, y = begun()
    first = dense(s, "first", s.parameter("V", INPUTS, INPUTS), x)
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), first)
    h = define(s, "h", z.axes, lambda i, u: exp(tanh(z[i, u] ** 2 + 4)), role="prediction")
    report = derive(closed(s, squares(s, y, h))).check()
    assert report.passed, report.line()


@pytest.mark.parametrize("depth", [3, *(pytest.param(n, marks=pytest.mark.slow) for n in (4, 6))])
def test_normalisations_of_normalisations_are_computed_as_they_are_stated(depth):
    """What they read, put in, would grow exponentially; expanding it took hours."""
    s, x, y = begun()
    value = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)
    for n in range(depth):
        value = layer_norm(s, value, str(n))
    assert derive(closed(s, squares(s, y, value))).check().passed


def layer_norm(s: Statement, z: Entries, number: str) -> Entries:
    """The mean of each sample taken off, and divided by the standard deviation."""
    mean = define(s, f"mean{number}", (S,), lambda u: summed(s, OUTPUTS, lambda j: z[j, u]) / 2)
    c = define(s, f"c{number}", z.axes, lambda i, u: z[i, u] - mean[u,])
    variance = define(s, f"v{number}", (S,), lambda u: summed(s, OUTPUTS, lambda j: c[j, u] ** 2) / 2)
    return define(s, f"n{number}", z.axes, lambda i, u: c[i, u] / sqrt(variance[u,] + Rational(1, 100)))


def test_an_exponential_of_an_exponential_is_tried_where_its_value_can_be_known():
    """exp(exp(10000)) has more digits than can be computed with."""
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)
    p = softmax(s, define(s, "e", z.axes, lambda i, u: exp(z[i, u])))
    assert derive(closed(s, squares(s, y, p))).check().passed


@pytest.mark.parametrize("scale", [50, 100, 1000])
@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(lambda y, z, sd: (y - z) ** 2 / (sd**2 + 1) + log(sd), id="gaussian"),
        pytest.param(lambda y, z, sd: y / sd + log(sd), id="exponential"),
        pytest.param(lambda y, z, sd: sd - y * log(sd), id="poisson"),
    ],
)
@pytest.mark.sampled(4)
def test_the_complex_step_is_right_far_out(loss, scale):
    """NumPy's log1p of a complex number loses a small real part, and its division overflows below 1e-308."""
    s, x, y = begun()
    w = dense(s, "w", s.parameter("W", OUTPUTS, INPUTS), x)
    z = define(s, "z", w.axes, lambda i, u: scale * w[i, u], role="prediction")
    sd = apply(s, "sd", "softplus", z)
    i, u = s.supply.several(y.axes)
    report = derive(closed(s, total(loss(y[i, u], z[i, u], sd[i, u]), i, u) / SAMPLES)).check()
    assert report.passed, report.line()


# Functions written with exp, inside the exponents of other functions.


def softplus_of(z: Expr) -> Expr:
    return log(1 + exp(z))


def tanh_of(z: Expr) -> Expr:
    return (exp(z) - exp(-z)) / (exp(z) + exp(-z))


def sigmoid_of(z: Expr) -> Expr:
    return 1 / (1 + exp(-z))


WRITTEN: dict[str, Callable[[Expr], Expr]] = {
    "softplus": softplus_of,
    "tanh": tanh_of,
    "sigmoid": sigmoid_of,
    "mish": lambda z: z * tanh(softplus_of(z)),
    "mish with exp": lambda z: z * tanh_of(softplus_of(z)),
    "softplus of softplus": lambda z: softplus_of(softplus_of(z)),
    "a sum": lambda z: softplus_of(z) + tanh_of(z) + sigmoid_of(z),
    "cases": lambda z: Piecewise((softplus_of(z), z > 0), (z * sigmoid_of(z), True)),
}


@pytest.mark.parametrize("outer", ["sum", "log_sum_exp", "softmax"])
@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.sampled(9)
def test_a_function_written_with_exp_is_stable_wherever_it_stands(name: str, outer: str) -> None:
    s = Statement()
    n, h = s.size("n", 1), s.size("h", 3)
    x, y, W = s.input("x", n), s.target("y"), s.parameter("W", h, n)
    i, j, k = s.indices("i j k", h, n, h)
    z = s.define("z", i, s.sum(W[i, j] * x[j], j))
    a = s.define("a", i, WRITTEN[name](z[i]))
    if outer == "softmax":
        p = s.define("p", i, exp(a[i]) / s.sum(exp(a[k]), k))
        o = s.define("o", (), s.sum(p[i] * W[i, 1], i))
    else:
        o = s.define("o", (), s.sum(a[i], i) if outer == "sum" else log(s.sum(exp(a[i]), i)))
    s.error((y - o) ** 2)
    derived = derive(s)
    module, given = derived.numpy_target.module, {"W": np.array([[1.0], [-1.0], [0.5]])}
    for scale in (1.0, 30.0, 900.0, -900.0, 1e4, -1e4):
        data = np.array([[scale]]), np.array([[0.3]])
        with np.errstate(all="raise", under="ignore"):
            error, slope = module.error(given, *data), module.gradients(given, *data)["W"]
        with mpmath.workdps(1000):
            point = Point(given, {}, data).given(derived.program)
            exact = interpret(derived.program, point, {"m": 1}, EXACT, ("forward", "error", "factor", "gradient"))
            wanted = as_floats(exact["E"]), as_floats(exact["dE_dW"])
        for found, true in zip((error, slope), wanted, strict=True):
            assert np.max(np.abs(found - true)) <= 1e-12 * np.max(np.abs(true))


OVER_TWO_AXES = {
    "the logarithm of the sum": "o = log(sum(exp(z[i, j]), i, j))\nE = (y[1, 1] - o)**2",
    "shares": "o[i, j] = exp(z[i, j]) / sum(exp(z[r, s]), r, s)\nE = mean((y[i, j] - o[i, j])**2, i, j)",
    "logarithms of shares": "E = -sum(y[i, j] * (z[i, j] - log(sum(exp(z[i, j]), i, j))), i, j)",
}


@pytest.mark.parametrize("name", OVER_TWO_AXES)
def test_what_is_summed_over_two_axes_at_once_stays_in_range(name: str) -> None:
    text = "size a = 2, b = 3\ninput x[a, b]\ntarget y[a, b]\nparameter W[b, b]\nz[i, j] = sum(W[j, k] * x[i, k], k)\n"
    derived = derive(Statement(text + OVER_TWO_AXES[name]))
    assert derived.check().passed
    module, given = derived.numpy_target.module, {"W": np.array([[1.0, 0.5, 0], [-1, 0.25, 1], [0.5, 1, -0.5]])}
    for scale in (1.0, 900.0):
        data = np.array([[[1.0, -0.5, 0.25], [0.5, 1, -1]]]) * scale, np.array([[[0.5, 0, 0.25], [0, 0.25, 0]]])
        with np.errstate(all="raise", under="ignore"):
            error, slope = module.error(given, *data), module.gradients(given, *data)["W"]
        with mpmath.workdps(1000):
            point = Point(given, {}, data).given(derived.program)
            exact = interpret(derived.program, point, {"m": 1}, EXACT, ("forward", "error", "factor", "gradient"))
            assert abs(error - as_floats(exact["E"])) <= 1e-12 * abs(error)
            assert np.max(np.abs(slope - as_floats(exact["dE_dW"]))) <= 1e-12 * scale
