"""Write symbols as letters on, above and below a baseline, for formats without formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from derive.drawing.scene import measured
from derive.paper.boxes import Box
from derive.paper.characters import Sign
from derive.record import record


@record
class Glyphs:
    """Adjacent letters: their relative size, their rise above the baseline, and a shift ``back`` before them."""

    text: str
    size: float = 1.0
    rise: float = 0.0
    italic: bool = False
    back: float = 0.0
    symbol: str = ""


#: The em by which ``measured`` widths are divided: screen fonts are not wider at small sizes.
_EM = 8 * 1.1
#: The relative size of indices and their shifts, which are larger for stacked indices.
_SMALLER, _UP, _DOWN, _HIGHER, _LOWER = 0.68, 0.36, 0.2, 0.46, 0.28


def glyphs_of(box: Box) -> list[Glyphs]:
    """Convert a box to glyphs. Raises NotImplementedError for boxes other than symbols with indices."""
    if box.kind not in _KINDS:
        raise NotImplementedError(f"cannot draw a {box.kind} with letters")
    found: list[Glyphs] = _KINDS[box.kind](*box.parts)
    return found


def _letter(letter: Any) -> list[Glyphs]:
    text = letter.text
    return [Glyphs(text, italic=text.isalpha() and not (text.isupper() and not text.isascii() and len(text) == 1))]


def _script(base: Box, below: Box | None, above: Box | None, left: Box | None) -> list[Glyphs]:
    """A symbol with its indices; of two stacked indices the wider comes last."""
    found = [*(_moved(left, _UP) if left else []), *glyphs_of(base)]
    down, up = (-_LOWER, _HIGHER) if below and above else (-_DOWN, _UP)
    pairs = [(box, rise) for box, rise in ((below, down), (above, up)) if box is not None]
    pairs.sort(key=lambda pair: measured(pair[0], 8))
    back = 0.0
    for box, rise in pairs:
        first, *rest = _moved(box, rise)
        found += [_pulled(first, back), *rest]
        back = _SMALLER * measured(box, 8) / _EM
    return found


def _moved(box: Box, rise: float) -> list[Glyphs]:
    return [
        Glyphs(g.text, g.size * _SMALLER, rise + g.rise * _SMALLER, g.italic, g.back * _SMALLER, g.symbol)
        for g in glyphs_of(box)
    ]


def _pulled(glyphs: Glyphs, back: float) -> Glyphs:
    return Glyphs(glyphs.text, glyphs.size, glyphs.rise, glyphs.italic, glyphs.back + back, glyphs.symbol)


def _row(sign: Sign, *parts: Box) -> list[Glyphs]:
    between = sign.text if sign.drawn is None else sign.drawn
    found: list[Glyphs] = []
    for part in parts:
        found += [Glyphs(between)] if found and between else []
        found += glyphs_of(part)
    return found


def _variable(stem: str, below: str) -> list[Glyphs]:
    return [Glyphs(stem, italic=True), *([Glyphs(below, _SMALLER, -_DOWN, True)] if below else [])]


def _named(box: Box, symbol: str, _entry: str) -> list[Glyphs]:
    return [Glyphs(g.text, g.size, g.rise, g.italic, g.back, symbol) for g in glyphs_of(box)]


_KINDS: dict[str, Callable[..., list[Glyphs]]] = {
    "letter": _letter,
    "name": lambda name: [Glyphs(name)],
    "variable": _variable,
    "number": lambda digits: [Glyphs(digits)],
    "words": lambda words: [Glyphs(words)],
    "script": _script,
    "row": _row,
    "named": _named,
    "before": lambda sign, box: [Glyphs(sign.text.strip()), *glyphs_of(box)],
}
