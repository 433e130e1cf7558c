"""What the printers of Python code need to know of an array library that has the interface of NumPy."""

from __future__ import annotations

from derive.record import record


@record
class Library:
    """An array library with the interface of NumPy; ``name`` is that of its module in code.

    With ``complex_steps``, its code is also run on complex numbers, for the derivatives of a check, so that comparisons
    read real parts. A library that is ``traced`` compiles functions after it has run them on arrays without numbers:
    no number of a step is one of Python, no array is changed in place, and a loop is a function of its step.
    ``contracted`` is the function that multiplies two arrays over any axes. ``reserved`` are names that the templates
    use in addition to ``names.SHARED``.
    """

    name: str
    complex_steps: bool
    traced: bool
    contracted: str
    reserved: frozenset[str] = frozenset()


NUMPY = Library("np", complex_steps=True, traced=False, contracted="contracted")
