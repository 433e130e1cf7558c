"""The parameters of an estimator for scikit-learn, checked when it is fitted."""

from __future__ import annotations

import math
import reprlib
from numbers import Integral, Real
from typing import Any, NoReturn

import numpy as np

# scikit-learn asks that a constructor checks nothing; these checks are made by `fit`.


def refuse(name: str, value: Any, why: str) -> NoReturn:
    """Raise ValueError for a parameter: what it is, and why that will not do."""
    raise ValueError(f"{name} is {reprlib.repr(value)}, {why}")


def count(name: str, value: Any) -> int:
    """A parameter that counts something: at least 1."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        refuse(name, value, "where a whole number such as 10 is expected")
    if value < 1:
        refuse(name, value, "but must be at least 1")
    return int(value)


def number(name: str, value: Any, example: float) -> float:
    """A parameter that is a finite number, not negative."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        refuse(name, value, f"where a number such as {example} is expected")
    try:
        found = float(value)
    except OverflowError:  # of an integer
        found = math.inf
    if not 0 <= found < math.inf:
        refuse(name, value, "but must be a finite number that is not negative")
    return found


def share(name: str, value: Any) -> float:
    """A parameter that is a part of a whole."""
    found = number(name, value, 0.1)
    if not 0 < found < 1:
        refuse(name, value, "but must be greater than 0 and less than 1")
    return found


def flag(name: str, value: Any) -> bool:
    """A parameter that is true or false."""
    if not isinstance(value, bool | np.bool_):
        refuse(name, value, "where True or False is expected")
    return bool(value)


def batch(value: Any, samples: int) -> int:
    """`batch_size`, at most all samples; "auto" is 200."""
    if not isinstance(value, str):
        return min(count("batch_size", value), samples)
    if value != "auto":
        wanted = "where a whole number such as 32, or 'auto', is expected"
        refuse("batch_size", value, wanted)
    return min(200, samples)


def number_type(value: Any) -> np.dtype[Any]:
    """`dtype`, by its name or as NumPy's own."""
    try:
        found: np.dtype[Any] | None = None if value is None else np.dtype(value)
    except TypeError:
        found = None
    if found is None or found.name not in ("float64", "float32"):
        refuse("dtype", value, "but must be float64 or float32")
    return found
