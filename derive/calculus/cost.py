"""Multiplication counts of learning, from the program and from the chains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import prod

from sympy import Add, Expr, Function, Integer, KroneckerDelta, Mul, Pow, Sum, expand

from derive.calculus.chain_rule import Chains, LocalDerivative
from derive.calculus.deltas import contract, tidy
from derive.calculus.index import SAMPLES, IndexSupply, Tensor
from derive.calculus.program import Assign
from derive.calculus.scalar_chains import Link


def size(tensor: Tensor) -> Expr:
    """The number of entries of a tensor."""
    return prod((axis.extent for axis in tensor.axes), start=Integer(1))


def multiplications(statements: Iterable[Assign]) -> Expr:
    """Count the multiplications and divisions of all entries that the statements compute.

    Calls of elementwise functions, signs and additions count as free.
    """
    return expand(sum((size(s.target) * _within(s.equation.expression) for s in statements), Integer(0)))


def _within(expression: Expr) -> Expr:
    """Count the multiplications in one entry of an expression."""
    if isinstance(expression, Sum):
        extents = prod((limit[0].axis.extent for limit in expression.limits), start=Integer(1))
        return extents * _within(expression.function)
    inside = sum((_within(a) for a in expression.args if isinstance(a, Expr)), Integer(0))
    if isinstance(expression, Mul):
        return inside + max(len([f for f in expression.args if f != -1 and not isinstance(f, KroneckerDelta)]) - 1, 0)
    if isinstance(expression, Pow) and expression.exp.is_Integer:
        return inside + max(abs(int(expression.exp)) - 1, 0)
    if isinstance(expression, Add | Function | Pow):
        return inside
    return Integer(0)


def multiplications_by_chain(chains: Chains) -> Expr:
    """Count the multiplications needed if every scalar chain to every parameter is evaluated separately.

    The number of chains is exponential, so they are not enumerated: ``_counts`` gives the number
    of chains to each entry and the total number of their factors.
    """
    found = _counts(chains)
    return expand(sum((size(p) * (found[p.name][1] - found[p.name][0]) for p in chains.forward.parameters), Integer(0)))


def scalar_chains(chains: Chains, tensor: Tensor, entry: Sequence[Expr] = ()) -> Expr:
    """Count the scalar chains from the error to one entry of a tensor, for one sample.

    The count can depend on ``entry``: a penalty does not read the biases stored among the weights.
    """
    found = _counts(chains)
    idle = [e for e in chains.into(tensor) if entry and not e.of_indices and Link(e, (), tuple(entry)).value == 0]
    return found[tensor.name][0] - sum((found[e.of.name][0] for e in idle), Integer(0))


def _counts(chains: Chains) -> dict[str, tuple[Expr, Expr]]:
    """For one entry of each tensor, return the number of chains to it and the total number of their factors."""
    found: dict[str, tuple[Expr, Expr]] = {chains.forward.error.target.name: (Integer(1), Integer(0))}
    for tensor in chains.tensors[1:]:
        number, factors = Integer(0), Integer(0)
        for edge in chains.into(tensor):
            above, already = found[edge.of.name]
            ways = fan(edge)
            number += ways * above
            factors += ways * (already + above * _factors(edge))
        found[tensor.name] = (expand(number), expand(factors))
    return found


def fan(edge: LocalDerivative) -> Expr:
    """Count the entries of ``of`` that depend on one entry of ``wrt``, for one sample."""
    free = [i for i in edge.of_indices if i not in edge.tied and not i.axis.sample]
    return prod((i.axis.extent for i in free), start=Integer(1))


@lru_cache(maxsize=1024)
def _factors(edge: LocalDerivative) -> Expr:
    """Count the factors that a local derivative contributes to a product; the factor 1 does not count."""
    value = contract(edge.value, IndexSupply("cost")).replace(
        lambda e: isinstance(e, KroneckerDelta), lambda _: Integer(1)
    )
    value = tidy(value.xreplace({SAMPLES: Integer(1)}))
    return Integer(0) if value in (1, -1) else Integer(1) + _within(value)
