"""Which samples are held out for validation."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from derive.targets.numpy.runtime.orders import _Orders
from derive.targets.numpy.runtime.values import Array, _described

_WANTED = 'a pair (X, Y), a share between 0 and 1, "last", or an object with a split'
#: The share that "last" stands for.
_LAST = 0.2


def _checked_pair(validation: Any, with_targets: bool) -> tuple[Any, ...] | None:
    """The data (X, Y), with weights or not; without targets, X alone will do."""
    if isinstance(validation, (tuple, list)) and len(validation) in (2, 3):
        return tuple(validation)
    alone = isinstance(validation, (Mapping, np.ndarray)) and not _of_last(validation)
    return (validation, None) if alone and not with_targets else None


def _held_out(
    validation: Any, samples: int, orders: _Orders, rows: Sequence[Array]
) -> Array:
    """The numbers of the samples to hold out, in their order; none if none is given.

    Raises ValueError or TypeError unless `validation` is `_WANTED`.
    """
    if validation is None:
        return np.arange(0)
    if hasattr(validation, "split") and not isinstance(validation, str):
        return _of_split(validation, samples)
    word = isinstance(validation, str) and validation == "last"
    last = word or _of_last(validation)
    share = _LAST if word else validation["last"] if last else validation
    real = isinstance(share, (int, float, np.floating, np.integer))
    if isinstance(share, bool) or not real:
        raise TypeError(f"validation must be {_WANTED}, not {_described(validation)}")
    if not 0 < share < 1:
        raise ValueError(f"validation is {validation}; expected {_WANTED}")
    count = math.ceil(share * samples)
    _check_left(count, samples, validation)
    if last:
        return np.arange(samples - count, samples)
    if any(map(_overlap, rows)):
        what = "each row of the inputs is the row before, moved on: windows of a series"
        why = "samples that are held out at random share their numbers with others"
        said = f'{what}; {why}. validation="last" holds out the last ones'
        warnings.warn(said, stacklevel=6)
    return orders.held_out(samples, count)


def _of_last(validation: Any) -> bool:
    return isinstance(validation, Mapping) and list(validation) == ["last"]


def _check_left(count: int, samples: int, validation: Any) -> None:
    if count == samples:
        what = f"validation is {validation!r:.60}"
        raise ValueError(f"{what}, which leaves none of {samples} samples")


def _of_split(splitter: Any, samples: int) -> Array:
    """The test samples of the only split that an object such as ShuffleSplit gives."""
    name = type(splitter).__name__
    splits = list(splitter.split(np.zeros((samples, 1))))
    if len(splits) != 1:
        wanted = "expected an object with one, such as ShuffleSplit(n_splits=1)"
        raise ValueError(f"validation: {name} gives {len(splits)} splits; {wanted}")
    out = np.unique(np.asarray(splits[0][1], np.intp))
    if not out.size or out[0] < 0 or out[-1] >= samples:
        raise ValueError(f"validation: {name} holds out none of the {samples} samples")
    _check_left(len(out), samples, splitter)
    return out


def _overlap(rows: Array) -> bool:
    """Whether the rows are the windows of a series, each a step further."""
    flat = rows[:50].reshape(len(rows[:50]), -1)
    if rows.ndim < 2 or len(flat) < 3 or (flat == flat[:1]).all():
        return False
    width = flat.shape[1]
    return any(
        np.array_equal(flat[1:, :-step], flat[:-1, step:])
        for step in range(1, min(64, width // 2) + 1)
    )
