"""The network at the top of the page: its numbers can be changed, and the derived equations compute all others.

The script of the page runs functions printed from the program. What it needs to know of the network is in its facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from itertools import product, takewhile
from math import floor, log10
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sympy import KroneckerDelta, Mul

from derive.calculus.chain_rule import LocalDerivative
from derive.calculus.index import Axis, Tensor
from derive.document.blocks import Item
from derive.drawing.layers import Layer
from derive.drawing.live import Live, live_svg
from derive.drawing.names import entry_symbol, key
from derive.drawing.reach import Entry, Place, step
from derive.files.templates import fill
from derive.formats.html_walk import walk
from derive.learning.optimizers import LEARNING_RATE
from derive.paper.boxes import Box
from derive.paper.mathml import mathml
from derive.paper.text import text
from derive.record import record
from derive.targets.js.js import source
from derive.targets.named import first_samples, in_axes

if TYPE_CHECKING:
    from derive.document.view import View
    from derive.worked.given import Start

#: The functions of the script, and the stages of the program that they compute.
FUNCTIONS = {"forward": ("forward", "error"), "backward": ("factor", "gradient"), "update": ("update",)}
#: Small digits below a symbol in plain text.
_BELOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
#: The seeds of the numbers; with the first, the error of a small network is large enough to fall visibly.
_SEEDS = range(2, 8)


@record
class LivePart:
    """The live part of a page: its section in HTML, its script, and the facts for it."""

    view: View
    live: Live

    @cached_property
    def start(self) -> Start:
        """The numbers of the worked example, or else numbers drawn for one sample."""
        if self.view.example is not None:
            return self.view.example.start
        from derive.worked.given import Numbers, settled

        drawn = [settled(Numbers({"seed": s}), self.view.derivation) for s in _SEEDS]
        tensors = self.view.batch.tensors
        alone = [
            replace(s, data={n: first_samples(tensors[n], a, 1) for n, a in s.data.items()}, samples=1) for s in drawn
        ]
        return max(alone, key=lambda start: _moving(self.view.derivation.numpy_target.module, start))

    def section(self, write: Callable[[Item, bool], str]) -> str:
        """Write the section, hidden until the script has run; ``write`` writes an equation."""
        page, error = self.live.page, self.view.derivation.forward.error.target
        parameters = self.view.batch.parameters
        return fill(
            "html/live.html.jinja",
            rate=(LEARNING_RATE.name, _math(page.symbol(LEARNING_RATE))),
            error=(error.name, _math(page.symbol(error, whole=True))),
            step=_finer(self.start.learning_rate),
            method=self._method,
            samples=self.start.samples,
            drawing=live_svg(self.live),
            walk=walk(self.view, write, drawn=False, words=self._batch),
            fixed=self.start.fixed,
            data=_data(self.live),
            tables=[_table(self.live, layer) for layer in self.live.layers],
            weights=[
                (_entry(p, e), _typed(entry_symbol(page, p, e)), _words(p, self.live, e))
                for p in parameters
                for e in _places(p)
            ],
            signs=dict(_signs(self.view, self.live)),
        )

    @property
    def _batch(self) -> str:
        """What the equations for a batch have to do with the numbers shown."""
        count = self.start.samples
        samples = "one sample, so each matrix has one column" if count == 1 else f"{count} samples, one in each column"
        return f" The equations are those for a batch, here of {samples}."

    @property
    def _method(self) -> str:
        """What a step does, after "one step of"."""
        descent = self.view.descent
        name = "gradient descent" if descent.optimizer.is_plain else descent.optimizer.title
        clipped = "" if descent.limit is None else ", with clipped gradients"
        return name + clipped + (f", with the schedule {descent.schedule.name}" if descent.timed else "")

    @property
    def script(self) -> str:
        """The functions that the page runs: the program and the local derivatives in JavaScript."""
        return source(self.view.batch, FUNCTIONS, _edges(self.view))

    @property
    def facts(self) -> dict[str, Any]:
        """The given numbers, and what the script must know of tensors and their chains."""
        program, edges, update = self.view.batch, _edges(self.view), self.view.batch.stage("update")
        gradients, fixed = program.stage("gradient"), self.start.fixed
        on_paths = [*program.parameters, *(s.target for s in program.stage("forward", "error"))]
        return {
            "given": self._given(),
            "sizes": {"m": self.start.samples},
            "axes": {t.name: "".join("s" if a.sample else "u" for a in t.axes) for t in program.tensors.values()},
            "next": {
                s.target.name: about.name for s in update if (about := s.target.replaces) and about.name not in fixed
            },
            "gradients": {s.target.about.name: s.target.name for s in gradients if s.target.about},
            "backward": [s.target.name for s in (*program.stage("factor"), *gradients)],
            "error": self.view.derivation.forward.error.target.name,
            "shown": [layer.output.name for layer in self.live.layers],
            "factors": _factors(self.view),
            "ways": dict(_ways(edges, on_paths)),
            "copies": [_name(e) for e in edges if _is_copy(e)],
        }

    def _given(self) -> dict[str, Any]:
        program, start = self.view.batch, self.start
        stored = {**start.data, **start.parameters}
        stored |= {
            s.name: np.full([int(a.extent) for a in s.axes], float(program.starts.get(s.name, 0)))
            for s in program.states
        }
        tensors = program.tensors
        entries = {name: _counted(tensors[name], in_axes(tensors[name], array)) for name, array in stored.items()}
        constants = {name: float(value) for name, value in program.constants.items()}
        return {**entries, **constants, LEARNING_RATE.name: start.learning_rate}


def _moving(module: Any, start: Start) -> int:
    """The number of gradients that are not zero: few where units do not react, as with a relu."""
    slopes = module.gradients(start.parameters, *start.data.values())
    return sum(int(np.count_nonzero(slope)) for slope in slopes.values())


def _counted(tensor: Tensor, value: NDArray[np.float64], depth: int = 0) -> Any:
    """The entries with the indices of the equations: a place before the first is empty."""
    if depth == len(tensor.axes):
        return float(value)
    return [None] * tensor.axes[depth].start + [_counted(tensor, v, depth + 1) for v in value]


# ------------------------------------------------------------ chains


def _edges(view: View) -> list[LocalDerivative]:
    """Every local derivative on a path from a parameter to the error."""
    return [edge for edges in view.derivation.chains.edges.values() for edge in edges]


def _ways(edges: Iterable[LocalDerivative], tensors: Iterable[Tensor]) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield each entry with the local derivatives that lead from it, and the entry that each leads to."""
    for tensor in tensors:
        into = [edge for edge in edges if edge.wrt.name == tensor.name]
        for place in _places(tensor):
            ends = [(edge, end) for edge in into for end in sorted({e for n in step(edge, place) for e in _each(n)})]
            if ends:
                yield _entry(tensor, place), [[_name(edge), _entry(edge.of, end)] for edge, end in ends]


def _each(entry: Entry) -> Iterator[tuple[int, ...]]:
    """The entries that a place along each axis denotes: a number, or all numbers."""
    return product(*(_numbers(place) if isinstance(place, Axis) else _one(place) for place in entry))


def _one(place: Place) -> tuple[int, ...]:
    assert isinstance(place, int)
    return (place,)


def _name(edge: LocalDerivative) -> str:
    return f"{edge.of.name}/{edge.wrt.name}"


def _is_copy(edge: LocalDerivative) -> bool:
    """Whether a local derivative is 1 between equal entries and 0 elsewhere."""
    return all(isinstance(factor, KroneckerDelta) for factor in Mul.make_args(edge.value))


def _factors(view: View) -> dict[str, str]:
    """The shared factors that are derivatives of the error, by the tensor with respect to which they are."""
    program = view.batch
    if program.common != 1:
        return {}
    return {p.tensor.name: p.name.name for p in program.passages if p.name is not None}


# ------------------------------------------------------------ tables


def _signs(view: View, live: Live) -> Iterator[tuple[str, str]]:
    """Yield the symbols that the script copies: of local derivatives, and of the entries on the paths."""
    page, error = view.page, view.derivation.forward.error.target
    yield error.name, _math(page.error())
    for edge in _edges(view):
        of, wrt = (page.symbol(tensor, whole=True) for tensor in (edge.of, edge.wrt))
        yield _name(edge), _math(view.local_slope(edge, of, wrt))
    units = [t for number in range(1, len(live.layers) + 1) for t in live.tensors(number) if not t.is_data]
    for tensor in (*units, *view.single.parameters):
        yield from ((_entry(tensor, place), _math(entry_symbol(page, tensor, place))) for place in _places(tensor))


def _math(symbol: Box) -> str:
    return f"<math>{mathml(symbol)}</math>"


def _entry(tensor: Tensor, place: tuple[int, ...]) -> str:
    return f"{tensor.name}:{key(place)}"


def _places(tensor: Tensor) -> Iterator[tuple[int, ...]]:
    """The entries of a tensor for one sample."""
    return product(*(_numbers(axis) for axis in tensor.axes if not axis.sample))


def _numbers(axis: Axis) -> range:
    return range(axis.start, int(axis.stop) + 1)


def _typed(symbol: Box) -> str:
    """An entry in plain text, with its indices as subscripts."""
    stem, _, below = text(symbol).partition("_")
    indices = "".join(takewhile(str.isdigit, below))
    return stem + indices.translate(_BELOW) + below.removeprefix(indices)


def _finer(rate: float) -> float:
    """A tenth of the power of ten of a learning rate: what an arrow key changes it by."""
    return float(f"1e{floor(log10(rate)) - 1}") if rate else 0.01


def _data(live: Live) -> list[tuple[str, str, str]]:
    """The inputs and the targets: symbol, entry, and name in words."""
    inputs = live.derivation.forward.inputs
    return [
        (_math(entry_symbol(live.page, t, p)), _entry(t, p), " ".join(map(str, (t.role, *p))))
        for t in inputs
        for p in _places(t)
    ]


def _table(live: Live, layer: Layer) -> dict[str, Any]:
    """The table of a layer: a row for each unit, a column for each unit that it reads, and one for the bias."""
    page = live.page
    columns: list[tuple[str, Tensor, tuple[int, ...]]] = [
        (_math(entry_symbol(page, layer.source, (n,))) if n else "1", layer.weight, (n,))
        for n in _numbers(layer.weight.axes[1])
    ]
    parameters = [layer.weight]
    if layer.bias is not None:
        parameters.append(layer.bias)
        columns.append(("1", layer.bias, ()))
    slopes = {s.target.about: s.target.name for s in live.derivation.program.stage("gradient")}
    return {
        "caption": f"layer {live.layers.index(layer) + 1}: "
        + ", ".join(_math(page.symbol(p, whole=True)) for p in parameters),
        "head": [head for head, *_ in columns],
        "rows": [
            (
                _math(entry_symbol(page, layer.sum, row)),
                [
                    (_entry(p, e), f"{slopes[p]}:{key(e)}", _words(p, live, e))
                    for p, e in ((p, (*row, *rest)) for _, p, rest in columns)
                ],
            )
            for row in _places(layer.sum)
        ],
    }


def _words(parameter: Tensor, live: Live, place: tuple[int, ...]) -> str:
    """A weight or a bias in words."""
    layer = next(n for n, one in enumerate(live.layers, start=1) if parameter in (one.weight, one.bias))
    unit = f"unit {place[0]} of layer {layer}"
    if len(place) == 1:
        return f"bias of {unit}"
    before = f"input {place[1]}" if layer == 1 else f"unit {place[1]} of layer {layer - 1}"
    return f"weight from {before if place[1] else 'the constant 1'} to {unit}"
