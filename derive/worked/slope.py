"""The derivative of the error with respect to one weight or input: by the generated module and numerically.

Intermediate values are those of the program.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
from numpy.typing import NDArray
from sympy import Expr

from derive.calculus.evaluate import FLOATS, Interpreter, as_floats, interpret
from derive.calculus.index import SAMPLES, Index, Tensor
from derive.calculus.program import Program
from derive.record import record
from derive.targets.inputs import WithInputs
from derive.targets.named import Point, first_samples, sizes
from derive.targets.numpy.runtime.example import draw_example
from derive.text.errors import SpecError
from derive.worked.exact import DIGITS as EXACT_DIGITS
from derive.worked.exact import EXACT
from derive.worked.example import LARGEST_PARAMETER, position
from derive.worked.figures import Figure, layout, shown
from derive.worked.given import MAX_PARAMETERS, Numbers, settled
from derive.worked.measured import Measured, Meter

if TYPE_CHECKING:
    from derive.targets.registry import Runnable

Array = NDArray[np.float64]
Values = Mapping[str, Array]

#: The seed of the example if no numbers are given.
SEED = 1
DIGITS = 6

_OUT_OF_RANGE = "the numbers are out of range in this example: use smaller ones"


@record
class Slope:
    """One entry of a gradient, from the module and numerically.

    ``machine`` holds the tensors' values; ``seed`` is that of the example if it was drawn.
    """

    machine: Interpreter
    samples: int
    seed: int | None
    digits: int
    measured: Measured

    @property
    def gradient(self) -> float:
        """The entry of the gradient."""
        return self.measured.gradient.item()

    def figure(self, value: float) -> Figure:
        """A number as printed."""
        return shown(value, self.digits)

    @property
    def central(self) -> Figure:
        """The central difference, with the digits that it resolves."""
        value = self.measured.central.item()
        style, decimals = layout([value], self.digits), self.measured.decimals
        return (style if decimals is None else style.resolving(decimals)).figure(value)

    def value(self, expression: Expr) -> float:
        """Evaluate an expression on the values of a single sample."""
        at = {i: int(i.axis.start) for i in expression.atoms(Index) if i.axis.extent == 1}
        with mpmath.workdps(EXACT_DIGITS):
            return float(self.machine.number(expression, at))


def slope(
    derivation: Runnable, parameter: Tensor, entry: tuple[int, ...], numbers: Numbers | None, samples: int = 1
) -> Slope | None:
    """Run the generated module on the numbers, or on a drawn example of so many samples.

    Returns None if widths are symbolic, so that nothing can be drawn. Raises SpecError if the
    numbers do not match the network.
    """
    if numbers is None and derivation.program.extents:
        return None
    module = derivation.numpy_target.module
    parameters, data, digits = _start(derivation, module, numbers, samples)
    network: Any = module.NETWORK
    given = parameters
    if derivation.program.sought:
        network = WithInputs(network, [t.name for t in derivation.program.sought])
        given = network.joined(parameters, data)
    shape = given[parameter.name].shape
    units = iter(entry)
    place = position(parameter, tuple(a.start if a.sample else next(units) for a in parameter.axes))
    if any(n >= length for n, length in zip(place, shape, strict=True)):
        lengths = " by ".join(map(str, shape))
        raise SpecError(f"{parameter.name} is {lengths} in these numbers, and has no such entry")
    if any(np.any(np.abs(p) > LARGEST_PARAMETER) for p in parameters.values()):
        raise SpecError(_OUT_OF_RANGE)
    with np.errstate(all="ignore"):
        machine = _evaluated(derivation.program, Point(parameters, {}, data))
        gradients = network.differentiated(given, *data)
        meter = Meter(network, derivation.program, {}, {}, data, ())
        *found, _, noise = meter.entry(given, parameter.name, place)
    derived, central, exact = (np.array([[n]]) for n in (gradients[parameter.name][place], *found))
    measured = Measured(derived, central, exact, np.array([[False]]), noise)
    if not all(np.all(np.isfinite(as_floats(v))) for v in (*machine.values.values(), measured.central)):
        raise SpecError(_OUT_OF_RANGE)
    return Slope(machine, machine.sizes.get(SAMPLES.name, 1), SEED if numbers is None else None, digits, measured)


def _start(
    derivation: Runnable, module: Any, numbers: Numbers | None, samples: int
) -> tuple[Values, tuple[Array, ...], int]:
    """The parameters, the data and the digits of the example."""
    program = derivation.program
    if numbers is None and derivation.parameter_count > MAX_PARAMETERS:
        parameters, *arrays = draw_example(module.NETWORK, samples=samples, seed=SEED)
        return parameters, tuple(arrays), DIGITS
    given = Numbers({"seed": SEED}) if numbers is None else numbers
    start = settled(given, derivation)
    drawn = all(t.name in start.drawn for t in program.inputs)
    data = {name: first_samples(program.tensors[name], array, samples) for name, array in start.data.items()}
    return start.parameters, tuple((data if drawn else start.data).values()), start.digits


def _evaluated(program: Program, point: Point) -> Interpreter:
    """Evaluate every tensor of the forward and backward pass, in floats if there are too many for more digits."""
    kind = EXACT if sum(p.size for p in point.parameters.values()) <= MAX_PARAMETERS else FLOATS
    given = point.given(program)
    counts = sizes(program, given)
    try:
        with mpmath.workdps(EXACT_DIGITS):
            found = interpret(program, given, counts, kind, ("forward", "error", "factor"))
            return Interpreter(found, counts, program.tensors, kind)
    except (ArithmeticError, ValueError):
        raise SpecError(_OUT_OF_RANGE) from None
