"""Linear equations for all unit directions at once: each tensor keeps the index of the direction.

The derivatives along given directions v, and those of Σ u ⊙ q with given numbers u, are linear in what is given. For
the direction in which one entry of a given tensor is 1 and all others are 0, they are one column or one row of a
matrix. With the index of that entry on each tensor, they are the whole matrix, without a loop.

If the given tensor has samples, the direction is one of all samples, and each tensor keeps the index of the sample,
also a sum over samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from sympy import Expr, Indexed, Integer, KroneckerDelta, Mul, Sum, Symbol

from derive.calculus.deltas import Ranges, contract, expand, tidy
from derive.calculus.index import SAMPLE_AXIS, Equation, Index, IndexSupply, Tensor, delta, put, symbols_read, total
from derive.calculus.recurrence import recurrences
from derive.record import record
from derive.text.errors import StatementError

#: The message for samples of a batch that are coupled.
COUPLED = (
    "the samples of a batch are coupled, so that there are no equations of the diagonal of the Gauss-Newton matrix: "
    "multiply the matrix by unit vectors"
)


@record
class Columns:
    """A tensor of linear equations for each unit direction.

    ``value`` is its entry at ``indices`` in the sample ``sample`` for the direction with the indices ``unit``. The
    index of the sample is that of the axis ``place`` of the tensor; if it is none of its own, the columns keep it.
    ``equation`` defines them as a tensor; None if they are put in where they are read, since they are 0 but at some
    places.
    """

    unit: tuple[Index, ...]
    indices: tuple[Index, ...]
    sample: Index | None
    place: int | None
    value: Expr
    equation: Equation | None = None

    @property
    def keeps(self) -> bool:
        """Whether the tensor has no samples of its own, and its columns have."""
        return self.sample is not None and self.place is None

    def parted(self, indices: Sequence[Expr]) -> tuple[tuple[Expr, ...], Expr | None]:
        """The indices of an entry of the tensor without that of the sample, and that one."""
        if self.place is None:
            return tuple(indices), None
        return (*indices[: self.place], *indices[self.place + 1 :]), indices[self.place]

    def at(self, unit: Sequence[Expr], indices: Sequence[Expr], sample: Expr | None) -> Expr:
        """The entry at indices in a sample for a direction, as it is read."""
        return self._put(self.value if self.equation is None else self.equation.left, unit, indices, sample)

    def inside(self, unit: Sequence[Expr], indices: Sequence[Expr], sample: Expr | None) -> Expr:
        """The right side of its equation there."""
        return self._put(self.value, unit, indices, sample)

    def _put(self, found: Expr, unit: Sequence[Expr], indices: Sequence[Expr], sample: Expr | None) -> Expr:
        known = dict(zip((*self.unit, *self.indices), (*unit, *indices), strict=True))
        if self.sample is not None and sample is not None:
            known[self.sample] = sample
        return put(found, known)


@record
class Units:
    """Makes the columns of linear equations for the unit directions of ``seed``.

    The equations are linear in the tensors ``given``, of which all others than the seed are 0. ``name`` gives columns
    a name. If they are ``dense``, a sum with a term that is 0 but at some places is put in where it is read, too.
    """

    seed: Tensor
    given: frozenset[str]
    supply: IndexSupply
    ranges: Ranges
    name: Callable[[Tensor], str]
    dense: bool = False

    def columns(self, equations: Sequence[Equation]) -> dict[str, Columns]:
        """Return the columns by the names of the tensors; what is 0 is left out.

        Raises StatementError if samples are coupled: what belongs to one sample then depends on the seed in others.
        """
        axes = [axis for axis in self.seed.axes if not axis.sample]
        unit, places = self.supply.several(axes), self.supply.several(axes)
        sample = self.supply.fresh(SAMPLE_AXIS) if len(axes) < len(self.seed.axes) else None
        start = Mul(*map(delta, places, unit))
        found = {self.seed.name: Columns(unit, places, sample, _place(self.seed), start)}
        live, linear = self._live(equations), {*self.given, *(e.target.name for e in equations)}
        circles = {name for r in recurrences(equations) for name in r.places}
        columns = {e.target.name: self._empty(e, unit, sample) for e in equations if e.target.name in live}
        found |= {name: of for name, of in columns.items() if name in circles}
        for equation in (e for e in equations if e.target.name in live):
            name, empty = equation.target.name, columns[equation.target.name]
            value = self._value(equation, empty, found, linear)
            if value != 0:
                assert empty.equation is not None
                stored = name in circles or not self._is_put_in(value, unit)
                own = Equation(empty.equation.target, empty.equation.indices, value) if stored else None
                found[name] = replace(empty, value=value, equation=own)
        return found

    def _is_put_in(self, value: Expr, unit: tuple[Index, ...]) -> bool:
        """Whether an entry is that of another tensor, or 0 but at some places: all its terms, or one if ``dense``."""
        if isinstance(value, Indexed):
            return True
        terms = expand(value, self.supply) if value.has(KroneckerDelta) else []
        found = [any(isinstance(f, KroneckerDelta) and f.free_symbols & {*unit} for f in t.factors) for t in terms]
        return any(found) if self.dense else bool(found) and all(found)

    def _live(self, equations: Iterable[Equation]) -> set[str]:
        """The names of the tensors that depend on the seed."""
        live, before = {self.seed.name}, set[str]()
        while live != before:
            before = {*live}
            live |= {e.target.name for e in equations if live.intersection(symbols_read(e.expression))}
        return live

    def _empty(self, equation: Equation, unit: tuple[Index, ...], sample: Index | None) -> Columns:
        """The columns of a tensor without their value."""
        target, place = equation.target, _place(equation.target)
        indices = tuple(i for i in equation.indices if not i.axis.sample)
        at = sample if place is None else equation.indices[place]
        whole = (*unit, *indices, *(() if at is None else (at,)))
        tensor = Tensor(self.name(target), target.role, tuple(i.axis for i in whole))
        return Columns(unit, indices, at, place, Integer(0), Equation(tensor, whole, Integer(0)))

    def _value(self, equation: Equation, empty: Columns, found: Mapping[str, Columns], linear: set[str]) -> Expr:
        """The right side of an equation for the unit directions."""

        def entry(name: str, indices: tuple[Expr, ...]) -> Expr:
            if name not in found:
                return Integer(0)
            read = found[name]
            places, at = read.parted(indices)
            if self._sampled and not empty.keeps and at != empty.sample:
                raise StatementError(COUPLED)
            return read.at(empty.unit, places, empty.sample if at is None else at)

        def over_samples(node: Sum) -> list[Index]:
            """The indices of samples that a sum binds and a linear tensor is read at."""
            entries = (e for e in node.function.atoms(Indexed) if e.base.label.name in linear)
            read = {i for e in entries for i in e.indices}
            return [limit[0] for limit in node.limits if limit[0].axis.sample and limit[0] in read]

        def put_in(node: Expr) -> Expr:
            if isinstance(node, Indexed) and node.base.label.name in linear:
                return entry(node.base.label.name, node.indices)
            if isinstance(node, Symbol) and node.name in linear and not (isinstance(node, Index) or node.is_integer):
                return entry(node.name, ())
            if not node.args or not linear.intersection(symbols_read(node)):
                return node
            if not isinstance(node, Sum):
                return node.func(*map(put_in, node.args))
            if empty.keeps and (over := over_samples(node)):
                rest = [limit[0] for limit in node.limits if limit[0] not in over]
                body = put(node.function, dict.fromkeys(over, empty.sample))
                return put_in(total(body, *rest) if rest else body)
            body = put_in(node.function)
            return node.func(body, *node.limits) if body != 0 else body

        return tidy(contract(put_in(equation.expression), self.supply, (), self.ranges))

    @property
    def _sampled(self) -> bool:
        return any(axis.sample for axis in self.seed.axes)


def _place(tensor: Tensor) -> int | None:
    """The number of the axis of the samples; None if there is none. Raises StatementError if there are several."""
    found = [number for number, axis in enumerate(tensor.axes) if axis.sample]
    if len(found) > 1:
        raise StatementError(COUPLED)
    return found[0] if found else None
