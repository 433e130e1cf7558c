"""A network as a text of equations, which is read as a statement."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache, cached_property
from typing import Any

from sympy import Rational, sympify

from derive.calculus.forward import ForwardPass
from derive.calculus.index import SAMPLE_AXIS, IndexSupply, Tensor
from derive.calculus.properties import Values, values_of
from derive.calculus.roles import Role
from derive.catalogue.activations import ACTIVATIONS, activation, titles
from derive.catalogue.biases import BIASES
from derive.catalogue.losses import loss
from derive.record import record
from derive.statement.keys import LAYERS_FOLDER, Widths, is_layer
from derive.statement.language.blocks import Expansion
from derive.statement.language.build import TextReader
from derive.statement.language.files import load_from
from derive.statement.language.lines import Block, Line, Stated
from derive.statement.language.meanings import ELEMENTARY
from derive.statement.language.syntax import Call, Name, nodes, parse
from derive.statement.own import VARIABLES, Own, own
from derive.statement.stated import StatementBuilder
from derive.text.entry_text import base_name, number_text, split_entries
from derive.text.errors import SpecError
from derive.text.source import Misread, Piece, Place, TextError
from derive.text.user_text import shown, width

#: The name of a function while its formula is checked.
_TRIAL = "activation"
#: The roles of the tensors of dense layers, by the letters in the text.
_ROLES = {
    "W": Role.WEIGHT,
    "b": Role.BIAS,
    "x": Role.AUGMENTED,
    "z": Role.PREACTIVATION,
    "a": Role.ACTIVATION,
}
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

    def call(self, before: str, units: int | str, functions: Mapping[str, str]) -> str:
        """The call of the block with the tensor before and its width; functions have the names in a text."""
        width = [str(units)] if self._takes_width else []
        given = zip(self.given, self.named, strict=True)
        texts = [
            f"{name} = {functions[text]}" if name in self.functions and text in functions else whole
            for whole, (name, text) in given
        ]
        return f"{self.block.name.name}({', '.join([before, *width, *texts])})"

    @property
    def called(self) -> tuple[str, ...]:
        """What is given for functions."""
        return tuple(text for name, text in self.named if name in self.functions)

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
                found += _names(text)
        return tuple(dict.fromkeys(found))


@cache
def layer(entry: str, where: str = "layers") -> Layer:
    """Return the layer of the catalogue that an entry calls.

    Raises SpecError if it needs more than the units of the layer before, or if its arguments cannot be read.
    """
    name = base_name(entry)
    expansion = Expansion(f"use {name}", load_from(LAYERS_FOLDER))
    block = expansion.blocks(Place(1, 1))[name]
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
    except Misread as problem:
        raise SpecError(f"{where} is {shown(entry)}: {problem.message}") from None
    return found


def _axes(expansion: Expansion, block: Block) -> int | None:
    """The number of axes of the only result of a block; None if it has several results."""
    if len(block.results) != 1:
        return None
    result = block.results[0].name
    for line in block.lines:
        called = expansion.called(line)
        if called is not None and result in [name.name for name in called[0]]:
            return _axes(expansion, expansion.blocks(called[1].place)[called[1].name])
        if isinstance(line, Stated) and line.name.name == result:
            return len(line.indices)
    return None


def _is_called(expansion: Expansion, block: Block, argument: str) -> bool:
    """Whether an argument of a block stands for a function."""
    return any(_calls(expansion, line, argument) for line in block.lines)


def _calls(expansion: Expansion, line: Line, argument: str) -> bool:
    called = expansion.called(line)
    if called is None:
        inside = nodes(line.formula) if isinstance(line, Stated) else ()
        return any(isinstance(node, Call) and node.name == argument for node in inside)
    inner = expansion.blocks(called[1].place)[called[1].name]
    pairs = zip(inner.arguments, called[1].arguments, strict=False)
    names = [name.name for (name, _), given in pairs if isinstance(given, Name) and given.name == argument]
    return any(_is_called(expansion, inner, name) for name in names)


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
    text = [*_sizes([*called.sizes, *_names(str(before))]), f"use {base_name(entry)}", f"input x[{before}]"]
    use = called.call("x", before, dict.fromkeys(called.called, "identity"))
    reader = TextReader("\n".join([*text, f"o = {use}"]), load_from(LAYERS_FOLDER), error=False)
    try:
        reader.state(StatementBuilder())
    except TextError as problem:
        raise SpecError(f"{where} is {shown(entry)}: {problem.problems[0][1]}") from None
    extent = reader.values["o"].axes[0].extent
    return int(extent) if extent.is_Integer else str(extent)


def _sizes(names: Iterable[str]) -> list[str]:
    return [f"size {name}" for name in sorted(set(names))]


# Formulas of the user.


def check_functions(layers: Widths, named: Iterable[Own]) -> None:
    """Raise SpecError for an argument of a layer that stands for a function and is none of numbers."""
    for position, entry in enumerate(layers, 1):
        for text in layer(str(entry), _where(position)).called if is_layer(entry) else ():
            _check_function(text, named, f"{_where(position)} is {entry}")


def _check_function(text: str, named: Iterable[Own], where: str) -> None:
    stated = own("activation", text, named)
    if stated is not None:
        check_activation(stated, f"{where}: activation")
    elif text not in ELEMENTARY:
        try:
            chosen = activation(text)
        except SpecError as problem:
            raise SpecError(f"{where}: {problem}") from None
        if not chosen.elementwise:
            raise SpecError(f"{where}: {text} mixes the units, where a function of numbers is expected, such as tanh")


@cache
def check_activation(stated: Own, where: str) -> None:
    """Raise SpecError, with the column in the formula, for a formula that is no function of a number."""
    where = f"{where} {shown(str(stated))}"
    if stated.variable not in stated.words:
        raise SpecError(f"{where} does not read x")
    used = ", ".join(["X[i]", *(name for name, _ in stated.parameters)])
    after = ["input X[2]", *_parameters(stated), f"value[i] = {_TRIAL}({used})"]
    reader = _read([], f"function {_TRIAL}({stated.arguments}) = ", stated, after, where, False)
    starts = [sympify(Fraction(repr(start))) for _, start in stated.parameters]
    for point in (-2, Rational(-1, 2), Rational(1, 2), 2):
        value = reader.values[_TRIAL](Call(_TRIAL, (), (), Place(1, 1)), [sympify(point), *starts])
        if not value.evalf().is_real:
            raise SpecError(f"{where} has no value at {stated.variable} = {point}: it needs one for any number")


@cache
def check_loss(stated: Own, outputs: int | str) -> None:
    """Raise SpecError, with the column in the formula, for a formula that is no loss of these outputs."""
    where = f"loss {shown(str(stated))}"
    missing = [name for name in VARIABLES["loss"] if name not in stated.words]
    if missing:
        raise SpecError(f"{where} does not read {missing[0]}: it compares the targets y with the outputs yhat")
    before = [*_sizes(_names(str(outputs))), f"input X[{outputs}]", f"target y[{outputs}]", f"parameter W[{outputs}]"]
    before += ["yhat[i] = W[i] * X[i]", *_parameters(stated)]
    _read(before, "E = ", stated, [], where, True)


def _read(before: list[str], left: str, stated: Own, after: list[str], where: str, error: bool) -> TextReader:
    """Read a text with a formula in one line of it."""
    if "#" in stated.formula:
        raise SpecError(f"{where}, column {stated.formula.index('#') + 1}: the character # has no place in a formula")
    text = "\n".join([*before, f"{left}{stated.formula}", *after])
    try:
        reader = TextReader(text, error=error)
        reader.state(StatementBuilder())
    except TextError as found:
        place, message = found.problems[0]
        at = f", column {max(1, place.column - len(left))}" if place.line == len(before) + 1 else ""
        raise SpecError(f"{where}{at}: {message}") from None
    return reader


def _given(function: Any) -> str:
    """What the text calls a function of the catalogue: a name that no formula of the user can read."""
    return f"_{function.title}"


def _parameters(stated: Own) -> list[str]:
    return [f"parameter {name} = {_number(start)}" for name, start in stated.parameters]


def _number(value: float) -> str:
    return number_text(Fraction(repr(value)))


def _names(formula: str) -> list[str]:
    return [node.name for node in nodes(parse(Piece(formula, Place(1, 1)))) if isinstance(node, Name)]


# The text.


@record
class Layered:
    """What the text of a network is composed of: the fields of a ``Network``, and how it learns.

    Activations and the loss are entries of the catalogue or formulas; ``named`` are formulas that layers may name.
    """

    layers: Widths
    activation: tuple[str | Own, ...]
    bias: str
    loss: str | Own
    learning: Mapping[str, Any]
    named: tuple[Own, ...] = ()

    @property
    def text(self) -> str:
        """The text; entry l of the layers, counted from 0, computes ``a{l}``.

        With a formula for the loss, its names are those of the target and of the last tensor, and the text has the
        error. It has none with a loss of the catalogue.
        """
        names = [name for _, name in names_in(self.layers)]
        widths = widths_of(self.layers)
        used = dict.fromkeys(base_name(str(entry)) for entry in self.layers if is_layer(entry))
        lines = [*_sizes(names), *([f"use {', '.join(used)}"] if used else [])]
        targets = loss(self.loss).targets_for(widths[-1]) if isinstance(self.loss, str) else widths[-1]
        lines += [f"input X[{widths[0]}]", f"target {self.target}[{targets}]"]
        lines += [f"function {name}({o.arguments}) = {o.formula}" for name, o in self._formulas.values()]
        i, j = (index.name for index in IndexSupply(taken=names).several((SAMPLE_AXIS, SAMPLE_AXIS)))
        sizes = itertools.chain("nchkpq", (f"n{number}" for number in itertools.count(1)))
        holes = {"i": i, "j": j, "size": next(name for name in sizes if name not in names)}
        applied = {text: _given(function) for text, function in self._chosen.items()}
        further = {text: ", ".join(name for name, _ in o.parameters) for text, (_, o) in self._formulas.items()}
        applied |= {
            text: name + f"({further[text]})" * bool(further[text]) for text, (name, _) in self._formulas.items()
        }
        uses, activations, before = list[str](), iter(self.activation), "X"
        for number, entry in enumerate(self.layers[1:], 1):
            inputs = widths[number - 1]
            if is_layer(entry):
                of, learned = layer(str(entry)), self._learned(str(entry))
                called = of.call(before, inputs, applied)
                if learned:
                    use = f"o = {of.call('x', inputs, applied)}"
                    lines += [f"block layer{number}(x)", *(f"  {line}" for line in (*learned, use)), "end"]
                    called = f"layer{number}({before})"
            else:
                holes |= {"n": str(number) if self.is_dense else "", "before": str(number - 1)}
                holes |= {"inputs": str(inputs), "units": str(entry)}
                stated = [*BIASES[self.bias].lines, *self._applied(next(activations))]
                lines += [f"block layer{number}(x)", *(line.format(**holes) for line in stated), "end"]
                called = f"layer{number}({before})"
            before = f"a{number}" if number < len(self.layers) - 1 else self.prediction
            uses.append(f"{before} = {called}")
        if isinstance(self.loss, Own):
            uses += [*_parameters(self.loss), f"E = {self.loss.formula}"]
        return "\n".join([*lines, *uses, ""])

    def _applied(self, function: str | Own) -> list[str]:
        """The lines that apply a function to the weighted sums of a dense layer, with holes as those of a bias."""
        if isinstance(function, Own):
            arguments = ", ".join(["z{n}[{i}]", *(name for name, _ in function.parameters)])
            return [*_parameters(function), f"a[{{i}}] = {self._formulas[str(function)][0]}({arguments})"]
        if function == "identity" and not self.is_dense:
            return []
        chosen = self._chosen.get(function)
        value = f"{function}(z{{n}}[{{i}}], {{i}})" if chosen is None else f"{_given(chosen)}(z{{n}}[{{i}}])"
        return [f"a[{{i}}] = {value}"]

    @property
    def is_dense(self) -> bool:
        """Whether all layers are dense."""
        return not any(map(is_layer, self.layers))

    @property
    def target(self) -> str:
        """The name of the target."""
        return "y" if isinstance(self.loss, Own) else "Y"

    @property
    def prediction(self) -> str:
        """The name of what the last layer computes."""
        return "yhat" if isinstance(self.loss, Own) else f"a{len(self.layers) - 1}"

    @cached_property
    def _called(self) -> list[str]:
        """The texts of the functions that layers of the catalogue are given."""
        return [text for entry in filter(is_layer, self.layers) for text in layer(str(entry)).called]

    @cached_property
    def _formulas(self) -> dict[str, tuple[str, Own]]:
        """The name and the formula of each function that is not one of the catalogue, by its text in the network."""
        stated = [*self.activation, *(own("activation", text, self.named) for text in self._called)]
        found = {str(o): o for o in stated if isinstance(o, Own)}
        plain = [text for text, o in found.items() if not o.name]
        names = {text: "f" if len(plain) == 1 else f"f{number}" for number, text in enumerate(plain, 1)}
        return {text: (names.get(text, o.name), o) for text, o in found.items()}

    @cached_property
    def _chosen(self) -> dict[str, Any]:
        """The functions of numbers of the catalogue, by their texts in the network."""
        others = (text for text in self._called if own("activation", text, self.named) is None)
        texts = [text for text in (*self.activation, *others) if isinstance(text, str)]
        known = {text: activation(text) for text in texts if text in ACTIVATIONS or text not in ELEMENTARY}
        found = {text: one for text, one in known.items() if one.elementwise}
        names = titles(one.text for one in found.values())
        return {text: one.applied(names[one.text]) for text, one in found.items()}

    def _learned(self, entry: str) -> list[str]:
        """The lines that declare the learned parameters of the functions that a layer is given, each once."""
        stated = (own("activation", text, self.named) for text in layer(entry).called)
        return [*dict.fromkeys(line for o in stated if o is not None for line in _parameters(o))]

    def forward_pass(self) -> ForwardPass:
        """Return the forward equations. Raises SpecError for names that clash."""
        statement = StatementBuilder(**self.learning)
        try:
            reader = TextReader(self.text, load_from(LAYERS_FOLDER), error=isinstance(self.loss, Own))
            reader.tex = {o.name: o.latex for o in self.named if o.latex}
            for function in self._chosen.values():
                reader.give(_given(function), function)
            reader.state(statement)
        except TextError as problem:
            raise SpecError(problem.problems[0][1]) from None
        if isinstance(self.loss, str):
            statement.loss(self.loss, reader.values[self.target], reader.values[self.prediction])
        forward = statement.forward_pass()
        return self._numbered(forward) if self.is_dense else forward

    def _numbered(self, forward: ForwardPass) -> ForwardPass:
        """Give the tensors of dense layers their roles and the numbers of their layers, for the documents."""
        known = {f"{letter}{n}": (role, n) for letter, role in _ROLES.items() for n in range(len(self.layers))}
        known[self.prediction] = (Role.PREDICTION, len(self.layers) - 1)

        def numbered(tensor: Tensor) -> Tensor:
            role, number = known.get(tensor.name, (tensor.role, tensor.layer))
            return replace(tensor, role=str(role), layer=number)

        equations = tuple(replace(e, target=numbered(e.target)) for e in forward.equations)
        return replace(forward, equations=equations, parameters=tuple(map(numbered, forward.parameters)))

    @property
    def values(self) -> Values | None:
        """The proved property of what the last layer computes, or None."""
        return values_of(self.forward_pass().equations[-2])
