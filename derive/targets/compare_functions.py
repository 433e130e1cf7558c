"""The elementwise functions of a generated module beside their definitions, as far out as they are promised to hold."""

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

#: How far a value may be off, relative to itself: the exponent of a power of e loses two or three of 16 digits
#: where it is large.
TOLERANCE = 1e-12
#: What is smaller than this may be rounded to 0, as its powers are.
SMALLEST = 1e-290

#: Arguments near and far, and what a function takes beside its argument there: targets.
_NEAR = (0.0, 1e-300, 1e-9, 1e-3, 0.3, 1.0, 1.1, 2.5, 19.0)
_FAR = (38.0, 90.0, 700.0, 1e4)
_BESIDE_NEAR = (0.0, 1.0, 0.6)
#: The digits in which what is left of 1 is no less than the smallest float.
_DIGITS = 340

#: A logarithm of what is left of 1 needs as many digits as exp(-x) has zeros, 4,343 at 1e4, which takes seconds.
#: Beyond 1400 nothing new begins: exp(x/2) has overflowed.
_FAR_OF_LOGARITHMS, _DIGITS_OF_LOGARITHMS = (38.0, 90.0, 700.0, 1400.0), 640

#: A divisor that is what is left of 1 needs as many.
_DIGITS_OF_DIVISORS = 4_400


def worst_function(module: Any, functions: Mapping[str, Any]) -> tuple[str, float]:
    """The function that is farthest from its definition, and how far; the functions by their names in the module."""
    off = {name: float(np.max([*_off(module, name, function)])) for name, function in functions.items()}
    if not off:
        return "", 0.0
    name = max(off, key=lambda name: np.inf if np.isnan(off[name]) else off[name])
    return name, off[name]


def _off(module: Any, name: str, function: Any) -> Iterator[float]:
    """How far the values are off; one that is no farther off than the definition as it stands is not counted."""
    for arguments, truth in _truth(function):
        with np.errstate(all="ignore"):
            found = np.asarray(getattr(module, name)(*arguments), float)
        if found.shape != truth.shape:
            yield np.inf
            continue
        off = _relative(found, truth)
        if not np.all(off <= TOLERANCE):
            off = np.where(off <= 2 * _relative(_plain(function, arguments), truth), 0, off)
        yield float(np.max(off))


def _relative(found: Array, truth: Array) -> Array:
    same = np.isnan(truth) | (found == truth) | (np.maximum(np.abs(found), np.abs(truth)) < SMALLEST)
    with np.errstate(all="ignore"):
        off = np.abs(found - truth) / np.where(same, 1, np.abs(truth))
    return np.where(same, 0, np.where(np.isnan(off), np.inf, off))


def _plain(function: Any, arguments: tuple[Array, ...]) -> Array:
    """The values of the definition as it stands, in double precision."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        value = elementwise_code(StableForm(function.definition), function.others)(*arguments)
        return np.broadcast_to(np.asarray(value, float), arguments[0].shape)


@cache
def _truth(function: Any) -> tuple[tuple[tuple[Array, ...], Array], ...]:
    """Arguments, and the values there that the definition has, as floats."""
    changes = [float(point) for point, _, _ in borders(function.definition)]
    near = {*_NEAR, *(point + apart for point in changes for apart in (0, 1e-9, -1e-9, 4e-3, -4e-3))}
    far, digits = (_FAR_OF_LOGARITHMS, _DIGITS_OF_LOGARITHMS) if function.definition.has(log) else (_FAR, _DIGITS)
    # Far out these differ, since 0 divided by what has underflowed is no number.
    unlike = [(0.6 / place,) for place in range(1, len(function.others) + 1)]
    return (
        _values(function, _grid(near, [_BESIDE_NEAR] * len(function.others)), _DIGITS),
        _values(function, _grid(set(far), unlike), digits),
    )


def _grid(points: set[float], others: Sequence[tuple[float, ...]]) -> tuple[Array, ...]:
    """The points on both sides of zero, each with all values of the other arguments."""
    both = sorted({*points, *(-point for point in points)})
    columns = zip(*product(both, *others), strict=True)
    return tuple(np.array(column) for column in columns)


def _values(function: Any, arguments: tuple[Array, ...], digits: int) -> tuple[tuple[Array, ...], Array]:
    """The values at the arguments; NaN where the definition has none."""
    places = list(zip(*arguments, strict=True))
    try:
        found = _exact(function, arguments, digits)
    except ZeroDivisionError:
        found = np.array([_single(function, at, digits) for at in places])
    for entry in np.flatnonzero(np.isinf(found)):  # that of a logarithm of 0 may only want more digits
        found[entry] = _single(function, places[entry], _DIGITS_OF_DIVISORS)
    return arguments, found


def _single(function: Any, at: tuple[float, ...], digits: int) -> float:
    """The value at one point: with more digits where too few have made a divisor zero."""
    for more in (digits, _DIGITS_OF_DIVISORS):
        try:
            return float(_exact(function, tuple(np.array([value]) for value in at), more)[0])
        except ZeroDivisionError:
            continue
    return float("nan")


def _exact(function: Any, arguments: tuple[Array, ...], digits: int) -> Array:
    exact = Arithmetic(mpmath, mpmath.mpf)
    with mpmath.workdps(digits), np.errstate(all="ignore"):
        at: dict[Symbol, Array] = {
            symbol: exact.array(values) for symbol, values in zip((X, *function.others), arguments, strict=True)
        }
        found = Interpreter({}, {}, {}, exact).value(function.definition, at)
        return as_floats(np.broadcast_to(found, arguments[0].shape))
