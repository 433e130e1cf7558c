"""Tables of the LaTeX document: their source, and the rows after which no page ends."""

from __future__ import annotations

from collections.abc import Sequence, Set
from itertools import accumulate, pairwise

from derive.document.blocks import Algorithm, Picture, Table, boxes_in
from derive.formats.line_breaks import text_width
from derive.paper.boxes import Box

#: The number of rows of a table that stays on one page, of one that fits on a page, and of one that fits on a slide.
SHORT, LONGEST, SLIDE = 8, 28, 4
#: An algorithm with fewer lines stays on one page.
WHOLE = 10
#: The width of a unit of a drawing, in points, and the least factor for the distances between units.
UNIT, NARROWEST = 46.0, 0.7


def is_long(rows: Sequence[object]) -> bool:
    """Whether a table may go on on the next page."""
    return len(rows) > SHORT


def is_stacked(table: Table) -> bool:
    """Whether a symbol in a table has both a subscript and a superscript, so that those of two rows would touch."""
    return any(b.kind == "script" and b.parts[1] and b.parts[2] for b in boxes_in([table]))


def narrowing(picture: Picture, table: Table) -> float:
    """The factor for the distances in a drawing with which a small table fits beside it on a page; 0 if none does."""
    rows = (table.head, *table.rows)
    columns = (max(text_width(row[n]) for row in rows) + 1.4 for n in range(len(table.head)))
    room = 425 - 9.0 * sum(columns)
    factor = min(1.0, (room - UNIT) / (picture.drawing.width - UNIT))
    return factor if factor > NARROWEST and not is_long(table.rows) else 0.0


def tabular(columns: str, head: str, rows: Sequence[str]) -> str:
    """Write a table that stays on one page."""
    lines = [r"\small", rf"\begin{{tabular}}{{{columns}}}", r"\toprule", rf"{head} \\", r"\midrule"]
    return "\n".join([*lines, *(rf"{row} \\" for row in rows), r"\bottomrule", r"\end{tabular}"])


def kept_steps(block: Algorithm, lines: int) -> set[int]:
    """The steps of an algorithm after which no page ends: all of a short one, headings, and those around dots."""
    dotted = {
        n for n, step in enumerate(block.steps) if [s.kind for s in step.text.spans if isinstance(s, Box)] == ["dots"]
    }
    headings = {n for n, (step, after) in enumerate(pairwise(block.steps)) if after.depth > step.depth}
    every = range(len(block.steps) if lines < WHOLE else 0)
    return {*every, *dotted, *(n - 1 for n in dotted), *headings}


def long_table(columns: str, head: str, rows: Sequence[str], marked: bool, kept: Set[int] = frozenset()) -> str:
    """Write a table that may go on on the next page, but not after its first two rows, its last but one and ``kept``.

    If ``marked``, it has marks for the places where it breaks on slides, and on pages without longtable.
    """
    kept = {*kept, 0, 1, len(rows) - 2}
    height = [0, *accumulate(row.count("\n") + 1 for row in rows)]
    lines, slide, page = [rf"\begin{{derivetable}}{{{columns}}}{{{head}}}"], 0, 0
    for number, row in enumerate(rows):
        after = next((n for n in range(number + 1, len(rows)) if n - 1 not in kept), len(rows))
        high = after - slide > SLIDE or height[after] - height[slide] > SLIDE + 1
        free = number - 1 not in kept or height[after] - height[slide] > 2 * SLIDE - 1
        if marked and number and free and high:
            nearly = height[min(number + SLIDE, len(rows))]
            full = nearly - height[page] > LONGEST
            slide, page = number, number if full else page
            lines.append(r"\derivebreak" if full else r"\derivesplit")
        lines.append(rf"{row} \\*" if number in kept else rf"{row} \\")
    return "\n".join([*lines, r"\end{derivetable}"])
