"""The network at a glance."""

from __future__ import annotations

from sympy import Integer

from derive.calculus.again import DIRECTIONS
from derive.calculus.cost import size
from derive.calculus.curvature import GAUSS_NEWTON, JACOBIAN
from derive.calculus.diagonal import DIAGONAL
from derive.calculus.per_sample import PER_SAMPLE
from derive.calculus.program import Assign
from derive.calculus.roles import Role
from derive.document.blocks import Block, Display, Item, Part, Picture, Table, Text, listed, say
from derive.document.view import View, couples
from derive.paper.boxes import EMPTY, PRODUCT, SUM, Box
from derive.paper.characters import LETTERS
from derive.statement.describe import spelled

#: Largest number of layers listed; of more, the middle ones are omitted.
MOST_LAYERS = 8
#: The widest formula in the table, in em; wider ones show only their left side.
WIDEST = 16.0


def glance(view: View) -> Part:
    """The network in a sentence, in a drawing, and layer by layer."""
    total = sum((size(p) for p in view.derivation.origin.program.parameters), Integer(0)).expand()
    words = "{} There is {} parameter." if total == 1 else "{} There are {} parameters."
    words = words if total else "{} It has no parameters."
    count = [view.page.entry(total)] if total else []
    blocks: list[Block] = [say(words, description(view), *count)]
    caption = "The network, from the inputs to the loss."
    if view.alone:
        caption = "The layer, from its inputs to a loss that is computed from its outputs."
    if view.order > 1:
        caption = "The network, its loss, its gradients, and the derivative of the loss along given directions."
    if view.derivation.product in (JACOBIAN, DIAGONAL, PER_SAMPLE):
        caption = "The equations, from the inputs to the outputs."
    if view.derivation.network is not None and view.derivation.network.bias != "none":
        caption += " The connections of a constant 1 are the biases."
    blocks.append(Picture(view.drawing, say(caption)))
    mixed = any(couples(s.equation) for s in view.batch.stage("forward"))  # weights of samples meet in the error alone
    if not (view.brief or mixed) and len(_layered(view)) > 1:
        blocks.append(layers(view))
    blocks += given(view) if view.alone and view.brief else []
    what = "layer" if view.alone and view.derivation.first is None else "network"
    return Part("glance", f"The {what} at a glance", tuple(blocks))


def given(view: View) -> list[Block]:
    """What is given and what is sought for the backward pass of a layer alone, or for derivatives of a higher order."""
    product = view.derivation.product
    if product in (JACOBIAN, DIAGONAL, PER_SAMPLE):
        return _by_outputs(view)
    if view.order > 1:
        return _along(view)
    outputs = listed(view.page.symbol(t.about, whole=True) for t in view.single.upstream if t.about is not None)
    sought = [s.target for s in view.single.stage("gradient")]
    variables = listed(view.page.symbol(t.about, whole=True) for t in sought if t.about is not None)
    words = "Given {}, the derivative of a loss {} that is computed from {}, we seek "
    words += f"the derivative{'s' * (len(sought) > 1)} of {{}} with respect to {{}}:"
    error = view.page.error()
    return [say(words, view.given, error, outputs, error, variables), _sought(view)]


def _along(view: View) -> list[Block]:
    """What the derivative of the error along given directions is, and what its gradient is."""
    page, error = view.page, view.derivation.forward.error
    before = page.symbol(view.batch.tensors[error.target.error])
    directions, sought = listed(view.page.symbol(t, whole=True) for t in view.single.upstream), _sought(view)
    parameters = listed(page.symbol(p, whole=True) for p in view.single.learned)
    written = page.lettered(error)
    item = Item(page.symbol(error.target), tuple(written.pieces(error.expression)), "equals")
    v, hessian, jacobian = view.letter(DIRECTIONS[view.order - 2]), *(view.set_.letter(LETTERS[x]) for x in "HJ")
    words = "Given the directions {}, one for each gradient and of its shape, the number"
    told = "is the derivative of {} along them: how fast {} changes as the parameters move along {}. We seek its "
    told += "derivatives with respect to {}:"
    if view.derivation.product == GAUSS_NEWTON:
        name = "Let {} be the matrix of the derivatives of the outputs, of which {} is a function, with respect to "
        name += "all parameters, and {} the second derivatives of {} with respect to the outputs. If the outputs move "
        name += "along {}, as they do when the parameters move along {}, the derivatives sought are {}, the product of "
        name += "the Gauss-Newton matrix and {} (N. N. Schraudolph, Fast curvature matrix-vector products for "
        name += "second-order gradient descent, 2002)."
        turned = view.set_.script(jacobian, None, view.set_.letter(view.notation.transpose))
        moved = view.set_.join((jacobian, v), "thin", PRODUCT)
        product = view.set_.join((turned, hessian, jacobian, v), "thin", PRODUCT)
        last = [say(name, jacobian, before, hessian, before, moved, v, product, v)]
    elif view.order == 2:
        name = "Here {} is the Hessian, the matrix of the second derivatives of {} with respect to all parameters, "
        name += "taken as one vector, and {} all directions, taken as one. The derivatives sought are the product {}: "
        name += "it is found without the matrix (B. A. Pearlmutter, Fast exact multiplication by the Hessian, 1994)."
        product = view.set_.join((hessian, v), "thin", PRODUCT)
        last = [say(name, hessian, before, v, product)]
    else:
        last = [say("They are the derivative, along {}, of the product of the Hessian and the vector before.", v)]
    return [say(words, directions), Display((item,)), say(told, before, before, v, parameters), sought, *last]


def _by_outputs(view: View) -> list[Block]:
    """What the forward pass computes for given directions, and what the backward pass does."""
    ends = listed(view.page.symbol(t.about, whole=True) for t in view.single.upstream if t.about is not None)
    sought, error = _sought(view), view.page.error()
    if view.derivation.product == JACOBIAN:
        jacobian, turned = view.set_.letter(LETTERS["J"]), view.set_.letter(view.notation.transpose)
        v, u = view.letter("v"), view.letter("u")
        forward = view.set_.join((jacobian, v), "thin", PRODUCT)
        backward = view.set_.join((view.set_.script(jacobian, None, turned), u), "thin", PRODUCT)
        words = "Let {} be the matrix of the derivatives of the outputs with respect to all parameters. The equations "
        words += "compute {}, which is {}: the derivatives of the outputs as the parameters move along {}, from the "
        words += "inputs to the outputs, in forward mode. Given numbers {}, one for each output, we seek {}, from the "
        words += (
            "outputs to the inputs, in backward mode. It is the derivative of {}, the sum of the outputs times {}, "
        )
        words += "with respect to {}:"
        return [say(words, jacobian, ends, forward, v, u, backward, error, u, v), sought]
    if view.derivation.product == DIAGONAL:
        return _diagonal(view, ends)
    words = "The equations compute the gradients of single samples: their mean is the gradient of the loss. They keep "
    words += "the index of the sample. With a weight for each sample, {} are weighted sums. Given a direction for each "
    words += "parameter, we seek the derivatives with respect to the weights of {}, the sum of these times the "
    words += "directions. They are the inner products of the gradients and the directions:"
    return [say(words, ends, error), sought]


def _diagonal(view: View, ends: Text) -> list[Block]:
    """What the equations of the diagonal compute, and what its derivative with respect to the weights is."""
    jacobian, hessian, v = view.set_.letter(LETTERS["J"]), view.set_.letter(LETTERS["H"]), view.letter("v")
    turned = view.set_.script(jacobian, None, view.set_.letter(view.notation.transpose))
    matrix = view.set_.join((turned, hessian, jacobian), "thin", PRODUCT)
    weight = view.page.symbol(view.single.sought[0], whole=True)
    words = "Let {} be the matrix of the derivatives of the outputs with respect to all parameters, and {} the second "
    words += "derivatives of the loss with respect to the outputs. The equations compute {}, the diagonal of the "
    words += "Gauss-Newton matrix {}. They need no loop over the parameters: the derivatives of the outputs keep the "
    words += "index of the output."
    trace = "With weights {} of the samples, we seek the derivative of {}, the sum of the diagonal times given numbers "
    trace += "{}, with respect to them. Where {} is 1, it is the trace of the part of each sample:"
    said = say(words, jacobian, hessian, ends, matrix)
    return [said, say(trace, weight, view.page.error(), v, v), _sought(view)]


def _sought(view: View) -> Display:
    """The derivatives that are sought, in a row."""
    symbols = [view.page.symbol(s.target, whole=True) for s in view.single.stage("gradient")]
    row = (*(view.set_.after(box, "comma") for box in symbols[:-1]), symbols[-1])
    return Display((Item(EMPTY, row, "none"),))


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
