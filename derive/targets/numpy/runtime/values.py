"""Values that users give: what they must be, and how they are named in a message."""

from __future__ import annotations

import math
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
    try:
        array = np.asarray(values)
    except ValueError as wrong:
        reason = " ".join(str(wrong).split())
        raise ValueError(f"{name} is not a rectangular array: {reason}") from None
    except Exception as wrong:  # an object's own __array__ may raise anything
        reason = " ".join(str(wrong).split())
        raise TypeError(f"{name} cannot be read as an array: {reason}") from wrong
    if array.dtype.kind not in "biuf":
        given = "text" if array.dtype.kind in "US" else array.dtype
        raise TypeError(f"{name} must hold real numbers, not {given}")
    with np.errstate(over="ignore"):
        return array.astype(dtype, copy=False)


def _check_values(values: Array, name: str) -> None:
    """Raise unless there are samples, and all numbers are finite."""
    if values.size == 0:
        raise ValueError(f"{name} has no samples; expected at least one")
    _check_finite(values, name)


def _is_finite(values: Array) -> bool:
    """Whether no number is NaN or infinite."""
    # the sum of squares needs one pass, and no array; it may be too large, though
    return math.isfinite(np.vdot(values, values)) or bool(np.isfinite(values).all())


def _check_finite(values: Array, name: str) -> None:
    if not _is_finite(values):
        beyond = "" if values.dtype == np.float64 else f" (as {values.dtype})"
        raise ValueError(f"{name} holds NaN or an infinite number{beyond}")


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


def _copied(arrays: Parameters) -> Parameters:
    return {name: value.copy() for name, value in arrays.items()}
