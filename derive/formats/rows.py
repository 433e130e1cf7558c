"""Displayed mathematics for the web: equations as rows of LaTeX, with line breaks and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from derive.document.blocks import Display, Item, Number, Text
from derive.files.flavours import GREEN, RED
from derive.formats.line_breaks import broken, halved, reason_lines, text_width
from derive.paper.boxes import Box
from derive.paper.characters import RELATIONS
from derive.paper.latex import Writer, joined
from derive.record import record

#: A line of mathematics in em, in a column of 42 rem: KaTeX sets it 1.21 times as large.
LINE = 33.5
#: The widest row with coloured brackets, which does not break.
WHOLE = 1.35 * LINE
#: The width of an equation number, in em.
NUMBER = 4.0
#: The space between an equation and its reason, and for the parentheses of the reason, in em.
REASON = 1.5
#: The largest number of braces of a formula: KaTeX fails on very long ones, GitHub at a thousand.
BRACES = 500

_LATEX = Writer(RED, GREEN, web=True)


@record
class Row:
    """A row of displayed mathematics: its parts before and after the alignment point, and its number."""

    left: str
    right: str
    number: Number | None = None

    def aligned(self) -> str:
        """Return a row of ``aligned``, with the number in a column, since not every renderer supports tags."""
        number = "" if self.number is None else rf" & \quad ({self.number})"
        return f"{self.left} &{self.right}{number}"

    def alone(self) -> str:
        """Return the row as a whole formula."""
        number = "" if self.number is None else rf" \qquad ({self.number})"
        return f"{self.left} {self.right}{number}".strip()


def inline(box: Box) -> str:
    """Write an inline formula."""
    return _begun(_LATEX(box))


def displayed(display: Display) -> list[str]:
    """Write equations as one formula, or as several if that would be too long."""
    margin = max((item.left.width for item in display.items), default=0.0)
    line = LINE - NUMBER if any(item.number for item in display.items) else LINE
    rows = [row for item in display.items for row in _rows(item, margin, line)]
    return [formula(some) for some in _chunks(rows)]


def _rows(item: Item, margin: float, line: float) -> list[Row]:
    """Break one equation into rows; a piece that does not fit begins a new row."""
    lines = [(joined([_LATEX(b) for b in boxes]), width) for boxes, width in broken(item.right, margin, line, WHOLE)]
    first = Row(_begun(_LATEX(item.left)), _signed(lines[0][0].strip(), RELATIONS[item.relation].tex.strip()))
    rows = [first, *(Row("", rf"\quad {_signed(text.strip())}") for text, _ in lines[1:])]
    if item.reason is not None:
        rows = _with_reason(rows, line - lines[-1][1], item.reason, line)
    return [*rows[:-1], replace(rows[-1], number=item.number)]


def _begun(text: str) -> str:
    """Drop the empty base of a leading left superscript, since its braces count towards the limit."""
    return text.removeprefix("{}") if text.startswith("{}^") else text


def _chunks(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Group rows into formulas within the limit of braces."""
    chunk: list[Row] = []
    for row in rows:
        if chunk and formula([*chunk, row]).count("{") > BRACES:
            yield chunk
            chunk = []
        chunk.append(row)
    if chunk:
        yield chunk


def _signed(text: str, relation: str = "") -> str:
    """Put a relation before a line; a leading sign keeps the spacing of a binary operator."""
    before = relation or ("{}" if text[:1] in ("+", "-", "=") else "")
    return f"{before} {text}".strip()


def _with_reason(rows: list[Row], room: float, reason: Text, line: float) -> list[Row]:
    """Put the reason of a step beside its last row, on two lines if need be, or below if there is no room."""
    lines = [_in_formula(text) for text in reason_lines(reason, line)]
    two = halved(Text(("(", *reason.spans, ")")))
    if len(lines) == 1 and REASON + text_width(reason) <= room:
        beside = lines[0]
    elif two and REASON + max(map(text_width, two)) <= room:
        beside = rf"\begin{{array}}{{l}} {_in_formula(two[0])} \\ {_in_formula(two[1])} \end{{array}}"
    else:
        return [*rows, *(Row("", rf"\qquad {text}") for text in lines)]
    return [*rows[:-1], replace(rows[-1], right=rf"{rows[-1].right} \quad {beside}")]


def _in_formula(text: Text) -> str:
    """Write text and formulas within a formula."""
    spans = [s if isinstance(s, Box) else Box("words", (str(s),), 0.0) for s in text.spans]
    joined: list[Box] = []
    for span in spans:
        if joined and span.kind == joined[-1].kind == "words":
            span = Box("words", (joined.pop().parts[0] + span.parts[0],), 0.0)
        joined.append(span)
    return "".join(map(_LATEX, joined))


def formula(rows: Sequence[Row]) -> str:
    """Write rows as one formula."""
    if len(rows) == 1:
        return rows[0].alone()
    body = " \\\\\n".join(row.aligned() for row in rows)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"
