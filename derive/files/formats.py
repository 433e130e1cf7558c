"""The table of output formats, used by the command, the editions, the writers and the seals.

To add a format, write a module in `derive/formats/` with ``files(manuscript)``, which returns its files by name, and
add an entry to ``FORMATS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from derive.record import record


@record
class Comment:
    """Comment syntax of a format, and the prefix of a first line that must stay first (such as ``<!DOCTYPE``)."""

    opening: str
    closing: str = ""
    first: str = ""

    def line(self, words: str) -> str:
        """Write a comment line."""
        return f"{self.opening}{words}{self.closing}\n"


@record
class Format:
    """An output format; ``module`` in `derive/formats/` writes its files.

    ``options`` are the format-specific options of an edition that this format reads. ``comments`` gives the comment
    syntax for each new file extension; the first match is used. A format that ``runs`` has cells with code, so it is
    not available for the story of a weight.
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
            ("label_prefix", "paper"),
            {".tex": (Comment("% "),)},
        ),
        Format("pdf", "the document, set by a TeX engine that is found on the path", "pdf", ("label_prefix", "paper")),
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
        Format("ipynb", "a notebook that derives, runs and checks", "notebook", ("flavour",), runs=True),
        Format(
            "svg",
            "the drawing of the network",
            "svg",
            comments={".svg": (Comment("<!-- ", " -->", "<?xml"), _TAG)},
        ),
    )
}
