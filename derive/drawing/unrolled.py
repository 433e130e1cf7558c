"""Draw three steps of a recurrence side by side: a card for each tensor at each step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from sympy import Expr, Integer

from derive.calculus.recurrence import Recurrence, recurrences
from derive.calculus.roles import Role
from derive.calculus.unrolled import is_ordered
from derive.drawing.cards import Cards
from derive.drawing.graph import Arrow, Graph, Lanes, graph_of
from derive.drawing.make import framed
from derive.drawing.scene import MARGIN, WIDEST, Card, Drawing, Label, Point, Stroke
from derive.paper.boxes import Box
from derive.record import record

if TYPE_CHECKING:
    from derive.derived import Derived

#: The steps that are drawn, counted from the one in the middle.
STEPS = (-1, 0, 1)
#: Largest number of lanes of a step.
_MOST_LANES = 4
#: The length of the arrows from and to steps that are not drawn, and the room for their dots.
_STUB, _DOTS = 14.0, 9.0
#: How far beside a level, and beside a card, arrows run that pass a card.
_BESIDE, _NEAR = 8.0, 6.0
#: The room between steps.
_APART = 16.0
#: The smallest scale of the drawing.
_SMALLEST = 0.7


def unrolled(derivation: Derived) -> Drawing | None:
    """Three steps of the recurrences, if they run along the same axis, and there is room for them."""
    found = recurrences(derivation.forward.equations)
    graph = graph_of(derivation.forward)
    if len({recurrence.axis for recurrence in found}) != 1 or graph.left_out:
        return None
    cards = _laid_out(derivation, found[0], graph)
    if cards is None:
        return None
    of = "the recurrence" if len(found) == 1 else "the recurrences"
    text = (
        f"Three steps of {of} side by side. A box for each tensor at each step; an arrow leads from what is "
        "read to what reads it, also from one step to another."
    )
    return framed(cards.parts(), "Three steps", text)


def _laid_out(derivation: Derived, recurrence: Recurrence, graph: Graph) -> Steps | None:
    """The cards of three steps; None if there is no room for them."""
    tensors = derivation.forward.tensors
    axis = recurrence.axis
    names = [
        n
        for n in graph.names
        if tensors[n].role != Role.TARGET and sum(is_ordered(a, (axis,)) for a in tensors[n].axes) == 1
    ]
    inside = [a for a in graph.arrows if {*a} <= {*names}]
    used = {n for a in (*inside, *graph.back) for n in a}
    names = [n for n in names if n in used]
    if not names:
        return None  # two axes of a tensor could be the steps: their sizes have no names
    error = derivation.forward.error.target.name
    order = sorted({graph.level[n] for n in names})
    level = {n: order.index(graph.level[n]) for n in names}
    lanes = Lanes(Graph(tuple(names), tuple(inside), {}, level)).assign()
    width = max(lanes.values()) - min(lanes.values()) + 1
    if width > _MOST_LANES:
        return None
    placed: dict[str | Arrow, int] = {}
    for key, lane in lanes.items():
        for k in STEPS:
            placed[_at(key, k)] = lane + (k - STEPS[0]) * width
    ends = [n for n in names if (n, error) in graph.arrows]
    below = {error: len(order)} if ends else {}
    placed |= dict.fromkeys(below, lanes[ends[0]] + width if ends else 0)
    three = Graph(
        (*(_name(n, k) for k in STEPS for n in names), *below),
        (
            *((_name(a, k), _name(b, k)) for k in STEPS for a, b in inside),
            *((_name(n, k), error) for k in STEPS for n in ends),
        ),
        {},
        {**{_name(n, k): level[n] for k in STEPS for n in names}, **below},
        back=tuple((a, b) for a, b in graph.back if a in names and b in names),
        moved=graph.moved,
    )
    step = recurrence.index(recurrence.equations[0])
    page = derivation.page.with_letters((step,), ())
    laid = Steps(three, derivation.chains, page, down=True, placed=placed, step=step)
    room = WIDEST - 2 * MARGIN - 2 * (_STUB + _DOTS)
    scale = min(1.0, room / laid.breadth)
    return replace(laid, scale=scale) if scale >= _SMALLEST else None


def _name(name: str, k: int) -> str:
    return f"{name} at {k}"


def _at(key: str | Arrow, k: int) -> str | Arrow:
    return _name(key, k) if isinstance(key, str) else (_name(key[0], k), _name(key[1], k))


@record
class Way:
    """The points of an arrow between steps, and where dots stand in the place of a step that is not drawn."""

    points: list[Point]
    dots: Point | None


@record
class Steps(Cards):
    """Lays out the steps in columns, down the page; ``placed`` are the lanes and ``step`` is the index of a step."""

    placed: dict[str | Arrow, int] = field(default_factory=dict)
    step: Expr = Integer(0)

    @cached_property
    def lanes(self) -> dict[str | Arrow, int]:
        """The lane of each tensor at each step."""
        return self.placed

    @cached_property
    def across(self) -> dict[int, float]:
        """The centre of each lane, with room between the steps."""
        own = (max(self.lanes.values()) - min(self.lanes.values()) + 1) // len(STEPS)
        return {
            lane: place + _APART * ((lane - min(self.lanes.values())) // own) for lane, place in super().across.items()
        }

    def runs(self, name: str) -> tuple[str | Box, ...]:
        """The symbol of a tensor at its step."""
        of, _, k = name.partition(" at ")
        tensor = self.chains.forward.tensors[of]
        if not k:
            return super().runs(name)
        place = self.page.index(self.step + int(k))
        return (self.page.scripts(self.page.sign(tensor), True, place, None),)

    def cards(self) -> Iterator[Card]:
        """A card for every tensor at every step."""
        for card in super().cards():
            name = card.tensor.partition(" at ")[0]
            tensor = self.chains.forward.tensors[name]
            kind = {"input": "input", "error": "error"}.get(tensor.role, "unit")
            yield replace(card, kind=kind, tensor=name, layer=tensor.layer)

    def strokes(self) -> Iterator[Stroke]:
        """The arrows within a step, and those from one step to another."""
        for arrow in self.graph.arrows:
            reads = (arrow[0].partition(" at ")[0], arrow[1].partition(" at ")[0])
            yield Stroke(self._route(arrow), reads=reads, arrow=True, curves="y")
        ways = {tuple(way.points): arrow for arrow, way in self._ways()}
        for points, arrow in ways.items():
            yield Stroke(points, reads=arrow, arrow=True, curves="x")

    def _ways(self) -> Iterator[tuple[Arrow, Way]]:
        """The arrows between steps with their routes, also those that come from steps that are not drawn."""
        for arrow in self.graph.back:
            for moved in self.graph.moved[arrow]:
                for k in range(STEPS[0] - abs(moved), STEPS[-1] + abs(moved) + 1):
                    if k in STEPS or k + moved in STEPS:
                        yield arrow, self._way(arrow, k + moved, k)

    def _way(self, arrow: Arrow, start: int, end: int) -> Way:
        """The route from a step to another one.

        It leaves a card and enters one at their sides. Where other cards stand there, or a step lies between, it runs
        beside their level; arrows to earlier steps leave on the other side of a level.
        """
        turn = 1 if end > start else -1
        first, last = (self.graph.level[_name(name, STEPS[0])] for name in arrow)
        up = -1 if last < first else 1
        leaving, entering = self._run(first, up if turn > 0 else 1), self._run(last, -up if first != last else 1)
        outer = {way: STEPS[0 if way < 0 else -1] for way in (-1, 1)}
        margin = {way: self._edge(k, way) + way * _STUB * self.scale for way, k in outer.items()}
        passed = [(k, side) for k in range(start + turn, end, turn) if k in STEPS for side in (-turn, turn)]
        points: list[Point] = []
        begun, ended = start in STEPS, end in STEPS
        if begun:
            x, y = self._side(arrow[0], start, turn)
            points = [(x, y)]
            if blocked := self._is_blocked(arrow[0], start, turn):
                points += [(x + turn * _NEAR * self.scale, leaving), (self._edge(start, turn), leaving)]
            if not ended:
                straight = start == outer[turn] and not blocked
                points += [(self._edge(k, side), leaving) for k, side in passed]
                points.append((margin[turn], y if straight else leaving))
        if ended:
            x, y = self._side(arrow[1], end, -turn)
            blocked = self._is_blocked(arrow[1], end, -turn)
            if not begun:
                points = [(margin[-turn], y if end == outer[-turn] and not blocked else entering)]
            points += [(self._edge(k, side), entering) for k, side in passed]
            if blocked:
                points += [(self._edge(end, -turn), entering), (x - turn * _NEAR * self.scale, entering)]
            points.append((x, y))
        if begun and ended:
            return Way(points, None)
        (x, y), way = (points[-1], turn) if begun else (points[0], -turn)
        return Way(points, (x + way * _DOTS / 2 * self.scale, y))

    def _run(self, level: int, turn: int) -> float:
        """Where arrows run above or below the cards of a level."""
        middle, half = self.levels[level]
        return (middle + turn * (half + _BESIDE)) * self.scale

    def _is_blocked(self, name: str, k: int, turn: int) -> bool:
        """Whether another card of the step stands on that side of a card."""
        x, y = self.centre(_name(name, k))
        others = (self.centre(n) for n in self.graph.names if n.endswith(f" at {k}"))
        return any(other[1] == y and (other[0] - x) * turn > 0 for other in others)

    def _edge(self, k: int, turn: int) -> float:
        """Where the cards and the arrows of a step end on a side."""
        cards = (self._side(n.partition(" at ")[0], k, turn)[0] for n in self.graph.names if n.endswith(f" at {k}"))
        arrows = (
            (self.across[lane] + turn * _NEAR / 2) * self.scale
            for key, lane in self.lanes.items()
            if not isinstance(key, str) and key[0].endswith(f" at {k}")
        )
        return turn * max(turn * x for x in (*cards, *arrows))

    def _side(self, name: str, k: int, turn: int) -> Point:
        x, y = self.centre(_name(name, k))
        return x + turn * self.wide(_name(name, k)) / 2 * self.scale, y

    def labels(self) -> Iterator[Label]:
        """The symbols on the cards."""
        for label in super().labels():
            yield replace(label, symbol=label.symbol.partition(" at ")[0])

    def _labels_back(self) -> Iterator[Label]:
        """Dots where an arrow leads to a step that is not drawn, or comes from one."""
        for place in dict.fromkeys(way.dots for _, way in self._ways() if way.dots is not None):
            yield Label(*place, ("...",), self.size, quiet=True)
