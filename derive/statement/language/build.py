"""A text becomes a statement, line by line; everything that is wrong in it is reported together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sympy import Expr, Symbol

from derive.calculus.functions import STOP, X, elementwise
from derive.calculus.index import Index
from derive.calculus.recurrence import CircleError
from derive.learning.descent import names_taken
from derive.statement.language.blocks import MAX_STEPS, Expansion, Frame, LinesReader, Loader, read_text_lines
from derive.statement.language.declare import Declarations
from derive.statement.language.definitions import Definition
from derive.statement.language.formulas import Formula, numbered
from derive.statement.language.lines import Declaration, Function, Option, Promise, Stated
from derive.statement.language.meanings import (
    RESERVED,
    Meanings,
    Scope,
    Unsound,
    Variable,
    described,
)
from derive.statement.language.syntax import Call, Name, Node, Over, Read, nodes
from derive.statement.quantities import Entries, Size
from derive.statement.specification import LEARNING, Learning
from derive.text.errors import SpecError, StatementError
from derive.text.known import misspelled
from derive.text.source import Misread, Place, TextError, universal
from derive.text.user_text import listed

if TYPE_CHECKING:
    from derive.statement.stated import StatementBuilder


class TextReader(Declarations):
    """Reads a text and states what it says; see docs/equations.md for the language.

    ``load`` returns the text of a file of blocks; ``source`` is the name of the file, for messages. A ``layer`` has no
    error: the derivative with respect to its last tensor is given, unless the text says of which others. Without
    ``error`` the text has none either, and it is stated afterwards. ``options`` are the learning options in the text.
    ``read`` reads its lines, by default as those of that language; those of ``declarations``, if it adds any, come
    after them. ``tex`` may say how LaTeX writes the names of functions.
    """

    def __init__(
        self,
        text: str,
        load: Loader | None = None,
        source: str = "",
        layer: bool = False,
        read: LinesReader = read_text_lines,
        declarations: str = "",
        error: bool = True,
    ) -> None:
        self.text, self.declarations = universal(text), universal(declarations)
        self.source, self.layer = source, layer
        self.expansion = Expansion(self.text, load, read)
        self.problems = self.expansion.problems
        self.frame = self.expansion.root
        self.values: dict[str, Any] = {}
        self.tex: dict[str, str] = {}
        self.unsound = {*self.expansion.broken}
        self.place = Place(1, 1)
        own = (line for line, frame in self.expansion.steps if frame is self.frame and isinstance(line, Stated))
        self.alone = any(isinstance(line, Declaration) and line.word == "backward" for line, _ in self.expansion.steps)
        self.error = next(reversed([*own]), None) if error and not (self.alone or layer) else None
        self.complete = self.alone or self.error is not None or not error
        self.options = self._options()

    def _options(self) -> dict[str, Any]:
        found = dict[str, Any]()
        for line, _ in self.expansion.steps:
            if not isinstance(line, Option):
                continue
            key, text = line.key.name, line.value.text
            if key not in LEARNING:
                meant = misspelled(key, LEARNING)
                hint = f"did you mean {meant}?" if meant else f"there are {listed(LEARNING)}"
                self._say(line.key.place, f"{key} is no option: {hint}")
                continue
            try:
                Learning(**dict[str, Any]({key: text}))
                found[key] = text
            except SpecError as problem:
                self._say(line.value.place, str(problem))
        return found

    def give(self, name: str, function: Any) -> None:
        """Let the text call an elementwise function that it does not state."""
        self.frame.names[name] = name
        self.values[name] = _applied(name, ["x"], function)

    def state(self, statement: StatementBuilder) -> None:
        """State all lines. Raises TextError with all that is wrong."""
        self.statement = statement
        self.expansion.avoid(names_taken(statement.learning.descent))
        for line, frame in self.expansion.steps if len(self.expansion.steps) <= MAX_STEPS else ():
            self.frame, self.place = frame, line.place
            self._lead(frame)
            try:
                for kind, state in _STATED.items():
                    if isinstance(line, kind):
                        state(self, line)
            except Unsound:
                self._unsound(line)
            except Misread as problem:
                self._say(problem.place, problem.message)
                self._unsound(line)
            except StatementError as problem:
                self._say(line.place, str(problem))
                self._unsound(line)
        if not self.problems:
            self._check_order(statement)
        if self.layer and not self.alone and not self.problems:
            self._give_last(statement)
        elif not self.complete and not self.problems:
            self._say(Place(1, 1), "the text has no equation: state at least what learning makes small")
        if self.problems:
            raise TextError(self.text, self.problems, self.source, self.declarations)

    def _check_order(self, statement: StatementBuilder) -> None:
        """Say where equations that read each other in a circle do so."""
        try:
            statement.check_order()
        except CircleError as circle:
            lines = {frame.names.get(x.name.name) for x, frame in self.expansion.steps if isinstance(x, Stated)}
            names = [name for name in circle.names if name in lines]  # what is stopped has no line of its own
            found = [self._read_at(*pair) for pair in zip(names, (*names[1:], *names[:1]), strict=True)]
            *read, first = (name for name, _ in found)
            place, *others = (place for _, place in found)
            places = [f" (line {p.line}, column {p.column})" if p else "" for p in others]
            self._say(place or Place(1, 1), CircleError((first, *read)).said(places))

    def _read_at(self, stated: str, read: str) -> tuple[str, Place | None]:
        """What the equation of a tensor calls another one that it reads, and where; no place if it has no name."""
        for line, frame in self.expansion.steps:
            if isinstance(line, Stated) and frame.names.get(line.name.name) == stated:
                self.frame = frame
                for node in (n for n in nodes(line.formula) if isinstance(n, Read | Name)):
                    value = self.value(node.name)
                    if isinstance(value, Entries) and value.name == read:
                        return node.name, frame.located(node.place, "")[0]
        return read, None

    def _unsound(self, line: Any) -> None:
        if isinstance(line, Declaration):
            names = [item.name.name for item in line.items]
        else:
            names = [line.name.name] if isinstance(line, Function | Stated) else []
        self.unsound |= {final for name in names if (final := self._final(name)) not in self.values}

    # Lines.

    def _give_last(self, statement: StatementBuilder) -> None:
        """Give the derivative with respect to the last tensor of a layer."""
        words = ((line, line.word) for line, _ in self.expansion.steps if isinstance(line, Declaration))
        if (target := next((line for line, word in words if word == "target"), None)) is not None:
            self._say(target.place, "a layer alone has no target: derive a text with an error by derive equations")
            return
        stated = [(line, frame) for line, frame in self.expansion.steps if isinstance(line, Stated)]
        if not stated:
            self._say(Place(1, 1), "the layer has no equation")
            return
        line, frame = stated[-1]
        try:
            statement.backward(self.values[frame.names[line.name.name]])
        except StatementError as problem:
            self._say(line.place, str(problem))

    def _function(self, line: Function) -> None:
        name, place = line.name.name, line.place
        if self.value(name) is not None:
            raise Misread(place, f"{name} is {described(self.value(name))} already: choose another name")
        if name in RESERVED:
            raise Misread(place, f"{name} is a function of the language: choose another name, such as {name}_")
        called = [a.name for a in line.arguments]
        if twice := [a for n, a in enumerate(called) if a in called[:n]]:
            raise Misread(place, f"{name} has two arguments {twice[0]}: choose another name for one")
        others = tuple(Symbol(a.name, real=True) for a in line.arguments[1:])
        scope: Any = {}
        arguments = {a.name: s for a, s in zip(line.arguments, (X, *others), strict=True)}
        formula = Definition(_Arguments(self, arguments), scope)
        formula.infer(line.formula, {})
        found = formula.operand(line.formula, {})
        if found.has(STOP):
            raise Misread(
                place, f"stop_gradient stands in equations, and not in the formula of a function: {name} has it"
            )
        made = elementwise(self._final(name), found, others=others, tex=self.tex.get(name, ""))
        self.values[self._final(name)] = _applied(name, called, made)

    def _stated(self, line: Stated) -> None:
        place, final = line.name.place, self._final(line.name.name)
        if line.name.name in self.frame.arguments:
            raise Misread(place, f"{line.name.name} is an argument of the block: choose another name")
        scope: dict[str, Variable] = {}
        formula = _Lines(self, scope)
        places = [node for node in line.indices if not isinstance(node, Name | Over)]
        for node in (node for node in line.indices if node not in places):
            variable = formula._variable(node, line.name.name)
            if variable.name in scope:
                raise Misread(node.place, f"the index {variable.name} stands twice on the left")
            scope[variable.name] = variable
        if places:
            self._hint(line, scope)
        leading = self.frame.leading or ()
        pairs = zip(leading, self.frame.axes, strict=True)
        leads = {name: Variable(name, place, axis, "the block") for name, axis in pairs}
        formula.infer(line.formula, {**leads, **scope})
        for variable in scope.values():
            formula.require(variable)
        expression = formula.lettered(formula.operand(line.formula, {**leads, **scope}))
        if places:
            self._begin(line, {**leads, **scope}, expression)
            return
        if line is self.error and self.frame.caller is None:
            if scope and any(later.line > place.line for later, _ in self.problems):
                raise Unsound  # the last equation may be one that could not be read
            if scope:
                raise Misread(
                    place,
                    f"the last equation is what learning makes small, one number, but {line.name.name} has the index "
                    f"{listed(scope)}: state it after this line, such as E = sum(..., {next(iter(scope))})",
                )
            self.statement.error(expression, final)
            return
        indices = [v.index for v in (*(leads[name] for name in leading if formula.leads), *scope.values())]
        made = self.statement.define(final, indices, expression)
        self.values[final] = Entries(made.tensor, self._sized(made, indices))
        if formula.leads:
            self._map(final)

    def _hint(self, line: Stated, scope: Scope) -> None:
        """Give the indices of what a recurrence begins with the axes of its tensor."""
        tensor = self.value(line.name.name)
        if isinstance(tensor, Entries):
            for node, axis in zip(line.indices, tensor.axes[len(self.leading(line.name.name)) :], strict=False):
                if isinstance(node, Name):
                    scope[node.name].hint = axis

    def _begin(self, line: Stated, scope: Scope, expression: Expr) -> None:
        """State what a recurrence begins with."""
        tensor = self.value(line.name.name)
        if not isinstance(tensor, Entries):
            raise Misread(
                line.name.place,
                f"{line.name.name} is stated at a place, which needs a line recurrent {line.name.name}[...] before",
            )
        given: list[Any] = [scope[name].index for name in self.leading(line.name.name)]
        for node in line.indices:
            named = node.name if isinstance(node, Name) else node.index if isinstance(node, Over) else None
            given.append(self.number(node) if named is None else scope[named].index)
        self.statement.begin(tensor, given, expression)

    def _map(self, final: str) -> None:
        """Note that a tensor has the leading axes of the frame, and of those from which it has them."""
        frame: Frame | None = self.frame
        while frame is not None:
            frame.mapped.add(final)
            caller = frame.caller
            given = (self._value(name, frame) for name in frame.arguments)
            passed = {tensor.name for tensor in given if isinstance(tensor, Entries)}
            frame = caller if caller is not None and passed & caller.mapped else None

    def _sized(self, made: Entries, indices: list[Index]) -> list[Size]:
        """The sizes of a tensor by their names, as far as its axes have them."""
        return [Size(axis.name or str(axis.extent), axis) for axis in made.axes if not axis.sample]


class _Lines(Formula):
    """The formula of an equation, whose indices may be declared in a line of their own."""

    meanings: TextReader

    def declared(self, variable: Variable) -> Variable:
        """An index with the size that an index line gives it."""
        node = self.meanings.frame.sizes.get(variable.name)
        if node is None:
            return variable
        return self._variable(Over(variable.name, node, variable.place), "")


class _Arguments(Meanings):
    """The meanings of names in the formula of a function: its arguments, and constants."""

    def __init__(self, builder: TextReader, arguments: Mapping[str, Expr]) -> None:
        self.builder, self.arguments = builder, arguments
        self.statement = builder.statement

    def value(self, name: str) -> Any:
        """An argument, or a number that is known."""
        if name in self.arguments:
            return self.arguments[name]
        found = self.builder.value(name)
        return None if isinstance(found, Entries) else found

    def function(self, name: str) -> str:
        """The name of a function."""
        return self.builder.function(name)

    def size(self, node: Node) -> Size | int:
        """None: the formula of a function has no indices."""
        raise Misread(node.place, "the formula of a function has no indices: state an equation instead")

    def leading(self, name: str) -> tuple[str, ...]:
        """None."""
        return ()

    def names(self) -> list[str]:
        """The arguments."""
        return [*self.arguments]


def _applied(name: str, arguments: list[str], function: Any) -> Callable[[Call, list[Expr]], Expr]:
    """What applies a function, for a call in the text."""

    def apply(node: Call, given: list[Expr]) -> Expr:
        if len(given) != len(arguments) or node.options:
            said = f"{name} has {len(arguments)} arguments: write {name}({', '.join(arguments)})"
            raise Misread(node.place, said)
        return numbered(function(*given))

    return apply


_STATED: dict[type, Callable[[TextReader, Any], None]] = {
    Declaration: TextReader._declaration,
    Promise: TextReader._promise,
    Function: TextReader._function,
    Stated: TextReader._stated,
}
