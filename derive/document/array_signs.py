"""Explain the signs between arrays where they first occur."""

from __future__ import annotations

from collections.abc import Sequence

from derive.arrays.lift import ArrayAssign
from derive.arrays.matrix import Call, Hadamard, Map, Power, SumOver, walk
from derive.arrays.matrix import Part as Slice
from derive.document.blocks import Block, Text, say
from derive.document.view import View
from derive.paper.characters import WITHOUT_FIRST


def signs(view: View, statements: Sequence[ArrayAssign], known: Sequence[ArrayAssign] = ()) -> list[Block]:
    """Explain the signs between arrays that occur in ``statements`` and not yet in ``known``."""
    before = _explained(view, known)
    words = [text for name, text in _explained(view, statements).items() if name not in before]
    return [say(" ".join(["{}"] * len(words)), *words)] if words else []


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
    for statement in statements:
        if isinstance(statement.form, Call):
            words = "The function {} computes each column of {} by the equation for one sample."
            found[statement.form.name] = say(
                words, set_.name(statement.form.name), view.batch_page.symbol(statement.target, whole=True)
            )
    return found
