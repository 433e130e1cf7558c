"""The network forwards: unit by unit, in index form, in matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sympy import Add, Expr, Integer, KroneckerDelta, Mul, Sum

from derive.blocks import Block, Display, Item, Part, say
from derive.deltas import contract
from derive.functions import Elementwise, X
from derive.index import Axis, Index, IndexSupply
from derive.printers.boxes import SUM, Box
from derive.printers.page import Page
from derive.program import Assign, Definition
from derive.reading import reading_order
from derive.view import View, bound_in

#: How many units of a layer, or terms of a sum, are written out; of more, the first two and the last.
UNITS = {"brief": 0, "full": 4, "exhaustive": 8}


def forward(view: View) -> Part:
    """What the network computes for one sample."""
    blocks: list[Block] = []
    functions = [definition(view, d) for d in view.batch.definitions if d.function.order == 0]
    if functions:
        blocks += [say("Its activations are" if len(functions) > 1 else "Its activation is"), Display(tuple(functions))]
    if not view.brief:
        blocks += [
            say(
                "Unit by unit, for one sample, the network computes{}",
                f" (of layers of more than {UNITS[view.detail]} units, the first two and the last):"
                if _any_wide(view)
                else ":",
            ),
            Display(tuple(item for s in view.single.stage("forward", "error") for item in unit_by_unit(view, s))),
        ]
    blocks += [
        say(
            "With indices for the units, for one sample. The number on the right stays with an equation: it belongs "
            "also to its form for a batch, and to the line of code that computes it."
        ),
        view.indexed("forward", "error"),
    ]
    if not view.brief:
        blocks += [
            say("In matrices, the shape of each array below it (numbers have none); an activation acts on each entry:"),
            view.shaped("forward", "error"),
        ]
    return Part("forward", "Forward", tuple(blocks))


# Activations.


def definition(view: View, stated: Definition) -> Item:
    """The definition of an activation, and what it is called here."""
    page, set_ = view.page, view.set_
    own = replace(page, functions={}).function(stated.function)
    names = [page.function(stated.function, n) for n in layers_of(view, stated.function)]
    argument = page.entry(X)
    applied = set_.apply(own, argument)
    named = [set_.apply(n, argument) for n in dict.fromkeys(names)]
    value = page.entry(stated.function.definition)
    right = value if value == applied else set_.join((applied, value), "equals", SUM)
    return Item(set_.join(named, "equals", SUM), (right,), number=stated.number)


def layers_of(view: View, function: Any) -> list[int | None]:
    """The layers in which a function is the activation (one entry if they are written alike)."""
    used = [
        s.target.layer
        for s in view.batch.stage("forward")
        if isinstance(s.equation.expression, Elementwise) and type(s.equation.expression) is function
    ]
    if not view.notation.function_layers or len(used) > 4:
        return used[:1] or [None]
    return list(used) or [None]


# Unit by unit.


def shown_numbers(axis: Axis, most: int) -> list[Expr | None]:
    """The numbers on an axis that are written out; None stands for dots."""
    if axis.extent.is_Integer and axis.extent <= most:
        return [Integer(axis.start + n) for n in range(int(axis.extent))]
    return [Integer(axis.start), Integer(axis.start + 1), None, axis.stop]


def _any_wide(view: View) -> bool:
    axes = {a for s in view.single.stage("forward") for a in s.target.axes if not a.sample}
    return any(None in shown_numbers(a, UNITS[view.detail]) for a in axes)


def unit_by_unit(view: View, statement: Assign) -> list[Item]:
    """A statement once for each unit, every sum of products written out."""
    most, equation = UNITS[view.detail], statement.equation
    choices: list[tuple[Expr | None, ...]] = [()]
    for index in equation.indices:
        numbers: Sequence[Expr | None] = [index] if index.axis.extent == 1 else shown_numbers(index.axis, most)
        choices = [(*c, n) for c in choices for n in numbers]
    items = []
    for chosen in choices:
        if None in chosen:
            items.append(Item(view.set_.dots("down"), (), "none"))
        else:
            items.append(_unit(view, statement, tuple(c for c in chosen if c is not None), most))
    return items


def _unit(view: View, statement: Assign, chosen: tuple[Expr, ...], most: int) -> Item:
    supply = IndexSupply("u")
    value = statement.equation.at(chosen)
    if value.has(KroneckerDelta):
        value = contract(value, supply)
    free = [c for c in chosen if isinstance(c, Index)]
    page = view.page.with_letters(free, bound_in(value, free))
    return Item(page.symbol(statement.target, chosen), tuple(written_out(page, value, most)))


def written_out(page: Page, value: Expr, most: int) -> list[Box]:
    """A formula with the sums among its terms written out, the middle of a long one as dots."""
    terms: list[tuple[bool, Box]] = []
    for term in reading_order(Add.make_args(value)):
        negative = bool(term.could_extract_minus_sign()) and not isinstance(term, Add)
        terms += [(negative, box) for box in _terms(page, -term if negative else term, most)]
    return page.signed(terms)


def _terms(page: Page, term: Expr, most: int) -> list[Box]:
    """The boxes of one term: a sum of products as its summands, anything else as it stands."""
    factors = Mul.make_args(term)
    sums = [f for f in factors if isinstance(f, Sum)]
    outside = Mul(*(f for f in factors if not isinstance(f, Sum)))
    indices = [limit[0] for s in sums for limit in s.limits if limit[0].axis.extent != 1]
    if len(sums) != 1 or len(indices) != 1 or not outside.is_number:
        return [page.entry(term)]
    (index,) = indices
    numbers = shown_numbers(index.axis, most)
    boxes = [
        page.typesetter.dots() if n is None else page.entry(outside * sums[0].function.xreplace({index: n}))
        for n in numbers
    ]
    return boxes
