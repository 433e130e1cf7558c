"""The declarations of a text become sizes, data, parameters and promises of a statement."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from sympy import Symbol, sympify

from derive.calculus.index import Index
from derive.statement.language.formulas import Formula
from derive.statement.language.frames import Names
from derive.statement.language.lines import Declaration, Item, Promise
from derive.statement.language.meanings import (
    Unsound,
)
from derive.statement.language.syntax import Array, Call, Name, Node
from derive.statement.quantities import Size
from derive.statement.randomness import distribution
from derive.text.errors import StatementError
from derive.text.source import Misread
from derive.text.user_text import MAX_WIDTH


class Declarations(Names):
    """States the declarations of a text."""

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
                self.unsound.add(self._final(item.name.name))
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

    def _random(self, item: Item, line: Declaration) -> None:
        assert isinstance(item.value, Call)
        name, law = self._final(item.name.name), item.value
        numbers = tuple(map(self._number_of_law, law.arguments))
        sides = [*self._leading, *map(self.size, item.sizes)]
        try:
            distribution(name, law.name, numbers)
        except StatementError as problem:
            raise Misread(law.place, str(problem)) from None
        self.values[name] = self.statement.random(name, *sides, samples=item.samples, **{law.name: numbers})
        self.frame.mapped |= {name} if self._leading else set()

    def _number_of_law(self, node: Node) -> Fraction:
        """A number of a distribution, which may read constants."""
        formula = Formula(self, {})
        formula.infer(node, {})
        known = {Symbol(name, real=True): value for name, value in self.statement.constants.items()}
        found = formula.operand(node, {}).xreplace({symbol: sympify(value) for symbol, value in known.items()})
        if not found.is_Rational:
            raise Misread(node.place, "a number is expected here")
        return Fraction(found.p, found.q)

    @property
    def _leading(self) -> list[Size]:
        """The sizes of the axes over which the block of the frame is applied entry by entry."""
        return [Size(axis.name or str(axis.extent), axis) for axis in self.frame.axes]

    def _recurrent(self, item: Item, line: Declaration) -> None:
        name, leading = self._final(item.name.name), self._leading
        self.values[name] = self.statement.declare(name, *leading, *map(self.size, item.sizes), samples=item.samples)
        self.frame.mapped |= {name} if leading else set()

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
                    "not_negative": self.statement.promise_not_negative,
                }[line.kind.name](tensor)

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


_DECLARED: dict[str, Callable[[Declarations, Item, Declaration], None]] = {
    "size": Declarations._size_line,
    "input": Declarations._data,
    "target": Declarations._data,
    "random": Declarations._random,
    "recurrent": Declarations._recurrent,
    "parameter": Declarations._parameter,
    "constant": Declarations._constant,
    "index": Declarations._index,
    "samples": Declarations._samples,
    "output": Declarations._output,
    "gradient": Declarations._gradient,
    "backward": Declarations._backward,
    "running": Declarations._running,
}
