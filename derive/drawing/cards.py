"""Draw any forward pass: a card for each tensor, and an arrow from each tensor to those that read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from derive.calculus.chain_rule import Chains
from derive.calculus.index import Tensor
from derive.calculus.recurrence import recurrences
from derive.drawing.graph import LEFT_OUT, Arrow, Graph, Lanes
from derive.drawing.names import array_symbol, entry_symbol, key
from derive.drawing.plan import Chosen
from derive.drawing.scene import MARGIN, WIDEST, Card, Label, Parts, Point, State, Stroke, width_of
from derive.drawing.units import SMALLEST
from derive.paper.boxes import Box
from derive.paper.page import Page
from derive.record import record

_SIZE, _HEIGHT, _LEAST, _BETWEEN_LEVELS, _BETWEEN_LANES, _ENTRY = 8, 19.0, 24.0, 18.0, 11.0, 14.0
_LINE = 11.0
#: The maximum width of a line of parameters that enter a card.
_ABREAST = 46.0
#: The smallest scale of a horizontal drawing; below it the drawing is vertical.
_SMALLER = 0.8


@record
class Cards:
    """Lays out a graph across the page or ``down`` the page, with a ``scale``."""

    graph: Graph
    chains: Chains
    page: Page
    chosen: Chosen | None = None
    down: bool = False
    scale: float = 1.0

    # ------------------------------------------------------------ sizes

    @property
    def size(self) -> int:
        """The font size."""
        return max(SMALLEST, int(_SIZE * self.scale))

    @cached_property
    def lanes(self) -> dict[str | Arrow, int]:
        """The lane of each tensor and of each long arrow."""
        return Lanes(self.graph, 1 if self.down else -1).assign()  # arrows back keep clear of the parameters

    def runs(self, name: str) -> tuple[str | Box, ...]:
        """The text on a card."""
        if name == LEFT_OUT:
            return (f"{len(self.graph.left_out)} more",)
        tensor = self.chains.forward.tensors[name]
        entries = self.chosen.lit.get(name, frozenset()) if self.chosen else frozenset()
        if len(entries) == 1:
            (entry,) = entries
            numbers = [n for n in entry if isinstance(n, int)]
            if entry and len(numbers) == len(entry):
                return (entry_symbol(self.page, tensor, numbers),)
        return (array_symbol(self.page, tensor),)

    def wide(self, name: str) -> float:
        """The width of a card."""
        return max(_LEAST, width_of(self.runs(name), _SIZE) + 12)

    def entering(self, name: str) -> list[list[Tensor]]:
        """The parameters that enter a card, in lines."""
        lines: list[list[Tensor]] = []
        for parameter in self.graph.entering.get(name, ()):
            if lines and self._line_width([*lines[-1], parameter]) <= _ABREAST:
                lines[-1].append(parameter)
            else:
                lines.append([parameter])
        return lines

    def _symbol(self, parameter: Tensor) -> Box:
        if self.chosen is not None and parameter == self.chosen.parameter:
            return entry_symbol(self.page, parameter, self.chosen.entry)
        return array_symbol(self.page, parameter)

    def _line_width(self, parameters: list[Tensor]) -> float:
        return sum(width_of((self._symbol(p),), _SIZE) + 5 for p in parameters) - 5

    def _block(self, name: str) -> tuple[float, float]:
        """The width and height of the parameters that enter a card."""
        lines = self.entering(name)
        return max(map(self._line_width, lines), default=0.0), _LINE * len(lines)

    # ------------------------------------------------------------ places

    def _along(self, name: str) -> float:
        """The extent of a card along the direction of the levels."""
        width, height = self._block(name)
        return max(_HEIGHT, height) if self.down else max(self.wide(name), width)

    def _across(self, name: str) -> tuple[float, float]:
        """The extent of a card and its parameters on both sides of its lane (before, after)."""
        width, height = self._block(name)
        if self.down:
            half = self.wide(name) / 2
            return half + (width + _ENTRY if width else 0.0), half
        return _HEIGHT / 2, _HEIGHT / 2 + (height + _ENTRY if height else 0.0)

    @cached_property
    def levels(self) -> list[tuple[float, float]]:
        """The centre of each level and half of its size."""
        found: list[tuple[float, float]] = []
        end = -_BETWEEN_LEVELS
        for number in range(max(self.graph.level.values()) + 1):
            size = max(self._along(n) for n in self.graph.names if self.graph.level[n] == number)
            start = end + _BETWEEN_LEVELS
            found.append((start + size / 2, size / 2))
            end = start + size
        return found

    @cached_property
    def across(self) -> dict[int, float]:
        """The centre of each lane."""
        found: dict[int, float] = {}
        end = 0.0
        for lane in sorted(set(self.lanes.values())):
            sides = [self._across(n) for n in self.graph.names if self.lanes[n] == lane] or [(1.0, 1.0)]
            before, after = (max(s[n] for s in sides) for n in (0, 1))
            found[lane] = end + before
            end = found[lane] + after + _BETWEEN_LANES
        return found

    @property
    def length(self) -> float:
        """The size along the levels."""
        middle, half = self.levels[-1]
        return middle + half

    @property
    def breadth(self) -> float:
        """An upper bound of the size across the lanes."""
        lane = max(self.across)
        return self.across[lane] + max([self._across(n)[1] for n in self.graph.names if self.lanes[n] == lane] or [1.0])

    def at(self, along: float, across: float) -> Point:
        """A point on the page."""
        return (across * self.scale, along * self.scale) if self.down else (along * self.scale, across * self.scale)

    def centre(self, name: str) -> Point:
        """The centre of a card."""
        return self.at(self.levels[self.graph.level[name]][0], self.across[self.lanes[name]])

    # ------------------------------------------------------------ parts

    def parts(self) -> Parts:
        """Everything that is drawn."""
        return Parts(tuple(self.strokes()), (), tuple(self.cards()), (), tuple(self.labels()))

    def state(self, name: str) -> State:
        """Whether a tensor is on a path."""
        if self.chosen is None:
            return "plain"
        inside = self.graph.left_out if name == LEFT_OUT else {name}
        return "path" if any(n in self.chosen.lit for n in inside) else "faded"

    def cards(self) -> Iterator[Card]:
        """A card for every tensor."""
        for name in self.graph.names:
            x, y = self.centre(name)
            tensor = self.chains.forward.tensors.get(name)
            role = "" if tensor is None else tensor.role
            kind = {"": "left_out", "input": "input", "target": "input", "error": "error"}.get(role, "unit")
            size = (self.wide(name) * self.scale, _HEIGHT * self.scale)
            yield Card(x, y, *size, kind, name, None if tensor is None else tensor.layer, self.state(name))

    def strokes(self) -> Iterator[Stroke]:
        """An arrow from every tensor to those that read it, and from every parameter."""
        for arrow in self.graph.arrows:
            points, state = self._route(arrow), self._arrow_state(arrow)
            yield Stroke(points, state, reads=arrow, arrow=True, curves="y" if self.down else "x")
        for arrow in self.graph.back:
            yield Stroke(self._route_back(arrow), self._arrow_state(arrow), reads=arrow, arrow=True)
        for name in self.graph.names:
            if self.entering(name):
                yield self._entry(name)

    def _half(self, name: str) -> float:
        return (_HEIGHT if self.down else self.wide(name)) / 2

    def _route(self, arrow: Arrow) -> tuple[Point, ...]:
        """The route between two cards: S-shaped between levels, and along the arrow's lane past a level."""
        start, end = arrow
        first, last = self.graph.level[start], self.graph.level[end]
        y0, y1 = self.across[self.lanes[start]], self.across[self.lanes[end]]
        found = [(self.levels[first][0] + self._half(start), y0), (sum(self.levels[first]), y0)]
        if arrow in self.lanes and last - first > 1:
            lane = self.across[self.lanes[arrow]]
            found += [(self.levels[first + 1][0] - self.levels[first + 1][1], lane), (sum(self.levels[last - 1]), lane)]
        found += [(self.levels[last][0] - self.levels[last][1], y1), (self.levels[last][0] - self._half(end), y1)]
        points = [self.at(*p) for p in found]
        return tuple(p for n, p in enumerate(points) if n == 0 or p != points[n - 1])

    def _route_back(self, arrow: Arrow) -> tuple[Point, ...]:
        """The route to an earlier level, or to the same card: along the arrow's lane, beside the cards."""
        start, end = arrow
        lane = self.across[self.lanes[arrow]]
        first, last = self._leaving(start, lane, 1), self._leaving(end, lane, -1)
        if start == end and len(first) == len(last) == 1:  # apart from each other
            first, last = (
                [(along + turn * self._half(start) / 2, across) for along, across in places]
                for turn, places in ((1, first), (-1, last))
            )
        points = [*first, (first[-1][0], lane), (last[-1][0], lane), *reversed(last)]
        return tuple(self.at(*p) for p in _rounded(points))

    def _leaving(self, name: str, lane: float, turn: int) -> list[Point]:
        """The places, along and across, between a card and a lane: straight, or around the cards between them."""
        middle, half = self.levels[self.graph.level[name]]
        along, across = middle, self.across[self.lanes[name]]
        far = 1 if lane > across else -1
        others = (n for n in self.graph.names if n != name and self.graph.level[n] == self.graph.level[name])
        if not any((self.across[self.lanes[n]] - across) * far > 0 for n in others):
            return [(along, across + far * (self.wide(name) if self.down else _HEIGHT) / 2)]
        beside = middle + turn * (half + _BETWEEN_LEVELS * 0.45)
        return [(along + turn * self._half(name), across), (beside, across)]

    def _carried(self, arrow: Arrow) -> tuple[str | Box, ...]:
        """What an arrow back carries: the step at which its tensor is read."""
        of = next(r for r in recurrences(self.chains.forward.equations) if arrow[0] in r.places)
        step = of.index(of.equations[0])
        page = self.page.with_letters((step,), ())
        found = [page.index(step + moved) for moved in self.graph.moved.get(arrow, ())]
        return tuple(part for box in found if box is not None for part in (", ", box))[1:]

    def _labels_back(self) -> Iterator[Label]:
        """The steps at which tensors are read, beside the arrows back; once for those that share a lane."""
        told = set[tuple[object, ...]]()
        for arrow in self.graph.back:
            runs, lane = self._carried(arrow), self.lanes[arrow]
            if not runs or (arrow[0], runs) in told:
                continue
            told.add((arrow[0], runs))
            along = sum(self.levels[self.graph.level[name]][0] for name in arrow) / 2
            x, y = self.at(along, self.across[lane])
            dx, dy = (width_of(runs, self.size) / 2 + 3, 0.0) if self.down else (0.0, -0.75 * self.size)
            yield Label(x + dx, y + dy, runs, self.size, self._arrow_state(arrow), quiet=True)

    def _arrow_state(self, arrow: Arrow) -> State:
        """Whether an arrow is on a path: it is if it starts at a tensor on a path."""
        if self.chosen is None:
            return "plain"
        return "path" if self.state(arrow[0]) == self.state(arrow[1]) == "path" else "faded"

    def _parameter_state(self, *parameters: Tensor) -> State:
        """Whether one of the parameters contains the highlighted weight."""
        if self.chosen is None:
            return "plain"
        return "mark" if self.chosen.parameter in parameters else "faded"

    def _entry(self, name: str) -> Stroke:
        """The arrow from the parameters of a card into it."""
        (x, y), reach = self.centre(name), _ENTRY * self.scale
        half = (self.wide(name) if self.down else _HEIGHT) / 2 * self.scale
        ends = ((x - half - reach + 2, y), (x - half, y)) if self.down else ((x, y + half + reach - 2), (x, y + half))
        parameter, entry = self.graph.entering[name][0], ""
        if self.chosen is not None and self.chosen.parameter in self.graph.entering[name]:
            parameter, entry = self.chosen.parameter, key(self.chosen.entry)
        return Stroke(
            ends,
            self._parameter_state(*self.graph.entering[name]),
            parameter.name,
            entry,
            (parameter.name, name),
            arrow=True,
        )

    def labels(self) -> Iterator[Label]:
        """The text on the cards and the parameters next to them."""
        for name in self.graph.names:
            x, y = self.centre(name)
            symbol = "" if name == LEFT_OUT else name
            yield Label(x, y, self.runs(name), self.size, self.state(name), symbol, inside=name != LEFT_OUT)
            yield from self._parameters(name, x, y)
        yield from self._labels_back()

    def _parameters(self, name: str, x: float, y: float) -> Iterator[Label]:
        """The parameters that enter a card: to its left, or below it."""
        lines = self.entering(name)
        s, (width, height) = self.scale, self._block(name)
        for number, line in enumerate(lines):
            offset = (number + 0.5) * _LINE
            middle = x - s * (self.wide(name) / 2 + _ENTRY + width / 2) if self.down else x
            row = y + s * (offset - height / 2) if self.down else y + s * (_HEIGHT / 2 + _ENTRY + offset - 1)
            left = middle - s * self._line_width(line) / 2
            for parameter in line:
                own = self._line_width([parameter]) * s
                runs, state = (self._symbol(parameter),), self._parameter_state(parameter)
                entry = key(self.chosen.entry) if self.chosen and state == "mark" else ""
                yield Label(left + own / 2, row, runs, self.size, state, parameter.name, entry)
                left += own + 5 * s


#: The radius of the corners of arrows back.
_CORNER = 5.0


def _rounded(points: list[Point]) -> list[Point]:
    """A line with round corners, as short straight pieces."""
    found = [points[0]]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        start, end = _towards(corner, before), _towards(corner, after)
        for part in (0.0, 0.25, 0.5, 0.75, 1.0):
            a, b, c = (1 - part) ** 2, 2 * part * (1 - part), part**2
            found.append((a * start[0] + b * corner[0] + c * end[0], a * start[1] + b * corner[1] + c * end[1]))
    return [*found, points[-1]]


def _towards(corner: Point, other: Point) -> Point:
    """A point near a corner on the way to another one."""
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    share = min(_CORNER / max(abs(dx), abs(dy), 1e-9), 0.5)
    return corner[0] + share * dx, corner[1] + share * dy


def fitted_cards(graph: Graph, chains: Chains, page: Page, chosen: Chosen | None) -> Cards:
    """Lay out the graph across the page if it fits, else down the page, scaled to fit."""
    laid, room = Cards(graph, chains, page, chosen), WIDEST - 2 * MARGIN
    if room / laid.length >= _SMALLER:
        return replace(laid, scale=min(1.0, room / laid.length))
    laid = replace(laid, down=True)
    return replace(laid, scale=min(1.0, room / laid.breadth))
