"""The document in Markdown: one writer for all flavours."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property, singledispatchmethod
from itertools import groupby
from typing import TYPE_CHECKING

from derive.document.blocks import (
    Algorithm,
    Block,
    Code,
    Display,
    Document,
    Fold,
    Heading,
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
from derive.drawing.svg import svg
from derive.files.flavours import FLAVOURS, JUPYTER, Flavour, begun, escaped
from derive.formats.pages import paged
from derive.formats.rows import displayed, inline
from derive.paper.boxes import Box
from derive.paper.text import text as unicode_text
from derive.record import record

if TYPE_CHECKING:
    from derive.document.manuscript import Manuscript

_BELOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@record
class MarkdownWriter:
    """Writes blocks in Markdown.

    ``homes`` maps the number of an equation to the display with its anchor, ``targets`` to its link; an equation
    without a target is named without a link. Anchors begin with ``prefix``, picture files with ``pictures``.
    """

    flavour: Flavour
    prefix: str = "eq"
    homes: Mapping[Number, Display] = field(default_factory=dict)
    targets: Mapping[Number, str] = field(default_factory=dict)
    pictures: str = ""

    @cached_property
    def _anchored(self) -> tuple[tuple[Display, list[Number]], ...]:
        """The displays with anchors, each with the numbers of its equations."""
        return tuple(numbers_by_home(self.homes).values())

    def part(self, part: Part) -> str:
        """Write a part with its heading."""
        return f"## {escaped(part.title)}\n\n{self.blocks(part.blocks)}\n"

    def blocks(self, blocks: Sequence[Block]) -> str:
        """Write blocks, separated by blank lines; anchors are at the end of the paragraph before."""
        chunks: list[str] = []
        for number, block in enumerate(blocks):
            names = [f"{self.prefix}-{n}" for home, numbers in self._anchored if home == block for n in numbers]
            marks = self.flavour.anchors(names) if names else ""
            if marks and not self.flavour.behind:
                if number and isinstance(blocks[number - 1], Text):
                    marks = chunks.pop() + marks
                chunks.append(marks)
            chunks.append(self.block(block))
            if marks and self.flavour.behind:
                chunks.append(marks)
        return "\n\n".join(c for c in chunks if c)

    # ------------------------------------------------------------ blocks

    @singledispatchmethod
    def block(self, block: Block) -> str:
        """Write one block."""
        raise NotImplementedError(f"cannot write {type(block).__name__} in Markdown")

    @block.register
    def _(self, block: Text) -> str:
        return begun(self.text(block))

    @block.register
    def _(self, block: Heading) -> str:
        return f"### {self.text(block.title)}\n\n{self.block(block.text)}"

    @block.register
    def _(self, block: Fold) -> str:
        return self.flavour.fold(self.text(block.title), plain(block.title), self.blocks(block.blocks))

    @block.register
    def _(self, block: Display) -> str:
        before, after = self.flavour.display
        return "\n\n".join(f"{before}\n{tex}\n{after}" for tex in displayed(block))

    @block.register
    def _(self, block: Table) -> str:
        rules = ["---:" if n in block.numeric else "---" for n in range(len(block.head))]
        return _table([[self.text(t) for t in block.head], rules, *([self.text(t) for t in r] for r in block.rows)])

    @block.register
    def _(self, block: Algorithm) -> str:
        rows = [self._step(n, step) for n, step in enumerate(block.steps, start=1)]
        rows = [["", "step", "equation", "line of code"], ["---:", "---", "---:", "---"], *rows]
        filled = [n for n in range(len(rows[0])) if any(row[n] for row in rows[2:])]
        return f"**Algorithm.** {self.text(block.title)}.\n\n{_table([[row[n] for n in filled] for row in rows])}"

    def _step(self, number: int, step: Step) -> list[str]:
        equation = "" if step.number is None else self.span(Reference(step.number))
        code = "" if step.code is None else f"{step.code[0]}: {self.span(Code(step.code[1]))}"
        return [str(number), "&emsp;" * step.depth + self.text(step.text), equation, code]

    @block.register
    def _(self, block: Picture) -> str:
        source = _data(block) if self.flavour.embeds else self.pictures + picture_file(block)
        words = " ".join(f"{block.drawing.title}. {block.drawing.text}".split())
        return self.flavour.figure(source, words, self.text(block.caption))

    # ------------------------------------------------------------ text

    def text(self, text: Text) -> str:
        """Write the text of a paragraph or a cell."""
        return "".join(self.span(s) for s in text.spans)

    @singledispatchmethod
    def span(self, span: Span) -> str:
        """Write a piece of a text."""
        raise NotImplementedError(f"cannot write {type(span).__name__} in Markdown")

    @span.register
    def _(self, span: str) -> str:
        return escaped(span)

    @span.register
    def _(self, span: Box) -> str:
        if span.kind in ("words", "number"):  # no formula needed
            return escaped(str(span.parts[0]))
        before, after = self.flavour.inline
        return f"{before}{inline(span)}{after}"

    @span.register
    def _(self, span: Reference) -> str:
        words = f"({span.number})"
        return self.flavour.link(self.targets[span.number], words) if span.number in self.targets else words

    @span.register
    def _(self, span: Code) -> str:
        return code(span.source)

    @span.register
    def _(self, span: Strong) -> str:
        return f"**{escaped(span.words)}**"


def _table(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def code(source: str) -> str:
    """Write inline code, delimited by more backticks than it contains in a row."""
    longest = max((len(list(run)) for sign, run in groupby(source) if sign == "`"), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{source}{space}{fence}"


def plain(text: Text) -> str:
    """Return a text without markup."""
    return "".join(_plain(span) for span in text.spans)


def _plain(span: Span) -> str:
    match span:
        case str():
            return span
        case Box():
            return _plain_formula(span)
        case Reference():
            return f"({span.number})"
        case Code():
            return span.source
        case Strong():
            return span.words


def _plain_formula(box: Box) -> str:
    """Write a formula in Unicode, with digits as subscripts: w₁₂."""
    if box.kind == "named":
        return _plain_formula(box.parts[0])
    if box.kind == "script":
        base, below, above, left = box.parts
        digits = "" if below is None else unicode_text(below)
        if digits.isdecimal():
            return unicode_text(replace(box, parts=(base, None, above, left))) + digits.translate(_BELOW)
    return unicode_text(box)


# ---------------------------------------------------------------- numbers, pictures


def homes(parts: Sequence[Part]) -> dict[Number, Display]:
    """Return the display that links to an equation lead to: the first one, unless it has the equation again."""
    displays = [block for part in parts for block in part.blocks if isinstance(block, Display)]
    found: dict[Number, Display] = {}
    for again in (False, True):
        for display in displays:
            for item in display.items:
                if item.number is not None and item.again == again:
                    found.setdefault(item.number, display)
    return found


def numbers_by_home(known: Mapping[Number, Display]) -> dict[int, tuple[Display, list[Number]]]:
    """Each display that is the home of equations, with their numbers."""
    found: dict[int, tuple[Display, list[Number]]] = {}
    for number, home in known.items():
        found.setdefault(id(home), (home, []))[1].append(number)
    return found


def picture_file(picture: Picture) -> str:
    """Return the file name of a picture."""
    return f"{picture.name}.svg"


def _data(picture: Picture) -> str:
    """Return a picture as a data URL."""
    return f"data:image/svg+xml;base64,{b64encode(svg(picture.drawing, picture.name).encode()).decode()}"


def pictures(parts: Sequence[Part]) -> list[Picture]:
    """Return all pictures in order."""

    def within(blocks: Sequence[Block]) -> Iterator[Picture]:
        for block in blocks:
            if isinstance(block, Picture):
                yield block
            elif isinstance(block, Fold):
                yield from within(block.blocks)

    return [picture for part in parts for picture in within(part.blocks)]


# ---------------------------------------------------------------- files


def markdown(document: Document, flavour: str, front_matter: bool = False, prefix: str = "eq") -> str:
    """Write the whole document in one of the ``FLAVOURS``; anchors begin with ``prefix``.

    Pictures are references to files, which ``markdown_files`` returns.
    """
    writer = linked(_writer(flavour, prefix), document.parts)
    return _head(document.title, writer.flavour, front_matter) + "\n".join(map(writer.part, document.parts))


def cell_text(document: Document) -> str:
    """Return a document as a notebook displays it, on one page and without its title."""
    writer = linked(MarkdownWriter(JUPYTER, "eq"), document.parts)
    return "\n".join(map(writer.part, document.parts))


def markdown_files(document: Document, flavour: str, front_matter: bool = False, prefix: str = "eq") -> dict[str, str]:
    """Return the document, a file for each part, and the pictures, by file name.

    If the flavour limits a page (GitHub), a longer document continues in ``derivation-2.md`` and so on.
    """
    writer = _writer(flavour, prefix)
    head = _head(document.title, writer.flavour, front_matter)
    files = {name: head + body for name, body in _paged(document.parts, writer, "derivation").items()}
    for part in document.parts:
        inner = replace(writer, pictures="../")
        files |= {f"parts/{name}": body for name, body in _paged([part], inner, part.name).items()}
    return files | {picture_file(p): svg(p.drawing, p.name) for p in pictures(document.parts)}


def files(manuscript: Manuscript) -> dict[str, str]:
    """Return the document, a file for each part, and the pictures, by file name."""
    edition = manuscript.edition
    prefix = edition.label_prefix or "eq"
    return markdown_files(manuscript.document, edition.markdown, edition.front_matter, prefix)


def _writer(flavour: str, prefix: str) -> MarkdownWriter:
    """Return a writer. Its anchors have only letters, digits and hyphens, as Obsidian requires."""
    return MarkdownWriter(FLAVOURS[flavour], "".join(c if c.isalnum() else "-" for c in prefix))


def _head(title: str, flavour: Flavour, front_matter: bool) -> str:
    heading = f"# {escaped(title)}\n\n"
    if not front_matter:
        return heading
    return flavour.front_matter(title) + ("" if flavour.titled else heading)


def _paged(parts: Sequence[Part], writer: MarkdownWriter, stem: str) -> dict[str, str]:
    """Split parts into pages with links between them; return them by file name."""
    pages = paged(parts, writer.flavour.budget, lambda block: cost(writer, block))
    names = [f"{stem}.md" if not n else f"{stem}-{n + 1}.md" for n in range(len(pages))]
    bodies = _bodies(dict(zip(names, pages, strict=True)), writer)
    return bodies if len(pages) == 1 else {name: _barred(body, name, names) for name, body in bodies.items()}


def _barred(body: str, here: str, names: Sequence[str]) -> str:
    """Put a page between links to the other pages."""
    links = [str(n) if name == here else f"[{n}]({name})" for n, name in enumerate(names, start=1)]
    bar = f"Pages: {', '.join(links)}\n"
    return "\n".join([bar, body, bar])


def _bodies(pages: Mapping[str, Sequence[Part]], writer: MarkdownWriter) -> dict[str, str]:
    """Write the texts of pages; references link to equations on all of them."""
    known = linked(writer, [part for page in pages.values() for part in page])
    files = {n: name for name, page in pages.items() for n, home in known.homes.items() if _holds(page, home)}
    bodies = {}
    for name, page in pages.items():
        targets = {n: t if files[n] == name else files[n] + t for n, t in known.targets.items()}
        bodies[name] = "\n".join(replace(known, targets=targets).part(part) for part in page)
    return bodies


def linked(writer: MarkdownWriter, parts: Sequence[Part]) -> MarkdownWriter:
    """Return a writer for these parts on one page, with the links to their equations.

    If a block can have only one anchor, it is that of its first equation.
    """
    known = homes(parts)
    first = {n: numbers[0] for _, numbers in numbers_by_home(known).values() for n in numbers}
    targets = {n: f"#{writer.prefix}-{first[n] if writer.flavour.behind else n}" for n in known}
    return replace(writer, homes=known, targets=targets)


def _holds(page: Sequence[Part], display: Display) -> bool:
    return any(display in part.blocks for part in page)


def cost(writer: MarkdownWriter, block: Block) -> int:
    """Return an upper bound of the formulas and braces of a block, which GitHub limits."""
    text = writer.block(block)
    return sum(text.count(mark) for mark in ("{", writer.flavour.inline[0], writer.flavour.display[0]))
