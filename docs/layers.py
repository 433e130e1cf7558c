"""Writes docs/layers.md: the backward equations of layers as they are published, and as derive finds them.

The page is docs/layers.md.jinja, in which the published equations are restated. The texts are those in docs/layers/;
their equations are filled in here.

    python docs/layers.py
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2

from derive import Statement, derive
from derive.document.view import View
from derive.files.flavours import GREEN, RED
from derive.paper.latex import Writer, joined

DOCS = Path(__file__).resolve().parent
TEXTS = DOCS / "layers"

_LATEX = Writer(RED, GREEN, web=True)


@cache
def view(layer: str) -> View:
    """The document of a layer."""
    return View(derive(Statement.from_file(TEXTS / f"{layer}.eq")))


def stated(layer: str) -> str:
    """The text of a layer."""
    return (TEXTS / f"{layer}.eq").read_text(encoding="utf-8").rstrip()


def ours(layer: str, name: str) -> str:
    """The equation of a tensor with indices: for one sample, or for a batch of which the samples are coupled."""
    of = view(layer)
    program = of.batch if of.coupled else of.single
    item = of.entries(next(s for s in program.statements if s.target.name == name), program)
    return f"$`{_LATEX(item.left)} = {joined([_LATEX(piece) for piece in item.right])}`$"


def page() -> str:
    """The page in Markdown, as GitHub shows it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(DOCS),
        undefined=jinja2.StrictUndefined,
        variable_start_string="<<",
        variable_end_string=">>",
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template("layers.md.jinja").render(stated=stated, ours=ours)


if __name__ == "__main__":
    (DOCS / "layers.md").write_text(page(), encoding="utf-8")
