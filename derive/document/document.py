"""The document: which parts it has, in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from derive.calculus.cost import size
from derive.document.blocks import Document, Part
from derive.document.parts.chain import chain
from derive.document.parts.check import check
from derive.document.parts.forward import forward
from derive.document.parts.glance import glance
from derive.document.parts.loop import loop
from derive.document.parts.matrices import matrices
from derive.document.parts.pattern import pattern
from derive.document.parts.sought import sought
from derive.document.parts.symbols import symbols
from derive.document.parts.values import values
from derive.document.view import View
from derive.paper.latex import latex
from derive.paper.page_of import page_for
from derive.paper.text import text

if TYPE_CHECKING:
    from derive.targets.numpy.derivation import NumPyDerivation


def _numbers(view: View) -> Part:
    """The worked example; what runs the module on numbers is imported only if it is wanted."""
    from derive.document.parts.numbers import numbers

    return numbers(view)


#: Every part by the name that ``--only`` knows it by, in the order of the document.
PARTS: dict[str, Callable[[View], Part]] = {
    "glance": glance,
    "notation": symbols,
    "forward": forward,
    "sought": sought,
    "chain": chain,
    "pattern": pattern,
    "values": values,
    "matrices": matrices,
    "loop": loop,
    "numbers": _numbers,
    "check": check,
}
#: The parts of a brief document.
BRIEF = ("glance", "forward", "chain", "pattern", "values", "matrices", "loop", "numbers", "check")

TITLE = "How this network learns"


def document(view: View, only: Sequence[str] = ()) -> Document:
    """The document of a derivation; ``only`` picks parts by name, by default those of its detail."""
    chosen = only or (BRIEF if view.brief else tuple(PARTS))
    absent = {"numbers"} if view.example is None else set()
    return Document(TITLE, tuple(PARTS[name](view) for name in PARTS if name in chosen and name not in absent))


def text_summary(derivation: NumPyDerivation) -> list[str]:
    """The network and its shared factors in Unicode, for a terminal."""
    program = derivation.program
    page = replace(page_for(program, derivation.notation), batch=True)
    count = sum(size(p) for p in program.parameters).expand()
    noun = "parameter" if count == 1 else "parameters"
    found = [f"{derivation.description} It has {text(page.entry(count))} {noun}.", ""]
    statements = [s for s in program.stage("factor")]
    names = [text(page.symbol(s.target, whole=True)) for s in statements]
    for statement, name in zip(statements, names, strict=True):
        found.append(f"{name:>{max(map(len, names))}} = {text(page.array(statement.form))}")
    return found


def markdown_summary(derivation: NumPyDerivation) -> str:
    """Show the shared factors and the gradients of a derivation in a notebook."""
    page = replace(page_for(derivation.program, derivation.notation), batch=True)
    lines = [derivation.description]
    for statement in derivation.program.stage("factor", "gradient"):
        left, right = page.symbol(statement.target, whole=True), page.array(statement.form)
        lines.append(f"$${latex(left)} = {latex(right)}$$")
    return "\n\n".join(lines)
