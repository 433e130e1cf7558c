"""What no step in NumPy can do without: its calls on the smallest arrays, or its matrix products alone."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from contenders.cases import Array, Case

#: Below this many multiplications in a step, calls cost more than what they compute.
FEW = 50_000


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
    """The matrix products of a step, with the shapes and the layouts that they have in `tuned.Softmax`."""

    def __init__(self, layers: tuple[int, ...], batch: int) -> None:
        generator = np.random.default_rng(0)
        self.products: list[tuple[Callable[[Array, Array], Array], Array, Array]] = []
        for layer, (before, units) in enumerate(pairwise(layers)):
            A, Psi = generator.normal(size=(before + 1, batch)), generator.normal(size=(units, batch))
            if layer:
                W = generator.normal(size=(before + 1, units))
                self.products.append((W.T.dot, A, np.empty((units, batch))))
                self.products.append((W[:-1].dot, Psi, np.empty((before, batch))))
                self.products.append((A.dot, Psi.T, np.empty_like(W)))
            else:
                W = generator.normal(size=(units, before + 1))
                self.products.append((W.dot, A, np.empty((units, batch))))
                self.products.append((Psi.dot, A.T, np.empty_like(W)))

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
    return Calls(len(case.layers) - 1) if few and not case.classifies else Products(case.layers, case.batch)
