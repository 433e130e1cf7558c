"""A network with layers of the catalogue: it is composed as a text of equations, which is read as a statement."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from functools import cache

from derive.calculus.forward import ForwardPass
from derive.calculus.properties import Values, values_of
from derive.catalogue.activations import activation
from derive.record import record
from derive.statement.keys import LAYERS, Widths, is_layer
from derive.statement.language.blocks import Expansion
from derive.statement.language.build import TextReader
from derive.statement.language.files import load_from
from derive.statement.language.formulas import ELEMENTARY
from derive.statement.language.lines import Block, Line, Stated
from derive.statement.language.syntax import Call, Name, Node, parse, parts
from derive.statement.specification import Learning
from derive.statement.stated import StatementBuilder
from derive.text.entry_text import base_name, split_entries
from derive.text.errors import SpecError
from derive.text.source import Misread, Piece, Place, TextError
from derive.text.user_text import shown, width

#: Index letters; one that is a width's name is left out.
_LETTERS = "ijklpqr"
_OPTION = re.compile(r"([A-Za-z_]\w*)\s*=(?!=)\s*(.*)")


@record
class Layer:
    """An entry of the layers of a network: its block, and the texts of the arguments that are given.

    ``functions`` are the names of the arguments that stand for functions.
    """

    entry: str
    block: Block
    given: tuple[str, ...]
    functions: frozenset[str]

    def call(self, before: str, units: int | str) -> str:
        """The call of the block with the tensor before and its width."""
        return (
            f"{self.block.name.name}({', '.join([before, *([str(units)] if self._takes_width else []), *self.given])})"
        )

    @property
    def _takes_width(self) -> bool:
        return [name.name for name, _ in self.block.arguments[1:2]] == ["n"]

    @property
    def named(self) -> list[tuple[str, str]]:
        """The arguments that are given, by their names; one beyond the last has none."""
        names = itertools.chain(self._free, itertools.repeat(""))
        split = [_OPTION.fullmatch(text) for text in self.given]
        return [(o[1], o[2]) if o else (next(names), text) for o, text in zip(split, self.given, strict=True)]

    @property
    def _free(self) -> list[str]:
        """The names of the arguments after the tensor and its width."""
        return [name.name for name, _ in self.block.arguments[1 + self._takes_width :]]

    @property
    def sizes(self) -> tuple[str, ...]:
        """The names of widths in the arguments."""
        found: list[str] = []
        for name, text in self.named:
            if name not in self.functions:
                node = parse(Piece(text, Place(1, 1)))
                found += [part.name for part in _nodes(node) if isinstance(part, Name)]
        return tuple(dict.fromkeys(found))


@cache
def layer(entry: str, where: str = "layers") -> Layer:
    """Return the layer of the catalogue that an entry calls.

    Raises SpecError if it needs more than the units of the layer before, or if its arguments cannot be read.
    """
    name = base_name(entry)
    expansion = Expansion(f"use {name}", load_from(LAYERS))
    block = expansion.blocks[name]
    first, *others = [argument.name for argument, _ in block.arguments]
    if (
        not expansion.arity(block, first)
        or any(expansion.arity(block, other) for other in others)
        or _axes(expansion, block) != 1
    ):
        signature = f"{name}({', '.join([first, *others])})"
        raise SpecError(
            f"{where}: {signature} needs more than the units of the layer before: state the network in a text with "
            f"`use {name}`, and derive it with `derive equations`"
        )
    given = entry[len(name) :].removeprefix("(").removesuffix(")")
    functions = frozenset(other for other in others if _is_called(expansion, block, other))
    found = Layer(entry, block, split_entries(given) if given else (), functions)
    try:
        for size in found.sizes:
            width(size, f"{where} is {entry}: its argument")
        for argument, text in found.named:
            if argument in functions and text not in ELEMENTARY:
                _check_function(text, f"{where} is {entry}")
    except Misread as problem:
        raise SpecError(f"{where} is {shown(entry)}: {problem.message}") from None
    return found


def _check_function(text: str, where: str) -> None:
    """Raise SpecError for what is no function of numbers."""
    try:
        chosen = activation(text)
    except SpecError as problem:
        raise SpecError(f"{where}: {problem}") from None
    if not chosen.elementwise:
        raise SpecError(f"{where}: {text} mixes the units, where a function of numbers is expected, such as tanh")


def _axes(expansion: Expansion, block: Block) -> int | None:
    """The number of axes of the only result of a block; None if it has several results."""
    if len(block.results) != 1:
        return None
    result = block.results[0].name
    for line in block.lines:
        called = expansion.called(line)
        if called is not None and result in [name.name for name in called[0]]:
            return _axes(expansion, expansion.blocks[called[1].name])
        if isinstance(line, Stated) and line.name.name == result:
            return len(line.indices)
    return None


def _is_called(expansion: Expansion, block: Block, argument: str) -> bool:
    """Whether an argument of a block stands for a function."""
    return any(_calls(expansion, line, argument) for line in block.lines)


def _calls(expansion: Expansion, line: Line, argument: str) -> bool:
    called = expansion.called(line)
    if called is None:
        nodes = _nodes(line.formula) if isinstance(line, Stated) else ()
        return any(isinstance(node, Call) and node.name == argument for node in nodes)
    inner = expansion.blocks[called[1].name]
    pairs = zip(inner.arguments, called[1].arguments, strict=False)
    names = [name.name for (name, _), given in pairs if isinstance(given, Name) and given.name == argument]
    return any(_is_called(expansion, inner, name) for name in names)


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for part in parts(node):
        yield from _nodes(part)


def names_in(layers: Widths) -> list[tuple[int, str]]:
    """The names of widths, each with the position of its entry from 1."""
    found = list[tuple[int, str]]()
    for position, entry in enumerate(layers, 1):
        if isinstance(entry, str):
            names = layer(entry, _where(position)).sizes if is_layer(entry) else (entry,)
            found += [(position, name) for name in names]
    return found


def widths_of(layers: Widths) -> Widths:
    """Return the width after each entry: its own, or that of what its layer computes.

    Raises SpecError, which names the entry, for a layer whose arguments do not fit.
    """
    found: list[int | str] = []
    for position, entry in enumerate(layers, 1):
        found.append(_computed(str(entry), found[-1], _where(position)) if is_layer(entry) else entry)
    return tuple(found)


def _where(position: int) -> str:
    return f"layers: entry {position}"


@cache
def _computed(entry: str, before: int | str, where: str) -> int | str:
    """The width of what a layer computes from ``before`` units."""
    called = layer(entry, where)
    before_names = [n.name for n in _nodes(parse(Piece(str(before), Place(1, 1)))) if isinstance(n, Name)]
    text = [*_sizes([*called.sizes, *before_names]), f"use {base_name(entry)}", f"input x[{before}]"]
    reader = TextReader("\n".join([*text, f"o = {called.call('x', before)}"]), load_from(LAYERS), error=False)
    try:
        reader.state(StatementBuilder())
    except TextError as problem:
        raise SpecError(f"{where} is {shown(entry)}: {problem.problems[0][1]}") from None
    extent = reader.values["o"].axes[0].extent
    return int(extent) if extent.is_Integer else str(extent)


def _sizes(names: Iterable[str]) -> list[str]:
    declared = ", ".join(sorted(set(names)))
    return [f"size {declared}"] if declared else []


# The text.


@record
class Layered:
    """What the text of a network is composed of: the fields of a ``Network``, and how it learns."""

    layers: Widths
    activation: tuple[str, ...]
    bias: str
    loss: str
    learning: Learning

    @property
    def text(self) -> str:
        """The text without the error; entry l of the layers, counted from 0, computes ``a{l}``."""
        names = [name for _, name in names_in(self.layers)]
        widths = widths_of(self.layers)
        used = dict.fromkeys(base_name(str(entry)) for entry in self.layers if is_layer(entry))
        head = [*_sizes(names), f"use {', '.join(used)}", f"input X[{widths[0]}]", f"target Y[{widths[-1]}]"]
        i, j = [letter for letter in _LETTERS if letter not in names][:2]
        blocks, uses, activations = list[str](), list[str](), iter(self.activation)
        before = "X"
        for number, entry in enumerate(self.layers[1:], 1):
            inputs = widths[number - 1]
            if is_layer(entry):
                called = layer(str(entry)).call(before, inputs)
            else:
                blocks += _dense(f"layer{number}", inputs, entry, self.bias, next(activations), i, j)
                called = f"layer{number}({before})"
            before = f"a{number}"
            uses.append(f"{before} = {called}")
        return "\n".join([*head, "", *blocks, *uses, ""])

    def forward_pass(self) -> ForwardPass:
        """Return the forward equations."""
        reader = TextReader(self.text, load_from(LAYERS), error=False)
        statement = StatementBuilder()
        statement.begin(self.learning)
        reader.state(statement)
        statement.loss(self.loss, reader.values["Y"], reader.values[f"a{len(self.layers) - 1}"])
        return statement.forward_pass()

    @property
    def values(self) -> Values | None:
        """The proved property of what the last layer computes, or None."""
        return values_of(self.forward_pass().equations[-2])


def _dense(name: str, inputs: int | str, units: int | str, bias: str, activation: str, i: str, j: str) -> list[str]:
    """The block of a dense layer; blocks number their tensors in the order of the layers."""
    offset = bias == "separate"
    function, _, options = activation.partition("(")
    applied = {
        "identity": [],
        "softmax": [f"  a[{i}] = softmax(z[{i}], {i})"],
    }.get(function, [f"  a[{i}] = {function}(z[{i}]{f', {options}' if options else ')'}"])
    return [
        f"block {name}(x)",
        f"  parameter W[{units}, {inputs}]{f', b[{units}]' if offset else ''}",
        f"  z[{i}] = sum(W[{i}, {j}] * x[{j}], {j}){f' + b[{i}]' if offset else ''}",
        *applied,
        "end",
        "",
    ]
