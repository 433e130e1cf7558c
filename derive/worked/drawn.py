"""The arrays of a worked example that are drawn from its seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import Symbol

from derive.calculus.index import SAMPLES
from derive.calculus.promises import Promise, SumsToOne, kept
from derive.calculus.roles import Role
from derive.record import record
from derive.targets.named import in_axes, in_store
from derive.worked.shapes import Shapes

Array = NDArray[np.float64]

#: The number of samples that are drawn.
SAMPLES_DRAWN = 2

#: The decimals of drawn numbers, few enough to follow the calculation by hand.
DECIMALS = 2


@record
class Drawing:
    """Draws arrays from a seed; each depends only on the seed and its own position."""

    shapes: Shapes
    sizes: Mapping[Symbol, int]
    seed: int
    module: Any
    promises: tuple[Promise, ...]
    targets: str

    def parameter(self, name: str, place: int) -> Array:
        """Draw a parameter as the module initialises it, rounded; zero parameters are drawn, too."""
        if own := self._promises(name):
            shape = self._shape(name)
            return self._keeping(own, _rounded(self._generator(place).uniform(0, 1, shape)), name)
        widths = {s.name: n for s, n in self.sizes.items()}
        start: Array = self.module.initial_parameters(self.seed, **widths)[name]
        spread = self._generator(place).uniform(-0.5, 0.5, start.shape)
        return _rounded(np.where(start == 0, spread, start))

    def data(self, name: str, place: int, samples: int) -> Array:
        """Draw the inputs from a normal distribution, or admissible targets."""
        tensor, generator, own = self.shapes.tensors[name], self._generator(place), self._promises(name)
        shape = self._shape(name, samples)
        if tensor.places is not None:
            last = int(tensor.places.stop.xreplace(self.sizes))
            return generator.integers(tensor.places.start, last + 1, shape).astype(np.float64)
        shares = next((p for p in own if isinstance(p, SumsToOne)), None)
        if tensor.role == Role.TARGET and len(tensor.axes) == 2 and shares is not None:
            chosen = generator.integers(0, shape[shares.axis], shape[1 - shares.axis])
            return np.moveaxis(np.eye(shape[shares.axis])[:, chosen], 0, shares.axis)
        if own:
            return self._keeping(own, _rounded(generator.uniform(0, 1, shape)), name)
        if tensor.role == Role.INPUT:
            return _rounded(generator.normal(0, 1, shape))
        if self.targets == "signs":
            return generator.choice([-1.0, 1.0], shape)
        if self.targets == "counts":
            return generator.integers(0, 6, shape).astype(np.float64)
        return _rounded(generator.uniform(0, 1, shape))

    def _keeping(self, promises: list[Promise], drawn: Array, name: str) -> Array:
        """Turn a stored array of numbers between 0 and 1 into one that keeps the promises, which count the axes."""
        tensor = self.shapes.tensors[name]
        return np.asarray(in_store(tensor, kept(promises, in_axes(tensor, drawn)))).reshape(drawn.shape)

    def _shape(self, name: str, samples: int = 1) -> tuple[int, ...]:
        """The numbers of entries along the axes of a stored array."""
        sizes = {**self.sizes, SAMPLES: samples}
        return tuple(int(side.xreplace(sizes)) for side in self.shapes.sides(name))

    def _promises(self, name: str) -> list[Promise]:
        return [p for p in self.promises if p.tensor.name == name]

    def _generator(self, place: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, place))


def with_drawn(arrays: Mapping[str, Array], drawing: Drawing, names: list[str]) -> dict[str, Array]:
    """Return all arrays in the order of ``names``: those given, the others drawn."""
    shapes = drawing.shapes
    counts = (shapes.samples(n, arrays[n]) for n in shapes.data if n in arrays and shapes.by_sample(n))
    samples = next(counts, SAMPLES_DRAWN)
    full: dict[str, Array] = {}
    for place, name in enumerate(names):
        if name in arrays:
            full[name] = arrays[name]
        elif drawing.shapes.is_data(name):
            full[name] = drawing.data(name, place, samples)
        else:
            full[name] = drawing.parameter(name, place)
    return full


def _rounded(values: Array) -> Array:
    return np.round(values, DECIMALS) + 0.0  # no negative zeros
