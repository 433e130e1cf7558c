"""The data of a network: their shapes, what their numbers may be, their batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from derive.targets.numpy.runtime.draws import _entries, _Law
from derive.targets.numpy.runtime.rows import _contiguous, _read_later, _Rows
from derive.targets.numpy.runtime.values import (
    Array,
    Extent,
    _are_classes,
    _check_lengths,
    _check_values,
    _column_names,
    _described,
    _is_sparse,
    _real_numbers,
)

#: The extents of the axes of stored data; None is the axis of the samples.
_Shape = tuple[Extent | None, ...]


class _Datum(NamedTuple):
    """What the data of one name are.

    shape    the axes of the stored array
    kind     what its numbers may be: real, or a key of `_WRONG`
    places   for integers, the axis whose entries they number: its extent, its start
    over     the axis over which shares sum to 1
    target   whether they are targets
    beside   whether they are the weights of the samples, or masks of the targets
    law      the distribution that a step of training draws them from, if they are drawn
    """

    name: str
    shape: _Shape
    kind: str = "real"
    places: tuple[Extent, int] | None = None
    over: int = 0
    target: bool = False
    beside: bool = False
    law: _Law = ()

    @property
    def is_weight(self) -> bool:
        """Whether they are the weights of the samples."""
        return self.beside and self.kind != "mask"

    @property
    def axis(self) -> int | None:
        """The axis of the samples; None if the data are the same for all samples."""
        return self.shape.index(None) if None in self.shape else None

    def turned(self, array: Array) -> Array:
        """Stored data with samples as rows, or the other way round."""
        return array.T if self.axis == 1 else array

    def read(
        self,
        values: Any,
        sizes: dict[str, int],
        dtype: Any,
        called: str,
        by_rows: bool = False,
    ) -> Array:
        """The checked array: as it is stored, or with samples as rows.

        A width that is not among the `sizes` is read off the array.
        """
        classes = _resolved(self.shape, (), sizes)[0]
        if by_rows and self.is_of_classes and isinstance(classes, int) and classes > 1:
            labels = _real_numbers(values, called)
            if _are_classes(labels):
                return self._spread(labels.reshape(-1), classes, dtype, called)
        source = _read_later(values, called) if by_rows and self.may_wait else None
        if source is not None:
            rows = _Rows(self._shaped(source, called, sizes, True), dtype)
            rows.check(called)
            return cast(Array, rows)  # as much of an array as is needed
        kind = np.float64 if self.places else dtype
        array = _real_numbers(values, called, kind)
        array = self._shaped(array, called, sizes, by_rows)
        if self.target and self.kind != "classes" and np.isnan(array).any():
            raise ValueError(f"{called} holds NaN; expected numbers{WITHOUT_MASKS}")
        _check_values(array, called, _column_names(values))
        return array

    @property
    def may_wait(self) -> bool:
        """Whether rows of it may be read when they are needed: it is a plain input."""
        plain = self.kind == "real" and not self.places
        return plain and len(self.shape) == 2 and self.axis == 1 and not self.target

    def _shaped(
        self, array: Array, name: str, sizes: dict[str, int], by_rows: bool
    ) -> Array:
        """The array, if it has the axes that are wanted, but for some of length 1."""
        axes = self.shape[::-1] if by_rows and self.axis == 1 else self.shape
        given, missing = array.shape, _resolved(axes, (), sizes)[array.ndim :]
        if by_rows and len(axes) == 2 and all(extent == 1 for extent in missing):
            array = array.reshape(array.shape + (1,) * len(missing))
        wanted = _resolved(axes, array.shape, sizes)
        if not _fits(array.shape, wanted):
            turned = array.ndim == 2 and _fits(array.shape[::-1], wanted)
            where = "rows" if by_rows else "columns"
            hint = f"; samples are {where} here" if turned and None in axes else ""
            column = by_rows and wanted[1:] == (1,)
            column = column and (None not in wanted or self.is_weight)
            expected = _shown(wanted[:1] if column else wanted)
            if by_rows and wanted == (None, array.size) and array.ndim == 1:
                hint = "; for a single sample use reshape(1, -1)"
            raise ValueError(f"{name} has shape {given}; expected {expected}{hint}")
        return array

    def integers(self, array: Array, sizes: Mapping[str, int], name: str) -> Array:
        """An array of integers as such, if they number entries of their axis."""
        if self.places is None:
            return array
        extent, start = self.places
        end = start + _at(extent, sizes) - 1
        wrong = (array != np.floor(array)) | (array < start) | (array > end)
        if wrong.any():
            wanted = f"expected integers from {start} to {end}"
            raise ValueError(f"{name} holds {array[wrong][0]:.15g}; {wanted}")
        return array.astype(np.intp)

    @property
    def is_of_classes(self) -> bool:
        """Whether rows by sample may be given as the numbers of classes."""
        matrix = len(self.shape) == 2 and self.axis == 1
        return self.target and matrix and self.kind in OF_CLASSES

    def _spread(self, labels: Array, classes: int, dtype: Any, name: str) -> Array:
        """Rows with 1 at the class of each sample and 0 or -1 elsewhere."""
        _check_values(labels, name)
        wanted = f"classes from 0 to {classes - 1}, or rows of {classes} numbers"
        for wrong in (labels != np.floor(labels), (labels < 0) | (labels >= classes)):
            if wrong.any():
                found = f"{labels[wrong][0]:g}, which is no class"
                raise ValueError(f"{name} holds {found}; expected {wanted}")
        rows = np.full((len(labels), classes), -1 if self.kind == "signs" else 0, dtype)
        rows[np.arange(len(labels)), labels.astype(np.intp)] = 1
        return rows

    def check_kind(self, stored: Array, name: str) -> None:
        """Raise unless the numbers are what the equations take."""
        if self.kind in _WRONG:
            is_wrong, wanted = _WRONG[self.kind]
            wrong = is_wrong(stored)
            if wrong.any():
                raise ValueError(
                    f"{name} holds {stored[wrong][0]:g}; expected {wanted}"
                )
        if self.kind == "weights" and not stored.any():
            raise ValueError(f"{name} holds only 0; expected some positive weight")
        if self.kind in ("classes", "shares"):
            sums = np.sum(stored, axis=self.over, dtype=np.float64)
            if np.max(np.abs(sums - 1)) > 1e-6:
                what = "targets" if self.target else "numbers"
                wanted = "sum to 1 over the classes (one-hot, or probabilities)"
                raise ValueError(
                    f"{name} does not fit: the {what} of each sample must {wanted}"
                )


class _Data:
    """The inputs and the targets, in the order of the functions' arguments.

    What is random stands between them. Users do not give it, and rows are without it.
    """

    def __init__(self, data: Sequence[_Datum]) -> None:
        """Keep what each is."""
        self.all = tuple(data)
        self.weight = next((datum for datum in data if datum.is_weight), None)
        #: What says which entries of the targets are known, in their order.
        self.masks = tuple(d for d in data if d.beside and not d.is_weight)
        self.targets = tuple(datum for datum in data if datum.target)
        self.random = tuple(datum for datum in data if datum.law)
        self.given = tuple(datum for datum in data if not datum.law)
        self.inputs = tuple(d for d in self.given if not d.target and not d.beside)
        #: How many of the data the forward pass takes.
        self.passed = len(self.inputs) + len(self.random)
        self._shapes = [
            (datum.shape, datum.axis, any(isinstance(e, str) for e in datum.shape))
            for datum in data
        ]
        #: Whether arrays can do without names, in calls and in messages.
        self.plain = len(self.inputs) == len(self.targets) == 1

    def __len__(self) -> int:
        """How many there are."""
        return len(self.all)

    def check_shapes(self, arrays: Sequence[Any], sizes: dict[str, int]) -> int | None:
        """How many samples there are; ValueError if NumPy might broadcast the data."""
        samples = None
        for (shape, axis, named), value in zip(self._shapes, arrays, strict=False):
            found = np.shape(value)
            wanted = _resolved(shape, found, sizes) if named else shape
            if axis is not None:
                samples = found[axis] if samples is None else samples
                wanted = (*wanted[:axis], samples, *wanted[axis + 1 :])
            if found != wanted:
                raise ValueError("the data do not fit")  # _explain says how
        return samples

    def stored(
        self, values: Sequence[Any], sizes: dict[str, int], dtype: Any
    ) -> tuple[Array, ...]:
        """Checked data as they are stored: all, or the inputs alone."""
        given = [(d, v, d.name) for d, v in zip(self.all, values, strict=False)]
        arrays = tuple(d.read(v, sizes, dtype, name) for d, v, name in given)
        called = [(datum, name) for datum, _, name in given]
        return self._checked(called, arrays, sizes, by_rows=False)

    def by_rows(
        self,
        X: Any,
        Y: Any,
        sizes: dict[str, int],
        dtype: Any,
        of: str = "",
        inputs_only: bool = False,
        sample_weight: Any = None,
    ) -> tuple[Array, ...]:
        """Checked data, samples as rows, in one piece: all, or the inputs alone.

        `X` and `Y` are dicts, or arrays where there is one of each. Without a
        `sample_weight`, all weights are 1. A mask is 0 where its target is NaN.
        """
        given = [*self._named(X, self.inputs, "X", of)]
        if not inputs_only:
            given += self._named(Y, self.targets, "Y", of)
        masks, known = dict(zip(self.targets, self.masks, strict=False)), []
        for place, (datum, value, name) in enumerate(given):
            if datum in masks:
                filled, found = _filled(value, datum, name, dtype)
                given[place] = datum, filled, name
                known.append((masks[datum], found, place))
        arrays = [d.read(v, sizes, dtype, name, True) for d, v, name in given]
        called = [(datum, name) for datum, _, name in given]
        if self.weight is not None and not inputs_only:
            if sample_weight is None:
                beside = arrays[len(self.inputs)].shape  # the target of which they are
                of_outputs = len(self.weight.shape) > 1 and self.weight.shape[0] != 1
                sample_weight = np.ones(beside if of_outputs else self.samples(arrays))
            name = f"{of}sample_weight"
            arrays.append(self.weight.read(sample_weight, sizes, dtype, name, True))
            called.append((self.weight, name))
        elif sample_weight is not None:
            raise ValueError(WITHOUT_WEIGHTS)
        for mask, found, place in known:
            shape = arrays[place].shape
            whole = found.reshape(
                shape if found.size == arrays[place].size else (-1, 1)
            )
            arrays.append(np.broadcast_to(whole, shape).astype(dtype))
            called.append((mask, mask.name))
        checked = self._checked(called, tuple(arrays), sizes, by_rows=True)
        return checked if inputs_only else tuple(map(_contiguous, checked))

    def weights(self, rows: Sequence[Array]) -> Array:
        """The weight of each sample, for equations that read it."""
        assert self.weight is not None
        return rows[self.given.index(self.weight)].reshape(-1)

    def known(self, rows: Sequence[Array]) -> Array | None:
        """Which entries of the first target are known; None if all are."""
        if not self.masks:
            return None
        known: Array = rows[self.given.index(self.masks[0])] == 1
        return known

    @property
    def divides(self) -> bool:
        """Whether the error is divided by the sum of the weights."""
        return self.weight is not None and self.weight.kind == "weights"

    def counted(self, rows: tuple[Array, ...]) -> tuple[Array, ...]:
        """The data without samples of weight 0, where the sum of weights divides.

        So no batch has the sum 0, and a weight of 0 leaves a sample out.
        """
        if not self.divides or (weights := self.weights(rows)).all():
            return rows
        return self.kept(rows, np.flatnonzero(weights))

    def _named(
        self, values: Any, wanted: tuple[_Datum, ...], argument: str, of: str
    ) -> Iterator[tuple[_Datum, Any, str]]:
        """What is given for each of the data, and what a message calls it."""
        what = f"{of}{'inputs' if argument == 'X' else 'targets'}"
        expected = ", ".join(datum.name for datum in wanted) or "none"
        if values is None and not wanted:
            return
        if values is None and self.plain:
            raise TypeError(f"{of}{argument} is missing; expected an array")
        if not isinstance(values, Mapping) or _is_sparse(values):  # DOK is a dict
            if len(wanted) != 1:
                needed = f"a dict with {expected}" if wanted else "left out"
                raise TypeError(
                    f"the {what} must be {needed}, not {_described(values)}"
                )
            name = argument if self.plain else wanted[0].name
            yield wanted[0], values, f"{of}{name}"
            return
        for name in values:
            if name not in [datum.name for datum in wanted]:
                raise ValueError(f'unknown "{name}" in the {what}; expected {expected}')
        for datum in wanted:
            if datum.name not in values:
                raise ValueError(
                    f'"{datum.name}" is missing in the {what}; expected {expected}'
                )
            yield datum, values[datum.name], f"{of}{datum.name}"

    def _checked(
        self,
        called: Sequence[tuple[_Datum, str]],
        arrays: tuple[Array, ...],
        sizes: dict[str, int],
        by_rows: bool,
    ) -> tuple[Array, ...]:
        """The arrays, if they have equally many samples, and numbers of their kind."""
        first: tuple[str, int] | None = None
        for (datum, name), array in zip(called, arrays, strict=True):
            if datum.axis is not None:
                samples = array.shape[0 if by_rows else datum.axis]
                first = first or (name, samples)
                _check_lengths(first[1], samples, first[0], name)
        for (datum, name), array in zip(called, arrays, strict=True):
            if datum.kind != "real":
                datum.check_kind(datum.turned(array) if by_rows else array, name)
        pairs = zip(called, arrays, strict=True)
        return tuple(
            datum.integers(array, sizes, name) for (datum, name), array in pairs
        )

    def samples(self, rows: Sequence[Array]) -> int:
        """How many samples there are; 1 where no data have an axis of samples."""
        counts = (
            len(array)
            for datum, array in zip(self.given, rows, strict=False)
            if datum.axis is not None
        )
        return next(counts, 1)

    def chosen(self, rows: Sequence[Array], which: Array | slice) -> tuple[Array, ...]:
        """Some of the samples; what is the same for all samples stays as it is."""
        return tuple(
            array if datum.axis is None else array[which]
            for datum, array in zip(self.given, rows, strict=False)
        )

    def kept(self, rows: Sequence[Array], which: Array) -> tuple[Array, ...]:
        """The data of some samples; what is read when it is needed stays so."""
        return tuple(
            array.only(which)
            if isinstance(array, _Rows)
            else array
            if datum.axis is None
            else array[which]
            for datum, array in zip(self.given, rows, strict=False)
        )

    def rows(self, stored: Sequence[Array]) -> tuple[Array, ...]:
        """Stored data with samples as rows, without what is random."""
        pairs = zip(self.all, stored, strict=False)
        return tuple(d.turned(np.asarray(a)) for d, a in pairs if not d.law)

    def filled(
        self,
        rows: Sequence[Array],
        sizes: Mapping[str, int],
        dtype: Any,
        draw: np.random.Generator | None,
    ) -> tuple[Array, ...]:
        """Data with samples as rows as they are stored, with what is random.

        That is drawn, or has its mean if there is nothing to `draw` from.
        """
        pairs = [*zip(self.given, rows, strict=False)]
        found = [d.turned(np.asarray(a)) for d, a in pairs]
        if not self.random:
            return tuple(found)
        known, samples = dict(sizes), self.samples(rows)
        for (datum, _), array in zip(pairs, found, strict=True):
            _resolved(datum.shape, array.shape, known)
        end = len(self.inputs)
        found[end:end] = self.drawn(samples, known, dtype, draw)
        return tuple(found)

    def drawn(
        self,
        samples: int,
        sizes: Mapping[str, int],
        dtype: Any,
        draw: np.random.Generator | None,
    ) -> list[Array]:
        """What is random for so many samples, as it is stored."""
        shapes = (
            tuple(samples if e is None else _at(e, sizes) for e in datum.shape)
            for datum in self.random
        )
        pairs = zip(self.random, shapes, strict=True)
        return [_entries(datum.law, shape, dtype, draw) for datum, shape in pairs]

    def by_name(
        self, arrays: Sequence[Array]
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Stored inputs and targets by name, samples as rows."""
        rows = [np.ascontiguousarray(array) for array in self.rows(arrays)]
        found = dict(zip((datum.name for datum in self.given), rows, strict=True))
        targets, inputs = (
            {datum.name: found[datum.name] for datum in some}
            for some in (self.targets, self.inputs)
        )
        return inputs, targets

    def scaled(self, arrays: Sequence[Array], factor: float) -> tuple[Array, ...]:
        """The data with the real inputs multiplied by a number."""
        return tuple(
            array
            if d.target or d.places or d.law or d.kind != "real"
            else factor * array
            for d, array in zip(self.all, arrays, strict=True)
        )


def _filled(values: Any, datum: _Datum, name: str, dtype: Any) -> tuple[Array, Array]:
    """Targets with a number that the loss takes in place of NaN; which are known."""
    array = _real_numbers(values, name, dtype)
    known = ~np.isnan(array)
    taken = 1 if datum.kind in ("signs", "positive") else 0
    return np.where(known, array, taken), known


def _read_weights(values: Any, samples: int) -> Array:
    """The weights of so many samples, for a score; 1 without any."""
    if values is None:
        return np.ones(samples)
    datum = _Datum("sample_weight", (1, None), "weights", beside=True)
    found = datum.read(values, {}, np.float64, datum.name, True)
    _check_lengths(samples, len(found), "X", datum.name)
    datum.check_kind(found, datum.name)
    return found.reshape(-1)


def _width(extent: str) -> tuple[str, int]:
    """A named width such as "n + 1" as its name and what is added."""
    name, _, more = extent.partition(" + ")
    return name, int(more or 0)


def _at(extent: Extent, sizes: Mapping[str, int]) -> int:
    """An extent as a number."""
    if isinstance(extent, int):
        return extent
    name, more = _width(extent)
    return sizes[name] + more


def _resolved(
    shape: _Shape, found: tuple[int, ...], sizes: dict[str, int]
) -> tuple[Extent | None, ...]:
    """A shape in numbers; a width that is not known yet is read off `found`."""
    if len(found) == len(shape):
        for extent, side in zip(shape, found, strict=True):
            if isinstance(extent, str):
                width, more = _width(extent)
                if side > more:
                    sizes.setdefault(width, side - more)
    return tuple(
        _at(e, sizes) if isinstance(e, str) and _width(e)[0] in sizes else e
        for e in shape
    )


def _fits(found: tuple[int, ...], wanted: tuple[Extent | None, ...]) -> bool:
    """Whether an array has a shape, in which None is any number."""
    return len(found) == len(wanted) and all(
        side == extent or extent is None
        for side, extent in zip(found, wanted, strict=True)
    )


def _shown(shape: tuple[Extent | None, ...]) -> str:
    """A shape in a message."""
    axes = ["samples" if extent is None else str(extent) for extent in shape]
    return f"({', '.join(axes)}{',' * (len(axes) == 1)})"


#: Kinds of targets that may be given as the indices of classes.
OF_CLASSES = ("classes", "unit", "signs")
#: Which numbers are wrong, for a kind, and what is expected.
_WRONG: dict[str, tuple[Callable[[Array], Array], str]] = {
    "unit": (lambda Y: (Y < 0) | (Y > 1), "numbers from 0 to 1"),
    "classes": (lambda Y: Y < 0, "shares, which are not negative"),
    "signs": (lambda Y: np.abs(Y) != 1, "-1 or +1"),
    "counts": (lambda Y: Y < 0, "numbers from 0"),
    "mask": (lambda Y: (Y != 0) & (Y != 1), "0 or 1"),
    "positive": (lambda Y: Y <= 0, "positive numbers"),
    "shares": (lambda Y: Y <= 0, "shares, which are positive"),
    "chances": (lambda Y: (Y <= 0) | (Y >= 1), "numbers between 0 and 1"),
    "weights": (lambda c: c < 0, "weights, which are not negative"),
    "factors": (lambda c: c < 0, "weights, which are not negative"),
}
#: What may be done about targets that are NaN.
WITHOUT_MASKS = (
    ': leave these samples out, or derive the network with missing="ignore" '
    "(--missing ignore), so that these outputs have no error"
)
#: What a trainer says to weights that its equations do not read.
WITHOUT_WEIGHTS = (
    "sample_weight is given, but the equations have no weights: derive the network "
    'with sample_weight="mean" (or --sample-weight mean), or leave sample_weight out'
)
