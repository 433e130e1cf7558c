"""The table of symbols with their meanings and shapes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial

from sympy import Expr, Integer, Max, Min, erf, erfc, sign

from derive.arrays import matrix as mx
from derive.arrays.matrix import walk
from derive.calculus.curvature import TANGENT
from derive.calculus.diagonal import COLUMN, COMMON, ENTRIES, ROW
from derive.calculus.drawn import Drawn
from derive.calculus.functions import STOP, X, derivative
from derive.calculus.index import SAMPLES, Index, Tensor
from derive.calculus.per_sample import EACH, NORM, WEIGHED
from derive.calculus.program import constant
from derive.calculus.roles import Role
from derive.calculus.tangents import SLOPE
from derive.calculus.unrolled import ordered_axes
from derive.catalogue.activations import ACTIVATIONS
from derive.document.blocks import Block, Code, Part, Table, Text, boxes_in, say
from derive.document.parts.forward import layers_of
from derive.document.parts.pattern import ranged
from derive.document.randomness import decimal, distribution
from derive.document.recursion import Layered
from derive.document.updates import Updates
from derive.document.view import View
from derive.learning.optimizers import LEARNING_RATE
from derive.paper.boxes import SUM, Box
from derive.paper.characters import LETTERS, WITHOUT_FIRST
from derive.paper.latex import latex
from derive.paper.notation import is_canonical
from derive.paper.page import Page
from derive.paper.signs import own_signs, role_sign
from derive.paper.text import text
from derive.text.entry_text import printed

#: Largest number of symbols of one kind listed; of more, the middle ones are omitted.
MOST = 6

Row = tuple[Text, ...]


def notation(view: View, parts: Sequence[Part] = ()) -> Part:
    """The table of the symbols in the other parts, and how to read their indices."""
    stages = view.indexed("forward", "error", "factor", "gradient")
    shown = boxes_in(block for part in parts for block in part.blocks) if parts else boxes_in([stages])
    rows = [*_tensors(view), *_signs(view, shown)]
    blocks: list[Block] = [Table(tuple(Text((t,)) for t in ("symbol", "meaning", "shape")), tuple(rows), wrapped=1)]
    blocks += [_weights(view)] if _both_indices(view) else []
    return Part("notation", "Symbols", (*blocks, _shapes(view)))


def _shapes(view: View) -> Text:
    """Say what a shape is, and where the samples stand."""
    many = any(len(t.axes) > 2 for t in view.batch.tensors.values())
    if not view.sampled:
        axes = "the number of entries along each axis, in the order of the indices" if many else "rows by columns"
        return Text((f"A shape is {axes}.",))
    words = "A shape is rows by columns, for {} samples side by side as columns. What belongs to one sample is a "
    words += "column{}; with indices it is an entry."
    if many:
        words = "A shape is the number of entries along each axis, in the order of the indices. The axis of the {} "
        words += "samples is the last; its index is written above. An array of two axes is a matrix of rows and columns"
        words += "{}."
        sampled = any(len(t.axes) > 2 and t.samples_first and t.axes[-1].sample for t in view.batch.tensors.values())
        words += " In the code, the samples are the first axis of arrays with three or more." * sampled
    return say(words, view.page.entry(SAMPLES), _of_one_sample(view))


def _of_one_sample(view: View) -> Text:
    """Explain the letters for one sample and for a batch, with an example."""
    pairs = [(view.page.symbol(x, whole=True), view.batch_page.symbol(x, whole=True)) for x in view.single.inputs]
    return next((say(", such as {} for {}", one, batch) for one, batch in pairs if one != batch), Text(()))


#: Meaning of a tensor by the note of its equation, in what is derived of a derivation.
_NOTED = {
    TANGENT: "derivative along the directions",
    EACH: "gradient of each sample",
    NORM: "squared norm of the gradient of each sample",
    WEIGHED: "sum of the gradients of the samples times their weights",
    ROW: "derivatives of the outputs",
    COLUMN: "second derivatives with respect to the outputs",
    COMMON: "derivatives of the outputs, times the second derivatives, times these",
    ENTRIES: "entries of the diagonal",
}
# Meaning of a tensor by role; the layer is added if there are several.
_MEANING: dict[str, str] = {
    "input": "inputs",
    "target": "targets",
    Role.RANDOM: "random",
    Role.SAMPLE_WEIGHT: "weights of the samples",
    Role.KNOWN: "1 where a target is known, 0 where it is missing",
    "weight": "weights",
    "bias": "biases",
    "preactivation": "pre-activations",
    "activation": "activations",
    "prediction": "outputs",
    "error": "loss",
    "penalty": "penalty of the weights, a part of the loss",
}

# Meaning of what an earlier derivation has found.
_FOUND: dict[str, str] = {Role.STATED_FACTOR: "shared factor of the gradients", Role.STATED_GRADIENT: "gradient"}

# Meaning of a number or an array of a step.
OF_A_STEP = {
    "clipped": "clipped gradient of {}",
    "stepped": "{} after the step, before the constraint",
    "velocity": "velocity of {}: its past steps, each multiplied by the momentum once a step",
    "mean": "first moment of {}: running mean of its gradients",
    "mean_square": "second moment of {}: running mean of its squared gradients",
    "square_sum": "sum of the squared gradients of {}",
    "running": "running average over the batches, which a prediction reads in the place of {}",
}
_ONCE_A_STEP = {
    "step": "number of the step; 0 before the first",
    "rate": "learning rate of the step",
    "square_norm": "squared norm of all gradients together",
    "clip_scale": "factor that clips the gradients, at most 1",
    "correction1": "bias correction: sum of the weights of all gradients so far in the first moment",
    "correction2": "bias correction: sum of the weights of all squared gradients so far in the second moment",
}


def _tensors(view: View) -> Iterator[Row]:
    known = [*view.batch.inputs, *view.batch.parameters]
    known += [s.target for s in view.batch.stage("forward", "error", "factor")]
    for role in dict.fromkeys(t.role for t in known):
        same = [t for t in known if t.role == role]
        rows = [*_by_layer(view, same, partial(_meaning, view))] if all(map(_is_numbered, same)) else None
        yield from _shortened(view, rows) if rows else (_row(view, t) for t in same)


def _by_layer(view: View, tensors: Sequence[Tensor], meaning: Callable[..., Text]) -> Iterator[Row]:
    """A row for the tensors that are alike in several layers, and one for each other tensor.

    They are alike if their symbols, meanings and shapes are the same for a layer l.
    """
    layered = Layered(view)
    found: dict[tuple[str, ...], tuple[Box, Text, list[Tensor]]] = {}
    for tensor in tensors:
        layer, page = _owner(tensor).layer, view.batch_page
        of: str | Box = "" if layer is None else str(layer)
        if layer is not None and layered.letter:
            page, of = layered.page(layer), view.letter(layered.letter)
        symbol, what = page.symbol(tensor, whole=True), meaning(tensor, page, of)
        key = tuple(latex(s) if isinstance(s, Box) else str(s) for s in (symbol, *what.spans, _shape(view, tensor)))
        found.setdefault(key, (symbol, what, []))[-1].append(tensor)
    for symbol, what, alike in found.values():
        if len(alike) == 1:
            yield _row(view, alike[0], meaning)
            continue
        alike.sort(key=lambda t: _owner(t).layer or 0)
        letter, numbers = view.letter(layered.letter), ranged([_owner(t).layer or 0 for t in alike])
        yield Text((symbol,)), say("{}, {} = {}", what, letter, numbers), Text((_shape(view, alike[0]),))


def _owner(tensor: Tensor) -> Tensor:
    """The parameter that a tensor belongs to, or the tensor itself."""
    return tensor if tensor.layer is not None or tensor.about is None else _owner(tensor.about)


def _is_numbered(tensor: Tensor) -> bool:
    """Return whether a tensor belongs to a numbered series."""
    return is_canonical(tensor if tensor.about is None else tensor.about)


def _shortened(view: View, rows: list[Row]) -> list[Row]:
    """Rows of one kind; if there are many, the first two and the last."""
    dots = (Text((view.set_.dots("down"),)), Text(("",)), Text((view.set_.dots("down"),)))
    return rows if len(rows) <= MOST else [*rows[:2], dots, rows[-1]]


def _row(view: View, tensor: Tensor, meaning: Callable[..., Text] | None = None) -> Row:
    page, layer = view.batch_page, str(_owner(tensor).layer)
    what = (meaning or partial(_meaning, view))(tensor, page, layer)
    return Text((page.symbol(tensor, whole=True),)), what, Text((_shape(view, tensor),))


def _meaning(view: View, tensor: Tensor, page: Page, number: str | Box) -> Text:
    """The meaning of a tensor of a layer whose number is written ``number`` on the page."""
    alone = tensor.layer is None or tensor.role == Role.INPUT or _one_layer(view)
    layer = Text(()) if alone else say(" of layer {}", number)
    if tensor.role == Role.AUGMENTED:
        what = say("activations{}", layer) if tensor.layer else Text(("inputs",))
        return say("{} with a constant 1 prepended{}", what, _stated_as(view, tensor))
    if tensor.role == Role.FACTOR and tensor.about is not None:
        slope = view.error_slope(page.symbol(tensor.about, whole=True))
        return say("shared factor: {}", _scaled(view, slope, view.batch.common))
    if tensor.role in _FOUND and tensor.about is not None:
        before = view.derivation.that_derived(tensor.error)
        error, about = page.symbol(view.batch.tensors[tensor.error]), page.symbol(tensor.about, whole=True)
        common = Integer(1) if tensor.role == Role.STATED_GRADIENT else before.program.common if before else None
        found = [] if common is None else [_scaled(view, view.set_.partial(error, about), common)]
        return say(_FOUND[tensor.role] + ": {}" * len(found), *found)
    if tensor.role == Role.INPUT and tensor.about is not None and not tensor.about.error:
        return say("the direction in which {} moves", Code(tensor.about.name))
    if tensor.is_data and tensor.about is not None and tensor.about.error:
        return say("given: the direction in which {} moves", page.symbol(tensor.owner, whole=True))
    if tensor.is_data and tensor.about is not None:
        return say(
            "given: the derivative of {} with respect to {}", view.page.error(), page.symbol(tensor.about, whole=True)
        )
    if tensor.is_data and view.derivation.network is None:
        origin = view.derivation.origin.forward  # a target or a parameter there may be an input here
        if tensor.name in {p.name for p in origin.parameters}:
            return say("parameters{}", _stated_as(view, tensor))
        given = {t.name: _MEANING[t.role] for t in origin.inputs}
        noun = given.get(tensor.name, "weights of the samples" if view.derivation.first else _MEANING[tensor.role])
        return say("{}{}{}", noun, _data(view, tensor), _stated_as(view, tensor))
    if tensor.role == Role.PREDICTION:
        plain = _one_layer(view) or tensor.layer is None
        what = Text(()) if plain else say(", which are the activations{}", layer)
        return say("outputs of the network{}{}", what, _stated_as(view, tensor))
    noun = _MEANING.get(tensor.role, "parameters" if tensor in view.batch.parameters else "intermediate value")
    if tensor.role == Role.SAMPLE_WEIGHT and view.derivation.specification.sample_weight == "outputs":
        noun = "weights of the outputs"
    if any(s.equation.note == SLOPE and s.target == tensor for s in view.batch.stage("forward")):
        noun = "derivative in the equations"
    notes = (s.equation.note for s in view.batch.stage("forward") if s.target == tensor)
    noun = next((_NOTED[note] for note in notes if note in _NOTED), noun)
    if tensor.role == Role.BIAS and not view.is_added(tensor):
        noun = "parameters"  # a gain, say, which is multiplied and not added
    augmented = tensor.role == Role.WEIGHT and any(a.start == 0 for a in tensor.axes)
    with_biases = ", with the biases in column 0" if augmented else ""
    return say(noun + "{}" + with_biases + "{}", layer, _stated_as(view, tensor))


def _scaled(view: View, slope: Box, common: Expr) -> Box:
    """What a factor is, if the derivative is it times a number that all have in common."""
    if common == 1:
        return slope
    if common == -1:
        return view.set_.before("minus", slope)
    return view.set_.join((view.page.entry(1 / common), slope), "thin", 0)


def _data(view: View, tensor: Tensor) -> Text:
    """What data must be, and whether they are the same for all samples."""
    said: list[Text] = []
    if tensor.places is not None:
        ends = (view.page.entry(number) for number in (Integer(tensor.places.start), tensor.places.stop))
        said.append(say("whole numbers from {} to {}", *ends))
    for promise in (p for p in view.derivation.forward.promises if p.tensor == tensor):
        if isinstance(promise, Drawn):
            said.append(say("drawn in each step: {}", distribution(view, promise)))
        else:
            said.append(Text((f"which must {promise.wanted}",)))
    if view.sampled and not any(axis.sample for axis in tensor.axes):
        said.append(Text(("the same for all samples",)))
    return say(", {}" * len(said), *said)


def _one_layer(view: View) -> bool:
    return len({t.layer for t in view.batch.parameters}) == 1


def _stated_as(view: View, tensor: Tensor) -> Text:
    """The name given to a tensor, if its symbol differs from it."""
    sign, name = view.page.sign(tensor), tensor.name
    first = sign == next(own_signs(view.set_, name)) and text(view.page.scripts(sign, False, None, None)) == name
    by_role = is_canonical(tensor) and sign == role_sign(view.set_, view.notation, tensor, view.page.one_layer)
    if first or by_role or tensor.about is not None:
        return Text(())
    return say(", stated as {}", Code(name) if name.isascii() else view.set_.name(name))


def _shape(view: View, tensor: Tensor) -> Box:
    if not tensor.axes:
        return view.set_.words("scalar")
    extents = [a.extent for a in tensor.axes]
    boxes = [view.batch_page.extent(e) for e in extents]
    if len(boxes) == 1:
        boxes = [view.set_.number(1), *boxes] if tensor.axes[0].sample else [*boxes, view.set_.number(1)]
    return view.set_.join(boxes, "by", 0)


def _signs(view: View, shown: Collection[Box]) -> Iterator[Row]:
    """Yield the symbols that denote no tensor of the network."""
    number = Text((view.set_.words("scalar"),))
    gradient = view.batch.stage("gradient")[0].target
    assert gradient.about is not None
    slope = view.batch_page.symbol(gradient, whole=True)
    yield (
        Text((slope,)),
        say(
            "gradient: the derivative of {} with respect to each entry of {}",
            view.page.error(),
            view.batch_page.symbol(gradient.about, whole=True),
        ),
        Text((_shape(view, gradient),)),
    )
    if not view.alone:
        yield Text((view.batch_page.symbol(LEARNING_RATE),)), Text(("learning rate",)), number
    yield from _of_a_step(view)
    if view.sampled:
        yield Text((view.batch_page.entry(SAMPLES),)), Text(("number of samples in a batch",)), number
    of_steps = {symbol for axis in ordered_axes(view.derivation.chains) for symbol in axis.extent.free_symbols}
    for symbol in view.batch.extents:
        meaning = "number of steps" if symbol in of_steps else "width: number of units"
        yield Text((view.batch_page.entry(symbol),)), Text((meaning,)), number
    yield from _functions(view)
    yield from _known_functions(view)
    yield from _operations(view)
    yield from _indices(view, shown)


#: Meaning of the function that a loss applies to each entry.
LOSS = "contribution of one entry to the loss"


def _of_a_step(view: View) -> Iterator[Row]:
    """The numbers and arrays of a step; constants with their values."""
    number = Text((view.set_.words("scalar"),))
    for name, value in view.batch.constants.items():
        symbol = view.batch_page.symbol(constant(name))
        shown = view.set_.join((symbol, decimal(view, value)), "equals", SUM)
        yield Text((shown,)), _fixed(view, name), number
    updates = Updates(view)
    if updates.letter:
        yield Text((updates.symbol,)), say("parameter array: {}", updates.words), Text(("varies",))
    computed = [*view.batch.states, *(s.target for s in view.batch.stage("update") if s.target.role != Role.UPDATED)]
    for tensor in computed:
        if tensor.name in _ONCE_A_STEP:
            yield Text((view.batch_page.symbol(tensor),)), Text((_ONCE_A_STEP[tensor.name],)), number
    for role, words in OF_A_STEP.items():
        same = [t for t in computed if t.role == role and t.about is not None]

        def meaning(tensor: Tensor, page: Page, _: object, words: str = words) -> Text:
            return say(words, page.symbol(tensor.about, whole=True) if tensor.about else "")

        if updates.letter and role != Role.RUNNING:
            symbols = [updates.page.symbol(t, whole=True) for t in same if t.owner == updates.parameter]
            yield from ((Text((s,)), say(words, updates.symbol), say("as {}", updates.symbol)) for s in symbols)
            continue
        yield from _shortened(view, [*_by_layer(view, same, meaning)])


def _fixed(view: View, name: str) -> Text:
    """The meaning of a constant."""
    if view.derivation.network is None:
        return say("constant{}", _stated_as(view, constant(name)))
    by_norm = view.descent.clipping.entry is None
    known = {f"l{n}": f"strength of the L{n} penalty" for n in (1, 2)}
    known |= {"clip": f"largest {'norm of the gradients' if by_norm else 'size of an entry of a gradient'}"}
    known |= {"weight_limit": "largest norm of the weights into a unit"}
    options = (*view.descent.optimizer.options, *view.descent.schedule.options)
    return Text((known.get(name) or next(o.meaning for o in options if o.name == name),))


def _functions(view: View) -> Iterator[Row]:
    """The activations and their derivatives, with their symbols in this document."""
    for definition in view.batch.definitions:
        function = definition.function
        if function.order == 0 and (function.role == "loss" or function.origin in view.page.functions):
            layers, page, of = layers_of(view, function), view.page, Text(())
            if len(layers) > 1 and Layered(view).letter:
                page, letter = Layered(view).page(layers[0] or 0), view.letter(Layered(view).letter)
                of = say(" of layer {}, {} = {}", letter, letter, ranged([n or 0 for n in layers]))
            elif layers != [None] and view.notation.function_layers and not view.page.one_layer:
                of = Text((f" of layer {layers[0]}",))
            name = page.function(function, layers[0])
            prime = page.function(derivative(function), layers[0])
            words = f"activation function{{}}: {printed(function.label, ACTIVATIONS)}, applied elementwise"
            yield Text((name,)), Text((LOSS,)) if function.role == "loss" else say(words, of), _none()
            if function.role == "activation" or derivative(function) in {d.function for d in view.batch.definitions}:
                yield Text((prime,)), say("derivative of {}", name), _none()


def _known_functions(view: View) -> Iterator[Row]:
    """Named functions that not every reader knows."""
    set_, x, page = view.set_, view.page.entry(X), view.page
    definitions = [d.function.definition for d in view.batch.definitions]
    definitions += [s.equation.expression for s in view.batch.statements]
    if any(d.has(erf, erfc) for d in definitions):
        primed = set_.apply(set_.primed(set_.name("erf"), 1), x)
        slope = set_.join((primed, page.entry(erf(X).diff(X))), "equals", 0)
        start = set_.join((set_.apply(set_.name("erf"), set_.number(0)), set_.number(0)), "equals", 0)
        yield Text((set_.name("erf"),)), say("error function: {} and {}", slope, start), _none()
    if any(d.has(erfc) for d in definitions):
        yield Text((set_.name("erfc"),)), say("{}, with the error function", page.entry(1 - erf(X))), _none()
    if any(d.has(sign) for d in definitions):
        sides = [set_.before("minus", set_.number(1)), set_.number(0), set_.number(1)]
        yield Text((set_.name("sgn"),)), say("sign: {}, {} or {}", *sides), _none()
    if view.batch.stopped:
        yield Text((page.function(STOP),)), Text(("the value of its argument, taken for a constant",)), _none()
    for kind, words in ((Max, "largest"), (Min, "smallest")):
        if any(s.equation.expression.has(kind) for s in view.batch.stage("forward", "error")):
            meaning = f"the {words} of several numbers; of equal ones, the derivative is that of the first"
            yield Text((set_.name(kind.__name__.lower()),)), Text((meaning,)), _none()


def _operations(view: View) -> Iterator[Row]:
    """The operators between arrays that occur."""
    set_ = view.set_
    forms = [s.form for program in (view.single, view.batch) for s in program.statements]
    nodes = [n for form in forms for n in walk(form)]
    times, transpose = set_.letter(view.notation.times), set_.letter(view.notation.transpose)
    if any(isinstance(n, mx.Hadamard) for n in nodes):
        yield Text((times,)), Text(("elementwise product",)), _none()
    if any(isinstance(n, mx.Hadamard) and any(map(mx.divides, n.factors)) for n in nodes):
        yield Text((set_.sign_alone("over"),)), Text(("elementwise division",)), _none()
    if any(isinstance(n, mx.Transpose) for n in nodes):
        yield Text((transpose,)), Text(("as an exponent: transpose",)), _none()
    if any(view.page.shows_ones(n) for n in nodes):
        yield Text((set_.name("1"),)), Text(("a column of ones",)), Text((set_.words("as it fits"),))
    if any(isinstance(n, mx.Part) for n in nodes):
        yield Text((view.set_.letter(WITHOUT_FIRST),)), Text(("as an index: without column 0, the biases",)), _none()
    if any(isinstance(n, mx.SumOver) and n.axis is None for n in nodes):
        yield Text((set_.name("sum"),)), Text(("sum of all entries",)), _none()


def _none() -> Text:
    return Text(("",))


def _indices(view: View, shown: Collection[Box]) -> Iterator[Row]:
    """Yield the index letters of units and samples that occur, and the bracket of a condition."""
    letters = dict.fromkeys((*sorted(view.notation.free_letters[:2]), *view.notation.factor_letters))
    own = {*view.page.signs.letters, *view.page.taken}
    known = [view.letter(x) for x in letters if x not in own and LETTERS[x].text not in own]
    units = [box for box in known if box in shown]
    if units:
        of = (
            "an entry along an axis"
            if any(len(t.axes) > 2 for t in view.batch.tensors.values())
            else "a unit of a layer"
        )
        yield Text((view.set_.join(units, "comma", 0),)), Text((f"as an index: {of}",)), _none()
    if any(map(view.set_.is_condition, shown)):
        i, j = view.page.spared("i", "j")
        yield Text((view.set_.condition(i, j),)), Text(("1 if the equation holds, 0 if not",)), _none()
    free = (x for x in view.notation.sample_letters if x not in own and LETTERS[x].text not in own)
    samples = [box for x in free if (box := view.letter(x)) in shown]
    if samples:
        yield Text((view.set_.join(samples, "comma", 0),)), Text(("as an upper index: a sample",)), _none()


def _both_indices(view: View) -> bool:
    return any(map(_has_both, view.single.parameters))


def _has_both(parameter: Tensor) -> bool:
    return parameter.role == Role.WEIGHT and len(parameter.axes) == 2 and all(a.extent != 1 for a in parameter.axes)


def _weights(view: View) -> Text:
    """Explain the order of the two indices of a weight, if both are written."""
    weight = next(p for p in view.single.parameters if _has_both(p))
    row, column = (Index(n, a) for n, a in zip(("row", "column"), weight.axes, strict=True))
    turned = view.notation.from_first and is_canonical(weight)
    first = view.page.spare(("i", *view.notation.free_letters))
    second = view.page.spare(("j", *view.notation.free_letters), (first,))
    page = replace(view.page, letters={row: second if turned else first, column: first if turned else second})
    i, j = view.letter(first), view.letter(second)
    entry = page.symbol(weight, (row, column))
    if view.derivation.network is None:
        return say("The entry {} of a matrix stands in row {}, column {}.", entry, *((j, i) if turned else (i, j)))
    if turned:
        return say(
            "The weight {} leads from unit {} to unit {}; in the matrix it stands in row {}, column {}.",
            entry,
            i,
            j,
            j,
            i,
        )
    return say("The weight {} leads from unit {} to unit {}: row {}, column {} of its matrix.", entry, j, i, i, j)
