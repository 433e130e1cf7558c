"""Training by a generated module's Trainer: until nothing is gained any more, or the epochs are over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Course:
    """How a training goes: at most ``epochs`` epochs, fewer if ``patience`` of them in a row gain no more than ``tol``.

    What must be gained is less error on the ``validation`` samples if there are any, else less
    error in training; the best parameters are taken in the end. No ``tol``: all the epochs.
    """

    epochs: int
    learning_rate: float
    batch_size: int
    shuffle: bool
    seed: int
    tol: float | None = None
    patience: int = 1
    validation: tuple[Array, Array] | None = None
    verbose: bool = False

    @property
    def early_stopping(self) -> dict[str, float] | None:
        """When to stop, as a Trainer takes it; with validation but no ``tol`` only the best parameters are kept."""
        if self.tol is not None:
            return {"patience": self.patience, "min_delta": self.tol}
        return None if self.validation is None else {"patience": self.epochs, "min_delta": 0.0}


def train(trainer: Any, X: Array, Y: Array, course: Course) -> None:
    """Train on X, (samples, features), and Y, (samples, outputs).

    Raises ValueError if the error or a parameter stops being finite.
    """
    try:
        trainer.fit(
            X,
            Y,
            epochs=course.epochs,
            learning_rate=course.learning_rate,
            batch_size=course.batch_size,
            shuffle=course.shuffle,
            seed=course.seed,
            validation=course.validation,
            early_stopping=course.early_stopping,
            callback=_say if course.verbose else None,
            progress=False,
        )
    except ArithmeticError as problem:
        raise ValueError(f"{problem}; or the data are not scaled, as StandardScaler does it") from None


@contextmanager
def unchanged_if_refused(estimator: Any) -> Iterator[None]:
    """Put an estimator's attributes back if it cannot be fitted; Ctrl-C leaves a new trainer that has learned."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException as problem:
        trainer = vars(estimator).get("trainer_")
        new = trainer is not None and trainer is not before.get("trainer_")
        if not (isinstance(problem, KeyboardInterrupt) and new and trainer.epoch_history):
            vars(estimator).clear()
            vars(estimator).update(before)
        raise


def _say(trainer: Any) -> None:
    """Print what an epoch has come to, in scikit-learn's words."""
    print(f"Iteration {trainer.n_iter_}, loss = {trainer.epoch_history[-1]:.8f}")
    if trainer.validation_history:
        print(f"Validation loss: {trainer.validation_history[-1]:.8f}")
