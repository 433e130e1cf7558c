"""The formats of the document: one entry each, from which the command, the editions, the writers and the seals read.

To add a format, write a module in `derive/formats/` with ``files(manuscript)``, its files by name, and add an entry
to ``FORMATS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Comment:
    """How a format writes a line that is no content, and the beginning of a first line that must stay the first."""

    opening: str
    closing: str = ""
    first: str = ""

    def line(self, words: str) -> str:
        """The words as a comment."""
        return f"{self.opening}{words}{self.closing}\n"


@dataclass(frozen=True)
class Format:
    """``module`` in `derive/formats/` writes the files.

    ``options`` are the options of an edition that are for some formats only, as far as this one reads them.
    ``comments`` are how the text files of each new ending write comments; the first one that fits is used. A format
    that ``runs`` needs the trainer beside it, so it can be neither the story of a weight nor beside code without one.
    """

    name: str
    summary: str
    module: str
    options: tuple[str, ...] = ()
    comments: Mapping[str, tuple[Comment, ...]] = field(default_factory=dict)
    runs: bool = False


HASH, _TAG = Comment("# "), Comment("<!-- ", " -->")

FORMATS = {
    entry.name: entry
    for entry in (
        Format(
            "tex",
            "LaTeX: the derivation and each part to \\input, and a document of its own",
            "tex",
            ("label_prefix",),
            {".tex": (Comment("% "),)},
        ),
        Format("pdf", "the document, set by a TeX engine that is found on the path", "pdf", ("label_prefix",)),
        Format(
            "md",
            "Markdown, in one of the flavours",
            "markdown",
            ("flavour", "front_matter", "label_prefix"),
            {".md": (Comment("# ", first="---\n"), _TAG)},
        ),
        Format(
            "html",
            "one page that needs no network, with the drawing and the formulas in it",
            "html",
            comments={".html": (Comment("<!-- ", " -->", "<!doctype"), _TAG)},
        ),
        Format("ipynb", "a notebook that derives, runs and checks", "notebook", runs=True),
        Format(
            "svg",
            "the drawing of the network",
            "svg",
            comments={".svg": (Comment("<!-- ", " -->", "<?xml"), _TAG)},
        ),
    )
}
