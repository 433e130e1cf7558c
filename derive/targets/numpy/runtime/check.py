"""The check of gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from derive.targets.numpy.runtime.network import Network
from derive.targets.numpy.runtime.values import (
    Array,
    Parameters,
    Seed,
    _generator,
    _positive_integer,
)


def compare_gradients(
    network: Network,
    parameters: Parameters,
    *data: ArrayLike,
    entries: int | None = None,
    seed: Seed = 0,
) -> dict[str, tuple[float, float]]:
    """The worst difference of each gradient from two ways to measure it.

    These are the complex step and central differences. Both differences are relative
    to the largest entry of that gradient. Where that from the complex step is more than
    1e-12, it is relative to at least the rounding of these sums, which is measured.
    That from central differences, which cannot resolve a slope far smaller than the
    others or than the error, is relative to at least a thousandth of these (where they
    all are 0 but for rounding, to a hundredth of the largest number on the way there).
    `entries` limits how many entries of each parameter are checked one by one
    (drawn from `seed`); one random direction through all of them is checked in any
    case. A central difference across a kink of a function, or over more than the error
    is straight, measures no slope, and is left out. What the gradients take for
    constants keeps its values. All is computed in float64. Raises what `gradients`
    does.
    """
    return gradient_report(network, parameters, *data, entries=entries, seed=seed)[0]


def gradient_report(
    network: Network,
    parameters: Parameters,
    *data: ArrayLike,
    entries: int | None = None,
    seed: Seed = 0,
) -> tuple[dict[str, tuple[float, float]], int, int]:
    """What `compare_gradients` finds; how many central differences were left out."""
    network.check_parameters(parameters)
    wide = {name: value.astype(np.float64) for name, value in parameters.items()}
    stored = network.stored(wide, data)
    if entries is not None:
        entries = _positive_integer(entries, "entries", least=0)
    slopes, generator = _Slopes(network, wide, stored), _generator(seed)
    found = {name: slopes.worst(name, entries, generator) for name in slopes.exact}
    return found, slopes.left_out, slopes.measured


def resolved(
    network: Network, parameters: Parameters, data: Sequence[Array], slopes: Parameters
) -> float:
    """The smallest slope that central differences resolve beside the others."""
    values = network.values(parameters, data)
    error = float(network.error(parameters, *data, values))
    largest = max(abs(error), *map(_largest, slopes.values()))
    terms = max(map(_largest, values.values()), default=0.0)
    return 1e-3 * largest if largest > 1e-9 * terms else 1e-2 * terms


def _largest(values: Array) -> float:
    return float(np.max(np.abs(values)))


class _Slopes:
    """The gradients at a point beside the slopes of the error that are measured."""

    def __init__(
        self, network: Network, parameters: Parameters, data: Sequence[Array]
    ) -> None:
        """Compute the gradients at a point."""
        self.network, self.parameters, self.data = network, parameters, data
        self.exact = network.differentiated(parameters, *data)
        self.held = network.constants(parameters, *data)
        self.resolved = resolved(network, parameters, data, self.exact)
        self.left_out = self.measured = 0

    def worst(
        self, name: str, entries: int | None, generator: np.random.Generator
    ) -> tuple[float, float]:
        """How far a gradient is from the complex step and from central differences."""
        gradient, worst = self.exact[name], [0.0, 0.0]
        largest = max(float(np.max(np.abs(gradient))), 1e-290)
        coarse = max(largest, self.resolved)
        for direction in _directions(gradient.shape, entries, generator):
            slope = float(np.sum(gradient * direction))
            length = float(np.sqrt(np.sum(direction**2)))
            measured = self.slopes(name, direction)
            if len(measured) == 2 and abs(measured[1] - slope) > 1e-6 * coarse * length:
                # A step twice as wide changes what comes of rounding or of a kink.
                wide = self.central(name, direction, 2e-6)
                off = abs(measured[1] - slope)
                steady = abs(wide - measured[1]) < 0.1 * off
                bent = self.bend(name, direction, 1e-6) > off
                measured = measured[: 2 if steady and not bent else 1]
            self.measured += 1
            self.left_out += len(measured) < 2
            for kind, found in enumerate(measured):
                off = abs(found - slope) / length
                scale = coarse if kind else largest
                if off > 1e-12 * largest and not kind:
                    # Rounding may leave more than that of a sum that cancels.
                    rounding = self.rounding(name, direction, found)
                    scale = max(largest, 1e13 * rounding)
                off /= scale
                worst[kind] = off if not off <= worst[kind] else worst[kind]
        return worst[0], worst[1]

    def slopes(
        self, name: str, direction: Array, parameters: Parameters | None = None
    ) -> list[float]:
        """The error's slope along a direction, by complex step and central differences.

        The second is left out where a kink lies between its two points, both are where
        it lies at the point itself: what the slope is there is a choice.
        """
        small, tiny = 1e-6, 1e-20
        start = self.parameters if parameters is None else parameters
        moved = (_moved(start, name, s * direction) for s in (0, small, -small))
        here, up, down = (self.sides(at) for at in moved)
        if any(np.any((a == 0) & (b != 0)) for a, b in zip(here, up, strict=True)):
            return []
        found = [self.error(_moved(start, name, tiny * 1j * direction)).imag / tiny]
        if any(not np.array_equal(b, c) for b, c in zip(up, down, strict=True)):
            return found
        return [*found, self.central(name, direction, small, start)]

    def sides(self, parameters: Parameters) -> list[Array]:
        """On which side of each kink of a function its argument lies: -1, 0 or 1."""
        return sides_of_kinks(self.network, parameters, *self.data)

    def error(self, parameters: Parameters) -> complex:
        """The error, of complex parameters too."""
        values = self.network.values(parameters, self.data, held=self.held)
        return complex(self.network.error(parameters, *self.data, values))

    def central(
        self,
        name: str,
        direction: Array,
        step: float,
        parameters: Parameters | None = None,
    ) -> float:
        """The central difference of the error along a direction."""
        start = self.parameters if parameters is None else parameters
        above, below = (
            self.error(_moved(start, name, sign * step * direction)) for sign in (1, -1)
        )
        return (above - below).real / (2 * step)

    def bend(self, name: str, direction: Array, step: float) -> float:
        """How far the slopes on both sides of the point differ, as at equal numbers."""
        below, here, above = (
            self.error(_moved(self.parameters, name, s * step * direction)).real
            for s in (-1, 0, 1)
        )
        return abs(above - 2 * here + below) / step

    def rounding(self, name: str, direction: Array, slope: float) -> float:
        """How far a gradient and a slope change with the rounding of their terms.

        The parameters are moved, and after the forward pass its tensors and the data:
        where one rounds to 1, say, no change of the parameters shows in it. It is
        measured up to 32 times, until a tenth of their distance is explained.
        """
        gradient = self.exact[name]
        length, worst = float(np.sqrt(np.sum(direction**2))), 0.0
        off = abs(float(np.sum(gradient * direction)) - slope) / length
        for seed in range(32):
            if off <= 10 * worst:
                break
            draw = np.random.default_rng(seed)
            moved = _rounded(self.parameters, draw)
            values = _rounded(
                self.network.values(moved, self.data, held=self.held), draw
            )
            data = (_near(d, draw) if d.dtype.kind == "f" else d for d in self.data)
            again = self.network.gradients(moved, *data, values)[name]
            turned = direction * (1 + 2.0**-46 * draw.uniform(-1, 1))
            measured = self.slopes(name, turned, moved)[0]
            far = float(np.max(np.abs(again - gradient)))
            worst = max(worst, far, abs(measured - slope) / length)
        return worst


def _rounded(arrays: Parameters, draw: np.random.Generator) -> Parameters:
    """Arrays that differ by rounding."""
    return {name: _near(value, draw) for name, value in arrays.items()}


def _near(value: Array, draw: np.random.Generator) -> Array:
    """An array that differs by up to 64 units in the last place."""
    return value * (1 + 2.0**-46 * draw.uniform(-1, 1, np.shape(value)))


def sides_of_kinks(
    network: Network, parameters: Parameters, *data: Array
) -> list[Array]:
    """On which side of each kink of a function its argument lies: -1, 0 or 1."""
    values = network.values(parameters, data) if network.has_kinks else {}
    return network.kinks(parameters, *data, values)


def _moved(parameters: Parameters, name: str, step: Array) -> Parameters:
    """The parameters with one of them changed."""
    return {**parameters, name: parameters[name] + step}


def _directions(
    shape: tuple[int, ...], entries: int | None, generator: np.random.Generator
) -> list[Array]:
    """One random direction, at least 1 in some entry, and those of single entries."""
    size = math.prod(shape)
    chosen = np.arange(size)
    if entries is not None and entries < size:
        chosen = np.sort(generator.choice(size, entries, replace=False))
    drawn = generator.standard_normal(shape)
    directions = [drawn / min(1.0, np.max(np.abs(drawn)))]
    for position in chosen:
        direction = np.zeros(size)
        direction[position] = 1
        directions.append(direction.reshape(shape))
    return directions
