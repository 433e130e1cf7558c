"""Weights of samples and missing targets, as a rewriting of the error."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sympy import Expr, Indexed, Integer, Mul, Sum

from derive.calculus.index import SAMPLES, Index, Tensor, total
from derive.text.errors import StatementError


def weighted(term: Expr, weight: Tensor, mean: bool, reads: Index) -> Expr:
    """Multiply what a term sums over the samples by the weight of the sample.

    Where the term divides by the number of samples, it then divides by the sum of the weights, if it is a ``mean``,
    over the index ``reads``.
    """
    whole = _over_samples(term)
    own = next(index for index, *_ in reversed(whole.limits) if index.axis.sample)
    outside = term / whole
    if mean:
        outside = outside.xreplace({SAMPLES: total(weight[(reads,)], reads)})
    return outside * Sum(weight[(own,)] * whole.function, *whole.limits)


def entry_by_entry(term: Expr, masks: Mapping[Tensor, Tensor], option: str) -> Expr:
    """Multiply what a term sums over the entries of each target by its mask, 1 where the target is known, or weight.

    Raises StatementError if the term reads a target in another way than in a sum over its entries; ``option`` is what
    asks for it.
    """
    whole = _over_samples(term)
    bound = {index for index, *_ in whole.limits}
    for target, mask in masks.items():
        entries = {e for e in term.atoms(Indexed) if e.base.label == target.symbol}
        if not entries:
            continue
        (first, *more) = entries
        if more or not {*first.indices} <= bound or not whole.function.has(first):
            raise StatementError(
                f"{option}, but the error is no sum over the entries of {target.name}, of which a single term could "
                "be left out or weighted: use another loss, or weights of whole samples (mean or factor)"
            )
        masked = Sum(mask[first.indices] * whole.function, *whole.limits)
        term, whole = term.xreplace({whole: masked}), masked
    return term


def unweighted(error: Expr, names: Collection[str]) -> Expr:
    """What these two functions were given: the error without the weights and the masks of these names."""
    entries = {e for e in error.atoms(Indexed) if str(e.base.label) in names}
    sums = {s: SAMPLES for s in error.atoms(Sum) if s.function in entries}
    return error.xreplace(sums).xreplace(dict.fromkeys(entries, Integer(1)))


def _over_samples(term: Expr) -> Sum:
    """The sum over the samples that a term is, but for factors; of several indices, that of the mean is the last."""
    sums = (factor for factor in Mul.make_args(term) if isinstance(factor, Sum))
    return next(s for s in sums if any(index.axis.sample for index, *_ in s.limits))
