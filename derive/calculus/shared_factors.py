"""Find Psi: the left factors that chains have in common.

All chains are laid side by side and read from the error outward. As long as
they agree, their product is one factor. Where they part, that factor is shared:
it is computed once, named, and every chain goes on from it. Chains that have
run apart and go on in the same way are added up and read on as one (the
distributive law), so a sum over several paths is one factor too.
"""

from __future__ import annotations

from dataclasses import dataclass

from derive.calculus.chain_rule import Chains, LocalDerivative
from derive.calculus.index import Tensor


@dataclass(frozen=True)
class SharedFactor:
    """The common left factor of all chains through ``tensor``: dE/d(tensor).

    ``continuations`` are the local derivatives with which the chains go on from it.
    """

    tensor: Tensor
    continuations: tuple[LocalDerivative, ...]


def shared_factors(chains: Chains) -> tuple[SharedFactor, ...]:
    """Return the shared factors, from the error outward.

    A factor is shared if at least two scalar chains go on from each of its
    entries: towards different tensors, or towards several entries of one
    parameter. The error itself is no factor: its chains have not begun; nor is a plain number,
    the slope of the error along a term that is added to it.
    """
    start = chains.forward.error.target
    found = []
    for tensor in chains.tensors:
        ways = chains.edges.get(tensor.name, ())
        if tensor != start and _part(ways, chains) and not _is_number(tensor, chains):
            found.append(SharedFactor(tensor, ways))
    return tuple(found)


def _is_number(tensor: Tensor, chains: Chains) -> bool:
    """Whether dE/d(tensor) is a number that needs no computing."""
    error = chains.forward.error.target
    return all(edge.of == error and edge.value.is_number for edge in chains.into(tensor))


def _part(ways: tuple[LocalDerivative, ...], chains: Chains) -> bool:
    """Whether the chains that have come this far do not all go on alike."""
    if len(ways) != 1:
        return len(ways) > 1
    (way,) = ways
    return way.wrt in chains.forward.parameters and _fans_out(way)


def _fans_out(way: LocalDerivative) -> bool:
    """Whether one entry of the factor serves several entries of the parameter."""
    tied = set(way.tied.values())
    free = [axis for axis, index in zip(way.wrt.axes, way.wrt_indices, strict=True) if index not in tied]
    return any(axis.extent != 1 for axis in free)
