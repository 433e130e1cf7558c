"""The backward pass step by step: each shared factor with the gradients computed from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from derive.arrays.lift import ArrayAssign
from derive.calculus.chain_rule import LocalDerivative
from derive.calculus.index import Tensor, symbols_read
from derive.calculus.program import Passage
from derive.document.blocks import Item
from derive.document.view import View
from derive.record import record


@record
class Stride:
    """One step: its equations for a batch, to which their numbers belong, and the symbols to highlight.

    ``symbols`` are highlighted in equations: tensors by name, local derivatives as ``a2/z2``;
    ``drawn`` are the tensors highlighted in the drawing. ``numbers`` are those of the equations for a batch.
    """

    items: tuple[Item, ...]
    numbers: tuple[int, ...]
    symbols: tuple[str, ...]
    drawn: tuple[str, ...]


def strides(view: View) -> tuple[Stride, ...]:
    """Return the steps of the backward pass, starting at the loss; without shared factors, one for each gradient."""
    program = view.batch
    grouped: dict[str, list[ArrayAssign]] = {s.target.name: [s] for s in program.stage("factor")}
    order = {name: position for position, name in enumerate(grouped)}
    for statement in program.stage("gradient"):
        read = order.keys() & symbols_read(statement.equation.expression)
        last = max(read, key=lambda name: order[name], default=statement.target.name)
        grouped.setdefault(last, []).append(statement)
    passages = {p.tensor.name: p for p in program.passages}
    return tuple(_stride(view, group, passages) for group in grouped.values())


def _stride(view: View, statements: list[ArrayAssign], passages: Mapping[str, Passage]) -> Stride:
    items = tuple(view.arrays(s, view.batch_page) for s in statements)
    edges = [e for s in statements for e in _edges(s, view, passages)]
    abouts = [s.target.about for s in statements if s.target.about is not None]
    symbols = [*(s.target.name for s in statements), *(f"{e.of.name}/{e.wrt.name}" for e in edges)]
    drawn = [*(e.wrt.name for e in edges), *(t.name for t in abouts)]
    return Stride(
        items, tuple(s.number for s in statements), tuple(dict.fromkeys(symbols)), tuple(dict.fromkeys(drawn))
    )


def _edges(statement: ArrayAssign, view: View, passages: Mapping[str, Passage]) -> list[LocalDerivative]:
    about = statement.target.about
    assert about is not None
    return list(_between(about, view, passages))


def _between(tensor: Tensor, view: View, passages: Mapping[str, Passage]) -> Iterator[LocalDerivative]:
    """Local derivatives between a tensor and the nearest named derivatives before it: factors, or the error."""
    for edge in view.derivation.chains.into(tensor):
        yield edge
        passage = passages.get(edge.of.name)
        if passage is not None and passage.name is None:
            yield from _between(edge.of, view, passages)
