"""The equations in matrix form: for one sample with the shape below each array, and for a batch."""

from __future__ import annotations

from dataclasses import replace

from sympy import Indexed, KroneckerDelta, Sum

from derive.arrays.lift import ArrayAssign
from derive.arrays.matrix import Broadcast, Call, Hadamard, Map, Power, SumOver, walk
from derive.arrays.matrix import Part as Slice
from derive.calculus.index import SAMPLES
from derive.calculus.roles import Role
from derive.document.blocks import Block, Display, Item, Part, Reference, Text, say
from derive.document.view import LINE, View
from derive.paper.characters import WITHOUT_FIRST


def matrices(view: View) -> Part:
    """Show the backward equations for one sample, then all equations for a batch."""
    blocks: list[Block] = [*_signs(view)]
    backward = view.single.stage("factor", "gradient")
    blocks += [say("For one sample, the shape of each array below it (numbers have none):")]
    blocks += [view.shaped("factor", "gradient") if backward else view.shaped("gradient")]
    blocks += _batch(view)
    return Part("matrices", "In matrices, for one sample and for a batch", tuple(blocks))


def _signs(view: View) -> list[Block]:
    """The meaning of the signs that occur."""
    set_ = view.set_
    times = set_.letter(view.notation.times)
    statements = [s for program in (view.single, view.batch) for s in program.statements]
    nodes = [n for s in statements for n in walk(s.form)]
    words: list[Text] = []
    if any(isinstance(n, Hadamard) for n in nodes):
        words.append(say("{} multiplies entry by entry, after all products of matrices.", times))
    if any(isinstance(n, Power) and n.shape != (1, 1) for n in nodes):
        words.append(say("An exponent with {} is a power entry by entry.", times))
    if any(isinstance(n, Map) for n in nodes):
        words.append(say("A function of an array acts on each of its entries."))
    for statement in view.batch.statements:
        if isinstance(statement.form, Call):
            words.append(
                say("{} stands for {}, column by column.", set_.name(statement.form.name), Reference(statement.number))
            )
    if any(view.page.shows_ones(n) for n in nodes if getattr(n, "axis", 0) is not None):
        text = "{} is a column of ones: a product with it adds up or repeats what it is multiplied with."
        words.append(say(text, set_.name("1")))
    if any(isinstance(n, SumOver) and n.axis is None for n in nodes):
        words.append(say("{} adds up all entries.", set_.name("sum")))
    if any(isinstance(n, Slice) for n in nodes):
        words.append(say("The index {} leaves out column 0, the biases.", view.set_.letter(WITHOUT_FIRST)))
    return [say(" ".join(["{}"] * len(words)), *words)] if words else []


def _batch(view: View) -> list[Block]:
    nodes = [n for s in view.batch.statements for n in walk(s.form)]
    biases = any(isinstance(n, Broadcast) and view.page.drops_ones(n) for n in nodes)
    blocks: list[Block] = [
        say(
            "Now {} samples stand side by side as columns{}.",
            view.page.entry(SAMPLES),
            "; a bias is added to each" if biases else "",
        ),
        view.batched("forward"),
        say("The error of the batch is"),
        Display(tuple(view.entries(s, view.batch, numbered=False) for s in view.batch.stage("error"))),
    ]
    unfolded = _unfolded(view)
    blocks += [say("which depends on the weights by"), Display(tuple(unfolded))] if unfolded else []
    blocks += [say("or, in matrices,"), view.batched("error")]
    if view.batch.stage("factor"):
        mean = view.batch.common.has(SAMPLES)
        text = (
            say(
                "Backwards, where {} belongs to the error of one sample and the mean is taken in the gradients:",
                view.role("factor"),
            )
            if mean
            else say("Backwards:")
        )
        blocks += [text, view.batched("factor")]
    return [*blocks, say("and the gradients:"), view.batched("gradient")]


def _unfolded(view: View) -> list[Item]:
    """The error of a network of one layer with its forward equations substituted."""
    *_, error = view.batch.stage("error")
    forward = view.batch.stage("forward")
    if len([s for s in forward if s.target.role == Role.PREACTIVATION]) != 1 or _has_rows(forward):
        return []
    value = error.equation.expression
    for statement in reversed(forward):
        for entry in sorted(value.atoms(Indexed), key=str):
            if entry.base.label.name == statement.target.name:
                value = value.xreplace({entry: statement.equation.at(tuple(entry.indices))})
    page = replace(view.batch_page, batch=False).lettered(replace(error.equation, expression=value))
    pieces = page.pieces(value)
    fits = sum(p.width for p in pieces) + 5 < LINE  # a sum cannot be broken inside its bracket
    return [Item(page.symbol(error.target), tuple(pieces))] if fits else []


def _has_rows(forward: tuple[ArrayAssign, ...]) -> bool:
    """Return whether a tensor is stacked from blocks of rows, or an activation mixes units."""
    mixed = any(s.target.role == Role.PREDICTION and s.equation.expression.has(Sum) for s in forward)
    return mixed or any(s.equation.expression.has(KroneckerDelta) for s in forward)
