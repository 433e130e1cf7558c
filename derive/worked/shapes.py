"""The arrays of a worked example: their shapes, and the widths and arrays that follow from given numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from math import prod

import numpy as np
from numpy.typing import NDArray
from sympy import Expr, Symbol

from derive.arrays.matrix import Array as Stored
from derive.calculus.index import Tensor
from derive.calculus.program import Program
from derive.calculus.recurrence import recurrences
from derive.calculus.roles import Role
from derive.text.errors import SpecError
from derive.worked.entries import Entries, counted

Array = NDArray[np.float64]

MAX_SAMPLES = 100


class Shapes:
    """The required shape of each array, once symbolic widths are known."""

    def __init__(self, program: Program) -> None:
        self.data = tuple(t.name for t in program.inputs)
        self.tensors: dict[str, Tensor] = {t.name: t for t in (*program.inputs, *program.parameters)}
        self.extents = program.extents
        found = recurrences([s.equation for s in program.stage("forward")])
        self.steps = {symbol.name for r in found for symbol in r.axis.extent.free_symbols}

    def sides(self, name: str) -> tuple[Expr, ...]:
        """Return the numbers of entries along the axes of a stored array, of which it has at least two."""
        return tuple(Stored(self.tensors[name]).shape)

    def count(self, tensor: Tensor, sizes: Mapping[Symbol, int]) -> int:
        """Return the number of entries of a tensor."""
        return int(prod(Stored(tensor).shape).xreplace(sizes))

    def is_data(self, name: str) -> bool:
        """Return whether an array holds data."""
        return name in self.data

    def by_sample(self, name: str) -> bool:
        """Return whether an array holds data with samples, which are rows in the input."""
        return self.is_data(name) and any(axis.sample for axis in self.tensors[name].axes)

    def samples(self, name: str, array: Array) -> int:
        """Return the number of samples of stored data: of columns, or of arrays if there are three or more axes."""
        return len(array if len(self.sides(name)) > 2 else array.T)

    def sizes(self, known: Mapping[str, Entries]) -> dict[Symbol, int]:
        """Infer the symbolic widths from the given arrays. Raises SpecError if one is missing."""
        sizes: dict[Symbol, int] = {}
        for name, entries in known.items():
            for side, length in self._lengths(name, entries):
                for symbol in side.free_symbols & set(self.extents):
                    sizes.setdefault(symbol, int(length - (side - symbol)))
        missing = [s.name for s in self.extents if sizes.get(s, 0) < 1]
        if missing and (steps := missing[0]) in self.steps:
            raise SpecError(
                f"the number of steps {steps} is symbolic, and a worked example needs numbers: give {steps} a number, "
                f"such as size {steps} = 5, or arrays from which it can be read"
            )
        if missing:
            raise SpecError(
                f"the width {missing[0]} is symbolic, and a worked example needs numbers: give whole numbers as "
                "widths, or arrays from which they can be read"
            )
        return sizes

    def _lengths(self, name: str, entries: Entries) -> Iterator[tuple[Expr, int]]:
        """The sides of the stored array whose lengths follow from the given entries."""
        count, width = entries.rows.shape[:2]
        rows, columns, *others = self.sides(name)
        if others:
            if entries.depth == len(others) + 2:
                known = zip(self.sides(name), entries.rows.shape, strict=True)
                yield from islice(known, self.by_sample(name), None)
        elif self.by_sample(name):
            if entries.depth != 1 or rows != 1:
                yield rows, width
        elif entries.depth == 2:
            yield rows, count
            yield columns, width
        elif entries.depth == 1:
            yield (rows, width) if columns == 1 else (columns, width)

    def array(self, name: str, entries: Entries, sizes: Mapping[Symbol, int]) -> Array:
        """Return the array as the generated module takes it: samples as columns, biases as a column.

        Raises SpecError for another shape.
        """
        if self.by_sample(name) and entries.rows.shape[0] > MAX_SAMPLES:
            raise SpecError(f"{name} has {entries.rows.shape[0]} samples; a worked example shows up to {MAX_SAMPLES}")
        if len(self.sides(name)) > 2:
            return self._of_many_axes(name, entries, sizes)
        return self._data(name, entries, sizes) if self.by_sample(name) else self._parameter(name, entries, sizes)

    def _of_many_axes(self, name: str, entries: Entries, sizes: Mapping[Symbol, int]) -> Array:
        """An array of three or more axes, of which the samples are the first."""
        wanted = tuple(side.xreplace(sizes) for side in self.sides(name))
        given, free = entries.values.shape, int(self.by_sample(name))
        if len(given) != len(wanted) or given[free:] != wanted[free:]:
            expected = " × ".join([*["samples"] * free, *map(str, wanted[free:])])
            raise SpecError(f"{name} is {_given(entries)}, where an array of {expected} numbers is expected")
        return np.ascontiguousarray(entries.values)

    def _data(self, name: str, entries: Entries, sizes: Mapping[Symbol, int]) -> Array:
        width = int(self.sides(name)[0].xreplace(sizes))
        values = entries.rows
        if entries.depth < 2 and width == 1:
            values = values.reshape(-1, 1)
        if values.shape[1] != width:
            unit = "input" if self.tensors[name].role == Role.INPUT else "output"
            hint = "; samples are rows here" if entries.depth == 2 and values.shape[0] == width else ""
            given = f"{counted(values.shape[1], 'number')} for each sample"
            raise SpecError(f"{name} has {given}, but the network has {counted(width, unit)}{hint}")
        return np.ascontiguousarray(values.T)

    def _parameter(self, name: str, entries: Entries, sizes: Mapping[Symbol, int]) -> Array:
        rows, columns = (int(side.xreplace(sizes)) for side in self.sides(name))
        values = entries.rows
        vector = len(self.tensors[name].axes) == 1
        if vector and entries.depth == 0:
            return np.full((rows, columns), values[0, 0])
        if entries.depth < 2 and values.size == max(rows, columns) == rows * columns:
            return values.reshape(rows, columns)
        if entries.depth == 2 and values.shape == (rows, columns):
            return values
        raise SpecError(f"{name} is {_given(entries)}, where {_expected(rows, columns, vector)} are expected")


def _given(entries: Entries) -> str:
    rows, columns = entries.rows.shape[:2]
    if entries.depth > 2:
        return f"an array of {' × '.join(map(str, entries.values.shape))} numbers"
    if entries.depth == 2:
        return f"{counted(rows, 'row')} of {counted(columns, 'number')}"
    return "one number" if entries.depth == 0 else f"a list of {counted(columns, 'number')}"


def _expected(rows: int, columns: int, vector: bool) -> str:
    if vector:
        return f"{counted(max(rows, columns), 'number')}, one for each unit (or one number for all of them),"
    return f"{counted(rows, 'row')} of {counted(columns, 'number')} (a row for each unit that a weight leads to)"
