"""Write drawings as SVG: one element without scripts or references, with light and dark colours.

Every unit, line and label has attributes that identify it (``data-unit``, ``data-weight``,
``data-symbol``, ``data-layer``), so that a page can highlight it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from derive.drawing.glyphs import Glyphs, glyphs_of
from derive.drawing.scene import Card, Circle, Dots, Drawing, Label, Point, Stroke, shaft, tip
from derive.paper.boxes import Box

#: Colours by purpose: type, lines, parts on no path, quiet words, paths, and fills.
LIGHT = {
    "ink": "#1b2733",
    "line": "#7c8995",
    "faded": "#c3cbd2",
    "quiet": "#5b6772",
    "path": "#1a5fb4",
    "unit": "#e6eff8",
    "input": "#f3f1ea",
    "lit": "#cfe2f7",
}
DARK = {
    "ink": "#e6edf3",
    "line": "#84919d",
    "faded": "#3d4650",
    "quiet": "#9eabb6",
    "path": "#79b8ff",
    "unit": "#1c2b3a",
    "input": "#2b2a26",
    "lit": "#17406b",
}
#: The fonts of formulas and words, in order of preference.
FONTS = "'Latin Modern Roman','STIX Two Text','Cambria','Times New Roman',Times,serif"
#: The size of a drawing on a screen, in pixels per point, and the least within a page, where it scrolls if it is cut.
SCALE, LEAST = 1.9, 1.4

_RULES = (
    ("text", "fill:{ink};text-anchor:middle"),
    (".quiet", "fill:{quiet}"),
    ("text.mark", "fill:{path}"),
    (".line", "fill:none;stroke:{line};stroke-width:.45"),
    (".line.bias", "stroke-width:.28"),
    (".line.mixes", "stroke-width:.35;stroke-dasharray:1.5 1.5"),
    (".line.faded", "stroke:{faded};stroke-width:.3"),
    (".line.path", "stroke:{path};stroke-width:1"),
    (".line.mark", "stroke:{path};stroke-width:2.2"),
    (".tip", "fill:{line}"),
    (".tip.faded", "fill:{faded}"),
    (".tip.path,{id} .tip.mark", "fill:{path}"),
    (".node", "fill:{unit};stroke:{ink};stroke-width:.5"),
    (".node.input,{id} .node.error", "fill:{input}"),
    (".node.constant,{id} .node.left_out,{id} .node.faded", "fill:none"),
    (".node.faded", "stroke:{faded}"),
    (".node.path", "fill:{lit};stroke:{path};stroke-width:1.2"),
    (".dots", "fill:{line}"),
    (".dots.faded", "fill:{faded}"),
)


def svg(drawing: Drawing, prefix: str = "network", standalone: bool = True) -> str:
    """Write a drawing as an ``svg`` element whose ids begin with ``prefix``.

    A standalone drawing is a complete file that follows the reader's colour scheme. Within
    a page its colours are the page's custom properties ``--derive-ink`` and so on, with those
    of ``LIGHT`` as defaults.
    """
    name = quoteattr(prefix)[1:-1]
    width, height = _number(drawing.width), _number(drawing.height)
    size = f'width="{_number(drawing.width * SCALE)}" height="{_number(drawing.height * SCALE)}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" class="derive-drawing" viewBox="0 0 {width} {height}" '
        f'{size} role="img" aria-labelledby="{name}-title {name}-desc" font-family={quoteattr(FONTS)}>'
    )
    parts = [
        head,
        f'<title id="{name}-title">{escape(drawing.title)}</title>',
        f'<desc id="{name}-desc">{escape(drawing.text)}</desc>',
        f"<style>{_style(prefix, standalone, drawing.width)}</style>",
        *_body(drawing),
        "</svg>",
    ]
    return "\n".join(parts) + "\n" if standalone else "\n".join(parts)


def _style(prefix: str, standalone: bool, width: float) -> str:
    """The style rules, scoped to this drawing."""
    place = "#" + "".join(c if c.isascii() and (c.isalpha() or c in "-_") else f"\\{ord(c):x} " for c in prefix)
    fits = f"{place}{{max-width:100%;height:auto}}"
    if not standalone:
        fits += f"{place}{{min-width:{_number(width * LEAST)}px}}"
        return fits + _rules(place, {name: f"var(--derive-{name},{value})" for name, value in LIGHT.items()})
    dark = _rules(place, DARK)
    return f"{fits}{_rules(place, LIGHT)}@media (prefers-color-scheme:dark){{{dark}}}"


def _rules(place: str, colours: dict[str, str]) -> str:
    names = {**colours, "id": place}
    return "".join(f"{place} {rule.format(**names)}{{{look.format(**names)}}}" for rule, look in _RULES)


def _body(drawing: Drawing) -> Iterator[str]:
    order = ["faded", "plain", "path", "mark"]
    for stroke in sorted(drawing.parts.strokes, key=lambda s: order.index(s.state)):
        yield from _stroke(stroke)
    yield from map(_circle, drawing.parts.circles)
    yield from map(_card, drawing.parts.cards)
    yield from map(_dots, drawing.parts.dots)
    yield from map(_label, drawing.parts.labels)


def _tag(name: str, attributes: Mapping[str, object], inside: str = "") -> str:
    """An element with its nonempty attributes."""
    listed = {k: _number(v) if isinstance(v, int | float) else v for k, v in attributes.items() if v not in ("", None)}
    written = "".join(f" {k}={quoteattr(str(v))}" for k, v in listed.items())
    return f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>"


def _number(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def _at(point: Point) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


# ------------------------------------------------------------ lines and shapes


def _stroke(stroke: Stroke) -> Iterator[str]:
    kind = stroke.kind if stroke.state == "plain" else ""
    attributes: dict[str, Any] = {
        "d": _path(stroke),
        "class": " ".join(filter(None, ("line", stroke.state, kind))),
        "data-weight": f"{stroke.weight}:{stroke.entry}" if stroke.weight and stroke.entry else "",
        "data-symbol": stroke.weight,
        "data-from": stroke.reads[0],
        "data-to": stroke.reads[1],
        "data-layer": "" if stroke.layer is None else str(stroke.layer),
    }
    yield _tag("path", attributes)
    if stroke.arrow:
        corners = "M" + "L".join(map(_at, tip(stroke))) + "Z"
        yield _tag("path", {**attributes, "d": corners, "class": f"tip {stroke.state}"})


def _path(stroke: Stroke) -> str:
    found = f"M{_at(stroke.points[0])}"
    for piece in shaft(stroke):
        found += ("L" if len(piece) == 2 else "C") + " ".join(map(_at, piece[1:]))
    return found


def _circle(circle: Circle) -> str:
    attributes = {
        "cx": circle.x,
        "cy": circle.y,
        "r": circle.radius,
        "class": f"node {circle.kind} {circle.state}",
        "data-unit": f"{circle.tensor}:{circle.entry}" if circle.tensor else "",
        "data-symbol": circle.tensor,
        "data-layer": str(circle.layer),
    }
    return _tag("circle", attributes)


def _card(card: Card) -> str:
    attributes = {
        "x": card.x - card.width / 2,
        "y": card.y - card.height / 2,
        "width": card.width,
        "height": card.height,
        "rx": 3,
        "class": f"node {card.kind} {card.state}",
        "data-symbol": "" if card.kind == "left_out" else card.tensor,
        "data-layer": "" if card.layer is None else str(card.layer),
    }
    return _tag("rect", attributes)


def _dots(dots: Dots) -> str:
    places = [(dots.x, dots.y + n) if dots.down else (dots.x + n, dots.y) for n in (-4.5, 0.0, 4.5)]
    inside = "".join(_tag("circle", {"cx": x, "cy": y, "r": 0.9}) for x, y in places)
    return _tag("g", {"class": f"dots {dots.state}"}, inside)


# ------------------------------------------------------------ labels


def _label(label: Label) -> str:
    attributes = {
        "x": label.x,
        "y": label.baseline,
        "font-size": label.size,
        "class": "mark" if label.state == "mark" else "quiet" if label.quiet or label.state == "faded" else "",
        "data-unit": f"{label.symbol}:{label.entry}" if label.entry and label.state != "mark" else "",
        "data-weight": f"{label.symbol}:{label.entry}" if label.entry and label.state == "mark" else "",
        "data-symbol": label.symbol,
    }
    return _tag("text", attributes, letters(label.runs, label.size, label.symbol))


def letters(runs: Iterable[str | Box], size: float, symbol: str = "") -> str:
    """Words and formulas as the content of a ``text`` element, which names ``symbol`` itself."""
    found = [g for run in runs for g in ([Glyphs(run)] if isinstance(run, str) else glyphs_of(run))]
    glyphs = [replace(g, symbol="") if g.symbol == symbol else g for g in found]
    return "".join(_spans(glyphs, size))


def _spans(glyphs: list[Glyphs], size: float) -> Iterator[str]:
    """Spans, each shifted vertically relative to the previous one."""
    rise = 0.0
    for one in glyphs:
        attributes = {
            "dx": -one.back * size or "",
            "dy": (rise - one.rise) * size or "",
            "font-size": one.size * size if one.size != 1 else "",
            "font-style": "italic" if one.italic else "",
            "data-symbol": one.symbol,
        }
        rise = one.rise
        plain = not any(v for v in attributes.values())
        yield escape(one.text) if plain else _tag("tspan", attributes, escape(one.text))
