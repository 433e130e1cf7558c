"""Derivatives as they are written by hand: every inner derivative as a factor of its own, nothing simplified."""

from __future__ import annotations

from sympy import Add, Dummy, Expr, Function, Indexed, Integer, KroneckerDelta, Max, Min, Mul, Piecewise, Sum, Symbol

from derive.calculus import extremes, products
from derive.calculus.cases import Cases
from derive.calculus.extremes import Extreme, Selected
from derive.calculus.functions import STOP, slope_in
from derive.calculus.products import ProductOver


class InOrder(Expr):  # type: ignore[misc]  # SymPy's Expr carries no types
    """A product whose factors keep their order and are not simplified; ``doit`` multiplies them."""

    is_commutative = True

    def doit(self, **hints: bool) -> Expr:
        """Return the product as SymPy simplifies it."""
        return Mul(*(a.doit(**hints) for a in self.args))

    def could_extract_minus_sign(self) -> bool:
        """Whether the first factor is -1."""
        return bool(self.args[0] == -1)

    def __neg__(self) -> Expr:
        """The product without its leading -1, or with one more."""
        return InOrder(*self.args[1:]) if self.args[0] == -1 else InOrder(Integer(-1), *self.args)


def derivative_by_hand(expression: Expr, entry: Expr) -> Expr:
    """Differentiate with respect to a symbol or an entry of a tensor, and leave each inner derivative as a factor.

    SymPy differentiates one node at a time, with respect to a symbol in the place of its argument.

    >>> x = Symbol("x")
    >>> derivative_by_hand((1 - x) ** 3, x)
    InOrder(3*(1 - x)**2, -1)
    """
    symbol = entry.base.label if isinstance(entry, Indexed) else entry
    return _slope(expression, entry, symbol)


def _slope(expression: Expr, entry: Expr, symbol: Symbol) -> Expr:
    if not expression.has(symbol) or isinstance(expression, STOP | Selected):
        return Integer(0)
    if isinstance(expression, Indexed | Symbol):
        return expression.diff(entry)
    if isinstance(expression, Sum):
        return Sum(_slope(expression.function, entry, symbol), *expression.limits)
    if isinstance(expression, ProductOver):
        return products.slope_of(expression, lambda body: _slope(body, entry, symbol))
    if isinstance(expression, Extreme):
        return extremes.slope_of(expression, lambda body: _slope(body, entry, symbol))
    if isinstance(expression, Cases | Piecewise):
        return type(expression)(*((_slope(value, entry, symbol), condition) for value, condition in expression.args))
    return Add(*(_through(expression, n, entry, symbol) for n, a in enumerate(expression.args) if a.has(symbol)))


def _through(expression: Expr, position: int, entry: Expr, symbol: Symbol) -> Expr:
    """The derivative through one argument of a node: that of the node times that of the argument."""
    argument = expression.args[position]
    inner = _slope(argument, entry, symbol)
    if isinstance(expression, Add):
        return inner
    if isinstance(expression, Mul):
        outer = tuple(a for n, a in enumerate(expression.args) if n != position)
    elif isinstance(expression, Function | Max | Min):
        outer = Mul.make_args(slope_in(expression, position))
    else:
        place = Dummy(real=True)
        arguments = [place if n == position else a for n, a in enumerate(expression.args)]
        of_node = expression.func(*arguments).diff(place)
        outer = tuple(f.xreplace({place: argument}) for f in Mul.make_args(of_node))
    plain = isinstance(expression, Mul) or all(f == 1 or isinstance(f, KroneckerDelta) for f in Mul.make_args(inner))
    if plain and not isinstance(inner, InOrder):
        return Mul(*outer, inner)
    factors = inner.args if isinstance(inner, InOrder) else (inner,)
    front = _apart(outer)
    if isinstance(expression, Mul) and factors[0] == -1 and front[:1] != (-1,):
        front, factors = (Integer(-1), *front), factors[1:]
    return InOrder(*front, *factors)


def _apart(factors: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """The factors as one product, but for a number before a sum, which SymPy would multiply out, and a minus sign."""
    number = Mul(*(f for f in factors if f.is_Rational))
    rest = Mul(*(f for f in factors if not f.is_Rational))
    separate = number == -1 or isinstance(rest, Add)
    return tuple(f for f in ((number, rest) if separate else (number * rest,)) if f != 1)


def factored(value: Expr) -> Expr:
    """Write a sum with a number in front of all its terms as a product: 2(a - b) for 2a - 2b."""
    number, rest = value.primitive() if isinstance(value, Add) else (Integer(1), value)
    whole = any(term.as_coeff_Mul()[0].is_Integer for term in Add.make_args(value))
    return value if number == 1 or (whole and not number.is_Integer) else InOrder(number, rest)
