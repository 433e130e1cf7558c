"""Values that users give: what they must be, and how they are named in a message."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
Parameters = dict[str, Array]
Seed = int | np.random.Generator | None
Extent = int | str


def _real_numbers(values: Any, name: str, dtype: Any = np.float64) -> Array:
    """An array of numbers; text, objects, dates and complex numbers are refused."""
    masked = isinstance(values, np.ndarray) and hasattr(values, "mask")
    if masked and np.ma.is_masked(values):  # NumPy imports `ma` when it is read
        raise ValueError(
            f"{name} has masked entries: fill them, or leave their samples out"
        )
    if _is_sparse(values):
        said = f"{name} is a sparse matrix of SciPy"
        raise TypeError(f"{said}; expected an array: use its toarray()")
    if _is_frame(values):
        return _from_frame(values, name, dtype)
    if isinstance(values, Iterator):
        said = "a generator" if hasattr(values, "send") else "an iterator"
        wanted = "expected an array, such as np.array(list(...))"
        raise TypeError(f"{name} is {said}; {wanted}")
    try:
        array = np.asarray(values)
    except ValueError as wrong:
        reason = _uneven(values) or " ".join(str(wrong).split())
        raise ValueError(f"{name} is not a rectangular array: {reason}") from None
    except Exception as wrong:  # an object's own __array__ may raise anything
        reason = " ".join(str(wrong).split())
        raise TypeError(f"{name} cannot be read as an array: {reason}") from wrong
    if array.dtype.kind in "US" and not hasattr(values, "dtype"):
        array = np.asarray(values, object)  # to say which entry is text
    if array.dtype == object:
        array = _from_objects(array, name)
    _check_reals(array.dtype, name)
    with np.errstate(over="ignore"):
        return array.astype(dtype, copy=False)


def _uneven(values: Any) -> str:
    """Which entry of a list has another shape than the first; "" if none has."""
    try:
        shapes = [np.shape(value) for value in values]
        other = next(n for n, shape in enumerate(shapes) if shape != shapes[0])
    except (TypeError, ValueError, StopIteration):  # they are uneven in themselves
        return ""
    return f"its entry 0 has the shape {shapes[0]}, and entry {other} {shapes[other]}"


def _check_reals(dtype: np.dtype[Any], name: str) -> None:
    if dtype.kind not in "biuf":
        given = "text" if dtype.kind in "USTO" else dtype
        raise TypeError(f"{name} must hold real numbers, not {given}")


def _from_objects(array: Array, name: str) -> Array:
    """Python's own numbers as an array; the first other entry is named."""
    for place in np.ndindex(array.shape):
        value = array[place]
        if not isinstance(value, (int, float, np.number, np.bool_)) or isinstance(
            value, np.complexfloating
        ):
            where = f" {_place(place)}" if place else ""
            if value is None or type(value).__name__ in ("NAType", "NaTType"):
                if not place:
                    raise TypeError(f"{name} must hold real numbers, not {value}")
                said = f"{name} has a missing value, {value},{where}"
                raise TypeError(f"{said}: fill it, or leave its sample out")
            what = "text" if isinstance(value, (str, bytes)) else ""
            found = f"{what or type(value).__name__}{where}"
            shown = f": {value!r:.60}" if what else ""
            raise TypeError(f"{name} must hold real numbers, not {found}{shown}")
    try:
        return array.astype(np.float64)
    except OverflowError:
        found = "an integer beyond all floating-point numbers"
        raise TypeError(f"{name} must hold real numbers, not {found}") from None


def _is_sparse(values: Any) -> bool:
    """Whether it is a sparse matrix or array of SciPy, which is not imported here."""
    return hasattr(values, "tocsr") and hasattr(values, "nnz")


def _is_frame(values: Any) -> bool:
    """Whether it is a table with named columns, of pandas, Polars and others."""
    return hasattr(values, "columns") and len(getattr(values, "shape", ())) == 2


def _column_names(values: Any) -> Array | None:
    """The names of a table's columns, if all of them are text."""
    if not _is_frame(values):
        return None
    names = list(values.columns)
    if not names or not all(isinstance(name, str) for name in names):
        return None
    return np.array(names)


def _from_frame(frame: Any, name: str, dtype: Any) -> Array:
    """A table as an array, (samples, columns); a column that will not do is named."""
    by_place = getattr(frame, "iloc", frame)
    array = np.empty(frame.shape, dtype)
    for place, called in enumerate(frame.columns):
        whole = f'{name}, column "{called}",'
        array[:, place] = _real_numbers(by_place[:, place], whole, dtype)
    return array


def _check_values(values: Array, name: str, columns: Array | None = None) -> None:
    """Raise unless there are samples, and all numbers are finite."""
    if values.size == 0:
        raise ValueError(f"{name} has no samples; expected at least one")
    _check_finite(values, name, columns=columns)


def _is_finite(values: Array) -> bool:
    """Whether no number is NaN or infinite."""
    # the sum of squares needs one pass, and no array; it may be too large, though
    return math.isfinite(np.vdot(values, values)) or bool(np.isfinite(values).all())


def _check_finite(
    values: Array, name: str, first: int = 0, columns: Array | None = None
) -> None:
    """Raise where a number is not finite; `first` is the number of the first row."""
    if not _is_finite(values):
        beyond = "" if values.dtype == np.float64 else f" (as {values.dtype})"
        found = np.argwhere(~np.isfinite(values))[0].tolist()
        shown = f"{values[tuple(found)]:g}"
        where = ""
        if found:
            where = f": {shown} {_place((found[0] + first, *found[1:]))}"
        if columns is not None and len(found) == 2:
            where = (
                f': {shown} in row {found[0]} (from 0), column "{columns[found[1]]}"'
            )
        raise ValueError(f"{name} holds NaN or an infinite number{beyond}{where}")


def _place(place: tuple[int, ...]) -> str:
    """Where an entry is, counted from 0."""
    if len(place) > 2:
        return f"at {[*place]}, counted from 0"
    axes = zip(("row", "column"), place, strict=False)
    return f"in {', '.join(f'{axis} {number}' for axis, number in axes)} (from 0)"


def _check_lengths(inputs: int, targets: int, x: str, y: str) -> None:
    if inputs != targets:
        counts = f"{x} has {inputs} samples and {y} has {targets}"
        raise ValueError(f"{counts}; expected equally many")


def _checked_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """float64 or float32."""
    try:
        kind = np.dtype(dtype).newbyteorder("=")
    except TypeError:
        kind = np.dtype(object)
    if dtype is None or kind not in (np.dtype(np.float64), np.dtype(np.float32)):
        raise TypeError(f"dtype must be float64 or float32, not {_described(dtype)}")
    return kind


def _generator(seed: Seed) -> np.random.Generator:
    """A generator of random numbers for a seed; None takes a new one each time."""
    if isinstance(seed, np.random.Generator):
        return seed
    if seed is not None:
        if isinstance(seed, (bool, np.bool_)) or not isinstance(
            seed, (int, np.integer)
        ):
            raise TypeError(
                f"seed must be an integer or a Generator, not {_described(seed)}"
            )
        if seed < 0:
            raise ValueError(
                f"seed is {seed}; expected an integer that is not negative"
            )
    return np.random.default_rng(seed)


def _checked_rate(rate: float) -> float:
    """The learning rate as a float that is finite and not negative."""
    return _checked_number(rate, "learning_rate")


def _checked_number(value: Any, name: str) -> float:
    """The value as a float, if it is a finite number that is not negative."""
    real = isinstance(value, (int, float, np.floating, np.integer))
    if isinstance(value, bool) or not real:
        raise TypeError(f"{name} must be a number, not {_described(value)}")
    wanted = "expected a finite number that is not negative"
    try:
        number = float(value)
    except OverflowError:  # of an integer
        raise ValueError(
            f"{name} is beyond all floating-point numbers; {wanted}"
        ) from None
    if not 0 <= number < math.inf:
        raise ValueError(f"{name} is {number:g}; {wanted}")
    return number


def _positive_integer(value: Any, name: str, least: int = 1) -> int:
    """The value, if it counts something."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, not {_described(value)}")
    if value < least:
        raise ValueError(f"{name} is {value}; expected at least {least}")
    return int(value)


def _check_flag(value: Any, name: str) -> None:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, not {_described(value)}")


def _described(value: object) -> str:
    """What a value is, for an error."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, type):
        return f"the type {value.__name__}"
    kind = type(value).__name__
    return f"{kind} {value!r:.60}" if isinstance(value, (str, int, float)) else kind


def _dtype(parameters: Parameters) -> np.dtype[Any]:
    """The type of the parameters' numbers."""
    return getattr(next(iter(parameters.values()), None), "dtype", np.dtype(np.float64))


def _are_classes(labels: Array) -> bool:
    """Whether there is one number per sample, in a row or in a column."""
    return labels.ndim == 1 or (labels.ndim == 2 and labels.shape[1] == 1)


def _copy_into(target: Parameters, source: Parameters) -> None:
    """Copy the numbers of arrays into the arrays of the same names."""
    for name, value in source.items():
        target[name][...] = value


def _all_finite(parameters: Parameters) -> bool:
    """Whether no number is NaN or infinite."""
    return all(map(_is_finite, parameters.values()))


def _shapes_and_types(parameters: Parameters) -> tuple[Any, ...]:
    """What the working memory of the steps depends on."""
    return tuple((name, value.shape, value.dtype) for name, value in parameters.items())


def _like(arrays: Parameters) -> Parameters:
    """Arrays of the same shapes and types, to be filled: memory is taken up then."""
    return {name: np.empty_like(value) for name, value in arrays.items()}


def _copied(arrays: Parameters) -> Parameters:
    return {name: value.copy() for name, value in arrays.items()}
