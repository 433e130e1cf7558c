"""The values of a program's tensors, in so many digits that a float shows nothing of their rounding."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

from derive.calculus.evaluate import Arithmetic, as_floats
from derive.calculus.index import Tensor

Array = NDArray[Any]

#: With these, what rounding leaves of 0 is smaller than the smallest float: it is 0 as a float.
DIGITS = 400


def as_written(value: Any) -> Any:
    """A number of mpmath; a float is what it is written as, so that 0.1 is one tenth.

    >>> with mpmath.workdps(30):
    ...     print(mpmath.nstr(as_written(0.1), 20), mpmath.nstr(mpmath.mpf(0.1), 20))
    0.1 0.10000000000000000555
    """
    return mpmath.mpf(repr(float(value)) if isinstance(value, float) else value)


#: To be used with DIGITS, as in ``with mpmath.workdps(DIGITS)``.
EXACT = Arithmetic(mpmath, as_written)


def stored(tensor: Tensor, entries: Array) -> Array:
    """Entries as floats in an array of two axes: one axis is a column, or a row if it is that of the samples."""
    row = not tensor.axes or tensor.axes[0].sample
    return frozen(as_floats(entries).reshape(entries.shape if entries.ndim == 2 else (1, -1) if row else (-1, 1)))


def frozen(array: Any) -> NDArray[np.float64]:
    """A copy that cannot be written to."""
    copy = np.array(array, dtype=np.float64)
    copy.setflags(write=False)
    return copy
