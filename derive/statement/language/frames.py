"""What names mean where a line of a text is stated."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from sympy import Expr, sympify

from derive.calculus.index import Axis, Index
from derive.statement.keys import is_layer
from derive.statement.language.blocks import Expansion, Frame
from derive.statement.language.formulas import Formula
from derive.statement.language.lines import Stated
from derive.statement.language.meanings import (
    Meanings,
    Unsound,
    described,
)
from derive.statement.language.syntax import Call, Chain, Name, Negative, Node, Number, Over, Power, parts
from derive.statement.quantities import Entries, Size
from derive.text.known import misspelled
from derive.text.source import Misread, Place
from derive.text.user_text import MAX_WIDTH


class Names(Meanings):
    """What names mean in the frame whose lines are stated: in the text itself, or where a block is used."""

    expansion: Expansion
    frame: Frame
    values: dict[str, Any]
    unsound: set[str]
    place: Place

    def _say(self, place: Place, message: str) -> None:
        if (problem := self.frame.located(place, message)) not in self.expansion.problems:
            self.expansion.problems.append(problem)

    def _final(self, name: str) -> str:
        return self.frame.names.get(name, name)

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

    def _tensor(self, name: Name) -> Entries:
        found = self.value(name.name)
        if not isinstance(found, Entries):
            meant = misspelled(name.name, self.names())
            raise Misread(
                name.place, f"{name.name} is no tensor" + (f": did you mean {meant}?" if meant else " stated before")
            )
        return found

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
