"""The forward pass: one equation per tensor, from the inputs to the error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property

from sympy import Expr, Indexed, Integer, Sum, Symbol

from derive.index import Axis, Equation, IndexSupply, Tensor, refreshed, symbols_read
from derive.prediction import prediction_of

#: The number of samples in a batch, and the axis along which they lie.
SAMPLES = Symbol("m", integer=True, positive=True)
SAMPLE_AXIS = Axis(SAMPLES, sample=True)


@dataclass(frozen=True)
class SumsToOne:
    """What the user promises about the data: ``tensor`` sums to one along an axis."""

    tensor: Tensor
    axis: int = 0

    def rewrite(self, expression: Expr) -> Expr:
        """Replace every such sum by 1."""
        return expression.replace(self._matches, lambda _: Integer(1))

    def _matches(self, node: Expr) -> bool:
        if not isinstance(node, Sum) or len(node.limits) != 1:
            return False
        index, body = node.limits[0][0], node.function
        return (
            isinstance(body, Indexed)
            and body.base.label == self.tensor.symbol
            and body.indices[self.axis] == index
            and index.axis == self.tensor.axes[self.axis]
        )


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
        """The same, checked, with indices that no two equations share, however they were stated."""
        self.check()
        supply = IndexSupply()
        return replace(self, equations=tuple(refreshed(e, supply) for e in self.equations), supply=supply)

    def check(self) -> None:
        """Raise ValueError unless each tensor is stated once and before it is read."""
        known = {t.name for t in self.inputs + self.parameters}
        extents = {s.name for t in self.tensors.values() for s in extent_symbols(t)} | set(self.constants)
        for equation in self.equations:
            name = equation.target.name
            if name in known:
                raise ValueError(f"{name} is stated twice")
            unknown = [s for s in symbols_read(equation.expression) if s not in known | extents]
            if unknown:
                raise ValueError(f"the equation of {name} reads {', '.join(unknown)}, not stated before")
            known.add(name)
        if self.error.target.axes:
            raise ValueError(f"the last equation, {self.error.target.name}, must be one number")
        prediction_of(self.equations, self.inputs)


def extent_symbols(tensor: Tensor) -> set[Symbol]:
    """The symbols in a tensor's shape."""
    return {s for axis in tensor.axes for s in axis.extent.free_symbols}
