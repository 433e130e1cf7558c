r"""The document in LaTeX: a fragment for ``\input``, part by part, or a whole document.

A fragment is part of another document. It redefines nothing, its settings are local, and every label
begins with a prefix that the user may set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import singledispatchmethod
from typing import TYPE_CHECKING

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
    Step,
    Strong,
    Table,
    Text,
)
from derive.document.view import LINE
from derive.drawing.tikz import tikz
from derive.files.templates import fill
from derive.paper.boxes import EMPTY, Box, opened
from derive.paper.characters import RELATIONS
from derive.paper.latex import latex

if TYPE_CHECKING:
    from derive.document.manuscript import Manuscript

#: The number of rows of a table that fit on a page.
LONGEST = 28

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
}


def escaped(words: str) -> str:
    """Escape plain text for LaTeX."""
    return "".join(_SPECIAL.get(c, c) for c in words)


@dataclass(frozen=True)
class TexWriter:
    """Writes blocks as LaTeX. Labels begin with ``prefix`` and a colon; without a prefix there are none."""

    prefix: str = ""

    def part(self, part: Part) -> str:
        """Write a part with its heading."""
        label = rf"\label{{{self.prefix}:{part.name}}}" if self.prefix else ""
        heading = rf"\deriveheading{{{escaped(part.title)}}}{label}"
        return "\n\n".join([heading, self._blocks(part.blocks)]) + "\n"

    def _blocks(self, blocks: Sequence[Block]) -> str:
        """Write blocks; a formula belongs to the paragraph before it."""
        text = ""
        for number, block in enumerate(blocks):
            glue = "" if not number else "\n" if isinstance(block, Display) else "\n\n"
            text += glue + self.block(block)
        return text

    # ------------------------------------------------------------ blocks

    @singledispatchmethod
    def block(self, block: Block) -> str:
        """Write one block."""
        raise NotImplementedError(f"cannot write {type(block).__name__} in LaTeX")

    @block.register
    def _(self, block: Text) -> str:
        return self.text(block)

    @block.register
    def _(self, block: Heading) -> str:
        return rf"\medskip\noindent\textbf{{{self.text(block.title)}.}} {self.text(block.text)}"

    @block.register
    def _(self, block: Fold) -> str:
        return f"{self.text(block.title)}\n{self._blocks(block.blocks)}"

    @block.register
    def _(self, block: Display) -> str:
        return self.display(block.items)

    @block.register
    def _(self, block: Table) -> str:
        columns = "".join(self._column(block, n) for n in range(len(block.head)))
        names = " & ".join(rf"\textit{{{self.text(t)}}}" for t in block.head)
        head = [rf"{names} \\", r"\hline"]
        rows = [self._row(block, row) for row in block.rows]
        tall = _has_fractions(cell for row in block.rows for cell in row)
        return _tabular(columns, head, rows, 1.6 if tall else 1.2, LONGEST - 6 if tall else LONGEST)

    def _row(self, table: Table, row: Sequence[Text]) -> str:
        cells = [self.text(cell) for cell in row]
        if table.wrapped is not None:
            cells[table.wrapped] = rf"\raggedright {cells[table.wrapped]}"
        return " & ".join(cells)

    def _column(self, table: Table, number: int) -> str:
        if number == table.wrapped:
            return r"p{0.5\linewidth}"
        return "r" if number in table.numeric else "l"

    @block.register
    def _(self, block: Algorithm) -> str:
        title = (
            rf"\multicolumn{{4}}{{p{{0.9\linewidth}}}}{{\raggedright\textbf{{Algorithm.}} {self.text(block.title)}.}}"
        )
        rows = [self._step(n, step) for n, step in enumerate(block.steps, start=1)]
        stretch = 1.35 if _has_fractions(step.text for step in block.steps) else 1.2
        return _tabular("rlrl", [rf"{title} \\", r"\hline"], rows, stretch, LONGEST)

    def _step(self, number: int, step: Step) -> str:
        equation = "" if step.number is None else self.span(Reference(step.number))
        code = "" if step.code is None else rf"line {step.code[0]}"
        indent = rf"\hspace*{{{1.2 * step.depth:.1f}em}}" if step.depth else ""
        return f"{number} & {indent}{self.text(step.text)} & {equation} & {code}"

    @block.register
    def _(self, block: Picture) -> str:
        return f"\\begin{{center}}\n{tikz(block.drawing)}\n\\end{{center}}"

    # ------------------------------------------------------------ text

    def text(self, text: Text) -> str:
        """Write the text of a paragraph or a cell."""
        return "".join(self.span(s) for s in text.spans)

    @singledispatchmethod
    def span(self, span: Span) -> str:
        """Write a piece of a text."""
        raise NotImplementedError(f"cannot write {type(span).__name__} in LaTeX")

    @span.register
    def _(self, span: str) -> str:
        return escaped(span)

    @span.register
    def _(self, span: Box) -> str:
        return f"${latex(span)}$"

    @span.register
    def _(self, span: Reference) -> str:
        number = span.number
        return rf"\derivereference{{{self.prefix}:{number}}}{{{number}}}" if self.prefix else f"({number})"

    @span.register
    def _(self, span: Code) -> str:
        return rf"\texttt{{{escaped(span.source)}}}"

    @span.register
    def _(self, span: Strong) -> str:
        return rf"\emph{{{escaped(span.words)}}}"

    # ------------------------------------------------------------ equations

    def display(self, items: Sequence[Item]) -> str:
        """Write equations aligned at their relations, with line breaks."""
        if not items:
            return ""
        margin = max(item.left.width for item in items)
        rows = [row for item in items for row in self._rows(item, margin)]
        joined = " \\\\\n".join(rows)
        return f"\\begin{{align*}}\n{joined}\n\\end{{align*}}"

    def _rows(self, item: Item, margin: float) -> list[str]:
        """Break one equation into rows; a piece that does not fit begins a new row."""
        lines = broken(item.right, margin, LINE)
        left = latex(item.left)
        relation = RELATIONS[item.relation].tex.strip()
        rows = [f"{left} &{relation} {lines[0][0]}", *(rf"&\quad {text}" for text, _ in lines[1:])]
        if item.reason is not None:
            rows = self._with_reason(rows, lines[-1][1], item.reason)
        return [*rows[:-1], rows[-1] + self._number(item)]

    def _with_reason(self, rows: list[str], width: float, reason: Text) -> list[str]:
        """Put the reason of a step beside its last row, or below if there is no room."""
        lines = [rf"\text{{\small {self.text(line)}}}" for line in reason_lines(reason, LINE)]
        if len(lines) == 1 and width + 1.5 + text_width(reason) <= LINE:
            return [*rows[:-1], rf"{rows[-1]} \quad {lines[0]}"]
        return [*rows, *(rf"&\qquad {line}" for line in lines)]

    def _number(self, item: Item) -> str:
        if item.number is None:
            return ""
        label = rf"\label{{{self.prefix}:{item.number}}}" if self.prefix and not item.batch else ""
        return rf" \tag{{{item.number}}}{label}"


def _tabular(columns: str, head: Sequence[str], rows: Sequence[str], stretch: float, longest: int) -> str:
    """Write a table with rules; a long one in pieces, each with the head, with possible page breaks between.

    The pieces are shorter on slides.
    """
    setting = rf"\begingroup\centering\small\renewcommand{{\arraystretch}}{{{stretch}}}%"
    opening = "\n".join([r"\par\medskip", setting, rf"\begin{{tabular}}{{{columns}}}", r"\hline", *head])
    closing = "\n".join([r"\hline", r"\end{tabular}\par\endgroup\medskip"])
    lines = [r"\par\nobreak", opening]
    for number, row in enumerate(rows):
        if number and number % longest == 0:
            lines += [closing, opening]
        elif number and number % (longest // 6) == 0:
            lines.append(rf"\derivesplit{{%{chr(10)}{closing}{chr(10)}{opening}}}%")
        lines.append(rf"{row} \\")
    return "\n".join([*lines, closing])


def reason_lines(reason: Text, line: float) -> list[Text]:
    """Write the reason of a step in parentheses, on as many lines as it needs."""
    lines: list[list[Span]] = [["("]]
    for span in reason.spans:
        if len(lines[-1]) > 1 and text_width(Text((*lines[-1], span))) > line - 6 and span not in (", ", " and "):
            lines.append([])
        lines[-1].append(span)
    lines[-1].append(")")
    return [Text(tuple(spans)) for spans in lines]


def _has_fractions(cells: Iterable[Text]) -> bool:
    """Return whether any cell contains a fraction: such tables need more space between rows."""
    return any(isinstance(s, Box) and s.tall for cell in cells for s in cell.spans)


def text_width(text: Text) -> float:
    """Estimate the width of a short text in em."""
    return sum(s.width if isinstance(s, Box) else 0.43 * len(str(s)) for s in text.spans)


def broken(
    pieces: Sequence[Box], margin: float, line: float, write: Callable[[Box], str] = latex
) -> list[tuple[str, float]]:
    """Break pieces into lines of LaTeX, with their widths; a piece that does not fit begins a new line."""
    lines: list[tuple[str, float]] = []
    row, width, empty = "", margin + 1.6, True
    for piece in narrowed(pieces, line - 3):
        if not empty and (piece is BREAK or width + piece.width > line):
            lines.append((row, width))
            row, width, empty = "", margin + 2.6, True
        if piece is EMPTY:
            continue
        text = write(piece)
        row += text if empty or text.startswith(" ") else rf"\, {text}"
        width += piece.width + 0.2
        empty = False
    return [*lines, (row, width)]


def narrowed(pieces: Sequence[Box], limit: float) -> list[Box]:
    """Split pieces that are wider than a line into their parts."""
    found: list[Box] = []
    for piece in pieces:
        parts = opened(piece) if piece.width > limit else (piece,)
        found += [piece] if len(parts) == 1 else narrowed(parts, limit)
    return found


def _fragment(*parts: str) -> str:
    r"""Put written parts into one fragment for ``\input``."""
    return fill("latex/fragment.tex.jinja", parts=parts)


def tex_files(document: Document, prefix: str = "") -> dict[str, str]:
    """Return a fragment, a standalone document, and a fragment for each part, by file name."""
    written = {part.name: TexWriter(prefix).part(part) for part in document.parts}
    whole = _fragment(*written.values())
    parts = {f"parts/{name}.tex": _fragment(text) for name, text in written.items()}
    return {"derivation.tex": whole, "document.tex": latex_document(whole, document.title), **parts}


def files(manuscript: Manuscript) -> dict[str, str]:
    """Return a fragment, a standalone document, and a fragment for each part, by file name."""
    return tex_files(manuscript.document, manuscript.edition.label_prefix)


def latex_document(fragment: str, title: str) -> str:
    """Put a fragment into a standalone document."""
    return fill("latex/document.tex.jinja", body=fragment, title=title)
