"""What ends a training, and how the samples are divided for it."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Mapping
from typing import Any

from derive.targets.numpy.runtime.values import (
    Parameters,
    _checked_number,
    _copy_into,
    _described,
    _positive_integer,
)


class _Best:
    """The best parameters so far, and how long ago they were found."""

    def __init__(self, patience: int, min_delta: float) -> None:
        """Wait `patience` epochs for an error better by more than `min_delta`."""
        self.patience, self.min_delta = patience, min_delta
        self.error, self.waited = math.inf, 0
        self.kept: tuple[Parameters, Parameters] = ({}, {})

    def is_over(self, error: float, parameters: Parameters, state: Parameters) -> bool:
        """Note an epoch's error; say if a better one was waited for long enough."""
        if error < self.error - self.min_delta:
            self.error, self.waited = error, 0
            self.kept = copy.deepcopy((parameters, state))
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self, parameters: Parameters, state: Parameters) -> None:
        """Put the best parameters in their place, and the state that goes with them."""
        _copy_into(parameters, self.kept[0])
        _copy_into(state, self.kept[1])


def _best(early_stopping: Any) -> _Best | None:
    """What remembers the best parameters, if that is wanted."""
    if early_stopping is None:
        return None
    given = (
        early_stopping
        if isinstance(early_stopping, Mapping)
        else {"patience": early_stopping}
    )
    unknown = [key for key in given if key not in ("patience", "min_delta")]
    if unknown or "patience" not in given:
        found = f"the key {unknown[0]!r}" if unknown else "no patience"
        raise ValueError(
            f"early_stopping has {found}; expected patience, and perhaps min_delta"
        )
    patience = _positive_integer(given["patience"], "the patience of early_stopping")
    return _Best(patience, _checked_number(given.get("min_delta", 0.0), "min_delta"))


def _is_true(answer: Any) -> bool:
    """Whether an answer is True, as Python, NumPy or another array library has it."""
    if getattr(answer, "shape", None) == () and hasattr(answer, "item"):
        answer = answer.item()
    return answer is True


def _checked_batch(size: int | str | None, samples: int, held_out: int) -> int:
    """How many samples a batch has: at most all of them, with a warning for more.

    "auto" is 200, and None is all of them.
    """
    if size is None or (isinstance(size, str) and size == "auto"):
        return samples if size is None else min(200, samples)
    if isinstance(size, str):
        wanted = 'an integer, "auto", or None for all samples'
        raise TypeError(f"batch_size must be {wanted}, not {_described(size)}")
    if _positive_integer(size, "batch_size") > samples:
        left = f"left of {samples + held_out}" if held_out else "given"
        found = "1 sample is" if samples == 1 else f"{samples} samples are"
        said = f"batch_size is {size}, but {found} {left}: all are one batch"
        warnings.warn(said, stacklevel=6)
    return min(int(size), samples)
