"""A training on batches that come one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, final

import numpy as np

from derive.targets.numpy.runtime.course import _Bar, _Course, _Interrupts
from derive.targets.numpy.runtime.values import Array, _described


def _checked_batches(batches: Any, epochs: int) -> Callable[[], Iterable[Any]]:
    """A function that returns the batches of an epoch."""
    if callable(batches):
        found: Callable[[], Iterable[Any]] = batches
        return found
    if isinstance(batches, np.ndarray) or not isinstance(batches, Iterable):
        wanted = "a function that returns the batches of an epoch, or an iterable"
        raise TypeError(f"batches must be {wanted}, not {_described(batches)}")
    if iter(batches) is batches and epochs > 1:
        what = "batches is an iterator, which can be read once"
        raise ValueError(f"{what}: use epochs=1, or a function that returns one")
    return lambda: batches


@final
class _Stream:
    """The course of a training on such batches, a step with each."""

    #: How many epochs are handed over at once.
    block = 1

    def __init__(
        self,
        trainer: Any,
        batches: Callable[[], Iterable[Any]],
        rate: float,
        interrupts: _Interrupts,
        bar: _Bar,
    ) -> None:
        """Read nothing yet."""
        self.trainer, self.batches, self.rate = trainer, batches, rate
        self.interrupts, self.bar, self.done = interrupts, bar, 0
        #: The mean error of the first epoch.
        self.first: float | None = None
        #: The last batch, and what took a step with it.
        self.data: Sequence[Array] = ()
        self.last: _Course | None = None

    def go(self, epochs: int, generator: np.random.Generator | None) -> None:
        """Take the steps of an epoch; the batches come in their own order."""
        trainer, data = self.trainer, self.trainer.network.data
        means, shares = [], []
        for number, batch in enumerate(self.batches()):
            given = batch if isinstance(batch, (tuple, list)) else (batch, None)
            if len(given) not in (1, 2, 3):
                what = f"batch {number} (from 0) has {len(given)} parts"
                raise ValueError(f"{what}; expected X, Y and perhaps sample_weight")
            X, Y, weight = (*given, None, None)[:3]
            if not self.data:
                trainer._meet(X, Y)
            called = f"batch {number} (from 0): "
            self.data = data.counted(trainer._data(X, Y, weight, called))
            size = data.samples(self.data)
            how = (self.rate, size, self.interrupts, self.bar)
            self.last = course = _Course(trainer, self.data, *how, whole=False)
            course.go(1, None)
            course.settle()
            means.append(course.first or 0.0)
            shares.append(data.weights(self.data).sum() if data.divides else size)
        if not means:
            raise ValueError(f"batches gives none in epoch {self.done + 1}")
        mean = float(np.average(means, weights=shares))
        self.first = mean if self.first is None else self.first
        trainer._note([], [mean])
        self.done += epochs

    def settle(self) -> None:
        """Do nothing: after each batch the trainer is up to date."""

    def aside(self, callback: Callable[[Any], object]) -> tuple[object, bool]:
        """Call what may change the trainer, as `_Course.aside` does."""
        assert self.last is not None
        return self.last.aside(callback)
