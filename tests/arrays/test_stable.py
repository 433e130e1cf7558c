"""Stable forms: every digit right for |x| up to 1e4, without a warning from NumPy."""

import math
import warnings

import mpmath
import numpy as np
import pytest
from helpers import derivation, load
from sympy import Expr, IndexedBase, Integer, Piecewise, Rational, Symbol, cos, exp, lambdify, log, sin, tanh

from derive import Statement, derive
from derive.arrays.exact import recognise
from derive.arrays.rewriting import entries_of, opened
from derive.arrays.stability import Stability
from derive.arrays.stable import E_LESS_ONE, E_NEAR, E_POWER, StableForm, stable_form
from derive.calculus.functions import X, derivative, elementwise
from derive.calculus.index import Axis, Index, total
from derive.catalogue.activations import ACTIVATIONS, activation
from derive.catalogue.losses import LOSSES, loss
from derive.targets.numpy.evaluator import NumPyEvaluator
from derive.targets.numpy.formula_printer import scalar

POINTS = sorted({sign * p for sign in (-1, 1) for p in (0.0, 1e-8, 1.0, 20.0, 40.0, 700.0, 1e4)})
NORMAL = float(np.finfo(float).tiny)


def definitions() -> dict[str, Expr]:
    """Yield activations, loss functions, their derivatives, and the logarithms in losses."""
    found = {}
    stated = {name: activation(name).formula for name, entry in ACTIVATIONS.items() if entry.elementwise}
    stated |= {f"of {name}": loss(name).function for name, entry in LOSSES.items() if entry.function is not None}
    stated |= {name: activation(name).formula for name in ("elu(alpha=1.4)", "leaky_relu(slope=1/3)")}
    del stated["of kl_divergence"], stated["exponential"]  # of targets alone; beyond all numbers
    for name, formula in stated.items():
        function = elementwise(f"function_{len(found)}", formula)
        found[name] = function.definition
        found[f"{name}'"] = derivative(function).definition
    sigmoid = ACTIVATIONS["sigmoid"].formula
    found["log sigmoid"] = log(sigmoid)
    found["log(1 - sigmoid)"] = log(1 - sigmoid)
    found["1 - sigmoid"] = 1 - sigmoid
    found["1 - tanh**2"] = 1 - tanh(X) ** 2
    found["1 - cos"] = 1 - cos(X)
    found["3/2 + x - 3/2 cos(2x)"] = Rational(3, 2) * (1 - cos(2 * X)) + X
    found["sigmoid(2x)"] = sigmoid.subs(X, 2 * X)
    for y in (Integer(0), Rational(1, 4), Integer(1)):
        found[f"cross-entropy at {y}"] = -y * log(sigmoid) - (1 - y) * log(1 - sigmoid)
    return found


DEFINITIONS = definitions()


def computed(definition: Expr, points: list[float]) -> np.ndarray:
    """Evaluate the printed NumPy code of the stable form."""
    form = stable_form(definition)
    x = np.array(points)
    names = {"np": np, "math": math, "x": x, "erfc": np.vectorize(math.erfc), "log1p": np.log1p}
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        if form.rate is not None:
            exponent = -float(form.rate) * np.abs(eval(scalar(form.inner).text, names))
            names |= {"e": np.exp(exponent), "d": np.expm1(exponent)}
            names["e_near"] = np.where(np.abs(x) < 1, names["e"], 1)
        value = eval(scalar(form.value).text, names)
    return np.broadcast_to(np.asarray(value, dtype=float), x.shape)


def exact(definition: Expr, point: float) -> mpmath.mpf:
    """Return the value with sixty correct digits after cancellation."""
    with mpmath.workdps(60 + int(abs(point) + min(point**2, 2000))):
        return +lambdify(X, definition, "mpmath")(mpmath.mpf(point))


@pytest.mark.parametrize("name", DEFINITIONS)
@pytest.mark.sampled(5)
def test_all_digits_are_right(name):
    definition = DEFINITIONS[name]
    for point, found in zip(POINTS, computed(definition, POINTS), strict=True):
        expected = exact(definition, point)
        if abs(expected) < NORMAL:
            assert abs(found) <= NORMAL, f"{found} at {point}"
        else:
            assert abs(found - expected) <= 1e-12 * abs(expected), f"{found} at {point}, not {expected}"


@pytest.mark.parametrize("name", ["sigmoid", "sigmoid'", "softplus", "tanh'"])
def test_the_plain_form_would_fail(name):
    """Without this, the test above would prove nothing."""
    plain = lambdify(X, DEFINITIONS[name], "numpy")
    with np.errstate(all="raise", under="ignore"):
        try:
            values = [plain(np.float64(p)) for p in POINTS]
        except FloatingPointError:
            return
    off = [abs(v - exact(DEFINITIONS[name], p)) for v, p in zip(values, POINTS, strict=True)]
    sizes = [abs(exact(DEFINITIONS[name], p)) for p in POINTS]
    assert any(o > 1e-12 * s for o, s in zip(off, sizes, strict=True) if s > NORMAL)


def whole(form: StableForm) -> Expr:
    """Put the definitions of its symbols into a form."""
    if form.rate is None:
        return form.value
    e = exp(-form.rate * abs(form.inner))
    return form.value.subs({E_POWER: e, E_LESS_ONE: e - 1, E_NEAR: e})


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_stable_form_is_equal_to_what_it_was_made_from(name):
    form = stable_form(DEFINITIONS[name])
    same = lambdify(X, whole(form), ["mpmath", {"log1p": mpmath.log1p}])
    with mpmath.workdps(60):
        for point in (-2.5, -0.1, 0.4, 3.0):
            assert mpmath.almosteq(same(mpmath.mpf(point)), exact(DEFINITIONS[name], point), rel_eps=1e-30)


@pytest.mark.parametrize("definition", [sin(X), X**2, Piecewise((X, X > 0), (0, True)), exp(-(X**2)), tanh(X)])
def test_unsupported_expressions_are_unchanged(definition):
    assert stable_form(definition) == StableForm(definition)


def test_expressions_that_could_cancel_are_unchanged():
    """exp(x) - 2 has a zero: no form in e of one sign exists."""
    assert stable_form(1 / (exp(X) - 2)).rate is None


def test_only_exponentials_of_negative_magnitudes_remain():
    for definition in DEFINITIONS.values():
        form = stable_form(definition)
        assert form.rate is None or not form.value.has(exp)


def test_the_loss_of_a_sigmoid_is_computed_from_its_argument():
    program = derivation((3, 4, 2), "sigmoid", "binary_cross_entropy").program
    (error,) = program.stage("error")
    fused = Stability(program, NumPyEvaluator()).computed(error).equation.expression
    assert not fused.has(log)
    assert entries_of(fused) == {"z2", "Y"}


def test_softmax_is_recognised_and_its_logarithm_shifted():
    source = derivation((3, 4, 2), "tanh,softmax", "cross_entropy").numpy()
    assert "Y_hat = softmax(Z2)" in source
    assert "log_softmax(Z2)" in source
    assert "np.log(softmax" not in source


@pytest.mark.parametrize("scale", [1, 50, 1000, 1e4])
def test_softmax_and_its_logarithm(scale):
    module = load(derivation((3, 4, 3), "tanh,softmax", "cross_entropy").numpy())
    z = np.array([[1.0, -1.0, 0.5], [0.25, 1.0, 0.5], [-1.0, 0.75, 0.5]]) * scale
    with np.errstate(all="raise", under="ignore"), mpmath.workdps(60 + int(2 * scale)):
        for column, p, q in zip(z.T, module.softmax(z).T, module.log_softmax(z).T, strict=True):
            powers = [mpmath.exp(mpmath.mpf(v)) for v in column]
            for power, found, log_found in zip(powers, p, q, strict=True):
                expected = power / sum(powers)
                assert abs(found - expected) <= 1e-12 * expected or expected < NORMAL >= found
                logarithm = mpmath.log(expected)
                assert abs(log_found - logarithm) <= 1e-12 * abs(logarithm) or abs(logarithm) < NORMAL


def test_recognition_leaves_other_nodes_alone():
    for name in ("sigmoid", "tanh", "relu"):
        for statement in derivation((3, 4, 2), name).program.statements:
            assert recognise(statement.form) == statement.form


def test_several_variables_keep_their_places():
    """The target is a variable of unknown sign."""
    y = Symbol("y", real=True)
    form = stable_form(-y * log(ACTIVATIONS["sigmoid"].formula))
    assert form.rate == 1 and y in form.value.free_symbols


def test_cases_stay_in_the_sums_around_them():
    """SymPy would move them out, and with them an index that a sum binds."""
    i, j, k = (Index(name, Axis(Integer(3))) for name in "ijk")
    a, b = (IndexedBase(name, real=True) for name in "ab")
    f = elementwise("f", Piecewise((1, X > 0), (exp(X), True)))
    value = total(a[j] * total(f(total(b[i, k] * a[k], k)) * b[j, i], i), j)
    assert opened(value, in_sums=True).free_symbols.isdisjoint({i, j, k})


@pytest.mark.parametrize(
    ("formula", "value", "slopes"),
    [
        ("log(sum(exp(log(1 + exp(z[i]))), i))", 900, (1800, 0, 0)),
        ("log(sum(exp(-z[i]) + exp(z[i]), i))", 900 + math.log(2), (900 + math.log(2), 0, -900 - math.log(2))),
    ],
)
def test_the_logarithm_of_a_sum_of_sums_of_exponentials_does_not_overflow(formula, value, slopes):
    s = Statement(f"""
        input x[2]
        target y
        parameter b[3], w
        z[i] = w * b[i] * x[1]
        o = {formula}
        E = (y - o)**2
    """)
    module = load(derive(s).numpy())
    parameters = {"b": np.array([[900.0], [450.0], [-900.0]]), "w": np.ones((1, 1))}
    data = np.ones((2, 1)), np.zeros((1, 1))
    assert np.allclose(module.forward(parameters, data[0]), value)
    assert np.allclose(module.gradients(parameters, *data)["b"].ravel(), slopes, atol=1e-9)
