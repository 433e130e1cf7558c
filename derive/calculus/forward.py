"""The forward pass: one equation per tensor, from the inputs to the error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property

from sympy import Symbol

from derive.calculus.index import Equation, IndexSupply, Tensor
from derive.calculus.prediction import prediction_of
from derive.calculus.promises import SumsToOne
from derive.calculus.well_formed import check, normal


@dataclass(frozen=True)
class ForwardPass:
    """Everything that is stated; all else is derived from it.

    ``equations`` are in the order in which they are computed and end with the
    error. ``inputs`` come with the data, ``parameters`` are learned. ``constants`` are
    scalars that the equations read by name, with their values.
    """

    equations: tuple[Equation, ...]
    inputs: tuple[Tensor, ...]
    parameters: tuple[Tensor, ...]
    supply: IndexSupply
    promises: tuple[SumsToOne, ...] = ()
    constants: Mapping[str, Fraction] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("equations", "inputs", "parameters", "promises"):
            value = getattr(self, name)
            object.__setattr__(self, name, tuple(value) if isinstance(value, list) else value)

    @property
    def error(self) -> Equation:
        """The last equation: the error E."""
        return self.equations[-1]

    @cached_property
    def prediction(self) -> Tensor:
        """What the network predicts; ValueError if that is not clear."""
        return prediction_of(self.equations, self.inputs)

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by its name."""
        computed = tuple(e.target for e in self.equations)
        return {t.name: t for t in self.inputs + self.parameters + computed}

    def refreshed(self) -> ForwardPass:
        """The same, checked, in the one form in which the stages take it."""
        self.check()
        return replace(self, **normal(self))

    def check(self) -> None:
        """Raise StatementError, a ValueError, for what cannot be derived, printed and run."""
        check(self)


def extent_symbols(tensor: Tensor) -> set[Symbol]:
    """The symbols in a tensor's shape."""
    return {s for axis in tensor.axes for s in axis.extent.free_symbols}
