"""The network at a glance."""

from __future__ import annotations

from sympy import Integer

from derive.calculus.cost import size
from derive.calculus.program import Assign
from derive.calculus.roles import Role
from derive.document.blocks import Block, Display, Item, Part, Picture, Table, Text, listed, say
from derive.document.view import View
from derive.paper.boxes import EMPTY, SUM, Box
from derive.statement.describe import spelled

#: Largest number of layers listed; of more, the middle ones are omitted.
MOST_LAYERS = 8
#: The widest formula in the table, in em; wider ones show only their left side.
WIDEST = 16.0


def glance(view: View) -> Part:
    """The network in a sentence, in a drawing, and layer by layer."""
    words = "{} There is {} parameter." if view.total == 1 else "{} There are {} parameters."
    words = words if view.total else "{} It has no parameters."
    count = [view.page.entry(view.total)] if view.total else []
    blocks: list[Block] = [say(words, description(view), *count)]
    caption = "The network, from the inputs to the loss."
    if view.alone:
        caption = "The layer, from its inputs to a loss that is computed from its outputs."
    if view.derivation.network is not None and view.derivation.network.bias != "none":
        caption += " The connections of a constant 1 are the biases."
    blocks.append(Picture(view.drawing, say(caption)))
    if not (view.brief or view.coupled) and len(_layered(view)) > 1:
        blocks.append(layers(view))
    blocks += given(view) if view.alone and view.brief else []
    return Part("glance", "The layer at a glance" if view.alone else "The network at a glance", tuple(blocks))


def given(view: View) -> list[Block]:
    """What is given and what is sought for the backward pass of a layer alone."""
    outputs = listed(view.page.symbol(t.about, whole=True) for t in view.single.upstream if t.about is not None)
    sought = [s.target for s in view.single.stage("gradient")]
    variables = listed(view.page.symbol(t.about, whole=True) for t in sought if t.about is not None)
    words = "Given {}, the derivative of a loss {} that is computed from {}, we seek "
    words += f"the derivative{'s' * (len(sought) > 1)} of {{}} with respect to {{}}:"
    error, symbols = view.page.error(), [view.page.symbol(t, whole=True) for t in sought]
    row = (*(view.set_.after(box, "comma") for box in symbols[:-1]), symbols[-1])
    return [say(words, view.given, error, outputs, error, variables), Display((Item(EMPTY, row, "none"),))]


def description(view: View) -> Text:
    """Describe the network in one sentence, with named widths as mathematics."""
    sentence, network = view.derivation.description, view.derivation.network
    if network is None or not view.batch.extents:
        return Text((sentence,))
    before, _, after = sentence.partition(spelled(network.layers))
    spans: list[str | Box] = [before]
    for number, width in enumerate(network.layers):
        spans += ["-"] if number else []
        spans.append(str(width) if isinstance(width, int) else view.page.width(width))
    return Text((*spans, after))


def layers(view: View) -> Table:
    """A table of the layers: formula, number of units, number of parameters."""
    rows = [_row(view, same) for same in _layered(view)]
    if len(rows) > MOST_LAYERS:
        rows = [*rows[:4], (Text((view.set_.dots("down"),)),) * 4, *rows[-2:]]
    arrays = any(sum(not a.sample for a in s.target.axes) > 1 for s in _computed(view))
    units = "entries" if arrays else "units"  # a matrix for each sample has no units
    head = tuple(Text((t,)) for t in ("layer", units, "computes", "parameters"))
    if all(statement.target.layer is None for statement in _computed(view)):
        return Table(head[1:], tuple(row[1:] for row in rows), frozenset({0, 2}))
    return Table(head, tuple(rows), frozenset({1, 3}))


def _layered(view: View) -> list[list[Assign]]:
    """The statements of each layer; one that belongs to no layer by itself."""
    found: dict[object, list[Assign]] = {}
    for statement in _computed(view):
        layer = statement.target.layer
        found.setdefault(statement.target.name if layer is None else layer, []).append(statement)
    return list(found.values())


def _computed(view: View) -> list[Assign]:
    """The statements of the forward pass that compute more than a row of ones."""
    return [s for s in view.single.stage("forward") if s.target.role != Role.AUGMENTED]


def _row(view: View, statements: list[Assign]) -> tuple[Text, ...]:
    last = statements[-1]
    layer, units = last.target.layer, size(last.target)
    names = {s.name for s in last.equation.expression.free_symbols}
    for statement in statements:
        names |= {s.name for s in statement.equation.expression.free_symbols}
    read = [p for p in view.single.parameters if p.name in names]
    count = sum((size(p) for p in read), Integer(0)).expand()
    page = view.page.lettered(last.equation)
    value = page.entry(last.equation.expression)
    left = page.symbol(last.target, last.equation.indices)
    formula = view.set_.join((left, value), "equals", SUM)
    shown = formula if formula.width <= WIDEST else left
    return (
        Text(("" if layer is None else str(layer),)),
        Text((view.page.entry(units),)),
        Text((shown,)),
        Text((view.page.entry(count),)),
    )
