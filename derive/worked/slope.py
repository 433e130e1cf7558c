"""The slope of the error along one weight, in numbers: by the generated module, and measured from the error alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sympy import Expr

from derive.calculus.evaluate import Interpreter
from derive.calculus.index import Index, Tensor
from derive.calculus.program import Program
from derive.targets.named import interpreted
from derive.targets.names import code_names
from derive.targets.verify import loaded
from derive.targets.watch import watched
from derive.text.errors import SpecError
from derive.worked.example import LARGEST_PARAMETER, position
from derive.worked.figures import Figure, layout, shown
from derive.worked.given import MAX_PARAMETERS, Numbers, settled
from derive.worked.measured import COMPLEX_STEP, DIFFERENCE_STEP, Measured, frozen

if TYPE_CHECKING:
    from derive.targets.numpy.derivation import NumPyDerivation

Array = NDArray[np.float64]
Values = Mapping[str, Array]

#: The seed of the example where no numbers are given.
SEED = 1
DIGITS = 6

_OUT_OF_RANGE = "the numbers are out of range in this example: use smaller ones"
_FUNCTIONS = ("_forward", "_gradients")


@dataclass(frozen=True)
class Slope:
    """One entry of a gradient: as the module computes it, beside what is measured of it.

    ``values`` holds the tensors at that point as the module has computed them, with one
    axis for each axis in the equations; ``seed`` is that of the example if it was drawn.
    """

    program: Program
    values: Values
    samples: int
    seed: int | None
    digits: int
    measured: Measured

    @property
    def gradient(self) -> float:
        """The entry of the gradient."""
        return self.measured.gradient.item()

    def figure(self, value: float) -> Figure:
        """A number as it is printed."""
        return shown(value, self.digits)

    @property
    def central(self) -> Figure:
        """The central difference, with the digits that it resolves."""
        value = self.measured.central.item()
        style, decimals = layout([value], self.digits), self.measured.decimals
        return (style if decimals is None else style.resolving(decimals)).figure(value)

    def value(self, expression: Expr) -> float:
        """What an expression comes to that reads the values of a single sample."""
        reader = Interpreter({**self.values}, {"m": self.samples}, self.program.tensors)
        at = {i: int(i.axis.start) for i in expression.atoms(Index) if i.axis.extent == 1}
        return float(reader.number(expression, at).real)


def slope(
    derivation: NumPyDerivation, parameter: Tensor, entry: tuple[int, ...], numbers: Numbers | None
) -> Slope | None:
    """Run the generated module on the numbers, or on a drawn example of one sample.

    None if nothing can be drawn, as widths have names. Raises SpecError if the numbers do
    not fit the network.
    """
    if numbers is None and derivation.program.extents:
        return None
    module = loaded(derivation.listed)
    parameters, x, y, digits = _start(derivation, module, numbers)
    shape = parameters[parameter.name].shape
    if any(n >= length for n, length in zip(position(parameter, entry), shape, strict=True)):
        raise SpecError(f"{parameter.name} is {shape[0]} by {shape[1]} in these numbers, and has no such entry")
    if any(np.any(np.abs(p) > LARGEST_PARAMETER) for p in parameters.values()):
        raise SpecError(_OUT_OF_RANGE)
    with np.errstate(all="ignore"):
        values = _values(derivation, module, parameters, x, y)
        gradients = module.gradients(parameters, x, y)
        measured = _measured(module, parameters, x, y, parameter, entry, gradients[parameter.name])
    if not all(np.all(np.isfinite(v)) for v in (*values.values(), measured.central)):
        raise SpecError(_OUT_OF_RANGE)
    samples = int(x.shape[1])
    return Slope(derivation.program, values, samples, SEED if numbers is None else None, digits, measured)


def _start(derivation: NumPyDerivation, module: Any, numbers: Numbers | None) -> tuple[Values, Array, Array, int]:
    """The parameters, the data and the digits of the example."""
    if numbers is None and derivation.parameter_count > MAX_PARAMETERS:
        return *module.example(samples=1, seed=SEED), DIGITS
    given = Numbers({"seed": SEED}) if numbers is None else numbers
    start = settled(given, derivation.program, derivation.forward.promises, module, derivation.targets)
    kept = slice(None) if "X" in given.values else slice(1)  # drawn data are cut to the one sample of the story
    return start.parameters, start.X[:, kept], start.Y[:, kept], start.digits


def _values(derivation: NumPyDerivation, module: Any, parameters: Values, x: Array, y: Array) -> Values:
    """Every tensor of the forward pass and every factor, as the module's functions hold them when they return."""
    program, names = derivation.program, code_names(derivation.program, derivation.notation).tensors
    _, held = watched(module, {*_FUNCTIONS}, lambda: module.gradients(parameters, x, y))
    inputs = dict(zip((t.name for t in program.inputs), (x, y), strict=True))
    fixed = {name: np.array([[float(value)]]) for name, value in program.constants.items()}
    found: dict[str, Array] = {**fixed, **inputs, **parameters}
    for stages, function in ((("forward",), "_forward"), (("factor",), "_gradients")):
        for statement in program.stage(*stages):
            name = statement.target.name
            here = held[function].get(names[name])
            found[name] = interpreted(program, statement.equation, found) if here is None else here
    return MappingProxyType({name: _in_axes(program.tensors[name], value) for name, value in found.items()})


def _in_axes(tensor: Tensor, value: Array) -> Array:
    """A stored array with one axis for each axis in the equations."""
    stored = np.atleast_2d(np.array(value, dtype=np.float64))
    return frozen(stored if len(tensor.axes) == 2 else stored.ravel() if tensor.axes else stored.ravel()[0])


def _measured(
    module: Any, parameters: Values, x: Array, y: Array, parameter: Tensor, entry: tuple[int, ...], gradient: Array
) -> Measured:
    """Central differences and the complex step of the module's error along one weight."""
    place = position(parameter, entry)

    def error(step: complex) -> complex:
        moved = {**parameters, parameter.name: parameters[parameter.name].astype(type(step))}
        moved[parameter.name][place] += step
        return complex(np.asarray(module._error(moved, x, y, module._forward(moved, x))).item())

    up, down = (error(h).real for h in (DIFFERENCE_STEP, -DIFFERENCE_STEP))
    here = float(parameters[parameter.name][place])
    wide = (here + DIFFERENCE_STEP) - (here - DIFFERENCE_STEP)
    exact = error(COMPLEX_STEP * 1j).imag / COMPLEX_STEP
    noise = max(abs(up), abs(down)) * 2.0**-52 / DIFFERENCE_STEP
    derived, central, stepped = (np.array([[n]]) for n in (gradient[place], (up - down) / wide, exact))
    return Measured(derived, central, stepped, np.array([[False]]), noise)
