"""Optimizers: one entry, one update equation.

To add an optimizer, add an entry to ``OPTIMIZERS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Expr

from derive.index import Equation, IndexSupply, Tensor

#: The learning rate, a scalar that is given at every step.
LEARNING_RATE = Tensor("learning_rate", "learning_rate")


@dataclass(frozen=True)
class Optimizer:
    """``step(w, g, eta)`` is the parameter after one step, entry by entry."""

    name: str
    summary: str
    step: Callable[[Expr, Expr, Expr], Expr]

    def equation(self, after: Tensor, before: Tensor, gradient: Tensor, supply: IndexSupply) -> Equation:
        """State the parameter after the step in index form."""
        indices = supply.several(before.axes)
        value = self.step(before[indices], gradient[indices], LEARNING_RATE[()])
        return Equation(after, indices, value, "update")


OPTIMIZERS = {
    entry.name: entry
    for entry in (Optimizer("sgd", "against the gradient (Cauchy 1847)", lambda w, g, eta: w - eta * g),)
}
