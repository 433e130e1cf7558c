"""Evaluate a program with so many digits that its results are exact as floats."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

from derive.calculus.evaluate import Arithmetic, as_floats
from derive.calculus.index import Tensor
from derive.targets.named import in_store

Array = NDArray[Any]

#: Enough digits for the rounding error of an exact 0 to be below the smallest float.
DIGITS = 400


def as_written(value: Any) -> Any:
    """Convert to an mpmath number; a float has the value of its decimal notation, so 0.1 is one tenth.

    >>> with mpmath.workdps(30):
    ...     print(mpmath.nstr(as_written(0.1), 20), mpmath.nstr(mpmath.mpf(0.1), 20))
    0.1 0.10000000000000000555
    """
    return mpmath.mpf(repr(float(value)) if isinstance(value, float) else value)


#: Use with DIGITS, as in ``with mpmath.workdps(DIGITS)``.
EXACT = Arithmetic(mpmath, as_written)


def stored(tensor: Tensor, entries: Array) -> Array:
    """Convert entries to the stored array, of floats with at least two axes; see ``in_store``."""
    return frozen(in_store(tensor, as_floats(entries)))


def frozen(array: Any) -> NDArray[np.float64]:
    """Return a read-only copy."""
    copy = np.array(array, dtype=np.float64)
    copy.setflags(write=False)
    return copy
