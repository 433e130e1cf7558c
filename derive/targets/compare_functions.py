"""Compare the elementwise functions of a generated module with their definitions, over the promised range."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray
from sympy import Symbol, log

from derive.arrays.stable import StableForm
from derive.calculus.evaluate import Arithmetic, Interpreter, as_floats
from derive.calculus.functions import X, borders
from derive.targets.numpy.evaluator import elementwise_code

Array = NDArray[Any]

#: Largest accepted relative error of a value: exp loses two or three of 16 digits for large exponents.
TOLERANCE = 1e-12
#: Smaller values may be rounded to 0, as their powers are.
SMALLEST = 1e-290

#: Small and large arguments, and the values of a second argument (targets).
_NEAR = (0.0, 1e-300, 1e-9, 1e-3, 0.3, 1.0, 1.1, 2.5, 19.0)
_FAR = (38.0, 90.0, 700.0, 1e4)
#: The last one is no simple fraction: a function that has another sign before and after it has no digits there.
_BESIDE_NEAR = (0.0, 1.0, 0.618033988749895)
#: Digits in which 1 - (1 - x) keeps x down to the smallest float.
_DIGITS = 340

#: log(1 - exp(-x)) needs as many digits as exp(-x) has zeros, 4,343 at 1e4, which takes seconds.
#: Arguments beyond 1400 add nothing: exp(x/2) has overflowed.
_FAR_OF_LOGARITHMS, _DIGITS_OF_LOGARITHMS = (38.0, 90.0, 700.0, 1400.0), 640

#: A divisor such as 1 - exp(-x) needs as many digits.
_DIGITS_OF_DIVISORS = 4_400


def worst_function(module: Any, functions: Mapping[str, Any]) -> tuple[str, float]:
    """The function with the largest error, and that error; ``functions`` are keyed by their names in the module.

    An error that is no worse than that of the unmodified definition does not count: see ``digits_lost``.
    """
    off = {
        name: float(max(np.max(np.where(known, 0, off)) for _, off, known in _off(module, name, function)))
        for name, function in functions.items()
    }
    if not off:
        return "", 0.0
    name = max(off, key=lambda name: np.inf if np.isnan(off[name]) else off[name])
    return name, off[name]


def digits_lost(module: Any, functions: Mapping[str, Any]) -> tuple[str, ...]:
    """Where functions are less accurate than TOLERANCE, as no more accurate form was found, in words."""
    found = []
    for name, function in functions.items():
        sizes = [size for at, _, known in _off(module, name, function) for size in np.abs(at[known])]
        if sizes:
            least, most = min(sizes), max(sizes)
            where = f"= {least:g}" if least == most else f"from {least:g} to {most:g}"
            found.append(f"{name} loses digits at |{X}| {where}")
    return tuple(found)


def _off(module: Any, name: str, function: Any) -> Iterator[tuple[Array, Array, Array]]:
    """Arguments, the errors of the values, and whether each is an error of the unmodified definition as well."""
    for arguments, truth in _truth(function):
        with np.errstate(all="ignore"):
            found = np.asarray(getattr(module, name)(*arguments), float)
        off = _relative(found, truth) if found.shape == truth.shape else np.full(truth.shape, np.inf)
        known = off > TOLERANCE
        if found.shape == truth.shape and known.any():
            known &= off <= 2 * _relative(_plain(function, arguments), truth)
        yield arguments[0], off, known & (found.shape == truth.shape)


def _relative(found: Array, truth: Array) -> Array:
    same = np.isnan(truth) | (found == truth) | (np.maximum(np.abs(found), np.abs(truth)) < SMALLEST)
    same |= np.isinf(truth) & ~np.isfinite(found)  # a value beyond float64 is none, whether infinite or NaN
    with np.errstate(all="ignore"):
        off = np.abs(found - truth) / np.where(same, 1, np.abs(truth))
    return np.where(same, 0, np.where(np.isnan(off), np.inf, off))


def _plain(function: Any, arguments: tuple[Array, ...]) -> Array:
    """Values of the unmodified definition, in double precision."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        value = elementwise_code(StableForm(function.definition), function.others)(*arguments)
        return np.broadcast_to(np.asarray(value, float), arguments[0].shape)


@cache
def _truth(function: Any) -> tuple[tuple[tuple[Array, ...], Array], ...]:
    """Arguments, and the exact values of the definition there, as floats."""
    changes = [float(point) for point, _, _ in borders(function.definition)]
    near = {*_NEAR, *(point + apart for point in changes for apart in (0, 1e-9, -1e-9, 4e-3, -4e-3))}
    far, digits = (_FAR_OF_LOGARITHMS, _DIGITS_OF_LOGARITHMS) if function.definition.has(log) else (_FAR, _DIGITS)
    # These differ for large arguments: 0 divided by an underflowed value is NaN.
    unlike = [(0.6 / place,) for place in range(1, len(function.others) + 1)]
    return (
        _values(function, _grid(near, [_BESIDE_NEAR] * len(function.others)), _DIGITS),
        _values(function, _grid(set(far), unlike), digits),
    )


def _grid(points: set[float], others: Sequence[tuple[float, ...]]) -> tuple[Array, ...]:
    """Points on both sides of zero, each with every value of the other arguments."""
    both = sorted({*points, *(-point for point in points)})
    columns = zip(*product(both, *others), strict=True)
    return tuple(np.array(column) for column in columns)


def _values(function: Any, arguments: tuple[Array, ...], digits: int) -> tuple[tuple[Array, ...], Array]:
    """Values at the arguments; NaN where the definition is undefined, or takes an exponential that is not computed."""
    places = list(zip(*arguments, strict=True))
    try:
        found = _exact(function, arguments, digits)
    except (ZeroDivisionError, OverflowError):
        found = np.array([_single(function, at, digits) for at in places])
    for entry in np.flatnonzero(np.isinf(found)):  # log(0) may only need more digits
        found[entry] = _single(function, places[entry], _DIGITS_OF_DIVISORS)
    return arguments, found


def _single(function: Any, at: tuple[float, ...], digits: int) -> float:
    """Value at one point, with more digits if too few made a divisor zero."""
    for more in (digits, _DIGITS_OF_DIVISORS):
        try:
            return float(_exact(function, tuple(np.array([value]) for value in at), more)[0])
        except ZeroDivisionError:
            continue
        except OverflowError:
            break
    return float("nan")


def _exact(function: Any, arguments: tuple[Array, ...], digits: int) -> Array:
    exact = Arithmetic(mpmath, mpmath.mpf)
    with mpmath.workdps(digits), np.errstate(all="ignore"):
        at: dict[Symbol, Array] = {
            symbol: exact.array(values) for symbol, values in zip((X, *function.others), arguments, strict=True)
        }
        found = Interpreter({}, {}, {}, exact).value(function.definition, at)
        return as_floats(np.broadcast_to(found, arguments[0].shape))
