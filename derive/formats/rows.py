"""Displayed mathematics for the web: equations as rows of LaTeX, broken where a line ends, with their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from derive.document.blocks import Display, Item, Text
from derive.formats.flavours import GREEN, RED
from derive.formats.tex import broken, reason_lines, text_width
from derive.paper.boxes import Box
from derive.paper.characters import RELATIONS
from derive.paper.latex import Writer

#: A line of mathematics in em, in a column of 42 rem: KaTeX sets it 1.21 times as large.
LINE = 33.5
#: The room for the number of an equation.
NUMBER = 4.0
#: The most braces of one formula: KaTeX gives up on very long ones, GitHub at a thousand.
BRACES = 500

_LATEX = Writer(RED, GREEN, web=True)


@dataclass(frozen=True)
class Row:
    """A row of displayed mathematics: before its alignment and from there on, and the number of its equation."""

    left: str
    right: str
    number: int | None = None

    def aligned(self) -> str:
        """As a row of ``aligned``, its number in a column of its own: a tag is not understood everywhere."""
        number = "" if self.number is None else rf" & \quad ({self.number})"
        return f"{self.left} &{self.right}{number}"

    def alone(self) -> str:
        """As a whole formula."""
        number = "" if self.number is None else rf" \qquad ({self.number})"
        return f"{self.left} {self.right}{number}".strip()


def inline(box: Box) -> str:
    """A formula in a text."""
    return _begun(_LATEX(box))


def displayed(display: Display) -> list[str]:
    """Equations as formulas, in one if it does not get too long."""
    margin = max((item.left.width for item in display.items), default=0.0)
    line = LINE - NUMBER if any(item.number for item in display.items) else LINE
    rows = [row for item in display.items for row in _rows(item, margin, line)]
    return [formula(some) for some in _chunks(rows)]


def _rows(item: Item, margin: float, line: float) -> list[Row]:
    """The rows of one equation; a piece that no longer fits begins a new one."""
    lines = broken(item.right, margin, line, _LATEX)
    first = Row(_begun(_LATEX(item.left)), _signed(lines[0][0].strip(), RELATIONS[item.relation].tex.strip()))
    rows = [first, *(Row("", rf"\quad {_signed(text.strip())}") for text, _ in lines[1:])]
    if item.reason is not None:
        rows = _with_reason(rows, line - lines[-1][1], item.reason, line)
    return [*rows[:-1], replace(rows[-1], number=item.number)]


def _begun(text: str) -> str:
    """A formula; a superscript on the left with which it begins needs no empty base, whose braces would count."""
    return text.removeprefix("{}") if text.startswith("{}^") else text


def _chunks(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows in formulas that are not too long."""
    chunk: list[Row] = []
    for row in rows:
        if chunk and formula([*chunk, row]).count("{") > BRACES:
            yield chunk
            chunk = []
        chunk.append(row)
    if chunk:
        yield chunk


def _signed(text: str, relation: str = "") -> str:
    """A line behind its relation; a sign that goes on from the line before stands between two terms all the same."""
    before = relation or ("{}" if text[:1] in ("+", "-", "=") else "")
    return f"{before} {text}".strip()


def _with_reason(rows: list[Row], room: float, reason: Text, line: float) -> list[Row]:
    """The reason of a step beside its last row, or below it where there is no room."""
    lines = [_in_formula(text) for text in reason_lines(reason, line)]
    if len(lines) == 1 and 1.5 + text_width(reason) <= room:
        return [*rows[:-1], replace(rows[-1], right=rf"{rows[-1].right} \quad {lines[0]}")]
    return [*rows, *(Row("", rf"\qquad {text}") for text in lines)]


def _in_formula(text: Text) -> str:
    """Words and formulas within a formula."""
    spans = [s if isinstance(s, Box) else Box("words", (str(s),), 0.0) for s in text.spans]
    joined: list[Box] = []
    for span in spans:
        if joined and span.kind == joined[-1].kind == "words":
            span = Box("words", (joined.pop().parts[0] + span.parts[0],), 0.0)
        joined.append(span)
    return "".join(map(_LATEX, joined))


def formula(rows: Sequence[Row]) -> str:
    """Rows as one formula."""
    if len(rows) == 1:
        return rows[0].alone()
    body = " \\\\\n".join(row.aligned() for row in rows)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"
