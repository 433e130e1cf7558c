"""Values of functions that a recurrence computes, and that its backward pass reads again.

A loop over steps computes nothing for all steps at once, so functions take much of its time. What the backward pass
would compute again is kept: tanh(c) becomes a tensor of its own. In 1 - tanh(c)**2 it is computed again, because the
kept value has lost the digits by which it differs from 1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from sympy import Add, Expr, Function, Indexed, Mul

from derive.arrays.lift import ArrayAssign, ArrayProgram, formed
from derive.calculus.functions import CALLS, STOP, Elementwise
from derive.calculus.index import Axis, Equation, Index, Tensor
from derive.calculus.recurrence import Recurrence, shift
from derive.calculus.roles import Role


def with_kept_values(program: ArrayProgram) -> ArrayProgram:
    """Return the program with tensors for the values of functions that both passes of a recurrence read."""
    kept = _Kept(program) if program.recurrences else None
    return kept.program() if kept and kept.equations else program


class _Kept:
    """The equations of the values that are kept, by their right sides without the names of indices."""

    def __init__(self, program: ArrayProgram) -> None:
        self.given = program
        self.tensors: dict[str, Tensor] = {**program.tensors}
        self.equations: dict[Expr, Equation] = {}
        #: The equations that are new, by the tensors whose equations they precede.
        self.new: dict[str, list[Equation]] = {}
        backward = program.stage("factor", "gradient")
        later = {_unnamed(call) for s in backward for call in _calls(s.equation.expression)}
        forward = {s.target.name for s in program.stage("forward")}
        for recurrence in program.recurrences:
            if forward.issuperset(recurrence.places):
                self._keep(recurrence, later)

    def _keep(self, recurrence: Recurrence, later: Collection[Expr]) -> None:
        for equation in recurrence.equations:
            for call in _calls(equation.expression):
                (entry,) = call.args
                inside = entry.base.label.name in recurrence.places and {*_places(entry)} == {*equation.indices}
                if inside and _unnamed(call) in later and _unnamed(call) not in self.equations:
                    value = equation if call == equation.expression else self._named(equation, call)
                    self.equations[_unnamed(call)] = value

    def _named(self, equation: Equation, call: Expr) -> Equation:
        """A new equation before the one that reads a value of a function."""
        wanted = f"{getattr(call, 'title', type(call).__name__)}_{call.args[0].base.label.name}"
        names = (wanted, *(f"{wanted}_{n}" for n in range(2, len(self.tensors) + 2)))
        name = next(name for name in names if name not in self.tensors)
        self.tensors[name] = Tensor(name, Role.PLAIN.value, equation.target.axes)
        made = Equation(self.tensors[name], equation.indices, call)
        self.new.setdefault(equation.target.name, []).append(made)
        return made

    def program(self) -> ArrayProgram:
        """The program that keeps them."""
        statements = list[ArrayAssign]()
        for statement in self.given.statements:
            statements += (self._assign(statement, e) for e in self.new.get(statement.target.name, ()))
            stated = statement.equation
            value = self._reading(stated.expression, stated.target)
            changed = value != stated.expression
            statements.append(self._assign(statement, replace(stated, expression=value)) if changed else statement)
        return ArrayProgram(**{**self.given.parts, "statements": tuple(statements)})

    def _assign(self, statement: ArrayAssign, equation: Equation) -> ArrayAssign:
        return replace(statement, equation=equation, form=formed(equation, self.tensors))

    def _reading(self, value: Expr, target: Tensor, zero: Collection[tuple[Expr, Axis]] = ()) -> Expr:
        """A part of the right side of a target that reads what is kept.

        At a place outside, f(z[t + 1]) is f(0), and what is kept is 0. Both may stand beside a factor that is 0 there;
        ``zero`` are the places of the factors beside the part, each with its axis.
        """
        if _is_call(value):
            return self._read(value, target, zero)
        if _is_whole(value):
            return value
        entries = [f for f in value.args if isinstance(f, Indexed)] if isinstance(value, Mul) else []
        beside = {pair for e in entries for pair in self._by_axis(e)}
        parts = [self._reading(part, target, beside) if isinstance(part, Expr) else part for part in value.args]
        return value if parts == [*value.args] else value.func(*parts)

    def _by_axis(self, entry: Expr) -> Iterator[tuple[Expr, Axis]]:
        """The places of an entry, each with the axis of the tensor."""
        return zip(entry.indices, self.tensors[entry.base.label.name].axes, strict=True)

    def _read(self, call: Expr, target: Tensor, zero: Collection[tuple[Expr, Axis]]) -> Expr:
        (entry,) = call.args
        equation = self.equations.get(_unnamed(call))
        moved = {pair for pair in self._by_axis(entry) if not isinstance(pair[0], Index) and not pair[0].is_Integer}
        if equation is None or equation.target == target or not moved <= {*zero}:
            return call
        own = dict(zip(_places(equation.expression.args[0]), _places(entry), strict=True))
        return equation.target[tuple(own[index] for index in equation.indices)]


def _calls(value: Expr) -> Iterator[Expr]:
    """The functions of one entry, in order, without those in sums that may lose digits."""
    if _is_call(value):
        yield value
    elif not _is_whole(value):
        for part in value.args:
            if isinstance(part, Expr):
                yield from _calls(part)


def _is_call(value: Expr) -> bool:
    known = value.func in CALLS or (isinstance(value, Elementwise) and not isinstance(value, STOP))
    return known and len(value.args) == 1 and isinstance(value.args[0], Indexed)


def _is_whole(value: Expr) -> bool:
    """Whether nothing in a formula is replaced: it has no parts, or is a number and functions that may round to it."""
    loses = isinstance(value, Add) and value.has(Function) and any(term.is_number for term in value.args)
    return loses or isinstance(value, Indexed) or not value.args


def _over(place: Expr) -> Axis | None:
    """The axis of the index of a place such as t or t + 1; None if it is a number, or another formula."""
    index = next((i for i in place.free_symbols if isinstance(i, Index)), None)
    return None if index is None or shift(place, index) is None else index.axis


def _places(entry: Expr) -> list[Expr]:
    """The places of an entry that have an index, in order."""
    return [place for place in entry.indices if _over(place) is not None]


def _unnamed(call: Expr) -> Expr:
    """A function of an entry at indices that are called after their order: equal for any indices, also moved ones."""
    (entry,) = call.args
    order = iter(range(len(entry.indices)))
    places = [p if (axis := _over(p)) is None else Index(f"_{next(order)}", axis) for p in entry.indices]
    return call.func(entry.base[tuple(places)])
