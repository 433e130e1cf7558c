"""The equations of a recurrence at one step, and how the tensors of a step depend on those of an earlier one.

At a step, the place on the ordered axis is fixed: what is read there, and what is read at an earlier place, are tensors
of their own. They do not read each other in a circle, so the chain rule applies to them as to any other equations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property

from sympy import Expr, Indexed, Integer

from derive.calculus.chain_rule import LocalDerivative, local_derivative, put_in
from derive.calculus.deltas import contract, tidy
from derive.calculus.index import Equation, Index, IndexSupply, Tensor, symbols_read
from derive.calculus.recurrence import Recurrence, entries_of, shift
from derive.calculus.short_forms import ShortForms
from derive.record import record


@record
class Place:
    """A tensor of a recurrence at the place of the step plus ``moved``, as a tensor without the ordered axis."""

    tensor: Tensor
    position: int
    moved: int
    held: Tensor

    def indices(self, own: tuple[Expr, ...], step: Index) -> tuple[Expr, ...]:
        """The indices of the tensor, from those of ``held`` and that of the step."""
        return (*own[: self.position], step + self.moved, *own[self.position :])


@record
class StepDerivative:
    """The derivative of a tensor at a step with respect to one at an earlier place, along all paths between them.

    Other tensors of earlier places are held fixed. ``paths`` begin at ``of``; ``value`` is the derivative of
    ``of`` with ``of_indices``, which have no place on the ordered axis.
    """

    of: Place
    wrt: Place
    of_indices: tuple[Index, ...]
    wrt_indices: tuple[Index, ...]
    paths: tuple[tuple[LocalDerivative, ...], ...]
    value: Expr


@record
class OneStep:
    """A recurrence at one step, whose place is ``step``."""

    recurrence: Recurrence
    supply: IndexSupply

    @cached_property
    def step(self) -> Index:
        """The index of the step."""
        return self.recurrence.index(self.recurrence.equations[0])

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """The tensors of the recurrence at the places that a step reads, by the names of their ``held``."""
        tensors = {e.target.name: e.target for e in self.recurrence.equations}
        found = [self._place(t, 0) for t in tensors.values()]
        for equation in self.recurrence.equations:
            for entry in entries_of(equation.expression, tensors):
                name = entry.base.label.name
                found.append(self._place(tensors[name], self._moved(entry, equation)))
        return {p.held.name: p for p in found}

    @cached_property
    def equations(self) -> tuple[Equation, ...]:
        """The equations of a step."""
        return tuple(map(self._at_step, self.recurrence.equations))

    @cached_property
    def earlier(self) -> tuple[Place, ...]:
        """What a step reads of other steps: nearest first."""
        found = [p for p in self.places.values() if p.moved]
        return tuple(sorted(found, key=lambda p: abs(p.moved)))

    @cached_property
    def derivatives(self) -> tuple[StepDerivative, ...]:
        """How each tensor that later steps read depends on each that the step reads of earlier ones."""
        states = {p.tensor.name: self.places[_name(p.tensor, 0)] for p in self.earlier}
        pairs = ((of, wrt) for wrt in self.earlier for of in states.values())
        return tuple(found for of, wrt in pairs if (found := self._derivative(of, wrt)).paths)

    def _derivative(self, of: Place, wrt: Place) -> StepDerivative:
        paths = tuple(self._paths(of.held.name, wrt.held.name))
        rows, columns = self.supply.several(of.held.axes), self.supply.several(wrt.held.axes)
        value = Integer(0)
        for first, *others in paths:
            found = first.value.xreplace(dict(zip(first.of_indices, rows, strict=True)))
            outer = first.wrt_indices
            for edge in others:
                found = contract(put_in(found, outer, edge), self.supply, edge.of_indices)
                outer = edge.wrt_indices
            value += found.xreplace(dict(zip(outer, columns, strict=True)))
        return StepDerivative(of, wrt, rows, columns, paths, tidy(value))

    def _paths(self, of: str, wrt: str) -> Iterator[tuple[LocalDerivative, ...]]:
        for edge in self._edges.get(of, ()):
            if edge.wrt.name == wrt:
                yield (edge,)
            else:
                yield from ((edge, *rest) for rest in self._paths(edge.wrt.name, wrt))

    @cached_property
    def _edges(self) -> Mapping[str, tuple[LocalDerivative, ...]]:
        """The local derivatives of the equations of a step that are not 0."""
        short, held = ShortForms(self.equations), {n: p.held for n, p in self.places.items()}
        ranges = {name: tensor.axes for name, tensor in held.items()}
        found = {}
        for equation in self.equations:
            read = [held[name] for name in symbols_read(equation.expression) if name in held]
            edges = (local_derivative(equation, tensor, self.supply, ranges, short) for tensor in read)
            found[equation.target.name] = tuple(edge for edge in edges if edge.value != 0)
        return found

    def at_places(self, value: Expr) -> Expr:
        """A formula of a step with the entries of the recurrence in place of those of the step."""
        read = (a for a in value.atoms(Indexed) if a.base.label.name in self.places)
        put = {a: self._entry(self.places[a.base.label.name], tuple(a.indices)) for a in read}
        return value.xreplace(put)

    def _entry(self, place: Place, own: tuple[Expr, ...]) -> Expr:
        return place.tensor[place.indices(own, self.step)]

    def _at_step(self, equation: Equation) -> Equation:
        own = self.recurrence.index(equation)
        put: dict[Expr, Expr] = {}
        for entry in entries_of(equation.expression, self.recurrence.places):
            name = entry.base.label.name
            place = self.places[_name(self._tensor(name), self._moved(entry, equation))]
            put[entry] = place.held[tuple(i for n, i in enumerate(entry.indices) if n != place.position)]
        right = equation.expression.xreplace(put).xreplace({own: self.step})
        indices = tuple(i for i in equation.indices if i != own)
        return replace(equation, target=self.places[_name(equation.target, 0)].held, indices=indices, expression=right)

    def _tensor(self, name: str) -> Tensor:
        return next(e.target for e in self.recurrence.equations if e.target.name == name)

    def _moved(self, entry: Indexed, equation: Equation) -> int:
        place = entry.indices[self.recurrence.places[entry.base.label.name]]
        moved = shift(place, self.recurrence.index(equation))
        assert moved is not None
        return int(moved)

    def _place(self, tensor: Tensor, moved: int) -> Place:
        position = self.recurrence.places[tensor.name]
        axes = (*tensor.axes[:position], *tensor.axes[position + 1 :])
        return Place(tensor, position, moved, replace(tensor, name=_name(tensor, moved), axes=axes))


def _name(tensor: Tensor, moved: int) -> str:
    """The name of a tensor at a place; it is no valid name, so no other tensor has it."""
    return f"{tensor.name} at {moved}"
