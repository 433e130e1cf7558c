"""The course of a training: steps in chunks, Ctrl-C, and a bar."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, NoReturn, final

import numpy as np

from derive.targets.numpy.runtime.finite import _why_not_finite
from derive.targets.numpy.runtime.rows import _contiguous
from derive.targets.numpy.runtime.steps import _Plain
from derive.targets.numpy.runtime.values import (
    Array,
    _copied,
    _like,
    _shapes_and_types,
)


class _Course:
    """The steps of one `fit`, handed over in chunks; the trainer gets what is settled.

    What is settled was taken in whole steps, of which every error is finite.
    """

    #: After how many seconds the trainer is brought up to date, epochs or not, and at
    #: least after how many times as long as that takes.
    pause, rest = 0.25, 50

    def __init__(
        self,
        trainer: Any,
        data: Sequence[Array],
        rate: float,
        size: int,
        interrupts: _Interrupts,
        bar: _Bar,
        whole: bool = True,
    ) -> None:
        """Get ready for batches of `size` samples, and for the rest of an epoch.

        Unless the data are `whole`, they are a part of an epoch.
        """
        self.notes_epochs = whole
        self.trainer, self.rate, self.size = trainer, rate, size
        self.interrupts, self.bar = interrupts, bar
        self.samples = samples = trainer.network.data.samples(data)
        self.whole = samples - samples % size
        lengths = [size] * (self.whole // size) + [samples - self.whole] * (
            self.whole < samples
        )
        #: How much the error of each batch counts in an epoch, unless weights say it.
        self.shares = np.array(lengths) / samples
        divides = trainer.network.data.divides
        self.weights = trainer.network.data.weights(data) if divides else None
        self.steps: dict[int, _Plain] = trainer._steps_for(set(lengths))
        #: As they were given, for what the functional core is asked about a step.
        self.given = tuple(map(_contiguous, data))
        self.data = self.steps[size].arranged(self.given)
        self.done = 0
        #: The mean error of the first epoch.
        self.first: float | None = None
        self.running: _Plain | None = None
        self.pending: list[tuple[_Plain, Array, Array]] = []
        #: The errors of an epoch that has begun, and the sums of the weights.
        self.begun: list[float] = []
        self.sums: list[float] = []
        self._start_afresh()

    @property
    def block(self) -> int:
        """How many epochs are handed over at once where nothing comes between them."""
        return max(1, self.steps[self.size].chunk // len(self.shares))

    def _start_afresh(self) -> None:
        """Go on from the trainer's parameters and state as they are now."""
        #: What is handed from one to another of those that take the steps.
        self.spare = [_like(self.trainer.parameters), _like(self.trainer.state)]
        self.running = None
        self.due = time.perf_counter() + self.pause

    def go(self, epochs: int, generator: np.random.Generator | None) -> None:
        """Take the steps of some epochs, in new orders if there is a generator."""
        samples = self.samples
        order = np.broadcast_to(np.arange(samples), (epochs, samples))
        if generator is not None and self.size < samples:
            order = generator.permuted(order, axis=1)
        if self.whole == samples:
            self._run(
                self.size,
                order if self.size == samples else order.reshape(-1, self.size),
            )
        else:
            for row in order:
                self._run(self.size, row[: self.whole].reshape(-1, self.size))
                self._run(samples - self.whole, row[None, self.whole :])
        self.done += epochs

    def _run(self, size: int, batches: Array) -> None:
        steps = self._turn_to(self.steps[size])
        while len(batches):
            part, batches = batches[: steps.chunk], batches[steps.chunk :]
            errors = steps.run(self.data, part, self.rate, self._draw())
            self.pending.append((steps, part, errors))
            if not np.isfinite(errors).all():
                self._retreat()
            if self.interrupts.noted or time.perf_counter() > self.due:
                self.settle()
                self.interrupts.deliver()

    def _draw(self) -> Callable[[int], np.random.Generator]:
        """What the steps after the pending ones draw from."""
        ahead = sum(len(batches) for _, batches, _ in self.pending)
        orders = self.trainer.orders
        return lambda number: orders.draw(ahead + number)

    def _turn_to(self, steps: _Plain) -> _Plain:
        """Let `steps` go on where others have ended, or where the trainer is."""
        if self.running is None:
            steps.load(self.trainer.parameters, self.trainer.state)
        elif self.running is not steps:
            self.running.store(*self.spare)
            steps.load(*self.spare)
        self.running = steps
        return steps

    def settle(self) -> None:
        """Bring the trainer up to date with the steps that were taken."""
        if self.running is None or not self.pending:
            return
        begun, trainer = time.perf_counter(), self.trainer
        if not self.running.is_finite():
            self._retreat()
        self.running.store(trainer.parameters, trainer.state)
        errors = np.concatenate([errors for _, _, errors in self.pending]).tolist()
        self.begun.extend(errors)
        count = len(self.begun) // len(self.shares)
        done = count * len(self.shares)
        parts = np.reshape(self.begun[:done], (count, len(self.shares)))
        # not a product of matrices: its last digit depends on the number of rows
        if self.weights is None:
            means = (parts * self.shares).sum(axis=1)
        else:
            for _, batches, _ in self.pending:
                self.sums.extend(self.weights[batches].sum(axis=1).tolist())
            sums = np.reshape(self.sums[:done], parts.shape)
            means = (parts * sums).sum(axis=1) / sums.sum(axis=1)
            del self.sums[:done]
        if self.first is None and len(means):
            self.first = float(means[0])
        trainer._note(errors, means.tolist() if self.notes_epochs else [])
        del self.begun[:done]
        self.pending.clear()
        now = time.perf_counter()
        self.due = now + max(self.pause, self.rest * (now - begun))
        self.bar.show()

    def _retreat(self) -> NoReturn:
        """Take the pending steps again while all is finite, settle them, and raise."""
        taken, self.pending, self.running = self.pending, [], None
        errors = np.concatenate([errors for _, _, errors in taken])
        good = int(np.argmin(np.isfinite(errors)))
        what, broken = f"the error is {errors[good]} at", ""
        if np.isfinite(errors[good]):
            good, broken = self._finite(taken)
            kept = (
                "the optimizer's state"
                if broken in self.trainer.state
                else "a parameter"
            )
            what = f"{kept} stops being finite in"
        self._repeat(taken, good)
        self.settle()
        step = f"step {self.trainer.n_steps_ + 1} (epoch {self.trainer.n_iter_ + 1})"
        large = f"the learning rate {self.rate:g} is too large, or the data are"
        rows = [row for _, batches, _ in taken for row in batches][good]
        network = self.trainer.network
        parameters, draw = self.trainer.parameters, self.trainer.orders.draw()
        batch = network.filled(parameters, network.data.chosen(self.given, rows), draw)
        why = _why_not_finite(network, parameters, batch, large, broken)
        raise ArithmeticError(
            f"{what} {step}: {why}; the trainer is left before that step"
        )

    def _finite(self, taken: list[tuple[_Plain, Array, Array]]) -> tuple[int, str]:
        """How many steps leave only finite numbers; which array the next one breaks."""
        count, broken = 0, ""
        for steps, row in (
            (steps, row) for steps, batches, _ in taken for row in batches
        ):
            self._repeat([(steps, row[None], np.empty(1))], 1)
            steps.store(*self.spare)
            arrays = self.spare[0] | self.spare[1]
            broken = next(
                (
                    name
                    for name in self.trainer.network.updates
                    if not np.isfinite(arrays[name]).all()
                ),
                "",
            )
            if broken:
                break
            count += 1
        self.pending, self.running = [], None
        return count, broken

    def _repeat(self, taken: list[tuple[_Plain, Array, Array]], count: int) -> None:
        """Take the first `count` of the steps."""
        for steps, batches, _ in taken:
            part = batches[:count]
            count -= len(part)
            if len(part):
                ready, draw = self._turn_to(steps), self._draw()
                errors = ready.run(self.data, part, self.rate, draw)
                self.pending.append((steps, part, errors))

    def aside(self, callback: Callable[[Any], object]) -> tuple[object, bool]:
        """Call what may change the trainer, and go on with what it has left.

        Returns what it says, and whether it has changed a parameter.
        """
        shapes = _shapes_and_types(self.trainer.parameters)
        before = _copied(self.trainer.parameters)
        self.interrupts.release()
        told = callback(self.trainer)
        network = self.trainer.network
        network.check_parameters(self.trainer.parameters, in_place=True)
        network.check_state(self.trainer.parameters, self.trainer.state)
        if _shapes_and_types(self.trainer.parameters) != shapes:
            raise ValueError(
                "the callback has changed the shape or the type of a parameter"
            )
        self.interrupts.hold()
        self._start_afresh()
        now = self.trainer.parameters
        same = (np.array_equal(value, now[name]) for name, value in before.items())
        return told, not all(same)


@final
class _Interrupts:
    """Ctrl-C waits until a step is whole: SIGINT is noted, and passed on by `deliver`.

    Only the main thread may set a handler, so that in others nothing is changed; nor is
    it where Python's signal is ignored, or handled by something that is not Python.
    """

    def __init__(self) -> None:
        """Nothing has been noted."""
        self.noted: tuple[int, FrameType | None] | None = None
        self.previous: Callable[[int, FrameType | None], Any] | None = None

    def __enter__(self) -> _Interrupts:
        """Note what comes from here on."""
        self.hold()
        return self

    def __exit__(self, *problem: object) -> None:
        """Pass on what was noted."""
        self.release()

    def hold(self) -> None:
        """Set the handler that only notes."""
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):
            self.previous = handler
            try:
                signal.signal(signal.SIGINT, self._note)
            except ValueError:
                self.previous = None

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.noted = number, frame

    def release(self) -> None:
        """Set the handler that was there before, and call it if something was noted."""
        handler, self.previous = self.previous, None
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
            noted, self.noted = self.noted, None
            if noted is not None:
                handler(*noted)

    def deliver(self) -> None:
        """Pass on what was noted; if that does not raise, go on noting."""
        if self.noted is not None:
            self.release()
            self.hold()


@final
class _Bar:
    """A line on stderr that says how far a `fit` is; by default on a terminal only."""

    #: How many seconds there are between two states of the line.
    pause = 0.1

    def __init__(self, wanted: bool | None, trainer: Any, epochs: int) -> None:
        """`epochs` are to come."""
        stream = sys.stderr
        self.stream = (
            stream if (_is_terminal(stream) if wanted is None else wanted) else None
        )
        self.trainer, self.epochs, self.before = trainer, epochs, trainer.n_iter_
        #: How many steps, and validation errors, there were before.
        self.old = trainer.n_steps_, len(trainer.validation_history)
        self.width, self.due = 0, time.perf_counter() + self.pause

    def __enter__(self) -> _Bar:
        """Show nothing yet."""
        return self

    def __exit__(self, *problem: object) -> None:
        """Show how it has ended."""
        self.show(end="\n")

    def show(self, end: str = "") -> None:
        """Write the line anew."""
        if self.stream is None or (not end and time.perf_counter() < self.due):
            return
        done = self.trainer.n_iter_ - self.before
        filled = 20 * done // self.epochs
        line = f"epoch {done}/{self.epochs} [{'#' * filled}{'.' * (20 - filled)}]"
        trainer = self.trainer
        if trainer.n_steps_ > self.old[0] and trainer.history:
            line += f"  error {trainer.history[-1]:.4g}"
        if len(trainer.validation_history) > self.old[1]:
            line += f"  validation {trainer.validation_history[-1]:.4g}"
        room = _columns(self.stream) - 1
        try:
            self.stream.write("\r" + line.ljust(self.width)[:room] + end)
            self.stream.flush()
        except (AttributeError, OSError, ValueError):
            self.stream = None  # closed, or full, which is no reason to end a training
        self.width, self.due = len(line), time.perf_counter() + self.pause


def _is_terminal(stream: Any) -> bool:
    """Whether a stream is a terminal; one that is closed, or cannot say, is none."""
    try:
        return bool(stream.isatty())
    except (AttributeError, OSError, ValueError):
        return False


def _columns(stream: Any) -> int:
    """How many characters a line of a stream has; very many if it does not say."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or sys.maxsize
    except (AttributeError, OSError, TypeError, ValueError):
        return sys.maxsize
