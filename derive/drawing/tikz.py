"""Write drawings as TikZ, without any TikZ library.

The colours are defined by ``providecolor``, so that a document can override them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from derive.drawing.scene import Card, Circle, Dots, Drawing, Label, Point, Stroke, shaft, tip
from derive.paper.boxes import Box
from derive.paper.latex import latex

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

_FILLS = {"unit": "deriveunit", "output": "deriveunit", "input": "deriveinput", "error": "deriveinput"}
_STROKES = {
    "faded": "derivefaded, line width=.3pt",
    "mixes": "deriveline, line width=.3pt, dash pattern=on 1.5pt off 1.5pt",
    "bias": "deriveline, line width=.25pt",
    "plain": "deriveline, line width=.45pt",
    "path": "derivepath, line width=1pt",
    "mark": "derivepath, line width=2.2pt",
}
_RIMS = {
    "plain": "deriveink, line width=.5pt",
    "faded": "derivefaded, line width=.5pt",
    "path": "derivepath, line width=1.2pt",
}
_LETTERS = {"plain": "deriveink", "faded": "derivequiet", "path": "deriveink", "mark": "derivepath"}

#: The replacement in a document that has not loaded TikZ.
WITHOUT = r"\textit{(Load the package tikz to see the drawing of the network here.)}"


def tikz(drawing: Drawing, label: Callable[[Box], str] = latex) -> str:
    """Write a drawing for LaTeX; a document without TikZ shows one line of text instead.

    ``label`` writes the formulas. A beamer frame allows neither a parameter nor an ``end``
    between ``if`` and ``fi``, so one of two arguments is selected by name. Characters that
    babel may have made active get their normal category before the drawing is read.
    """
    colours = (rf"\providecolor{{{name}}}{{HTML}}{{{value}}}%" for name, value in COLOURS.items())
    body = "\n".join([*_strokes(drawing.parts.strokes), *_shapes(drawing), *_labels(drawing.parts.labels, label)])
    return "\n".join(
        [
            r"\begingroup\catcode`\;=12 \catcode`\:=12 %",
            *colours,
            r"\csname @\ifdefined\tikzpicture first\else second\fi oftwo\endcsname{%",
            r"\begin{tikzpicture}[x=1pt, y=-1pt, inner sep=0pt, outer sep=0pt]",
            body,
            rf"\end{{tikzpicture}}}}{{{WITHOUT}}}%",
            r"\endgroup",
        ]
    )


def _number(value: float) -> str:
    """A length, rounded to a tenth of a point."""
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")


def _at(point: Point) -> str:
    return f"({_number(point[0])},{_number(point[1])})"


# ------------------------------------------------------------ lines


def _kind(stroke: Stroke) -> str:
    return stroke.kind if stroke.kind in _STROKES and stroke.state == "plain" else stroke.state


def _strokes(strokes: Iterable[Stroke]) -> Iterator[str]:
    """Lines grouped into one path per kind, the strongest last."""
    order = list(_STROKES)
    listed = sorted(strokes, key=lambda s: order.index(_kind(s)))
    for kind, same in groupby(listed, _kind):
        some = list(same)
        yield from _path(rf"\draw[{_STROKES[kind]}]", [_line(s) for s in some])
        tips = [_tip(s) for s in some if s.arrow]
        if tips:
            yield from _path(rf"\fill[{_STROKES[kind].split(',')[0]}]", tips)


def _path(command: str, parts: list[str], width: int = 110) -> Iterator[str]:
    """A path, wrapped to lines of readable length."""
    line = command
    for part in parts:
        if len(line) + len(part) >= width:
            yield line
            line = " "
        line += f" {part}"
    yield f"{line};"


def _line(stroke: Stroke) -> str:
    found = _at(stroke.points[0])
    for piece in shaft(stroke):
        if len(piece) == 2:
            found += f" -- {_at(piece[1])}"
        else:
            found += f" .. controls {_at(piece[1])} and {_at(piece[2])} .. {_at(piece[3])}"
    return found


def _tip(stroke: Stroke) -> str:
    return " -- ".join(map(_at, tip(stroke))) + " -- cycle"


# ------------------------------------------------------------ circles, cards, dots


def _shapes(drawing: Drawing) -> Iterator[str]:
    listed: list[Circle | Card] = [*drawing.parts.circles, *drawing.parts.cards]
    listed.sort(key=_look)
    for look, same in groupby(listed, _look):
        yield from _path(look, [_shape(s) for s in same])
    for state, some in groupby(sorted(drawing.parts.dots, key=lambda d: d.state), lambda d: d.state):
        colour = "derivefaded" if state == "faded" else "deriveline"
        yield from _path(rf"\fill[{colour}]", [dot for dots in some for dot in _dots(dots)])


def _look(shape: Circle | Card) -> str:
    fill = "derivelit" if shape.state == "path" else _FILLS.get(shape.kind, "")
    if shape.state == "faded" or not fill:
        return rf"\draw[{_RIMS[shape.state]}]"
    rim, width = _RIMS[shape.state].split(", ")
    return rf"\filldraw[draw={rim}, {width}, fill={fill}]"


def _shape(shape: Circle | Card) -> str:
    if isinstance(shape, Circle):
        return f"{_at((shape.x, shape.y))} circle[radius={_number(shape.radius)}pt]"
    half, tall = shape.width / 2, shape.height / 2
    corners = _at((shape.x - half, shape.y - tall)), _at((shape.x + half, shape.y + tall))
    return f"{{[rounded corners=3pt] {corners[0]} rectangle {corners[1]}}}"


def _dots(dots: Dots) -> Iterator[str]:
    for step in (-4.5, 0.0, 4.5):
        x, y = (dots.x, dots.y + step) if dots.down else (dots.x + step, dots.y)
        yield f"{_at((x, y))} circle[radius=.9pt]"


# ------------------------------------------------------------ labels


def _labels(labels: Iterable[Label], label: Callable[[Box], str]) -> Iterator[str]:
    for one in labels:
        text = "".join(_escaped(r) if isinstance(r, str) else f"${label(r)}$" for r in one.runs)
        font = rf"\fontsize{{{one.size}}}{{{one.size}}}\selectfont"
        yield rf"\node[anchor=base{_colour(one)}, font={font}] at {_at((one.x, one.baseline))} {{{text}}};"


def _colour(label: Label) -> str:
    """The colour of a label; labels on the page itself have the page's text colour."""
    if label.state in ("faded", "mark") or label.inside:
        return f", text={_LETTERS[label.state]}"
    return ""


def _escaped(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(special.get(c, f"\\{c}" if c in "#$%&_{}" else c) for c in text)
