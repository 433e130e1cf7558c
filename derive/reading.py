"""The order in which terms and factors are read: the same in the matrix form, on paper and in code."""

from __future__ import annotations

from collections.abc import Iterable

from sympy import Expr, Integer, Mul, Pow, Rational, Sum, default_sort_key


def reading_order(terms: Iterable[Expr]) -> list[Expr]:
    """Numbers first, then sums, then the rest; what is subtracted comes last, sums at the very end."""

    def key(term: Expr) -> tuple[bool, int, bool, int, object]:
        less = term.could_extract_minus_sign()
        kind = 0 if term.is_number else 1 if _sums(term) != less else 2
        return less, kind, isinstance(term, Mul), term.count_ops(), default_sort_key(term)

    return sorted(terms, key=key)


def _sums(term: Expr) -> bool:
    """Whether a sum over more than one value stands in the term."""
    return any(stop != start for s in term.atoms(Sum) for _, start, stop in s.limits)


def fraction(expression: Expr) -> tuple[Expr, Expr]:
    """What stands above and below the line; an exponential always stands above it."""
    number, above, below = Rational(1), [], []
    for factor in Mul.make_args(expression):
        if isinstance(factor, Rational):
            number *= factor
        elif isinstance(factor, Pow) and factor.exp.is_negative:
            below.append(factor.base**-factor.exp)
        else:
            above.append(factor)
    top = above[0] if len(above) == 1 and number.p == 1 else Mul(Integer(number.p), *above, evaluate=len(above) != 1)
    return top, Mul(Integer(number.q), *below)
