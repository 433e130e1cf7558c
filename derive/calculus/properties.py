"""Properties of functions, proved from their formulas; losses require them and generated modules state them."""

from __future__ import annotations

from enum import Enum
from functools import cache

from sympy import Dummy, Expr, Integer, Mul, Sum, cancel, together

from derive.calculus.functions import Elementwise, X, borders, in_powers_of, local
from derive.calculus.index import Equation, total


class Values(Enum):
    """A property that all values of a function share."""

    PROBABILITY = "between 0 and 1"
    DISTRIBUTION = "positive, and sum to 1 over the units"
    POSITIVE = "positive, and not all below 1"
    ODD = "of both signs alike: f(-x) = -f(x)"

    @property
    def are_probabilities(self) -> bool:
        """Whether each value is a probability."""
        return self in (Values.PROBABILITY, Values.DISTRIBUTION)


@cache
def values(formula: Expr) -> Values | None:
    """Return the proved property of the values of a formula in ``X``, or None.

    >>> from sympy import exp, tanh
    >>> [values(f) for f in (1 / (1 + exp(-X)), (1 + tanh(X / 2)) / 2, X**2)]
    [<Values.PROBABILITY: 'between 0 and 1'>, <Values.PROBABILITY: 'between 0 and 1'>, None]
    """
    value = in_powers_of(formula, Dummy("t", positive=True))
    if value is None or not together(value).is_positive:
        return Values.ODD if _is_odd(formula) else None
    return Values.PROBABILITY if together(1 - value).is_positive else Values.POSITIVE


def values_of(equation: Equation) -> Values | None:
    """Return the proved property of the values that an equation computes, or None."""
    expression = equation.expression
    if isinstance(expression, Elementwise):
        return values(type(expression).definition)
    return Values.DISTRIBUTION if _is_share(equation) else None


def _is_odd(formula: Expr) -> bool:
    around = borders(formula)
    points = {p for _, before, after in around for p in (before, after)} or {Integer(0)}
    mirrored = {border for border, _, _ in around} == {-border for border, _, _ in around}
    return mirrored and all(cancel(local(formula, p) + local(formula, -p).subs(X, -X)) == 0 for p in points)


def _is_share(equation: Equation) -> bool:
    """Whether an equation divides a positive quantity of a unit by its sum over all units."""
    powers = (f.as_base_exp() for f in Mul.make_args(equation.expression))
    below = [base for base, exponent in powers if exponent == -1 and isinstance(base, Sum)]
    if len(below) != 1 or len(below[0].limits) != 1:
        return False
    top, other = equation.expression * below[0], below[0].limits[0][0]
    return bool(top.is_positive) and any(
        total(top.xreplace({i: other}), other) == below[0]
        for i in equation.indices
        if i.axis == other.axis and not i.axis.sample
    )
