"""Rows that are read when they are needed: of sparse matrices, and in files."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any, final

import numpy as np

from derive.targets.numpy.runtime.values import (
    Array,
    _check_finite,
    _check_reals,
    _is_finite,
    _is_sparse,
)

#: How many bytes of rows are read at once where all are looked through.
_AT_ONCE = 2**20


@final
class _Rows:
    """Rows of real numbers, (samples, features), that are plain arrays once chosen.

    source  a SciPy sparse matrix with rows, or an array in a file
    dtype   the type of the numbers that are chosen
    kept    which rows of the source there are; None: all
    ones    whether a column of ones is added: "first", "last" or None
    scaling what is subtracted from each feature, and what it is then divided by
    """

    ndim = 2

    def __init__(
        self,
        source: Any,
        dtype: Any,
        kept: Array | None = None,
        ones: str | None = None,
        scaling: tuple[Array, Array] | None = None,
    ) -> None:
        """Read nothing yet."""
        self.source, self.dtype, self.kept = source, np.dtype(dtype), kept
        self.ones, self.scaling = ones, scaling

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and of columns."""
        samples, width = self.source.shape
        samples = samples if self.kept is None else len(self.kept)
        return samples, width + (self.ones is not None)

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self.shape[0] * self.shape[1]

    def __len__(self) -> int:
        """How many rows there are."""
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Array:
        """Some rows as a plain array of their own."""
        chosen = rows if self.kept is None else self.kept[rows]
        found = self.source[chosen]
        found = found.toarray() if _is_sparse(found) else found
        width = self.source.shape[1]
        first = int(self.ones == "first")
        array = np.ones((len(found), self.shape[1]), self.dtype)
        inner = array[:, first : first + width]
        with np.errstate(over="ignore"):
            inner[...] = found
        if self.scaling is not None:
            inner -= self.scaling[0]
            inner /= self.scaling[1]
        return array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """All rows as a plain array."""
        return self[:].astype(dtype or self.dtype, copy=False)

    def take(
        self,
        rows: Array,
        axis: int = 0,
        out: Array | None = None,
        mode: str = "raise",
    ) -> Array:
        """Some rows, also into an array, as an array's `take` does."""
        if out is None:
            return self[rows]
        out[...] = self[rows]
        return out

    def only(self, rows: Array) -> _Rows:
        """Fewer rows, which are still not read."""
        kept = rows if self.kept is None else self.kept[rows]
        return _Rows(self.source, self.dtype, kept, self.ones, self.scaling)

    def scaled(self, mean: Array, scale: Array) -> _Rows:
        """The rows with each feature shifted and scaled."""
        return _Rows(self.source, self.dtype, self.kept, self.ones, (mean, scale))

    def with_ones(self, ones: str | None) -> _Rows:
        """The rows with a column of ones."""
        return _Rows(self.source, self.dtype, self.kept, ones, self.scaling)

    def parts(self) -> Iterator[Array]:
        """All rows, some at a time."""
        step = max(1, _AT_ONCE // max(1, self.shape[1] * self.dtype.itemsize))
        for first in range(0, len(self), step):
            yield self[first : first + step]

    def check(self, name: str) -> None:
        """Raise unless there are samples, and all numbers are finite."""
        if self.size == 0:
            raise ValueError(f"{name} has no samples; expected at least one")
        first = 0
        for part in self.parts():
            if not _is_finite(part):
                _check_finite(part, name, first)
            first += len(part)


def _read_later(values: Any, name: str) -> Any:
    """What `_Rows` reads from, if it is no plain array in memory; otherwise None.

    Raises TypeError if it holds no real numbers.
    """
    if _is_sparse(values):
        _check_reals(values.dtype, name)
        return values.tocsr() if len(values.shape) == 2 else None
    if isinstance(values, np.ndarray) and values.ndim == 2 and _is_mapped(values):
        _check_reals(values.dtype, name)
        return np.asarray(values)
    return None


def _is_mapped(array: Any) -> bool:
    """Whether an array's numbers are in a file that is mapped to memory."""
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array, mmap.mmap)


def _parts(array: Any) -> Iterator[Array]:
    """All rows of an array or of `_Rows`, some at a time."""
    if isinstance(array, _Rows):
        yield from array.parts()
    else:
        yield array


def _contiguous(array: Any) -> Any:
    """An array in one piece; rows that are not read stay so."""
    return array if isinstance(array, _Rows) else np.ascontiguousarray(array)
