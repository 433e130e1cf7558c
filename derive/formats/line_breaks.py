"""Where formulas and reasons are broken into lines, from estimates of their widths in em."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from derive.document.blocks import BREAK, Span, Text
from derive.paper.boxes import Box, opened
from derive.paper.latex import is_slashed


def reason_lines(reason: Text, line: float) -> list[Text]:
    """Write the reason of a step in parentheses, on as many lines as it needs."""
    first, *others = reason_rows(reason, line - 6)
    spans = [("(", *first.spans), *(text.spans for text in others)]
    spans[-1] = (*spans[-1], ")")
    return [Text(words) for words in spans]


def reason_rows(reason: Text, line: float) -> list[Text]:
    """Write the reason of a step on as many lines as it needs."""
    lines: list[list[Span]] = [[]]
    for span in reason.spans:
        if lines[-1] and text_width(Text((*lines[-1], span))) > line and span not in (", ", " and "):
            lines.append([])
        lines[-1].append(span)
    return [Text(tuple(spans)) for spans in lines]


def halved(reason: Text) -> tuple[Text, Text] | None:
    """Break a reason at a space into two lines of about the same width; None if it has no space."""
    found = []
    for number, span in enumerate(reason.spans):
        for position in (n for n, sign in enumerate(str(span)) if sign == " " and isinstance(span, str)):
            before, after = str(span)[:position], str(span)[position + 1 :]
            found.append((Text((*reason.spans[:number], before)), Text((after, *reason.spans[number + 1 :]))))
    return min(found, key=lambda lines: max(map(text_width, lines)), default=None)


def text_width(text: Text) -> float:
    """Estimate the width of a short text in em."""
    return sum(_inline_width(s) if isinstance(s, Box) else 0.43 * len(str(s)) for s in text.spans)


def _inline_width(box: Box) -> float:
    """The width of a formula in a line of text, where derivatives and wide fractions have a slash."""
    if box.kind == "partial" or is_slashed(box):
        return sum(map(_inline_width, box.parts)) + 1.7
    parts = box.parts if box.kind == "row" else ()
    return box.width + sum(_inline_width(part) - part.width for part in parts if isinstance(part, Box))


def broken(pieces: Sequence[Box], margin: float, line: float, whole: float = 0.0) -> list[tuple[list[Box], float]]:
    """Break pieces into lines, with their widths; a piece that does not fit begins a new line.

    A row with coloured brackets is compared with the rows around it: up to the width ``whole`` it does not break.
    """
    found: list[tuple[list[Box], float]] = []
    for number, run in enumerate(between_breaks(narrowed(pieces, line - 3))):
        indent = margin + (2.6 if number else 1.6)
        units = unbroken(run, max(whole, line) - indent)
        lines = _filled(units, indent, margin + 2.6, line)
        limit = line - 0.5
        while len(lines) > 1 and lines[-1][1] < margin + line / 4 and limit > line / 2:  # no last factor alone
            closer = _filled(units, indent, margin + 2.6, limit)
            if len(closer) > len(lines):
                break
            lines, limit = closer, limit - 0.5
        found += lines
    return found or [([], margin + 1.6)]


def unbroken(pieces: Sequence[Box], room: float, nested: int = 0) -> list[list[Box]]:
    """Group the pieces of a row between which no line breaks; only coloured brackets hold pieces together.

    It breaks where no bracket is open, after a bracket within another one if that is too wide, and else anywhere.
    """
    if not nested and not any(p.has_colours for p in pieces):
        return [[piece] for piece in pieces]
    if len(pieces) == 1 or _width(pieces) <= room:
        return [[*pieces]]
    units: list[list[Box]] = [[]]
    depth = 0
    for piece in pieces:
        if units[-1] and (not depth or nested > 1 or (nested and units[-1][-1].brackets[1])):
            units.append([])
        units[-1].append(piece)
        opening, closing = piece.brackets
        depth += opening - closing
    return [part for unit in units for part in unbroken(unit, room, nested + 1)]


def _width(pieces: Sequence[Box]) -> float:
    return sum(piece.width + 0.2 for piece in pieces)


def between_breaks(pieces: Sequence[Box]) -> Iterator[list[Box]]:
    """The pieces between the line breaks that are wanted."""
    for forced, some in groupby(pieces, lambda piece: piece is BREAK):
        if not forced:
            yield list(some)


def _filled(units: Sequence[list[Box]], first: float, later: float, line: float) -> list[tuple[list[Box], float]]:
    """Fill one line after the other; ``first`` and ``later`` are where the first line and the others begin."""
    lines: list[tuple[list[Box], float]] = [([], first)]
    for unit in units:
        if lines[-1][0] and lines[-1][1] + _width(unit) - 0.2 > line:
            lines.append(([], later))
        row, width = lines[-1]
        lines[-1] = ([*row, *unit], width + _width(unit))
    return lines


def narrowed(pieces: Sequence[Box], limit: float) -> list[Box]:
    """Split pieces that are wider than a line into their parts."""
    found: list[Box] = []
    for piece in pieces:
        parts = opened(piece) if piece.width > limit else (piece,)
        found += [piece] if len(parts) == 1 else narrowed(parts, limit)
    return found
