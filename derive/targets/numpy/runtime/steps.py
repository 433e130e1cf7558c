"""Steps: one by one with `update`, or by a faster rendering of the same program."""

from __future__ import annotations

import functools
import inspect
import io
import math
import sys
import time
import tokenize
import warnings
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np

from derive.targets.numpy.runtime.data import _at, _width
from derive.targets.numpy.runtime.network import Network
from derive.targets.numpy.runtime.rows import _Rows
from derive.targets.numpy.runtime.values import (
    Array,
    Parameters,
    _all_finite,
    _copy_into,
    _dtype,
    _is_finite,
    _like,
)


class Line(NamedTuple):
    """What a straight line of code is used through: functions, and arrays of data.

    X and Y, (batches, samples, columns), hold a batch in each entry, samples as rows.
    """

    load: Callable[[Parameters, Parameters], None]
    store: Callable[[Parameters, Parameters], None]
    set_rate: Callable[[float], None]
    take: Callable[[int], int]
    measure: Callable[[], Array]
    X: Array
    Y: Array
    learned: Array


class Steps(NamedTuple):
    """A faster rendering of a step, and the hash of the equations it was made from.

    equations    the hash of `network.py`, without comments and layout
    calls        how many calls of NumPy a step is
    line         makes the straight line of code for a batch size
    ones         where the inputs get a column of ones: first, last, or None
    careful      whether a step may stop short of numbers that are too large for it
    line_of_one  the same as `line` for batches of one sample, if there is one
    of_one       takes steps of one sample with Python's own numbers, if that pays
    """

    equations: str
    calls: int
    line: Callable[[Parameters, int, int], Line]
    ones: str | None = None
    careful: bool = False
    line_of_one: Callable[[Parameters, int, int], Line] | None = None
    of_one: Callable[..., tuple[list[float], list[float]]] | None = None

    def fit(self, network: Network) -> bool:
        """Whether the equations are those that this was made from; a warning if not."""
        changed = self.change(network)
        if changed and not network.said:
            network.said = True
            said = f"{network.file} {changed}: fit uses update, which is slower"
            warnings.warn(said, stacklevel=8)
        return not changed

    def change(self, network: Network) -> str:
        """Why the equations are not those that this was made from, if so."""
        found = _equations_hash(network)
        if found in (None, self.equations):
            return ""
        return "was edited" if found else "has no source that can be read"


@functools.cache
def _equations_hash(network: Network) -> str | None:
    """The hash of the file that holds the equations; "" where it cannot be read.

    None where there is no file: the source was executed as it was generated.
    """
    functions = network.forward.__globals__
    module = sys.modules.get(functions["__name__"])
    if module is None or vars(module) is not functions:
        return None
    try:
        return hash_of_equations(inspect.getsource(module))
    except (OSError, TypeError, SyntaxError, tokenize.TokenError):
        return ""


def hash_of_equations(source: str) -> str:
    """A hash of the equations in a source text; comments and layout do not count."""
    _, start, rest = source.partition(f"\n{START}\n")
    text = rest.partition(f"\n{END}\n")[0] if start else source
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    words = [t.string.strip() for t in tokens if t.type not in skipped]
    words = [word for word in words if not word.startswith('"""')]
    return sha256("\n".join(words).encode()).hexdigest()[:16]


#: What stands before and behind the equations where all is in one file.
START, END = "# The equations.", "# The trainer."


#: What returns the random numbers of a step, whose number counts from the next one.
_Draw = Callable[[int], np.random.Generator]


class _Plain:
    """Many steps, taken one by one with `update`."""

    def __init__(
        self, network: Network, parameters: Parameters, state: Parameters, samples: int
    ) -> None:
        """Make room for the parameters and the state, which `load` fills."""
        self.network, self.samples = network, samples
        #: How many steps are taken between two looks at the clock: about 0.02 seconds.
        self.chunk = 1
        self._own = _like(parameters), _like(state)

    def load(self, parameters: Parameters, state: Parameters) -> None:
        """Go on from these numbers."""
        for own, given in zip(self._own, (parameters, state), strict=True):
            _copy_into(own, given)

    def store(self, parameters: Parameters, state: Parameters) -> None:
        """Copy the numbers as they are now."""
        for own, given in zip(self._own, (parameters, state), strict=True):
            _copy_into(given, own)

    @property
    def shapes(self) -> list[tuple[int, ...]] | None:
        """The shapes of a batch of inputs and targets, samples as rows.

        None if the data have a width that no parameter has.
        """
        sizes, data = self.network.sizes(self._own[0]), self.network.data.given
        shapes = [d.shape[::-1] if d.axis == 1 else d.shape for d in data]
        widths = {_width(e)[0] for shape in shapes for e in shape if isinstance(e, str)}
        if not widths <= sizes.keys():
            return None
        return [
            tuple(self.samples if e is None else _at(e, sizes) for e in shape)
            for shape in shapes
        ]

    def once(self, data: Sequence[Array], learning_rate: float, draw: _Draw) -> float:
        """Take a step with a batch, samples as rows; return the error before it.

        What is random is drawn from what `draw` returns.
        """
        batch = self._batch(data, draw, 0)
        with np.errstate(all="ignore"):
            return self.network.step(*self._own, batch, learning_rate)

    def _batch(
        self, data: Sequence[Array], draw: _Draw | None, number: int
    ) -> tuple[Array, ...]:
        """A batch as the step of a number takes it."""
        source = draw(number) if draw and self.network.data.random else None
        return self.network.filled(self._own[0], data, source)

    def is_finite(self) -> bool:
        """Whether all numbers are finite that `store` would copy."""
        return all(map(_all_finite, self._own))

    def arranged(self, data: Sequence[Array]) -> Sequence[Array]:
        """The data, samples as rows, as `run` wants them."""
        return data

    def run(
        self,
        data: Sequence[Array],
        batches: Array,
        learning_rate: float,
        draw: _Draw | None = None,
    ) -> Array:
        """Take a step for each row of `batches`, (steps, samples): rows of the data.

        The data are what `arranged` returns; what is random in a step is drawn from
        what `draw` returns for its number. Returns the error before each step.
        """
        errors = np.empty(len(batches), _dtype(self._own[0]))
        chosen = self.network.data.chosen
        begun = time.perf_counter()
        with np.errstate(all="ignore"):
            for step, rows in enumerate(batches):
                batch = self._batch(chosen(data, rows), draw, step)
                errors[step] = self.network.step(*self._own, batch, learning_rate)
        each = (time.perf_counter() - begun) / len(batches)
        self.chunk = max(1, min(64, int(0.02 / (each + 1e-9))))
        return errors


class _Fast(_Plain):
    """Many steps by the faster rendering: what `update` computes, up to rounding."""

    def __init__(
        self,
        steps: Steps,
        network: Network,
        parameters: Parameters,
        state: Parameters,
        samples: int,
        most: int = 256,
    ) -> None:
        """Make the arrays for batches of `samples`.

        They hold the data of so many batches at most (at most 65,536 numbers, or those
        of one batch), besides what a step computes with.
        """
        super().__init__(network, parameters, state, samples)
        sizes = network.sizes(parameters)
        widths = [_at(datum.shape[0] or 1, sizes) for datum in network.data.all]
        row = sum(widths)
        #: Where the columns of what is random end, of targets, and of what is beside.
        self._ends = np.cumsum(widths[1:-1]).tolist()
        #: How many columns of a row are random: those before the targets.
        self._drawn = sum(widths[1 : network.data.passed])
        slots = max(1, min(most, 65_536 // (samples * row)))
        if steps.line_of_one is not None and samples == 1 and most > 1:
            line = steps.line_of_one(parameters, 1, min(32, slots))
        else:
            line = steps.line(parameters, samples, slots)
        self._steps, self._line, self._slots = steps, line, len(line.X)
        self._inputs = line.X.reshape(-1, line.X.shape[2])
        #: The inputs of the first batch, whose ones stay as they are made.
        self._features = self._inputs[:samples, _without_ones(steps.ones)]
        self._inputs[...] = 1
        #: The targets, samples as rows; whether the steps read them as they are here.
        shape = len(self._inputs), line.Y.shape[2] - self._drawn
        self._direct = line.Y.flags.c_contiguous and not self._drawn
        self._targets = (
            line.Y.reshape(shape) if self._direct else np.empty(shape, line.Y.dtype)
        )
        #: How many steps take about a fiftieth of a second.
        products = samples * sum(value.size for value in parameters.values())
        self.chunk = max(1, int(2e7 / (steps.calls * 400 + products)))
        one = samples == 1 and _dtype(parameters) == np.float64
        self._of_one = steps.of_one if one else None
        self.load(parameters, state)

    def load(self, parameters: Parameters, state: Parameters) -> None:
        """Go on from these numbers."""
        self._line.load(parameters, state)

    def store(self, parameters: Parameters, state: Parameters) -> None:
        """Copy the numbers as they are now."""
        self._line.store(parameters, state)

    def once(self, data: Sequence[Array], learning_rate: float, draw: _Draw) -> float:
        """Take a step with a batch, samples as rows; return the error before it."""
        X, Y = data[0], self._with_drawn(_side_by_side(data[1:]), draw, 0)
        if self._of_one is not None:
            flat, ones = self._line.learned, self._steps.ones
            row = [1.0] * (ones == "first") + X[0].tolist() + [1.0] * (ones == "last")
            row += Y[0].tolist()
            flat[...], found = self._of_one(flat.tolist(), [row], learning_rate)
            return found[0] if found else math.nan
        with np.errstate(all="ignore"):
            self._line.set_rate(learning_rate)
            self._features[...] = X
            self._line.Y[0] = Y
            if self._line.take(1):
                return float(self._line.measure()[0])
            return self._carefully(self.arranged(data)[0], Y, learning_rate)

    def _random(self, draw: _Draw | None, number: int) -> Array:
        """What is random in a step, a row for each entry of a sample."""
        data, own = self.network.data, self._own[0]
        source = None if draw is None else draw(number)
        sizes, dtype = self.network.sizes(own), _dtype(own)
        return np.vstack(data.drawn(self.samples, sizes, dtype, source))

    def _with_drawn(self, Y: Array, draw: _Draw | None, number: int) -> Array:
        """The targets of a batch with what is random in its step before them."""
        return np.hstack([self._random(draw, number).T, Y]) if self._drawn else Y

    def is_finite(self) -> bool:
        """Whether all numbers are finite that `store` would copy."""
        if not self._own[1]:
            return _is_finite(self._line.learned)
        self.store(*self._own)
        return super().is_finite()

    def arranged(self, data: Sequence[Any]) -> Sequence[Any]:
        """The data, the inputs with their ones, and what comes beside the targets."""
        X, Y = data[0], _side_by_side(data[1:])
        if isinstance(X, _Rows):
            return X.with_ones(self._steps.ones), Y
        ones = np.ones((len(X), 1), X.dtype)
        parts = {None: [X], "last": [X, ones], "first": [ones, X]}[self._steps.ones]
        return (np.hstack(parts) if len(parts) > 1 else X), Y

    def run(
        self,
        data: Sequence[Array],
        batches: Array,
        learning_rate: float,
        draw: _Draw | None = None,
    ) -> Array:
        """Take a step for each row of `batches`, as `_Plain.run` does."""
        X, Y = data
        with np.errstate(all="ignore"):
            return self._run(X, Y, batches, learning_rate, draw)

    def _run(
        self,
        X: Array,
        Y: Array,
        batches: Array,
        learning_rate: float,
        draw: _Draw | None,
    ) -> Array:
        self._line.set_rate(learning_rate)
        errors = np.empty(len(batches), X.dtype)
        # all steps on the same batch: it is copied once
        same = len(batches) > 1 and batches.strides[0] == 0
        first = 0
        while first < len(batches):
            chosen = batches[first : first + self._slots]
            if self._of_one is not None:
                chosen = batches[first : first + 4096]
                parts = [X.take(chosen[:, 0], 0), Y.take(chosen[:, 0], 0)]
                if self._drawn:
                    steps = range(first, first + len(chosen))
                    drawn = [self._random(draw, step)[:, 0] for step in steps]
                    parts.insert(1, np.array(drawn))
                rows = np.hstack(parts)
                flat = self._line.learned
                flat[...], found = self._of_one(
                    flat.tolist(), rows.tolist(), learning_rate
                )
                done = len(found)
                errors[first : first + done] = found
            else:
                if first == 0 or not same:
                    self._gather(X, Y, chosen)
                for slot in range(len(chosen) if self._drawn else 0):
                    values = self._random(draw, first + slot).T
                    self._line.Y[slot, :, : self._drawn] = values
                done = self._line.take(len(chosen))
                errors[first : first + done] = self._line.measure()[:done]
            first += done
            if self._steps.careful and done < len(chosen):
                rows = batches[first]
                compared = self._with_drawn(Y[rows], draw, first)
                errors[first] = self._carefully(X[rows], compared, learning_rate)
                first, same = first + 1, False
        return errors

    def _gather(self, X: Array, Y: Array, chosen: Array) -> None:
        """Copy the samples of some batches to where the steps read them."""
        rows = chosen.ravel()
        X.take(rows, 0, self._inputs[: len(rows)], "clip")
        targets = self._targets[: len(rows)]
        Y.take(rows, 0, targets, "clip")
        if not self._direct:
            by_batch = targets.reshape(*chosen.shape, -1)
            self._line.Y[: len(chosen), :, self._drawn :] = by_batch

    def _carefully(self, X: Array, Y: Array, learning_rate: float) -> float:
        """A step by `update`, with numbers so large that powers could overflow."""
        inner = X[:, _without_ones(self._steps.ones)]
        self.store(*self._own)
        parts = np.hsplit(Y, self._ends)
        data = (inner.T, *(part.T for part in parts))
        before = self.network.step(*self._own, data, learning_rate)
        self.load(*self._own)
        return before


def _without_ones(ones: str | None) -> slice:
    """The columns of the inputs beside their ones."""
    return slice(1 if ones == "first" else None, -1 if ones == "last" else None)


def _side_by_side(compared: Sequence[Array]) -> Array:
    """The targets with what comes beside them, samples as rows."""
    return np.hstack(compared) if len(compared) > 1 else compared[0]


def side_by_side(
    dtype: np.dtype[Any], *shapes: tuple[int, int]
) -> tuple[Array, list[Array]]:
    """An array of ones, and its parts in these shapes, one after the other."""
    sizes = [math.prod(shape) for shape in shapes]
    ends = [sum(sizes[: n + 1]) for n in range(len(sizes))]
    whole: Array = np.ones(sum(sizes), dtype)
    parts = zip(ends, sizes, shapes, strict=True)
    return whole, [whole[end - size : end].reshape(shape) for end, size, shape in parts]


def one_at_a_time(
    dtype: np.dtype[Any], *shapes: tuple[int, int]
) -> tuple[Array, list[Array]]:
    """An array, and parts of it in these shapes: all at its beginning, used in turn."""
    sizes = [math.prod(shape) for shape in shapes]
    whole: Array = np.empty(max(sizes), dtype)
    parts = zip(sizes, shapes, strict=True)
    return whole, [whole[:size].reshape(shape) for size, shape in parts]
