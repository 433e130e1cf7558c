"""Errors and gradients of the generated module for pre-activations from 1e-300 to 1e4, against mpmath.

The module has one weight of 1 and one bias of 0, so that its input is the pre-activation
and the gradient of the bias is the slope of the error along it. The formulas are written
here from scratch, in forms that keep their digits in so many as mpmath is given.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from helpers import forwarded, module_of

from derive.catalogue.activations import ACTIVATIONS
from derive.catalogue.losses import LOSSES
from derive.text.entry_text import base_name

SIZES = (1e-300, 1e-20, 1e-8, 0.3, 1.0, 2.5, 20.0, 36.0, 300.0, 750.0, 1e4)
POINTS = (0.0, *(sign * size for size in SIZES for sign in (1, -1)))
#: Of so many digits nothing is lost that a float can show.
DIGITS = 420
SMALLEST, TOLERANCE = 1e-300, 1e-12

Function = Callable[..., Any]


def logistic(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def cube(x: Any) -> Any:
    return mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)


def selu(x: Any) -> Any:
    scale, alpha = mp.mpf("1.0507009873554804934193349852946"), mp.mpf("1.6732632423543772848170429916717")
    return scale * (x if x > 0 else alpha * mp.expm1(x))


#: Each activation and its slope.
FUNCTIONS: dict[str, tuple[Function, Function]] = {
    "identity": (lambda x: x, lambda x: 1),
    "sigmoid": (logistic, lambda x: logistic(x) * logistic(-x)),
    "tanh": (mp.tanh, lambda x: mp.sech(x) ** 2),
    "softsign": (lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2),
    "hard_tanh": (lambda x: max(mp.mpf(-1), min(mp.mpf(1), x)), lambda x: int(abs(x) < 1)),
    "relu": (lambda x: max(x, mp.mpf(0)), lambda x: int(x > 0)),
    "relu6": (lambda x: min(max(x, mp.mpf(0)), mp.mpf(6)), lambda x: int(0 < x < 6)),
    "leaky_relu": (lambda x: x if x > 0 else x / 100, lambda x: 1 if x > 0 else mp.mpf(1) / 100),
    "elu": (lambda x: x if x > 0 else mp.expm1(x), lambda x: 1 if x > 0 else mp.exp(x)),
    "selu": (selu, lambda x: selu(mp.mpf(1)) if x > 0 else selu(x) - selu(mp.mpf(-(10**9)))),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), logistic),
    "gelu": (
        lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
        lambda x: mp.erfc(-x / mp.sqrt(2)) / 2 + x * mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi),
    ),
    "gelu_tanh": (
        lambda x: x * logistic(2 * cube(x)),
        lambda x: logistic(2 * cube(x)) + 2 * x * logistic(2 * cube(x)) * logistic(-2 * cube(x)) * mp.diff(cube, x),
    ),
    "silu": (lambda x: x * logistic(x), lambda x: logistic(x) + x * logistic(x) * logistic(-x)),
    "mish": (
        lambda x: x * mp.tanh(mp.log1p(mp.exp(x))),
        lambda x: mp.tanh(mp.log1p(mp.exp(x))) + x * mp.sech(mp.log1p(mp.exp(x))) ** 2 * logistic(x),
    ),
    "exponential": (mp.exp, mp.exp),
}


def positive(x: Any) -> Any:
    return max(x, mp.mpf(0))


def log_cosh(x: Any) -> Any:
    return mp.log(mp.cosh(x)) if abs(x) < 50 else abs(x) - mp.log(2) + mp.log1p(mp.exp(-2 * abs(x)))


#: The error of one output, and its slope along the output.
ERRORS: dict[str, tuple[Function, Function]] = {
    "mse": (lambda y, a: (y - a) ** 2, lambda y, a: 2 * (a - y)),
    "mae": (lambda y, a: abs(a - y), lambda y, a: mp.sign(a - y)),
    "huber": (
        lambda y, a: (a - y) ** 2 / 2 if abs(a - y) <= 1 else abs(a - y) - mp.mpf(1) / 2,
        lambda y, a: max(mp.mpf(-1), min(mp.mpf(1), a - y)),
    ),
    "log_cosh": (lambda y, a: log_cosh(a - y), lambda y, a: mp.tanh(a - y)),
    "hinge": (lambda y, a: positive(1 - y * a), lambda y, a: -y * int(1 - y * a > 0)),
    "squared_hinge": (lambda y, a: positive(1 - y * a) ** 2, lambda y, a: -2 * y * positive(1 - y * a)),
    "poisson": (lambda y, a: a - y * mp.log(a), lambda y, a: 1 - y / a),
    "quantile": (lambda y, a: abs(a - y) / 2, lambda y, a: mp.sign(a - y) / 2),
    "gamma": (lambda y, a: 2 * (mp.log(a / y) + y / a - 1), lambda y, a: 2 * (a - y) / a**2),
    "tweedie": (
        lambda y, a: 4 * (mp.sqrt(a) + y / mp.sqrt(a) - 2 * mp.sqrt(y)),
        lambda y, a: 2 * (a - y) / (a * mp.sqrt(a)),
    ),
}
TARGETS = {"signs": (1.0, -1.0), "counts": (0.0, 1.0, 7.0, 250.0), "real": (0.0, 1.0, -1.0, 0.5, 0.3, -2.7)}
TARGETS["positive"] = TARGETS["counts"][1:]
#: Losses whose terms cancel where the output is the target, and grow as a power of it: their sizes are limited.
DEVIANCES = ("gamma", "tweedie")
PAIRS = [(loss, out) for loss in ERRORS for out in LOSSES[loss].activations or FUNCTIONS]


def test_every_loss_of_single_outputs_is_covered():
    elsewhere = {"half_mse", "sse", "half_sse"}  # mse but for a factor
    probabilities = {"binary_cross_entropy", "cross_entropy", "kl_divergence"}
    assert {*ERRORS, *elsewhere, *probabilities, *map(base_name, MIXED)} == set(LOSSES)
    assert {*FUNCTIONS, "softmax"} == set(ACTIVATIONS)


def test_the_constants_of_selu_keep_mean_and_variance():
    """What Klambauer et al. ask of them: of a standard normal number, mean 0 and variance 1 stay so."""
    from derive.catalogue.activations import activation

    x = np.linspace(-12, 12, 240001)
    weight = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    (above, _), (below, _) = activation("selu").formula.args
    scale, reach = float(above.coeff(above.free_symbols.pop())), -float(below.subs(below.free_symbols.pop(), -(10**6)))
    values = np.where(x > 0, scale * x, reach * np.expm1(np.minimum(x, 0)))
    for power, expected in ((1, 0.0), (2, 1.0)):
        assert np.sum(values**power * weight) * (x[1] - x[0]) == pytest.approx(expected, abs=1e-8)


def right(found: float, expected: Any, floor: float = 0.0) -> bool:
    if abs(expected) < SMALLEST:
        return abs(found) <= 10 * SMALLEST
    return bool(abs(found - expected) <= max(TOLERANCE * abs(expected), floor))


@pytest.mark.parametrize(("loss", "output"), PAIRS)
@pytest.mark.sampled(28)
def test_error_and_slope(loss, output):
    module = module_of((1, 1), output, loss)
    parameters = {"W1": np.ones((1, 1)), "b1": np.zeros((1, 1))}
    (value, slope), (error, along) = FUNCTIONS[output], ERRORS[loss]
    floor = 1e-14 if loss in DEVIANCES else 0.0
    with warnings.catch_warnings(), mp.workdps(DIGITS):
        warnings.simplefilter("error")
        for z, y in itertools.product(POINTS, TARGETS[LOSSES[loss].targets]):
            a = value(mp.mpf(z))
            if abs(a) > 1e150 or (loss in DEVIANCES and abs(z) > 700):  # its square would be beyond all numbers
                continue
            x, targets = np.array([[z]]), np.array([[y]])
            forward = forwarded(module, parameters, x)
            found = float(module.NETWORK.error(parameters, x, targets, forward))
            assert right(found, error(mp.mpf(y), a), floor), f"error at {z}, target {y}"
            found = float(module.NETWORK.gradients(parameters, x, targets, forward)["b1"][0, 0])
            expected = along(mp.mpf(y), a) * slope(mp.mpf(z))
            assert right(found, expected, floor), f"slope at {z}, target {y}: {found}, not {mp.nstr(expected, 17)}"


@pytest.mark.parametrize("output", FUNCTIONS)
@pytest.mark.sampled(10)
def test_float32_is_finite_and_as_right_as_it_can_be(output):
    module = module_of((1, 1), output, "mae")
    with warnings.catch_warnings(), mp.workdps(60):
        warnings.simplefilter("error")
        for name, function in zip((output, f"{output}_prime"), FUNCTIONS[output], strict=True):
            z = np.array([[p for p in POINTS if abs(p) > 1e-30 or p == 0]], dtype=np.float32)
            found = getattr(module, name, np.ones_like)(z)
            assert found.dtype == np.float32
            for point, got in zip(z[0], found[0], strict=True):
                expected = function(mp.mpf(float(point)))
                if abs(expected) > 3e38:
                    assert np.isposinf(got)
                else:
                    assert abs(float(got) - expected) <= 1e-5 * abs(expected) + 1e-37, f"{name} at {point}"


SPREAD = ((0, 0, 0), (1, 2, 3), (10, 0, -5), (50, -60, 0), (700, 0, -700), (1e4, -1e4, 0), (30, 30, -40), (0, -50, -60))
CLASSES = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0.2, 0.3, 0.5), (0, 0.4, 0.6))


@pytest.mark.parametrize("loss", ["mae", "log_cosh", "mse", "cross_entropy", "kl_divergence"])
def test_softmax(loss):
    """The shares of a softmax, one of which may be all but 1, and what the error pulls at each."""
    module = module_of((1, 3), "softmax", loss)
    for z, y in itertools.product(SPREAD, CLASSES):
        with mp.workdps(200 if max(map(abs, z)) < 100 else 700):
            powers = [mp.exp(mp.mpf(v) - max(z)) for v in z]
            shares = [p / sum(powers) for p in powers]
            wanted = [mp.mpf(v) for v in y]
            if loss in ERRORS:
                error = sum(ERRORS[loss][0](w, s) for w, s in zip(wanted, shares, strict=True)) / 3
                pulls = [ERRORS[loss][1](w, s) / 3 for w, s in zip(wanted, shares, strict=True)]
                mean = sum(p * s for p, s in zip(pulls, shares, strict=True))
                slopes = [s * (p - mean) for p, s in zip(pulls, shares, strict=True)]
            else:
                logs = [mp.mpf(v) - max(z) - mp.log(sum(powers)) for v in z]
                own = sum(w * mp.log(w) for w in wanted if w) if loss == "kl_divergence" else 0
                error = own - sum(w * v for w, v in zip(wanted, logs, strict=True))
                slopes = [s * sum(wanted) - w for s, w in zip(shares, wanted, strict=True)]
            x, targets = np.zeros((1, 1)), np.array([y], dtype=float).T
            parameters = {"W1": np.zeros((3, 1)), "b1": np.array([z], dtype=float).T}
            forward = forwarded(module, parameters, x)
            assert right(float(module.NETWORK.error(parameters, x, targets, forward)), error), f"error at {z}, {y}"
            found = module.NETWORK.gradients(parameters, x, targets, forward)["b1"][:, 0]
            tied = (30, 30, -40) == z and loss in ("mse", "log_cosh")  # a share at which the mean is its own pull
            for got, expected in zip(found, slopes, strict=True):
                floor = 1e-45 if tied else 0.0
                assert right(got, expected) or abs(got - expected) <= floor, f"slopes at {z}, {y}"


# Losses that mix the outputs of a sample, or have several for a target; their slopes by differences of so many digits.


def shares(z: Any) -> tuple[list[Any], list[Any]]:
    """A softmax, and its logarithm."""
    powers = [mp.exp(v - max(z)) for v in z]
    return [p / sum(powers) for p in powers], [v - max(z) - mp.log(sum(powers)) for v in z]


def focal(z: Any, y: Any, gamma: float = 2) -> Any:
    chances, logs = shares(z)
    return -sum(t * sum(chances[:k] + chances[k + 1 :]) ** gamma * logs[k] for k, t in enumerate(y))


def binary_focal(z: Any, y: Any) -> Any:
    sides = [(t, v) for v, t in zip(z, y, strict=True)] + [(1 - t, -v) for v, t in zip(z, y, strict=True)]
    return -sum(t * logistic(-v) ** 2 * mp.log(logistic(v)) for t, v in sides)


def ordinal(z: Any, y: Any) -> Any:
    after = [sum(y[j + 1 :]) for j in range(len(z))]
    return -sum(t * mp.log(logistic(v)) + (1 - t) * mp.log(logistic(-v)) for t, v in zip(after, z, strict=True))


def scaled(z: Any, y: Any, power: int) -> Any:
    pairs = zip(z[: len(y)], z[len(y) :], y, strict=True)
    return sum(width + (abs(t - middle) * mp.exp(-width)) ** power / power for middle, width, t in pairs) / len(y)


def product(z: Any, y: Any) -> Any:
    return sum(t * v for v, t in zip(z, y, strict=True))


SIDES = ((0.5, -1), (900, -900), (-900, 900), (37, -37), (300, -300), (-750, 750))
SCALES = ((0.5, 1), (900, 300), (1, -300), (-5, 900), (1e5, -100))
ONE_HOT = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
LARGE = ((0.5, 1, -2), (900, 0, -900), (-900, 30, -40), (0.3, -900, 900), (37, 0, -37), (1e-8, 0.2, 1e-20))
#: For each loss, the activation of its outputs, pre-activations, targets, and the error by these.
MIXED: dict[str, tuple[str, Any, Any, Function]] = {
    "gaussian_nll": ("identity", SCALES, ((0,), (2,)), lambda z, y: scaled(z, y, 2)),
    "laplace_nll": ("identity", SCALES, ((0,), (2,)), lambda z, y: scaled(z, y, 1)),
    "binary_focal": ("sigmoid", SIDES, ((0, 1), (1, 0), (0.3, 0.6)), binary_focal),
    "focal": ("softmax", LARGE, ONE_HOT, focal),
    "label_smoothing": (
        "softmax",
        LARGE,
        ONE_HOT,
        lambda z, y: -sum((mp.mpf(9) / 10 * t + mp.mpf(1) / 30) * v for t, v in zip(y, shares(z)[1], strict=True)),
    ),
    "ordinal": ("sigmoid", LARGE, ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 0, 1)), ordinal),
    "crammer_singer": (
        "identity",
        LARGE,
        ONE_HOT,
        lambda z, y: max(1 + v - t for v, t in zip(z, y, strict=True)) - product(z, y),
    ),
    "weston_watkins": (
        "identity",
        LARGE,
        ONE_HOT,
        lambda z, y: sum((1 - t) * positive(1 + v - product(z, y)) for v, t in zip(z, y, strict=True)),
    ),
    "cosine": (
        "identity",
        LARGE[:-1],
        ((1, 2, -0.5), (0, 0, 1e-3)),
        lambda z, y: 1 - product(z, y) / mp.sqrt(product(z, z) * product([mp.mpf(t) for t in y], y)),
    ),
}


@pytest.mark.parametrize("loss", MIXED)
@pytest.mark.sampled(3)
def test_error_and_slopes_of_mixed_outputs(loss):
    output, points, targets, error = MIXED[loss]
    module = module_of((1, len(points[0])), output, loss)
    with warnings.catch_warnings(), mp.workdps(900):
        warnings.simplefilter("error")
        for z, y in itertools.product(points, targets):
            parameters = {"W1": np.zeros((len(z), 1)), "b1": np.array([z], float).T}
            x, given, exact = np.zeros((1, 1)), np.array([y], float).T, [mp.mpf(v) for v in z]
            forward = forwarded(module, parameters, x)
            found = float(module.NETWORK.error(parameters, x, given, forward))
            assert right(found, error(exact, y)), f"error at {z}, {y}"
            slopes = module.NETWORK.gradients(parameters, x, given, forward)["b1"][:, 0]
            for place, slope in enumerate(slopes):
                step = [mp.mpf(10) ** -400 * (n == place) for n in range(len(z))]
                ahead, behind = ([v + sign * s for v, s in zip(exact, step, strict=True)] for sign in (1, -1))
                expected = (error(ahead, y) - error(behind, y)) / (2 * mp.mpf(10) ** -400)
                assert right(slope, expected), f"slope {place} at {z}, {y}: {slope}, not {mp.nstr(expected, 17)}"
