"""A formula given case by case, as a node that SymPy leaves alone.

SymPy multiplies the summand of every ``Sum`` into the cases of a ``Piecewise`` in it, and rewrites its conditions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sympy import Add, Expr, Indexed, Mul, Piecewise, Rel, Sum, Symbol, false, sympify, true
from sympy.core.logic import fuzzy_and
from sympy.functions.elementary.piecewise import ExprCondPair


class Cases(Expr):  # type: ignore[misc]  # SymPy's Expr carries no types
    """The value of the first case whose condition holds; ``args`` are pairs (value, condition) as in ``Piecewise``.

    >>> from sympy import Symbol, Sum
    >>> x, i = Symbol("x", real=True), Symbol("i", integer=True)
    >>> Sum(x * Cases((i, i > x), (0, True)), (i, 1, 3)).function
    x*Piecewise((i, i > x), (0, True))
    >>> Cases((x, x > 0), (x, True))
    x
    """

    is_commutative = True

    def __new__(cls, *pairs: Any) -> Any:
        """Create the node without needless cases, or return the value if only one is left."""
        kept: list[tuple[Expr, Any]] = []
        for value, condition in (map(sympify, pair) for pair in pairs):
            if condition == false:
                continue
            while condition == true and kept and kept[-1][0] == value:
                kept.pop()
            if condition == true and isinstance(value, Cases):  # the list of cases goes on
                return cls(*kept, *value.args)
            kept.append((value, condition))
            if condition == true:
                break
        return kept[0][0] if kept[0][1] == true else super().__new__(cls, *(ExprCondPair(*pair) for pair in kept))

    @classmethod
    def class_key(cls) -> tuple[int, int, str]:
        """The sort key among factors: after entries and functions of them."""
        return 6, 0, cls.__name__

    def _eval_is_extended_real(self) -> Any:
        return fuzzy_and(value.is_extended_real for value, _ in self.args)

    def _eval_derivative(self, symbol: Expr) -> Expr:
        return Cases(*((value.diff(symbol), condition) for value, condition in self.args))

    def _sympystr(self, printer: Any) -> str:
        return f"Piecewise({', '.join(f'({printer._print(v)}, {printer._print(c)})' for v, c in self.args)})"


def with_cases(expression: Expr) -> Expr:
    """Replace every ``Piecewise`` by ``Cases``; what SymPy has multiplied into one in a sum comes out of it again."""
    if not expression.has(Piecewise, Cases):
        return expression
    plain = expression.replace(lambda e: isinstance(e, Piecewise), lambda choice: Cases(*map(_turned, choice.args)))
    return plain.replace(lambda e: isinstance(e, Sum) and isinstance(e.function, Cases), _unfolded)


def _turned(case: Any) -> tuple[Expr, Any]:
    """A case whose comparisons have an entry on the left; SymPy sorts the sides."""
    value, condition = case
    turned = (c for c in condition.atoms(Rel) if c.rhs.has(Indexed) and not c.lhs.has(Indexed))
    return value, condition.xreplace({c: c.reversed for c in turned})


def _unfolded(total: Sum) -> Expr:
    """A sum over cases without the terms, and then the entries as factors, that all cases have in common."""
    conditions = [condition for _, condition in total.function.args]
    terms = _common(Add.make_args(v) for v, _ in total.function.args)
    values = [v - Add(*terms) for v, _ in total.function.args]
    factors = _common(filter(_is_entry, Mul.make_args(v)) for v in values if v != 0)
    rest = Cases(*zip((v / Mul(*factors) for v in values), conditions, strict=True))
    return Sum(Add(*terms, Mul(*factors, rest)), *total.limits)


def _common(parts: Iterable[Iterable[Expr]]) -> set[Expr]:
    return set.intersection(*map(set, parts))


def _is_entry(factor: Expr) -> bool:
    """Whether a factor has a value in every case."""
    return isinstance(factor, Indexed | Symbol) or bool(factor.is_number)
