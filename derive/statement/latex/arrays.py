r"""Vectors and matrices: symbols without indices, whose axes get indices here.

The formula of an array has the names ``ROWS`` and ``COLUMNS`` in the place of indices: a matrix has both, a vector that
is a column the first, one that is a row the second. Numbers after them are the axes that a product sums over, until
``lettered`` gives each axis a letter.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from derive.statement.language.syntax import Call, Chain, Name, Node, Number, Read, nodes
from derive.statement.latex.names import Known
from derive.text.source import Misread, Place

ROWS, COLUMNS = "@1", "@2"
#: More products of arrays than an equation has.
MAX_PRODUCTS = 60
_SHOWN = {(ROWS,): "a column", (COLUMNS,): "a row", (ROWS, COLUMNS): "a matrix", (): "a number"}


def put(node: Any, names: Mapping[str, Node | str]) -> Any:
    """Replace names in a formula."""
    if isinstance(node, tuple):
        return tuple(put(part, names) for part in node)
    if isinstance(node, Name):
        new = names.get(node.name, node)
        return Name(new, node.place) if isinstance(new, str) else new
    if not isinstance(node, Node):
        return node
    return replace(node, **{f.name: put(getattr(node, f.name), names) for f in fields(node)})


class Unfit(Misread):
    """Axes that do not go together: it may follow from what is wrong in the equation of what is read."""


class Arrays:
    """The arrays in an equation."""

    def __init__(self) -> None:
        self.numbers = itertools.count(3)
        self.any = False
        self.products = 0

    def open(self, number: int, place: Place) -> list[Name]:
        """The indices of the axes that a symbol is read without: of one, as a column, or of two."""
        self.any = True
        return [Name(axis, place) for axis in (ROWS, COLUMNS)[:number]]

    def axes(self, node: Node) -> tuple[str, ...]:
        """The axes of a formula; none for a number."""
        found = {each.name for each in nodes(node) if isinstance(each, Name)} if self.any else set()
        return tuple(axis for axis in (ROWS, COLUMNS) if axis in found)

    def transposed(self, node: Node, place: Place) -> Node:
        """The transpose of an array."""
        if not self.axes(node):
            raise Unfit(place, "a transpose belongs to a vector or a matrix, and this is a number")
        transposed: Node = put(node, {ROWS: COLUMNS, COLUMNS: ROWS})
        return transposed

    def total(self, body: Node, axes: Iterable[str], place: Place) -> Node:
        """The sum over axes."""
        names = {axis: f"@{next(self.numbers)}" for axis in axes}
        self._count(place)
        return Call("sum", (put(body, names), *(Name(name, place) for name in names.values())), (), place)

    def product(self, left: Node, sign: str, right: Node, place: Place) -> Node:
        """The product of two formulas, of matrices and vectors if they are, or the quotient."""
        own, other = self.axes(left), self.axes(right)
        if own and other:
            self._count(place)
        whole = Chain(left, (("/" if sign == "/" else "*", right, place),), place)
        if not own or not other or (own == other and sign in ("odot", "/")):
            return whole
        if own == other == (ROWS,) and sign == "cdot":
            return self.total(whole, own, place)
        if sign in ("", "cdot", "times") and COLUMNS in own and ROWS in other:
            (joined,) = names = [f"@{next(self.numbers)}"]
            both = Chain(put(left, {COLUMNS: joined}), (("*", put(right, {ROWS: joined}), place),), place)
            return self.total(both, names, place)
        if sign == "" and (own, other) == ((ROWS,), (COLUMNS,)):
            return whole
        message = r"write u^\top v for a number, u \odot v entry by entry, or indices"
        raise Unfit(place, f"{_SHOWN[own]} and {_SHOWN[other]} have no product of this kind: {message}")

    def _count(self, place: Place) -> None:
        self.products += 1
        if self.products > MAX_PRODUCTS:
            raise Misread(place, f"the equation has more than {MAX_PRODUCTS} products: state parts of it on their own")

    def check_terms(self, terms: Iterable[Node]) -> None:
        """Raise Misread for terms with different axes. A number is added to each entry."""
        before: tuple[str, ...] = ()
        for term in terms:
            axes = self.axes(term)
            if before and axes and axes != before:
                said = f"{_SHOWN[axes]} is added to {_SHOWN[before]}"
                raise Unfit(term.place, f"{said}: write the entries, with their indices")
            before = before or axes

    def sizes(self, node: Node, known: Mapping[str, Known]) -> dict[str, str]:
        """The sizes of the axes, as they are written. Raises Misread for axes of different sizes that go together."""
        said = dict[str, tuple[str, str]]()
        for read in nodes(node) if self.any else ():
            if not isinstance(read, Read) or read.name not in known:
                continue
            for index, size in zip(read.indices, known[read.name].sizes, strict=False):
                if not isinstance(index, Name) or index.name[0] != "@" or not isinstance(size, Name | Number):
                    continue
                shown = size.name if isinstance(size, Name) else str(size.value)
                name, before = said.setdefault(index.name, (read.name, shown))
                if before != shown:
                    what = f"{name} has the size {before} where {read.name} has the size {shown}"
                    raise Unfit(read.place, f"{what}: they do not go together here")
        return {axis: shown for axis, (_, shown) in said.items()}


def lettered(node: Any, letters: Sequence[str]) -> Any:
    """Name the axes that products sum over: by the first letters that no sum around has."""
    if isinstance(node, tuple):
        return tuple(lettered(part, letters) for part in node)
    if isinstance(node, Call):
        summed = [i.name for i in node.arguments[1:] if isinstance(i, Name) and i.name[0] == "@"]
        node, letters = put(node, dict(zip(summed, letters, strict=False))), letters[len(summed) :]
    if not isinstance(node, Node):
        return node
    return replace(node, **{f.name: lettered(getattr(node, f.name), letters) for f in fields(node)})
