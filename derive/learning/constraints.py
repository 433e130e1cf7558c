"""Constraints on weights: projections that follow each step, stated by their formulas.

To add a constraint, add an entry to ``CONSTRAINTS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sympy import Expr, Max, sqrt

from derive.learning.clippings import LEAST, MOST
from derive.record import record
from derive.text.entry_text import Option


@record
class Constraint:
    """A constraint; ``projected(w, norm_squared, n)`` is the weight after the projection.

    ``w`` is the weight after the step of the optimizer, ``norm_squared`` the sum of the squares of all weights with the
    same first index, which are those into one unit, and ``n`` has the options.
    """

    name: str
    what: str
    source: str
    projected: Callable[[Expr, Expr, Mapping[str, Expr]], Expr]
    options: tuple[Option, ...] = ()
    synonyms: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """Its description and its source."""
        return f"{self.what} ({self.source})"


CONSTRAINTS = {
    entry.name: entry
    for entry in (
        Constraint(
            "max_norm",
            "scales the weights into a unit down if their norm is above the limit",
            "Srebro and Shraibman 2005",
            lambda w, norm_squared, n: w * n["limit"] / Max(n["limit"], sqrt(norm_squared)),
            options=(Option("limit", 3, "largest norm", least=LEAST, most=MOST),),
        ),
        Constraint(
            "non_negative",
            "replaces negative weights by 0",
            "Lee and Seung 1999",
            lambda w, norm_squared, n: Max(w, 0),
            synonyms=("nonneg",),
        ),
    )
}
