r"""Write drawings as TikZ that a person can edit: with named nodes, styles and loops over units.

No TikZ library is needed. Colours are defined by ``providecolor``, so that a document can override them. Lines run
between nodes, so they follow a node that is moved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import groupby, pairwise

from derive.drawing.scene import Card, Circle, Drawing, Label, Point, Stroke
from derive.paper.boxes import Box
from derive.paper.characters import Letter
from derive.paper.latex import latex
from derive.record import record

#: Colours by purpose: type in units, lines, parts on no path, paths, and fills.
COLOURS = {
    "deriveink": "1B2733",
    "deriveline": "8794A0",
    "derivefaded": "C9D0D6",
    "derivequiet": "66727D",
    "derivepath": "1A5FB4",
    "deriveunit": "E6EFF8",
    "deriveinput": "F3F1EA",
    "derivelit": "CFE2F7",
}

#: The style of every circle and card; that of every text outside of them.
_SHAPE = (
    "draw=deriveink, text=deriveink, line width=.5pt, inner sep=0pt, outer sep=0pt, text height=.65em, text depth=.15em"
)
_WORDS = "anchor=base, inner sep=1pt"
_CAPTION = "words, anchor=north, align=center, inner sep=0pt"
#: The fill of a node by its kind.
_FILLS = {"unit": "deriveunit", "output": "deriveunit", "input": "deriveinput", "error": "deriveinput"}
#: The styles of lines, the strongest last.
_LINES = {
    "faded": "derivefaded, line width=.3pt",
    "mixes": "deriveline, line width=.3pt, dash pattern=on 1.5pt off 1.5pt",
    "bias": "deriveline, line width=.25pt",
    "weight": "deriveline, line width=.45pt",
    "reads": "deriveline, line width=.45pt",
    "way": "derivepath, line width=1pt",
    "chosen": "derivepath, line width=2.2pt",
}
_STATES = {"faded": "faded", "path": "way", "mark": "chosen"}
#: The styles of nodes on a path, and on none.
_EMPHASIS = {
    "lit": "draw=derivepath, line width=1.2pt, fill=derivelit",
    "dim": "draw=derivefaded, text=derivequiet, fill=none",
}
_LOOKS = {"path": ", lit", "faded": ", dim"}

_TIP = "-latex"
#: The variables of a loop over units.
_FIRST, _SECOND = r"\i", r"\j"


def tikz(drawing: Drawing, label: Callable[[Box], str] = latex, across: float = 1.0) -> str:
    """Write a drawing for LaTeX. ``label`` writes the formulas; ``across`` scales the distances from left to right."""
    return _Picture(drawing, label).written(across)


@record
class _Node:
    """A circle, a card or a text with its name."""

    name: str
    stem: str
    entry: str
    shape: Circle | Card | Label
    label: Label | None = None

    @property
    def at(self) -> Point:
        return self.shape.x, self.shape.y

    @property
    def half(self) -> Point:
        """Half of the width and of the height."""
        if isinstance(self.shape, Circle):
            return self.shape.radius, self.shape.radius
        if isinstance(self.shape, Card):
            return self.shape.width / 2, self.shape.height / 2
        return self.shape.width / 2, 0.6 * self.shape.size

    def anchor(self, point: Point) -> str | None:
        """The side in whose middle a point lies, '' if it lies elsewhere on the rim; None if it does not."""
        (x, y), (w, h) = self.at, self.half
        dx, dy = point[0] - x, point[1] - y
        for side, (sx, sy) in {"east": (w, 0), "west": (-w, 0), "south": (0, h), "north": (0, -h)}.items():
            if abs(dx - sx) < _NEAR and abs(dy - sy) < _NEAR:
                return side
        if isinstance(self.shape, Circle):
            return "" if abs((dx * dx + dy * dy) ** 0.5 - w) < _NEAR else None
        inside = abs(dx) < w + _NEAR and abs(dy) < h + _NEAR
        return "" if inside and (abs(abs(dx) - w) < _NEAR or abs(abs(dy) - h) < _NEAR) else None


#: The distance at which a line still touches a node, in points.
_NEAR = 0.3


#: A line, and the nodes and sides at which it begins and ends.
_Ends = tuple[Stroke, tuple[_Node, str] | None, tuple[_Node, str] | None]


class _Picture:
    """A drawing while it is written."""

    def __init__(self, drawing: Drawing, label: Callable[[Box], str]) -> None:
        self.drawing, self.parts, self.label = drawing, drawing.parts, label

    def written(self, across: float) -> str:
        body = [*self._shapes(), *self._texts(over=False), *self._strokes(), *self._texts(over=True)]
        styles = ",\n  ".join([f"x={_number(self.unit[0] * across)}pt, y={_number(self.unit[1])}pt", *self._styles()])
        used = "\n".join(body) + styles
        colours = [rf"\providecolor{{{name}}}{{HTML}}{{{value}}}" for name, value in COLOURS.items() if name in used]
        opening = [r"\begin{tikzpicture}[baseline=(current bounding box.center),", f"  {styles}]"]
        return "\n".join([*colours, *opening, *(f"  {line}" for line in body), r"\end{tikzpicture}"])

    # ------------------------------------------------------------ places

    @cached_property
    def nodes(self) -> list[_Node]:
        """The shapes with their names and labels, and the texts that lines begin at."""
        labels = {(x.x, x.y): x for x in self.parts.labels}
        found: dict[str, _Node] = {}
        shapes: list[Circle | Card] = [*self.parts.circles, *self.parts.cards]
        for shape in shapes:
            entry = shape.entry if isinstance(shape, Circle) else ""
            stem = _plain(shape.tensor) or f"one{shape.layer}"
            entry = "".join(c if c.isalnum() and c.isascii() else "-" for c in entry)
            name = f"{stem}-{entry}" if entry else stem
            if name in found:
                stem = name = f"node{len(found)}"
                entry = ""
            found[name] = _Node(name, stem, entry, shape, labels.get((shape.x, shape.y)))
        taken = {node.at for node in found.values()}
        for text in self.parts.labels:
            name = _plain(text.symbol)
            if name and name not in found and (text.x, text.y) not in taken:
                found[name] = _Node(name, name, "", text, text)
        return list(found.values())

    @cached_property
    def unit(self) -> Point:
        """The lengths of the units of the coordinates: the distances of columns and rows, if they are equal."""
        xs = sorted({round(n.at[0], 1) for n in self.nodes if not isinstance(n.shape, Label)})
        apart = [b - a for a, b in pairwise(xs)]
        rows = [b.y - a.y for a, b in pairwise(self.parts.circles) if a.x == b.x and a.kind == b.kind]
        across = apart[0] if apart and max(apart) - min(apart) < _NEAR else 10.0
        return across, min(rows, default=10.0)

    @cached_property
    def origin(self) -> Point:
        """The point (0, 0): the first column, the middle row."""
        shapes = [n.at for n in self.nodes if not isinstance(n.shape, Label)]
        last = [c for c in self.parts.cards if c.kind == "error"]
        return min((x for x, _ in shapes), default=0.0), last[0].y if last else 0.0

    def _at(self, point: Point) -> str:
        return f"({','.join(map(_number, self._coordinates(point)))})"

    def _coordinates(self, point: Point) -> Point:
        (x, y), (x0, y0), (across, up) = point, self.origin, self.unit
        return (x - x0) / across, (y0 - y) / up

    # ------------------------------------------------------------ circles, cards, dots

    def _shapes(self) -> Iterator[str]:
        """The units of a column in a loop, if they differ in their number alone."""
        shapes = [n for n in self.nodes if not isinstance(n.shape, Label)]
        for _, column in groupby(shapes, lambda n: (n.stem, n.at[0], self._look(n), self._template(n))):
            some = list(column)
            places = [self._coordinates(n.at) for n in some]
            numbered = len(some) > 1 and all(n.entry.isdigit() for n in some)
            if not numbered:
                yield from (self._node(n, n.name, self._at(n.at), self._text(n.label)) for n in some)
                continue
            x, entries = _number(places[0][0]), [int(n.entry) for n in some]
            above = {round(y + n, 2) for n, (_, y) in zip(entries, places, strict=True)}
            text = self._template(some[0])
            name = f"{some[0].stem}-{_FIRST}"
            if len(above) == 1:
                y = f"{_number(above.pop())}-{_FIRST}"
                loop = rf"\foreach {_FIRST} in {_set(entries)}"
                yield f"{loop} {self._node(some[0], name, f'({x},{y})', text)}"
            else:
                pairs = ", ".join(f"{n}/{_number(y)}" for n, (_, y) in zip(entries, places, strict=True))
                loop = rf"\foreach {_FIRST}/\y in {{{pairs}}}"
                at = rf"({x},\y)"
                yield f"{loop} {self._node(some[0], name, at, text)}"
        for dots in self.parts.dots:
            colour = "[derivefaded] " if dots.state == "faded" else "[deriveline] "
            sign = r"\vdots" if dots.down else r"\cdots"
            yield rf"\node{colour}at {self._at((dots.x, dots.y))} {{${sign}$}};"

    def _node(self, node: _Node, name: str, at: str, text: str) -> str:
        return rf"\node[{self._look(node)}] ({name}) at {at} {{{text}}};"

    def _look(self, node: _Node) -> str:
        """The style of a node, with the size of its type if it is not that of its kind."""
        shape = node.shape
        assert isinstance(shape, (Circle, Card))
        own = "" if node.label is None or node.label.size == self._of_shapes else f", {_font(node.label.size)}"
        return f"{_kind(shape)}{_LOOKS.get(shape.state, '')}{own}"

    @cached_property
    def _of_shapes(self) -> int:
        """The size of type in most circles and cards."""
        return _most([n.label.size for n in self.nodes if n.label and n.shape != n.label])

    @cached_property
    def _of_words(self) -> int:
        """The size of most texts outside of circles and cards."""
        inside = {n.at for n in self.nodes if n.shape != n.label}
        return _most([x.size for x in self.parts.labels if (x.x, x.y) not in inside])

    def _template(self, node: _Node) -> str:
        """The text of a node with its number as the variable of a loop; its name if the number is elsewhere."""
        if node.label is None or not node.entry.isdigit():
            return node.name
        runs = tuple(_numbered(r, node.entry) if isinstance(r, Box) else r for r in node.label.runs)
        return self._text(replace(node.label, runs=runs)) if runs != node.label.runs else node.name

    def _styles(self) -> Iterator[str]:
        """The styles of the kinds of nodes and lines that occur."""
        shapes = [n.shape for n in self.nodes if isinstance(n.shape, (Circle, Card))]
        yield f"outlined/.style={{{_SHAPE}, {_font(self._of_shapes)}}}"
        for kind, some in groupby(sorted(shapes, key=_kind), _kind):
            listed = list(some)
            fill = f", fill={_FILLS[listed[0].kind]}" if listed[0].kind in _FILLS else ""
            yield f"{kind}/.style={{outlined, {_size(listed)}{fill}}}"
        yield f"words/.style={{{_WORDS}, {_font(self._of_words)}}}"
        if any(len(lines) > 1 for lines in self._lines):
            yield f"caption/.style={{{_CAPTION}}}"
        for name, look in _EMPHASIS.items():
            if any(_LOOKS.get(s.state) == f", {name}" for s in shapes):
                yield f"{name}/.style={{{look}}}"
        lines = {_line(s) for s in self.parts.strokes}
        yield from (f"{name}/.style={{{look}}}" for name, look in _LINES.items() if name in lines)

    # ------------------------------------------------------------ lines

    def _strokes(self) -> Iterator[str]:
        """Lines between nodes, the strongest last; in loops where every unit is joined with every unit."""
        order = list(_LINES)
        ends = [(s, self._end(s, 0), self._end(s, -1)) for s in self._whole()]
        pairs = list(dict.fromkeys((_stem(first), _stem(last)) for _, first, last in ends))
        ends.sort(key=lambda e: (order.index(_line(e[0])), pairs.index((_stem(e[1]), _stem(e[2])))))
        for (style, first, last), some in groupby(ends, lambda e: (_style(e[0]), _stem(e[1]), _stem(e[2]))):
            listed = list(some)
            parts = [listed] if not (first and last) or _loop(listed) else _by_end(listed)
            for part in parts:
                loop = _loop(part) if first and last else None
                if loop is not None:
                    yield rf"{loop[0]}\draw[{style}] {loop[1]} -- {loop[2]};"
                else:
                    yield from (rf"\draw[{style}] {self._line(*each)};" for each in part)

    def _whole(self) -> list[Stroke]:
        """The lines of the drawing; one that is cut where a label stands is whole, below the label."""
        found: dict[object, Stroke] = {}
        for stroke in self.parts.strokes:
            key = (stroke.weight, stroke.entry, stroke.reads) if stroke.entry and not stroke.arrow else id(stroke)
            first = found.setdefault(key, stroke)
            found[key] = replace(first, points=(*first.points[:-1], stroke.points[-1]))
        return list(found.values())

    @cached_property
    def sideways(self) -> bool:
        """Whether lines between circles begin and end at their sides, also those that rise or fall."""
        rising = [s.points for s in self.parts.strokes if s.kind != "reads" and s.points[0][1] != s.points[-1][1]]
        circles = [n for n in self.nodes if isinstance(n.shape, Circle)]
        return any(n.anchor(points[0]) == "east" for points in rising for n in circles)

    def _end(self, stroke: Stroke, which: int) -> tuple[_Node, str] | None:
        """The node at which a line ends, and the side of the node if that matters."""
        point, straight = stroke.points[which], len(stroke.points) == 2 and not stroke.curves
        for node in self.nodes:
            side = node.anchor(point)
            if side is not None and (side or straight) and not isinstance(node.shape, Label):
                matters = not straight or (self.sideways and isinstance(node.shape, Circle))
                return node, side if matters else ""
        if which or not straight or stroke.reads[0] == stroke.weight:
            return None
        texts = (n for n in self.nodes if n.shape == n.label and n.name == _plain(stroke.reads[0]))
        return next(((text, "") for text in texts), None)

    def _line(self, stroke: Stroke, first: tuple[_Node, str] | None, last: tuple[_Node, str] | None) -> str:
        points = [self._at(p) for p in stroke.points]
        points[0] = _named(first) if first else points[0]
        points[-1] = _named(last) if last else points[-1]
        found = points[0]
        out, into = ("-90", "90") if stroke.curves == "y" else ("0", "180")
        for (start, end), text in zip(pairwise(stroke.points), points[1:], strict=True):
            across = start[0] - end[0] if stroke.curves == "y" else start[1] - end[1]
            curved = bool(stroke.curves) and abs(across) > _NEAR
            found += f" to[out={out}, in={into}] {text}" if curved else f" -- {text}"
        return found

    # ------------------------------------------------------------ labels

    @cached_property
    def _lines(self) -> list[list[Label]]:
        """The labels outside of circles and cards; the lines of a caption together."""
        inside = {n.at for n in self.nodes if n.shape != n.label}
        found: list[list[Label]] = []
        for one in self.parts.labels:
            if (one.x, one.y) in inside:
                continue
            last = found[-1][-1] if found else None
            if last and last.x == one.x and last.size == one.size and 0 < one.y - last.y < 1.3 * one.size:
                found[-1].append(one)
            else:
                found.append([one])
        return found

    def _texts(self, over: bool) -> Iterator[str]:
        """The texts outside of circles and cards: those over lines, or the others."""
        names = {id(n.shape): n.name for n in self.nodes if n.shape == n.label}
        for lines in self._lines:
            first = lines[0]
            if over != (first.state == "mark"):
                continue
            text = (r"\strut " if len(lines) > 1 else "") + r"\\".join(map(self._text, lines))
            top = first.baseline - 0.875 * first.size
            style, y = ("caption", top) if len(lines) > 1 else ("words", first.baseline)
            name = f" ({names[id(first)]})" if id(first) in names else ""
            colour = {"faded": ", text=derivequiet", "mark": ", text=derivepath, fill=white"}.get(first.state, "")
            size = "" if first.size == self._of_words else f", {_font(first.size)}"
            yield rf"\node[{style}{colour}{size}]{name} at {self._at((first.x, y))} {{{text}}};"

    def _text(self, label: Label | None) -> str:
        runs = () if label is None else label.runs
        return "".join(_escaped(r) if isinstance(r, str) else f"${self.label(r)}$" for r in runs)


def _plain(name: str) -> str:
    """A name of a node: the letters and digits of ASCII."""
    return "".join(c for c in name if c.isascii() and c.isalnum())


def _kind(shape: Circle | Card) -> str:
    return "layers" if shape.kind == "left_out" else shape.kind


def _size(shapes: Sequence[Circle | Card]) -> str:
    """The size of the shapes of a kind; a card grows with its text."""
    first = shapes[0]
    if isinstance(first, Circle):
        return f"circle, minimum size={_number(2 * first.radius)}pt"
    wide = min(c.width for c in shapes if isinstance(c, Card))
    sizes = f"minimum width={_number(wide)}pt, minimum height={_number(first.height)}pt"
    return f"rounded corners=3pt, inner xsep=5pt, {sizes}"


def _most(sizes: Sequence[int]) -> int:
    return max(sizes, key=sizes.count, default=8)


def _font(size: int) -> str:
    return rf"font=\fontsize{{{size}}}{{{_number(1.25 * size)}}}\selectfont"


def _number(value: float) -> str:
    """A number, rounded to hundredths."""
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").removesuffix(".")


def _set(numbers: Sequence[int]) -> str:
    """The values of a loop."""
    if len(numbers) > 3 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{{{numbers[0]},...,{numbers[-1]}}}"
    return f"{{{','.join(map(str, numbers))}}}"


def _numbered(box: Box, entry: str) -> Box:
    """A symbol with the variable of a loop in the place of its number."""
    if box.kind == "named":
        return replace(box, parts=(_numbered(box.parts[0], entry), *box.parts[1:]))
    if box.kind != "script" or box.parts[1] is None or box.parts[1].parts != (entry,):
        return box
    base, below, *others = box.parts
    return replace(box, parts=(base, Box("letter", (Letter(_FIRST, "i"),), below.width), *others))


def _line(stroke: Stroke) -> str:
    """The style of a line."""
    return stroke.kind if stroke.state == "plain" else _STATES[stroke.state]


def _style(stroke: Stroke) -> str:
    return f"{_line(stroke)}, {_TIP}" if stroke.arrow else _line(stroke)


def _stem(end: tuple[_Node, str] | None) -> tuple[str, str] | None:
    return None if end is None or not end[0].entry else (end[0].stem, end[1])


def _named(end: tuple[_Node, str]) -> str:
    node, side = end
    return f"({node.name}.{side})" if side else f"({node.name})"


def _by_end(strokes: Sequence[_Ends]) -> list[list[_Ends]]:
    """The lines to each unit."""
    return [list(some) for _, some in groupby(strokes, lambda e: e[2] and e[2][0].entry)]


def _loop(strokes: Sequence[_Ends]) -> tuple[str, str, str] | None:
    """The loops over two columns of units, and their ends; None if not every pair is joined."""
    found = [(one, other) for _, one, other in strokes if one and other]
    firsts = list(dict.fromkeys(one[0].entry for one, _ in found))
    seconds = list(dict.fromkeys(other[0].entry for _, other in found))
    joined = {(one[0].entry, other[0].entry) for one, other in found}
    if len(strokes) == 1 or len(joined) != len(strokes) or len(joined) != len(firsts) * len(seconds):
        return None
    (one, a), (other, b) = found[0]
    first, loops = _over(_FIRST, firsts)
    second, more = _over(_SECOND, seconds)
    return (
        loops + more,
        _named((replace(one, name=f"{one.stem}-{first}"), a)),
        _named((replace(other, name=f"{other.stem}-{second}"), b)),
    )


def _over(variable: str, entries: Sequence[str]) -> tuple[str, str]:
    if len(entries) == 1:
        return entries[0], ""
    values = _set([int(e) for e in entries]) if all(e.isdigit() for e in entries) else f"{{{','.join(entries)}}}"
    return variable, rf"\foreach {variable} in {values} "


def _escaped(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(special.get(c, f"\\{c}" if c in "#$%&_{}" else c) for c in text)
