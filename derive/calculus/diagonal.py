"""The diagonal of the Gauss-Newton matrix Jᵀ H J without a loop: the sum over outputs k and l of J_kw H_kl J_lw.

Both matrices come from equations that are linear in what is given: J from the backward pass of Σ u ⊙ q, whose tensors
keep the index of the output, H from the derivatives of ∂E/∂q along directions of the outputs q, which keep the index
of the direction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import product

from sympy import Add, Expr, Integer, Mul

from derive.calculus.again import Restated, free, stated
from derive.calculus.chain_rule import Chains
from derive.calculus.curvature import COPY, Cut, needed, tangent_equations
from derive.calculus.deltas import contract, renumbered, tidy
from derive.calculus.forward import ForwardPass
from derive.calculus.index import (
    SAMPLE_AXIS,
    Axis,
    Equation,
    Index,
    IndexSupply,
    Tensor,
    delta,
    put,
    symbols_read,
    total,
)
from derive.calculus.program import Program
from derive.calculus.roles import Role
from derive.calculus.units import Columns, Units
from derive.record import record

#: What is found.
DIAGONAL = "gauss_newton_diagonal"
#: The notes of the equations of the diagonal, and of what the entries of several parameters have in common.
ENTRIES, COMMON = "diagonal", "curvature"
#: The notes of the equations of derivatives of the outputs, and of second derivatives with respect to them.
ROW, COLUMN = "derivatives of the outputs", "second derivatives with respect to the outputs"

#: Columns by the names of tensors, and entries of J by those of outputs.
Rows = Mapping[str, Columns]
Entries = Mapping[str, "_Entry"]


def diagonal(parts: Cut, turned: Program, found: Restated, curved: Chains) -> ForwardPass:
    """The forward pass of the diagonal of the Gauss-Newton matrix, with the parameters as data.

    ``turned`` is the program of Jᵀ u, ``found`` has the equations of the derivatives of the error with respect to the
    outputs, and ``curved`` has their local derivatives. Each sample has a weight c in the diagonal. The backward pass
    is the derivative of v times the diagonal with respect to it, the trace of the part of the sample where v is 1.
    Raises StatementError if samples are coupled.
    """
    return _Diagonal(parts, turned, found, curved).forward_pass()


class _Diagonal:
    """Puts the equations together.

    ``rows`` has the derivatives of each output by the names of what they are with respect to, ``columns`` those of
    ∂E/∂q with respect to each output by the names of the outputs q; ``before`` are the equations of both. ``layers``
    has what a parameter leads to, if that is one tensor.
    """

    def __init__(self, parts: Cut, turned: Program, found: Restated, curved: Chains) -> None:
        self.parts, self.forward = parts, parts.forward
        known = {e.target.name for e in parts.before}
        after = tuple(e for e in found.equations if e.target.name not in known and e.note != COPY)
        self.names = {*self.forward.tensors, *self.forward.constants, *(e.target.name for e in after)}
        self.supply = IndexSupply("q", self.names)
        self.ranges = {**self.forward.ranges, **{e.target.name: e.target.axes for e in after}}
        self.outputs = {t.name: t for t in (*parts.outputs, *parts.learned)}
        self.gradients = tuple(g.name for g in found.gradients)
        self.before, self.common = [*parts.before, *after], dict[tuple[tuple[str, Expr], ...], Tensor]()
        self.layers = dict[str, str]()
        self.rows, self.columns = self._rows(turned), self._columns(found, curved)
        self.weight = self._tensor("c", Role.INPUT, (SAMPLE_AXIS,) if self._sampled(*self.outputs) else ())

    def forward_pass(self) -> ForwardPass:
        forward, found, slopes, terms = self.forward, list[Equation](), list[Tensor](), list[Expr]()
        for parameter in forward.parameters:
            indices = self.supply.several(parameter.axes)
            entry = self._tensor(f"D_{parameter.name}", Role.PLAIN, parameter.axes)
            slope = replace(self._tensor(f"v_{parameter.name}", Role.TARGET, parameter.axes), about=entry)
            found.append(Equation(entry, indices, self._entry(parameter, indices), ENTRIES))
            slopes.append(slope)
            terms.append(total(slope[indices] * entry[indices], *indices) if indices else slope[()] * entry[()])
        error = Equation(self._tensor("S", Role.ERROR, ()), (), Add(*terms), "error")
        root = forward.error.target.name  # which the documents explain
        kept = needed((*self.before, *found), (root, *self.gradients, *(e.target.name for e in found)))
        read = {name for e in kept for name in symbols_read(e.expression)}
        given = (t for t in (*forward.inputs, *forward.parameters) if t.name in read)
        data = {t.name: replace(t, role=Role.INPUT.value, layer=None) for t in given}
        return replace(
            forward,
            equations=(*kept, error),
            inputs=(*data.values(), self.weight, *slopes),
            parameters=(),
            promises=tuple(replace(p, tensor=data[p.tensor.name]) for p in forward.promises if p.tensor.name in data),
            outputs=(
                *(e.target.name for e in found),
                *self.gradients,
                *(t.name for t in self.parts.outputs),
            ),  # for checks
            starts={},
            running=(),
            sought=(self.weight.name,),
        )

    # The two matrices.

    def _rows(self, turned: Program) -> dict[str, Rows]:
        backward = turned.stage("factor", "gradient")
        equations = tuple(replace(s.equation, expression=stated(s.equation.expression)) for s in backward)
        ranges = {**self.ranges, **{t.name: t.axes for t in turned.tensors.values()}}
        about = {s.target.name: s.target.owner.name for s in backward if s.stage == "gradient"}
        found, given = dict[str, Rows](), frozenset(t.name for t in turned.upstream)
        linear = {*given, *(s.target.name for s in backward)}
        for statement in turned.stage("gradient"):
            read = {turned.tensors[n].owner.name for n in symbols_read(statement.equation.expression) if n in linear}
            if len(read) == 1:
                (self.layers[statement.target.owner.name],) = read
        for seed in turned.upstream:
            named = partial(self._part, "J", seed.owner)
            rows = Units(seed, given, self.supply, ranges, named).columns(equations)
            found[seed.owner.name] = {**rows, **{about[n]: row for n, row in rows.items() if n in about}}
            self._add(rows.values(), ROW)
        for parameter in self.parts.learned:
            places, unit = self.supply.several(parameter.axes), self.supply.several(parameter.axes)
            same = Columns(unit, places, None, None, Mul(*map(delta, places, unit)))
            found[parameter.name] = {parameter.name: same}
        return found

    def _columns(self, found: Restated, curved: Chains) -> dict[str, Rows]:
        taken = {*self.names}
        leads = {n: Tensor(free(f"v_{n}", taken), Role.TARGET.value, t.axes, about=t) for n, t in self.outputs.items()}
        taken |= {t.name for t in leads.values()}
        equations, moved = tangent_equations(curved.forward, curved, leads, self.gradients, taken)
        ranges = {**self.ranges, **{t.name: t.axes for t in moved.values()}}
        about = {moved[name].name: t for name, t in curved.forward.tensors.items() if name in moved}
        result, given = dict[str, Rows](), frozenset(t.name for t in leads.values())
        for name, lead in leads.items():

            def named(target: Tensor, output: Tensor = lead.owner) -> str:
                return self._part("H", output, about[target.name])

            columns = Units(lead, given, self.supply, ranges, named, dense=True).columns(equations)
            slopes = ((g.owner.name, moved[g.name].name) for g in found.gradients if g.name in moved)
            result[name] = {of: columns[slope] for of, slope in slopes if slope in columns}
            self._add(columns.values(), COLUMN)
        return result

    def _add(self, columns: Iterable[Columns], note: str) -> None:
        """Take the equations of columns among those before the diagonal."""
        found = [replace(c.equation, note=note) for c in columns if c.equation is not None]
        self.before += found
        self.ranges |= {e.target.name: e.target.axes for e in found}

    def _part(self, letter: str, output: Tensor, target: Tensor) -> str:
        """The name of a part of a matrix; it does not say which output it is of if there is only one."""
        ends = (output.name, target.owner.name) if len(self.parts.outputs) > 1 else (target.owner.name,)
        return self._new("_".join((letter, *ends)))

    def _new(self, name: str) -> str:
        """The name, with underscores if it is taken, which it then is."""
        found = free(name, self.names)
        self.names.add(found)
        return found

    def _tensor(self, name: str, role: Role, axes: tuple[Axis, ...]) -> Tensor:
        return Tensor(self._new(name), role.value, axes)

    def _sampled(self, *outputs: str) -> bool:
        """Whether one of the outputs has samples."""
        return any(axis.sample for name in outputs for axis in self.outputs[name].axes)

    # The entries of the diagonal.

    def _entry(self, parameter: Tensor, indices: tuple[Index, ...]) -> Expr:
        """The entry of the diagonal at indices of a parameter."""
        rows = {name: of[parameter.name] for name, of in self.rows.items() if parameter.name in of}
        own = {name: row for name, row in rows.items() if name == parameter.name}
        others = {name: row for name, row in rows.items() if name not in own}
        sample = self.supply.fresh(SAMPLE_AXIS)
        found = self._by_common(parameter, others, indices, sample) if others else Integer(0)
        beside, direct = _entries(own, indices, sample), _entries(others, indices, sample)
        found += Add(*(value for value, _ in self._pairs(beside, beside, sample)))
        mixed = [*self._pairs(beside, direct, sample), *self._pairs(direct, beside, sample)]
        if (value := Add(*(value for value, _ in mixed))) != 0:
            last = (sample,) if any(sampled for _, sampled in mixed) else ()
            found += self._weighed(
                self._named(parameter, (*indices, *last), value)[(*indices, *last)], sample if last else None
            )
        return tidy(found)

    def _by_common(self, parameter: Tensor, rows: Rows, indices: tuple[Index, ...], sample: Index) -> Expr:
        """The entry by a tensor of J_k H_kl J_l, summed over the outputs, which the parameters of a layer share.

        Factors that are the same for all outputs, and read what the others do not, are left out of that tensor.
        """
        parted = {name: _parted(row, indices, sample) for name, row in rows.items()}
        same = len({rest for _, rest in parted.values()}) == 1
        entries = {name: part for name, (part, _) in parted.items()} if same else _entries(rows, indices, sample)
        rest = next(iter(parted.values()))[1] if same else Integer(1)
        read = set[Expr]().union(*(entry.value.free_symbols for entry in entries.values()))
        last = (sample,) if self._sampled(*rows) else ()
        places = (*(i for i in indices if i in read), *last)
        form = tuple((name, entry.canonical(places)) for name, entry in entries.items())
        if form not in self.common:
            value = Add(*(value for value, _ in self._pairs(entries, entries, sample)))
            self.common[form] = self._named(parameter, places, value)
        return self._weighed(self.common[form][places] * rest**2, sample if last else None)

    def _named(self, parameter: Tensor, places: tuple[Index, ...], value: Expr) -> Tensor:
        """A tensor with this value, called after what the parameter leads to."""
        found = self._tensor(
            f"Q_{self.layers.get(parameter.name, parameter.name)}", Role.PLAIN, tuple(i.axis for i in places)
        )
        self.before.append(Equation(found, places, value, COMMON))
        return found

    def _pairs(self, left: Entries, right: Entries, sample: Index) -> Iterator[tuple[Expr, bool]]:
        """The parts of J_kw H_kl J_lw for pairs of outputs, and whether one has samples."""
        for (last, behind), (first, before) in product(right.items(), left.items()):
            if first in self.columns[last]:
                at, unit = (self.supply.several(i.axis for i in entry.unit) for entry in (before, behind))
                inner = self._contracted(self.columns[last][first].at(unit, at, sample) * behind.of(unit), unit)
                yield self._contracted(inner * before.of(at), at), self._sampled(first, last)

    def _contracted(self, expression: Expr, over: tuple[Index, ...]) -> Expr:
        return tidy(contract(expression, self.supply, over, self.ranges))

    def _weighed(self, value: Expr, sample: Index | None) -> Expr:
        """A part of an entry, added up over the samples with their weights."""
        if sample is not None:
            return total(self.weight[(sample,)] * value, sample)
        return value if self.weight.axes else self.weight[()] * value


@record
class _Entry:
    """The entry of J for an output with the indices ``unit``, at indices of a parameter."""

    unit: tuple[Index, ...]
    value: Expr

    def of(self, unit: Sequence[Expr]) -> Expr:
        """The entry for an output."""
        return put(self.value, dict(zip(self.unit, unit, strict=True)))

    def canonical(self, places: Sequence[Index]) -> Expr:
        """The entry with indices whose names are the same for all parameters."""
        named = {i: Index(f"p{number}", i.axis) for number, i in enumerate((*places, *self.unit))}
        return renumbered(put(self.value, named))


def _entries(rows: Rows, indices: tuple[Index, ...], sample: Index) -> Entries:
    """The entries of rows."""
    return {name: _Entry(row.unit, row.at(row.unit, indices, sample)) for name, row in rows.items()}


def _parted(row: Columns, indices: tuple[Index, ...], sample: Index) -> tuple[_Entry, Expr]:
    """The factors of an entry with the index of the output, with what reads no more than they do, and the others."""
    factors = Mul.make_args(row.inside(row.unit, indices, sample))
    own = [f for f in factors if f.free_symbols & {*row.unit}]
    read = set[Expr]().union(*(f.free_symbols for f in own)) & {*indices}
    rest = Mul(*(f for f in factors if f.free_symbols & ({*indices} - read)))
    if rest == 1:
        return _Entry(row.unit, row.at(row.unit, indices, sample)), rest
    return _Entry(row.unit, Mul(*(f for f in factors if not f.free_symbols & ({*indices} - read)))), rest
