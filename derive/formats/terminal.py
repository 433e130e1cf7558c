"""The document as Unicode text for a terminal, in lines of limited width."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import singledispatchmethod
from itertools import zip_longest

from derive.document.blocks import (
    BREAK,
    Algorithm,
    Block,
    Code,
    Display,
    Document,
    Fold,
    Heading,
    Item,
    Part,
    Picture,
    Reference,
    Span,
    Strong,
    Table,
    Text,
)
from derive.paper.boxes import Box
from derive.paper.characters import RELATIONS
from derive.paper.text import text
from derive.record import record

WIDTH = 88

#: The margin of equations, tables and algorithms.
_INDENT = "  "


def terminal(document: Document, width: int = WIDTH) -> str:
    """Write a document as text, in lines of at most ``width`` columns where a break is possible."""
    writer = TerminalWriter(width)
    return "\n\n".join([underlined(document.title, "="), *(writer.part(p) for p in document.parts)])


def underlined(title: str, line: str) -> str:
    """Underline a title."""
    return f"{title}\n{line * columns(title)}"


def columns(words: str) -> int:
    """Return the width of a text in columns of a terminal."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in words)
    return sum(not unicodedata.combining(c) for c in words) + wide


def padded(words: str, width: int, right: bool = False) -> str:
    """Pad a text with spaces to ``width``, on the right or, with ``right``, on the left."""
    space = " " * (width - columns(words))
    return space + words if right else words + space


def wrapped(pieces: Iterable[str], width: int, margin: str = "") -> str:
    """Fill lines with pieces, separated by spaces; pieces are never broken."""
    lines = [""]
    for piece in pieces:
        longer = f"{lines[-1]} {piece}" if lines[-1] else piece
        if lines[-1] and columns(longer) > width - len(margin):
            lines.append(piece)
        else:
            lines[-1] = longer
    return "\n".join(f"{margin}{line}" for line in lines)


@record
class TerminalWriter:
    """Writes blocks as lines of text of at most ``width`` columns."""

    width: int = WIDTH

    def part(self, part: Part) -> str:
        """Write a part with its heading."""
        return "\n\n".join([underlined(part.title, "-"), *self._blocks(part.blocks)])

    def _blocks(self, blocks: Sequence[Block]) -> list[str]:
        return [written for block in blocks if (written := self.block(block))]

    # ------------------------------------------------------------ blocks

    @singledispatchmethod
    def block(self, block: Block) -> str:
        """Write one block."""
        raise NotImplementedError(f"cannot write {type(block).__name__} in a terminal")

    @block.register
    def _(self, block: Text) -> str:
        return wrapped(_pieces(block), self.width)

    @block.register
    def _(self, block: Heading) -> str:
        return wrapped([*_pieces(block.title, "."), *_pieces(block.text)], self.width)

    @block.register
    def _(self, block: Fold) -> str:
        return "\n\n".join([self.block(block.title), *self._blocks(block.blocks)])

    @block.register
    def _(self, block: Picture) -> str:
        return wrapped(f"[{block.drawing.text}]".split(" "), self.width)

    @block.register
    def _(self, block: Display) -> str:
        margin = max((columns(text(i.left)) for i in block.items), default=0)
        return "\n".join(line for item in block.items for line in self._item(item, margin))

    @block.register
    def _(self, block: Table) -> str:
        rows = [[line(cell) for cell in row] for row in (block.head, *block.rows)]
        widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
        if block.wrapped is not None:
            others = sum(widths) - widths[block.wrapped] + len(_INDENT) * len(widths)
            widths[block.wrapped] = max(min(widths[block.wrapped], self.width - others), 12)
        cells = [[_in_column(c, w) for c, w in zip(row, widths, strict=True)] for row in rows]
        widths = [max(columns(part) for cell in column for part in cell) for column in zip(*cells, strict=True)]
        head, *body = ["\n".join(_beside(row, widths, block.numeric)) for row in cells]
        return "\n".join([head, _INDENT + "  ".join("─" * w for w in widths), *body])

    @block.register
    def _(self, block: Algorithm) -> str:
        steps = [f"{n:>3}  {_INDENT * s.depth}{line(s.text)}" for n, s in enumerate(block.steps, 1)]
        numbers = ["" if s.number is None else f"({s.number})" for s in block.steps]
        widest = max(map(columns, steps))
        rows = [f"{padded(step, widest)}  {number}".rstrip() for step, number in zip(steps, numbers, strict=True)]
        return "\n".join([self.block(block.title), *(f"{_INDENT}{row}" for row in rows)])

    # ------------------------------------------------------------ equations

    def _item(self, item: Item, margin: int) -> list[str]:
        """Break one equation into lines; a piece that does not fit begins a new line."""
        relation = RELATIONS[item.relation].text.strip()
        start = f"{_INDENT}{padded(text(item.left), margin, right=True)} {relation} " if margin else _INDENT
        lines = _broken(start, item.right, self.width, margin)
        notes = [f"({line(item.reason)})"] if item.reason is not None else []
        notes += [f"({item.number})"] if item.number is not None else []
        for note in notes:
            if columns(lines[-1]) + 3 + columns(note) <= self.width:
                lines[-1] += f"   {note}"
            else:
                lines.append(f"{_INDENT}{' ' * (margin + 3)}{_INDENT}{note}")
        return [each.rstrip() for each in lines]


def _in_column(cell: str, width: int) -> list[str]:
    """Break a cell into the lines of a column; only text is broken."""
    return wrapped(cell.split(" "), width).split("\n") if columns(cell) > width else [cell]


def _beside(row: Sequence[list[str]], widths: Sequence[int], numeric: Collection[int]) -> Iterator[str]:
    """Yield the lines of a row of a table."""
    for parts in zip_longest(*row, fillvalue=""):
        cells = [padded(c, w, n in numeric) for n, (c, w) in enumerate(zip(parts, widths, strict=True))]
        yield f"{_INDENT}{'  '.join(cells)}".rstrip()


def _broken(start: str, pieces: Sequence[Box], width: int, margin: int) -> list[str]:
    """Break pieces into lines, after a start."""
    lines, empty = [start], True
    further = " " * (columns(start) if margin else len(_INDENT)) + _INDENT
    for piece in pieces:
        if piece is BREAK:
            lines, empty = [*lines, further], True
            continue
        written = text(piece).lstrip() if empty else text(piece)
        glue = "" if empty or written.startswith(" ") else " "
        if not empty and columns(lines[-1] + glue + written) > width:
            lines, glue, written = [*lines, further], "", written.lstrip()
        lines[-1] += glue + written
        empty = False
    return lines


# Text.


def line(cell: Text) -> str:
    """Write a text on one line."""
    return "".join(_word(span) for span in cell.spans)


def _pieces(paragraph: Text, end: str = "") -> list[str]:
    """Split a paragraph into words; a formula is one word, together with adjacent punctuation."""
    pieces = [""]
    for span in paragraph.spans:
        first, *others = [_word(span)] if isinstance(span, Box) else _word(span).split(" ")
        pieces[-1] += first
        pieces += others
    pieces[-1] += end
    return [p for p in pieces if p]


def _word(span: Span) -> str:
    match span:
        case str():
            return span
        case Box():
            return text(span)
        case Reference(number):
            return f"({number})"
        case Code(words) | Strong(words):
            return words
    raise NotImplementedError(f"cannot write {type(span).__name__} in a terminal")
