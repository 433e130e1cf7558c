"""Maximum and minimum over indices, and the selection that is their derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from sympy import Expr, Function, Integer, Sum
from sympy.concrete.expr_with_limits import ExprWithLimits

from derive.calculus.index import Index


class Extreme(ExprWithLimits):  # type: ignore[misc]  # SymPy's class carries no types
    """The extreme value of a body over the ranges of its bound indices; complex values compare by real part.

    ``sign`` is 1 for the maximum and -1 for the minimum.
    """

    sign: ClassVar[int]
    is_extended_real = True

    @property
    def bound(self) -> tuple[Index, ...]:
        """The bound indices."""
        return tuple(limit[0] for limit in self.limits)


class Largest(Extreme):
    """The maximum."""

    sign = 1


class Smallest(Extreme):
    """The minimum."""

    sign = -1


class LargestPlace(Largest):
    """The place of the maximum: the first, in the order of the bound indices, at a tie."""


class SmallestPlace(Smallest):
    """The place of the minimum: the first, in the order of the bound indices, at a tie."""


class Selected(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """``Selected(place, k, ...)``: 1 where ``k, ...`` is the place of an extreme value, else 0.

    It is constant where it has a derivative. At a tie, the first of the equal values counts alone.
    """

    is_extended_real = True

    @property
    def extreme(self) -> Extreme:
        """The place of the maximum or of the minimum."""
        found: Extreme = self.args[0]
        return found

    @property
    def places(self) -> tuple[Expr, ...]:
        """The places that are tested, one for each index that the extreme binds."""
        found: tuple[Expr, ...] = self.args[1:]
        return found

    def _eval_derivative(self, _: Any) -> Expr:
        return Integer(0)

    def fdiff(self, argindex: int = 1) -> Expr:
        """Return 0."""
        return Integer(0)


def extreme(kind: type[Extreme], body: Expr, *indices: Index) -> Extreme:
    """Return the extreme value of ``body`` over the whole range of each index."""
    found: Extreme = kind(body, *((i, Integer(i.axis.start), i.axis.stop) for i in indices))
    return found


def slope_of(value: Extreme, slope: Callable[[Expr], Expr]) -> Expr:
    """Return the derivative of an extreme value: that of its body at the place where it is reached."""
    kind = LargestPlace if value.sign > 0 else SmallestPlace
    return Sum(Selected(kind(value.function, *value.limits), *value.bound) * slope(value.function), *value.limits)
