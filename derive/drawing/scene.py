"""The scene of a drawing: positioned circles, cards, strokes, dots and labels, independent of the format.

Lengths are in points of the printed page; x points right and y down.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Literal

from derive.paper.boxes import Box
from derive.record import record

#: The emphasis of a part: ``mark`` is the highlighted weight, ``path`` is between it and the error.
State = Literal["plain", "faded", "path", "mark"]
Point = tuple[float, float]
#: Left, top, right, bottom.
Frame = tuple[float, float, float, float]

#: The maximum width of a drawing: it fits the 307 pt of a slide and the 345 pt of a plain article.
WIDEST = 300.0
#: The space around a drawing.
MARGIN = 2.0

#: The relative width of small type compared with scaled type, by its size in points.
_CUT = {5: 1.37, 6: 1.22, 7: 1.14, 8: 1.06}
#: The font size of an index, by that of its base.
_INDEX = {5: 5, 6: 5, 7: 5, 8: 6}
#: Widths of characters in em, roman and italic; others are 0.54 wide.
_ROMAN = {
    **dict.fromkeys("ijl.,:;'[]", 0.28),
    **dict.fromkeys("ftrs()- ", 0.39),
    **dict.fromkeys("cez", 0.45),
    **dict.fromkeys("m", 0.84),
    **dict.fromkeys("wABCDEFGHKNOPQRTUVXYZ", 0.74),
    **dict.fromkeys("MW", 1.0),
}
_ITALIC = {**_ROMAN, **dict.fromkeys("wm", 0.8), **dict.fromkeys("ΨMW", 1.0), "r": 0.46, "f": 0.56}


#: The length and the half width of an arrowhead.
_TIPS: dict[State, tuple[float, float]] = {
    "plain": (4.2, 1.7),
    "faded": (4.2, 1.7),
    "path": (5.2, 2.2),
    "mark": (6.4, 3.2),
}


@record
class Label:
    """A row of words and formulas, centred at (x, y), in a font of ``size``, an integer in points.

    ``symbol`` and ``entry`` identify the tensor and the entry that it names. ``quiet`` text is less prominent,
    and text ``inside`` a unit or a card is set on its fill colour.
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
        """The approximate printed width."""
        return width_of(self.runs, self.size)

    @property
    def bounds(self) -> Frame:
        """The left, top, right and bottom."""
        half, up = self.width / 2, 0.6 * self.size
        return self.x - half, self.y - up, self.x + half, self.y + up

    @property
    def baseline(self) -> float:
        """The y coordinate of the baseline."""
        return self.y + 0.25 * self.size


@record
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


@record
class Card:
    """A box with rounded corners: a whole tensor, or the error."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    tensor: str
    layer: int | None = None
    state: State = "plain"


@record
class Stroke:
    """A line through ``points``: straight, or S-shaped along x or y as ``curves`` says.

    ``weight`` and ``entry`` identify the parameter's entry that it represents, if any;
    ``reads`` is the pair of a tensor and its reader. A line that ``mixes`` has no
    weight: its activation couples all units of the layer.
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


@record
class Dots:
    """Three dots for an omission, vertical or horizontal."""

    x: float
    y: float
    down: bool
    state: State = "plain"


@record
class Parts:
    """All parts of a drawing, from back to front."""

    strokes: tuple[Stroke, ...]
    circles: tuple[Circle, ...]
    cards: tuple[Card, ...]
    dots: tuple[Dots, ...]
    labels: tuple[Label, ...]

    def frame(self) -> Frame:
        """The left, top, right and bottom of all parts."""
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
        """Return the parts moved to the right and down."""
        points = [tuple((x + dx, y + dy) for x, y in s.points) for s in self.strokes]
        return Parts(
            tuple(replace(s, points=p) for s, p in zip(self.strokes, points, strict=True)),
            tuple(replace(c, x=c.x + dx, y=c.y + dy) for c in self.circles),
            tuple(replace(c, x=c.x + dx, y=c.y + dy) for c in self.cards),
            tuple(replace(d, x=d.x + dx, y=d.y + dy) for d in self.dots),
            tuple(replace(one, x=one.x + dx, y=one.y + dy) for one in self.labels),
        )


@record
class Drawing:
    """A drawing with its upper left corner at (0, 0), and its description in words."""

    width: float
    height: float
    title: str
    text: str
    parts: Parts


def width_of(runs: Iterable[str | Box], size: int) -> float:
    """The approximate printed width of words and formulas, in points."""
    return sum(measured(run, size) if isinstance(run, Box) else _words(run, size) for run in runs)


def _words(text: str, size: int, widths: dict[str, float] = _ROMAN) -> float:
    return size * _CUT[size] * sum(widths.get(c, 0.54) for c in text)


def measured(box: Box, size: int) -> float:
    """The approximate width of a formula in small type, in points; its indices are relatively wider there."""
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
    """The font sizes of a symbol and of its indices."""
    index = _INDEX[size]
    return size, index, index, index


def wrapped(text: str, width: int) -> list[str]:
    """Wrap text to lines of at most ``width`` letters, or one word."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else ""
        if longer and len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def pieces(stroke: Stroke) -> list[tuple[Point, ...]]:
    """Split a stroke into line segments (two points) and cubic curves (four points)."""
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
    """Remove the part of a straight stroke that a label covers."""
    left, top, right, bottom = label.bounds
    start, end = (x0, y0), (x1, y1) = stroke.points[0], stroke.points[-1]
    inside = _inside(start, end, (left - margin, top - margin, right + margin, bottom + margin))
    if inside is None:
        return [stroke]
    at = [(x0 + t * (x1 - x0), y0 + t * (y1 - y0)) for t in inside]
    ends = ((start, at[0]), (at[1], end))
    return [replace(stroke, points=pair) for pair, t in zip(ends, (inside[0], 1 - inside[1]), strict=True) if t > 0]


def _inside(start: Point, end: Point, frame: Frame) -> tuple[float, float] | None:
    """The interval of a segment (from 0 to 1) that is inside a frame; None if there is none."""
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
    """The line along two circles' centres, from rim to rim."""
    (x0, y0), (x1, y1) = start, end
    dx, dy = _direction(start, end)
    return (x0 + radius * dx, y0 + radius * dy), (x1 - other * dx, y1 - other * dy)
