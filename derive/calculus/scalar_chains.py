"""Scalar chains: every path from the error to one weight, unit by unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice, product

from sympy import Expr, Integer, KroneckerDelta, Mul, Sum

from derive.calculus.chain_rule import Chains, LocalDerivative
from derive.calculus.deltas import contract, tidy
from derive.calculus.index import Axis, Index, IndexSupply, Tensor
from derive.calculus.roles import Role
from derive.calculus.sample import alone_in, single_index
from derive.record import record


@record
class Link:
    """A local derivative of one entry of ``of`` with respect to one entry of ``wrt``."""

    local: LocalDerivative
    of: tuple[Expr, ...]
    wrt: tuple[Expr, ...]

    @cached_property
    def value(self) -> Expr:
        """The derivative, for one sample."""
        put = dict(zip((*self.local.of_indices, *self.local.wrt_indices), (*self.of, *self.wrt), strict=True))
        return tidy(alone_in(at_entry(self.local.value.xreplace(put))))


def at_entry(value: Expr) -> Expr:
    """Evaluate the sums and deltas that collapse once indices are numbers."""
    summed = value.has(Sum) and value.has(KroneckerDelta)
    return contract(value, IndexSupply("entry")) if summed else value


#: The largest number of entries of a layer that are listed one by one.
MOST = 50

ScalarChain = tuple[Link, ...]


def scalar_chains(
    chains: Chains, parameter: Tensor, entry: Sequence[Expr], last: bool = False, penalty: bool | None = None
) -> Iterator[ScalarChain]:
    """Yield every scalar chain from the error to an entry of a parameter, for one sample, starting at the error.

    Their number can be very large, so they are generated one at a time. On an axis with a symbolic
    extent only the first two entries are followed. With ``last`` the order is reversed.
    ``penalty`` selects the chains that start with a penalty in the error, or all others.
    """
    paths = list(islice(chains.paths(parameter), 1000))
    if penalty is not None:
        paths = [p for p in paths if (p[0].wrt.role == Role.PENALTY) is penalty]
    for path in reversed(paths) if last else paths:
        yield from _along(path, tuple(entry), (), last)


def _along(
    path: Sequence[LocalDerivative], below: tuple[Expr, ...], done: ScalarChain, last: bool
) -> Iterator[ScalarChain]:
    if not path:
        yield done
        return
    edge = path[-1]
    known = dict(zip(edge.wrt_indices, below, strict=True))
    fixed = _fixed(path[-2]) if len(path) > 1 else {}
    choices = [[fixed[n]] if n in fixed else _choices(edge, i, known, last) for n, i in enumerate(edge.of_indices)]
    for above in product(*choices):
        link = Link(edge, above, below)
        if link.value != 0:
            yield from _along(path[:-1], above, (link, *done), last)


def _fixed(edge: LocalDerivative) -> dict[int, Expr]:
    """The axes of ``wrt`` of which only one entry is read, such as the last step of h[T], with its place."""
    factors = (f for f in Mul.make_args(edge.value) if isinstance(f, KroneckerDelta))
    alone = {pair[n]: pair[1 - n] for pair in (f.args for f in factors) for n in (0, 1) if not pair[1 - n].atoms(Index)}
    return {n: alone[index] for n, index in enumerate(edge.wrt_indices) if index in alone}


def _choices(edge: LocalDerivative, index: Index, known: dict[Index, Expr], last: bool) -> list[Expr]:
    """The possible values of an index of ``of``, given those of ``wrt``."""
    if index in edge.tied:
        return [known[edge.tied[index]]]
    if index.axis.sample:
        return [single_index(index)]
    return _numbers(index.axis, last)


def _numbers(axis: Axis, last: bool) -> list[Expr]:
    """The numbers on an axis, optionally in reverse; for a symbolic extent, those that certainly exist."""
    if axis.extent.is_Integer:
        nearest = range(min(int(axis.extent), MOST))
        return [axis.stop - n for n in nearest] if last else [Integer(axis.start + n) for n in nearest]
    return [axis.stop] if last else [Integer(axis.start), Integer(axis.start + 1)]


def telling_entry(parameter: Tensor) -> tuple[Expr, ...]:
    """Return an entry of a parameter with different indices if possible, so rows and columns are distinguishable.

    The index of a sample stays a letter.
    """
    entry: list[Expr] = [Index("sample", axis) if axis.sample else Integer(axis.start) for axis in parameter.axes]
    for position, axis in enumerate(parameter.axes):
        if axis.extent != 1:
            entry[position] = Integer(axis.start + 1)
            break
    for position, axis in enumerate(parameter.axes):
        if axis.start == 0 and position == len(parameter.axes) - 1:
            entry[position] = Integer(1)
    return tuple(entry)
