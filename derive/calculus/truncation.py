"""Truncated back-propagation through time: derivatives do not pass from a window of steps to the one before.

In the place of s[t - 1], the equations of a recurrence read s_check[t - 1] of a tensor that has the same values,

    s_check[t] = kappa[t] s[t] + s_bar[t],    s_bar[t] = sg((1 - kappa[t]) s[t]),

where kappa[t] is 0 at the last step of each window, and 1 elsewhere. What is read from as many steps away as a window
has, or more, is stopped everywhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace

from sympy import Add, Expr, Indexed, Rational, Sum

from derive.calculus.affine import affine
from derive.calculus.forward import ForwardPass
from derive.calculus.functions import STOP
from derive.calculus.index import Axis, Equation, Tensor, delta, put, total
from derive.calculus.recurrence import Recurrence, entries_of, in_order, recurrences, shift
from derive.calculus.roles import Role
from derive.text.errors import StatementError

#: The notes of the equations that say where windows end, and of those of what is read across their borders.
WINDOW, ACROSS = "window", "across windows"


def truncated(forward: ForwardPass, steps: int) -> ForwardPass:
    """Return a forward pass in normal form with windows of a number of steps, instead of those that it has.

    Windows are counted from where a recurrence begins. Raises StatementError if there is no recurrence.
    """
    whole = untruncated(forward.equations)
    found = recurrences(whole)
    if not found:
        raise StatementError("truncate is about recurrences, and the equations have none: leave it out")
    windows = _Windows(replace(forward, equations=whole), steps)
    for recurrence in found:
        windows.cut(recurrence)
    return replace(forward, equations=in_order(windows.equations))


def untruncated(equations: Iterable[Equation]) -> tuple[Equation, ...]:
    """Return the equations without windows."""
    given = tuple(equations)
    made = {e.target.name: e for e in given if e.note in (WINDOW, ACROSS)}

    def whole(equation: Equation) -> Equation:
        plain = dict[Expr, Expr]()
        for entry in entries_of(equation.expression, made):
            read = made[entry.base.label.name]
            (own,) = (e for e in read.expression.atoms(Indexed) if e.base.label.name not in made)
            plain[entry] = put(own, dict(zip(read.indices, entry.indices, strict=True)))
        return replace(equation, expression=equation.expression.xreplace(plain)) if plain else equation

    return in_order([whole(e) for e in given if e.target.name not in made]) if made else given


def window(equations: Iterable[Equation]) -> int | None:
    """The number of steps of the windows that equations have; None if they have none, or stop all that they read."""
    return max((abs(_stride(b)) for e in equations if e.note == WINDOW for b in e.expression.atoms(Sum)), default=None)


def reads_across(recurrence: Recurrence) -> bool:
    """Whether equations of a recurrence of a forward pass read across the borders of windows."""
    return any(e.note == ACROSS for e in recurrence.equations)


def counted_from_end(equation: Equation) -> bool:
    """Whether an equation with the note ``WINDOW`` is about windows that are counted from the last step."""
    return any(_stride(borders) < 0 for borders in equation.expression.atoms(Sum))


def with_windows(forward: ForwardPass, steps: int) -> ForwardPass:
    """Return a forward pass, also one that derives another once more, whose windows are shorter, for a check."""

    def shorter(sought: Sum) -> Sum:
        number = sought.limits[0][0]
        counted = number - number.axis.start + 1
        moved = Rational(steps, abs(_stride(sought))) * counted + number.axis.start - 1
        return Sum(sought.function.xreplace({number: moved}), *sought.limits)

    def one(equation: Equation) -> Equation:
        if equation.note != WINDOW:
            return equation
        sums = {borders: shorter(borders) for borders in equation.expression.atoms(Sum)}
        return replace(equation, expression=equation.expression.xreplace(sums))

    return replace(forward, equations=tuple(map(one, forward.equations)))


def _stride(borders: Sum) -> int:
    """The number of steps from one of the borders over which a sum runs to the next; negative from the end on."""
    forms = filter(None, map(affine, borders.function.args))
    return next(factor for form in forms for i, factor in form.terms if i == borders.limits[0][0])


class _Windows:
    """Rewrites the equations of recurrences; ``equations`` are all of them so far."""

    def __init__(self, forward: ForwardPass, steps: int) -> None:
        self.equations, self.steps, self.supply = [*forward.equations], steps, forward.supply
        sizes = {s.name for t in forward.tensors.values() for a in t.axes for s in a.extent.free_symbols}
        self.taken = {*forward.tensors, *forward.constants, *sizes}
        #: By the axis and its name, the direction and the distance.
        self.passing: dict[tuple[Axis, str, bool, int], Tensor] = {}

    def cut(self, recurrence: Recurrence) -> None:
        """Stop what the equations of a recurrence read across the borders of windows, if it has any."""
        axis = recurrence.axis
        if axis.extent.is_Integer and axis.extent <= self.steps:
            return
        made: dict[tuple[str, int], Tensor] = {}
        found = list[Equation]()
        for equation in recurrence.equations:
            own, read = recurrence.index(equation), dict[Expr, Expr]()
            for entry in entries_of(equation.expression, recurrence.places):
                name, place = entry.base.label.name, recurrence.places[entry.base.label.name]
                if distance := min(abs(int(shift(entry.indices[place], own) or 0)), self.steps):
                    if (name, distance) not in made:
                        tensor = next(e.target for e in recurrence.equations if e.target.name == name)
                        made[name, distance] = self._across(recurrence, tensor, distance)
                    read[entry] = made[name, distance][tuple(entry.indices)]
            found.append(replace(equation, expression=equation.expression.xreplace(read)))
        rewritten = {e.target.name: e for e in found}
        self.equations = [rewritten.get(e.target.name, e) for e in self.equations]

    def _across(self, recurrence: Recurrence, tensor: Tensor, distance: int) -> Tensor:
        """The tensor that stands for another one that is read at a distance, with a derivative within windows only.

        A distance as long as a window stands for all longer ones, too.
        """
        stopped, own = self._made(tensor, "bar"), self.supply.several(tensor.axes)
        if distance == self.steps:
            self.equations.append(Equation(stopped, own, STOP(tensor[own]), ACROSS))
            return stopped
        place = recurrence.places[tensor.name]
        passing = self._passing(recurrence, distance)
        self.equations.append(Equation(stopped, own, STOP((1 - passing[own[place],]) * tensor[own]), ACROSS))
        read, own = self._made(tensor, "check"), self.supply.several(tensor.axes)
        self.equations.append(Equation(read, own, passing[own[place],] * tensor[own] + stopped[own], ACROSS))
        return read

    def _passing(self, recurrence: Recurrence, distance: int) -> Tensor:
        """A tensor that is 0 where the step at a distance after a step is in another window, and 1 elsewhere."""
        axis = recurrence.axis
        key = (axis, axis.name, recurrence.backward, distance)
        if key in self.passing:
            return self.passing[key]
        step, terms = self.supply.fresh(axis), list[Expr]()
        for before in range(distance):
            number = self.supply.fresh(axis)
            counted = self.steps * (number - axis.start + 1) - before - 1
            last = axis.stop - counted if recurrence.backward else axis.start + counted
            terms.append(total(delta(step, last), number))
        found = self.passing[key] = Tensor(self._free("kappa"), Role.PLAIN.value, (axis,))
        self.equations.append(Equation(found, (step,), 1 - Add(*terms), WINDOW))
        return found

    def _made(self, tensor: Tensor, accent: str) -> Tensor:
        return Tensor(self._free(f"{tensor.name}_{accent}"), Role.PLAIN.value, tensor.axes)

    def _free(self, stem: str) -> str:
        numbered = (f"{stem}{n}" for n in itertools.count(2))
        name = next(n for n in itertools.chain([stem], numbered) if n not in self.taken)
        self.taken.add(name)
        return name
