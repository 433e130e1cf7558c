"""Activations: one entry, one forward formula. Their derivatives are not stated anywhere.

To add an activation, add an entry to ``ACTIVATIONS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Expr, Piecewise, exp, log, tanh

from derive.functions import X, elementwise
from derive.index import Equation, IndexSupply, Tensor, total


@dataclass(frozen=True)
class Activation:
    """A function from pre-activations to activations.

    ``formula`` is an expression in ``X`` for an elementwise function; ``vector``
    states one that mixes the units of a layer, as a function of the entry map,
    the unit's index and a fresh index over the same units.
    """

    name: str
    summary: str
    formula: Expr | None = None
    vector: Callable[[Callable[[Expr], Expr], Expr, Expr], Expr] | None = None

    @property
    def elementwise(self) -> bool:
        """Whether each unit depends on its own pre-activation only."""
        return self.formula is not None

    def equation(self, a: Tensor, z: Tensor, supply: IndexSupply) -> Equation:
        """State ``a = f(z)`` in index form; ``a`` and ``z`` are (units, samples)."""
        indices = supply.several(a.axes)
        unit, *rest = indices
        if self.formula is not None:
            value = elementwise(self.name, self.formula)(z[indices])
        else:
            assert self.vector is not None
            value = self.vector(lambda i: z[(i, *rest)], unit, supply.fresh(z.axes[0]))
        return Equation(a, indices, value, "activation")


def _softmax(z: Callable[[Expr], Expr], k: Expr, j: Expr) -> Expr:
    return exp(z(k)) / total(exp(z(j)), j)


ACTIVATIONS = {
    entry.name: entry
    for entry in (
        Activation("identity", "the sum itself", formula=X),
        Activation("sigmoid", "between 0 and 1", formula=1 / (1 + exp(-X))),
        Activation("tanh", "between -1 and 1", formula=tanh(X)),
        Activation(
            "relu",
            "zero below zero; its slope at 0 is taken as 0",
            formula=Piecewise((X, X > 0), (0, True)),
        ),
        Activation("softplus", "a smooth relu", formula=log(1 + exp(X))),
        Activation(
            "softmax",
            "positive, sums to 1 over the units; output layer only",
            vector=_softmax,
        ),
    )
}
