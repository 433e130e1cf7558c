"""Columns of units: the units of a layer that are drawn, and their captions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

from sympy import Expr

from derive.calculus.index import Tensor
from derive.drawing.layers import Layer
from derive.drawing.names import counted, is_named
from derive.drawing.reach import Entry
from derive.drawing.scene import wrapped
from derive.paper.boxes import Box
from derive.paper.page import Page
from derive.record import record

#: The maximum number of units in a column, and how many of the first ones a longer layer shows.
MOST, FIRST = 6, 3

Place: TypeAlias = int | Expr
Runs: TypeAlias = tuple[str | Box, ...]


@record
class Column:
    """The units of one layer: ``tensors`` share the column, and the last of them labels its units.

    ``slots`` are the units shown from top to bottom, None for dots. ``weight``,
    ``bias`` and ``mixes`` describe the connection with the previous column.
    """

    kind: str
    tensors: tuple[Tensor, ...]
    number: int
    slots: tuple[Place | None, ...]
    caption: tuple[Runs, ...]
    layer: Layer | None = None
    mixes: bool = False
    constant: Tensor | None = None
    has_constant: bool = False

    def without_name(self) -> Column:
        """Return the column without the name of its width in the caption, if that is long."""
        return replace(self, caption=tuple(line for line in self.caption if not _is_long(line)))

    @property
    def tensor(self) -> Tensor:
        """The tensor that labels the units."""
        return self.tensors[-1]

    @property
    def names(self) -> frozenset[str]:
        """The names of the tensors that the units represent."""
        return frozenset(t.name for t in self.tensors)


def columns(layers: tuple[Layer, ...], page: Page, lit: Mapping[str, frozenset[Entry]]) -> list[Column]:
    """Return a column for the inputs, and one or two per layer (two if its activation couples the units)."""
    found = [_column("input", (layers[0].source,), 0, page, lit, ("inputs",))]
    for number, layer in enumerate(layers, start=1):
        found[-1] = replace(found[-1], constant=layer.constant, has_constant=bool(layer.constant or layer.bias))
        kind = "output" if number == len(layers) else "unit"
        words = ("outputs" if kind == "output" else "hidden", layer.function)
        if layer.mixes and layer.activation is not None:
            sums = _column("unit", (layer.sum,), number, page, lit, ("sums",))
            found.append(replace(sums, layer=layer))
            found.append(replace(_column(kind, (layer.activation,), number, page, lit, words), mixes=True))
        else:
            tensors = (layer.sum,) if layer.activation is None else (layer.sum, layer.activation)
            found.append(replace(_column(kind, tensors, number, page, lit, words), layer=layer))
    return found


def _column(
    kind: str,
    tensors: tuple[Tensor, ...],
    number: int,
    page: Page,
    lit: Mapping[str, frozenset[Entry]],
    words: tuple[str, ...],
) -> Column:
    extent = tensors[0].axes[0].extent
    marked = {n for t in tensors for (n,) in lit.get(t.name, ()) if isinstance(n, int)}
    lines: list[Runs] = [(line,) for line in wrapped(words[0], 10)]
    lines += _width(extent, page)
    lines += [(line,) for word in words[1:] for line in wrapped(word.replace("_", " "), 10)]
    return Column(kind, tensors, number, shown(extent, marked), tuple(lines))


def _width(extent: Expr, page: Page) -> list[Runs]:
    """The caption with the number of units; a long name has a line of its own."""
    if not is_named(extent):
        return [(counted(extent, "unit", "units"),)]
    name: Runs = (page.entry(extent),)
    return [name, ("units",)] if _is_long(name) else [(*name, " units")]


def _is_long(line: Runs) -> bool:
    """Whether a line is the name of a width that is too long to share a line."""
    return isinstance(line[0], Box) and line[0].width > 3


def shown(extent: Expr, marked: Iterable[int] = ()) -> tuple[Place | None, ...]:
    """Return the units of a layer that are drawn, from the top; None for omitted ones.

    >>> from sympy import Integer
    >>> shown(Integer(4)), shown(Integer(784))
    ((1, 2, 3, 4), (1, 2, 3, None, 784))
    >>> shown(Integer(784), {100})
    (1, 2, None, 100, None, 784)
    """
    named = is_named(extent)
    last = None if named else int(extent)
    if last is not None and last <= MOST:
        return tuple(range(1, last + 1))
    first = set(range(1, (2 if named else FIRST) + 1))
    wanted = set(marked) - {last}
    if wanted - first:
        first = {1, 2} | wanted
    rows: list[Place | None] = []
    for number in sorted(first):
        previous = rows[-1] if rows else 0
        if isinstance(previous, int) and number - previous == 2:
            rows.append(number - 1)
        elif isinstance(previous, int) and number - previous > 2:
            rows.append(None)
        rows.append(number)
    end = rows[-1]
    assert isinstance(end, int)
    if last is None:
        return (*rows, None, extent)
    between: tuple[Place | None, ...] = {1: (), 2: (last - 1,)}.get(last - end, (None,))
    return (*rows, *between, last)
