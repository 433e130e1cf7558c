"""Gradient clipping: one entry each for the norm of all gradients together, and for every entry alone.

To add a way of clipping, add an entry to ``CLIPPINGS``.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from sympy import Expr, Max, Min

from derive.record import record
from derive.text.entry_text import Option

#: Bounds of a limit that keep all values of a step well inside the range of float32.
LEAST, MOST = Fraction(1, 10**12), 10**12
_LIMIT = (Option("limit", None, "the largest norm, or the largest size of an entry", least=LEAST, most=MOST),)


@record
class Clipping:
    """A way of clipping; ``entry(g, limit)`` is the clipped entry of a gradient, None if it is by the norm of all."""

    name: str
    what: str
    source: str
    entry: Callable[[Expr, Expr], Expr] | None = None
    options: tuple[Option, ...] = _LIMIT
    synonyms: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """Its description and its source."""
        return f"{self.what} ({self.source})"


CLIPPINGS = {
    entry.name: entry
    for entry in (
        Clipping(
            "norm",
            "scales all gradients down together if their norm is above the limit; a number alone means this",
            "Pascanu, Mikolov and Bengio 2013",
            synonyms=("global_norm", "clipnorm"),
        ),
        Clipping(
            "value",
            "moves every entry of a gradient into the range from minus the limit to the limit",
            "Mikolov 2012",
            lambda g, limit: Max(-limit, Min(g, limit)),
            synonyms=("clipvalue",),
        ),
    )
}
