"""Displayed equations: where a long one is broken, and how several stand below one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from derive.printers.boxes import EMPTY, Box
from derive.printers.latex import latex

#: The width of a line of mathematics in em: an article's text width less a tag.
LINE = 35.0
#: A piece before which a new line begins.
BREAK = EMPTY


@dataclass(frozen=True)
class Item:
    """One displayed equation: its left side, the pieces between which a line may end, its number."""

    left: Box
    right: tuple[Box, ...]
    relation: str = "="
    number: int | None = None


def block(items: Sequence[Item]) -> str:
    """Equations below one another, aligned at their relations."""
    if not items:
        return ""
    margin = max(item.left.width for item in items)
    rows = [row for item in items for row in _rows(item, margin)]
    joined = " \\\\\n".join(rows)
    return f"\\begin{{align*}}\n{joined}\n\\end{{align*}}"


def _rows(item: Item, margin: float) -> list[str]:
    """The rows of one equation; a piece that no longer fits begins a new one."""
    rows: list[str] = []
    row, width, empty = f"{latex(item.left)} &{item.relation} ", margin + 1.6, True
    for piece in item.right:
        if not empty and (piece is BREAK or width + piece.width > LINE):
            rows.append(row)
            row, width, empty = r"&\quad ", margin + 2.6, True
        if piece is BREAK:
            continue
        text = latex(piece)
        row += text if empty or text.startswith(" ") else rf"\, {text}"
        width += piece.width + 0.2
        empty = False
    tag = "" if item.number is None else rf" \tag{{{item.number}}}"
    return [*rows, row + tag]
