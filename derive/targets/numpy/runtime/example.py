"""Random parameters and data, to check gradients with."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from derive.targets.numpy.runtime.data import _at, _Datum, _width
from derive.targets.numpy.runtime.network import Network
from derive.targets.numpy.runtime.values import (
    Array,
    _generator,
    _positive_integer,
)

#: How data of a kind are drawn for an example.
_DRAWN: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Array]] = {
    "real": lambda draw, shape: draw.normal(0, 1, shape),
    "unit": lambda draw, shape: draw.uniform(0, 1, shape),
    "signs": lambda draw, shape: draw.choice([-1.0, 1.0], shape),
    "counts": lambda draw, shape: draw.integers(0, 6, shape).astype(np.float64),
    "mask": lambda draw, shape: (draw.uniform(0, 1, shape) < 0.75).astype(np.float64),
    "positive": lambda draw, shape: draw.uniform(0.5, 1.5, shape),
    "weights": lambda draw, shape: draw.uniform(0.5, 1.5, shape),
    "factors": lambda draw, shape: draw.uniform(0.5, 1.5, shape),
    "chances": lambda draw, shape: draw.uniform(0.1, 0.9, shape),
}


def draw_example(network: Network, samples: int = 7, seed: int = 0) -> tuple[Any, ...]:
    """Random parameters (biases too), inputs and targets, to check gradients with.

    Parameters and inputs are smaller where the error or all its slopes would be out of
    range.
    """
    samples, generator = _positive_integer(samples, "samples"), _generator(seed)
    widths = {name: 3 + number for number, name in enumerate(network.widths)}
    parameters = network.checked_initial_parameters(seed, **widths)
    network.check_parameters(parameters)
    for name, value in parameters.items():
        value += generator.normal(0, 0.1, value.shape)
        if name in network.kinds:
            how = network.kinds[name], network.over.get(name, 0)
            value[...] = _of_kind(*how, value.shape, generator)
    sizes = network.sizes(parameters)
    extents = [extent for datum in network.data.all for extent in datum.shape]
    for width in (_width(e)[0] for e in extents if isinstance(e, str)):
        sizes.setdefault(width, 3 + len(sizes))  # one that no parameter has
    data = [_drawn(datum, samples, sizes, generator) for datum in network.data.all]
    for scale in (1.0, 1e-2, 1e-4):
        drawn = network.scaled(parameters, scale)
        smaller = network.data.scaled(data, scale)
        with np.errstate(all="ignore"):
            error = network.measured(drawn, *smaller)
            slopes = network.differentiated(drawn, *smaller)
            wanted = not slopes or any(map(np.any, slopes.values()))
            if math.isfinite(error) and wanted:
                return drawn, *smaller
    return parameters, *data


def _drawn(
    datum: _Datum, samples: int, sizes: dict[str, int], generator: np.random.Generator
) -> Array:
    """Random data of a kind."""
    shape = tuple(samples if e is None else _at(e, sizes) for e in datum.shape)
    if datum.places is not None:
        count, start = datum.places
        return start + generator.integers(0, _at(count, sizes), shape)
    kind = "unit" if datum.target and datum.kind == "real" else datum.kind
    found = _of_kind(kind, datum.over, shape, generator)
    if kind == "mask":  # whatever it is summed over, something is left
        for axis, extent in enumerate(datum.shape):
            if extent is not None:
                np.moveaxis(found, axis, 0)[0] = 1
    return found


def _of_kind(
    kind: str, over: int, shape: tuple[int, ...], generator: np.random.Generator
) -> Array:
    """Random numbers of a kind; those of an axis sum to 1 if they are shares."""
    if kind == "classes":
        others = shape[:over] + shape[over + 1 :]
        one_hot = np.eye(shape[over])[generator.integers(0, shape[over], others)]
        return np.ascontiguousarray(np.moveaxis(one_hot, -1, over))
    found = _DRAWN["positive" if kind == "shares" else kind](generator, shape)
    return found / np.sum(found, over, keepdims=True) if kind == "shares" else found
