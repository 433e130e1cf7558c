"""Validate arrays of numbers given by users; error messages name the row and the entry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.record import record
from derive.text.errors import SpecError
from derive.text.user_text import kind, shown


def plain(value: object) -> object:
    """Convert NumPy arrays to lists."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


@record
class Entries:
    """A validated number, list of numbers, list of rows, or deeper list; ``values`` has an axis for each level."""

    values: NDArray[np.float64]

    @property
    def depth(self) -> int:
        """The number of axes."""
        return self.values.ndim

    @property
    def rows(self) -> NDArray[np.float64]:
        """The values with two or more axes: a number or a list is one row."""
        return np.atleast_2d(self.values)


def entries_of(name: str, value: object, axes: int = 2) -> Entries:
    """Check the value of the key ``name``: a number, a list of numbers, or rows of equal shape, up to ``axes`` deep.

    Raises SpecError, naming the row and the entry.
    """
    if not isinstance(value, (list, tuple)):
        return Entries(np.array(number(name, value)))
    if not value:
        raise SpecError(f"{name} is empty, where rows of numbers are expected")
    return Entries(np.array(_nested(f"{name}: ", value, axes)))


def _nested(where: str, value: Sequence[object], axes: int) -> list[Any]:
    """The numbers of a list, or of its rows; ``where`` is the beginning of messages."""
    if axes == 1 or not any(isinstance(row, (list, tuple)) for row in value):
        return [number(f"{where}entry {n}", v) for n, v in enumerate(value, 1)]
    found: list[Any] = []
    for position, row in enumerate(value, 1):
        here = f"{where}row {position}"
        if not isinstance(row, (list, tuple)):
            raise SpecError(f"{here} is {kind(row)}, {shown(row)}, where an array is expected as in the other rows")
        if not row:
            raise SpecError(f"{here} is empty, where numbers are expected")
        if found and len(row) != len(found[0]):
            given = f"{here} has {counted(len(row), 'entry')} and row 1 has {len(found[0])}"
            raise SpecError(f"{given}: give every row the same number")
        found.append(_nested(f"{here}, ", row, axes - 1))
        if np.shape(found[-1]) != np.shape(found[0]):
            raise SpecError(f"{here} is an array of another shape than row 1: give every row the same shape")
    return found


def number(where: str, value: object) -> float:
    """Return the value as a float. Raises SpecError, naming ``where`` it is, unless it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SpecError(f"{where} is {kind(value)}, {shown(value)}, where a number is expected")
    try:
        found = float(value)
    except OverflowError:
        raise SpecError(f"{where} is {shown(value)}, which is too large") from None
    if not math.isfinite(found):
        raise SpecError(f"{where} is {found}, where a finite number is expected")
    return found


def counted(count: int, noun: str) -> str:
    """Format a count with its noun.

    >>> counted(1, "entry"), counted(2, "entry"), counted(3, "row")
    ('1 entry', '2 entries', '3 rows')
    """
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"
