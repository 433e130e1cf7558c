"""One call of `fit`: what it is told, and what comes between its epochs."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, final

import numpy as np

from derive.targets.numpy.runtime.checkpoint import _Checkpoint
from derive.targets.numpy.runtime.course import _Bar, _Course, _Interrupts
from derive.targets.numpy.runtime.diagnosis import _concerns, _say, _scales
from derive.targets.numpy.runtime.finite import _why_not_finite
from derive.targets.numpy.runtime.holding_out import _checked_pair, _held_out
from derive.targets.numpy.runtime.orders import _Orders
from derive.targets.numpy.runtime.parts import _error_by_parts
from derive.targets.numpy.runtime.rates import _Rates
from derive.targets.numpy.runtime.stopping import _best, _checked_batch, _is_true
from derive.targets.numpy.runtime.stream import _checked_batches, _Stream
from derive.targets.numpy.runtime.values import (
    Array,
    Seed,
    _check_flag,
    _checked_rate,
    _described,
    _generator,
    _positive_integer,
)


@final
class _Fitting:
    """A training: its data and options, checked; `run` takes the steps."""

    def __init__(
        self,
        trainer: Any,
        X: Any = None,
        Y: Any = None,
        epochs: int = 1,
        learning_rate: Any = None,
        batch_size: int | str | None = None,
        shuffle: bool = False,
        seed: Seed = None,
        validation: Any = None,
        early_stopping: int | Mapping[str, Any] | None = None,
        callback: Callable[[Any], object] | None = None,
        progress: bool | None = False,
        checkpoint: str | os.PathLike[str] | None = None,
        warn: bool = False,
        sample_weight: Any = None,
        batches: Any = None,
        standardise: bool | str = False,
    ) -> None:
        """Check everything; nothing of the trainer has changed if it is refused."""
        self.trainer, self.network = trainer, trainer.network
        trainer._check_own()
        self.epochs = _positive_integer(epochs, "epochs")
        self.batches = None if batches is None else _checked_batches(batches, epochs)
        data = self._read(X, Y, sample_weight, standardise)
        given = trainer.learning_rate if learning_rate is None else learning_rate
        self.rates, self.best = _Rates(given), _best(early_stopping)
        self.callback, self.progress, self.warn = callback, progress, warn
        _check_flag(shuffle, "shuffle")
        if progress is not None:
            _check_flag(progress, "progress")
        if callback is not None and not callable(callback):
            raise TypeError(f"callback must be a function, not {_described(callback)}")
        generator = self._begin_orders(seed, checkpoint)
        self.generator = generator if shuffle else None
        self._divide(data, validation, batch_size, standardise)

    def _read(
        self, X: Any, Y: Any, weights: Any, standardise: bool | str
    ) -> tuple[Array, ...]:
        """The checked data; none where batches are given instead."""
        trainer = self.trainer
        if self.batches is None:
            trainer._meet(X, Y)
            rows = trainer._data(X, Y, weights)
            counted: tuple[Array, ...] = self.network.data.counted(rows)
            return counted
        if not all(given is None for given in (X, Y, weights)):
            raise TypeError("give batches, or X and Y, not both")
        if standardise is not False:
            raise ValueError("standardise needs all samples: give X and Y")
        return ()

    def _begin_orders(
        self, seed: Seed, checkpoint: str | os.PathLike[str] | None
    ) -> np.random.Generator:
        """Find the random numbers of this call, and the file that it goes on from."""
        trainer, lent = self.trainer, isinstance(seed, np.random.Generator)
        if lent and checkpoint is not None:
            raise TypeError("with a checkpoint, seed must be an integer or None")
        begun = trainer.orders if seed is None or lent else _Orders(seed)
        self.point = None if checkpoint is None else _Checkpoint(trainer, checkpoint)
        self.orders: _Orders = self.point.orders(begun) if self.point else begun
        return _generator(seed) if lent else self.orders.generator

    def _divide(
        self,
        data: tuple[Array, ...],
        validation: Any,
        batch_size: int | str | None,
        standardise: bool | str,
    ) -> None:
        """Hold out the samples for validation, and find the size of a batch.

        The scales of standardised data are those of the samples that are left.
        """
        about, trainer = self.network.data, self.trainer
        pair = _checked_pair(validation, bool(about.targets))
        if self.batches and validation is not None and not pair:
            raise ValueError("with batches, validation must be a pair (X, Y)")
        if self.batches and batch_size not in ("auto", None):
            said = "with batches, each of them is a step: leave batch_size out"
            raise ValueError(said)
        samples, inputs = about.samples(data), data[: len(about.inputs)]
        out = _held_out(None if pair else validation, samples, self.orders, inputs)
        self.size = _checked_batch(batch_size, samples - len(out), len(out))
        self.held_out: Sequence[Array] | None = None
        if len(out):
            self.held_out = about.kept(data, out)
            data = about.kept(data, np.delete(np.arange(samples), out))
        if trainer._standardise(standardise, data):
            data = trainer._scaled(data)
            if self.held_out is not None:
                self.held_out = trainer._scaled(self.held_out)
        if pair:
            X, Y, weight = (*pair, None)[:3]
            self.held_out = trainer._data(X, Y, weight, "validation ")
        self.data = data

    def run(self) -> None:
        """Take the steps of all epochs."""
        trainer, rates, point = self.trainer, self.rates, self.point
        begun = point.take_up(self.data, self.best, rates) if point else 0
        trainer.orders = self.orders
        watched = (self.held_out, self.best, self.callback, point)
        if self.warn:
            _say(trainer, _scales(self.data[: len(self.network.data.inputs)]))
        each = rates.vary or any(part is not None for part in watched)
        with (
            _Interrupts() as interrupts,
            _Bar(self.progress, trainer, self.epochs) as bar,
        ):
            watching = (interrupts, bar)
            course: _Course | _Stream
            if self.batches:
                course = _Stream(trainer, self.batches, rates.now, *watching)
                each = True
            else:
                course = _Course(trainer, self.data, rates.now, self.size, *watching)
            course.done = begun
            while course.done < self.epochs:
                trainer.learning_rate = course.rate = rates.at(course.done)
                block = 1 if each else min(course.block, self.epochs - course.done)
                with np.errstate(all="ignore"):  # what overflows is found by its error
                    course.go(block, self.generator)
                if each:
                    course.settle()
                    if self._ends(course):
                        break
            course.settle()
            if self.best is not None:
                self.best.restore(trainer.parameters, trainer.state)
            if point:
                point.write(self.epochs, self.best, rates)
        if self.warn and course.first is not None:
            done, rows = course.done - begun, course.data if self.batches else self.data
            with np.errstate(all="ignore"):
                _say(trainer, _concerns(trainer, rows, course.first, done))

    def _ends(self, course: _Course | _Stream) -> bool:
        """What comes after an epoch; whether the training ends with it."""
        trainer, best = self.trainer, self.best
        watched, place = trainer.epoch_history[-1], len(trainer.validation_history)
        if self.held_out is not None:
            watched = self._validation_error(self.held_out)
            trainer.validation_history.append(watched)
        told: object = None
        if self.callback is not None:
            told, changed = course.aside(self.callback)
            self.rates.now = _checked_rate(trainer.learning_rate)
            if self.held_out is not None and changed:
                watched = self._validation_error(self.held_out)
                if place < len(trainer.validation_history):
                    trainer.validation_history[place] = watched
        trainer._forget()
        self.rates.watch(watched)
        over = best is not None and best.is_over(
            watched, trainer.parameters, trainer.state
        )
        if self.point:
            self.point.write_if_due(course.done, best, self.rates)
        return over or _is_true(told)

    def _validation_error(self, held_out: Sequence[Array]) -> float:
        """The error on the samples that are held out, as one batch."""
        parameters, state, found = self.trainer.parameters, self.trainer.state, 0.0
        with np.errstate(all="ignore"):
            for batch, part in _error_by_parts(
                self.network, parameters, held_out, state
            ):
                found += part
                if not math.isfinite(found):
                    self._refuse(found, batch)
        return found

    def _refuse(self, found: float, batch: Sequence[Array]) -> NoReturn:
        """Say why the error of some validation data is not finite."""
        trainer, own = self.trainer, (self.network, self.trainer.parameters)
        large = "the learning rate is too large, or the validation data are"
        why = _why_not_finite(*own, batch, large, state=trainer.state)
        what = f"the validation error is {found} after epoch {trainer.n_iter_}"
        raise ArithmeticError(f"{what}: {why}; the trainer is left after that epoch")
