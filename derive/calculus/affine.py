"""Affine index expressions, such as ``i``, ``i + 1`` and ``2*p + k - 1``.

What an affine index reads outside the range of a tensor's axis is 0. That convention replaces every case
distinction of padding.
"""

from __future__ import annotations

from sympy import Add, Expr, Indexed, Integer, Mul, expand_mul

from derive.calculus.index import Axis, Index
from derive.record import record


@record
class Affine:
    """``constant`` plus the sum of each index times its integer coefficient."""

    terms: tuple[tuple[Index, int], ...]
    constant: Expr

    @property
    def least(self) -> Expr:
        """The least value over the ranges of the indices."""
        return self.constant + Add(*(c * (i.axis.start if c > 0 else i.axis.stop) for i, c in self.terms))

    @property
    def greatest(self) -> Expr:
        """The greatest value over the ranges of the indices."""
        return self.constant + Add(*(c * (i.axis.stop if c > 0 else i.axis.start) for i, c in self.terms))

    def lies_on(self, axis: Axis) -> bool:
        """Whether every value certainly lies on the axis."""
        return bool((self.least - axis.start).is_nonnegative and (axis.stop - self.greatest).is_nonnegative)

    def misses(self, axis: Axis) -> bool:
        """Whether no value can lie on the axis."""
        return bool((self.greatest - axis.start).is_negative or (axis.stop - self.least).is_negative)


def affine(expression: Expr) -> Affine | None:
    """Return an index expression in its affine form; None if it has none.

    >>> i, k = (Index(n, Axis(Integer(3))) for n in "ik")
    >>> affine(2 * i - k + 1).least, affine(i * k)
    (0, None)
    """
    constant, terms = Integer(0), dict[Index, int]()
    if any(isinstance(term, Mul) and term.has(Add) for term in Add.make_args(expression)):
        expression = expand_mul(expression)
    for term in Add.make_args(expression):
        number, rest = term.as_coeff_Mul()
        if isinstance(rest, Index) and number.is_Integer:
            terms[rest] = int(number)
        elif term.is_integer and not term.atoms(Index) and not term.has(Indexed):
            constant += term
        else:
            return None
    return Affine(tuple(terms.items()), constant)


def solved(left: Expr, right: Expr, index: Index) -> Expr | None:
    """Return the value of ``index`` at which two index expressions are equal; None if it is none of whole numbers."""
    for value, other in ((left, right), (right, left)):
        if value == index and not other.has(index):
            return other
    difference = affine(left - right)
    own = dict(difference.terms).get(index) if difference else None
    if difference is None or own not in (1, -1):
        return None
    rest = difference.constant + Add(*(c * i for i, c in difference.terms if i != index))
    return Mul(-own, rest)


def lies_on(value: Expr, axis: Axis) -> bool:
    """Whether an index expression certainly lies on an axis; an entry of an integer tensor lies on its places."""
    if isinstance(value, Indexed):
        return True
    form = affine(value)
    return form is not None and form.lies_on(axis)


def misses(value: Expr, axis: Axis) -> bool:
    """Whether an index expression certainly lies outside an axis."""
    form = affine(value)
    return form is not None and form.misses(axis)
