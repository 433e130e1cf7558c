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
    use in addition to ``names.SHARED``. ``cast`` and ``transpose`` are the methods of arrays that change the type and
    the order of axes, ``typed`` stands before the type of what is made, and ``renamed`` are functions that have another
    name than in NumPy.
    """

    name: str
    complex_steps: bool
    traced: bool
    contracted: str
    reserved: frozenset[str] = frozenset()
    cast: str = "astype"
    transpose: str = "transpose"
    typed: str = ""
    renamed: tuple[tuple[str, str], ...] = ()

    def number(self, code: str, kind: str) -> str:
        """The code of a number that numbers alone stand beside, where these would have a type of their own."""
        return f"{self.name}.tensor({code}, {self.typed}{kind})" if self.typed else code

    def function(self, name: str) -> str:
        """The code of a function of the library, from its name in NumPy."""
        return f"{self.name}.{dict(self.renamed).get(name, name)}"


NUMPY = Library("np", complex_steps=True, traced=False, contracted="contracted")
