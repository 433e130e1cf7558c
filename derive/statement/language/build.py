"""A text becomes a statement, line by line; everything that is wrong in it is reported together."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from sympy import Expr, Symbol, sympify

from derive.calculus.functions import STOP, X, elementwise
from derive.calculus.index import Axis, Index
from derive.learning.descent import names_taken
from derive.statement.keys import is_layer
from derive.statement.language.blocks import MAX_STEPS, Expansion, Frame, LinesReader, Loader, read_text_lines
from derive.statement.language.formulas import (
    RESERVED,
    Definition,
    Formula,
    Meanings,
    Unsound,
    Variable,
    described,
    numbered,
)
from derive.statement.language.lines import Declaration, Function, Item, Option, Promise, Stated
from derive.statement.language.syntax import Array, Call, Chain, Name, Negative, Node, Number, Over, Power, parts
from derive.statement.quantities import Entries, Size
from derive.statement.specification import LEARNING, Learning
from derive.text.errors import SpecError, StatementError
from derive.text.known import misspelled
from derive.text.source import Misread, Place, TextError, universal
from derive.text.user_text import MAX_WIDTH, listed

if TYPE_CHECKING:
    from derive.statement.stated import StatementBuilder


class TextReader(Meanings):
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

    def _say(self, place: Place, message: str) -> None:
        if (problem := self.frame.located(place, message)) not in self.problems:
            self.problems.append(problem)

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
        if self.layer and not self.alone and not self.problems:
            self._give_last(statement)
        elif not self.complete and not self.problems:
            self._say(Place(1, 1), "the text has no equation: state at least what learning makes small")
        if self.problems:
            raise TextError(self.text, self.problems, self.source, self.declarations)

    def _unsound(self, line: Any) -> None:
        if isinstance(line, Declaration):
            names = [item.name.name for item in line.items]
        else:
            names = [line.name.name] if isinstance(line, Function | Stated) else []
        self.unsound |= {final for name in names if (final := self._final(name)) not in self.values}

    def _final(self, name: str) -> str:
        return self.frame.names.get(name, name)

    # What names mean.

    def value(self, name: str) -> Any:
        """What a name means in the frame; None if nothing."""
        return self._value(name, self.frame)

    def own(self, name: str) -> Any:
        """The same for a name that is declared in the frame or an argument; an index may have any other name."""
        return self.value(name) if name in self.frame.names or name in self.frame.arguments else None

    def _value(self, name: str, frame: Frame) -> Any:
        if name in frame.arguments:
            node, home = frame.given(name)
            if isinstance(node, Name):
                return self._value(node.name, home)
            return self._with_arguments(home, node) or self._in(home, node)
        if name not in frame.names and frame.caller is not None:
            return self._value(name, frame.root) if frame.sees_root else None
        final = frame.names.get(name, name)
        if final in self.unsound:
            raise Unsound
        return self.values.get(final) if name in frame.names else None

    def _with_arguments(self, frame: Frame, node: Node) -> Callable[[Call, list[Expr]], Expr] | None:
        """A function that is given with its further arguments, such as swish(beta); None for anything else."""
        function = self._value(node.name, frame) if isinstance(node, Call) else None
        if not isinstance(node, Call) or isinstance(function, Entries | Expr) or not callable(function):
            return None
        mine, self.frame = self.frame, frame
        try:
            formula = Formula(self, {})
            for argument in node.arguments:
                formula.infer(argument, {})
            further = [formula.operand(argument, {}) for argument in node.arguments]
        finally:
            self.frame = mine

        def apply(call: Call, given: list[Expr]) -> Expr:
            found: Expr = function(call, [*given, *further])
            return found

        return apply

    def _in(self, frame: Frame, node: Node) -> Any:
        """The number that is given for an argument."""
        mine, self.frame = self.frame, frame
        try:
            return sympify(self.number(node))
        finally:
            self.frame = mine

    def function(self, name: str) -> str:
        """The name of a function that an argument may stand for."""
        frame = self.frame
        while name in frame.arguments:
            node, frame = frame.given(name)
            if not isinstance(node, Name):
                return name
            name = node.name
        return name

    def leading(self, name: str) -> tuple[str, ...]:
        """The indices over which a block is applied entry by entry, for a tensor that has them."""
        final = self._argument(name) if name in self.frame.arguments else self._final(name)
        return self.frame.leading or () if final in self.frame.mapped else ()

    def block(self, name: str) -> str:
        """How a block of the text, or a layer of the catalogue, is used."""
        if name in self.expansion.blocks(self.place):
            return f"{name} is a block: write o = {name}(...) in a line of its own"
        return f"{name} is a layer of the catalogue: write use {name} in a line before" if is_layer(name) else ""

    def _argument(self, name: str) -> str:
        """The tensor that an argument stands for, by its name in the statement."""
        found = self._value(name, self.frame)
        return found.name if isinstance(found, Entries) else ""

    def names(self) -> list[str]:
        """All names that mean something in the frame."""
        return [n for n in (*self.frame.arguments, *self.frame.names) if " " not in n]

    def _lead(self, frame: Frame) -> None:
        """Find the indices over which the block of a frame is applied, before its first line is stated."""
        if frame.leading is not None or frame.caller is None or frame.block is None:
            return
        self._lead(frame.caller)
        frame.leading = ()
        try:
            sizes: tuple[Size, ...] = ()
            for name in frame.arguments:
                tensor = self._value(name, frame)
                reads = self.expansion.arity(frame.block, name) if isinstance(tensor, Entries) else None
                if reads is None:
                    continue
                plain = [s for s in tensor.sizes if not s.axis.sample]
                more = len(plain) - reads
                if more > 0:
                    if sizes and [s.axis for s in sizes] != [s.axis for s in plain[:more]]:
                        raise Misread(
                            self.place,
                            f"the arguments of {frame.block.name.name} have different axes before those that it reads",
                        )
                    sizes = tuple(plain[:more])
                    frame.mapped.add(tensor.name)
            taken = {*self.values, *frame.names, *frame.arguments, *_letters_in(frame)}
            letters = itertools.chain("tpqsruvwabc", (f"t{n}" for n in itertools.count(1)))
            frame.leading = tuple(itertools.islice((x for x in letters if x not in taken), len(sizes)))
            frame.axes = tuple(s.axis for s in sizes)
        except Unsound:
            pass
        except Misread as problem:
            self._say(problem.place, problem.message)

    # Numbers and sizes.

    def number(self, node: Node) -> Any:
        """A number that is given, of numbers, sizes and constants."""
        formula = Formula(self, {})
        formula.infer(node, {})
        found = formula.operand(node, {})
        if not isinstance(found, Expr) or not (found.is_Rational or (found.is_integer and not found.has(Index))):
            raise Misread(node.place, "a number is expected here")
        return Fraction(found.p, found.q) if found.is_Rational else found

    def size(self, node: Node) -> Size | int:
        """A size: its name, a whole number, or a formula of both."""
        if isinstance(node, Name):
            found = self.value(node.name)
            if found is None:
                names = [n for n in self.names() if isinstance(self.values.get(self._final(n)), Size)]
                meant = misspelled(node.name, names)
                hint = f"did you mean {meant}?" if meant else f"declare it, such as size {node.name} = 3"
                raise Misread(node.place, f"{node.name} is no size: {hint}")
            if isinstance(found, Entries) or callable(found):
                raise Misread(node.place, f"{node.name} is {described(found)} and no size")
        else:
            if not isinstance(node, Number | Chain | Negative | Power):
                raise Misread(node.place, "a size is a name or a whole number, such as W[h, n]")
            found = self.number(node)
        if isinstance(found, Size):
            return found
        found = sympify(found)
        if found.is_Rational:
            if not found.is_Integer or not 1 <= found <= MAX_WIDTH:
                raise Misread(
                    node.place, f"the size is {found}, where a whole number from 1 to {MAX_WIDTH} is expected"
                )
            return int(found)
        if not found.is_integer:
            raise Misread(node.place, "a size is a whole number")
        return Size(str(found), Axis(found))

    # Lines.

    def _declaration(self, line: Declaration) -> None:
        for item in line.items:
            self.place = item.name.place
            try:
                _DECLARED[line.word](self, item, line)
            except Misread as problem:
                self._say(problem.place, problem.message)
                self.unsound.add(self._final(item.name.name))
            except StatementError as problem:
                self._say(item.name.place, str(problem))
                self.unsound |= {self._final(item.name.name)} - {*self.values}
            except Unsound:
                self.unsound.add(self._final(item.name.name))

    def _size_line(self, item: Item, line: Declaration) -> None:
        name = self._final(item.name.name)
        start = 1 if item.values is None else self.number(item.values)
        if item.values is not None and (
            not isinstance(start, Fraction) or start.denominator > 1 or abs(start) > MAX_WIDTH
        ):
            raise Misread(item.values.place, "the first entry is a whole number, such as size n = 4 from 0")
        value = None
        if item.value is not None:
            value = self.size(item.value)
        self.values[name] = self.statement.size(name, value, int(start))

    def _data(self, item: Item, line: Declaration) -> None:
        name = self._final(item.name.name)
        make = self.statement.input if line.word == "input" else self.statement.target
        values = None if item.values is None else self.size(item.values)
        sizes = [self.size(size) for size in item.sizes]
        self.values[name] = make(name, *sizes, samples=item.samples, values=values)

    def _parameter(self, item: Item, line: Declaration) -> None:
        name = self._final(item.name.name)
        start: Any = None
        if item.sign == "~":
            if not isinstance(item.value, Name | Call):
                raise Misread(item.name.place, "an initialisation is a name, such as W[h, n] ~ he_normal")
            start = item.value.name
        elif item.value is not None:
            start = self._array(item.value)
        self.values[name] = self.statement.parameter(name, *(self.size(size) for size in item.sizes), start=start)

    def _array(self, node: Node) -> Any:
        return [self._array(item) for item in node.items] if isinstance(node, Array) else self.number(node)

    def _constant(self, item: Item, line: Declaration) -> None:
        assert item.value is not None
        name = self._final(item.name.name)
        self.values[name] = self.statement.constant(name, self.number(item.value))

    def _index(self, item: Item, line: Declaration) -> None:
        assert item.values is not None
        self.size(item.values)
        self.frame.sizes[item.name.name] = item.values

    def _samples(self, item: Item, line: Declaration) -> None:
        self.values[self._final(item.name.name)] = self.statement.samples

    def _output(self, item: Item, line: Declaration) -> None:
        self.statement.output(self._tensor(item.name))

    def _gradient(self, item: Item, line: Declaration) -> None:
        self.statement.gradient(self._tensor(item.name))

    def _backward(self, item: Item, line: Declaration) -> None:
        if item is line.items[-1]:
            self.statement.backward(*(self._tensor(one.name) for one in line.items))

    def _running(self, item: Item, line: Declaration) -> None:
        given = {"start": item.value, "momentum": item.values}
        numbers = {key: self._fraction(node) for key, node in given.items() if node is not None}
        of = next((self._tensor(name) for name in item.sizes if isinstance(name, Name)), None)
        self.statement.running(self._tensor(item.name), of=of, **numbers)

    def _fraction(self, node: Node) -> Fraction:
        found = self.number(node)
        if not isinstance(found, Fraction):
            raise Misread(node.place, "a number is expected here, and no size")
        return found

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

    def _tensor(self, name: Name) -> Entries:
        found = self.value(name.name)
        if not isinstance(found, Entries):
            meant = misspelled(name.name, self.names())
            raise Misread(
                name.place, f"{name.name} is no tensor" + (f": did you mean {meant}?" if meant else " stated before")
            )
        return found

    def _promise(self, line: Promise) -> None:
        for name in line.tensors:
            tensor, over = self._tensor(name), line.over if isinstance(line.over, int) else None
            if line.kind.name == "sums_to_one":
                if isinstance(line.over, Name):
                    size = self.size(line.over)
                    axis = size.axis if isinstance(size, Size) else None
                    over = None if axis is None else Index("i", axis)
                self.statement.promise_sums_to_one(tensor, over)
            else:
                {
                    "probabilities": self.statement.promise_probabilities,
                    "mask": self.statement.promise_mask,
                    "positive": self.statement.promise_positive,
                }[line.kind.name](tensor)

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

        def apply(node: Call, given: list[Expr]) -> Expr:
            if len(given) != len(line.arguments) or node.options:
                wanted = ", ".join(a.name for a in line.arguments)
                raise Misread(node.place, f"{name} has {len(line.arguments)} arguments: write {name}({wanted})")
            return numbered(made(*given))

        self.values[self._final(name)] = apply

    def _stated(self, line: Stated) -> None:
        place, final = line.name.place, self._final(line.name.name)
        if line.name.name in self.frame.arguments:
            raise Misread(place, f"{line.name.name} is an argument of the block: choose another name")
        scope: dict[str, Variable] = {}
        formula = _Lines(self, scope)
        for node in line.indices:
            variable = formula._variable(node, line.name.name)
            if variable.name in scope:
                raise Misread(node.place, f"the index {variable.name} stands twice on the left")
            scope[variable.name] = variable
        leading = self.frame.leading or ()
        pairs = zip(leading, self.frame.axes, strict=True)
        leads = {name: Variable(name, place, axis, "the block") for name, axis in pairs}
        formula.infer(line.formula, {**leads, **scope})
        for variable in scope.values():
            formula.require(variable)
        expression = formula.lettered(formula.operand(line.formula, {**leads, **scope}))
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


def _letters_in(frame: Frame) -> set[str]:
    """The indices in the lines of a block."""
    found: set[str] = set()
    for line in frame.block.lines if frame.block else ():
        if isinstance(line, Stated):
            found |= {i.name if isinstance(i, Name) else i.index for i in line.indices if isinstance(i, Name | Over)}
            found |= _over(line.formula)
    return found


def _over(node: Node) -> set[str]:
    found = {a.name for a in node.arguments if isinstance(a, Name)} if isinstance(node, Call) else set()
    return found.union(*(_over(part) for part in parts(node)))


_STATED: dict[type, Callable[[TextReader, Any], None]] = {
    Declaration: TextReader._declaration,
    Promise: TextReader._promise,
    Function: TextReader._function,
    Stated: TextReader._stated,
}
_DECLARED: dict[str, Callable[[TextReader, Item, Declaration], None]] = {
    "size": TextReader._size_line,
    "input": TextReader._data,
    "target": TextReader._data,
    "parameter": TextReader._parameter,
    "constant": TextReader._constant,
    "index": TextReader._index,
    "samples": TextReader._samples,
    "output": TextReader._output,
    "gradient": TextReader._gradient,
    "backward": TextReader._backward,
    "running": TextReader._running,
}
