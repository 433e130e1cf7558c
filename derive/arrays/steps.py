"""The equations of a recurrence at one step: what is computed inside a loop, and what can be computed before it.

At a step, the ordered axis is a place and no axis. An entry ``h[t - 1, i]`` becomes the entry ``i`` of a tensor that
holds that place of h.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from sympy import Add, Expr, Indexed, Integer, KroneckerDelta, Sum, Symbol

from derive.calculus.index import Axis, Equation, Index, Tensor, symbols_read
from derive.calculus.recurrence import Recurrence, shift
from derive.calculus.roles import Role
from derive.record import record


@dataclass(frozen=True)
class Slice(Tensor):
    """The entries of a tensor at one place of an axis: that of the step, called ``step``, plus ``moved``."""

    of: Tensor | None = field(default=None, compare=False)
    position: int = 0
    moved: int = 0
    step: str = ""

    @property
    def place(self) -> str:
        """The place, counted from 0, as Python writes it."""
        return f"{self.step} {'+' if self.moved > 0 else '-'} {abs(self.moved)}" if self.moved else self.step

    def subscripts(self, own: list[str]) -> list[str]:
        """The subscripts of the array of the whole tensor, from those of the other axes."""
        assert self.of is not None
        if self.of.is_column:
            return [self.place, "0"]
        at = self.of.stored_order.index(self.position)
        return [*own[:at], self.place, *own[at:]]

    @property
    def samples_first(self) -> bool:
        """Whether the axis of the samples is the first of the array, for any number of axes."""
        return True

    @property
    def is_column(self) -> bool:
        """Whether the array has two axes although the tensor has one."""
        return False


def whole_of(tensor: Tensor) -> Tensor:
    """The tensor of which a slice is a part, or else the tensor itself."""
    return tensor.of if isinstance(tensor, Slice) and tensor.of else tensor


@record
class Steps:
    """A recurrence as the equations ``before`` its loop, and those of a step; ``slices`` are what a step reads."""

    before: tuple[Equation, ...]
    inside: tuple[Equation, ...]
    slices: tuple[Slice, ...]


def steps_of(
    recurrence: Recurrence, tensors: Mapping[str, Tensor], step: str, fresh: Callable[[str, Expr], str], done: str = ""
) -> Steps:
    """Split a recurrence.

    ``step`` is the name of the number of a step, counted from 0 or from the number of those that are ``done``;
    ``fresh`` returns a name for what is computed before the loop, from a wanted name and the formula.
    """
    split = _Split(recurrence, {**tensors}, Symbol(step, integer=True), fresh)
    split.done = Symbol(done, integer=True) if done else Integer(0)
    inside = [split.step(equation) for equation in recurrence.equations]
    return Steps(tuple(split.before.values()), tuple(inside), tuple(split.slices.values()))


def elsewhere(entry: Indexed, t: Index) -> tuple[str, tuple[Index, ...]]:
    """A name and the indices of a tensor that holds, at ``t``, an entry at another place of the axis of ``t``."""
    others = sorted((i for i in entry.atoms(Index) if i != t), key=lambda i: (i.axis.sample, str(i)))
    moved = shift(next(place for place in entry.indices if t in place.free_symbols), t)
    called = "read" if moved is None else "after" if moved > 0 else "before"
    return f"{entry.base.label.name}_{called}", (t, *others)


def nameless(value: Expr, indices: tuple[Index, ...]) -> Expr:
    """A formula whose indices are called after their order."""
    return value.xreplace({i: Index(f"_{n}", i.axis) for n, i in enumerate(indices)})


@record
class Moved:
    """An entry of a whole axis that is moved by some places, with a name and indices for a tensor that holds it."""

    entry: Indexed
    called: str
    indices: tuple[Index, ...]

    @property
    def alike(self) -> Expr:
        """The entry with indices that are called after their order."""
        return nameless(self.entry, self.indices)


def moved_entries(expression: Expr, tensors: Mapping[str, Tensor]) -> Iterator[Moved]:
    """Yield the entries that an expression reads at moved places of a whole axis, in a fixed order."""
    for entry in sorted(expression.atoms(Indexed), key=str):
        tensor = tensors[entry.base.label.name]
        moved = [n for n, place in enumerate(entry.indices) if not isinstance(place, Index)]
        own = [i for i in entry.atoms(Index) if len(moved) == 1 and i.axis == tensor.axes[moved[0]]]
        own = [i for i in own if shift(entry.indices[moved[0]], i) is not None]
        if own and len(entry.atoms(Index)) == len(entry.indices):
            yield Moved(entry, *elsewhere(entry, own[0]))


class _Split:
    def __init__(
        self, recurrence: Recurrence, tensors: dict[str, Tensor], number: Symbol, fresh: Callable[[str, Expr], str]
    ) -> None:
        self.recurrence, self.tensors, self.number, self.fresh = recurrence, tensors, number, fresh
        self.done: Expr = Integer(0)
        #: The equations of what is computed before the loop, by their right sides without the names of indices.
        self.before: dict[Expr, Equation] = {}
        self.slices: dict[str, Slice] = {}

    def step(self, equation: Equation) -> Equation:
        """The equation of one step."""
        t = self.recurrence.index(equation)
        right = self._ahead(equation, t)
        right = right.xreplace({entry: self._entry(entry, t) for entry in sorted(right.atoms(Indexed), key=str)})
        right = right.xreplace({t: self.number + self.done + t.axis.start})
        target = self._slice(equation.target, self.recurrence.places[equation.target.name], 0)
        return replace(equation, target=target, indices=tuple(i for i in equation.indices if i != t), expression=right)

    def _ahead(self, equation: Equation, t: Index) -> Expr:
        """The right side, with tensors for the sums that read nothing of the recurrence."""
        right = equation.expression
        for terms in sorted(right.atoms(Add), key=lambda node: (-node.count_ops(), str(node))) or [right]:
            if not right.has(terms):
                continue
            given = [term for term in Add.make_args(terms) if self._is_given(term, t)]
            free = {s for term in given for s in term.free_symbols if isinstance(s, Index)}
            if any(term.has(Sum) and t in term.free_symbols for term in given) and free <= {*equation.indices}:
                left = tuple(i for i in equation.indices if i in free)
                name = f"{equation.target.name}_given"
                rest = [term for term in Add.make_args(terms) if term not in given]
                right = right.xreplace({terms: Add(self._computed(name, left, Add(*given)), *rest)})
        return right

    def _is_given(self, expression: Expr, t: Index) -> bool:
        """Whether a term can be computed before the loop: it reads neither the recurrence nor the number of a step."""
        numbered = any(delta.has(t) for delta in expression.atoms(KroneckerDelta))
        return not numbered and not {*symbols_read(expression)} & {*self.recurrence.places}

    def _entry(self, entry: Indexed, t: Index) -> Expr:
        """An entry at a step; one of a tensor outside the recurrence at another place is computed before."""
        if t not in entry.free_symbols:
            return entry
        name = entry.base.label.name
        tensor, inside = self.tensors[name], name in self.recurrence.places
        places = [n for n, place in enumerate(entry.indices) if t in place.free_symbols]
        moved = shift(entry.indices[places[0]], t)
        plain = len(places) == 1 and moved is not None and tensor.axes[places[0]] == t.axis
        if not inside and not (plain and moved == 0):
            return self._entry(self._computed(*elsewhere(entry, t), entry), t)
        assert moved is not None
        held = self._slice(tensor, places[0], int(moved))
        return held[tuple(i for n, i in enumerate(entry.indices) if n != places[0])]

    def _computed(self, name: str, indices: tuple[Index, ...], value: Expr) -> Expr:
        """The entry of a tensor that is computed before the loop."""
        alike = nameless(value, indices)
        if alike not in self.before:
            target = Tensor(self.fresh(name, alike), Role.PLAIN.value, tuple(i.axis for i in indices))
            self.tensors[target.name] = target
            self.before[alike] = Equation(target, indices, value)
        return self.before[alike].target[indices]

    def _slice(self, tensor: Tensor, position: int, moved: int) -> Slice:
        name = f"{tensor.name} at {moved}"
        if name not in self.slices:
            axes: tuple[Axis, ...] = (*tensor.axes[:position], *tensor.axes[position + 1 :])
            self.slices[name] = Slice(
                name,
                Role.PLAIN.value,
                axes,
                places=tensor.places,
                of=tensor,
                position=position,
                moved=moved,
                step=self.number.name,
            )
        return self.slices[name]
