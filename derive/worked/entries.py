"""Validate arrays of numbers given by users; error messages name the row and the entry."""

from __future__ import annotations

import math

import numpy as np

from derive.record import record
from derive.text.errors import SpecError
from derive.text.user_text import kind, shown


def plain(value: object) -> object:
    """Convert NumPy arrays to lists."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


@record
class Entries:
    """A validated number (``depth`` 0), list of numbers (1), or list of rows (2)."""

    depth: int
    rows: tuple[tuple[float, ...], ...]

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and of numbers in each; a list is one row."""
        return len(self.rows), len(self.rows[0])


def entries_of(name: str, value: object) -> Entries:
    """Check the value of the key ``name``: a number, a list of numbers, or rows of equal length.

    Raises SpecError, naming the row and the entry.
    """
    if not isinstance(value, (list, tuple)):
        return Entries(0, ((number(name, value),),))
    if not value:
        raise SpecError(f"{name} is empty, where rows of numbers are expected")
    if not any(isinstance(row, (list, tuple)) for row in value):
        return Entries(1, (tuple(number(f"{name}: entry {n}", v) for n, v in enumerate(value, 1)),))
    return Entries(2, tuple(_row(name, position, row, value[0]) for position, row in enumerate(value, 1)))


def _row(name: str, position: int, row: object, first: object) -> tuple[float, ...]:
    where = f"{name}: row {position}"
    if not isinstance(row, (list, tuple)):
        raise SpecError(f"{where} is {kind(row)}, {shown(row)}, where an array is expected as in the other rows")
    if not row:
        raise SpecError(f"{where} is empty, where numbers are expected")
    if isinstance(first, (list, tuple)) and len(row) != len(first):
        given = f"{where} has {counted(len(row), 'entry')} and row 1 has {len(first)}"
        raise SpecError(f"{given}: give every row the same number")
    return tuple(number(f"{where}, entry {n}", v) for n, v in enumerate(row, 1))


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
