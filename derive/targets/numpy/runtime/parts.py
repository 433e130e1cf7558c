"""Data that go through a network in parts, whose tensors stay in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from derive.targets.numpy.runtime.values import Array, Parameters, _dtype

Result = TypeVar("Result")

#: How many bytes the tensors of the samples have that are computed together.
_PART = 2**21
#: How many samples the first part has, of which the size of the others is found.
_FIRST = 256


def _in_parts(
    network: Any,
    parameters: Parameters,
    rows: Sequence[Array],
    compute: Callable[[tuple[Array, ...]], tuple[Result, Parameters]],
) -> Iterator[tuple[tuple[Array, ...], Result]]:
    """Each part of checked rows, as it is stored, and what is computed with it.

    `compute` returns this, and all tensors that it needed.
    """
    samples = network.data.samples(rows)
    first, size = 0, min(_FIRST, samples)
    while first < samples:
        chosen = network.data.chosen(rows, slice(first, first + size))
        data = network.filled(parameters, chosen)
        found, values = compute(data)
        yield data, found
        first += size
        arrays = [*values.values(), *data]
        bytes_each = sum(array.nbytes for array in arrays) / size
        size = max(size, int(_PART / (bytes_each + 1)))


def _error_by_parts(
    network: Any,
    parameters: Parameters,
    rows: Sequence[Array],
    state: Parameters | None = None,
) -> Iterator[tuple[tuple[Array, ...], float]]:
    """What each part of checked rows adds to the error, and the part as it is stored.

    With a `state`, it is the error of a prediction. There is one part where the error
    does not follow from those of parts.
    """

    def measured(data: tuple[Array, ...]) -> tuple[float, Parameters]:
        found: tuple[float, Parameters] = network.with_error(parameters, data, state)
        return found

    if network.division == "weights":
        rows = network.data.counted(rows)  # no part has weights that sum to 0
    if not _is_divided(network, parameters, rows, state):
        data = network.filled(parameters, rows)
        yield data, measured(data)[0]
        return
    whole = _weight(network, rows)
    for data, error in _in_parts(network, parameters, rows, measured):
        yield data, error * (_weight(network, network.data.rows(data)) / whole)


def _gradients_by_parts(
    network: Any, parameters: Parameters, rows: Sequence[Array]
) -> Parameters:
    """The derivative of the error with respect to inputs, by name, samples as rows.

    It is found in parts where the error follows from those of parts.
    """

    def differentiated(data: tuple[Array, ...]) -> tuple[Parameters, Parameters]:
        found: tuple[Parameters, Parameters]
        found = network.with_sensitivities(parameters, data)
        return found

    inputs = {datum.name: datum for datum in network.data.inputs}
    if not _is_divided(network, parameters, rows, None):
        whole = differentiated(network.filled(parameters, rows))[0]
        return {name: inputs[name].turned(value) for name, value in whole.items()}
    parts: dict[str, list[Array]] = {}
    weight = _weight(network, rows)
    for data, found in _in_parts(network, parameters, rows, differentiated):
        share = _weight(network, network.data.rows(data)) / weight
        for name, value in found.items():
            part = inputs[name].turned(value) * np.asarray(share, value.dtype)
            parts.setdefault(name, []).append(part)
    return {
        name: np.sum(found, axis=0)
        if inputs[name].axis is None
        else np.concatenate(found)
        for name, found in parts.items()
    }


def _is_divided(
    network: Any,
    parameters: Parameters,
    rows: Sequence[Array],
    state: Parameters | None,
) -> bool:
    """Whether the error follows from those of parts, and there are several.

    The equations may have been edited since this was found: the first samples show
    whether it still holds.
    """
    batch_counts = network.keeps_averages and state is None
    if not network.division or network.data.samples(rows) <= _FIRST or batch_counts:
        return False
    few = network.data.chosen(rows, slice(0, _FIRST))
    half = _FIRST // 2
    halves = [network.data.chosen(few, s) for s in (slice(half), slice(half, None))]
    weights = [_weight(network, part) for part in (few, *halves)]
    found, *parts = (
        network.measured(parameters, *network.filled(parameters, part), state=state)
        for part in (few, *halves)
    )
    shares = [weight / weights[0] for weight in weights[1:]]
    scale = abs(found) + sum(abs(part) for part in parts)
    off = abs(found - sum(s * part for s, part in zip(shares, parts, strict=True)))
    return not off > np.sqrt(np.finfo(_dtype(parameters)).eps) * scale


def _weight(network: Any, rows: Sequence[Array]) -> float:
    """What the error of these rows counts; 1 where it is a sum."""
    if network.division == "weights":
        return float(np.sum(network.data.weights(rows), dtype=np.float64))
    return float(network.data.samples(rows)) if network.division == "samples" else 1.0
