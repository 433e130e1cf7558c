"""The lines of C with which parameters and running averages begin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sympy import Expr, Integer, Rational, Symbol, prod

from derive.calculus.index import Tensor
from derive.learning.initialisations import INPUTS, UNITS, Initialisation
from derive.targets.beginnings import beginnings, fans, has_biases
from derive.targets.c.program import CProgram, Member
from derive.targets.c.text import at, real_number
from derive.targets.numpy.code import UNARY


class Start:
    """Prints them; ``called`` has the functions that they need."""

    def __init__(self, own: CProgram, default: Initialisation) -> None:
        self.own, self.called = own, set[str]()
        self.starts = beginnings(own.program, default)

    def lines(self) -> list[str]:
        """The lines, for structs whose numbers all are 0."""
        pairs = zip(self.own.program.parameters, self.own.parameters, strict=True)
        found = [line for tensor, member in pairs for line in self._parameter(tensor, member)]
        for tensor, member in zip(self.own.program.states, self.own.states, strict=True):
            if tensor.name in self.own.program.starts:
                found += self._array(member, "s", self.own.program.starts[tensor.name])
        return found

    def _parameter(self, tensor: Tensor, member: Member) -> Iterator[str]:
        start, first, count = self.starts[tensor.name], member.first("p"), member.count
        if not isinstance(start, Initialisation):
            yield from self._array(member, "p", start)
        elif start.variance is not None:
            self.called.add(start.kind)
            inputs, units = fans(tensor)
            over, under = (side.xreplace({INPUTS: inputs, UNITS: units}) for side in start.spread)
            over *= 3 if start.kind == "uniform" else 1
            spread = f"sqrt({over}.0 / {at(self._integer(under), UNARY)})"
            mean = "0, " if start.kind == "normal" else ""
            yield f"{start.kind}({first}, {count}, {mean}{spread}, &s->random);"
            if has_biases(tensor):
                yield from self._no_biases(tensor, member)
        elif start.kind == "orthogonal":
            self.called.add("orthogonal")
            rows, *others = [axis.extent for axis in tensor.axes] or [Integer(1)]
            stride, skipped = prod(others), int(has_biases(tensor))
            at_first = f"{first} + 1" if skipped else first
            sides = ", ".join(self._integer(side) for side in (rows, stride - skipped, stride))
            yield f"orthogonal({at_first}, {sides}, &s->random);"

    def _no_biases(self, tensor: Tensor, member: Member) -> Iterator[str]:
        yield f"for (int i = 0; i < {self._integer(tensor.axes[0].extent)}; i++)"
        yield f"    p->{member.name}[i][0] = 0;"

    def _array(self, member: Member, of: str, value: Any) -> Iterator[str]:
        """The lines for one number, or for the numbers of an array in the order of its entries."""
        if isinstance(value, tuple):
            numbers = [*_flat(value)]
            yield "{"
            yield f"    static const double start[] = {{{', '.join(map(_number, numbers))}}};"
            yield f"    for (size_t i = 0; i < {len(numbers)}; i++)"
            yield f"        ({member.first(of)})[i] = (real)start[i];"
            yield "}"
        elif value:
            yield f"for (size_t i = 0; i < {member.count}; i++)"
            yield f"    ({member.first(of)})[i] = {real_number(Rational(value), 'real')};"

    def _integer(self, expression: Expr) -> str:
        widths = self.own.names.widths
        return str(expression.xreplace({s: Symbol(text, integer=True) for s, text in widths.items()}))


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        for part in value:
            yield from _flat(part)
    else:
        yield value


def _number(value: Any) -> str:
    number = float(value)
    return repr(number)
