"""Pre-activations of magnitude up to 1e4, compared with sufficient precision.

The exact values come from the interpreter of the index form over mpmath's
numbers. The data are such that double precision can represent the
pre-activations exactly, or nearly: what is measured is the module, not the
conditioning of the problem.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
from helpers import Array, Values, derivation, module_of, stored
from test_four_way import FITS, HIDDEN

from derive.calculus.evaluate import Arithmetic, interpret

TOLERANCE = 1e-12
NORMAL = float(np.finfo(float).tiny)
EPSILON = float(np.finfo(float).eps)


class Task(NamedTuple):
    """A network, and by how much its weights are scaled up."""

    layers: tuple[int, ...]
    activations: tuple[str, ...]
    loss: str
    bias: str = "separate"

    def __str__(self) -> str:
        return "-".join((*self.activations, self.loss))


def exactly(task: Task, values: Values, precision: int) -> dict[str, Any]:
    """Every tensor of the index form, computed with ``precision`` digits."""
    program = derivation(*task).program
    with mpmath.workdps(precision):
        start = {n: np.vectorize(lambda v: mpmath.mpf(float(v)), otypes=[object])(v) for n, v in values.items()}
        sizes = {"m": values["X"].shape[1]}
        return interpret(program, start, sizes, Arithmetic(mpmath, mpmath.mpf))


class Computed(NamedTuple):
    """The module's error and gradients beside the exact ones, in the index form's shapes."""

    error: float
    exact_error: Any
    gradients: Values
    exact: dict[str, Array]


def both(task: Task, values: Values, precision: int) -> Computed:
    program, module = derivation(*task).program, module_of(*task)
    parameters = {p.name: stored(p, values[p.name]) for p in program.parameters}
    with warnings.catch_warnings(), np.errstate(over="raise", invalid="raise", divide="raise"):
        warnings.simplefilter("error")
        error = module.error(parameters, values["X"], values["Y"])
        gradients = module.gradients(parameters, values["X"], values["Y"])
    found = exactly(task, values, precision)
    exact = {p.name: stored(p, found[f"dE_d{p.name}"]) for p in program.parameters}
    return Computed(error, found["E"][()], gradients, exact)


def digits_lost(found: Array, exact: Array) -> float:
    """The worst relative error of an entry that is a normal double; infinite where one is not finite."""
    worst = 0.0
    for f, e in zip(np.ravel(found), exact.ravel(), strict=True):
        if not np.isfinite(f):
            return np.inf
        if abs(e) >= NORMAL:
            worst = max(worst, float(abs(mpmath.mpf(float(f)) - e) / abs(e)))
        elif abs(f) > 2 * NORMAL:
            return np.inf
    return worst


def right_to_the_last_digits(got: Computed) -> None:
    assert digits_lost(np.array([got.error]), np.array([got.exact_error])) < TOLERANCE, "E"
    for name, exact in got.exact.items():
        assert digits_lost(got.gradients[name], exact) < TOLERANCE, name


def data(task: Task, scale: int) -> Values:
    """Eighths, times a power of two: every product and sum of the first layer is exact.

    The rows of the later weights have one sign each, so nothing cancels there.
    """
    choose = np.random.default_rng(3)
    inputs, *widths = task.layers
    bounded = task.activations[0] in ("sigmoid", "tanh")
    values = {"X": choose.integers(1, 9, (inputs, 3)) / 8 * np.array([1, -1, 1])}
    before = inputs
    for layer, units in enumerate(widths, start=1):
        signs = np.where(np.arange(units) % 2, -1, 1)[:, None]
        entries = choose.integers(1, 9, (units, before)) / 8 * signs
        values[f"W{layer}"] = entries * (scale if layer == 1 or bounded else 1)
        values[f"b{layer}"] = choose.integers(-8, 9, units) / 8
        before = units
    values["Y"] = choose.integers(1, 4, (before, 3)) / 4
    if task.loss == "cross_entropy":
        values["Y"] = np.array([[0.25, 0.5, 0.75], [0.75, 0.5, 0.25]])
    return values


def steepest(task: Task, values: Values) -> int:
    """How large a pre-activation gets."""
    program = derivation(*task).program
    start = {n: np.vectorize(mpmath.mpf, otypes=[object])(v) for n, v in values.items()}
    with mpmath.workdps(20):
        found = interpret(program, start, {"m": values["X"].shape[1]}, Arithmetic(mpmath, mpmath.mpf), ("forward",))
    return int(max(abs(v) for n, a in found.items() if n.startswith("z") for v in a.flat))


SHAPE = (2, 3, 2)
SCALES = (8, 64, 512, 11000)
SQUARES = [(out, loss) for out, loss in FITS if out == "softmax" and loss != "cross_entropy"]
TASKS = [Task(SHAPE, (HIDDEN[n % 5], out), loss) for n, (out, loss) in enumerate(FITS) if (out, loss) not in SQUARES]
TASKS += [Task(SHAPE, (hidden, "identity"), "half_mse") for hidden in HIDDEN]


def digits(task: Task, z: float) -> int:
    """So many that sixty are left where exp(-z), squared even, is lost beside 1.

    Where z is beyond 1500, what would need more is far below the smallest double,
    but for the logarithm of such a number.
    """
    return 60 + int(z if task.loss == "binary_cross_entropy" else min(z, 1500))


@functools.cache
def computed(task: Task, scale: int) -> Computed:
    values = data(task, scale)
    return both(task, values, digits(task, steepest(task, values)))


def test_the_data_cover_the_extreme_values():
    reached = [steepest(task, data(task, SCALES[-1])) for task in TASKS[::5]]
    assert min(reached) > 9000


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("task", TASKS, ids=str)
@pytest.mark.sampled(18)
def test_every_entry_is_right(task, scale):
    right_to_the_last_digits(computed(task, scale))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("out", "loss"), SQUARES)
@pytest.mark.sampled(10)
def test_softmax_with_squared_errors(out, loss, scale):
    """A unit near 1 is pulled with what the others leave of it, not with a difference of ones."""
    right_to_the_last_digits(computed(Task(SHAPE, ("tanh", out), loss), scale))


def one_unit(task: Task, z: Array, y: Array) -> Computed:
    """Units that get their pre-activations from the weights alone."""
    values = {"X": np.ones((1, 1)), "W1": z.reshape(-1, 1), "Y": y.reshape(-1, 1)}
    values["b1"] = np.zeros(len(z))
    return both(task, values, digits(task, 2 * np.max(np.abs(z))))


SIZES = (5.0, 20.0, 36.0, 40.0, 300.0, 700.0, 1e4)
REACHED = [
    *[("sigmoid", loss, z, y) for loss in ("half_sse", "binary_cross_entropy") for z in SIZES for y in (0.0, 1.0)],
    *[("tanh", "half_sse", z, y) for z in SIZES for y in (-1.0, 1.0)],
    *[("softmax", loss, z, y) for loss in ("cross_entropy", "half_sse") for z in SIZES for y in (0.0, 1.0)],
]


def reached(out: str, loss: str, z: float, y: float) -> Computed:
    """One unit far out, with the target that it runs to."""
    if out == "softmax":
        task, others = Task((1, 3), (out,), loss), (1 - y) / 2
        return one_unit(task, np.array([z / 2, -z / 2, 1 - z / 2]) * (2 * y - 1), np.array([y, others, others]))
    sign = y if out == "tanh" else 2 * y - 1
    return one_unit(Task((1, 1), (out,), loss), np.array([sign * z]), np.array([y]))


@pytest.mark.parametrize(("out", "loss", "z", "y"), REACHED)
@pytest.mark.sampled(14)
def test_a_unit_that_has_reached_its_target(out, loss, z, y):
    """What is left of the difference to the target is tiny, and right to its last digits."""
    right_to_the_last_digits(reached(out, loss, z, y))


@pytest.mark.parametrize(("out", "loss", "z", "y"), REACHED)
def test_a_unit_that_has_reached_its_target_is_off_by_rounding_at_most(out, loss, z, y):
    """Whatever is lost, it is no more than a few roundings of the outputs themselves."""
    got = reached(out, loss, z, y)
    assert abs(got.error - got.exact_error) < 4 * EPSILON
    for name, exact in got.exact.items():
        assert all(abs(f - e) < 8 * EPSILON for f, e in zip(got.gradients[name].flat, exact.flat, strict=True))


@pytest.mark.parametrize("layers", [(3, 5, 4, 2), (3, 5, 1)])
@pytest.mark.parametrize("activation", HIDDEN)
@pytest.mark.parametrize("bias", ["separate", "augmented"])
@pytest.mark.sampled(10)
def test_extreme_inputs_give_finite_results_without_warnings(layers, activation, bias):
    """Inputs of 1e4 and weights of 1e4 as they come: finite, and without a word from NumPy."""
    loss, out = ("binary_cross_entropy", "sigmoid") if layers[-1] == 1 else ("cross_entropy", "softmax")
    names = (activation,) * (len(layers) - 2) + (out,)
    module = module_of(layers, names, loss, bias)
    parameters, x, y = module.example(samples=20)
    for size in (1e2, 1e4):
        large = {n: v * (size if n == "W1" else 1) for n, v in parameters.items()}
        y = np.round(y)
        with warnings.catch_warnings(), np.errstate(over="raise", invalid="raise", divide="raise"):
            warnings.simplefilter("error")
            assert np.isfinite(module.error(large, x, y))
            assert all(np.isfinite(g).all() for g in module.gradients(large, x, y).values())
            assert np.isfinite(module.forward(large, x * size)).all()
