"""What the printers of Python code need to know of an array library that has the interface of NumPy."""

from __future__ import annotations

from types import ModuleType

from derive.record import record
from derive.targets.numpy import array_functions


@record
class Library:
    """An array library with the interface of NumPy; ``name`` is that of its module in code.

    With ``complex_steps`` its code also computes the derivatives of a check from complex numbers, so that comparisons
    read real parts. A library that is ``traced`` compiles functions from what they do with arrays without numbers:
    no value of a step is a number of Python, no array is changed in place, and no warnings are raised. ``contracted``
    is the product of two arrays over any axes, and ``functions`` a module with the source of those that the library
    lacks, whose names are its ``NAMES``.
    """

    name: str
    complex_steps: bool
    traced: bool
    contracted: str
    functions: ModuleType


NUMPY = Library("np", complex_steps=True, traced=False, contracted="contracted", functions=array_functions)
