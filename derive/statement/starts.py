"""The numbers of a statement: constants, and the initial values of parameters."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from derive.calculus.index import Tensor
from derive.calculus.normal_form import exact_number
from derive.statement.keys import entry
from derive.text.errors import SpecError, StatementError
from derive.text.user_text import shown


def initial(parameter: Tensor, start: Any) -> Any:
    """Return the initial value of a parameter, a name, a number or an array, in the form of a ``ForwardPass``.

    Raises StatementError for an unknown name, a number that is not finite, or an array of another shape.
    """
    where = f"the start of {parameter.name}"
    if isinstance(start, str):
        try:
            return entry("initialisation", start)
        except SpecError as problem:
            raise StatementError(f"{where}: {problem}") from None
    try:
        found = np.array(start)
    except ValueError:  # rows of different lengths
        raise StatementError(f"{where} is no array, since its rows have different lengths") from None
    wanted = tuple(axis.extent for axis in parameter.axes)
    if found.shape not in ((), wanted):
        raise StatementError(f"{where} is an array of shape {found.shape}, but {parameter.name} has {wanted}")
    return _nested(found.tolist(), where)


def finite(value: Any, where: str) -> Fraction:
    """Return a finite number exactly. Raises StatementError, which says ``where`` it is, for anything else."""
    try:
        if not isinstance(value, bool) and math.isfinite(value):
            return exact_number(value)
    except (TypeError, ValueError):
        pass
    raise StatementError(f"{where} is {shown(value)}, where a finite number is expected")


def _nested(values: Any, where: str) -> Any:
    """A number, or an array as nested tuples."""
    if isinstance(values, list):
        return tuple(_nested(v, where if where.startswith("an entry") else f"an entry of {where}") for v in values)
    return finite(values, where)
