"""Boxes: formulas as trees of typeset parts, independent of the output format.

A page builds boxes; ``latex``, ``mathml`` and ``text`` write them. Every box has an
approximate printed width and a precedence, so line breaks and parentheses are
decided once for all formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any

from derive.paper.characters import BESIDE, BETWEEN, DOTS, NAMES, Letter, Name, Sign, plain
from derive.record import record

SUM, HADAMARD, PRODUCT, POWER, ATOM = range(5)

#: A layer number, or a letter for one with an offset.
_LAYER = re.compile(r"\d+|[a-z]([+-]\d+)?")

#: The width of a product behind a summation sign, in em, between whose factors a line breaks.
_WIDE = 26.0
#: The width of an index relative to that of the same characters in the line.
_SCRIPT = 0.8


@record
class Box:
    """A typeset part: its kind, its parts, its width in em (of the text size), and its precedence."""

    kind: str
    parts: tuple[Any, ...]
    width: float
    binds: int = ATOM
    tall: bool = False

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.kind, self.parts, self.width, self.binds, self.tall))

    @cached_property
    def has_colours(self) -> bool:
        """Whether a part of the box has a colour."""
        return self.kind == "coloured" or any(
            part.has_colours if isinstance(part, Box) else isinstance(part, Sign) and part.colour != ""
            for part in self.parts
        )

    @cached_property
    def brackets(self) -> tuple[int, int]:
        """The numbers of coloured brackets that the box opens and closes."""
        if not self.has_colours:
            return 0, 0
        forms = [part.form for part in self.parts if isinstance(part, Sign) and part.colour]
        inner = [part.brackets for part in self.parts if isinstance(part, Box)]
        return forms.count("prefix") + sum(n for n, _ in inner), forms.count("postfix") + sum(n for _, n in inner)

    @cached_property
    def height(self) -> int:
        """The height of the formula in lines of text, estimated."""
        if self.kind in ("matrix", "cases"):
            return sum(max(part.height for part in row) for row in self.parts)
        inner = [part.height for part in self.parts if isinstance(part, Box)]
        if self.kind in ("fraction", "partial", "immediate"):
            return sum(inner)
        return max(inner, default=1) if self.kind not in ("total", "product") else 2


#: The empty box.
EMPTY = Box("nothing", (), 0.0)


class Typesetter:
    """Creates boxes; ``times`` is the sign of the elementwise product."""

    def __init__(self, times: Letter) -> None:
        self.times = Sign(1.2, f" {times.tex} ", f" {times.text} ", mathml=times.mathml, breaks=True)

    def letter(self, letter: Letter) -> Box:
        """A letter of the notation."""
        return Box("letter", (letter,), letter.width or (0.72 if letter.tex.isupper() else 0.58))

    def name(self, name: str, tex: str = "") -> Box:
        """The name of a function, and how LaTeX writes it if it is not by its letters."""
        width = NAMES.get(name, Name()).width
        if width is None:
            width = sum(0.52 + 0.25 * c.isupper() + 0.25 * (c in "mwMW") for c in name)
        return Box("name", (name, tex) if tex else (name,), width)

    def variable(self, name: str) -> Box:
        """The name of a width: a letter or a word, optionally with an index."""
        stem, _, below = name.partition("_")
        return Box("variable", (stem, below), plain(stem).width + _SCRIPT * plain(below).width)

    def number(self, value: int) -> Box:
        """A whole number; from 10,000 on its digits stand in groups of three."""
        groups = grouped(str(value))
        return self.join((Box("number", (g,), 0.5 * len(g)) for g in groups), "thin", ATOM)

    def decimal(self, digits: str, exponent: int | None = None) -> Box:
        """A decimal number, given as text; ``exponent`` is that of its power of ten."""
        whole, point, decimals = digits.partition(".")
        *groups, last = grouped(whole)
        if groups:
            shown = [*(Box("decimal", (g, None), 0.5 * len(g)) for g in groups), self.decimal(last + point + decimals)]
            return self.join(shown, "thin", ATOM)
        width = 0.5 * len(digits) + (0.0 if exponent is None else 2.2 + 0.36 * len(str(exponent)))
        return Box("decimal", (digits, exponent), width)

    def words(self, text: str) -> Box:
        """Words in a formula."""
        return Box("words", (text,), 0.48 * len(text))

    def dots(self, way: str = "across") -> Box:
        """Dots for an omission: ``across`` a line of terms, ``down`` a column, or ``low`` in a list."""
        return Box("dots", (DOTS[way],), DOTS[way].width)

    def script(self, base: Box, below: Box | None, above: Box | None, left: Box | None = None) -> Box:
        """A symbol with its indices; ``left`` is a left superscript."""
        side = max((b.width for b in (below, above) if b is not None), default=0.0)
        width = base.width + _SCRIPT * (side + (left.width if left else 0.0)) + (0.18 if above else 0.1)
        binds = base.binds if below is None and above is None else POWER
        return Box("script", (base, below, above, left), width, max(binds, POWER), base.tall)

    def primed(self, base: Box, order: int) -> Box:
        """A function's name with a prime for each derivative."""
        if order == 0:
            return base
        return Box("primed", (base, order), base.width + 0.3 * order)

    def fraction(self, top: Box, bottom: Box) -> Box:
        """A fraction."""
        around = 1.2 if top.tall or bottom.tall else 0.25  # the limits of a sum in it stand beside the sign
        return Box("fraction", (top, bottom), max(top.width, bottom.width) + around, PRODUCT, True)

    def root(self, inner: Box) -> Box:
        """A square root."""
        return Box("root", (inner,), inner.width + 0.85, ATOM, inner.tall)

    def bars(self, inner: Box) -> Box:
        """The absolute value."""
        return Box("bars", (inner,), inner.width + 0.6, ATOM, inner.tall)

    def floored(self, inner: Box) -> Box:
        """The integer part (floor)."""
        return Box("floored", (inner,), inner.width + 0.9, ATOM, inner.tall)

    def partial(self, of: Box, wrt: Box) -> Box:
        """A partial derivative."""
        return Box("partial", (of, wrt), max(of.width, wrt.width) + 0.85, PRODUCT, True)

    def immediate(self, of: Box, wrt: Box) -> Box:
        """An immediate partial derivative: of one equation alone, when other paths lead to the same tensor."""
        return Box("immediate", (of, wrt), max(of.width + 0.5, wrt.width) + 0.85, PRODUCT, True)

    def total(self, index: Box, start: Box, stop: Box) -> Box:
        """A summation sign with its limits."""
        width = max(1.65, _SCRIPT * max(index.width + 0.8 + start.width, stop.width))
        return Box("total", (index, start, stop), width, tall=True)

    def product(self, index: Box, start: Box, stop: Box) -> Box:
        """A product sign with its limits; a condition on the index alone if there is no ``start``."""
        width = max(1.65, _SCRIPT * max(index.width + 0.8 + start.width, stop.width))
        return Box("product", (index, start, stop), width, tall=True)

    def group(self, inner: Box) -> Box:
        """Parentheses of matching size."""
        return Box("group", (inner,), inner.width + (1.4 if inner.tall else 0.8), ATOM, inner.tall)

    def join(self, parts: Iterable[Box], between: str, binds: int) -> Box:
        """Join parts with the sign named ``between``."""
        boxes = tuple(parts)
        if len(boxes) == 1:
            return boxes[0]
        sign = self.times if between == "times" else BETWEEN[between]
        width = sum(b.width for b in boxes) + sign.width * (len(boxes) - 1)
        return Box("row", (sign, *boxes), width, binds, any(b.tall for b in boxes))

    def apply(self, function: Box, argument: Box) -> Box:
        """A function applied to an argument."""
        inner = self.group(argument)
        return Box("apply", (function, inner), function.width + inner.width, ATOM, inner.tall)

    def cases(self, rows: Iterable[tuple[Box, Box]]) -> Box:
        """Values with their conditions."""
        listed = tuple(rows)
        width = max(v.width for v, _ in listed) + max(c.width for _, c in listed) + 2.5
        return Box("cases", listed, width, ATOM, True)

    def condition(self, left: Box, right: Box) -> Box:
        """The Iverson bracket of an equation between two indices: 1 if they are equal, 0 if not."""
        opening, closing = (self.letter(plain(c)) for c in "[]")
        return self.join((opening, self.join((left, right), "equals", ATOM), closing), "", ATOM)

    def is_condition(self, box: Box) -> bool:
        """Whether a box is an Iverson bracket."""
        inner = box.parts[2] if box.kind == "row" and len(box.parts) == 4 else EMPTY
        return inner.kind == "row" and len(inner.parts) == 3 and box == self.condition(*inner.parts[1:])

    def column(self, rows: Iterable[Box]) -> Box:
        """Blocks of rows."""
        listed = tuple(rows)
        return Box("matrix", tuple((r,) for r in listed), max(r.width for r in listed) + 1.5, ATOM, True)

    def matrix(self, rows: Iterable[Iterable[Box]]) -> Box:
        """A matrix of entries."""
        listed = tuple(tuple(row) for row in rows)
        width = sum(max(b.width for b in column) + 1.0 for column in zip(*listed, strict=True))
        return Box("matrix", listed, width + 0.6, ATOM, True)

    def under(self, inner: Box, note: Box) -> Box:
        """A note below a brace."""
        return Box("under", (inner, note), max(inner.width, _SCRIPT * note.width), ATOM, inner.tall)

    def sign_alone(self, name: str) -> Box:
        """A binary sign by itself, without its spaces."""
        return self.letter(Letter(BETWEEN[name].tex.strip(), BETWEEN[name].text.strip(), BETWEEN[name].width))

    def before(self, sign: str, box: Box) -> Box:
        """A part preceded by a sign; a line may break before the sign."""
        mark = self.times if sign == "times" else BESIDE[sign]
        return Box("before", (mark, box), box.width + mark.width, SUM, box.tall)

    def after(self, box: Box, sign: str) -> Box:
        """A part followed by a sign; a line may not break between them."""
        return Box("after", (box, BESIDE[sign]), box.width + BESIDE[sign].width, SUM, box.tall)

    def coloured(self, colour: str, box: Box) -> Box:
        """A part in one of the colours of the derivation."""
        return replace(box, kind="coloured", parts=(colour, box))

    def named(self, box: Box, symbol: str, entry: str = "") -> Box:
        """A part that denotes a tensor or an entry of it, so that a page can highlight its occurrences."""
        return replace(box, kind="named", parts=(box, symbol, entry))


def grouped(digits: str) -> list[str]:
    """Split a whole number of more than four digits into groups of three, from its end.

    >>> grouped("1260268"), grouped("-12345"), grouped("1024")
    (['1', '260', '268'], ['-12', '345'], ['1024'])
    """
    return [digits] if len(digits.lstrip("-")) < 5 else f"{int(digits):,}".split(",")


def layer_mark(box: Box | None) -> tuple[str, str, str] | None:
    """The characters of a layer number in brackets, as a notation writes it; None for any other box."""
    if box is None or box.kind != "row" or box.parts[0].tex:
        return None
    texts = tuple(p.parts[0].tex if p.kind == "letter" else "" for p in box.parts[1:])
    if len(texts) == 3 and texts[0] in ("(", "[") and _LAYER.fullmatch(texts[1]) and texts[2] in (")", "]"):
        return texts
    return None


def opened(box: Box) -> tuple[Box, ...]:
    """Split a box at its possible line breaks; return the box itself if there are none.

    Parentheses around the parts get a fixed size, because their content spans several lines.
    """
    if box.kind == "row":
        return _opened_row(*box.parts)
    if box.kind == "fraction":
        return _opened_fraction(box, *box.parts)
    if box.kind in ("before", "group"):
        inner = opened(box.parts[-1])
        if len(inner) == 1:
            return (box,)
        sign, close, width = box.parts[0] if box.kind == "before" else BESIDE["open"], BESIDE["close"], 1.0
        first = replace(inner[0], kind="before", parts=(sign, inner[0]), width=inner[0].width + width, binds=SUM)
        if box.kind == "before":
            return first, *inner[1:]
        last = replace(inner[-1], kind="after", parts=(inner[-1], close), width=inner[-1].width + width, binds=SUM)
        return first, *inner[1:-1], last
    return (box,)


def _opened_fraction(box: Box, top: Box, bottom: Box) -> tuple[Box, ...]:
    """A fraction as 1 over its denominator, and the parts of its numerator as a factor."""
    factor = top if top.binds >= PRODUCT else Box("group", (top,), top.width + 1.4, ATOM, top.tall)
    inner = opened(factor)
    if len(inner) == 1:
        return (box,)
    one = Box("number", ("1",), 0.5)
    return replace(box, parts=(one, bottom), width=box.width - max(top.width, bottom.width) + bottom.width), *inner


def _opened_row(sign: Sign, *parts: Box) -> tuple[Box, ...]:
    if sign.breaks:
        later = (replace(p, kind="before", parts=(sign, p), width=p.width + sign.width) for p in parts[1:])
        return parts[0], *later
    joined, thin = BETWEEN[""], BETWEEN["thin"]
    if (sign == joined and not all(p.kind == "before" for p in parts[1:])) or sign not in (joined, thin):
        return (Box("row", (sign, *parts), sum(p.width for p in parts)),)
    found: list[Box] = []
    for part in parts:  # a summation sign stays with its summand
        if found and found[-1].kind in ("total", "product"):
            sum_sign = found.pop()
            first, *others = part.parts[1:] if part.width > _WIDE and part.parts[0] == thin else (part,)
            part = Box("row", (thin, sum_sign, first), sum_sign.width + first.width + thin.width, part.binds, True)
            found += [part, *others]
            continue
        found.append(part)
    return tuple(found)
