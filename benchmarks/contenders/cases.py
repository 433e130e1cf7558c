"""The networks and batches of the table, with their first parameters and their data."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


class NotApplicable(Exception):
    """A contender has no form for a case; the message says why."""


@dataclass(frozen=True)
class Case:
    """One row of the table.

    A classifier has tanh in its hidden layers, softmax at the end and the cross-entropy as its
    error; the others have the sigmoid in all layers and the mean squared error.
    """

    title: str
    layers: tuple[int, ...]
    batch: int
    classifies: bool
    rate: float
    dtype: str = "float64"

    def parameters(self) -> list[Array]:
        """W1, b1, W2, ...: the same for everyone."""
        generator = np.random.default_rng(1)
        drawn: list[Array] = []
        for before, units in pairwise(self.layers):
            limit = np.sqrt(6 / (before + units))
            drawn += [generator.uniform(-limit, limit, (units, before)), generator.normal(0, 0.1, units)]
        return [array.astype(self.dtype) for array in drawn]

    def data(self, samples: int) -> tuple[Array, Array]:
        """Inputs and targets, samples as rows."""
        generator = np.random.default_rng(2)
        X = generator.normal(0, 1, (samples, self.layers[0])).astype(self.dtype)
        if self.classifies:
            return X, np.eye(self.layers[-1], dtype=self.dtype)[generator.integers(0, self.layers[-1], samples)]
        return X, generator.uniform(0.1, 0.9, (samples, self.layers[-1])).astype(self.dtype)

    def batches(self, samples: int) -> list[tuple[Array, Array]]:
        """The same data, cut into batches."""
        X, Y = self.data(samples)
        cuts = range(0, samples, self.batch)
        return [(X[i : i + self.batch].copy(), Y[i : i + self.batch].copy()) for i in cuts]

    def network(self) -> dict[str, Any]:
        """The arguments of `derive.Network`."""
        last = len(self.layers) - 2
        if self.classifies:
            activation = (*["tanh"] * last, "softmax")
            return {"layers": self.layers, "activation": activation, "loss": "cross_entropy"}
        return {"layers": self.layers, "activation": "sigmoid", "loss": "mse"}

    @property
    def samples(self) -> int:
        """How many samples are learned from: whole batches, at least four."""
        return self.batch * max(4, 1024 // self.batch)


CASES = (
    Case("3-4-4-1, 1", (3, 4, 4, 1), 1, False, 0.05),
    Case("3-4-4-1, 32", (3, 4, 4, 1), 32, False, 0.05),
    Case("2-8-1, 4", (2, 8, 1), 4, False, 0.05),
    Case("64-32-10, 32", (64, 32, 10), 32, True, 0.05),
    Case("784-128-64-10, 1", (784, 128, 64, 10), 1, True, 0.002),
    Case("784-128-64-10, 64", (784, 128, 64, 10), 64, True, 0.02),
    Case("784-128-64-10, 1024", (784, 128, 64, 10), 1024, True, 0.02),
    Case("512×8-10, 128", (512,) * 9 + (10,), 128, True, 0.02),
)
