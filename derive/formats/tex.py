r"""The document in LaTeX: a fragment for ``\input``, part by part, or a whole document.

A fragment is part of another document. It redefines nothing, its settings are local, and every label
begins with a prefix that the user may set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import lru_cache, singledispatchmethod
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING, Any

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
    Number,
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
from derive.formats.line_breaks import broken, halved, reason_rows, text_width
from derive.formats.tex_tables import is_long, is_stacked, kept_steps, long_table, narrowing, tabular
from derive.paper.boxes import Box
from derive.paper.characters import RELATIONS
from derive.paper.latex import Source
from derive.record import record

if TYPE_CHECKING:
    from derive.document.manuscript import Manuscript

#: Code with fewer characters stands in one line of a text.
_LONG = 24
#: The faces of code in an algorithm, with the width of a character in em: on a page of its own, and in the narrowest
#: line, which is that of a slide for the first face and that of a column for the second.
FACES = {True: {"footnotesize": 0.43, "scriptsize": 0.375}, False: {"footnotesize": 0.54, "scriptsize": 0.49}}
#: A line of mathematics of the standalone document, in em.
WIDE = 42.0
#: A line of mathematics of a column of a page, in small type, in em.
COLUMN = 26.0
#: How wide a row with coloured brackets may be, in lines, by its type: it does not break.
FITTING, SMALLER = 1.07, {"small": 1.13, "footnotesize": 1.18, "scriptsize": 1.22}
#: The space between an equation and its reason, and that of a number, in em.
SPACE, NUMBER = 1.2, 2.5
#: The width of a cell that is broken into lines, in em.
WRAPPED = 17.0
#: The most equations that share a row, and the height of an equation that stays on one page, in lines of text.
ABREAST, TOGETHER = 4, 12

_STAY = ("stay", "no page ends here unless it had much white", r"\noalign{\penalty300}")
_TIGHT = ("tight", "smaller type for a wide row", r"\edef\leading{\the\baselineskip}#1\baselineskip\leading\relax")

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
    "−": "$-$",
}


def escaped(words: str) -> str:
    """Escape plain text for LaTeX."""
    return "".join(_SPECIAL.get(c, c) for c in words)


@record
class Written:
    """A part in LaTeX, the definitions of its macros, and what else it needs."""

    text: str
    definitions: Mapping[str, str]
    needs: frozenset[str]


def _holes(parts: Sequence[Written]) -> dict[str, Any]:
    """The holes of a template for some parts."""
    definitions = {name: text for part in parts for name, text in part.definitions.items()}
    needs = {need for part in parts for need in part.needs}
    return {"parts": [part.text for part in parts], "definitions": sorted(definitions.items()), "needs": needs}


@record
class TexWriter:
    """Writes blocks as LaTeX, with lines of ``line`` em.

    Labels begin with ``prefix`` and a colon; without a prefix there are none. ``labelled`` has the equation with the
    label of each number, the first one; ``alone`` writes for a standalone document.
    """

    prefix: str = ""
    line: float = LINE
    write: Source = field(default_factory=Source)
    labelled: Mapping[Number, Item] = field(default_factory=dict)
    alone: bool = False

    def written(self, part: Part) -> Written:
        """Write a part, and collect what its source needs."""
        writer = replace(self, write=Source())
        text = writer.part(part)
        blocks = list(_within(part.blocks))
        tables = [b for b in blocks if isinstance(b, (Table, Algorithm))]
        needs = {
            "reasons": any(item.reason for item in _items(part.blocks)),
            "numbered reasons": any(item.reason and item.number for item in _items(part.blocks)),
            "tables": bool(tables),
            "long": any(isinstance(b, Algorithm) or is_long(b.rows) for b in tables),
            "glossary": any(isinstance(b, Table) and self._is_glossary(b) for b in tables),
            "stacked": any(isinstance(b, Table) and is_long(b.rows) and is_stacked(b) for b in tables),
            "pictures": any(isinstance(b, Picture) for b in blocks),
        }
        used = frozenset(name for name, needed in needs.items() if needed)
        return Written(text, writer.write.definitions, used | writer.write.colours)

    def fragment(self, parts: Sequence[Written]) -> str:
        r"""Put parts into one fragment for ``\input``, with the definition of every macro that they use."""
        return fill("latex/fragment.tex.jinja", labels=bool(self.prefix), **_holes(parts))

    def document(self, document: Document, paper: str) -> str:
        """Write a standalone document for a paper, a4 or letter; references to equations that it has are links."""
        writer = replace(self, alone=True)
        holes = _holes([writer.written(part) for part in document.parts])
        return fill("latex/document.tex.jinja", title=escaped(document.title), paper=paper, **holes)

    def part(self, part: Part) -> str:
        """Write a part with its heading."""
        heading = r"\deriveheading" if not self.alone else r"\section"
        room = "\\glossaryroom\n" if any(isinstance(b, Table) and self._is_glossary(b) for b in part.blocks) else ""
        return f"{room}{heading}{{{escaped(part.title)}}}{self._label(part.name)}\n\n{self._blocks(part.blocks)}\n"

    def _label(self, name: object) -> str:
        return rf"\label{{{self.prefix}:{name}}}" if self.prefix else ""

    def _blocks(self, blocks: Sequence[Block]) -> str:
        """Write blocks; a formula belongs to the paragraph before it, and a small table to the picture before it."""
        text, picture = "", None
        for block, after in zip(blocks, [*blocks[1:], None][: len(blocks)], strict=True):
            if self.alone and isinstance(block, Picture) and isinstance(after, Table) and narrowing(block, after):
                picture = block
                continue
            glue = "" if not text else "\n" if isinstance(block, Display) else "\n\n"
            text += glue + (self.block(block) if picture is None else self._figure(picture, block))
            picture = None
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
        return f"\\textbf{{{self.text(block.title)}.}}\n{self._blocks(block.blocks)}"

    @block.register
    def _(self, block: Display) -> str:
        return self.display(block.items)

    @block.register
    def _(self, block: Table) -> str:
        if self._is_glossary(block):
            return self._glossary(block)
        columns = "".join(self._column(block, n) for n in range(len(block.head)))
        head = " & ".join(map(self.text, block.head))
        stretch = [r"\renewcommand{\arraystretch}{1.3}"] if is_stacked(block) else []
        rows = [" & ".join(self._cell(block, row, n) for n in range(len(row))) for row in block.rows]
        if is_long(block.rows):
            return long_table(columns, head, rows, not self.alone)
        return "\n".join([r"\begin{center}", *stretch, tabular(columns, head, rows), r"\end{center}"])

    def _is_glossary(self, table: Table) -> bool:
        """Whether a table is a long list of terms, which a page of its own sets in two columns."""
        return self.alone and table.wrapped == 1 and is_long(table.rows)

    def _glossary(self, table: Table) -> str:
        """Write a list of terms, each with its meaning and a short remark."""
        head, *rows = ("".join(f"{{{self.text(cell)}}}" for cell in row) for row in (table.head, *table.rows))
        symbol, _, shape = (max(map(text_width, column)) for column in zip(table.head, *table.rows, strict=True))
        lines = [rf"\begin{{deriveglossary}}{{{symbol + 0.7:.1f}em}}{{{shape + 0.3:.1f}em}}{{{head}}}"]
        return "\n".join([*lines, *(rf"\term{row}" for row in rows), r"\end{deriveglossary}"])

    def _column(self, table: Table, number: int) -> str:
        if number == table.wrapped and any(text_width(row[number]) > WRAPPED for row in table.rows):
            return r"p{0.5\linewidth}"
        return "r" if number in table.numeric else "l"

    def _cell(self, table: Table, row: Sequence[Text], number: int) -> str:
        """A cell; lines of a wrapped one are not stretched."""
        text = self.text(row[number])
        return rf"\raggedright {text}" if number == table.wrapped and text_width(row[number]) > WRAPPED else text

    @block.register
    def _(self, block: Algorithm) -> str:
        face = self._face(block)
        wide = "rlrl" if face else "rlr"
        words = rf"\textbf{{Algorithm.}} {self.text(block.title)}."
        title = rf"\multicolumn{{{len(wide)}}}{{p{{0.9\linewidth}}}}{{\raggedright{words}}}"
        rows = [self._step(n, step, face) for n, step in enumerate(block.steps, start=1)]
        return long_table(wide, title, rows, not self.alone, kept_steps(block, sum(r.count("\n") + 1 for r in rows)))

    def _face(self, block: Algorithm) -> str:
        """The largest face in which all code fits beside the steps; none if the code stands below them."""
        longest = max((len(step.code[1]) for step in block.steps if step.code), default=0)
        room = self.line - (5 if self.alone else 11)
        room -= max(1.1 * step.depth + 0.9 * text_width(step.text) for step in block.steps)
        return next((face for face, character in FACES[self.alone].items() if longest * character <= room), "")

    def _step(self, number: int, step: Step, face: str) -> str:
        equation = "" if step.number is None else self.span(Reference(step.number))
        row = f"{number} & {_indent(step.depth)}{self.text(step.text)} & {equation}"
        if face:
            return f"{row} & " + ("" if step.code is None else rf"\{face} {self.span(Code(step.code[1]))}")
        source, face = "" if step.code is None else step.code[1], next(iter(FACES[self.alone]))
        room = int((self.line - (3 if self.alone else 8) - 1.2 * step.depth) / FACES[self.alone][face])
        lines = wrap(source, room, subsequent_indent="   ", break_long_words=False, break_on_hyphens=False)
        coded = (self.span(Code(line.strip())) for line in lines)
        below = (rf"{_indent(step.depth + 1 + (n > 0))}\{face} {code}" for n, code in enumerate(coded))
        return " \\\\*\n".join([row, *(rf"& \multicolumn{{2}}{{l}}{{{line}}}" for line in below)])

    @block.register
    def _(self, block: Picture) -> str:
        return self._figure(block)

    def _figure(self, picture: Picture, beside: Block | None = None) -> str:
        """Write a drawing with its caption, and a small table beside it."""
        if isinstance(beside, Table):
            drawing = tikz(picture.drawing, self.write, narrowing(picture, beside))
            lines = [r"\begin{center}", drawing, r"\quad", *self.block(beside).split("\n")[1:-1]]
        elif self.alone:
            lines = [r"\begin{center}", tikz(picture.drawing, self.write)]
        else:
            lines = [r"\begin{center}", r"\begin{derivefit}", tikz(picture.drawing, self.write), r"\end{derivefit}"]
        caption = rf"\captionof{{figure}}{{{self.text(picture.caption)}}}{self._label(picture.name)}"
        return "\n".join([*lines, r"\nopagebreak", caption, r"\end{center}"])

    # ------------------------------------------------------------ text

    def text(self, text: Text) -> str:
        """Write the text of a paragraph or a cell."""
        return "".join(self._breaking(s) if isinstance(s, Code) else self.span(s) for s in text.spans)

    def _breaking(self, code: Code) -> str:
        """Code in a line of text; a line may break in a long name."""
        written = self.span(code)
        return written if len(code.source) < _LONG else written.replace(r"\_", r"\_\allowbreak{}")

    @singledispatchmethod
    def span(self, span: Span) -> str:
        """Write a piece of a text."""
        raise NotImplementedError(f"cannot write {type(span).__name__} in LaTeX")

    @span.register
    def _(self, span: str) -> str:
        return escaped(span)

    @span.register
    def _(self, span: Box) -> str:
        if span.kind in ("words", "number"):
            return escaped(span.parts[0])
        return f"${replace(self.write, inline=True)(span)}$"

    @span.register
    def _(self, span: Reference) -> str:
        number = span.number
        if not self.prefix or (self.alone and number not in self.labelled):
            return f"({number})"
        if self.alone:
            return rf"\eqref{{{self.prefix}:{number}}}"
        return rf"\derivereference{{{self.prefix}:{number}}}{{{number}}}"

    @span.register
    def _(self, span: Code) -> str:
        return rf"\texttt{{{escaped(span.source)}}}"

    @span.register
    def _(self, span: Strong) -> str:
        return rf"\emph{{{escaped(span.words)}}}"

    # ------------------------------------------------------------ equations

    def display(self, items: Sequence[Item]) -> str:
        """Write equations aligned at their relations, with line breaks; short ones share a row."""
        return "\n".join(self._aligned(run) for run in self._runs(items))

    def _aligned(self, items: Sequence[Item]) -> str:
        margin = max(item.left.width for item in items)
        abreast, face = self._abreast(items), ""
        if abreast > 1:
            lone = [row for item in items for row in self._rows(item, margin)]
            rows = [" &\n".join(lone[n : n + abreast]) for n in range(0, len(lone), abreast)]
        else:
            rows = [row for steps in _derivations(items) for row in self._steps(steps, margin)]
            lines = (line for item in items for line in self._broken(item, margin))
            wide = max(
                (width / self.line for pieces, width in lines if any(p.has_colours for p in pieces)), default=0.0
            )
            face = "" if wide <= FITTING else next((f for f, most in SMALLER.items() if wide <= most), "")
        aligned = "\\begin{align*}\n" + _joined(rows) + "\n\\end{align*}"
        return aligned if not face else "{" + self.write.macro(*_TIGHT, "\\" + face) + f"\n{aligned}}}"

    def _broken(self, item: Item, margin: float) -> list[tuple[list[Box], float]]:
        """The lines of an equation, with their widths."""
        return _lines(item.right, margin, self.line)

    def _runs(self, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
        """The equations of a display in groups: several short ones in a row are set beside each other."""
        if self._abreast(items) > 1:
            yield items
            return
        kept: list[Item] = []
        for short, some in groupby(items, lambda item: self._abreast([item] * ABREAST) > 1 or item.relation == "none"):
            run = list(some)
            if not short or len(run) < ABREAST or any(item.relation == "none" for item in run):
                kept += run
                continue
            if kept:
                yield kept
            yield run
            kept = []
        if kept:
            yield kept

    def _abreast(self, items: Sequence[Item]) -> int:
        """The number of equations that fit beside each other, each in a column of its own; 1 unless all are short."""
        if any(not i.left.width or i.relation == "none" or i.reason or i.number or BREAK in i.right for i in items):
            return 1
        if any(piece.has_colours for item in items for piece in item.right):  # each above the other
            return 1
        widths = [(i.left.width, 2.0 + sum(p.width + 0.2 for p in i.right)) for i in items]
        fitting = [1]
        for count in range(2, min(ABREAST, len(items)) + 1):
            columns = [widths[n::count] for n in range(count)]
            wide = [max(left for left, _ in c) + max(right for _, right in c) + 2 for c in columns]
            if sum(wide) <= (self.line if self.alone else COLUMN) + 2 and max(wide) <= 1.2 * self.line / count:
                fitting.append(count)
        return max(fitting, key=lambda count: (count > 1, len(items) % count == 0, count))

    def _steps(self, items: Sequence[Item], margin: float) -> list[str]:
        """The rows of an equation and its further steps, marked where no page may end, or only if it had much white."""
        rows: list[str] = []
        for item in items:
            some = _together(self._rows(item, margin), self._height(item, margin))
            for n, row in enumerate(some):
                inside = len(rows) > 1 and (n == 0 or 1 < n < len(some) - 1)
                rows.append(f"{self.write.macro(*_STAY)} {row}" if self.alone and inside else row)
        return _together(rows, sum(self._height(item, margin) for item in items))

    def _height(self, item: Item, margin: float) -> int:
        """The height of an equation with its line breaks, in lines of text."""
        return sum(max((p.height for p in pieces), default=1) for pieces, _ in self._broken(item, margin))

    def _rows(self, item: Item, margin: float) -> list[str]:
        """Break one equation into rows; a piece that does not fit begins a new row."""
        lines = self._broken(item, margin)
        first, *others = (self._line(pieces, margin) for pieces, _ in lines)
        left = self.write(item.left)
        relation = RELATIONS[item.relation].tex.strip()
        rows = [f"{left} &{relation} {first}".strip(), *(rf"&\quad {text}" for text in others)]
        rows[-1] += self._number(item)
        if item.reason is None:
            return rows
        room = FITTING * self.line - lines[-1][1] - (NUMBER if item.number else 0.0)
        reason, *others = (rf"\why{{{text}}}" for text in self._reason(item.reason, room))
        return [*rows[:-1], f"{rows[-1]} {reason}", *(f"& {text}" for text in others)]  # amsmath makes room

    def _reason(self, reason: Text, room: float) -> list[str]:
        """The rows of a reason; one that does not fit beside its step stands there on two lines if these fit."""
        two = halved(reason)
        if two and SPACE + text_width(reason) > room >= SPACE + max(map(text_width, two)):
            return [rf"\shortstack[r]{{{self.text(two[0])} \\ {self.text(two[1])}}}"]
        return [self.text(line) for line in reason_rows(reason, 1.1 * self.line)]

    def _line(self, pieces: Sequence[Box], margin: float) -> str:
        """Write a line of an equation; if it is too long for a column, with marks where it breaks there."""
        parts = [some for some, _ in broken(pieces, margin, COLUMN, FITTING * COLUMN)]
        if self.alone or len(parts) == 1:
            return self.write.line(pieces)
        first, *others = map(self.write.line, parts)
        mark = self.write.macro("wrap", "line break in a column", "")
        return first + "".join(rf" {mark} {text}" if text[:1] == " " else rf" {mark} \, {text}" for text in others)

    def _number(self, item: Item) -> str:
        if item.number is None:
            return ""
        label = self._label(item.number) if self.labelled.get(item.number) is item else ""
        return rf" \tag{{{item.number}}}{label}"


def _within(blocks: Sequence[Block]) -> Iterator[Block]:
    """The blocks and those in them."""
    for block in blocks:
        yield block
        if isinstance(block, Fold):
            yield from _within(block.blocks)


def _items(blocks: Sequence[Block]) -> Iterator[Item]:
    """The equations of the displays."""
    return (item for block in _within(blocks) if isinstance(block, Display) for item in block.items)


def _derivations(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Each equation with its further steps."""
    steps: list[Item] = []
    for item in items:
        if steps and item.left.width:
            yield steps
            steps = []
        steps.append(item)
    yield steps


def _together(rows: Sequence[str], high: int) -> list[str]:
    """Mark the rows after which no page ends: low ones stay together, of high ones the first two and the last two."""
    last = len(rows) - 1
    kept = [n < last and (high <= TOGETHER or n in (0, last - 1)) for n in range(len(rows))]
    return [rf"{row} \\*" if keep and not row.endswith(r"\\*") else row for row, keep in zip(rows, kept, strict=True)]


def _joined(rows: Sequence[str]) -> str:
    """Join the rows of a display; no page ends after its first row or before its last one."""
    joined = rows[0]
    for number, row in enumerate(rows[1:], start=1):
        star = "*" if number in (1, len(rows) - 1) else ""
        joined = f"{joined}\n{row}" if joined.endswith(r"\\*") else rf"{joined} \\{star}" + f"\n{row}"
    return joined


@lru_cache(maxsize=1024)
def _lines(pieces: tuple[Box, ...], margin: float, line: float) -> list[tuple[list[Box], float]]:
    """The lines of an equation, which are needed for its rows, for their height and for the size of its letters."""
    return broken(pieces, margin, line, max(SMALLER.values()) * line)


def _indent(depth: int) -> str:
    return rf"\hspace{{{1.2 * depth:.1f}em}}" if depth else ""


def tex_files(document: Document, prefix: str = "", paper: str = "a4") -> dict[str, str]:
    """Return a fragment, a standalone document, and a fragment for each part, by file name."""
    writer = TexWriter(prefix, labelled=_labelled(document))
    written = {part.name: writer.written(part) for part in document.parts}
    parts = {f"parts/{name}.tex": writer.fragment([part]) for name, part in written.items()}
    alone = standalone(document, prefix, paper)
    return {"derivation.tex": writer.fragment(list(written.values())), "document.tex": alone, **parts}


def fragment(document: Document, prefix: str = "") -> str:
    """Return a fragment alone."""
    writer = TexWriter(prefix, labelled=_labelled(document))
    return writer.fragment([writer.written(part) for part in document.parts])


def standalone(document: Document, prefix: str = "", paper: str = "a4") -> str:
    """Return a standalone document alone."""
    return TexWriter(prefix or "eq", WIDE, labelled=_labelled(document)).document(document, paper)


def _labelled(document: Document) -> dict[Number, Item]:
    """The equation with the label of each number, the first one."""
    items = [item for part in document.parts for item in _items(part.blocks) if item.number]
    return {item.number: item for item in reversed(items) if item.number}


def files(manuscript: Manuscript) -> dict[str, str]:
    """Return a fragment, a standalone document, and a fragment for each part, by file name."""
    return tex_files(manuscript.document, manuscript.edition.label_prefix, manuscript.edition.paper)
