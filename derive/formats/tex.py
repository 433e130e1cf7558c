r"""The document in LaTeX: a fragment for ``\input``, part by part, or a whole document.

A fragment lives in somebody else's document. It defines nothing that is defined there already,
keeps its settings to itself, and every label begins with a prefix that the user may set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatchmethod

from derive.blocks import (
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
from derive.printers.boxes import EMPTY, Box
from derive.printers.latex import latex
from derive.printers.tikz import tikz
from derive.render import fill
from derive.view import LINE

_RELATIONS = {"equals": "=", "gets": r"\leftarrow", "none": ""}
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
    """Words as LaTeX sets them."""
    return "".join(_SPECIAL.get(c, c) for c in words)


@dataclass(frozen=True)
class TexWriter:
    """Writes blocks as LaTeX; labels begin with ``prefix`` and a colon, or there are none."""

    prefix: str = ""

    def fragment(self, parts: Sequence[Part]) -> str:
        r"""Parts as one fragment, to be read with ``\input``."""
        return fill("latex/fragment.tex.jinja", parts=[self.part(p) for p in parts])

    def part(self, part: Part) -> str:
        """A part with its heading."""
        label = rf"\label{{{self.prefix}:{part.name}}}" if self.prefix else ""
        heading = rf"\subsection*{{{escaped(part.title)}}}{label}"
        return "\n\n".join([heading, self._blocks(part.blocks)]) + "\n"

    def _blocks(self, blocks: Sequence[Block]) -> str:
        """Blocks; a formula belongs to the paragraph before it."""
        text = ""
        for number, block in enumerate(blocks):
            glue = "" if not number else "\n" if isinstance(block, Display) else "\n\n"
            text += glue + self.block(block)
        return text

    # ------------------------------------------------------------ blocks

    @singledispatchmethod
    def block(self, block: Block) -> str:
        """One block."""
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
        columns = "".join("r" if n in block.numeric else "l" for n in range(len(block.head)))
        head = " & ".join(rf"\textit{{{self.text(t)}}}" for t in block.head)
        rows = [" & ".join(self.text(cell) for cell in row) for row in block.rows]
        body = " \\\\\n".join(rows)
        return (
            f"\\begin{{center}}\\small\\renewcommand{{\\arraystretch}}{{1.25}}%\n\\begin{{tabular}}{{{columns}}}\n"
            f"\\hline\n{head} \\\\\n\\hline\n{body} \\\\\n\\hline\n\\end{{tabular}}\n\\end{{center}}"
        )

    @block.register
    def _(self, block: Algorithm) -> str:
        rows = " \\\\\n".join(self._step(n, step) for n, step in enumerate(block.steps, start=1))
        return (
            f"\\begin{{center}}\\small\n\\begin{{tabular}}{{rlrl}}\n\\hline\n"
            f"\\multicolumn{{4}}{{l}}{{\\textbf{{Algorithm.}} {self.text(block.title)}}} \\\\\n\\hline\n"
            f"{rows} \\\\\n\\hline\n\\end{{tabular}}\n\\end{{center}}"
        )

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
        """A paragraph or a cell."""
        return "".join(self.span(s) for s in text.spans)

    @singledispatchmethod
    def span(self, span: Span) -> str:
        """A piece of a text."""
        raise NotImplementedError(f"cannot write {type(span).__name__} in LaTeX")

    @span.register
    def _(self, span: str) -> str:
        return escaped(span)

    @span.register
    def _(self, span: Box) -> str:
        return f"${latex(span)}$"

    @span.register
    def _(self, span: Reference) -> str:
        return rf"\eqref{{{self.prefix}:{span.number}}}" if self.prefix else f"({span.number})"

    @span.register
    def _(self, span: Code) -> str:
        return rf"\texttt{{{escaped(span.source)}}}"

    @span.register
    def _(self, span: Strong) -> str:
        return rf"\emph{{{escaped(span.words)}}}"

    # ------------------------------------------------------------ equations

    def display(self, items: Sequence[Item]) -> str:
        """Equations below one another, aligned at their relations, broken where the line ends."""
        if not items:
            return ""
        margin = max(item.left.width for item in items)
        rows = [row for item in items for row in self._rows(item, margin)]
        joined = " \\\\\n".join(rows)
        return f"\\begin{{align*}}\n{joined}\n\\end{{align*}}"

    def _rows(self, item: Item, margin: float) -> list[str]:
        """The rows of one equation; a piece that no longer fits begins a new one."""
        lines = broken(item.right, margin, LINE)
        left = latex(item.left)
        rows = [f"{left} &{_RELATIONS[item.relation]} {lines[0][0]}", *(rf"&\quad {text}" for text, _ in lines[1:])]
        if item.reason is not None:
            rows = self._with_reason(rows, lines[-1][1], item.reason)
        return [*rows[:-1], rows[-1] + self._number(item)]

    def _with_reason(self, rows: list[str], width: float, reason: Text) -> list[str]:
        """The reason of a step beside its last row, or below it where there is no room."""
        lines = [rf"\text{{\small {line}}}" for line in self._reason_lines(reason)]
        if len(lines) == 1 and width + 1.5 + text_width(reason) <= LINE:
            return [*rows[:-1], rf"{rows[-1]} \quad {lines[0]}"]
        return [*rows, *(rf"&\qquad {line}" for line in lines)]

    def _reason_lines(self, reason: Text) -> list[str]:
        """The reason in parentheses, on as many lines as it needs."""
        lines: list[list[Span]] = [["("]]
        for span in reason.spans:
            if len(lines[-1]) > 1 and text_width(Text((*lines[-1], span))) > LINE - 6 and span not in (", ", " and "):
                lines.append([])
            lines[-1].append(span)
        lines[-1].append(")")
        return [self.text(Text(tuple(line))) for line in lines]

    def _number(self, item: Item) -> str:
        if item.number is None:
            return ""
        label = rf"\label{{{self.prefix}:{item.number}}}" if self.prefix and not item.batch else ""
        return rf" \tag{{{item.number}}}{label}"


def text_width(text: Text) -> float:
    """About how wide a short text is in em."""
    return sum(s.width if isinstance(s, Box) else 0.43 * len(str(s)) for s in text.spans)


def broken(pieces: Sequence[Box], margin: float, line: float) -> list[tuple[str, float]]:
    """Pieces as lines of LaTeX with their widths; a piece that no longer fits begins a new one."""
    lines: list[tuple[str, float]] = []
    row, width, empty = "", margin + 1.6, True
    for piece in pieces:
        if not empty and (piece is BREAK or width + piece.width > line):
            lines.append((row, width))
            row, width, empty = "", margin + 2.6, True
        if piece is EMPTY:
            continue
        text = latex(piece)
        row += text if empty or text.startswith(" ") else rf"\, {text}"
        width += piece.width + 0.2
        empty = False
    return [*lines, (row, width)]


def tex_files(document: Document, prefix: str = "") -> dict[str, str]:
    """The derivation as one fragment, as a document of its own, and each part as a fragment."""
    writer = TexWriter(prefix)
    whole = writer.fragment(document.parts)
    parts = {f"parts/{part.name}.tex": writer.fragment([part]) for part in document.parts}
    return {"derivation.tex": whole, "document.tex": latex_document(whole, document.title), **parts}


def latex_document(fragment: str, title: str) -> str:
    """Put a fragment into a document of its own."""
    return fill("latex/document.tex.jinja", body=fragment, title=title)
