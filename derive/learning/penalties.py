"""The L1 and the L2 penalty: terms of the error that grow with the weights, so that their gradients are derived."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from sympy import Abs, Add, Expr

from derive.calculus.index import Axis, Equation, IndexSupply, Tensor, total
from derive.calculus.program import constant
from derive.calculus.roles import Role

#: The strengths of the penalties, by their keys.
L1, L2 = constant("l1"), constant("l2")
PENALTY = Tensor("R", "penalty")


def penalised(
    equations: Iterable[Equation], parameters: Iterable[Tensor], strengths: Mapping[str, Fraction], supply: IndexSupply
) -> tuple[tuple[Equation, ...], dict[str, Fraction]]:
    """Add the penalties to the error, the last equation; return the equations and the constants of their strengths."""
    used = {name: strength for name, strength in strengths.items() if strength}
    if not used:
        return tuple(equations), {}
    *before, error = equations
    whole = replace(error, expression=error.expression + PENALTY[()])
    return (penalty(parameters, used, supply), *before, whole), used


def penalty(parameters: Iterable[Tensor], used: Iterable[str], supply: IndexSupply) -> Equation:
    """State R = l1 * (sum of the sizes of all weights) + l2/2 * (sum of all squared weights), without biases.

    Biases are left out however they are represented. With one of the strengths the other term is left out; both
    together are the elastic net of Zou and Hastie 2005. The size of a weight of 0 has the derivative 0.

    The L2 penalty is that of Goodfellow, Bengio and Courville 2016, section 7.1.1. Weight decay, which AdamW
    applies to the parameters apart from the gradient, is not a part of the error. PyTorch's ``weight_decay``
    adds the gradient of this penalty for SGD, but also for biases. scikit-learn's ``alpha`` is
    divided by the number of samples of a batch: its penalty is alpha/(2m) times the sum.
    """
    weights, terms = [p for p in parameters if p.role == Role.WEIGHT], list[Expr]()
    for name in used:
        found = []
        for weight in weights:
            indices = supply.several(_without_biases(weight.axes))
            entry = weight[indices]
            found.append(total(Abs(entry) if name == L1.name else entry**2, *indices))
        terms.append((L1[()] if name == L1.name else L2[()] / 2) * Add(*found))
    return Equation(PENALTY, (), Add(*terms), "penalty")


def _without_biases(axes: Iterable[Axis]) -> Iterator[Axis]:
    """The axes without entry 0, where a layer stores its biases among its weights."""
    for axis in axes:
        yield replace(axis, extent=axis.extent - 1, start=1, name="") if axis.start == 0 else axis
