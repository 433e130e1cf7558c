"""Which files each format writes: one entry for each format."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from derive.document.manuscript import Manuscript
from derive.files.seals import Compiled, Content
from derive.statement.edition import NUMBERS_FILE

if TYPE_CHECKING:
    from derive.worked.given import Numbers


def tex(manuscript: Manuscript) -> dict[str, Content]:
    """The derivation and each of its parts as fragments, and a document of its own."""
    from derive.formats.tex import tex_files

    return {**tex_files(manuscript.document, manuscript.edition.label_prefix)}


def pdf(manuscript: Manuscript) -> dict[str, Content]:
    """The document, and what it was made of."""
    from derive.formats.pdf import pdf

    files = tex(manuscript)
    source = files["document.tex"]
    assert isinstance(source, str)
    return {**files, "derivation.pdf": Compiled(source, lambda: pdf(source))}


def md(manuscript: Manuscript) -> dict[str, Content]:
    """The derivation and each of its parts in Markdown, and the pictures."""
    from derive.formats.markdown import markdown_files

    edition = manuscript.edition
    prefix = edition.label_prefix or "eq"
    return {**markdown_files(manuscript.document, edition.flavour, edition.front_matter, prefix)}


def html(manuscript: Manuscript) -> dict[str, Content]:
    """The derivation as one page."""
    from derive.formats.html import html_page

    return {"derivation.html": html_page(manuscript.view, manuscript.document)}


def ipynb(manuscript: Manuscript) -> dict[str, Content]:
    """The derivation as a notebook."""
    from derive.formats.notebook import notebook

    return {"derivation.ipynb": notebook(manuscript.document, manuscript.view.derivation)}


def svg(manuscript: Manuscript) -> dict[str, Content]:
    """The drawing."""
    from derive.drawing.svg import svg

    return {"network.svg": svg(manuscript.drawing)}


#: Every format by the name that ``--format`` knows it by. A writer imports what it needs when it is called.
WRITERS: dict[str, Callable[[Manuscript], dict[str, Content]]] = {
    "tex": tex,
    "pdf": pdf,
    "md": md,
    "html": html,
    "ipynb": ipynb,
    "svg": svg,
}


def written(manuscript: Manuscript) -> dict[str, Content]:
    """The files of all formats of an edition, by name."""
    return {n: c for name in manuscript.edition.formats for n, c in WRITERS[name](manuscript).items()}


def numbers_file(numbers: Numbers) -> dict[str, Content]:
    """The numbers as they were given, complete, as a TOML file."""
    return {NUMBERS_FILE: "".join(f"{key} = {_toml(value)}\n" for key, value in numbers.values.items())}


def _toml(value: Any) -> str:
    """A value in TOML, one row of a matrix on each line; texts are names of parameters, numbers are finite."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        entries = [_toml(v) for v in value]
        if any(isinstance(v, (list, tuple)) for v in value):
            return "[\n" + "".join(f"    {entry},\n" for entry in entries) + "]"
        return "[" + ", ".join(entries) + "]"
    return f'"{value}"' if isinstance(value, str) else repr(value)
