"""One step at a time: what was checked once is not checked again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, final

import numpy as np

from derive.targets.numpy.runtime.steps import _Plain
from derive.targets.numpy.runtime.values import Array, _checked_rate, _is_finite


@final
class _Stepper:
    """Steps of a trainer for batches of one size, as `Trainer.stepper` describes them.

    The working memory and the trainer's arrays are those of its making: `is_current`
    says whether the trainer has these arrays still.
    """

    def __init__(self, trainer: Any, steps: _Plain) -> None:
        """`steps` takes them; the trainer's parameters and state were checked."""
        self.trainer, self.steps = trainer, steps
        self.arrays = self._arrays()
        self.data, self.dtype = trainer.network.data, trainer.dtype
        #: The shapes of data that need no more than a look, if there are such.
        pair = self.data.plain and len(self.data.given) == 2
        known = pair and not any(datum.places for datum in self.data.given)
        self.shapes = steps.shapes if known else None

    def __call__(self, *data: Array, learning_rate: float | None = None) -> float:
        """Take a step; return the error before it.

        The data are the inputs, the targets, and weights and masks if there are such,
        samples as rows, of the trainer's type. Raises ArithmeticError where a number
        stops being finite; the trainer is then left as it was.
        """
        if len(data) != len(self.data.given):
            names = ", ".join(datum.name for datum in self.data.given)
            raise TypeError(f"a step takes {names}; {len(data)} arrays are given")
        given = self.trainer.learning_rate if learning_rate is None else learning_rate
        rate = _checked_rate(given)
        found = self.take(data, rate)
        if found is None:
            what = "the error or a parameter stops being finite"
            raise ArithmeticError(f"{what}; the trainer is left before that step")
        return found

    def _arrays(self) -> list[Array]:
        return [*self.trainer.parameters.values(), *self.trainer.state.values()]

    def is_current(self) -> bool:
        """Whether parameters and state are the arrays that they were."""
        return [*map(id, self._arrays())] == [*map(id, self.arrays)]

    def fits(self, *data: Any) -> bool:
        """Whether inputs and targets are arrays as a step takes them.

        Raises ValueError if they have, and their numbers are of a wrong kind.
        """
        if self.shapes is None:
            return False
        for values, shape in zip(data, self.shapes, strict=True):
            plain = type(values) is np.ndarray and values.dtype == self.dtype
            if not (plain and values.shape == shape and _is_finite(values)):
                return False
        for datum, values, name in zip(self.data.given, data, "XY", strict=True):
            if datum.kind != "real":
                datum.check_kind(datum.turned(values), name)
        return True

    def take(self, data: Sequence[Array], learning_rate: float) -> float | None:
        """A step, noted in the histories; None if it leads to no finite numbers."""
        trainer, steps = self.trainer, self.steps
        steps.load(trainer.parameters, trainer.state)
        error = steps.once(data, learning_rate, trainer.orders.draw)
        if not (math.isfinite(error) and steps.is_finite()):
            return None
        try:
            steps.store(trainer.parameters, trainer.state)
        except BaseException:  # Ctrl-C, say: the step is made whole
            steps.store(trainer.parameters, trainer.state)
            raise
        trainer.learning_rate = learning_rate
        trainer._note([error], [error])
        return error
