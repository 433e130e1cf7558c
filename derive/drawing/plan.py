"""The layout of the columns of units: positions, sizes, and what is on a path."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise

from derive.calculus.index import Axis, Tensor
from derive.drawing.columns import Column, Place, Runs
from derive.drawing.names import array_symbol, entry_symbol
from derive.drawing.reach import Entry, holds
from derive.drawing.scene import MARGIN, WIDEST, Point, State, touching, width_of, wrapped
from derive.paper.boxes import Box
from derive.paper.page import Page
from derive.record import record

#: The distance between two columns if there is enough room.
_ROOMY = 88.0


@record
class Style:
    """The sizes of a drawing: font in units, font outside, radius of a unit, row spacing, space for lines."""

    inner: int
    outer: int
    radius: float
    row: float
    lines: float

    @property
    def dense(self) -> bool:
        """Whether space is scarce, so that text is wrapped more and set closer."""
        return self.outer <= 6

    @property
    def small(self) -> float:
        """The radius of a unit that is always 1."""
        return 0.65 * self.radius


#: From spacious to dense; the first one in which all columns fit is used.
STYLES = (
    Style(8, 8, 11.5, 29, 34),
    Style(8, 7, 11, 27, 20),
    Style(7, 7, 9.6, 24, 13),
    Style(6, 6, 9.2, 23, 9.2),
    Style(6, 5, 9.2, 23, 9.2),
)


@record
class Chosen:
    """The highlighted weight and the entries that it reaches."""

    parameter: Tensor
    entry: tuple[int, ...]
    lit: dict[str, frozenset[Entry]]

    def reaches(self, names: frozenset[str], place: Place) -> bool:
        """Whether a unit is on a path."""
        entries = {e for name in names for e in self.lit.get(name, ())}
        return any(holds(e[0], place) for e in entries)

    def reaches_all(self, names: frozenset[str]) -> bool:
        """Whether all units of a column are on paths, including omitted ones."""
        return any(isinstance(e[0], Axis) for name in names for e in self.lit.get(name, ()))


@record
class Plan:
    """Positioned columns; ``gaps`` is the number of omitted columns after each but the last.

    Lines point to the centres of units or, with ``ports``, run from the right side of one
    unit to the left side of the other, so that no line crosses a unit in close, tall columns.
    """

    columns: tuple[Column, ...]
    page: Page
    error: Tensor
    targets: tuple[Tensor, ...]
    phrase: str
    style: Style
    chosen: Chosen | None = None
    gaps: tuple[int, ...] = ()
    ports: bool = False

    # ------------------------------------------------------------ places

    @cached_property
    def loss(self) -> tuple[Runs, ...]:
        """The caption of the loss."""
        lines = wrapped(self.phrase, 8 if self.style.dense else 15)
        return (("loss",), *((line,) for line in lines))

    def gap(self, number: int) -> int:
        """The number of omitted columns after a column."""
        return self.gaps[number] if number < len(self.gaps) else 0

    @cached_property
    def distances(self) -> list[float]:
        """The minimum distances between neighbouring columns; the last one is to the error."""
        halves = [self._half(c.caption) for c in self.columns] + [self._half(self.loss)]
        apart = 3 if self.style.dense else 5
        return [max(a + b + apart, self._between(number)) for number, (a, b) in enumerate(pairwise(halves))]

    def _between(self, number: int) -> float:
        """The minimum distance between a column and the next, given the labels between them."""
        rims = 2 * self.style.radius
        if self.gap(number):
            return rims + 34
        after = self.columns[number + 1] if number + 1 < len(self.columns) else None
        over = max((width_of(line, self.style.outer) for line in self.parameters(after)), default=0.0) + 5
        line = 10 if self.style.dense else 16
        marked = width_of(self.mark(), self.style.inner) + line if self.is_marked(after) else 0.0
        return max(over, rims + marked, rims + self.style.lines)

    def _half(self, lines: tuple[Runs, ...]) -> float:
        return max([self.style.radius, *(width_of(line, self.style.outer) / 2 for line in lines)])

    @cached_property
    def needed(self) -> float:
        """The minimum width."""
        return sum(self.distances) + self._half(self.columns[0].caption) + self._half(self.loss)

    @property
    def fits(self) -> bool:
        """Whether the drawing fits the width of a line."""
        return self.needed <= WIDEST - 2 * MARGIN

    @cached_property
    def places(self) -> list[float]:
        """The x coordinates of the columns and of the error."""
        room = max(0.0, WIDEST - 2 * MARGIN - self.needed)
        found = [self._half(self.columns[0].caption)]
        for distance in _levelled(self.distances, sum(self.distances) + room, _ROOMY):
            found.append(found[-1] + distance)
        return found

    def rows(self, column: Column) -> list[tuple[Place | None, float]]:
        """The slots of a column with their distances below the middle."""
        middle = (len(column.slots) - 1) / 2
        return [(place, (slot - middle) * self.style.row) for slot, place in enumerate(column.slots)]

    def units(self, column: Column) -> list[tuple[Place, float]]:
        """The visible units of a column with their distances below the middle."""
        return [(place, y) for place, y in self.rows(column) if place is not None]

    def constant_row(self, column: Column) -> float:
        """The distance of the unit that is always 1 below the middle."""
        return self.rows(column)[0][1] - self.style.row * 0.95

    def constant_place(self, number: int) -> Point:
        """The position of the unit that is always 1; with ports, at the right edge of the column."""
        shift = self.style.radius - self.style.small if self.ports else 0.0
        return self.places[number] + shift, self.constant_row(self.columns[number])

    def ends(self, start: Point, end: Point, radius: float) -> tuple[Point, Point]:
        """The start of a line at the rim of a unit with a given radius, and its end at another unit."""
        if self.ports:
            return (start[0] + radius, start[1]), (end[0] - self.style.radius, end[1])
        return touching(start, end, radius, self.style.radius)

    @cached_property
    def top(self) -> float:
        """The top of the highest unit."""
        units = [self.rows(c)[0][1] - self.style.radius for c in self.columns]
        ones = [self.constant_row(c) - self.style.small for c in self.columns if c.has_constant]
        return min(units + ones)

    @cached_property
    def bottom(self) -> float:
        """The bottom of the lowest unit or of the targets."""
        targets = self.style.radius + 16 + self.style.outer if self.targets else 0.0
        return max([targets, *(self.rows(c)[-1][1] + self.style.radius for c in self.columns)])

    # ------------------------------------------------------------ what is on a path

    def state(self, column: Column, place: Place) -> State:
        """Whether a unit is on a path; the unit where the highlighted weight starts stays plain."""
        if self.chosen is None or self._is_source(column, place):
            return "plain"
        return "path" if self.chosen.reaches(column.names, place) else "faded"

    def between(self, column: Column, after: Column, start: Place, to: Place) -> State:
        """Whether a line between two units is on a path."""
        if self.chosen is None:
            return "plain"
        both = start != 0 and self.chosen.reaches(column.names, start) and self.chosen.reaches(after.names, to)
        return "path" if both else "faded"

    def faded(self) -> State:
        """The state of parts that are on no path."""
        return "plain" if self.chosen is None else "faded"

    def _next(self, column: Column) -> Column | None:
        number = self.columns.index(column)
        return self.columns[number + 1] if number + 1 < len(self.columns) and not self.gap(number) else None

    def _is_source(self, column: Column, place: Place) -> bool:
        """Whether the highlighted weight starts at a unit."""
        after = self._next(column)
        if self.chosen is None or after is None or after.layer is None:
            return False
        return self.chosen.parameter == after.layer.weight and self.chosen.entry[1] == place

    def constant_state(self, column: Column) -> State:
        """Whether the highlighted weight starts at the unit that is always 1."""
        after = self._next(column)
        if self.chosen is None:
            return "plain"
        if after is None or after.layer is None:
            return "faded"
        of_bias = self.chosen.parameter == after.layer.bias
        return "plain" if of_bias or self._is_source(column, 0) else "faded"

    # ------------------------------------------------------------ the symbols between columns

    def parameters(self, column: Column | None) -> list[Runs]:
        """The symbols of a layer's weights and biases, on one line if they fit."""
        if column is None or column.layer is None:
            return []
        weight = array_symbol(self.page, column.layer.weight)
        if column.layer.bias is None:
            return [(weight,)]
        bias = array_symbol(self.page, column.layer.bias)
        return [(weight,), (bias,)] if self.style.dense else [(weight, ", ", bias)]

    def is_marked(self, column: Column | None) -> bool:
        """Whether the highlighted weight leads to a column."""
        if self.chosen is None or column is None or column.layer is None:
            return False
        return self.chosen.parameter in (column.layer.weight, column.layer.bias)

    def mark(self) -> tuple[Box, ...]:
        """The symbol of the highlighted weight."""
        return () if self.chosen is None else (entry_symbol(self.page, self.chosen.parameter, self.chosen.entry),)


def _levelled(least: list[float], total: float, most: float) -> list[float]:
    """Make distances as equal as possible, each at least ``least`` and at most ``most``, with sum ``total``."""
    low, high = min(least), max(most, *least)
    for _ in range(40):
        level = (low + high) / 2
        low, high = (low, level) if sum(max(d, level) for d in least) > total else (level, high)
    return [max(d, min(low, most)) for d in least]
