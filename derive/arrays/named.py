"""The array form with named axes: what one NumPy call computes, for any number of axes.

Every node has ``axes``, the indices along which its array runs, in order. A node does not repeat its values:
an axis on which it does not depend is missing.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from sympy import Expr, Indexed

from derive.calculus.affine import affine
from derive.calculus.index import Index, Tensor
from derive.record import record

Axes = tuple[Index, ...]


class NamedError(ValueError):
    """An equation has no array form with named axes; the message names the reason."""


@record
class Named:
    """Base class of the nodes; ``axes`` are the indices of the array's axes."""

    axes: Axes


@record
class Value(Named):
    """A number, possibly of sizes, constants and numbers of the step: it has no axes."""

    value: Expr


@record
class Ones(Named):
    """An array of ones."""


@record
class Read(Named):
    """A tensor, read at one index expression for each of its stored axes.

    ``chosen`` holds the nodes of the entries that are used as indices.
    """

    tensor: Tensor
    places: tuple[Expr, ...]
    chosen: dict[Expr, Named] = field(compare=False)


@record
class Diagonal(Named):
    """A node some of whose axes run together: ``of`` has ``own`` axes, with repetitions."""

    of: Named
    own: Axes


@record
class Place(Named):
    """The values of an index expression as integers."""

    value: Expr
    chosen: dict[Expr, Named] = field(compare=False)


@record
class Equal(Named):
    """1 where two places are equal, else 0."""

    left: Named
    right: Named


@record
class Plus(Named):
    """A sum of terms."""

    terms: tuple[Named, ...]


@record
class Stacked(Named):
    """Arrays side by side along a new axis: the entries of ``index`` in order."""

    parts: tuple[Named, ...]
    index: Index


@record
class Times(Named):
    """A product of factors, entry by entry."""

    factors: tuple[Named, ...]


@record
class Power(Named):
    """A power."""

    base: Named
    exponent: Expr


@record
class Call(Named):
    """A function of one or more arrays, entry by entry."""

    function: Any
    arguments: tuple[Named, ...]


@record
class Cases(Named):
    """``numpy.where`` over the values and the conditions of cases, with an otherwise at the end.

    A condition is a comparison of two nodes, or several of them joined by ``and`` or ``or``.
    """

    values: tuple[Named, ...]
    conditions: tuple[Any, ...]


@record
class Compared(Named):
    """A comparison, by its sign."""

    sign: str
    left: Named
    right: Named


@record
class Joined(Named):
    """Conditions joined by ``&`` or ``|``."""

    sign: str
    parts: tuple[Named, ...]


@record
class Reduced(Named):
    """The sum, product, maximum or minimum over the axes ``over``."""

    kind: str
    of: Named
    over: Axes


@record
class Others(Named):
    """The product of all other entries along the axes ``over``."""

    of: Named
    over: Axes


@record
class First(Named):
    """1 at the first place of the extreme value along the axes ``over``, else 0."""

    sign: int
    of: Named
    over: Axes


@record
class Contraction(Named):
    """The product of two arrays, summed over the axes ``over`` that both have."""

    left: Named
    right: Named
    over: Axes


@record
class Spread(Named):
    """Values added into the places of an axis: the entry for ``index`` is the sum of those whose place is ``index``.

    ``place`` is an affine expression of the axes ``over``, which the result no longer has.
    """

    of: Named
    over: Axes
    index: Index
    place: Expr


@record
class Scattered(Named):
    """Values added into the places of an axis that the integers ``at`` number; ``over`` are the axes of ``at``."""

    of: Named
    over: Axes
    index: Index
    at: Named


@record
class Along(Named):
    """A named function along one axis, such as softmax."""

    title: str
    arguments: tuple[Named, ...]
    along: Index
    reduces: bool


def axes_of(place: Expr) -> Axes:
    """The indices of an affine index expression, in the order of the axes of the window that it reads."""
    form = affine(place)
    if form is None:
        raise NamedError(f"{place} is no index expression of whole numbers")
    return tuple(i for i, _ in form.terms)


def is_plain(place: Expr) -> bool:
    """Whether a place is one index, and not a formula."""
    return isinstance(place, Index)


def is_chosen(place: Expr) -> bool:
    """Whether a place is an entry of an integer tensor."""
    return isinstance(place, Indexed)


def walk(node: Named) -> list[Named]:
    """Return a node and all its descendants."""
    found, stack = [], [node]
    while stack:
        part = stack.pop()
        found.append(part)
        stack += operands(part)
    return found


def operands(node: Named) -> list[Named]:
    """The nodes of which a node is made, in order."""
    found: list[Named] = []
    stack = [getattr(node, name) for name in reversed(node.__match_args__)]
    while stack:
        part = stack.pop()
        if isinstance(part, Named):
            found.append(part)
        elif isinstance(part, tuple):
            stack += reversed(part)
        elif isinstance(part, dict):
            stack += reversed(part.values())
    return found
