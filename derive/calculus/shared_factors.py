"""Find Psi: the left factors that chains have in common.

All chains are compared from the error outward. Their common left part is one
factor. Where the chains branch, that factor is shared: it is named, computed
once, and every chain continues from it. Branches that meet again are summed
and continue as one chain (the distributive law), so a sum over several paths
is a single factor, too.
"""

from __future__ import annotations

from collections.abc import Collection

from derive.calculus.chain_rule import Chains, LocalDerivative
from derive.calculus.index import Tensor
from derive.record import record


@record
class SharedFactor:
    """The common left factor of all chains through ``tensor``: dE/d(tensor).

    ``continuations`` are the local derivatives that follow it on the chains.
    """

    tensor: Tensor
    continuations: tuple[LocalDerivative, ...]


def shared_factors(chains: Chains) -> tuple[SharedFactor, ...]:
    """Return the shared factors, from the error outward.

    A factor is shared if at least two scalar chains continue from each of its
    entries: to different tensors, or to several entries of one variable. The
    error itself is not a factor, nor is a plain number such as the derivative
    of the error with respect to one of its terms.
    """
    start = chains.forward.error.target
    found = []
    for tensor in chains.tensors:
        ways = chains.edges.get(tensor.name, ())
        if tensor != start and _part(ways, chains) and not _is_number(tensor, chains):
            found.append(SharedFactor(tensor, ways))
    return tuple(found)


def may_serve_twice(tensor: Tensor, chains: Chains) -> bool:
    """Whether chains continue from each entry of a tensor to several entries of one tensor only.

    Such a factor may occur twice in what follows, at two places, as that of a softmax does.
    """
    ways = chains.edges.get(tensor.name, ())
    return len(ways) == 1 and _fans_out(ways[0])


def named_factors(chains: Chains, names: Collection[str]) -> tuple[SharedFactor, ...]:
    """The factors of the tensors with these names, from the error outward."""
    return tuple(SharedFactor(t, chains.edges.get(t.name, ())) for t in chains.tensors if t.name in names)


def _is_number(tensor: Tensor, chains: Chains) -> bool:
    """Whether dE/d(tensor) is a constant number."""
    error = chains.forward.error.target
    return all(edge.of == error and edge.value.is_number for edge in chains.into(tensor))


def _part(ways: tuple[LocalDerivative, ...], chains: Chains) -> bool:
    """Whether the chains through this tensor branch."""
    if len(ways) != 1:
        return len(ways) > 1
    (way,) = ways
    return way.wrt in chains.forward.variables and _fans_out(way)


def _fans_out(way: LocalDerivative) -> bool:
    """Whether one entry of the factor serves several entries of the variable."""
    tied = set(way.tied.values())
    free = [axis for axis, index in zip(way.wrt.axes, way.wrt_indices, strict=True) if index not in tied]
    return any(axis.extent != 1 for axis in free)
