"""How the parameters begin, the same for every target."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from sympy import Expr, Integer, prod

from derive.calculus.index import Tensor
from derive.calculus.program import Program
from derive.calculus.starts import factors_in, is_factor
from derive.learning.initialisations import INITIALISATIONS, Initialisation


def beginnings(program: Program, default: Initialisation) -> dict[str, Any]:
    """Return the initialisation, the number or the array with which each parameter begins, by its name.

    That is what the statement says; otherwise weights begin by the default, biases are zero, and factors such as gains
    are one.
    """
    factors = factors_of(program)

    def one(parameter: Tensor) -> Any:
        stated = program.starts.get(parameter.name)
        if isinstance(stated, str):
            return INITIALISATIONS[stated]
        if stated is not None:
            return stated
        if parameter.role == "weight" and default.kind != "zeros":
            return default
        return Fraction(int(is_factor(parameter, factors)))

    return {p.name: one(p) for p in program.parameters}


def factors_of(program: Program) -> set[str]:
    """Return the names of the tensors that multiply or divide others in the forward pass or in the error."""
    return factors_in(s.equation for s in program.stage("forward", "error"))


def has_biases(parameter: Tensor) -> bool:
    """Return whether column 0 of a weight holds the biases of its layer."""
    return len(parameter.axes) == 2 and parameter.axes[1].start == 0 and parameter.layer is not None


def fans(parameter: Tensor) -> tuple[Expr, Expr]:
    """Return the numbers of inputs and of units of a parameter, of which the variance of its entries is computed.

    A parameter [units, inputs, taps...] has inputs * taps of one and units * taps of the other; a
    vector has its length of both. Biases in column 0 do not count.

    >>> from derive.calculus.index import Axis
    >>> fans(Tensor("K", "weight", (Axis(8), Axis(3), Axis(5), Axis(5))))
    (75, 200)
    """
    extents = [axis.extent for axis in parameter.axes]
    if len(extents) < 2:
        length = extents[0] if extents else Integer(1)
        return length, length
    taps = prod(extents[2:])
    return (extents[1] - int(has_biases(parameter))) * taps, extents[0] * taps
