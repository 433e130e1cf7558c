"""The paths from a parameter to the error through the steps of a recurrence, counted in the unrolled graph.

There, a tensor with an ordered axis has a node for each of its places. An equation has an arrow for each pair of places
at which its local derivative is not 0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from itertools import pairwise, product
from math import prod

from sympy import Expr, Indexed, Integer, KroneckerDelta, Symbol, binomial, expand

from derive.calculus.chain_rule import Chains, LocalDerivative
from derive.calculus.deltas import expand as terms_of
from derive.calculus.index import Axis, Index, IndexSupply, Tensor
from derive.calculus.recurrence import recurrences
from derive.record import record

#: The numbers of steps for which paths are counted.
STEPS = 5
#: The largest degree of a polynomial in the number of steps that is looked for.
DEGREE = 3

Node = tuple[str, tuple[int, ...]]


@record
class Unrolled:
    """The graph of ``chains`` with ``steps`` in place of the width that the ordered axes have, if it is a name."""

    chains: Chains
    steps: int

    @cached_property
    def _number(self) -> Mapping[Expr, Expr]:
        width = width_of(self.chains)
        return {} if width is None else {width: Integer(self.steps)}

    def paths(self, parameter: Tensor, scalar: bool = False) -> Expr:
        """Count the paths from a parameter to the error, or the ``scalar`` ones from one entry of it, in one sample.

        A path that reads what is outside a tensor, which is 0, does not count. Scalar paths are counted rightly if the
        chains are countable.
        """
        known: dict[Node, Expr] = {(self.chains.forward.error.target.name, ()): Integer(1)}
        places = product(*(self._range(a) for a in parameter.axes if self._is_ordered(a)))
        first = next(places)
        for node in self._in_order((parameter.name, first)):
            if node not in known:
                ways = [known[above] * (count if scalar else 1) for count, above in self._above(node)]
                known[node] = expand(sum(ways, Integer(0)))
        return known[parameter.name, first]

    def _in_order(self, start: Node) -> Iterator[Node]:
        """The nodes that a node leads to, each after those that it leads to itself."""
        done: set[Node] = set()
        waiting = [(start, False)]
        while waiting:
            node, ready = waiting.pop()
            if ready:
                yield node
            elif node not in done:
                done.add(node)
                waiting.append((node, True))
                waiting += [(above, False) for _, above in self._above(node) if above not in done]

    def _above(self, node: Node) -> list[tuple[Expr, Node]]:
        """The nodes that read a node, and at how many entries each does so for one entry of the node."""
        if node not in self._known:
            name, places = node
            self._known[node] = [
                found
                for edge in self.chains.into(self.chains.forward.tensors[name])
                for found in self._along(edge, places)
            ]
        return self._known[node]

    @cached_property
    def _known(self) -> dict[Node, list[tuple[Expr, Node]]]:
        return {}

    def _along(self, edge: LocalDerivative, below: tuple[int, ...]) -> Iterator[tuple[Expr, Node]]:
        known = dict(zip((i for i in edge.wrt_indices if self._is_ordered(i.axis)), below, strict=True))
        ordered = [i for i in edge.of_indices if self._is_ordered(i.axis)]
        choices = [[known[edge.tied[i]]] if edge.tied.get(i) in known else self._range(i.axis) for i in ordered]
        units = [i for i in edge.of_indices if not (i.axis.sample or i in ordered or i in edge.tied)]
        fan = prod((i.axis.extent for i in units), start=Integer(1))
        for above in product(*choices):
            at = {**known, **dict(zip(ordered, above, strict=True))}
            if self._is_there(edge, at):
                yield fan, (edge.of.name, above)

    def _is_there(self, edge: LocalDerivative, at: Mapping[Index, int]) -> bool:
        """Whether a local derivative is not 0 at some places."""
        put = {**self._number, **{i: Integer(n) for i, n in at.items()}}
        return any(all(self._may_differ_from_0(f.xreplace(put)) for f in factors) for factors in _factors(edge))

    def _may_differ_from_0(self, factor: Expr) -> bool:
        if isinstance(factor, KroneckerDelta):
            return True
        if not isinstance(factor, Indexed):
            return bool(factor != 0)
        axes = self.chains.forward.tensors[factor.base.label.name].axes
        pairs = [(p, a) for p, a in zip(factor.indices, axes, strict=True) if p.is_Integer and self._is_ordered(a)]
        return all(a.start <= p <= a.stop.xreplace(self._number) for p, a in pairs)

    def _is_ordered(self, axis: Axis) -> bool:
        return is_ordered(axis, self._axes)

    @cached_property
    def _axes(self) -> tuple[Axis, ...]:
        return ordered_axes(self.chains)

    def _range(self, axis: Axis) -> list[int]:
        extent = axis.extent.xreplace(self._number)
        return [axis.start + n for n in range(int(extent))]


def _factors(edge: LocalDerivative) -> list[tuple[Expr, ...]]:
    """The factors of each term of a local derivative that say where it is 0."""
    found = terms_of(edge.value, IndexSupply("unrolled"))
    return [tuple(f for f in term.factors if isinstance(f, KroneckerDelta | Indexed)) for term in found]


def ordered_axes(chains: Chains) -> tuple[Axis, ...]:
    """The ordered axes of all recurrences; two with the same length and different names are both there."""
    found = (r.axis for r in recurrences(chains.forward.equations))
    return tuple({(a, a.name): a for a in found}.values())


def is_ordered(axis: Axis, ordered: Collection[Axis]) -> bool:
    """Whether an axis is one of ``ordered``: one of the same length with another name, such as units, is not."""
    return any(axis == a and axis.name == a.name for a in ordered)


def width_of(chains: Chains) -> Symbol | None:
    """The name of the number of steps, if it has one and all recurrences share it."""
    found = {s for axis in ordered_axes(chains) for s in axis.extent.free_symbols}
    return found.pop() if len(found) == 1 else None


def is_countable(chains: Chains) -> bool:
    """Whether the number of scalar paths is that of the choices of units: no delta excludes some of them."""
    axes = ordered_axes(chains)
    for edge in (e for edges in chains.edges.values() for e in edges):
        tied = {KroneckerDelta(a, b) for a, b in edge.tied.items()}
        for factors in _factors(edge):
            loose = (f for f in factors if isinstance(f, KroneckerDelta) and f not in tied)
            if any(not (is_ordered(i.axis, axes) or i.axis.sample) for f in loose for i in f.atoms(Index)):
                return False
    return True


def polynomial(counts: list[Expr], order: int, name: Symbol) -> Expr | None:
    """The polynomial whose values at 1, 2, ... are ``counts``, of degree at most ``DEGREE``; None if there is none.

    Counts of paths satisfy a linear recurrence with constant coefficients whose order is at most ``order``, the number
    of nodes of a step and two more. Such counts, and the polynomial, agree everywhere if they agree at
    ``order + DEGREE + 1`` numbers, of which there must be as many.
    """
    rows = differences(counts)
    if len(counts) < order + DEGREE + 1 or any(rows[DEGREE + 1]):
        return None
    return expand(sum(row[0] * binomial(name - 1, n).expand(func=True) for n, row in enumerate(rows[:-1])))


def differences(counts: list[Expr]) -> list[list[Expr]]:
    """Counts, their differences, the differences of these, and so on, up to those that are 0 for a polynomial."""
    rows = [counts]
    while len(rows) <= DEGREE + 1:
        rows.append([b - a for a, b in pairwise(rows[-1])])
    return rows
