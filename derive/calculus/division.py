"""How the error of a batch follows from the errors of its parts, as the equations tell."""

from __future__ import annotations

from sympy import Add, Expr, Indexed, Integer, Mul, Sum

from derive.calculus.coupling import coupled, of_others
from derive.calculus.index import SAMPLES, Tensor, symbols_read
from derive.calculus.program import Program
from derive.calculus.roles import Role

#: The error is the mean of those of the parts, each with its number of samples, or with the sum of its weights; it is
#: their sum; or it does not follow from them.
BY_SAMPLES, BY_WEIGHTS, SUM, NONE = "samples", "weights", "sum", ""


def division(program: Program) -> str:
    """How the error follows from the errors of some samples each: one of the above.

    It does if no equation before it reads other samples, and if it adds up terms that are a sum over the samples,
    divided by their number or by the sum of their weights, or not at all. Terms without samples, such as a penalty, go
    with a mean alone.
    """
    *before, error = program.stage("forward", "error")
    wanted = set(symbols_read(error.equation.expression))
    for statement in reversed(before):
        if statement.target.name in wanted:
            if coupled(statement.equation, program.tensors):
                return NONE
            wanted |= set(symbols_read(statement.equation.expression))
    terms = Add.make_args(error.equation.expression.expand(deep=False))
    kinds = {_kind(term, program.tensors) for term in terms}
    if len(kinds - {None}) == 1 and kinds != {SUM, None}:
        (found,) = kinds - {None}
        return found or NONE
    return NONE


def _kind(term: Expr, tensors: dict[str, Tensor]) -> str | None:
    """How a term of the error follows from those of the parts; None if it reads no samples."""
    factors = Mul.make_args(term)
    sums = [factor for factor in factors if isinstance(factor, Sum) and _of_samples(factor)]
    rest = Mul(*(factor for factor in factors if factor not in sums))
    if not sums:
        return None if _reads_none(rest, tensors) else NONE
    (whole, *more), own = sums, [limit for limit in sums[0].limits if limit[0].axis.sample]
    if more or [limit[1:] for limit in own] != [(1, SAMPLES)] or any(map(_of_samples, whole.function.atoms(Sum))):
        return NONE
    if of_others(whole.function, [own[0][0]], tensors):
        return NONE
    weights = [s for s in rest.atoms(Sum) if _is_of_weights(s, tensors)]
    for kind, divisor in ((SUM, Integer(1)), (BY_SAMPLES, SAMPLES), *((BY_WEIGHTS, s) for s in weights)):
        if _reads_none(rest * divisor, tensors):
            return kind
    return NONE


def _of_samples(node: Sum) -> bool:
    return any(limit[0].axis.sample for limit in node.limits)


def _reads_none(expression: Expr, tensors: dict[str, Tensor]) -> bool:
    """Whether an expression reads no samples, nor how many there are."""
    names = (entry.base.label.name for entry in expression.atoms(Indexed))
    sampled = any(axis.sample for name in names for axis in tensors[name].axes)
    return not (sampled or expression.has(SAMPLES))


def _is_of_weights(node: Sum, tensors: dict[str, Tensor]) -> bool:
    """Whether it is the sum of the weights of the samples."""
    summed = node.function
    return isinstance(summed, Indexed) and tensors[summed.base.label.name].role == Role.SAMPLE_WEIGHT
