"""The order of terms and factors, the same in the matrix form, in documents and in code."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from sympy import Expr, Indexed, Integer, Mul, Pow, Rational, Sum, default_sort_key

from derive.calculus.index import Index


def reading_order(terms: Iterable[Expr]) -> list[Expr]:
    """Sort terms: numbers first, then sums, then the rest; subtracted terms last, with sums at the very end.

    A lone scalar precedes a number and follows entries of arrays: t + 1, sqrt(s) + epsilon. What has fewer indices
    than another term is an offset and follows it, as does a fraction: g n + b with one b for all samples, v + 1/1000.
    """
    listed = list(terms)
    entries = any(term.has(Indexed) for term in listed)
    indices = {term: _indices(term) for term in listed}
    places = {}
    for term in listed:
        less, kind, product = _place(term, entries)
        fewer = not term.is_Integer and (term.is_number or any(indices[term] < others for others in indices.values()))
        offset = entries and fewer and not less and kind in (0, 2)
        places[term] = less, 2 if offset else kind, offset, product
    tied = len({*places.values()}) < len(places)
    return sorted(listed, key=lambda term: (places[term], _length(term) if tied else ()))


@lru_cache(maxsize=4096)
def _length(term: Expr) -> tuple[int, object]:
    """The sort key among terms of one place; SymPy takes long to find it."""
    return term.count_ops(), default_sort_key(term)


@lru_cache(maxsize=4096)
def _indices(term: Expr) -> frozenset[Expr]:
    """The free indices of a term."""
    return frozenset(s for s in term.free_symbols if isinstance(s, Index))


@lru_cache(maxsize=4096)
def _place(term: Expr, entries: bool) -> tuple[bool, int, bool]:
    """The first sort key of a term; ``entries`` says whether other terms are entries of arrays."""
    less = subtracted(term)
    kind = 0 if term.is_number else 1 if _sums(term) != less else 2
    if _is_scalar(term):
        kind = 3 if entries else -1
    return less, kind, isinstance(term, Mul)


@lru_cache(maxsize=4096)
def subtracted(term: Expr) -> bool:
    """Whether a term is written with a minus sign; a factor such as 1 - beta does not count."""
    factors = Mul.make_args(term)
    others = [f for f in factors if not is_remainder(f)]
    whole = term if len(others) == len(factors) else Mul(*others)
    return bool(whole.could_extract_minus_sign())


def is_remainder(factor: Expr) -> bool:
    """Whether a factor is a number minus a scalar, such as 1 - beta."""
    number, rest = factor.as_coeff_Add()
    return bool(number.is_positive and rest.is_Mul and subtracted(rest) and _is_scalar(-rest))


def _is_scalar(term: Expr) -> bool:
    """Whether a term is a scalar symbol, not an extent or a function's variable."""
    return bool(term.is_Symbol and not term.is_integer and term.is_real and len(term.name) > 1)


def _sums(term: Expr) -> bool:
    """Whether the term contains a sum over more than one value."""
    return any(stop != start for s in term.atoms(Sum) for _, start, stop in s.limits)


def is_decimal(number: Rational) -> bool:
    """Whether a rational is written as a decimal: 7/5 is 1.4, but halves and quarters stay fractions."""
    rest = int(number.q)
    while rest % 2 == 0:
        rest //= 2
    while rest % 5 == 0:
        rest //= 5
    return bool(rest == 1 and number.q % 5 == 0)


@lru_cache(maxsize=4096)
def fraction(expression: Expr, decimals: bool = False) -> tuple[Expr, Expr]:
    """Split into numerator and denominator; exponentials always go into the numerator.

    With ``decimals`` a decimal with no other denominator goes into the numerator, too.
    Roots of numbers are combined into one root.
    """
    number, above, below = Rational(1), [], []
    roots = [Integer(1), Integer(1)]
    for factor in Mul.make_args(expression):
        if isinstance(factor, Rational):
            number *= factor
        elif isinstance(factor, Pow) and factor.base.is_number and abs(factor.exp) == Rational(1, 2):
            roots[factor.exp.is_negative] *= factor.base
        elif isinstance(factor, Pow) and factor.exp.is_negative:
            below.append(factor.base**-factor.exp)
        else:
            above.append(factor)
    if roots != [1, 1]:
        return _with_roots(number, roots, above, below, decimals)
    if decimals and not below and is_decimal(number):
        return expression, Integer(1)
    top = above[0] if len(above) == 1 and number.p == 1 else Mul(Integer(number.p), *above, evaluate=len(above) != 1)
    alone = len(below) == 1 and number.q != 1  # SymPy would multiply a number into a single sum
    return top, Mul(Integer(number.q), *below, evaluate=not alone)


def _with_roots(
    number: Rational, roots: list[Expr], above: list[Expr], below: list[Expr], decimals: bool
) -> tuple[Expr, Expr]:
    """Combine roots in a fraction; move a radicand to the denominator if that cancels it, as in 1/sqrt(2)."""
    over, under = roots
    decimal = decimals and is_decimal(number)
    if over.is_Integer and number.q % int(over) == 0 and not decimal:
        number, over, under = number * over, Integer(1), over * under
    root = Pow(over / under, Rational(1, 2), evaluate=False)
    sides = ([*above], [*below])
    if over != 1:
        sides[0].append(root)
    elif under != 1:
        sides[1].append(Pow(under, Rational(1, 2), evaluate=False))
    if decimal and not sides[1]:
        sides[0].insert(0, number)
        number = Integer(1)
    found = []
    for whole, factors in zip((number.p, number.q), sides, strict=True):
        shown = [Integer(whole), *factors] if whole != 1 or not factors else factors
        found.append(shown[0] if len(shown) == 1 else Mul(*shown, evaluate=False))
    return found[0], found[1]
