"""Products over indices, and the products of all other factors that are their derivatives."""

from __future__ import annotations

from collections.abc import Callable

from sympy import Expr, Function, Integer, Sum
from sympy.concrete.expr_with_limits import ExprWithLimits

from derive.calculus.index import Index


class ProductOver(ExprWithLimits):  # type: ignore[misc]  # SymPy's class carries no types
    """The product of a body over the ranges of its bound indices."""

    is_commutative = True

    @property
    def bound(self) -> tuple[Index, ...]:
        """The bound indices."""
        return tuple(limit[0] for limit in self.limits)


class Factors(ProductOver):
    """The factors of a product, of which one is left out; no tensor takes the place of their product."""


class ProductOfOthers(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """``ProductOfOthers(factors, k, ...)``: the product of all factors but that at ``k, ...``, without a division."""

    @property
    def factors(self) -> Factors:
        """The factors."""
        found: Factors = self.args[0]
        return found

    @property
    def places(self) -> tuple[Expr, ...]:
        """The place of the factor that is left out, one for each index that the product binds."""
        found: tuple[Expr, ...] = self.args[1:]
        return found


def product_over(body: Expr, *indices: Index) -> ProductOver:
    """Return the product of ``body`` over the whole range of each index."""
    found: ProductOver = ProductOver(body, *((i, Integer(i.axis.start), i.axis.stop) for i in indices))
    return found


def slope_of(value: ProductOver, slope: Callable[[Expr], Expr]) -> Expr:
    """Return the derivative of a product: the sum over its factors of the slope of one times all others."""
    others = ProductOfOthers(Factors(value.function, *value.limits), *value.bound)
    return Sum(others * slope(value.function), *value.limits)
