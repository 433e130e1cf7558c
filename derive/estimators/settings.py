"""The parameters of an estimator, checked when it is fitted: scikit-learn asks that a constructor checks nothing."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

from derive.text.errors import SpecError
from derive.text.user_text import shown, width

#: The types that a network can be computed in.
DTYPES = ("float64", "float32")


def hidden_widths(sizes: Any) -> tuple[int, ...]:
    """``hidden_layer_sizes`` as a tuple: a number is one hidden layer.

    >>> hidden_widths(5), hidden_widths([4, 3]), hidden_widths(())
    ((5,), (4, 3), ())
    """
    entries = [sizes] if isinstance(sizes, Integral | str) or not hasattr(sizes, "__iter__") else list(sizes)
    widths = []
    for position, entry in enumerate(entries, 1):
        where = f"hidden_layer_sizes: entry {position}"
        if isinstance(entry, str) or not isinstance(found := width(entry, where), int):
            raise SpecError(f"{where} is {shown(entry)}, where a whole number such as 4 is expected")
        widths.append(found)
    return tuple(widths)


def hidden_activations(activation: Any, layers: int) -> tuple[Any, ...]:
    """``activation`` as a tuple, one entry for each hidden layer."""
    if isinstance(activation, str) or not hasattr(activation, "__iter__"):
        return (activation,) * layers
    names = tuple(activation)
    if len(names) != layers:
        given = f"activation holds {len(names)} name{'s' * (len(names) != 1)}"
        wanted = f"{layers} hidden layer{'s' * (layers != 1)}"
        raise SpecError(f"{given} for {wanted}: give one name for all, or {layers} (output_activation is separate)")
    return names


def count(name: str, value: Any) -> int:
    """A parameter that counts something: at least 1."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        raise SpecError(f"{name} is {shown(value)}, where a whole number such as 10 is expected")
    if value < 1:
        raise SpecError(f"{name} is {shown(value)}, but must be at least 1")
    return int(value)


def number(name: str, value: Any, example: float) -> float:
    """A parameter that is a finite number, not negative."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise SpecError(f"{name} is {shown(value)}, where a number such as {example} is expected")
    try:
        found = float(value)
    except OverflowError:  # of an integer
        found = math.inf
    if not 0 <= found < math.inf:
        raise SpecError(f"{name} is {shown(value)}, but must be a finite number that is not negative")
    return found


def share(name: str, value: Any) -> float:
    """A parameter that is a part of a whole."""
    found = number(name, value, 0.1)
    if not 0 < found < 1:
        raise SpecError(f"{name} is {shown(value)}, but must be greater than 0 and less than 1")
    return found


def flag(name: str, value: Any) -> bool:
    """A parameter that is true or false."""
    if not isinstance(value, bool | np.bool_):
        raise SpecError(f"{name} is {shown(value)}, where True or False is expected")
    return bool(value)


def batch(value: Any, samples: int) -> int:
    """``batch_size``, at most all samples; "auto" is 200."""
    if isinstance(value, str) and value == "auto":
        return min(200, samples)
    if isinstance(value, str):
        raise SpecError(f"batch_size is {shown(value)}, where a whole number such as 32, or 'auto', is expected")
    return min(count("batch_size", value), samples)


def number_type(value: Any) -> np.dtype[Any]:
    """``dtype``, by its name or as NumPy's own."""
    try:
        found: np.dtype[Any] | None = None if value is None else np.dtype(value)
    except TypeError:
        found = None
    if found is None or found.name not in DTYPES:
        raise SpecError(f"dtype is {shown(value)}, but must be {' or '.join(DTYPES)}")
    return found
