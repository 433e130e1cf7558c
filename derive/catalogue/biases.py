"""Layers: equations from the activations of one layer to the pre-activations of the next.

To add a kind of layer, add an entry to ``BIASES`` with a function that
returns the layer's forward equations and its parameters.
"""

from __future__ import annotations

from collections.abc import Callable

from sympy import Expr, Integer

from derive.calculus.index import SAMPLE_AXIS, Axis, Equation, IndexSupply, Tensor, delta, total
from derive.record import record


@record
class Dense:
    """The statement of one layer: its equations in order and its parameters."""

    equations: tuple[Equation, ...]
    parameters: tuple[Tensor, ...]
    z: Tensor


@record
class Bias:
    """A way to represent the bias of a layer; ``build(layer, units, inputs, supply)`` states the layer.

    ``phrase`` says in a sentence what biases a network has, and ``of_one`` what a single unit has; ``synonyms`` are
    other names.
    """

    name: str
    phrase: str
    of_one: str
    summary: str
    build: Callable[[int, Axis, Tensor, IndexSupply], Dense]
    synonyms: tuple[str, ...] = ()


def _weighted_sum(z: Tensor, w: Tensor, a: Tensor, supply: IndexSupply) -> tuple[Expr, tuple[Expr, ...]]:
    i, s = indices = supply.several(z.axes)
    j = supply.fresh(w.axes[1])
    return total(w[i, j] * a[j, s], j), indices


def _tensors(layer: int, units: Axis, columns: Axis) -> tuple[Tensor, Tensor]:
    w = Tensor(f"W{layer}", "weight", (units, columns), layer)
    return w, Tensor(f"z{layer}", "preactivation", (units, SAMPLE_AXIS), layer)


def _none(layer: int, units: Axis, a: Tensor, supply: IndexSupply) -> Dense:
    w, z = _tensors(layer, units, a.axes[0])
    weighted, indices = _weighted_sum(z, w, a, supply)
    return Dense((Equation(z, indices, weighted, "weighted sum"),), (w,), z)


def _separate(layer: int, units: Axis, a: Tensor, supply: IndexSupply) -> Dense:
    w, z = _tensors(layer, units, a.axes[0])
    b = Tensor(f"b{layer}", "bias", (units,), layer)
    weighted, indices = _weighted_sum(z, w, a, supply)
    return Dense((Equation(z, indices, weighted + b[indices[:1]], "weighted sum"),), (w, b), z)


def _augmented(layer: int, units: Axis, a: Tensor, supply: IndexSupply) -> Dense:
    with_one = Axis(a.axes[0].extent + 1, start=0)
    x = Tensor(f"x{layer - 1}", "augmented", (with_one, SAMPLE_AXIS), layer - 1)
    j, s = supply.several(x.axes)
    i = supply.fresh(a.axes[0])
    rows = delta(j, Integer(0)) + total(delta(j, i) * a[i, s], i)
    w, z = _tensors(layer, units, with_one)
    weighted, indices = _weighted_sum(z, w, x, supply)
    equations = (Equation(x, (j, s), rows, "bias unit"), Equation(z, indices, weighted, "weighted sum"))
    return Dense(equations, (w,), z)


BIASES = {
    entry.name: entry
    for entry in (
        Bias("separate", "biases", "a bias", "a vector b that is added to the weighted sum", _separate),
        Bias(
            "augmented",
            "the biases in column 0 of the weight matrices",
            "the bias in column 0 of the weight matrix",
            "column 0 of W, with a constant unit x0 = 1",
            _augmented,
        ),
        Bias("none", "no biases", "no bias", "no bias", _none),
    )
}
