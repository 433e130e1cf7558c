"""Multiplication counts of learning, from the program and from the chains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from types import MappingProxyType

from sympy import Add, Expr, Function, Indexed, Integer, KroneckerDelta, Mul, Pow, Sum, cancel, expand

from derive.calculus.chain_rule import Chains, LocalDerivative
from derive.calculus.deltas import contract, tidy
from derive.calculus.form import Kind, reused
from derive.calculus.index import SAMPLES, Equation, Index, IndexSupply, Tensor, symbols_read
from derive.calculus.products import ProductOfOthers, ProductOver
from derive.calculus.program import Program
from derive.calculus.roles import Role
from derive.calculus.scalar_chains import Link


def size(tensor: Tensor) -> Expr:
    """The number of entries of a tensor."""
    return prod((axis.extent for axis in tensor.axes), start=Integer(1))


def multiplications(program: Program, *stages: str) -> Expr:
    """Count the multiplications and divisions of all entries that the stages compute.

    Each part of an equation is counted for the indices that it has, such as a sum that is the same for all entries.
    What happens inside elementwise functions is not counted; signs, additions and products with a
    constant 1 are free. For one sample, so is what reads no sample and is computed once for a batch.
    """
    ones = _with_ones(program.tensors.values())
    samples = [axis.extent for t in program.inputs for axis in t.axes if axis.sample]
    alone = bool(samples) and all(extent == 1 for extent in samples)
    read = _from_samples(program.inputs, (s.equation for s in program.statements))
    terms = (t for s in program.stage(*stages) for t in Add.make_args(s.equation.expression))
    counted = (t for t in terms if not alone or read & {*symbols_read(t)})
    return _exact(sum((_of_term(t, ones) for t in counted), Integer(0)))


def _of_term(term: Expr, ones: frozenset[str]) -> Expr:
    """Count the multiplications in a term of an equation."""
    return reused(lambda: _within(term, ones, _lengths(term)), (_of_term, term), _kind(ones))


def _kind(ones: frozenset[str]) -> Kind:
    """What the tensors are that a count distinguishes."""
    return lambda name: name in ones or None


def _from_samples(inputs: Iterable[Tensor], equations: Iterable[Equation]) -> set[str]:
    """The names of the data with samples and of the tensors that are computed from them."""
    found = {t.name for t in inputs if any(axis.sample for axis in t.axes)}
    for equation in equations:
        if found & {*symbols_read(equation.expression)}:
            found.add(equation.target.name)
    return found


def _with_ones(tensors: Iterable[Tensor]) -> frozenset[str]:
    """The tensors whose first row is the constant 1."""
    return frozenset(t.name for t in tensors if t.role == Role.AUGMENTED)


def _exact(count: Expr) -> Expr:
    """Expand a count; fractions of it are means over the rows of an array, and cancel."""
    return expand(cancel(count))


def _lengths(term: Expr) -> dict[Expr, Expr]:
    """The lengths of indices tied by a delta, within which a term is not 0: a penalty leaves out biases."""
    summed = {limit[0] for total in term.atoms(Sum) for limit in total.limits}
    pairs = [(i, j) for d in term.atoms(KroneckerDelta) for i, j in (d.args, d.args[::-1]) if j in summed]
    return {j: Integer(1) for _, j in pairs} | {i: j.axis.extent for i, j in pairs}


def _entries(indices: Iterable[Expr], lengths: Mapping[Expr, Expr]) -> Expr:
    """The number of values of indices together; ``lengths`` has those that differ from the lengths of their axes."""
    found = (lengths[i] if i in lengths else i.axis.extent for i in indices if isinstance(i, Index))
    return prod(found, start=Integer(1))


def _within(
    expression: Expr,
    ones: frozenset[str] = frozenset(),
    lengths: Mapping[Expr, Expr] = MappingProxyType({}),
    alone: bool = True,
) -> Expr:
    """Count the multiplications in an expression for all its indices, in the mean over the rows of arrays in ``ones``.

    A power that is not ``alone`` is a factor.
    """
    if isinstance(expression, Sum):
        return _within(expression.function, ones, lengths)
    if isinstance(expression, ProductOver):
        between = prod((i.axis.extent for i in expression.bound), start=Integer(1)) - 1
        return _within(expression.function, ones, lengths) + between * _entries(expression.free_symbols, lengths)
    if isinstance(expression, ProductOfOthers):  # the products of those before each factor, of those after it, of both
        return 3 * _within(expression.factors, ones, lengths)
    factor = isinstance(expression, Mul)
    parts = (a for a in expression.args if isinstance(a, Expr))
    inside = sum((_within(a, ones, lengths, not factor) for a in parts), Integer(0))
    own = Integer(0)
    if factor:
        factors = [f for f in expression.args if f != -1 and not isinstance(f, KroneckerDelta)]
        if len(scalars := [f for f in factors if not f.has(Indexed)]) > 1:  # multiplied once for all entries
            inside += len(scalars) - 1
            factors = [min(scalars, key=_is_divisor), *(f for f in factors if f not in scalars)]
        free = sum((_share(f, ones) for f in factors), Integer(0)) if len(factors) > 1 else 0
        own = max(len(factors) - int(not all(map(_is_divisor, factors))), 0) - free
    elif isinstance(expression, Pow):
        times = abs(int(expression.exp)) - 1 if expression.exp.is_Integer else 0
        own = times + int(alone and _is_divisor(expression))
    elif not isinstance(expression, Add | Function):
        return Integer(0)
    return inside + own * _entries(expression.free_symbols, lengths)


def _share(factor: Expr, ones: frozenset[str]) -> Expr:
    """The share of the rows of an array in which a factor is the constant 1."""
    is_row = isinstance(factor, Indexed) and factor.base.label.name in ones
    return 1 / factor.indices[0].axis.extent if is_row else Integer(0)


def _is_divisor(factor: Expr) -> bool:
    return isinstance(factor, Pow) and factor.exp.is_negative is True


def multiplications_by_chain(chains: Chains, batch: bool = False) -> Expr:
    """Count the multiplications needed if every scalar chain to every variable is evaluated separately.

    They are those for one sample, or for a whole batch, whose chains lead through all its samples.

    The number of chains is exponential, so they are not enumerated: ``_counts`` gives the number
    of chains to each entry and the total number of their factors.
    """
    found, ones = _counts(chains, batch), _with_ones(chains.forward.tensors.values())
    read = _from_samples(chains.forward.inputs, chains.forward.equations)
    count = Integer(0)
    for variable in chains.forward.variables:
        for edge in chains.into(variable):
            if not batch and edge.of.name not in read:  # a penalty, which is computed once for all samples
                continue
            above, already = found[edge.of.name]
            each = fan(edge, batch) * (already + above * (_factors(edge, ones, batch) - 1))
            count += _entries(edge.wrt_indices, _lengths(edge.value)) * each
    return _exact(count if batch else count.xreplace({SAMPLES: Integer(1)}))


def scalar_chains(chains: Chains, tensor: Tensor, entry: Sequence[Expr] = ()) -> Expr:
    """Count the scalar chains from the error to one entry of a tensor, for one sample.

    The count can depend on ``entry``: a penalty does not read the biases stored among the weights.
    """
    found = _counts(chains)
    idle = [e for e in chains.into(tensor) if entry and not e.of_indices and Link(e, (), tuple(entry)).value == 0]
    return found[tensor.name][0] - sum((found[e.of.name][0] for e in idle), Integer(0))


def _counts(chains: Chains, batch: bool = False) -> dict[str, tuple[Expr, Expr]]:
    """For one entry of each tensor, return the number of chains to it and the total number of their factors."""
    found: dict[str, tuple[Expr, Expr]] = {chains.forward.error.target.name: (Integer(1), Integer(0))}
    ones = _with_ones(chains.forward.tensors.values())
    for tensor in chains.tensors[1:]:
        number, factors = Integer(0), Integer(0)
        for edge in chains.into(tensor):
            above, already = found[edge.of.name]
            ways = fan(edge, batch)
            number += ways * above
            factors += ways * (already + above * _factors(edge, ones, batch))
        found[tensor.name] = (expand(number), expand(factors))
    return found


def fan(edge: LocalDerivative, batch: bool = False) -> Expr:
    """Count the entries of ``of`` that depend on one entry of ``wrt``, for one sample or a batch."""
    free = [i for i in edge.of_indices if i not in edge.tied and (batch or not i.axis.sample)]
    return prod((i.axis.extent for i in free), start=Integer(1))


def _factors(edge: LocalDerivative, ones: frozenset[str], batch: bool) -> Expr:
    """Count the factors that a local derivative contributes to a product; the factor 1 does not count."""
    return reused(lambda: _counted(edge.value, ones, batch), (_factors, edge.value, batch), _kind(ones))


def _counted(derivative: Expr, ones: frozenset[str], batch: bool) -> Expr:
    value = contract(derivative, IndexSupply("cost")).replace(
        lambda e: isinstance(e, KroneckerDelta), lambda _: Integer(1)
    )
    value = tidy(value if batch else value.xreplace({SAMPLES: Integer(1)}))
    if value in (1, -1):
        return Integer(0)
    return Integer(1) - _share(value, ones) + _within(value, ones, dict.fromkeys(value.free_symbols, Integer(1)))
