"""The formulas of functions that a text states."""

from __future__ import annotations

from typing import Any

from sympy import And, Expr, Not, Or, Piecewise

from derive.calculus.functions import X
from derive.catalogue.activations import activation
from derive.statement.language.formulas import Formula
from derive.text.errors import SpecError
from derive.text.source import Misread, Place
from derive.text.user_text import listed


class Definition(Formula):
    """The formula of a function: activations are their formulas there, and cases SymPy's own."""

    def applied(self, text: str, argument: Expr) -> Expr:
        """The formula of an activation."""
        found = activation(text)
        if found.formula is None:
            raise SpecError(f"{text} mixes the entries of a tensor, and cannot be in the formula of a function")
        return found.formula.xreplace({X: argument})

    def cases(self, condition: Any, then: Expr, otherwise: Expr) -> Expr:
        """A formula with two cases; of conditions that are joined, each makes a case."""
        if isinstance(condition, And | Or):
            first, *others = sorted(condition.args, key=lambda part: (not isinstance(part, And | Or), str(part)))
            further = self.cases(condition.func(*others), then, otherwise)
            if isinstance(first, And | Or):
                both = isinstance(condition, And)
                return self.cases(first, further, otherwise) if both else self.cases(first, then, further)
            head = (otherwise, Not(first)) if isinstance(condition, And) else (then, first)
            return _cases(*head, further)
        return _cases(then, condition, otherwise)

    def chosen(self, name: str, values: list[Expr]) -> Expr:
        """A maximum or a minimum as cases, of which the first applies among equal values, and numbers come first."""
        first, *others = sorted(values, key=lambda value: not value.is_number)
        for other in others:
            first = _of_two(name, first, other)
        return first

    def _unknown(self, name: str, place: Place) -> Misread:
        return Misread(place, f"{name} has no meaning in this formula, which reads {listed(self.meanings.names())}")


def _of_two(name: str, first: Expr, other: Expr) -> Expr:
    """The larger or the smaller of two formulas, case by case."""
    if isinstance(first, Piecewise):
        return Piecewise(*((_of_two(name, value, other), condition) for value, condition in first.args))
    if isinstance(other, Piecewise):
        return Piecewise(*((_of_two(name, first, value), condition) for value, condition in other.args))
    return _cases(first, first >= other if name == "max" else first <= other, other)


def _cases(value: Expr, condition: Any, otherwise: Expr) -> Expr:
    """Two cases; those of the second follow in one list, unless SymPy would join equal values by an ``or``."""
    inner = isinstance(otherwise, Piecewise) and otherwise.args[0][0] != value
    return Piecewise((value, condition), *(otherwise.args if inner else ((otherwise, True),)))
