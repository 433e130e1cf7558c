"""The forward pass: one equation per tensor, from the inputs to the error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

from sympy import Symbol

from derive.calculus.beginnings import Beginning
from derive.calculus.index import Axis, Equation, IndexSupply, Tensor
from derive.calculus.normal_form import normal
from derive.calculus.prediction import predictions_of
from derive.calculus.promises import Promise
from derive.calculus.recurrence import in_order
from derive.calculus.roles import Role
from derive.calculus.running import Running
from derive.calculus.well_formed import check


@dataclass(frozen=True)
class ForwardPass:
    """The statement of a problem, from which everything else is derived.

    ``equations`` are in the order of computation; the last one is the error. ``inputs`` come with
    the data, ``parameters`` are learned. ``constants`` maps the names of scalars that the
    equations read to their values. ``outputs`` are the names of the tensors that are predicted; empty
    if there is one that the equations tell. ``starts`` maps parameters to their initial values: the name of an
    initialisation, a number, or an array as nested tuples. A parameter without an entry starts by the default.
    ``letters`` are the names that the author gave to the indices over each axis. ``sought`` are the names of the
    inputs with respect to which the error is differentiated, too. ``frozen`` are the names of the parameters that are
    not trained: the error is not differentiated with respect to them. ``running`` are the tensors of which prediction
    reads a running average. ``beginnings`` are what recurrences begin with, as the author states it; the equations read
    it, too.
    """

    equations: tuple[Equation, ...]
    inputs: tuple[Tensor, ...]
    parameters: tuple[Tensor, ...]
    supply: IndexSupply
    promises: tuple[Promise, ...] = ()
    constants: Mapping[str, Fraction] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    starts: Mapping[str, Any] = field(default_factory=dict)
    letters: Mapping[Axis | str, tuple[str, ...]] = field(default_factory=dict)
    sought: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    running: tuple[Running, ...] = ()
    beginnings: tuple[Beginning, ...] = ()

    def __post_init__(self) -> None:
        for name in ("equations", "inputs", "parameters", "promises", "outputs", "running"):
            value = getattr(self, name)
            object.__setattr__(self, name, tuple(value) if isinstance(value, list) else value)

    @property
    def error(self) -> Equation:
        """The last equation: the error E."""
        return self.equations[-1]

    @property
    def learned(self) -> tuple[Tensor, ...]:
        """The parameters that are trained."""
        return tuple(p for p in self.parameters if p.name not in self.frozen)

    @property
    def variables(self) -> tuple[Tensor, ...]:
        """The tensors with respect to which the error is differentiated: what is trained, then inputs on request."""
        return (*self.learned, *(t for t in self.inputs if t.name in self.sought))

    @property
    def upstream(self) -> tuple[Tensor, ...]:
        """The given derivatives of the error with respect to outputs, if the backward pass is that of a layer alone."""
        return upstream_of(self.inputs)

    @property
    def order(self) -> int:
        """Of which order the derivatives are: above 1 if the equations are those of a derivation."""
        return 1 + len({e.target.error for e in self.equations if e.target.error and e.target.role != Role.ERROR})

    @cached_property
    def predictions(self) -> tuple[Tensor, ...]:
        """The tensors that the network predicts. Raises StatementError if there is none."""
        return predictions_of(self.equations, self.inputs, self.outputs)

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name."""
        computed = tuple(e.target for e in self.equations)
        return {t.name: t for t in self.inputs + self.parameters + computed}

    @property
    def ranges(self) -> dict[str, tuple[Axis, ...]]:
        """The axes of all tensors by their names."""
        return {name: tensor.axes for name, tensor in self.tensors.items()}

    def refreshed(self) -> ForwardPass:
        """The same forward pass, checked and in normal form."""
        parts = normal(self, check(self))
        return replace(self, **{**parts, "equations": in_order(parts["equations"])})

    def check(self) -> None:
        """Raise StatementError, a ValueError, for a statement that cannot be derived, printed and run."""
        check(self)


def upstream_of(inputs: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """The given derivatives of the error with respect to outputs, among the inputs."""
    return tuple(t for t in inputs if t.about is not None and t.role == Role.TARGET)


def extent_symbols(tensor: Tensor) -> set[Symbol]:
    """The symbols in a tensor's shape."""
    return {s for axis in tensor.axes for s in axis.extent.free_symbols}
