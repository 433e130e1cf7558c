"""The L2 penalty: a term of the error that grows with the weights, so that its gradient is derived."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

from sympy import Add

from derive.calculus.index import Axis, Equation, IndexSupply, Tensor, total
from derive.calculus.program import constant
from derive.calculus.roles import Role

#: The strength of the penalty.
L2 = constant("l2")
PENALTY = Tensor("R", "penalty")


def penalised(
    equations: Iterable[Equation], parameters: Iterable[Tensor], strength: Fraction, supply: IndexSupply
) -> tuple[tuple[Equation, ...], dict[str, Fraction]]:
    """Add the penalty to the error, the last equation; return the equations and the constant of this strength."""
    if not strength:
        return tuple(equations), {}
    *before, error = equations
    whole = replace(error, expression=error.expression + PENALTY[()])
    return (penalty(parameters, supply), *before, whole), {L2.name: strength}


def penalty(parameters: Iterable[Tensor], supply: IndexSupply) -> Equation:
    """State R = l2/2 * (sum of all squared weights), without biases, however these are represented.

    This is the convention of Goodfellow, Bengio and Courville 2016, section 7.1.1. Weight decay, which AdamW
    applies to the parameters apart from the gradient, is not a part of the error. PyTorch's ``weight_decay``
    adds the gradient of this penalty for SGD, but also for biases. scikit-learn's ``alpha`` is
    divided by the number of samples of a batch: its penalty is alpha/(2m) times the sum.
    """
    squares = []
    for weight in parameters:
        if weight.role == Role.WEIGHT:
            indices = supply.several(_without_biases(weight.axes))
            squares.append(total(weight[indices] ** 2, *indices))
    return Equation(PENALTY, (), L2[()] / 2 * Add(*squares), "penalty")


def _without_biases(axes: Iterable[Axis]) -> Iterator[Axis]:
    """The axes without entry 0, where a layer stores its biases among its weights."""
    for axis in axes:
        yield replace(axis, extent=axis.extent - 1, start=1, name="") if axis.start == 0 else axis
