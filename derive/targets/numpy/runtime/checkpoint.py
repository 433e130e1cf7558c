"""A file from which a training that was broken off goes on."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Sequence
from typing import Any, final

import numpy as np

from derive.targets.numpy.runtime.files import _check_place, _read_npz, _write_npz
from derive.targets.numpy.runtime.orders import _Orders
from derive.targets.numpy.runtime.rates import _Rates
from derive.targets.numpy.runtime.rows import _parts
from derive.targets.numpy.runtime.stopping import _Best
from derive.targets.numpy.runtime.values import Array, _copy_into, _described

_NUMBERS = "fit/numbers"


@final
class _Checkpoint:
    """The trainer as a file, with what a `fit` remembers between its epochs."""

    #: Writing rests so many times as long as it took.
    rest = 50

    def __init__(self, trainer: Any, path: str | os.PathLike[str]) -> None:
        """Read the file, if there is one; ValueError if it is none of this network."""
        self.trainer, self.path, self.due, self.print = trainer, path, 0.0, 0
        self.content: dict[str, Array] = {}
        self.found: Any = None
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"checkpoint must be a path, not {_described(path)}")
        _check_place(path)  # before an epoch is lost
        if os.path.exists(path):
            self.content, where = _read_npz(path)
            try:
                if self.content[_NUMBERS].shape != (7,):
                    raise ValueError("it lacks an entry")
                self.found = type(trainer)._restored(self.content)
            except KeyError:
                raise ValueError(
                    f"{where} holds a trainer, but no checkpoint"
                ) from None
            except (ValueError, TypeError) as wrong:
                raise ValueError(f"{where} cannot be loaded: {wrong}") from None

    def orders(self, begun: _Orders) -> _Orders:
        """The random numbers of the file, or those that were just begun."""
        return self.found.orders if self.found else begun

    def take_up(self, data: Sequence[Array], best: _Best | None, rates: _Rates) -> int:
        """Put everything back; return how many epochs are completed.

        Raises ValueError if the file is of other data.
        """
        for array in data:
            for part in _parts(array):
                whole = np.ascontiguousarray(part)
                self.print = zlib.crc32(whole.data, self.print)
        if not self.found:
            return 0
        numbers = self.content[_NUMBERS].tolist()
        if numbers[1] != self.print:
            what = f"{os.fspath(self.path)} is the checkpoint of other data"
            raise ValueError(f"{what}: give those, or another file for these")
        done, _, error, waited, rates.now, rates.best, rates_waited = numbers
        rates.waited = int(rates_waited)
        if best is not None:
            best.error, best.waited = error, int(waited)
            best.kept = self._kept("parameters"), self._kept("state")
        for name, value in vars(self.found).items():
            if name in ("parameters", "state"):
                _copy_into(getattr(self.trainer, name), value)
            elif not name.startswith("_"):
                setattr(self.trainer, name, value)
        return int(done)

    def _kept(self, part: str) -> dict[str, Array]:
        start = f"fit/{part}/"
        found = self.content.items()
        return {n.removeprefix(start): v for n, v in found if n.startswith(start)}

    def write_if_due(self, done: int, best: _Best | None, rates: _Rates) -> None:
        """Write the file, unless that was done a short time ago."""
        begun = time.perf_counter()
        if begun >= self.due:
            self.write(done, best, rates)
            end = time.perf_counter()
            self.due = end + self.rest * (end - begun)

    def write(self, done: int, best: _Best | None, rates: _Rates) -> None:
        """Write the file: the trainer, and so many epochs completed."""
        watched = (best.error, best.waited) if best else (np.inf, 0)
        numbers = (done, self.print, *watched, rates.now, rates.best, rates.waited)
        content = {**self.trainer._content(), _NUMBERS: np.array(numbers, np.float64)}
        kept = best.kept if best else ({}, {})
        for part, arrays in zip(("parameters", "state"), kept, strict=True):
            content |= {f"fit/{part}/{name}": value for name, value in arrays.items()}
        _write_npz(self.path, content)
