"""Every symbol used, its meaning and its shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from derive.blocks import Block, Part, Table, Text, say
from derive.forward import SAMPLES
from derive.index import Index, Tensor
from derive.optimizers import LEARNING_RATE
from derive.printers.boxes import Box
from derive.view import View

#: How many symbols of one kind are listed before the middle ones are left out.
MOST = 6

Row = tuple[Text, ...]


def symbols(view: View) -> Part:
    """The table of symbols, then how their indices are read."""
    rows = [*_tensors(view), *_signs(view)]
    blocks: list[Block] = [Table(tuple(Text((t,)) for t in ("symbol", "meaning", "shape")), tuple(rows), wrapped=1)]
    blocks += [_weights(view)] if _both_indices(view) else []
    blocks.append(
        say(
            "A shape is rows by columns, for {} samples side by side as columns. For one sample, {}, it is a column.",
            view.letter("m"),
            view.set_.join((view.letter("m"), view.set_.number(1)), "equals", 0),
        )
    )
    return Part("notation", "Notation", tuple(blocks))


# What a tensor of each role means; the layer is added where there are several.
_MEANING = {
    "input": "inputs",
    "target": "targets",
    "weight": "weights",
    "bias": "biases",
    "preactivation": "pre-activations",
    "activation": "activations",
    "prediction": "outputs",
    "augmented": "activations with a one before them",
    "error": "the error, which learning makes smaller",
}


def _tensors(view: View) -> Iterator[Row]:
    known = [*view.batch.inputs, *view.batch.parameters]
    known += [s.target for s in view.batch.stage("forward", "error", "factor")]
    for role in dict.fromkeys(t.role for t in known):
        same = [t for t in known if t.role == role]
        rows = [_row(view, t) for t in same]
        if len(rows) > MOST:
            dots = (Text((view.set_.dots("down"),)), Text(("",)), Text((view.set_.dots("down"),)))
            rows = [*rows[:2], dots, rows[-1]]
        yield from rows


def _row(view: View, tensor: Tensor) -> Row:
    return Text((view.batch_page.symbol(tensor, whole=True),)), _meaning(view, tensor), Text((_shape(view, tensor),))


def _meaning(view: View, tensor: Tensor) -> Text:
    layer = "" if tensor.layer is None or tensor.role == "input" else f" of layer {tensor.layer}"
    if tensor.role == "factor" and tensor.about is not None:
        slope = view.error_slope(view.batch_page.symbol(tensor.about, whole=True))
        scale = view.page.entry(1 / view.batch.common)
        if view.batch.common == 1:
            return say("shared factor: {}", slope)
        return say("shared factor: {}", view.set_.join((scale, slope), "thin", 0))
    if tensor.role == "prediction":
        return Text((f"outputs of the network{'' if view.page.one_layer else ', which are the activations' + layer}",))
    return Text((_MEANING.get(tensor.role, tensor.role) + layer,))


def _shape(view: View, tensor: Tensor) -> Box:
    if not tensor.axes:
        return view.set_.words("number")
    extents = [a.extent for a in tensor.axes]
    boxes = [view.batch_page.extent(e) for e in extents]
    if len(boxes) == 1:
        boxes = [view.set_.number(1), *boxes] if tensor.axes[0].sample else [*boxes, view.set_.number(1)]
    return view.set_.join(boxes, "by", 0)


def _signs(view: View) -> Iterator[Row]:
    """Signs and letters that stand for no tensor of the network."""
    set_, number = view.set_, Text((view.set_.words("number"),))
    gradient = view.batch.stage("gradient")[0].target
    assert gradient.about is not None
    slope = view.batch_page.symbol(gradient, whole=True)
    yield (
        Text((slope,)),
        say(
            "gradient: the derivative of {} with respect to each entry of {}",
            view.letter("E"),
            view.batch_page.symbol(gradient.about, whole=True),
        ),
        Text((_shape(view, gradient),)),
    )
    yield Text((view.batch_page.symbol(LEARNING_RATE),)), Text(("learning rate",)), number
    yield Text((view.batch_page.entry(SAMPLES),)), Text(("number of samples in a batch",)), number
    for symbol in view.batch.extents:
        yield Text((view.batch_page.entry(symbol),)), Text(("a width: a number of units",)), number
    for definition in view.batch.definitions:
        if definition.function.order == 0 and definition.function.origin in view.page.functions:
            name = view.page.function(definition.function)
            prime = set_.primed(name, 1)
            yield Text((name,)), Text((f"activation: {definition.function.title}, entry by entry",)), Text(("",))
            yield Text((prime,)), say("derivative of {}", name), Text(("",))
    times = set_.letter(view.notation.times)
    yield Text((times,)), Text(("product entry by entry",)), Text(("",))
    transposed = set_.script(set_.letter(view.notation.transpose), None, None)
    yield Text((transposed,)), Text(("as an exponent: transpose",)), Text(("",))
    yield from _indices(view)


def _indices(view: View) -> Iterator[Row]:
    """The letters that number units and samples."""
    units = [view.letter(x) for x in sorted(view.notation.free_letters[:2])]
    units += [view.letter(x) for x in view.notation.factor_letters[:1]]
    listed = view.set_.join(units, "comma", 0)
    yield Text((listed,)), Text(("as an index: a unit of a layer",)), Text(("",))
    sample = view.notation.sample_letters[0]
    yield Text((view.letter(sample),)), Text(("as an index: a sample",)), Text(("",))


def _both_indices(view: View) -> bool:
    return any(p.role == "weight" and all(a.extent != 1 for a in p.axes) for p in view.single.parameters)


def _weights(view: View) -> Text:
    """Say which way the weights point, where both of their indices are written."""
    weight = next(p for p in view.single.parameters if p.role == "weight" and all(a.extent != 1 for a in p.axes))
    row, column = (Index(n, a) for n, a in zip(("row", "column"), weight.axes, strict=True))
    page = replace(view.page, letters={row: "j", column: "i"} if view.notation.from_first else {row: "i", column: "j"})
    entry, i, j = page.symbol(weight, (row, column)), view.letter("i"), view.letter("j")
    if view.notation.from_first:
        return say(
            "The weight {} leads from unit {} to unit {}; in the matrix it stands in row {}, column {}.",
            entry,
            i,
            j,
            j,
            i,
        )
    return say("The weight {} leads from unit {} to unit {}: row {}, column {} of its matrix.", entry, j, i, i, j)
