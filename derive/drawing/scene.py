"""The scene of a drawing: circles, cards, strokes, dots and labels at their places, in no format yet.

Lengths are in points of the printed page; x grows to the right and y downwards.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from derive.paper.boxes import Box

#: How a part stands out: ``mark`` is the weight that is followed, ``path`` what lies between it and the error.
State = Literal["plain", "faded", "path", "mark"]
Point = tuple[float, float]
#: Left, top, right, bottom.
Frame = tuple[float, float, float, float]

#: The widest a drawing is: the 307 pt of a slide, and so the 345 pt of a plain article, hold it.
WIDEST = 300.0
#: The space around a drawing.
MARGIN = 2.0

#: How much wider small type is cut than it would be if it were made smaller, by its size in points.
_CUT = {5: 1.37, 6: 1.22, 7: 1.14, 8: 1.06}
#: The size of an index, by the size of what it belongs to.
_INDEX = {5: 5, 6: 5, 7: 5, 8: 6}
#: Widths of characters in em, roman and italic; those that are not listed are 0.54 wide.
_ROMAN = {
    **dict.fromkeys("ijl.,:;'[]", 0.28),
    **dict.fromkeys("ftrs()- ", 0.39),
    **dict.fromkeys("cez", 0.45),
    **dict.fromkeys("m", 0.84),
    **dict.fromkeys("wABCDEFGHKNOPQRTUVXYZ", 0.74),
    **dict.fromkeys("MW", 1.0),
}
_ITALIC = {**_ROMAN, **dict.fromkeys("wm", 0.8), **dict.fromkeys("ΨMW", 1.0), "r": 0.46, "f": 0.56}


#: How long an arrowhead is, and half of how wide.
_TIPS: dict[State, tuple[float, float]] = {
    "plain": (4.2, 1.7),
    "faded": (4.2, 1.7),
    "path": (5.2, 2.2),
    "mark": (6.4, 3.2),
}


@dataclass(frozen=True)
class Label:
    """Words and formulas in a row, centred at (x, y) in type of ``size``, a whole number of points.

    ``symbol`` and ``entry`` say which tensor it names, and which entry of it; ``quiet`` words are set back,
    and what stands ``inside`` a unit or a card stands on its colour.
    """

    x: float
    y: float
    runs: tuple[str | Box, ...]
    size: int
    state: State = "plain"
    symbol: str = ""
    entry: str = ""
    quiet: bool = False
    inside: bool = False

    @property
    def width(self) -> float:
        """About how wide it is in print."""
        return width_of(self.runs, self.size)

    @property
    def bounds(self) -> Frame:
        """Its left, top, right and bottom."""
        half, up = self.width / 2, 0.6 * self.size
        return self.x - half, self.y - up, self.x + half, self.y + up

    @property
    def baseline(self) -> float:
        """Where its letters stand."""
        return self.y + 0.25 * self.size


@dataclass(frozen=True)
class Circle:
    """A unit: entry ``entry`` of ``tensor``; ``kind`` is input, unit, output or constant."""

    x: float
    y: float
    radius: float
    kind: str
    tensor: str
    entry: str
    layer: int
    state: State = "plain"


@dataclass(frozen=True)
class Card:
    """A box with round corners: a whole tensor, or the error."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    tensor: str
    layer: int | None = None
    state: State = "plain"


@dataclass(frozen=True)
class Stroke:
    """A line through ``points``: straight, or where ``curves`` says so in an S along x or y.

    ``weight`` and ``entry`` name the parameter's entry that it stands for, if any;
    ``reads`` the pair of tensors, the one read and the one that reads it. A line that
    ``mixes`` has no weight: its activation couples all units of the layer.
    """

    points: tuple[Point, ...]
    state: State = "plain"
    weight: str = ""
    entry: str = ""
    reads: tuple[str, str] = ("", "")
    layer: int | None = None
    arrow: bool = False
    curves: Literal["", "x", "y"] = ""
    kind: Literal["weight", "bias", "mixes", "reads"] = "reads"


@dataclass(frozen=True)
class Dots:
    """Three dots for what is left out, one below the other or side by side."""

    x: float
    y: float
    down: bool
    state: State = "plain"


@dataclass(frozen=True)
class Parts:
    """Everything that is drawn, from back to front."""

    strokes: tuple[Stroke, ...]
    circles: tuple[Circle, ...]
    cards: tuple[Card, ...]
    dots: tuple[Dots, ...]
    labels: tuple[Label, ...]

    def frame(self) -> Frame:
        """The left, top, right and bottom of it all."""
        edges = list(self._frames())
        return min(e[0] for e in edges), min(e[1] for e in edges), max(e[2] for e in edges), max(e[3] for e in edges)

    def _frames(self) -> Iterator[Frame]:
        for stroke in self.strokes:
            xs, ys = zip(*stroke.points, strict=True)
            yield min(xs), min(ys), max(xs), max(ys)
        yield from ((c.x - c.radius, c.y - c.radius, c.x + c.radius, c.y + c.radius) for c in self.circles)
        yield from ((c.x - c.width / 2, c.y - c.height / 2, c.x + c.width / 2, c.y + c.height / 2) for c in self.cards)
        yield from (label.bounds for label in self.labels)

    def moved(self, dx: float, dy: float) -> Parts:
        """The same, further to the right and further down."""
        points = [tuple((x + dx, y + dy) for x, y in s.points) for s in self.strokes]
        return Parts(
            tuple(replace(s, points=p) for s, p in zip(self.strokes, points, strict=True)),
            tuple(replace(c, x=c.x + dx, y=c.y + dy) for c in self.circles),
            tuple(replace(c, x=c.x + dx, y=c.y + dy) for c in self.cards),
            tuple(replace(d, x=d.x + dx, y=d.y + dy) for d in self.dots),
            tuple(replace(one, x=one.x + dx, y=one.y + dy) for one in self.labels),
        )


@dataclass(frozen=True)
class Drawing:
    """A drawing, its upper left corner at (0, 0), and what it shows in words."""

    width: float
    height: float
    title: str
    text: str
    parts: Parts


def width_of(runs: Iterable[str | Box], size: int) -> float:
    """About how wide words and formulas are in print, in points."""
    return sum(measured(run, size) if isinstance(run, Box) else _words(run, size) for run in runs)


def _words(text: str, size: int, widths: dict[str, float] = _ROMAN) -> float:
    return size * _CUT[size] * sum(widths.get(c, 0.54) for c in text)


def measured(box: Box, size: int) -> float:
    """About how wide a formula is in small type, in points: its indices take more room than in a line of text."""
    if box.kind == "named":
        return measured(box.parts[0], size)
    if box.kind == "letter":
        letters = unicodedata.normalize("NFD", box.parts[0].text)
        return _words("".join(c for c in letters if not unicodedata.combining(c)), size, _ITALIC)
    if box.kind == "script":
        base, below, above, left = (measured(b, s) if b else 0.0 for b, s in zip(box.parts, _sizes(size), strict=True))
        return base + max(below, above) + left + 0.05 * size
    if box.kind == "row":
        _, *parts = box.parts
        between: float = box.width - sum(p.width for p in parts)
        return sum(measured(p, size) for p in parts) + size * _CUT[size] * between
    return size * _CUT[size] * 1.02 * box.width


def _sizes(size: int) -> tuple[int, int, int, int]:
    """The sizes of a symbol and of its indices."""
    index = _INDEX[size]
    return size, index, index, index


def wrapped(text: str, width: int) -> list[str]:
    """Words in lines no wider than ``width`` letters, or than one word."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else ""
        if longer and len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def pieces(stroke: Stroke) -> list[tuple[Point, ...]]:
    """A stroke as straight pieces (two points) and cubic curves (four), one after the other."""
    found: list[tuple[Point, ...]] = []
    for start, end in pairwise(stroke.points):
        (x0, y0), (x1, y1) = start, end
        if stroke.curves == "x" and y0 != y1:
            middle = (x0 + x1) / 2
            found.append((start, (middle, y0), (middle, y1), end))
        elif stroke.curves == "y" and x0 != x1:
            middle = (y0 + y1) / 2
            found.append((start, (x0, middle), (x1, middle), end))
        else:
            found.append((start, end))
    return found


def tip(stroke: Stroke) -> tuple[Point, Point, Point]:
    """The three corners of the arrowhead at the end of a stroke."""
    length, half = _TIPS[stroke.state]
    before, (x, y) = pieces(stroke)[-1][-2:]
    dx, dy = _direction(before, (x, y))
    back = (x - length * dx, y - length * dy)
    return (x, y), (back[0] - half * dy, back[1] + half * dx), (back[0] + half * dy, back[1] - half * dx)


def shaft(stroke: Stroke) -> list[tuple[Point, ...]]:
    """The pieces of a stroke, up to the middle of its arrowhead if it has one."""
    found = pieces(stroke)
    if stroke.arrow:
        *start, before, (x, y) = found[-1]
        dx, dy = _direction(before, (x, y))
        short = _TIPS[stroke.state][0] / 2
        found[-1] = (*start, before, (x - short * dx, y - short * dy))
    return found


def _direction(start: Point, end: Point) -> Point:
    dx, dy = end[0] - start[0], end[1] - start[1]
    norm = (dx * dx + dy * dy) ** 0.5
    return dx / norm, dy / norm


def cut(stroke: Stroke, label: Label, margin: float = 1.5) -> list[Stroke]:
    """What is left of a straight stroke when a label stands in its way."""
    left, top, right, bottom = label.bounds
    start, end = (x0, y0), (x1, y1) = stroke.points[0], stroke.points[-1]
    inside = _inside(start, end, (left - margin, top - margin, right + margin, bottom + margin))
    if inside is None:
        return [stroke]
    at = [(x0 + t * (x1 - x0), y0 + t * (y1 - y0)) for t in inside]
    ends = ((start, at[0]), (at[1], end))
    return [replace(stroke, points=pair) for pair, t in zip(ends, (inside[0], 1 - inside[1]), strict=True) if t > 0]


def _inside(start: Point, end: Point, frame: Frame) -> tuple[float, float] | None:
    """From where to where along a segment (0 to 1) it is inside a frame; None for nowhere."""
    first, last = 0.0, 1.0
    for axis in (0, 1):
        at, way = start[axis], end[axis] - start[axis]
        low, high = frame[axis], frame[axis + 2]
        if abs(way) < 1e-9:
            if not low <= at <= high:
                return None
            continue
        one, other = sorted(((low - at) / way, (high - at) / way))
        first, last = max(first, one), min(last, other)
    return (first, last) if first < last else None


def touching(start: Point, end: Point, radius: float, other: float) -> tuple[Point, Point]:
    """The line between two circles' centres, from rim to rim."""
    (x0, y0), (x1, y1) = start, end
    dx, dy = _direction(start, end)
    return (x0 + radius * dx, y0 + radius * dy), (x1 - other * dx, y1 - other * dy)
