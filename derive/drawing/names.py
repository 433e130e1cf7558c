"""Names of the parts of a drawing, in the notation of the derivation."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, Integer, Symbol

from derive.calculus.index import Index, Tensor
from derive.paper.boxes import Box
from derive.paper.page import Page


def array_symbol(page: Page, tensor: Tensor) -> Box:
    """A tensor as an array."""
    return page.symbol(tensor, whole=True)


def entry_symbol(page: Page, tensor: Tensor, places: Sequence[Expr | int]) -> Box:
    """An entry of a tensor, with numbers or names as indices."""
    return page.symbol(tensor, tuple(Integer(p) if isinstance(p, int) else p for p in places))


def key(places: Sequence[object]) -> str:
    """Return the indices of an entry as written in the attributes of a drawing.

    >>> key((3, 1))
    '3,1'
    """
    return ",".join(map(str, places))


def counted(extent: Expr, one: str, many: str) -> str:
    """Format a count with its noun.

    >>> from sympy import Integer
    >>> counted(Integer(1), "unit", "units"), counted(Integer(3), "unit", "units")
    ('1 unit', '3 units')
    """
    return f"{extent} {one if extent == 1 else many}"


def is_named(extent: Expr) -> bool:
    """Whether a width is symbolic."""
    return isinstance(extent, Symbol) and not isinstance(extent, Index)
