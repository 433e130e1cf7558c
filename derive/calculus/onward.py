"""Equations that are computed for some steps of a sequence after the steps before, from what was kept of these."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from sympy import Expr, Indexed, Integer

from derive.calculus.index import Axis, Equation, Index, IndexSupply, Tensor, symbols_read
from derive.calculus.recurrence import Recurrence, ordered, shift
from derive.calculus.roles import Role
from derive.record import record


def onward(
    equations: Sequence[Equation], tensors: Mapping[str, Tensor], fresh: Callable[[str], str]
) -> tuple[Equation | Recurrence, ...] | None:
    """Return equations in an order in which some steps of their recurrences can be computed after the others.

    An equation is computed for all steps of a call at once, and a recurrence step by step. What reads an earlier step
    of a tensor outside its recurrence, or the number of a step, becomes a recurrence, too, with a copy of that tensor:
    what a recurrence reads of earlier steps is of its own tensors. ``fresh`` gives copies their names. None if a step
    depends on later ones, on their number, or on all of them. What no step reads may read the last place.
    """
    parts = [*ordered(equations)]
    loops = [part for part in parts if isinstance(part, Recurrence)]
    axes = {loop.axis for loop in loops}
    if len(axes) != 1 or any(loop.backward for loop in loops):
        return None
    (axis,) = axes
    known = {**tensors, **{e.target.name: e.target for e in equations}}
    reads = [_Reads(e, axis, known) for e in equations]
    if not all(r.may_go_on for r in reads):
        return None
    ends = {r.equation.target.name for r in reads if r.at_the_end}
    for read in reads:  # they are in an order of computation, except within recurrences, which read no such tensor
        if ends & {*symbols_read(read.equation.expression)}:
            ends.add(read.equation.target.name)
    if any(r.own is not None and r.equation.target.name in ends for r in reads):
        return None
    by_name = {r.equation.target.name: r for r in reads}
    return tuple(_in_steps(part, by_name, fresh) for part in parts)


@record
class _Reads:
    """What an equation reads along the axis of the steps."""

    equation: Equation
    axis: Axis
    tensors: Mapping[str, Tensor]

    @property
    def own(self) -> Index | None:
        """The index of its step; None if it has the same value for all steps."""
        return next((i for i in self.equation.indices if i.axis == self.axis), None)

    @property
    def entries(self) -> Iterator[tuple[Indexed, Tensor, int, Expr]]:
        """The entries that are read at a place on the axis: with the tensor, the number of the axis, and the place."""
        for entry in sorted(self.equation.expression.atoms(Indexed), key=str):
            tensor = self.tensors[entry.base.label.name]
            for number, (place, side) in enumerate(zip(entry.indices, tensor.axes, strict=True)):
                if side == self.axis:
                    yield entry, tensor, number, place

    @property
    def places(self) -> int:
        """The number of the axis among those of the equation."""
        return next(n for n, i in enumerate(self.equation.indices) if i == self.own)

    @property
    def earlier(self) -> dict[Tensor, int]:
        """The tensors that are read at earlier places, and how many places back."""
        found: dict[Tensor, int] = {}
        for _, tensor, _, place in self.entries:
            back = -int(shift(place, self.own) or 0) if self.own is not None else 0
            if back:
                found[tensor] = max(back, found.get(tensor, 0))
        return found

    @property
    def at_the_end(self) -> bool:
        """Whether the last place is read."""
        return any(place == self.axis.stop for *_, place in self.entries)

    @property
    def numbered(self) -> bool:
        """Whether the number of the step is read."""
        return self.own is not None and self.own in self._without_entries.free_symbols

    @property
    def _without_entries(self) -> Expr:
        return self.equation.expression.xreplace(dict.fromkeys(self.equation.expression.atoms(Indexed), Integer(1)))

    @property
    def may_go_on(self) -> bool:
        """Whether a step depends neither on later ones nor on their number, and what it reads earlier can be kept."""
        sides = (*self.equation.indices, *self._without_entries.free_symbols)
        over = {i for i in sides if isinstance(i, Index) and i.axis == self.axis}
        if over - {self.own} or sum(i.axis == self.axis for i in self.equation.indices) > 1:
            return False
        if self._without_entries.free_symbols & self.axis.extent.free_symbols:
            return False
        along = dict[Indexed, int]()
        for entry, tensor, _, place in self.entries:
            along[entry] = along.get(entry, 0) + 1
            moved = None if self.own is None else shift(place, self.own)
            if place != self.axis.stop and (moved is None or moved > 0):
                return False
            if (moved and tensor.places is not None) or tensor.role in (Role.WEIGHT, Role.BIAS):
                return False
        return all(self._elsewhere(entry, along.get(entry, 0)) for entry in self.equation.expression.atoms(Indexed))

    def _elsewhere(self, entry: Indexed, along: int) -> bool:
        """Whether an entry has at most one place on the axis, and reads the number of a step nowhere else."""
        sides = self.tensors[entry.base.label.name].axes
        others = [place for place, side in zip(entry.indices, sides, strict=True) if side != self.axis]
        plain = [place.xreplace(dict.fromkeys(place.atoms(Indexed), Integer(1))) for place in others]
        found = {i for place in plain for i in place.free_symbols if isinstance(i, Index)}
        return along <= 1 and all(i.axis != self.axis for i in found)


def _in_steps(
    part: Equation | Recurrence, reads: Mapping[str, _Reads], fresh: Callable[[str], str]
) -> Equation | Recurrence:
    """A part that reads earlier steps of its own tensors only."""
    if isinstance(part, Equation):
        read = reads[part.target.name]
        if not (read.earlier or read.numbered):
            return part
        part = Recurrence((part,), {part.target.name: read.places}, False, 0)
    earlier: dict[Tensor, int] = {}
    for equation in part.equations:
        for tensor, back in reads[equation.target.name].earlier.items():
            earlier[tensor] = max(back, earlier.get(tensor, 0))
    copies = {
        t: replace(t, name=fresh(f"{t.name}_kept"), role=Role.PLAIN.value) for t in earlier if t.name not in part.places
    }
    if not copies:
        return part
    supply, axis, places = IndexSupply("kept"), part.axis, {**part.places}
    stated = []
    for tensor, copy in copies.items():
        places[copy.name] = next(n for n, side in enumerate(tensor.axes) if side == axis)
        indices = supply.several(tensor.axes)
        stated.append(Equation(copy, indices, tensor[indices]))
    by_name = {t.name: copy for t, copy in copies.items()}
    equations = tuple(_reading(reads[e.target.name], by_name) for e in part.equations)
    return Recurrence((*equations, *stated), places, False, max(earlier.values()))


def _reading(reads: _Reads, copies: Mapping[str, Tensor]) -> Equation:
    """An equation that reads copies at earlier places."""
    put = {}
    for entry, tensor, _, place in reads.entries:
        if tensor.name in copies and reads.own is not None and shift(place, reads.own):
            put[entry] = copies[tensor.name][entry.indices]
    return replace(reads.equation, expression=reads.equation.expression.xreplace(put))
