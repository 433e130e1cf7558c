"""Explain the signs between arrays where they first occur."""

from __future__ import annotations

from collections.abc import Sequence

from derive.arrays.lift import ArrayAssign
from derive.arrays.matrix import Call, Hadamard, Map, Power, SumOver, walk
from derive.arrays.matrix import Part as Slice
from derive.document.blocks import Block, Display, Text, say
from derive.document.view import View
from derive.paper.characters import WITHOUT_FIRST


def signs(view: View, statements: Sequence[ArrayAssign], known: Sequence[ArrayAssign] = ()) -> list[Block]:
    """Explain the signs between arrays that occur in ``statements`` and not yet in ``known``."""
    before = _explained(view, known)
    words = [text for name, text in _explained(view, statements).items() if name not in before]
    blocks: list[Block] = [say(" ".join(["{}"] * len(words)), *words)] if words else []
    return [*blocks, *(_in_index_form(view, statements) if _is_to_state(view) else [])]


def _is_to_state(view: View) -> bool:
    """Whether the equations with indices, which say what a named function is, are not in the document."""
    return view.brief and not view.coupled


def _in_index_form(view: View, statements: Sequence[ArrayAssign]) -> list[Block]:
    """State each named function of whole columns in index form."""
    stated = {s.target.name: s for s in view.single.statements}
    called = {s.form.name: s for s in reversed(statements) if isinstance(s.form, Call)}
    blocks: list[Block] = []
    for name, statement in called.items():
        blocks.append(say("The function {} is applied to each column; for one sample,", view.set_.name(name)))
        blocks.append(Display((view.entries(stated[statement.target.name], numbered=False),)))
    return blocks


def _explained(view: View, statements: Sequence[ArrayAssign]) -> dict[str, Text]:
    set_ = view.set_
    times = set_.letter(view.notation.times)
    nodes = [n for s in statements for n in walk(s.form)]
    found: dict[str, Text] = {}
    if any(isinstance(n, Map) for n in nodes):
        found["map"] = say("A function of a matrix is applied to each entry.")
    if any(view.page.shows_ones(n) for n in nodes if getattr(n, "axis", 0) is not None):
        found["ones"] = say("The column of ones is written {}.", set_.name("1"))
    if any(isinstance(n, Power) and n.shape != (1, 1) for n in nodes):
        found["power"] = say("An exponent with {} is an elementwise power.", times)
    if any(isinstance(n, SumOver) and n.axis is None for n in nodes):
        found["sum"] = say("The sum of all entries is written {}.", set_.name("sum"))
    if any(isinstance(n, Hadamard) for n in nodes):
        found["times"] = say("{} is the elementwise product; matrix products come first.", times)
    if any(isinstance(n, Slice) for n in nodes):
        found["part"] = say("The index {} leaves out column 0, the biases.", set_.letter(WITHOUT_FIRST))
    equation = "the equation with indices" if view.coupled else "the equation for one sample"
    for statement in statements:
        if isinstance(statement.form, Call) and not _is_to_state(view):
            found[statement.form.name] = say(
                f"The function {{}} computes each column of {{}} by {equation}.",
                set_.name(statement.form.name),
                view.batch_page.symbol(statement.target, whole=True),
            )
    return found
