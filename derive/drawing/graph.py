"""Lay out any forward pass as a graph of tensors in levels and lanes.

Each tensor has a level after those of all tensors that it reads. The longest path to the
error runs along one lane. Branches, and arrows that pass a level, get lanes of their own
next to it, so that nothing overlaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sympy import Symbol

from derive.calculus.forward import ForwardPass
from derive.calculus.index import Tensor
from derive.calculus.recurrence import entries_of, recurrences, shift
from derive.record import record

Arrow = tuple[str, str]
#: The name of the placeholder for omitted levels; it is not a valid name of a tensor.
LEFT_OUT = "..."
#: The maximum number of levels that are drawn.
MOST_LEVELS = 18


@record
class Graph:
    """Tensors with their dependencies, parameters and levels.

    The arrows ``back`` lead to a tensor that reads another one, or itself, at an earlier place; ``moved`` says how many
    places away.
    """

    names: tuple[str, ...]
    arrows: tuple[Arrow, ...]
    entering: dict[str, tuple[Tensor, ...]]
    level: dict[str, int]
    left_out: frozenset[str] = frozenset()
    back: tuple[Arrow, ...] = ()
    moved: Mapping[Arrow, tuple[int, ...]] = field(default_factory=dict)

    def into(self, name: str) -> list[str]:
        """The tensors that a tensor reads."""
        return [a for a, b in self.arrows if b == name]


def graph_of(forward: ForwardPass) -> Graph:
    """Arrange the tensors of a forward pass in levels; given derivatives are left out."""
    upstream = {t.name for t in forward.upstream}
    learned = {p.name: p for p in forward.parameters}
    given = [t.name for t in forward.inputs]
    entering: dict[str, tuple[Tensor, ...]] = {}
    arrows: list[Arrow] = []
    for equation in forward.equations:
        symbols = {s.name for s in equation.expression.atoms(Symbol) if not s.is_integer}  # widths are integers
        read = [n for n in forward.tensors if n in symbols - upstream]
        entering[equation.target.name] = tuple(learned[n] for n in read if n in learned)
        arrows += [(n, equation.target.name) for n in read if n not in learned]
    used = {a for a, _ in arrows}
    names = (*(n for n in given if n in used), *(e.target.name for e in forward.equations))
    place = {name: number for number, name in enumerate(names)}
    back = tuple((a, b) for a, b in arrows if place[a] >= place[b])
    onward = tuple(arrow for arrow in arrows if arrow not in back)
    graph = Graph(names, onward, entering, _levels(names, onward), back=back, moved=_moved(forward))
    return _shortened(graph)


def _moved(forward: ForwardPass) -> dict[Arrow, tuple[int, ...]]:
    """How many places away the equations of recurrences read each tensor of these, if it is another place."""
    found: dict[Arrow, list[int]] = {}
    for recurrence in recurrences(forward.equations):
        for equation in recurrence.equations:
            own = recurrence.index(equation)
            for entry in entries_of(equation.expression, recurrence.places):
                name = entry.base.label.name
                moved = shift(entry.indices[recurrence.places[name]], own)
                if moved:
                    found.setdefault((name, equation.target.name), []).append(int(moved))
    return {arrow: tuple(sorted({*places}, key=abs)) for arrow, places in found.items()}


def _levels(names: Iterable[str], arrows: Iterable[Arrow]) -> dict[str, int]:
    """Place each tensor one level after the last that it reads, and sources right before their first reader."""
    level: dict[str, int] = {}
    listed = list(names)
    for name in listed:
        level[name] = max((level[a] + 1 for a, b in arrows if b == name), default=0)
    for name in reversed(listed):
        readers = [level[b] for a, b in arrows if a == name]
        if readers and not any(b == name for _, b in arrows):
            level[name] = min(readers) - 1
    lowest = min(level.values())
    return {name: n - lowest for name, n in level.items()}


def _shortened(graph: Graph) -> Graph:
    """Replace the levels in the middle by one placeholder if there are too many."""
    last = max(graph.level.values())
    if last < MOST_LEVELS:
        return graph
    first, end = MOST_LEVELS // 2, last - MOST_LEVELS // 2 + 1
    gone = frozenset(n for n in graph.names if first <= graph.level[n] < end)
    new = {n: LEFT_OUT if n in gone else n for n in graph.names}
    names = tuple(dict.fromkeys(new[n] for n in sorted(graph.names, key=graph.level.__getitem__)))
    arrows = dict.fromkeys((new[a], new[b]) for a, b in graph.arrows if new[a] != new[b])
    level = {n: v if v < end else v - (end - first) + 1 for n, v in graph.level.items() if n not in gone}
    entering = {n: p for n, p in graph.entering.items() if n not in gone}
    back = tuple(arrow for arrow in graph.back if gone.isdisjoint(arrow))
    return Graph(names, tuple(arrows), entering, {**level, LEFT_OUT: first}, gone, back, graph.moved)


# ------------------------------------------------------------ lanes


@dataclass
class Lanes:
    """Assigns lanes to tensors and long arrows: 0 in the middle, then 1, -1, 2, ... next to it.

    Arrows back have lanes on one ``side``, -1 or 1; those from the same tensor share one.
    """

    graph: Graph
    side: int = -1
    of: dict[str | Arrow, int] = field(default_factory=dict)
    taken: set[tuple[int, int]] = field(default_factory=set)

    def assign(self) -> dict[str | Arrow, int]:
        """Assign lanes to the longest paths first, then to the arrows that pass levels, short ones first."""
        level = self.graph.level
        while rest := [n for n in self.graph.names if n not in self.of]:
            way = self._longest_way(rest)
            self._take(way, range(level[way[0]], level[way[-1]] + 1))
        long = [a for a in self.graph.arrows if level[a[1]] - level[a[0]] > 1]
        for arrow in sorted(long, key=lambda a: (level[a[1]] - level[a[0]], level[a[0]])):
            if not self._straight(arrow):
                self._take([arrow], range(level[arrow[0]] + 1, level[arrow[1]]))
        first = {
            start: min(level[end] for other, end in self.graph.back if other == start) for start, _ in self.graph.back
        }
        for start in sorted(first, key=lambda name: level[name] - first[name]):
            arrows = [arrow for arrow in self.graph.back if arrow[0] == start]
            levels = range(first[start], level[start] + 1)
            beyond = max((self.side * lane for lane, at in self.taken if at in levels), default=0)
            self._place([*arrows], levels, self.side * (beyond + 1))
        return self.of

    def _straight(self, arrow: Arrow) -> bool:
        """Whether an arrow can run along the lane of both its ends; if so, assign that lane."""
        between = range(self.graph.level[arrow[0]] + 1, self.graph.level[arrow[1]])
        lane = self.of[arrow[0]]
        if lane != self.of[arrow[1]] or any((lane, n) in self.taken for n in between):
            return False
        self._place([arrow], between, lane)
        return True

    def _longest_way(self, rest: list[str]) -> list[str]:
        """The longest path of tensors without a lane, each read by the next one on the next level."""
        best: dict[str, list[str]] = {}
        for name in sorted(rest, key=self.graph.level.__getitem__):
            before = [best[a] for a in self.graph.into(name) if a in best and self._next(a, name)]
            best[name] = [*max(before, key=len, default=[]), name]
        return max(best.values(), key=len)

    def _next(self, one: str, other: str) -> bool:
        return self.graph.level[other] - self.graph.level[one] == 1

    def _take(self, what: list[str] | list[Arrow], levels: range) -> None:
        near = self._neighbours(what)
        lanes = sorted(range(-len(self.of) - 1, len(self.of) + 2), key=lambda n: (abs(n), abs(n - near), -n))
        self._place(what, levels, next(n for n in lanes if not any((n, v) in self.taken for v in levels)))

    def _neighbours(self, what: list[str] | list[Arrow]) -> float:
        """The approximate lane of the neighbours of a chain."""
        mine = set(what)
        found = [self.of[n] for a in self.graph.arrows for n in a if n in self.of and (mine & set(a) or a in mine)]
        return sum(found) / len(found) if found else 0.0

    def _place(self, what: list[str] | list[Arrow], levels: range, lane: int) -> None:
        self.of.update(dict.fromkeys(what, lane))
        self.taken |= {(lane, n) for n in levels}
