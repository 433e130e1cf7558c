"""Find the entries that one entry of a parameter reaches on its way to the error.

An entry is identified by its indices along all axes but the samples: the paths
are those of one sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from sympy import Expr, Integer, KroneckerDelta

from derive.calculus.chain_rule import Chains, LocalDerivative
from derive.calculus.deltas import Term, expand
from derive.calculus.index import Axis, Index, IndexSupply, Tensor, within
from derive.calculus.roles import Role
from derive.record import record


@record
class Some:
    """An unspecified position along an axis; differently numbered ones may coincide."""

    number: int


#: A position along an axis of units: a number, an unspecified number, or all numbers.
Place = int | Some | Axis
Entry = tuple[Place, ...]


def reached(chains: Chains, parameter: Tensor, entry: tuple[int, ...]) -> dict[str, frozenset[Entry]]:
    """Return, for every tensor, the entries on a path from an entry of a parameter to the error."""
    found: dict[str, frozenset[Entry]] = {parameter.name: frozenset({entry})}
    before: dict[str, frozenset[Entry]] = {}
    while before != found:  # more than once for a recurrence
        before = dict(found)
        for equation in chains.forward.equations:
            edges = chains.edges.get(equation.target.name, ())
            entries = {e for edge in edges for start in found.get(edge.wrt.name, ()) for e in step(edge, start)}
            if entries:
                found[equation.target.name] = _widest(entries)
    return found


def path_count(chains: Chains, parameter: Tensor, entry: tuple[int, ...]) -> Expr | None:
    """Count the scalar paths from an entry of a parameter to the error, for one sample.

    The path through a penalty, which is not drawn, does not count. Returns None if the count differs
    between entries of the same tensor, or if an equation couples the samples of a batch.
    """
    if any(_couples_samples(edge) for edges in chains.edges.values() for edge in edges):
        return None

    counts: dict[str, dict[Entry, Expr]] = {parameter.name: {entry: Integer(1)}}
    try:
        for tensor in (parameter, *(equation.target for equation in chains.forward.equations)):
            for start, count in counts.get(tensor.name, {}).items():
                for edge in (edge for edge in chains.into(tensor) if edge.of.role != Role.PENALTY):
                    there = counts.setdefault(edge.of.name, {})
                    for found, times in _ways(edge, start):
                        there[found] = there.get(found, Integer(0)) + count * times
    except _UncertainError:
        return None
    return sum(counts.get(chains.forward.error.target.name, {}).values(), Integer(0)).expand()


def _couples_samples(edge: LocalDerivative) -> bool:
    """Whether one sample's entry depends on other samples or on a quantity that they share."""
    of, wrt = ([i for i in indices if i.axis.sample] for indices in (edge.of_indices, edge.wrt_indices))
    if len(of) > 1 or len(wrt) > 1:
        return True
    return bool(wrt) and edge.of.role != Role.ERROR and [edge.tied.get(i) for i in of] != wrt


class _UncertainError(ValueError):
    """It is unknown whether two entries are the same."""


def _ways(edge: LocalDerivative, start: Entry) -> Iterator[tuple[Entry, Expr]]:
    """Yield the entries that one entry leads to, as one representative each, with their number."""
    entries = _widest(step(edge, start, certain=True))
    if any(_may_meet(a, b) for a in entries for b in entries if a != b):
        raise _UncertainError
    for entry in entries:
        yield _one_of(entry), _product(n.extent for n in entry if isinstance(n, Axis))


def _one_of(entry: Entry) -> Entry:
    """Return one representative of the positions that an entry denotes."""
    fresh = iter(n for n in range(2 * len(entry)) if Some(n) not in entry)
    return tuple(Some(next(fresh)) if isinstance(n, Axis) else n for n in entry)


def _product(extents: Iterable[Expr]) -> Expr:
    total: Expr = Integer(1)
    for extent in extents:
        total *= extent
    return total


def _may_meet(one: Entry, other: Entry) -> bool:
    return all(a == b or not (isinstance(a, int) and isinstance(b, int)) for a, b in zip(one, other, strict=True))


def step(edge: LocalDerivative, start: Entry, certain: bool = False) -> frozenset[Entry]:
    """Return the entries of ``edge.of`` that depend on one entry of ``edge.wrt``.

    With ``certain``, raises if a delta leaves the dependence undecided.
    """
    units = [i for i in edge.wrt_indices if not i.axis.sample]
    known = dict(zip(units, start, strict=True))
    found = (_solved(term, known, certain) for term in _terms(edge))
    places = [i for i in edge.of_indices if not i.axis.sample]
    return frozenset(tuple(values.get(i, i.axis) for i in places) for values in found if values is not None)


@lru_cache(maxsize=1024)
def _terms(edge: LocalDerivative) -> tuple[Term, ...]:
    return tuple(expand(edge.value, IndexSupply("reach")))


def _solved(term: Term, known: dict[Index, Place], certain: bool) -> dict[Index, Place] | None:
    """The positions that the deltas of a term assign to its indices; None if they contradict each other."""
    values = dict(known)
    deltas = [f for f in term.factors if isinstance(f, KroneckerDelta)]
    before = None
    while values != before:
        before = dict(values)
        for delta in deltas:
            if not all(isinstance(a, Index) or a.is_Integer for a in delta.args):
                if certain:
                    raise _UncertainError
                continue
            one, other = (_value(a, values) for a in delta.args)
            if one is None and other is None:
                continue
            both = _narrower(one, other, certain)
            if both is None:
                return None
            for argument in delta.args:
                if isinstance(argument, Index):
                    if isinstance(both, int) and _off(both, argument):
                        return None
                    values[argument] = both
    return values


def _value(argument: Expr, values: dict[Index, Place]) -> Place | None:
    if isinstance(argument, Index):
        return values.get(argument)
    return int(argument) if argument.is_Integer else None


def _narrower(one: Place | None, other: Place | None, certain: bool) -> Place | None:
    """The intersection of two positions; None if it is empty. A whole axis contains every position."""
    if one is None or other is None or one == other:
        return other if one is None else one
    if isinstance(one, Axis) and isinstance(other, Axis):
        return one if within(one, other) else other
    if isinstance(one, Axis) or isinstance(other, Axis):
        return other if isinstance(one, Axis) else one
    if certain and not (isinstance(one, int) and isinstance(other, int)):
        raise _UncertainError
    return None if isinstance(one, int) and isinstance(other, int) else one


def _off(value: int, index: Index) -> bool:
    """Whether a number certainly does not lie on the axis of an index."""
    return value < index.axis.start or bool((index.axis.stop - value).is_negative)


def _widest(entries: Iterable[Entry]) -> frozenset[Entry]:
    """Drop the entries that others contain."""
    listed = set(entries)
    return frozenset(e for e in listed if not any(_holds(o, e) for o in listed if o != e))


def _holds(outer: Entry, inner: Entry) -> bool:
    return all(a == b or holds(a, b) for a, b in zip(outer, inner, strict=True))


def holds(where: Place, place: object) -> bool:
    """Whether a position, a number or a name, is among those that ``where`` denotes."""
    if not isinstance(where, Axis):
        return where == place
    if isinstance(place, Axis):
        return within(place, where)
    return not isinstance(place, int) or (place >= where.start and not (where.stop - place).is_negative)
