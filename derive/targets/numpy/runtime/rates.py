"""The learning rate of each epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, final

import numpy as np

from derive.targets.numpy.runtime.values import (
    _checked_number,
    _checked_rate,
    _positive_integer,
)

#: What reduction on a plateau is told, with its defaults; `initial` must be given.
_PLATEAU: dict[str, Any] = {
    "initial": None,
    "factor": 0.5,
    "patience": 5,
    "min_delta": 0.0,
    "least": 0,
}


@final
class _Rates:
    """The learning rate of each epoch of a `fit`.

    It is a number, a sequence with one number for each epoch (the last one stays), a
    function of the number of completed epochs, or a dict for reduction on a plateau.
    """

    def __init__(self, given: Any) -> None:
        """Check what is given; ValueError or TypeError for anything else."""
        self.of: Any = None
        self.each: list[float] = []
        self.plateau: dict[str, float] = {}
        #: The best error so far, and how many epochs ago it was.
        self.best, self.waited = math.inf, 0
        if callable(given):
            self.of = given
        elif isinstance(given, Mapping):
            self.plateau = _plateau(given)
            self.now = self.plateau["initial"]
        elif isinstance(given, (list, tuple)) or np.ndim(given) == 1:
            if len(given) == 0:
                raise ValueError(
                    "learning_rate is empty; expected a rate for each epoch"
                )
            self.each = [_checked_rate(rate) for rate in given]
        else:
            self.now = _checked_rate(given)
        if self.of or self.each:
            self.now = self.at(0)

    @property
    def vary(self) -> bool:
        """Whether they may change between epochs."""
        return bool(self.of or self.each or self.plateau)

    def at(self, epoch: int) -> float:
        """The rate after so many completed epochs of this `fit`."""
        if self.of:
            found = self.of(epoch)
            found = (
                found.item() if isinstance(found, (np.ndarray, np.generic)) else found
            )
            return _checked_number(found, f"the rate that learning_rate({epoch}) gives")
        return self.each[min(epoch, len(self.each) - 1)] if self.each else self.now

    def watch(self, error: float) -> None:
        """Note the error of an epoch; reduce the rate if it waits for a better one."""
        if not self.plateau:
            return
        if error < self.best - self.plateau["min_delta"]:
            self.best, self.waited = error, 0
            return
        self.waited += 1
        if self.waited >= self.plateau["patience"]:
            lower = max(self.now * self.plateau["factor"], self.plateau["least"])
            self.now, self.waited = min(self.now, lower), 0


def _plateau(given: Mapping[str, Any]) -> dict[str, float]:
    unknown = [key for key in given if key not in _PLATEAU]
    if unknown or "initial" not in given:
        what = f"the key {unknown[0]!r}" if unknown else "no initial rate"
        expected = f"expected initial, and perhaps {', '.join([*_PLATEAU][1:])}"
        raise ValueError(f"learning_rate has {what}; {expected}")
    whole = {**_PLATEAU, **given}
    patience = _positive_integer(whole.pop("patience"), "the patience of learning_rate")
    found = {n: _checked_number(v, f"{n} of learning_rate") for n, v in whole.items()}
    if not 0 < found["factor"] < 1:
        wanted = "expected a number between 0 and 1"
        raise ValueError(f"factor of learning_rate is {found['factor']:g}; {wanted}")
    return {**found, "patience": patience}
