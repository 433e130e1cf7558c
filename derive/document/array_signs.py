"""Explain the signs between arrays where they first occur."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import Rational

from derive.arrays.lift import ArrayAssign
from derive.arrays.matrix import Array, Broadcast, Call, Choice, Hadamard, Map, Node, Power, SumOver, divides, walk
from derive.arrays.matrix import Part as Slice
from derive.calculus.functions import Elementwise
from derive.calculus.index import SAMPLES
from derive.calculus.roles import Role
from derive.document.blocks import Block, Display, Text, say
from derive.document.view import View
from derive.paper.boxes import ATOM, Box
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
        words = "The function {} is applied to each column" + ("; for one sample," if view.apart else ":")
        blocks.append(say(words, view.set_.name(name)))
        blocks.append(Display((view.entries(stated[statement.target.name], numbered=False),)))
    return blocks


_EACH = Text(("A function of a matrix is applied to each entry.",))
_WITHOUT_BIASES = (
    "The index {} leaves out column 0, the biases: the constant 1 that they multiply depends on nothing below it."
)


def _copies_bias(node: Node) -> bool:
    return isinstance(node, Broadcast) and isinstance(node.of, Array) and node.of.tensor.role == Role.BIAS


def _names(view: View, functions: Sequence[Any]) -> list[Box]:
    """The symbols of functions; of one with a symbol in each layer, none."""
    page = view.page
    own = {f for f in functions if isinstance(f, type) and issubclass(f, Elementwise)}
    return list(dict.fromkeys(page.function(f) for f in functions)) if {*functions} == own else []


def _explained(view: View, statements: Sequence[ArrayAssign]) -> dict[str, Text]:
    set_ = view.set_
    times = set_.letter(view.notation.times)
    nodes = [n for s in statements for n in walk(s.form)]
    found: dict[str, Text] = {}
    functions = [n.function for n in nodes if isinstance(n, Map)]
    if functions:
        names = _names(view, functions)
        found["map"] = say("{} is applied to each entry.", names[0]) if len(names) == 1 else _EACH
    if any(isinstance(n, Choice) for n in nodes):
        found["cases"] = Text(("The cases hold entry by entry.",))
    ones = [n for n in nodes if getattr(n, "axis", 0) is not None and view.page.shows_ones(n)]
    if ones:
        one, row = set_.name("1"), set_.script(set_.name("1"), None, set_.letter(view.notation.transpose))
        if all(map(_copies_bias, ones)):
            words = "{} is a column of {} ones, so that {} copies the bias into every column."
            found["ones"] = say(words, one, view.page.entry(SAMPLES), row)
        else:
            words = "{} is a column of ones, as many as fit: {} on the right of a column copies it into every column, "
            words += "and {} on the right of a matrix adds its columns."
            found["ones"] = say(words, one, row, one)
    raised = {n.exponent for n in nodes if isinstance(n, Power) and n.shape != (1, 1)}
    powers = {exponent for exponent in raised if exponent.is_positive} - {Rational(1, 2)}
    if powers == {2}:
        found["power"] = say("The exponent {} squares each entry.", set_.join((times, set_.number(2)), "", ATOM))
    elif powers:
        found["power"] = say("An exponent with {} is an elementwise power.", times)
    if any(isinstance(n, SumOver) and n.axis is None for n in nodes):
        found["sum"] = say("{} adds all entries.", set_.name("sum"))
    if any(isinstance(n, Hadamard) for n in nodes):
        found["times"] = say("{} is the elementwise product; matrix products are evaluated first.", times)
    if any(isinstance(n, Hadamard) and any(map(divides, n.factors)) for n in nodes):
        roots = "; a root is taken of each entry" * any(abs(exponent) == Rational(1, 2) for exponent in raised)
        found["over"] = say("{} is elementwise division" + roots + ".", set_.sign_alone("over"))
    if any(isinstance(n, Slice) for n in nodes):
        found["part"] = say(_WITHOUT_BIASES, set_.letter(WITHOUT_FIRST))
    for statement in statements:
        if isinstance(statement.form, Call) and not _is_to_state(view):
            found[statement.form.name] = say(
                "The function {} computes each column of {} by the equation with indices.",
                set_.name(statement.form.name),
                view.batch_page.symbol(statement.target, whole=True),
            )
    return found
