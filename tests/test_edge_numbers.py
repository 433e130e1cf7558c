"""Numbers at the edge: pre-activations up to 1e4 in size, against as many digits as it takes.

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

from derive.evaluate import Arithmetic, interpret

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


def exactly(task: Task, values: Values, digits: int) -> dict[str, Any]:
    """Every tensor of the index form, with at least ``digits`` digits before anything cancels."""
    program = derivation(*task).program
    with mpmath.workdps(digits):
        start = {n: np.vectorize(lambda v: mpmath.mpf(float(v)), otypes=[object])(v) for n, v in values.items()}
        sizes = {"m": values["X"].shape[1]}
        return interpret(program, start, sizes, Arithmetic(mpmath, mpmath.mpf))


class Computed(NamedTuple):
    """The module's error and gradients beside the exact ones, in the index form's shapes."""

    error: float
    exact_error: Any
    gradients: Values
    exact: dict[str, Array]


def both(task: Task, values: Values, digits: int) -> Computed:
    program, module = derivation(*task).program, module_of(*task)
    parameters = {p.name: stored(p, values[p.name]) for p in program.parameters}
    with warnings.catch_warnings(), np.errstate(over="raise", invalid="raise", divide="raise"):
        warnings.simplefilter("error")
        error = module.error(parameters, values["X"], values["Y"])
        gradients = module.gradients(parameters, values["X"], values["Y"])
    found = exactly(task, values, digits)
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


def data(task: Task, scale: int) -> Values:
    """Eighths, times a power of two: every product and sum of the first layer is exact.

    The rows of the later weights have one sign each, so nothing cancels there.
    """
    choose = np.random.default_rng(3)
    inputs, *widths = task.layers
    values = {"X": choose.integers(1, 9, (inputs, 3)) / 8 * np.array([1, -1, 1])}
    before = inputs
    for layer, units in enumerate(widths, start=1):
        signs = np.where(np.arange(units) % 2, -1, 1)[:, None]
        entries = choose.integers(1, 9, (units, before)) / 8 * signs
        values[f"W{layer}"] = entries * (scale if layer in (1, len(widths)) else 1)
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


TASKS = [Task((2, 3, 2), (HIDDEN[n % 5], out), loss) for n, (out, loss) in enumerate(FITS)]
TASKS += [Task((2, 3, 2), (hidden, "identity"), "half_mse") for hidden in HIDDEN]


@pytest.mark.parametrize("scale", [1, 8, 64, 512, 4096])
@pytest.mark.parametrize("task", TASKS, ids=str)
def test_probe(task, scale):
    values = data(task, scale)
    z = steepest(task, values)
    got = both(task, values, 60 + z)
    print("PROBE", task, scale, z, digits_lost(got.error, np.array([got.exact_error])), {n: (digits_lost(got.gradients[n], got.exact[n])) for n in got.exact})
