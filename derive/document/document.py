"""The document, assembled from its parts, and short summaries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sympy import Integer

from derive.calculus.again import PRODUCTS
from derive.calculus.cost import size
from derive.calculus.curvature import GAUSS_NEWTON, JACOBIAN
from derive.calculus.diagonal import DIAGONAL
from derive.calculus.per_sample import PER_SAMPLE
from derive.document.blocks import Block, Display, Document, Part, Table, boxes_in, say
from derive.document.view import View
from derive.paper.latex import latex
from derive.paper.text import text
from derive.statement.describe import titled
from derive.statement.edition import PARTS
from derive.statement.network import Network
from derive.text.entry_text import base_name
from derive.text.errors import SpecError

if TYPE_CHECKING:
    from derive.targets.registry import Runnable


#: The titles of what is derived of a derivation.
_PRODUCTS = {
    **dict(zip(PRODUCTS, ("The product of the Hessian and a vector", "Third derivatives"), strict=True)),
    GAUSS_NEWTON: "The product of the Gauss-Newton matrix and a vector",
    JACOBIAN: "Products with the Jacobian",
    PER_SAMPLE: "The gradients of single samples",
    DIAGONAL: "The diagonal of the Gauss-Newton matrix",
}


def title(derivation: Runnable) -> str:
    """The title of the document of a derivation."""
    network = derivation.origin.specification
    if derivation.first is not None:
        what = _PRODUCTS[derivation.product]
        if not isinstance(network, Network):
            return what
        return f"{what} in {titled([base_name(str(entry)) for entry in network.layers])}"
    if not isinstance(network, Network):
        called = "" if network.is_plain("name") else network.name.replace("_", " ")
        if derivation.forward.upstream:
            return f"The backward pass of {called or 'a layer'}"
        return f"Backpropagation of {called}" if called else "Backpropagation"
    return f"Backpropagation in {titled([base_name(str(entry)) for entry in network.layers])}"


def document(view: View, only: Sequence[str] = (), exercises: bool = False) -> Document:
    """Return the document of a derivation; ``only`` selects parts by name, by default those of its detail."""
    if view.alone and (refused := [part for part in TRAINED if part in only]):
        raise SpecError(f"only names {refused[0]}, but a layer alone is not trained: choose other parts")
    if view.alone and exercises:
        raise SpecError("exercises are for a network that is trained, not for a layer alone: leave them out")
    chosen = only or [name for name, entry in PARTS.items() if entry.brief or not view.brief]
    absent = {*({"numbers"} if view.example is None else ()), *(TRAINED if view.alone else ())}
    made = [_module(name)(view) for name in PARTS if name in chosen and name not in {*absent, *FROM_OTHERS}]
    parts = [part for part in made if part.blocks or only]
    if exercises and "exercises" in chosen:
        parts = [*_module("exercises")(view, parts)]
    if "notation" in chosen and (only or not _is_in_plain_sight(view)):
        before = sum(part.name != "exercises" for part in parts)
        parts.insert(before, _module("notation")(view, parts))
    return Document(title(view.derivation), explained(view, parts))


def explained(view: View, parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts, with a sentence after the first equations that have a bracket or a place of a maximum."""
    known: set[str] = set()
    return tuple(replace(part, blocks=tuple(_with_words(view, part.blocks, known))) for part in parts)


def _with_words(view: View, blocks: Iterable[Block], known: set[str]) -> Iterator[Block]:
    """The blocks; ``known`` are the signs that are explained, or that a text before them has named."""
    for block in blocks:
        yield block
        boxes = boxes_in([block])
        found = {"bracket"} if any(map(view.set_.is_condition, boxes)) else set()
        found |= {f"arg{name}" for name in ("max", "min") if view.set_.name(f"arg{name}") in boxes}
        if isinstance(block, Display) and (new := sorted(found - known)):
            i, j = view.page.spared("i", "j")
            bracket = say("{} is 1 if {} and {} are equal, and 0 otherwise.", view.set_.condition(i, j), i, j)
            said = [bracket if sign == "bracket" else say(_PLACE[sign], view.set_.name(sign)) for sign in new]
            yield say(" ".join(["{}"] * len(said)), *said)
        known |= set() if isinstance(block, Table) else found


#: What the place of an extreme value is.
_PLACE = {
    "argmax": "{} is the place of the maximum; of equal values, the first counts.",
    "argmin": "{} is the place of the minimum; of equal values, the first counts.",
}


#: Up to how many tensors of the forward pass a network has that is in plain sight: those of a single layer.
FEW = 7


def _is_in_plain_sight(view: View) -> bool:
    """Whether the text says what each symbol is, and the table of symbols would repeat it."""
    return view.derivation.network is not None and len(view.derivation.forward.tensors) <= FEW


#: The parts about training.
TRAINED = ("loop", "numbers", "exercises")
#: The parts that are made from the other ones.
FROM_OTHERS = {"notation", "exercises"}


def _module(name: str) -> Callable[..., Any]:
    """The function ``name`` in the module ``name``, which is imported on demand."""
    made: Callable[..., Any] = getattr(import_module(f"derive.document.parts.{name}"), name)
    return made


def text_summary(derivation: Runnable) -> list[str]:
    """Return the network and its shared factors, or else its gradients, in Unicode, for a terminal."""
    program = derivation.program
    page = replace(derivation.page, batch=True)
    count = sum((size(p) for p in program.parameters), Integer(0)).expand()
    number = "no" if count == 0 else text(page.entry(count))
    there = "There is 1 parameter." if count == 1 else f"There are {number} parameters."
    found = [f"{derivation.description} {there}", ""]
    statements = [*program.stage("factor")] or [*program.stage("gradient")]
    names = [text(page.target(s)) for s in statements]
    for statement, name in zip(statements, names, strict=True):
        found.append(f"{name:>{max(map(len, names))}} = {text(page.array(statement.form))}")
    return found


def markdown_summary(derivation: Runnable) -> str:
    """Return the shared factors and the gradients in Markdown, for a notebook."""
    page = replace(derivation.page, batch=True)
    lines = [derivation.description]
    for statement in derivation.program.stage("factor", "gradient"):
        left, right = page.target(statement), page.array(statement.form)
        lines.append(f"$${latex(left)} = {latex(right)}$$")
    return "\n\n".join(lines)
