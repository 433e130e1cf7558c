"""Multiplication counts of learning, from the program and from the chains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import prod

from sympy import Add, Expr, Function, Indexed, Integer, KroneckerDelta, Mul, Pow, Sum, cancel, expand

from derive.calculus.chain_rule import Chains, LocalDerivative
from derive.calculus.deltas import contract, tidy
from derive.calculus.index import SAMPLES, IndexSupply, Tensor, symbols_read
from derive.calculus.program import Program
from derive.calculus.roles import Role
from derive.calculus.scalar_chains import Link


def size(tensor: Tensor) -> Expr:
    """The number of entries of a tensor."""
    return prod((axis.extent for axis in tensor.axes), start=Integer(1))


def multiplications(program: Program, *stages: str) -> Expr:
    """Count the multiplications and divisions of all entries that the stages compute.

    What happens inside elementwise functions is not counted; signs, additions and products with a
    constant 1 are free. For one sample, so is what reads no data and is computed once for a batch.
    """
    ones = _with_ones(program.tensors.values())
    counted = [s for s in program.stage(*stages) if s.target.name not in _once(program)]
    terms = ((s.equation.indices, t) for s in counted for t in Add.make_args(s.equation.expression))
    return _exact(sum((_entries(indices, t) * _within(t, ones) for indices, t in terms), Integer(0)))


def _once(program: Program) -> set[str]:
    """For one sample, the tensors of the forward pass and the error that no data are needed for."""
    read = {t.name for t in program.inputs}
    found: set[str] = set()
    if all(axis.extent == 1 for t in program.inputs for axis in t.axes if axis.sample):
        for statement in program.stage("forward", "error"):
            known = read if read & {*symbols_read(statement.equation.expression)} else found
            known.add(statement.target.name)
    return found


def _with_ones(tensors: Iterable[Tensor]) -> frozenset[str]:
    """The tensors whose first row is the constant 1."""
    return frozenset(t.name for t in tensors if t.role == Role.AUGMENTED)


def _exact(count: Expr) -> Expr:
    """Expand a count; fractions of it are means over the rows of an array, and cancel."""
    return expand(cancel(count))


def _entries(indices: Sequence[Expr], term: Expr) -> Expr:
    """Count the entries in which a term is not 0 by its deltas: a penalty has none for biases among the weights."""
    summed = {limit[0] for total in term.atoms(Sum) for limit in total.limits}
    equal = {i: j for d in term.atoms(KroneckerDelta) for i, j in (d.args, d.args[::-1]) if j in summed}
    return prod((equal.get(i, i).axis.extent for i in indices), start=Integer(1))


def _within(expression: Expr, ones: frozenset[str] = frozenset(), alone: bool = True) -> Expr:
    """Count the multiplications in one entry of an expression, in the mean over the rows of arrays in ``ones``.

    A power that is not ``alone`` is a factor.
    """
    if isinstance(expression, Sum):
        extents = prod((limit[0].axis.extent for limit in expression.limits), start=Integer(1))
        return extents * _within(expression.function, ones)
    factor = isinstance(expression, Mul)
    inside = sum((_within(a, ones, not factor) for a in expression.args if isinstance(a, Expr)), Integer(0))
    if factor:
        factors = [f for f in expression.args if f != -1 and not isinstance(f, KroneckerDelta)]
        free = sum((_share(f, ones) for f in factors), Integer(0)) if len(factors) > 1 else 0
        return inside + max(len(factors) - int(not all(map(_is_divisor, factors))), 0) - free
    if isinstance(expression, Pow):
        times = abs(int(expression.exp)) - 1 if expression.exp.is_Integer else 0
        return inside + times + int(alone and _is_divisor(expression))
    return inside if isinstance(expression, Add | Function) else Integer(0)


def _share(factor: Expr, ones: frozenset[str]) -> Expr:
    """The share of the rows of an array in which a factor is the constant 1."""
    is_row = isinstance(factor, Indexed) and factor.base.label.name in ones
    return 1 / factor.indices[0].axis.extent if is_row else Integer(0)


def _is_divisor(factor: Expr) -> bool:
    return isinstance(factor, Pow) and factor.exp.is_negative is True


def multiplications_by_chain(chains: Chains) -> Expr:
    """Count the multiplications needed if every scalar chain to every parameter is evaluated separately.

    The number of chains is exponential, so they are not enumerated: ``_counts`` gives the number
    of chains to each entry and the total number of their factors.
    """
    found, ones = _counts(chains), _with_ones(chains.forward.tensors.values())
    count = Integer(0)
    for parameter in chains.forward.parameters:
        for edge in chains.into(parameter):
            above, already = found[edge.of.name]
            each = fan(edge) * (already + above * (_factors(edge, ones) - 1))
            count += _entries(edge.wrt_indices, edge.value) * each
    return _exact(count)


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
    ones = _with_ones(chains.forward.tensors.values())
    for tensor in chains.tensors[1:]:
        number, factors = Integer(0), Integer(0)
        for edge in chains.into(tensor):
            above, already = found[edge.of.name]
            ways = fan(edge)
            number += ways * above
            factors += ways * (already + above * _factors(edge, ones))
        found[tensor.name] = (expand(number), expand(factors))
    return found


def fan(edge: LocalDerivative) -> Expr:
    """Count the entries of ``of`` that depend on one entry of ``wrt``, for one sample."""
    free = [i for i in edge.of_indices if i not in edge.tied and not i.axis.sample]
    return prod((i.axis.extent for i in free), start=Integer(1))


@lru_cache(maxsize=1024)
def _factors(edge: LocalDerivative, ones: frozenset[str]) -> Expr:
    """Count the factors that a local derivative contributes to a product; the factor 1 does not count."""
    value = contract(edge.value, IndexSupply("cost")).replace(
        lambda e: isinstance(e, KroneckerDelta), lambda _: Integer(1)
    )
    value = tidy(value.xreplace({SAMPLES: Integer(1)}))
    return Integer(0) if value in (1, -1) else Integer(1) - _share(value, ones) + _within(value, ones)
