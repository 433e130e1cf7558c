"""What no step in NumPy can do without: its calls on the smallest arrays, or its matrix products alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from time import process_time
from typing import Any

import numpy as np

from contenders.cases import Array, Case

#: Below this many multiplications in a step, calls cost more than what they compute.
FEW = 50_000

Product = tuple[Callable[[Array, Array], Array], Array, Array]


class Calls:
    """As many products and elementwise calls as a step of `tuned.Sigmoids`, on arrays of one element."""

    def __init__(self, layers: int) -> None:
        products = 3 * layers  # forward, gradients; back through all but the first, and the error
        elementwise = 2 * layers + 5  # out of tanh: one more; back: one less; the error, every slope, Psi, the update
        lines = ["dot(a, c)"] * products + ["tanh(a, c)"] * layers + ["add(a, a, c)"] * elementwise
        body = "\n".join(f"        {line}" for line in lines)
        source = f"def calls(steps, dot, tanh, add, a, c):\n    for _ in range(steps):\n{body}"
        namespace: dict[str, Any] = {}
        exec(compile(source, "calls", "exec"), namespace)
        self.calls: Callable[..., None] = namespace["calls"]

    def run(self, steps: int) -> int:
        a, c = np.ones((1, 1)), np.empty((1, 1))
        self.calls(steps, a.dot, np.tanh, np.add, a, c)
        return steps

    def parameters(self) -> list[Array]:
        return []


class Products:
    """The matrix products of a step: forward, back through all layers but the first, and the gradients with biases.

    A layer has samples as columns or as rows, and its W as it is or transposed: whichever is the fastest for it here.
    """

    def __init__(self, case: Case) -> None:
        generator = np.random.default_rng(0)
        self.products: list[Product] = []
        for layer, (before, units) in enumerate(pairwise(case.layers)):
            draw = partial(_drawn, generator, case.dtype)
            forms = [_columns, _rows] if layer else [_rows_as_columns, _rows]
            choices = [
                form(draw, before, units, case.batch, turned)[layer == 0 :]
                for form in forms
                for turned in (False, True)
            ]
            least = [min(column) for column in zip(*([_time(c) for c in choices] for _ in range(9)), strict=True)]
            self.products += choices[least.index(min(least))]

    def run(self, steps: int) -> int:
        for _ in range(steps):
            for dot, right, out in self.products:
                dot(right, out)
        return steps

    def parameters(self) -> list[Array]:
        return []


def floor(case: Case, samples: int) -> Calls | Products:
    """The floor that is the higher one for a case."""
    few = case.batch * sum(a * b for a, b in pairwise(case.layers)) < FEW
    return Calls(len(case.layers) - 1) if few and not case.classifies else Products(case)


def _drawn(generator: np.random.Generator, dtype: str, *shape: int) -> Array:
    return generator.normal(size=shape).astype(dtype)


def _columns(draw: Callable[..., Array], before: int, units: int, batch: int, turned: bool) -> list[Product]:
    """Back, forward, and the gradient; samples as columns."""
    A, Psi, Z = draw(before + 1, batch), draw(units, batch), draw(units, batch)
    return _with_columns(draw, A, Psi, Z, draw(before, batch), turned)


def _rows_as_columns(draw: Callable[..., Array], before: int, units: int, batch: int, turned: bool) -> list[Product]:
    """The same for inputs, which are given as rows."""
    A, Psi, Z = draw(batch, before + 1).T, draw(units, batch), draw(units, batch)
    return _with_columns(draw, A, Psi, Z, draw(before, batch), turned)


def _with_columns(draw: Callable[..., Array], A: Array, Psi: Array, Z: Array, B: Array, turned: bool) -> list[Product]:
    W = draw(len(A), len(Z)) if turned else draw(len(Z), len(A))
    if turned:
        return [(W[:-1].dot, Psi, B), (W.T.dot, A, Z), (A.dot, Psi.T, np.empty_like(W))]
    return [(W[:, :-1].T.dot, Psi, B), (W.dot, A, Z), (Psi.dot, A.T, np.empty_like(W))]


def _rows(draw: Callable[..., Array], before: int, units: int, batch: int, turned: bool) -> list[Product]:
    """The same, samples as rows."""
    A, Psi, Z, B = draw(batch, before + 1), draw(batch, units), draw(batch, units), draw(batch, before)
    W = draw(before + 1, units) if turned else draw(units, before + 1)
    if turned:
        return [(Psi.dot, W[:-1].T, B), (A.dot, W, Z), (A.T.dot, Psi, np.empty_like(W))]
    return [(Psi.dot, W[:, :-1], B), (A.dot, W.T, Z), (Psi.T.dot, A, np.empty_like(W))]


def _time(products: list[Product]) -> float:
    """How long some products take."""
    begun = process_time()
    for dot, right, out in products:
        dot(right, out)
    return process_time() - begun
