"""Whether a formula is positive whatever the numbers are: by what is promised, and by its form."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction

from sympy import Dummy, Expr, Function, Indexed, Integer, Piecewise, Symbol, sympify
from sympy.concrete.expr_with_limits import ExprWithLimits

from derive.calculus.cases import Cases
from derive.calculus.functions import Elementwise, X
from derive.calculus.index import Equation, Index
from derive.calculus.promises import Positive, Probabilities, Promise


class Positivity:
    """What is known to be positive: what is promised to be, and tensors whose equations show it.

    ``promises`` and ``constants`` may grow.
    """

    def __init__(self, promises: Collection[Promise], constants: Mapping[str, Fraction]) -> None:
        self.promises, self.constants = promises, constants
        self._positive: set[str] = set()
        self._nonnegative: set[str] = set()
        self._waiting: list[Equation] = []

    def add(self, equation: Equation) -> None:
        """Let an equation show that its tensor is positive; equations come in the order of computation."""
        self._waiting.append(equation)

    def holds(self, expression: Expr) -> bool:
        """Whether a formula is certainly positive."""
        return bool(self._plain(expression).is_positive)

    def not_negative(self, expression: Expr) -> bool:
        """Whether a formula is certainly positive or 0."""
        return bool(self._plain(expression).is_nonnegative)

    def _plain(self, expression: Expr) -> Expr:
        """The formula with symbols for everything whose sign is known from elsewhere."""
        while self._waiting:  # most passes never ask
            equation = self._waiting.pop(0)
            shown = self._signs().plain(sympify(equation.expression))
            self._positive |= {equation.target.name} if shown.is_positive else set()
            self._nonnegative |= {equation.target.name} if shown.is_nonnegative else set()
        return self._signs().plain(expression)

    def _signs(self) -> _Signs:
        promised = {p.tensor.name for p in self.promises if isinstance(p, Positive | Probabilities)}
        positive = {name for name, value in self.constants.items() if value > 0}
        return _Signs(promised | positive | self._positive, self._nonnegative)


class _Signs:
    """Puts symbols in for what SymPy knows no sign of; that of some tensors and constants is known by their names."""

    def __init__(self, positive: set[str], nonnegative: set[str]) -> None:
        self.positive, self.nonnegative = positive, nonnegative
        self._known: dict[Expr, Dummy] = {}

    def plain(self, expression: Expr) -> Expr:
        """The formula with a symbol for everything that SymPy knows no sign of."""
        if isinstance(expression, Indexed | Symbol):
            name = expression.base.label.name if isinstance(expression, Indexed) else expression.name
            if isinstance(expression, Symbol) and expression.is_integer:  # a size
                return expression
            inside = all(isinstance(i, Index | Integer) for i in getattr(expression, "indices", ()))
            if name in self.positive and inside:
                return self._known.setdefault(expression, Dummy(positive=True))
            known = name in self.positive | self.nonnegative  # what is read outside a tensor is 0
            return self._known.setdefault(expression, Dummy(**{"nonnegative" if known else "real": True}))
        if isinstance(expression, Elementwise):
            arguments = dict(zip((X, *expression.others), expression.args, strict=True))
            return self.plain(expression.definition.xreplace(arguments))
        if isinstance(expression, ExprWithLimits):
            return self._alike([expression.function])
        if isinstance(expression, Cases | Piecewise):
            return self._alike([value for value, _ in expression.args])
        made = expression.func(*map(self.plain, expression.args)) if expression.args else expression
        if isinstance(made, Function) and made.is_extended_real is None:  # asin, where it has a value
            return self._known.setdefault(expression, Dummy(real=True))
        return made

    def _alike(self, expressions: list[Expr]) -> Expr:
        """A symbol with the sign that formulas have in common, which a sum or a product of them has, too."""
        plain = [self.plain(expression) for expression in expressions]
        for sign in ("positive", "nonnegative"):
            if all(getattr(p, f"is_{sign}") for p in plain):
                return Dummy(**{sign: True})
        return Dummy(real=True)
