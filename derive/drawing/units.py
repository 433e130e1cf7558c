"""Draw plain layers: units in columns, a line for every weight, and the error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from math import hypot, sqrt

from derive.calculus.index import Tensor
from derive.drawing.columns import Column, Place, Runs
from derive.drawing.names import array_symbol, entry_symbol, key
from derive.drawing.plan import Plan
from derive.drawing.scene import Card, Circle, Dots, Label, Parts, Point, State, Stroke, cut, touching, width_of

#: The smallest legible font size; a unit that is too small even for it stays empty.
SMALLEST = 5


def units(columns: Plan) -> Parts:
    """Return all parts of the drawing."""
    plan = replace(columns, ports=_crosses_units(columns))
    mark = _mark(plan)
    lines = list(_strokes(plan))
    shown = [piece for s in lines for piece in ([s] if mark is None or s.arrow else cut(s, mark))]
    labels = [*_in_columns(plan), *_over_lines(plan), *_at_error(plan), *([mark] if mark else [])]
    return Parts(tuple(shown), tuple(_circles(plan)), (_card(plan),), tuple(_dots(plan)), tuple(labels))


def _crosses_units(plan: Plan) -> bool:
    """Whether a line crosses, or nearly crosses, a unit other than its ends."""
    circles = list(_circles(plan))
    for stroke in _strokes(plan):
        start, end = stroke.points
        near = [c for c in circles if start[0] - 2 * c.radius < c.x < end[0] + 2 * c.radius]
        if any(_distance(start, end, (c.x, c.y)) < c.radius - 0.01 for c in near):
            return True
    return False


def _distance(start: Point, end: Point, point: Point) -> float:
    """The distance of a point from a line segment."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    x, y = point[0] - start[0], point[1] - start[1]
    along = min(1.0, max(0.0, (x * dx + y * dy) / (dx * dx + dy * dy)))
    return hypot(x - along * dx, y - along * dy)


# ------------------------------------------------------------ circles


def _circles(plan: Plan) -> Iterator[Circle]:
    """The units, and those that are always 1."""
    for number, (x, column) in enumerate(zip(plan.places, plan.columns, strict=False)):
        for place, y in plan.units(column):
            unit = (column.kind, column.tensor.name, key((place,)), column.number)
            yield Circle(x, y, plan.style.radius, *unit, plan.state(column, place))
        if column.has_constant:
            name = column.constant.name if column.constant else ""
            x, y = plan.constant_place(number)
            state = plan.constant_state(column)
            yield Circle(x, y, plan.style.small, "constant", name, "0", column.number, state)


def _dots(plan: Plan) -> Iterator[Dots]:
    """Dots for omitted units and layers."""
    for x, column in zip(plan.places, plan.columns, strict=False):
        lit = plan.chosen is None or plan.chosen.reaches_all(column.names)
        yield from (Dots(x, y, True, "plain" if lit else "faded") for place, y in plan.rows(column) if place is None)
    for number, (x0, x1) in enumerate(pairwise(plan.places)):
        if plan.gap(number):
            yield Dots((x0 + x1) / 2, 0.0, False)


def _card(plan: Plan) -> Card:
    """The error."""
    side = 2 * plan.style.radius
    return Card(plan.places[-1], 0.0, side, side, "error", plan.error.name, None, "path" if plan.chosen else "plain")


# ------------------------------------------------------------ lines


def _strokes(plan: Plan) -> Iterator[Stroke]:
    """A line for every weight between visible units, and from every output to the error."""
    for number in range(len(plan.columns) - 1):
        if not plan.gap(number):
            yield from _between(plan, number)
    yield from _into_error(plan, plan.places[-2], plan.places[-1])


def _between(plan: Plan, number: int) -> Iterator[Stroke]:
    """The lines between a column and the next."""
    (column, after), (x0, x1) = plan.columns[number : number + 2], plan.places[number : number + 2]
    for to, y1 in plan.units(after):
        for start, y0 in plan.units(column):
            yield _line(plan, column, after, start, to, plan.ends((x0, y0), (x1, y1), plan.style.radius))
        if column.has_constant:
            ends = plan.ends(plan.constant_place(number), (x1, y1), plan.style.small)
            yield _line(plan, column, after, 0, to, ends)


def _line(plan: Plan, column: Column, after: Column, start: Place, to: Place, ends: tuple[Point, Point]) -> Stroke:
    """The line of a weight, or of an activation that couples units."""
    layer, state = after.layer, plan.between(column, after, start, to)
    if layer is None:
        return Stroke(ends, state, "", "", (column.tensor.name, after.tensor.name), after.number, kind="mixes")
    parameter: Tensor = layer.weight
    places: tuple[Place, ...] = (to, start)
    if start == 0 and layer.bias is not None:
        parameter, places = layer.bias, (to,)
    if plan.chosen is not None and (parameter, places) == (plan.chosen.parameter, plan.chosen.entry):
        state = "mark"
    reads = (column.tensor.name, layer.sum.name)
    about = (parameter.name, key(places), reads, after.number)
    return Stroke(ends, state, *about, kind="bias" if start == 0 else "weight")


def _into_error(plan: Plan, x0: float, x1: float) -> Iterator[Stroke]:
    column, half = plan.columns[-1], plan.style.radius
    spread = 0.6 * half / max(1.0, plan.rows(column)[-1][1])
    for place, y in plan.units(column):
        end = (x1 - half, y * spread)
        start = (x0 + half, y) if plan.ports else touching((x0, y), end, half, 0.0)[0]
        state: State = "faded" if plan.chosen and not plan.chosen.reaches(column.names, place) else "path"
        reads = (column.tensor.name, plan.error.name)
        yield Stroke((start, end), state if plan.chosen else "plain", reads=reads, arrow=True)
    for target in plan.targets[:1]:
        ends = ((x1, half + 14.0), (x1, half))
        yield Stroke(ends, plan.faded(), reads=(target.name, plan.error.name), arrow=True)


# ------------------------------------------------------------ words


def _in_columns(plan: Plan) -> Iterator[Label]:
    """The labels in the units and below the columns."""
    for number, (x, column) in enumerate(zip(plan.places, plan.columns, strict=False)):
        for place, y in plan.units(column):
            runs = (entry_symbol(plan.page, column.tensor, (place,)),)
            size, name = _fitting(plan, runs), column.tensor.name
            if size:
                yield Label(x, y, runs, size, plan.state(column, place), name, key((place,)), inside=True)
        if column.has_constant:
            at = plan.constant_place(number)
            yield Label(*at, ("1",), max(SMALLEST, plan.style.inner - 1), plan.constant_state(column))
        yield from _below(plan, x, column.caption)


def _fitting(plan: Plan, runs: Runs) -> int:
    """The font size in which a label fits into a unit; 0 if none does."""
    sizes = range(plan.style.inner, SMALLEST - 1, -1)
    return next((n for n in sizes if width_of(runs, n) <= _chord(plan.style.radius, 0.4 * n)), 0)


def _chord(radius: float, height: float) -> float:
    """The width of a circle at a distance above or below its centre."""
    return 2 * sqrt(radius**2 - height**2) - 1


def _below(plan: Plan, x: float, lines: tuple[Runs, ...]) -> Iterator[Label]:
    for number, runs in enumerate(lines):
        y = plan.bottom + 12 + number * plan.style.outer * 1.25
        yield Label(x, y, runs, plan.style.outer, quiet=number > 0)


def _over_lines(plan: Plan) -> Iterator[Label]:
    """The symbols of the parameters, or the number of omitted layers."""
    for number, after in enumerate(plan.columns[1:]):
        x, size = (plan.places[number] + plan.places[number + 1]) / 2, plan.style.outer
        if count := plan.gap(number):
            for line, word in enumerate((str(count), "more", "layer" if count == 1 else "layers")):
                yield Label(x, 14 + line * size * 1.25, (word,), size, quiet=True)
        else:
            for line, runs in enumerate(reversed(plan.parameters(after))):
                yield Label(x, plan.top - 8 - line * size * 1.4, runs, size)


def _at_error(plan: Plan) -> Iterator[Label]:
    x, name = plan.places[-1], plan.error.name
    state: State = "path" if plan.chosen else "plain"
    yield Label(x, 0.0, (array_symbol(plan.page, plan.error),), plan.style.inner, state, name, inside=True)
    yield from _below(plan, x, plan.loss)
    for target in plan.targets[:1]:
        y = plan.style.radius + 15 + plan.style.outer / 2
        yield Label(x, y, (array_symbol(plan.page, target),), plan.style.outer, symbol=target.name)


def _mark(plan: Plan) -> Label | None:
    """The label of the highlighted weight, in the middle of its line."""
    found = next((s for s in _strokes(plan) if s.state == "mark"), None)
    if found is None:
        return None
    (x0, y0), (x1, y1) = found.points
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    return Label(*middle, plan.mark(), plan.style.inner, "mark", found.weight, found.entry)
