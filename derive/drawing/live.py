"""A network with a card for each unit that shows the unit's numbers; a script in the page places the cards.

Each number is an element with ``data-value``, the tensor and its entry. A weight's line names the cards that it
connects in ``data-ends``, and a card is placed by its column and its row in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING

from derive.calculus.index import Tensor
from derive.calculus.roles import Role
from derive.catalogue.losses import loss
from derive.drawing.layers import Layer, plain_layers
from derive.drawing.names import entry_symbol, key
from derive.drawing.scene import width_of, wrapped
from derive.drawing.svg import letters
from derive.paper.page import Page
from derive.paper.page_of import page_for
from derive.record import record

if TYPE_CHECKING:
    from derive.derived import Derived

#: The most parameters and the most units of a layer of which every number can be shown.
MOST_PARAMETERS, MOST_UNITS = 60, 8
#: The width of type on a screen, by that of printed type of 8 points.
_WIDER = 11 / (1.1 * 8)
#: The size of type, the height of a row, and the width of a number.
_SIZE, _ROW, _NUMBER = 11, 16, 40


@record
class Live:
    """The layers of a network small enough to show every number."""

    derivation: Derived
    layers: tuple[Layer, ...]

    @cached_property
    def page(self) -> Page:
        """The page with the symbols of one sample."""
        return page_for(self.derivation.program, self.derivation.notation)

    def tensors(self, number: int) -> tuple[Tensor, ...]:
        """The tensors that the units of a column show; column 0 has the inputs, the last column the loss."""
        if number == 0:
            return (self.layers[0].source,)
        if number > len(self.layers):
            return (self.derivation.forward.error.target,)
        layer = self.layers[number - 1]
        own = [layer.sum] if layer.activation is None else [layer.sum, layer.activation]
        statements = self.derivation.program.stage("factor")
        factors = [s.target for s in statements if s.target.about is not None and s.target.about.name in _names(own)]
        targets = [t for t in self.derivation.forward.inputs if t.role == Role.TARGET]
        return (*own, *factors, *(targets if number == len(self.layers) else ()))

    def places(self, number: int) -> list[tuple[int, ...]]:
        """The entries of a column's units."""
        return [(n,) for n in _places(self.tensors(number)[0])] or [()]


def live_network(derivation: Derived) -> Live | None:
    """Return a network whose numbers can all be shown; None if it is too large or not made of plain layers.

    All of its parameters must be trained: the page shows the gradient of each.
    """
    layers = None if derivation.network is None else plain_layers(derivation)
    program = derivation.program
    if (
        layers is None
        or program.extents
        or program.learned != program.parameters
        or derivation.parameter_count > MOST_PARAMETERS
    ):
        return None
    live = Live(derivation, layers)
    fits = all(len(live.places(number)) <= MOST_UNITS for number in range(len(layers) + 1))
    return live if fits else None


def _names(tensors: Sequence[Tensor]) -> set[str]:
    return {t.name for t in tensors}


def _places(tensor: Tensor) -> list[int]:
    """The numbers of a tensor's units."""
    units = [axis for axis in tensor.axes if not axis.sample]
    return [*range(units[0].start, int(units[0].stop) + 1)] if units else []


def live_svg(live: Live) -> str:
    """Write the cards and lines; the page's style and script give them colours and places."""
    page, last = live.page, len(live.layers) + 1
    symbols = [entry_symbol(page, t, p) for n in range(last + 1) for t in live.tensors(n) for p in live.places(n)]
    width = round(max(_WIDER * width_of((s,), 8) for s in symbols) + _NUMBER + 12)
    body = [line for n in range(1, last + 1) for line in _lines(live, n)]
    for number in range(last + 1):
        body += [_card(live, number, row, place) for row, place in enumerate(live.places(number))]
        body += [_constant(number)] if number < last - 1 and _has_constant(live.layers[number]) else []
        body.append(_caption(live, number))
    title = '<title id="live-drawing-title">The network and its numbers</title>'
    words = f"{live.derivation.description} A card for each unit has its numbers; the lines are weights."
    text = f'<desc id="live-drawing-text">{escape(words)}</desc>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="live-drawing" role="group" data-width="{width}" '
        f'aria-labelledby="live-drawing-title" aria-describedby="live-drawing-text" font-size="{_SIZE}">\n{title}{text}'
        + "\n".join(["", *body, "</svg>"])
    )


def _has_constant(layer: Layer) -> bool:
    return layer.bias is not None or layer.constant is not None


def _card(live: Live, number: int, row: int, place: tuple[int, ...]) -> str:
    shown = live.tensors(number)
    kind = "input" if number == 0 else "error" if number > len(live.layers) else "unit"
    rows = "".join(_quantity(live.page, tensor, place, at) for at, tensor in enumerate(shown))
    return (
        f'<g class="card {kind}" id="unit-{number}-{row}" role="img" data-name="{_name(live, number, place)}" '
        f'data-column="{number}" data-row="{row}" '
        f'data-rows="{len(shown)}" data-entries="{" ".join(f"{t.name}:{key(place)}" for t in shown)}">'
        f'<rect class="node" rx="4" height="{len(shown) * _ROW + 6}"/>{rows}</g>'
    )


#: What the numbers of a unit are, in words; inputs and the loss have the name of their card.
_WORDS = {
    Role.INPUT: "",
    Role.ERROR: "",
    Role.PREACTIVATION: "pre-activation",
    Role.PREDICTION: "output",
    Role.FACTOR: "derivative of the loss by the pre-activation",
}


def _name(live: Live, number: int, place: tuple[int, ...]) -> str:
    """A card in words."""
    if number > len(live.layers):
        return "loss"
    return f"input {place[0]}" if number == 0 else f"layer {number}, unit {place[0]}"


def _quantity(page: Page, tensor: Tensor, place: tuple[int, ...], at: int) -> str:
    """A row of a card: a symbol and its number. The numbers of the data can be dragged."""
    entry = f"{tensor.name}:{key(place)}"
    drag = f' data-drag="{entry}"' if tensor.is_data else ""
    symbol = letters((entry_symbol(page, tensor, place),), _SIZE, tensor.name)
    return (
        f'<g class="quantity {tensor.role}" data-symbol="{tensor.name}" data-unit="{entry}" '
        f'data-say="{_WORDS.get(Role(tensor.role), tensor.role)}"{drag}>'
        f'<rect class="behind" x="1.5" y="{at * _ROW + 3}" height="{_ROW}" rx="2"/>'
        f'<text x="4" y="{at * _ROW + 15}">{symbol}</text>'
        f'<text class="value" data-value="{entry}" y="{at * _ROW + 15}"/></g>'
    )


def _constant(number: int) -> str:
    return (
        f'<g class="constant" id="unit-{number}-one" data-column="{number}" role="img" '
        'aria-label="constant 1"><circle class="node" r="9"/>'
        '<text y="4">1</text></g>'
    )


def _lines(live: Live, number: int) -> Iterator[str]:
    """The lines into a column: one for each weight, or from each output to the error."""
    after, before = live.places(number), live.places(number - 1)
    ends = [(to, start) for to in range(len(after)) for start in range(len(before))]
    source, target = live.tensors(number - 1), live.tensors(number)[0].name
    if number > len(live.layers):
        reads = f'data-from="{_output(live, number - 1)}" data-to="{target}"'
        yield from (f'<path class="line" {reads} data-ends="{number - 1}-{b} {number}-{a}"/>' for a, b in ends)
        return
    layer = live.layers[number - 1]
    reads = f'data-from="{source[0].name if number == 1 else _output(live, number - 1)}" data-to="{target}"'
    for to, start in ends:
        yield _line(layer.weight, (*after[to], *before[start]), reads, f"{number - 1}-{start} {number}-{to}")
    if _has_constant(layer):
        parameter, rest = (layer.weight, (0,)) if layer.bias is None else (layer.bias, ())
        for to, place in enumerate(after):
            yield _line(parameter, (*place, *rest), reads, f"{number - 1}-one {number}-{to}")


def _output(live: Live, number: int) -> str:
    return live.layers[number - 1].output.name


def _line(parameter: Tensor, entry: tuple[int, ...], reads: str, ends: str) -> str:
    return (
        f'<path class="line" data-symbol="{parameter.name}" data-weight="{parameter.name}:{key(entry)}" '
        f'{reads} data-ends="{ends}"/>'
    )


def _caption(live: Live, number: int) -> str:
    network = live.derivation.network
    assert network is not None
    if number == 0:
        words = ["inputs"]
    elif number > len(live.layers):
        words = ["loss", *wrapped(loss(network.loss).phrase, 14)]
    else:
        layer = live.layers[number - 1]
        words = ["outputs" if number == len(live.layers) else f"layer {number}", layer.function.replace("_", " ")]
    spans = "".join(f"<tspan>{escape(word)}</tspan>" for word in words if word)
    return f'<text class="caption" data-column="{number}">{spans}</text>'
