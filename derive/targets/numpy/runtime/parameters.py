"""The parameters of a network and the state of its optimizer: checks of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from derive.targets.numpy.runtime.data import _at, _width
from derive.targets.numpy.runtime.values import (
    Extent,
    Parameters,
    _check_finite,
    _described,
    _dtype,
)


class _Learned:
    """What a network learns and what its optimizer keeps: their names and shapes."""

    kinds: Mapping[str, str]

    def __init__(self, parameters: Mapping[str, tuple[Extent, ...]]) -> None:
        """Note where each named width is read off."""
        self.shapes = parameters
        #: For each named width a parameter, its axis, and what is added.
        self.places: dict[str, tuple[str, int, int]] = {}
        for name, shape in parameters.items():
            for axis, extent in enumerate(shape):
                if isinstance(extent, str):
                    width, more = _width(extent)
                    self.places.setdefault(width, (name, axis, more))

    @property
    def keeps_state(self) -> bool:
        """Whether the optimizer keeps something from step to step."""
        return "initial_state" in vars(self)

    def initial_state(self, parameters: Parameters) -> Parameters:
        """What the optimizer keeps from step to step, before the first: nothing."""
        return {}

    def sizes(self, parameters: Parameters) -> dict[str, int]:
        """The named widths, each read off the first parameter that has it."""
        return {
            width: parameters[name].shape[axis] - more
            for width, (name, axis, more) in self.places.items()
        }

    def scaled(self, parameters: Parameters, factor: float) -> Parameters:
        """The parameters times a number, but for those that must be of a kind."""
        return {
            name: value if name in self.kinds else factor * value
            for name, value in parameters.items()
        }

    def check_parameters(
        self, parameters: Parameters, in_place: bool = False, finite: bool = True
    ) -> None:
        """Raise unless all parameters are there, finite and of the right shapes."""
        if not isinstance(parameters, dict):
            raise TypeError(
                f"parameters must be a dict of arrays, not {_described(parameters)}"
            )
        expected = ", ".join(self.shapes)
        for name in self.shapes:
            if name not in parameters:
                raise ValueError(f'parameter "{name}" is missing; expected {expected}')
        dtype = _dtype(parameters)
        for name, value in parameters.items():
            if name not in self.shapes:
                raise ValueError(f'unknown parameter "{name}"; expected {expected}')
            self._check_parameter(name, value, dtype)
            if in_place and not value.flags.writeable:
                raise ValueError(
                    f'parameter "{name}" is read-only, so it cannot be updated in place'
                )
        sizes = self.sizes(parameters)
        for name, extents in self.shapes.items():
            shape, found = tuple(_at(e, sizes) for e in extents), parameters[name].shape
            where = f'parameter "{name}"'
            if found != shape:
                what = f"{where} has shape {found}; expected {shape}"
                raise ValueError(f"{what}{self._hint(name, parameters)}")
            if 0 in shape:
                raise ValueError(
                    f"{where} has shape {shape}; expected no width to be 0"
                )
            if finite:
                _check_finite(parameters[name], where)

    def _hint(self, name: str, parameters: Parameters) -> str:
        """What is said where a parameter, or all weights, would fit transposed."""
        turned = {n: v.T if min(v.shape) > 1 else v for n, v in parameters.items()}
        for some in ({**parameters, name: parameters[name].T}, turned):
            sizes = self.sizes(some)
            if all(
                some[n].shape == tuple(_at(e, sizes) for e in extents)
                for n, extents in self.shapes.items()
            ):
                break
        else:
            found, sizes = parameters[name].shape, self.sizes(parameters)
            if found[::-1] != tuple(_at(e, sizes) for e in self.shapes[name]):
                return ""
        return ": it is transposed, since weights are (units, inputs) here"

    def _check_parameter(self, name: str, value: Any, dtype: Any) -> None:
        """Raise unless a parameter is a plain array of real numbers, of this type."""
        where = f'parameter "{name}"'
        axes = len(self.shapes[name])
        if not isinstance(value, np.ndarray) or value.ndim != axes:
            kind = "two-dimensional array" if axes == 2 else f"array of {axes} axes"
            what = f"a{'n' * (axes != 2)} {kind}, not {_described(value)}"
            raise TypeError(f"{where} must be {what}")
        if isinstance(value, np.matrix) or hasattr(value, "mask"):
            kind = type(value).__name__
            raise TypeError(f"{where} must be a plain array, not a {kind}")
        if value.dtype not in (np.float64, np.float32):
            kinds = f"float64 numbers, not {value.dtype}; float32 will do if all are"
            raise TypeError(f"{where} must hold {kinds}")
        if value.dtype != dtype:
            kinds = f"{value.dtype} numbers and others {dtype}"
            raise TypeError(f"{where} holds {kinds}; expected one type")

    def check_state(self, parameters: Parameters, state: Any) -> None:
        """Raise unless the state is that of the parameters: writeable, and finite."""
        if not isinstance(state, dict):
            raise TypeError(f"state must be a dict of arrays, not {_described(state)}")
        wanted = "expected what initial_state returns"
        if not self.keeps_state:
            wanted = "the optimizer of this network keeps none"
        expected = self.initial_state(parameters)
        for name in expected:
            if name not in state:
                raise ValueError(f'"{name}" is missing in the state; {wanted}')
        for name, value in state.items():
            if name not in expected:
                raise ValueError(f'unknown "{name}" in the state; {wanted}')
            like, where = expected[name], f'"{name}" in the state'
            if not isinstance(value, np.ndarray):
                raise TypeError(f"{where} must be an array, not {_described(value)}")
            if value.shape != like.shape:
                found = f"has shape {value.shape}; expected {like.shape}"
                raise ValueError(f"{where} {found}")
            counts = name == "step"
            if value.dtype != like.dtype and not (counts and value.dtype == np.float32):
                kinds = f"{like.dtype} numbers, not {value.dtype}"
                raise TypeError(f"{where} must hold {kinds}")
            if not value.flags.writeable:
                raise ValueError(
                    f"{where} is read-only, so it cannot be updated in place"
                )
            owners = [n for n in self.shapes if name.endswith(f"_{n}")]
            kept = [name.removesuffix(f"_{n}") for n in owners]
            squares = bool(kept) and all("square" in what for what in kept)
            negative = np.min(value) < 0 and (counts or squares)
            broken = counts and np.any(value != np.floor(value))
            if negative or broken or not np.all(np.isfinite(value)):
                raise ValueError(f"{where} holds a number that no step leaves there")
