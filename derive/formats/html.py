"""The document as one self-contained HTML page, with its fonts, pictures and scripts.

Formulas are MathML, which browsers render and screen readers read. The derivation is complete without the script of
the page, which highlights, folds and steps through existing content, and runs the derived equations of a small network.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cache, singledispatchmethod
from html import escape
from itertools import compress
from typing import TYPE_CHECKING, Any

from derive.document.blocks import (
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
from derive.drawing.live import live_network
from derive.drawing.svg import svg
from derive.files.templates import fill, template_folder
from derive.formats.html_code import code_section
from derive.formats.html_live import LivePart
from derive.formats.html_walk import facts, walk_figure
from derive.formats.line_breaks import between_breaks, text_width, unbroken
from derive.formats.rows import WHOLE
from derive.paper.boxes import EMPTY, Box
from derive.paper.characters import BETWEEN, RELATIONS
from derive.paper.latex import joined, latex
from derive.paper.mathml import mathml, relation
from derive.record import record

if TYPE_CHECKING:
    from derive.document.manuscript import Manuscript
    from derive.document.view import View

#: The widest left side, in em, that leaves room for the right side on a narrow page.
LONG = 5.0
#: Punctuation that stays on the line of the formula before it.
_CLOSING = ".,;:)"
#: The widest formula, in em, that fits on a line of text, and the widest reason of a step that stays on one.
WIDE = 12.0
#: The part after which the walk through the backward pass is inserted, the part whose first words lead the page,
#: and the part that is folded, as every symbol is introduced where it occurs first.
_WALKED, _LEADING, _FOLDED = "pattern", "glance", "notation"
#: The steps of the longest algorithm that is not folded; its equations all stand in the text.
SHORT = 12


def files(manuscript: Manuscript) -> dict[str, str]:
    """Return the page by its file name."""
    return {"derivation.html": html_page(manuscript.view, manuscript.document)}


def html_page(view: View, document: Document) -> str:
    """Write a document as a self-contained page; ``view`` is the view that it was written from."""
    writer = HtmlWriter(frozenset(_numbers(document.parts)))
    network = live_network(view.derivation)
    live = None if network is None else LivePart(view, network)
    parts, lead = [*document.parts], escape(view.derivation.description)
    if parts and parts[0].name == _LEADING and isinstance(first := parts[0].blocks[0], Text):
        lead, parts[0] = writer.text(first), replace(parts[0], blocks=parts[0].blocks[1:])
    sections = [_section(writer, part) for part in parts]
    if live is None:
        sections = [_walked(writer, view, document, section) for section in sections]
    if any(isinstance(b, Algorithm) for p in document.parts for b in _blocks(p.blocks)):
        sections.append(Section("code", "The code", code_section(view, writer.anchors)))
    assets = _assets()
    scripts = [assets.page] if live is None else [_packed(live.script), assets.page, assets.live]
    return fill(
        "html/page.html.jinja",
        title=document.title,
        description=view.derivation.description,
        lead=lead,
        live="" if live is None else live.section(writer.item),
        sections=sections,
        facts=_json(facts(view) if live is None else {**facts(view), "live": live.facts}),
        scripts=scripts,
        hashes=" ".join(f"'sha256-{_digest(script)}'" for script in scripts),
        style=assets.style,
        font=assets.font,
    )


@record
class Section:
    """A part of the page: its anchor, its title in plain text, and its body in HTML."""

    name: str
    title: str
    body: str


def _section(writer: HtmlWriter, part: Part) -> Section:
    blocks = part.blocks
    if part.name == _FOLDED:
        blocks = (Fold(Text(("Every symbol, with its meaning and its shape",)), blocks),)
    return Section(part.name, part.title, writer.blocks(blocks))


def _walked(writer: HtmlWriter, view: View, document: Document, section: Section) -> Section:
    """Add the walk through the backward pass to the section that it follows."""
    if section.name != _WALKED:
        return section
    drawings = [_drawing_id(b) for p in document.parts for b in _blocks(p.blocks) if isinstance(b, Picture)]
    figure = walk_figure(view, drawings[0] if drawings else "", writer.item)
    return replace(section, body=f"{section.body}\n{figure}")


def _blocks(blocks: Sequence[Block]) -> Iterator[Block]:
    """Yield all blocks, including those in folds."""
    for block in blocks:
        yield block
        if isinstance(block, Fold):
            yield from _blocks(block.blocks)


def _numbers(parts: Sequence[Part]) -> Iterator[Number]:
    """Yield the numbers of the equations."""
    for block in (b for part in parts for b in _blocks(part.blocks)):
        if isinstance(block, Display):
            yield from (i.number for i in block.items if i.number is not None)


@record
class Assets:
    """What all pages share: style, scripts and font."""

    style: str
    page: str
    live: str
    font: str


@cache
def _assets() -> Assets:
    folder = template_folder() / "html"
    style, page, live = (_packed((folder / n).read_text(encoding="utf-8")) for n in ("page.css", "page.js", "live.js"))
    return Assets(style, page, live, base64.b64encode((folder / "math.woff2").read_bytes()).decode())


def _digest(script: str) -> str:
    """The hash of a script for the content security policy."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _packed(source: str) -> str:
    """Minify a script or a style: remove indentation, empty lines and comment lines."""
    lines = (line.strip() for line in source.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith(("//", "/*"))) + "\n"


def _json(known: Mapping[str, Any]) -> str:
    """Write facts for the script, escaped so that they cannot close their element."""
    text = json.dumps(known, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace("&", "\\u0026")


def item_latex(item: Item) -> str:
    """Write an equation in LaTeX, on one line."""
    right = joined([latex(piece) for piece in item.right if piece is not EMPTY])
    return f"{latex(item.left)}{RELATIONS[item.relation].tex}{right}".strip()


@record
class HtmlWriter:
    """Writes blocks as HTML.

    ``known`` are the numbers of the document's equations, ``anchored`` those written so far: only the first
    occurrence of an equation gets the anchor.
    """

    known: frozenset[Number]
    anchored: set[Number] = field(default_factory=set)

    @property
    def anchors(self) -> dict[Number, str]:
        """Return the target of the link to each equation."""
        return {number: f"eq-{number}" for number in self.known}

    def blocks(self, blocks: Sequence[Block]) -> str:
        """Write blocks in sequence."""
        return "\n".join(self.block(b) for b in blocks)

    # ------------------------------------------------------------ blocks

    @singledispatchmethod
    def block(self, block: Block) -> str:
        """Write one block."""
        raise NotImplementedError(f"cannot write {type(block).__name__} in HTML")

    @block.register
    def _(self, block: Text) -> str:
        return f"<p>{self.text(block)}</p>"

    @block.register
    def _(self, block: Heading) -> str:
        return f"<h3>{self.text(block.title)}</h3>\n<p>{self.text(block.text)}</p>"

    @block.register
    def _(self, block: Fold) -> str:
        return (
            f"<details><summary>{self.text(block.title)}</summary>\n"
            f'<div class="folded">{self.blocks(block.blocks)}</div></details>'
        )

    @block.register
    def _(self, block: Display) -> str:
        rows = "\n".join(self.item(item) for item in block.items)
        return f'<div class="eqs">\n{rows}\n</div>' if rows else ""

    @block.register
    def _(self, block: Table) -> str:
        head = "".join(self._head(n, text, block) for n, text in enumerate(block.head))
        rows = "\n".join(f"<tr>{self._cells(row, block)}</tr>" for row in block.rows)
        table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
        return f'<div class="scroll">{table}</div>'

    def _head(self, number: int, text: Text, table: Table) -> str:
        inside = self.text(text)
        aligned = _numeric(number, table)
        return f'<th scope="col"{aligned}>{inside}</th>' if inside else f"<td{aligned}></td>"

    def _cells(self, row: Sequence[Text], table: Table) -> str:
        """Write the cells of a row; a first cell of text is a row header (not all software can read formulas there)."""
        written = [f"<td{_numeric(n, table)}>{self.text(cell)}</td>" for n, cell in enumerate(row)]
        if any(isinstance(s, str) and s for s in row[0].spans):
            written[0] = f'<th scope="row"{_numeric(0, table)}>{self.text(row[0])}</th>'
        return "".join(written)

    @block.register
    def _(self, block: Algorithm) -> str:
        filled = (True, True, any(s.number for s in block.steps), any(s.code for s in block.steps))
        names = compress(("", "step", "equation", "code"), filled)
        steps = (compress(self._step(n, step), filled) for n, step in enumerate(block.steps, start=1))
        rows = "\n".join(f"<tr>{''.join(cells)}</tr>" for cells in steps)
        head = "".join(f'<th scope="col">{name}</th>' if name else "<td></td>" for name in names)
        title = f"<strong>Algorithm.</strong> {self.text(block.title)}."
        table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
        table = f'<div class="scroll">{table}</div>'
        if len(block.steps) > SHORT:
            return f'<details class="algorithm"><summary>{title}</summary>\n{table}\n</details>'
        return f'<figure class="algorithm"><figcaption>{title}</figcaption>\n{table}\n</figure>'

    def _step(self, number: int, step: Step) -> tuple[str, ...]:
        equation = "" if step.number is None else self.span(Reference(step.number))
        line = "" if step.code is None else f'<a href="#line-{step.code[0]}">line {step.code[0]}</a>'
        indent = f' class="depth-{min(step.depth, 4)}"' if step.depth else ""
        text = f"<td{indent}>{self.text(step.text)}</td>"
        return f"<td>{number}</td>", text, f"<td>{equation}</td>", f"<td>{line}</td>"

    @block.register
    def _(self, block: Picture) -> str:
        drawing = svg(block.drawing, _drawing_id(block), standalone=False)
        return f'<figure><div class="net">{drawing}</div>\n<figcaption>{self.text(block.caption)}</figcaption></figure>'

    # ------------------------------------------------------------ text

    def text(self, text: Text) -> str:
        """Write the text of a paragraph or a cell; no line begins with the punctuation after a formula."""
        written: list[str] = []
        for before, span in zip((None, *text.spans), text.spans, strict=False):
            found = self.span(span)
            if isinstance(before, Box) and before.width <= WIDE and isinstance(span, str):
                rest = span.lstrip(_CLOSING)
                mark = span[: len(span) - len(rest)]
                written[-1:] = [f'<span class="glued">{written[-1]}{mark}</span>'] if mark else written[-1:]
                found = escape(rest)
            written.append(found)
        return "".join(written)

    @singledispatchmethod
    def span(self, span: Span) -> str:
        """Write a piece of a text."""
        raise NotImplementedError(f"cannot write {type(span).__name__} in HTML")

    @span.register
    def _(self, span: str) -> str:
        return escape(span)

    @span.register
    def _(self, span: Box) -> str:
        formula = f"<math>{mathml(span)}</math>"
        return formula if span.width <= WIDE else f'<span class="wide">{formula}</span>'

    @span.register
    def _(self, span: Reference) -> str:
        return self._link(span.number, self.anchors.get(span.number))

    @span.register
    def _(self, span: Code) -> str:
        return f"<code>{escape(span.source)}</code>"

    @span.register
    def _(self, span: Strong) -> str:
        return f"<dfn>{escape(span.words)}</dfn>"

    def _link(self, number: Number, anchor: str | None) -> str:
        return f"({number})" if anchor is None else f'<a href="#{anchor}">({number})</a>'

    # ------------------------------------------------------------ equations

    def item(self, item: Item, anchored: bool = True) -> str:
        """Write an equation: left side, pieces, reason of the step, number.

        A piece that does not fit begins a new line; a piece wider than a line scrolls.
        """
        left = "" if item.left is EMPTY else f"<math>{mathml(item.left)}</math>"
        reason = "" if item.reason is None else self._reason(item.reason)
        tex = escape(item_latex(item))
        kind = "eq" if item.left.width <= LONG else "eq long"
        return (
            f'<div class="{kind}"{self._identity(item, anchored)} data-tex="{tex}"><span class="l">{left}</span>'
            f'<span class="r">{_pieces(item)}{reason}</span>{self._number(item)}</div>'
        )

    def _reason(self, reason: Text) -> str:
        """Write the reason of a step; a long one may stand beside it on several lines."""
        kind = "why" if text_width(reason) <= WIDE else "why long"
        return f' <small class="{kind}">({self.text(reason)})</small>'

    def _identity(self, item: Item, anchored: bool) -> str:
        if item.number is None or not anchored or item.number in self.anchored:
            return ""
        self.anchored.add(item.number)
        return f' id="eq-{item.number}"'

    def _number(self, item: Item) -> str:
        if item.number is None:
            return ""
        return f'<span class="n">{self._link(item.number, self.anchors.get(item.number))}</span>'


def _drawing_id(picture: Picture) -> str:
    return f"drawing-{picture.name}"


def _pieces(item: Item) -> str:
    """Write the pieces of the right side, with the relation before the first; one formula if no line breaks there."""
    sign, rows = relation(item.relation), []
    for run in between_breaks(item.right):
        written = []
        for unit in unbroken(run, WHOLE):
            piece = unit[0] if len(unit) == 1 else Box("row", (BETWEEN["thin"], *unit), 0.0)
            kind = ' class="signed"' if unit[0].kind == "before" else ""
            written.append(f"<span{kind}><math>{sign}{mathml(piece)}</math></span>")
            sign = ""
        rows.append(" ".join(written))
    return ' <span class="br"></span> '.join(rows)


def _numeric(number: int, table: Table) -> str:
    return ' class="num"' if number in table.numeric else ""
