"""The forward pass: unit by unit, in index form, in matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sympy import Add, Expr, Indexed, Integer, Mul, Pow, Sum, symbols

from derive.arrays.blocks import gives_rows, row_blocks
from derive.arrays.lift import ArrayAssign
from derive.arrays.matrix import Broadcast, Formula, walk
from derive.calculus.functions import STOP, Elementwise, in_exponentials
from derive.calculus.index import SAMPLES, Axis, Index, Tensor, symbols_read
from derive.calculus.parts import PART
from derive.calculus.program import Definition
from derive.calculus.reading_order import reading_order, subtracted
from derive.calculus.roles import Role
from derive.calculus.tangents import SLOPE
from derive.catalogue.losses import loss
from derive.document.array_signs import signs
from derive.document.blocks import Block, Display, Item, Part, Text, boxes_in, listed, say
from derive.document.randomness import random_quantities
from derive.document.through_steps import truncation
from derive.document.view import View, bound_in
from derive.learning.penalties import L1, L2
from derive.paper.boxes import Box
from derive.paper.characters import LETTERS
from derive.paper.notation import is_canonical
from derive.paper.page import Page

#: Largest number of units of a layer, or terms of a sum, written out; of more, the first two and the last.
UNITS = {"brief": 0, "full": 4, "exhaustive": 8}


def forward(view: View) -> Part:
    """The forward pass: the functions, the equations for one sample, and in matrices for a batch."""
    blocks: list[Block] = []
    stated = [d for d in view.batch.definitions if d.function.order == 0]
    functions = [definition(view, d) for d in stated if d.function.role == "activation"]
    if functions:
        blocks += [say(_whose(view, len(functions))), Display(tuple(functions))]
    for d in (d for d in stated if d.function.role == "loss"):
        blocks += [say("The loss {} applies to each output the function", d.function.label)]
        blocks.append(Display((definition(view, d),)))
    again = view.matrices("forward", "error")  # only these follow in another form
    if view.coupled or not (view.sampled or again):
        indexed = tuple(view.entries(s, view.batch, not again) for s in view.batch.stage("forward", "error"))
        combined = "Some of the equations combine samples, so all are written for a batch:"
        begun = view.begun(replace(view.batch_page, batch=False), batch=True)
        blocks += [say(combined if view.coupled else "The network computes"), Display((*begun, *indexed))]
        beside = _beside_targets(view)
        blocks += [say("Here " + " and ".join(["{}"] * len(beside)) + ".", *beside)] if beside else []
        blocks += [*_outside(view), *_parts(view)]
        blocks += _for_a_batch(view) if again else []
    else:
        blocks += [] if view.brief else _for_one_sample(view)
        blocks += _for_a_batch(view)
        blocks += _parts(view) if view.brief else []
    return Part("forward", "Forward pass", tuple(blocks))


def _whose(view: View, functions: int) -> str:
    """Introduce the activation functions; a single one may be that of the hidden layers only."""
    if functions > 1:
        return "The activation functions are"
    applied = [s for s in view.batch.stage("forward") if s.target.role in (Role.ACTIVATION, Role.PREDICTION)]
    elsewhere = [s for s in applied if not isinstance(s.equation.expression, Elementwise)]
    if view.derivation.network is None or [s.target.role for s in elsewhere] != [Role.PREDICTION]:
        return "The activation function is"
    return f"The activation function of the hidden layer{'s' * (len(applied) > 2)} is"


def _for_one_sample(view: View) -> list[Block]:
    """The equations with indices; written out for one unit, or in an exhaustive document for all."""
    what = "layer" if view.alone else "network"
    blocks: list[Block] = [say(view.sentence(f"The {what} computes")), view.indexed("forward", "error")]
    blocks += [*_outside(view), *_parts(view), *_letters(view)]
    if view.exhaustive:
        most = UNITS[view.detail]
        some = f" (of layers of more than {most} units, the first two and the last)" if _any_wide(view) else ""
        every = tuple(item for s in view.single.stage("forward", "error") for item in unit_by_unit(view, s))
        return [*blocks, say(f"Written out unit by unit{some}:"), Display(every)]
    forward = (s for s in view.single.stage("forward") if not gives_rows(s.equation))
    summed = next((s for s in forward if any(map(_plain_sum, Add.make_args(s.equation.expression)))), None)
    if summed is None or not any(a.extent != 1 for a in summed.target.axes):
        return blocks
    first, *_ = unit_by_unit(view, summed)
    what = "unit" if len(summed.target.axes) < 3 else "entry"
    return [*blocks, say(f"Written out for the first {what}:"), Display((first,))]


#: How equations are written that are no equations of matrices.
WITHOUT_MATRICES = "an equation without a matrix form is written with its indices"
#: What is said once where an index may lie outside the range of a tensor.
OUTSIDE = "What an index reads outside the range of a tensor is 0."


def _outside(view: View) -> list[Block]:
    return [Text((outside(view),))] if view.reads_outside("forward", "error") else []


def outside(view: View) -> str:
    """Say what is read outside the range of a tensor."""
    return f"{OUTSIDE[:-1]}, unless an equation states it." if view.beginnings else OUTSIDE


def _parts(view: View) -> list[Block]:
    """Say which letters are introduced for a part of an equation, what derivatives in equations are, what is random."""
    statements = view.batch.stage("forward", "error")
    said: list[Block] = []
    slope = next((view.page.symbol(s.target, whole=True) for s in statements if s.equation.note == SLOPE), None)
    if slope is not None:
        words = "A tensor as a subscript, as in {}, denotes the derivative with respect to it; the equations of "
        said.append(say(words + "derivatives follow from the others by the chain rule.", slope))
    stopped = [s for s in statements if s.target.name in view.batch.stopped]
    if stopped:
        words = "{} is the value of its argument, taken for a constant: the derivative of {} is 0."
        applied = view.set_.apply(view.page.function(STOP), view.letter("x"))
        said.append(say(words, applied, listed([view.page.symbol(s.target, whole=True) for s in stopped])))
    said += [*truncation(view), *random_quantities(view)]
    for statement in (s for s in statements if s.equation.note == PART):
        reader = next(s for s in statements if statement.target.name in symbols_read(s.equation.expression))
        symbols = (view.page.symbol(s.target, whole=True) for s in (statement, reader))
        said.append(
            say("{} stands for a part of the equation of {} that the derivatives would otherwise repeat.", *symbols)
        )
    return said


#: What an entry of the first weighted sum is, by its role.
_ENTRIES: dict[str, str] = {Role.INPUT: "an input", Role.AUGMENTED: "an input or the constant 1"}
#: What the arrays of a role hold; of roles with the same letter, the first counts.
_ARRAYS: dict[str, str] = {
    Role.INPUT: "holds the inputs",
    Role.TARGET: "the targets",
    Role.WEIGHT: "the weights",
    Role.BIAS: "the biases",
    Role.AUGMENTED: "the inputs of a layer with a constant 1 prepended",
    Role.PREACTIVATION: "the pre-activations",
    Role.ACTIVATION: "the activations",
    Role.PREDICTION: "the outputs",
}


def _letters(view: View) -> list[Block]:
    """Say in a sentence what the letters are, by the first weighted sum."""
    if view.derivation.network is None:
        return []
    statements = view.single.stage("forward")
    first = next(s for s in statements if s.target.role == Role.PREACTIVATION)
    page, tensors = view.page.lettered(first.equation), view.single.tensors
    said: list[Text] = []
    entries = first.equation.expression.atoms(Indexed)
    for entry in sorted(entries, key=lambda e: (tensors[e.base.label.name].role == Role.BIAS, str(e))):
        role = tensors[entry.base.label.name].role
        if role == Role.WEIGHT:
            said.append(say("{} is {}", page.entry(entry), _weight(page, tensors[entry.base.label.name], entry)))
        elif role == Role.BIAS:
            unit = page.index(entry.indices[0])
            of = Text(()) if unit is None else say(" of unit {}", unit)
            said.append(say("{} the bias{}", page.entry(entry), of))
        elif role in _ENTRIES:
            said.append(say("{} " + _ENTRIES[role], page.entry(entry)))
    said.append(say("{} the pre-activation", page.symbol(first.target, first.equation.indices)))
    hidden = next((s for s in statements if s.target.role == Role.ACTIVATION), None)
    if hidden is not None:
        said.append(
            say(
                "{} the activation",
                view.page.lettered(hidden.equation).symbol(hidden.target, hidden.equation.indices),
            )
        )
    output = next(s for s in statements if s.target == view.single.prediction)
    page = view.page.lettered(output.equation)
    target = next(t for t in view.single.inputs if t.role == Role.TARGET)
    said.append(say("{} the output", page.symbol(output.target, output.equation.indices)))
    said.append(say("{} the target", page.symbol(target, output.equation.indices)))
    mean = ", a mean over the outputs" if _averages_outputs(view) else ""
    said += [*_beside_targets(view), *_penalty(view), say("and {} the loss (error)" + mean, view.page.error())]
    return [say("Here " + ", ".join(["{}"] * len(said)) + ".{}", *said, _scripts(view))]


def _beside_targets(view: View) -> list[Text]:
    """What the weights of the samples and the masks of targets are."""
    words = {
        Role.SAMPLE_WEIGHT: "holds the weights of the samples" if view.coupled else "the weight of the sample",
        Role.KNOWN: f"{'is ' * view.coupled}1 where a target is known, and 0 where it is missing",
    }
    if view.derivation.specification.sample_weight == "outputs":
        words[Role.SAMPLE_WEIGHT] = "holds the weights of the outputs"
    given = [t for t in (view.batch if view.coupled else view.single).inputs if t.role in words]
    page = view.batch_page if view.coupled else view.page
    return [say("{} " + words[Role(t.role)], page.symbol(t, whole=True)) for t in given]


def _averages_outputs(view: View) -> bool:
    network, (samples, outputs) = view.derivation.network, symbols("samples outputs")
    return network is not None and network.layers[-1] != 1 and loss(network.loss).scale(samples, outputs).has(outputs)


def _scripts(view: View) -> Text:
    """What the number of a layer is, and where an index is left out."""
    layers = [s.target for s in view.single.stage("forward") if s.target.role == Role.PREACTIVATION]
    if len(layers) < 2:
        return Text(())
    lone = [t.axes[0].extent == 1 for t in layers]
    omitted = " The index of a unit is left out where a layer has only one." if any(lone) and not all(lone) else ""
    return Text((" The raised number in brackets is the layer." + omitted,))


def _penalty(view: View) -> list[Text]:
    """What a penalty and its strength are."""
    penalties = [s for s in view.single.stage("error") if s.target.role == Role.PENALTY]
    found = list[Text]()
    for statement in penalties:
        symbol, used = view.page.symbol(statement.target), statement.equation.expression.free_symbols
        known = [view.page.entry(strength[()]) for strength in (L1, L2) if strength.symbol in used]
        if len(known) == 1:
            kind = "L1" if L1.symbol in used else "L2"
            found.append(say(f"{{}} the {kind} penalty, {{}} its strength", symbol, *known))
        else:
            found.append(say("{} the L1 and the L2 penalty, {} and {} their strengths", symbol, *known))
    return found


def _weight(page: Page, weight: Tensor, entry: Indexed) -> Text:
    """What a weight is: the units that it connects; with index 0, a bias."""
    units = [box for i in entry.indices[::-1] if (box := page.index(i)) is not None]
    zero = ""
    if weight.axes[-1].start == 0:
        zero = " (for {} = 0, the bias" + (" of unit {}" if len(units) == 2 else "") + ")"
    if len(units) == 2:
        turned = page.notation.from_first and is_canonical(weight)
        place = say(" (row {}, column {} of the matrix)", *units[::-1]) if turned else Text(())
        return say("the weight from unit {} to unit {}{}" + zero, *units, place, *(units if zero else ()))
    return say("a weight" + zero, *(units if zero else ()))


def _arrays(view: View) -> list[Block]:
    """Say in a sentence what the letters are, where the equations for one sample are not shown."""
    if view.derivation.network is None:
        return []
    roles = [t.role for t in view.batch.tensors.values()]
    by_letter: dict[Box, str] = {}
    for role, words in _ARRAYS.items():
        if role in roles:
            by_letter.setdefault(view.letter(view.notation.roles[role].batch), words)
    first, *others = [say("{} " + words, letter) for letter, words in by_letter.items()]
    others += _beside_targets(view)
    words = "Here {}" + ", {}" * (len(others) - 1) + " and {}; {} is the loss (error)" + ", {}" * len(_penalty(view))
    found = say(words + ".", first, *others, view.page.error(), *_penalty(view))
    weights = (p for p in view.single.parameters if p.role == Role.WEIGHT and all(a.extent != 1 for a in p.axes))
    weight = next(weights, None)
    if weight is None:
        return [found]
    indices = tuple(Index(n, a) for n, a in zip(("row", "column"), weight.axes, strict=True))
    page = view.page.with_letters(indices, ())
    entry = weight[indices]
    assert isinstance(entry, Indexed)
    words = "{} Lower-case letters with indices are entries; {} then refer to one sample. {} is {}."
    return [say(words, found, _of_samples(view), page.entry(entry), _weight(page, weight, entry))]


def _of_samples(view: View) -> Text:
    """The letters of entries that belong to one sample."""
    sampled = {t.role for t in view.batch.tensors.values() if t.axes and t.axes[-1].sample}
    return listed(dict.fromkeys(view.role(role) for role in _ARRAYS if role in sampled))


def _for_a_batch(view: View) -> list[Block]:
    """The equations in matrix form, with their numbers, and how to read them."""
    nodes = [n for s in view.batch.statements for n in walk(s.form)]
    biases = any(isinstance(n, Broadcast) and view.page.drops_ones(n) for n in nodes)
    error = view.batch.stage("error")
    together = view.brief or not view.sampled  # the loss has no other form with a sum over the samples
    stages = ("forward", "error") if together else ("forward",)
    in_matrices = view.matrices(*stages)
    in_others = view.matrices("forward", "error", "factor", "gradient")
    beside = " (in matrices, the samples stand side by side as columns)" if in_others else ""
    said = say(
        "For a batch, {} samples stand side by side as the columns of a matrix{}",
        view.page.entry(SAMPLES),
        Text(()) if view.brief else _of_a_batch(view),
    )
    said = say(
        "{}{}{}:",
        said if view.sampled else "In matrices, the network computes" if view.brief else "In matrices",
        ", and a bias is added to each column" if biases else "",
        "" if len(in_matrices) == len(view.batch.stage(*stages)) else f"; {WITHOUT_MATRICES}",
    )
    if not in_matrices:
        samples = f"For the {{}} samples of a batch, with the sample as an upper index{beside}:"
        said = say(samples, view.page.entry(SAMPLES)) if view.sampled else say("The network computes")
    begun = view.begun(replace(view.batch_page, batch=False), batch=True) if view.brief else []
    blocks: list[Block] = [said, Display((*begun, *view.batched(*stages).items))]
    if together:
        arrays = [*([] if view.coupled else _outside(view)), *_arrays(view)] if view.brief else []
        return [*blocks, *arrays, *signs(view, view.batch.stage("forward", "error"))]
    forward = view.batch.stage("forward")
    if view.alone:
        return [*blocks, *signs(view, forward)]
    kind = "mean" if divides_by_samples(error[-1]) else "sum"
    what = f" the {kind} over the samples" if view.adds_up else ""
    what += ", plus what reads no sample" * (view.adds_up and view.once)
    penalty = ", plus the penalty" if any(s.target.role == Role.PENALTY for s in error) else ""
    both = ", with indices and in matrices" if view.matrices("error") else ""
    blocks += [*signs(view, forward), say(f"The loss of the batch is{what}{penalty}{both}:")]
    loss = Display(tuple(item for s in error for item in _loss(view, s)))
    words = [b for b in (*_of_the_sum(view, loss), *signs(view, error, forward)) if isinstance(b, Text)]
    return [*blocks, loss, *([say(" ".join(["{}"] * len(words)), *words)] if words else [])]


def _of_the_sum(view: View, loss: Display) -> list[Text]:
    """Say that the index of a sample is no exponent."""
    shown = {*boxes_in([loss])}
    index = next((box for x in view.notation.sample_letters if (box := view.letter(x)) in shown), None)
    return [] if index is None else [say("The upper index {} numbers the samples; it is not an exponent.", index)]


def _loss(view: View, statement: ArrayAssign) -> list[Item]:
    """A statement of the loss as a sum over the samples, if it has one, and in matrices."""
    summed, array = view.entries(statement, view.batch, numbered=False), view.arrays(statement, view.batch_page)
    if isinstance(statement.form, Formula):
        return [array]
    with_samples = any(i.axis.sample for i in statement.equation.expression.atoms(Index))
    return [summed, array] if with_samples else [array]


def divides_by_samples(statement: ArrayAssign) -> bool:
    """Whether a statement divides by the number of samples."""
    return 1 / SAMPLES in statement.equation.expression.atoms(Pow)


def _of_a_batch(view: View) -> Text:
    """An example of the letters for one sample and for a batch."""
    pairs = [(view.page.symbol(x, whole=True), view.batch_page.symbol(x, whole=True)) for x in view.single.inputs]
    return next((say(", such as {} for {}", batch, one) for one, batch in pairs if one != batch), Text(()))


def inside_functions(view: View, derivatives: bool = True) -> Text:
    """Name the functions whose own multiplications are not counted, and their derivatives."""
    plain = [d.function for d in view.batch.definitions if d.function.order == 0]
    names = list(dict.fromkeys(view.page.function(f, n) for f in plain for n in layers_of(view, f)))
    several = len(names) > len(plain)  # a function has a symbol in each layer
    inside = Text(("the activation functions",)) if several else listed(names)
    too = " and their derivatives" if len(names) > 1 else " and its derivative"
    words = ", not counting those inside {}" + (too if derivatives else "")
    said = say(words, inside) if names else Text(())
    if not any(t.role == Role.PENALTY for t in view.single.tensors.values()):
        return said
    return say("{}" + (" and those of the penalty" if names else ", not counting those of the penalty"), said)


# Activations.


def definition(view: View, stated: Definition) -> Item:
    """The definition of an activation, with its symbol in this document."""
    page, set_ = view.page, view.set_
    own = replace(page, functions={}).function(stated.function)
    applied = set_.apply(own, page.variables(stated.function))
    value = page.formula(stated.function.definition)
    first, *others = called(view, stated.function, stated.function)
    if stated.function.role == "loss":
        return Item(first, (value,), number=stated.number)
    letter = LETTERS[page.signs.function or page.notation.function].text
    unnamed = stated.function.origin.rstrip("0123456789") == letter  # its sign here says as much
    values = [value] if unnamed else [applied] if value == applied else [applied, value]
    spelled = page.formula(in_exponentials(stated.function.definition))
    values += [spelled] if spelled != value else []
    return Item(first, equalities(view, [*others, *values]), number=stated.number)


def called(view: View, activation: Any, function: Any) -> list[Box]:
    """The symbols of an activation, or its derivative, in each of its layers, applied to x."""
    names = dict.fromkeys(view.page.function(function, n) for n in layers_of(view, activation))
    return [view.set_.apply(n, view.page.variables(activation)) for n in names]


def equalities(view: View, values: Sequence[Box]) -> tuple[Box, ...]:
    """The right side of an equation with several equal values."""
    first, *others = values
    return first, *(view.set_.before("equals", o) for o in others)


def layers_of(view: View, activation: Any) -> list[int | None]:
    """Layers with an activation; only the first if all have the same symbol."""
    used = [
        s.target.layer
        for s in view.batch.stage("forward")
        if isinstance(s.equation.expression, Elementwise) and type(s.equation.expression) is activation
    ]
    return used or [None] if view.notation.function_layers else used[:1] or [None]


# Unit by unit.


def shown_numbers(axis: Axis, most: int) -> list[Expr | None]:
    """Numbers on an axis that are written out; None stands for dots."""
    if axis.extent.is_Integer and axis.extent <= most:
        return [Integer(axis.start + n) for n in range(int(axis.extent))]
    return [Integer(axis.start), Integer(axis.start + 1), None, axis.stop]


def _any_wide(view: View) -> bool:
    axes = {a for s in view.single.stage("forward") for a in s.target.axes if not a.sample}
    return any(None in shown_numbers(a, UNITS[view.detail]) for a in axes)


def unit_by_unit(view: View, statement: ArrayAssign) -> list[Item]:
    """Write a statement once for each unit, with all sums expanded."""
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


def _unit(view: View, statement: ArrayAssign, chosen: tuple[Expr, ...], most: int) -> Item:
    value = _at(statement, chosen)
    free = [c for c in chosen if isinstance(c, Index)]
    page = view.page.with_letters(free, bound_in(value, free))
    return Item(page.symbol(statement.target, chosen), tuple(written_out(page, value, most)))


def _at(statement: ArrayAssign, chosen: tuple[Expr, ...]) -> Expr:
    """Return the right side for one unit; for a tensor stacked from blocks of rows, the block with its row."""
    equation = statement.equation
    if not gives_rows(equation):
        return equation.at(chosen)
    row = equation.indices[0]
    last, body, inner = 0, equation.expression, None
    for first, _, filling, along in row_blocks(equation.expression, row):
        if not chosen[0].is_Integer or chosen[0] >= first:
            last, body, inner = first, filling, along
    assert last >= row.axis.start
    renamed = dict(zip(equation.indices, chosen, strict=True))
    return body.xreplace(renamed if inner is None else {**renamed, inner: chosen[0]})


def written_out(page: Page, value: Expr, most: int) -> list[Box]:
    """A formula with its sums written out, the middle of a long sum as dots."""
    terms: list[tuple[bool, Box]] = []
    for term in reading_order(Add.make_args(page.with_beginnings(value))):
        negative = subtracted(term) and not isinstance(term, Add)
        terms += [(negative, box) for box in _terms(page, -term if negative else term, most)]
    return page.signed(terms)


def _terms(page: Page, term: Expr, most: int) -> list[Box]:
    """The boxes of one term: the summands of a sum of products, otherwise the term unchanged."""
    found = _plain_sum(term)
    if found is None:
        return [page.entry(term)]
    outside, total, index = found
    return [
        page.typesetter.dots() if n is None else page.entry(outside * total.function.xreplace({index: n}))
        for n in shown_numbers(index.axis, most)
    ]


def _plain_sum(term: Expr) -> tuple[Expr, Sum, Index] | None:
    """The number before a sum of entries over an index, the sum, and the index; None for a term that is no such sum."""
    factors = Mul.make_args(term)
    sums = [f for f in factors if isinstance(f, Sum)]
    outside = Mul(*(f for f in factors if not isinstance(f, Sum)))
    indices = [limit[0] for s in sums for limit in s.limits if limit[0].axis.extent != 1]
    if len(sums) != 1 or len(indices) != 1 or not outside.is_number or not sums[0].has(Indexed):
        return None
    return outside, sums[0], indices[0]
