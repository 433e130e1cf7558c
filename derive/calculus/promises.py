"""Promises about data and parameters: they allow shorter formulas, and checks draw numbers that keep them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sympy import Abs, Add, Expr, Indexed, Integer, Mul, Pow, Sum, exp, log, sign

from derive.calculus.index import Equation, Index, Tensor, put
from derive.calculus.roles import Role
from derive.calculus.rules import PROMISE


@dataclass(frozen=True)
class Promise:
    """A promise about the entries of ``tensor``."""

    tensor: Tensor

    def rewrite(self, expression: Expr) -> Expr:
        """Return an equal expression, shorter if the promise allows it."""
        return expression

    @property
    def reason(self) -> str:
        """Why an expression is equal to what it was rewritten to."""
        raise NotImplementedError

    @property
    def wanted(self) -> str:
        """What each entry must be, or what all of them must do."""
        raise NotImplementedError

    def kept(self, drawn: Any) -> Any:
        """Turn an array of numbers between 0 and 1 into one that keeps the promise; axes are those of the tensor."""
        return drawn

    def broken(self, values: Any) -> Any:
        """Whether each entry of an array breaks the promise."""
        return values != values

    def _reads(self, node: Any) -> bool:
        """Whether a node is an entry of the tensor."""
        symbol = self.tensor.symbol
        return bool(node == symbol) or (isinstance(node, Indexed) and bool(node.base.label == symbol))


@dataclass(frozen=True)
class SumsToOne(Promise):
    """The promise that ``tensor`` sums to one along an axis."""

    axis: int = 0

    def rewrite(self, expression: Expr) -> Expr:
        """Replace every such sum by 1, also in a sum of several terms."""
        return expression.replace(self._matches, self._without)

    def kept(self, drawn: Any) -> Any:
        """Divide by the sums."""
        return drawn / drawn.sum(axis=self.axis, keepdims=True)

    def broken(self, values: Any) -> Any:
        """Whether the sum that an entry belongs to is not 1 within 1e-9."""
        return abs(values.sum(axis=self.axis, keepdims=True) - 1) > 1e-9 + 0 * values

    @property
    def wanted(self) -> str:
        """What the entries must do."""
        return "sum to 1"

    @property
    def reason(self) -> str:
        """The reason for a sum that is replaced."""
        return PROMISE if self.tensor.role == Role.TARGET else "these entries sum to one"

    def _matches(self, node: Expr) -> bool:
        if not isinstance(node, Sum) or len(node.limits) != 1:
            return False
        return any(self._is_share(term, node.limits[0][0]) for term in Add.make_args(node.function))

    def _without(self, node: Sum) -> Expr:
        """A sum without the terms that sum to one, and what they add up to."""
        index = node.limits[0][0]
        shares = [term for term in Add.make_args(node.function) if self._is_share(term, index)]
        rest = node.function - Add(*shares)
        ones = Add(*(Mul(*(f for f in Mul.make_args(t) if index not in f.free_symbols)) for t in shares))
        return ones + (Sum(rest, *node.limits) if index in rest.free_symbols else rest * index.axis.extent)

    def _is_share(self, term: Expr, index: Index) -> bool:
        """Whether the sum of a term over an index is that of the entries, times what does not depend on the index."""
        inside = [f for f in Mul.make_args(term) if index in f.free_symbols]
        return len(inside) == 1 and index.axis == self.tensor.axes[self.axis] and self._is_part(inside[0], index)

    def _is_part(self, part: Expr, index: Index) -> bool:
        """Whether a formula is an entry of the tensor at an index of the axis, and at the same place otherwise."""
        at = part.indices if isinstance(part, Indexed) and self._reads(part) else ()
        return [n for n, place in enumerate(at) if index in place.free_symbols] == [self.axis] and at[
            self.axis
        ] == index


@dataclass(frozen=True)
class LogSharesToOne(SumsToOne):
    """The knowledge that the exponentials of ``tensor`` sum to one along an axis."""

    @property
    def reason(self) -> str:
        """The reason for a sum that is replaced."""
        return "the exponentials of these entries sum to one"

    def _is_part(self, part: Expr, index: Index) -> bool:
        return isinstance(part, exp) and super()._is_part(part.args[0], index)


def shares(equation: Equation) -> Iterator[SumsToOne]:
    """The axes along which a tensor sums to one, since each entry is divided by the sum of all.

    >>> from derive.calculus.index import Axis, Index, total
    >>> from sympy import exp
    >>> (i, j), z = (Index(n, Axis(Integer(3))) for n in "ij"), Tensor("z", "tensor", (Axis(Integer(3)),))
    >>> p = Equation(Tensor("p", "tensor", z.axes), (i,), exp(z[i,]) / total(exp(z[j,]), j))
    >>> [share.axis for share in shares(p)]
    [0]
    """
    yield from _log_shares(equation)
    for factor in Mul.make_args(equation.expression):
        whole = factor.base if isinstance(factor, Pow) and factor.exp == -1 else None
        if not isinstance(whole, Sum) or len(whole.limits) != 1:
            continue
        bound, part = whole.limits[0][0], equation.expression * whole
        for axis, index in enumerate(equation.indices):
            is_free = index.axis == bound.axis and index not in whole.free_symbols
            if is_free and put(whole.function, {bound: index}) == part:
                yield SumsToOne(equation.target, axis)


def _log_shares(equation: Equation) -> Iterator[LogSharesToOne]:
    """The axes along which the exponentials of a tensor sum to one: the logarithm of their sum is subtracted."""
    for term in Add.make_args(equation.expression):
        whole = (-term).args[0] if isinstance(-term, log) else None
        if not isinstance(whole, Sum) or len(whole.limits) != 1:
            continue
        bound, part = whole.limits[0][0], exp(equation.expression - term)
        for axis, index in enumerate(equation.indices):
            is_free = index.axis == bound.axis and index not in whole.free_symbols
            if is_free and put(whole.function, {bound: index}) == part:
                yield LogSharesToOne(equation.target, axis)


@dataclass(frozen=True)
class NotNegative(Promise):
    """The promise that no entry is negative: |w| is w."""

    def rewrite(self, expression: Expr) -> Expr:
        """Replace |w| by w."""
        return expression.replace(lambda e: isinstance(e, Abs) and self._reads(e.args[0]), lambda e: e.args[0])

    def kept(self, drawn: Any) -> Any:
        """Numbers between 1/2 and 3/2."""
        return drawn + 0.5

    def broken(self, values: Any) -> Any:
        """Whether an entry is negative."""
        return ~(values >= 0)

    @property
    def wanted(self) -> str:
        """What an entry must be."""
        return "be at least 0"

    @property
    def reason(self) -> str:
        """The reason for an absolute value that is replaced."""
        return "this entry is not negative"


@dataclass(frozen=True)
class Weights(NotNegative):
    """The promise that no entry is negative and not all are 0, so that their sum may divide."""

    def broken(self, values: Any) -> Any:
        """Whether an entry is negative, or all are 0."""
        return super().broken(values) | (values.sum() == 0)

    @property
    def wanted(self) -> str:
        """What the entries must be."""
        return "be at least 0, and not all 0"


@dataclass(frozen=True)
class Positive(NotNegative):
    """The promise that every entry is positive: |w| is w."""

    def rewrite(self, expression: Expr) -> Expr:
        """Replace |w| by w and sign(w) by 1."""
        plain = super().rewrite(expression)
        return plain.replace(lambda e: isinstance(e, sign) and self._reads(e.args[0]), lambda _: Integer(1))

    def broken(self, values: Any) -> Any:
        """Whether an entry is not positive."""
        return ~(values > 0)

    @property
    def wanted(self) -> str:
        """What an entry must be."""
        return "be positive"

    @property
    def reason(self) -> str:
        """The reason for an absolute value that is replaced."""
        return "this entry is positive"


@dataclass(frozen=True)
class Probabilities(Positive):
    """The promise that every entry is greater than 0 and less than 1."""

    def kept(self, drawn: Any) -> Any:
        """Numbers between 1/4 and 3/4."""
        return 0.25 + 0.5 * drawn

    def broken(self, values: Any) -> Any:
        """Whether an entry is not between 0 and 1."""
        return ~((values > 0) & (values < 1))

    @property
    def wanted(self) -> str:
        """What an entry must be."""
        return "be greater than 0 and less than 1"


@dataclass(frozen=True)
class Mask(Promise):
    """The promise that every entry is 0 or 1: its powers are itself."""

    def rewrite(self, expression: Expr) -> Expr:
        """Replace the powers of an entry, and its absolute value, by the entry."""
        plain = expression.replace(lambda e: isinstance(e, Abs) and self._reads(e.args[0]), lambda e: e.args[0])
        return plain.replace(self._is_power, lambda e: e.base)

    def _is_power(self, node: Expr) -> bool:
        return isinstance(node, Pow) and self._reads(node.base) and bool(node.exp.is_positive)

    def kept(self, drawn: Any) -> Any:
        """Ones for two numbers out of three, and at least one in each row along each axis, so that shares exist."""
        largest = (drawn == drawn.max(axis=axis, keepdims=True) for axis in range(drawn.ndim))
        return 1.0 * sum(largest, drawn > 1 / 3).astype(bool)

    def broken(self, values: Any) -> Any:
        """Whether an entry is neither 0 nor 1."""
        return (values != 0) & (values != 1)

    @property
    def wanted(self) -> str:
        """What an entry must be."""
        return "be 0 or 1"

    @property
    def reason(self) -> str:
        """The reason for a power that is replaced."""
        return "this entry is 0 or 1"


def kept(promises: Iterable[Promise], drawn: Any) -> Any:
    """Turn an array of numbers between 0 and 1 into one that keeps all promises about one tensor."""
    for promise in sorted(promises, key=lambda p: isinstance(p, SumsToOne)):
        drawn = promise.kept(drawn)
    return drawn
