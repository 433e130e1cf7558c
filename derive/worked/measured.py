"""Numerical gradients from the error alone: central differences and the complex step.

Only the generated module's forward pass and error are run, with one weight perturbed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import Expr, Indexed

from derive.calculus.evaluate import FLOATS, Interpreter
from derive.calculus.functions import Elementwise
from derive.calculus.functions import kinks as function_kinks
from derive.calculus.index import Equation, Index, Tensor
from derive.calculus.program import Program
from derive.record import record
from derive.targets.named import in_axes
from derive.worked.exact import frozen
from derive.worked.figures import power_above

Array = NDArray[np.float64]
Values = Mapping[str, Array]

#: The step h of the central differences, (E(w+h) - E(w-h)) / 2h. It is large enough for the
#: truncation error, about h**2 and the same on every machine, to dominate the rounding error.
DIFFERENCE_STEP = 1e-4
COMPLEX_STEP = 1e-20

#: A digit of a finite difference is printed if rounding errors are smaller by this factor.
RESOLVED = 1e4


@record
class Measured:
    """A gradient and its numerical estimates, entry by entry.

    ``central`` are central differences, ``complex_step`` are complex-step derivatives. ``kinked``
    marks the central differences that span a kink, so that they are not derivatives.
    ``noise`` estimates the rounding error of an entry of ``central``. ``moved`` are the errors
    with the entry at ``place``, that with the largest gradient, larger and smaller by ``DIFFERENCE_STEP``.
    """

    gradient: Array
    central: Array
    complex_step: Array
    kinked: NDArray[np.bool_]
    noise: float
    moved: tuple[float, float] = (math.nan, math.nan)
    place: tuple[int, ...] = (0, 0)

    @property
    def difference(self) -> Array:
        """The absolute difference between the gradient and the central difference."""
        return np.abs(self.gradient - self.central)

    @property
    def unresolved(self) -> float:
        """The size below which digits of a central difference may differ between machines."""
        return self.noise * RESOLVED

    @property
    def decimals(self) -> int | None:
        """The number of decimals of a central difference that are the same on every machine; None if all."""
        return None if self.noise == 0 else max(0, -power_above(self.unresolved))

    @property
    def bound(self) -> int:
        """The smallest k such that every difference, except at kinks, is below 10**k and safe to print."""
        smooth = self.difference[~self.kinked]
        return power_above(max(float(smooth.max(initial=0)), 1e3 * self.noise, 1e-15))


@record
class Meter:
    """Computes numerical gradients of one generated module on one data set, with samples as columns.

    ``network`` holds the module's functions, ``names`` maps tensors to their names in its code.
    """

    network: Any
    program: Program
    names: Mapping[str, str]
    sizes: Mapping[str, int]
    data: tuple[Array, ...]
    kinks: tuple[Kink, ...]

    def measured(self, at: Values, gradient: Tensor, slopes: Array) -> Measured:
        """Perturb every entry of the parameter of ``gradient``, one after another."""
        assert gradient.about is not None
        central, exact, kinked = np.empty(slopes.shape), np.empty(slopes.shape), np.zeros(slopes.shape, dtype=np.bool_)
        noise = 0.0
        for place in np.ndindex(*slopes.shape):
            central[place], exact[place], kinked[place], more = self.entry(at, gradient.about.name, place)
            noise = max(noise, more)
        kinked.setflags(write=False)
        steepest = tuple(int(n) for n in np.unravel_index(np.argmax(np.abs(slopes)), slopes.shape))
        steps = (DIFFERENCE_STEP, -DIFFERENCE_STEP)
        up, down = (self._moved(at, gradient.about.name, steepest, h)[0].real for h in steps)
        return Measured(frozen(slopes), frozen(central), frozen(exact), kinked, noise, (up, down), steepest)

    def entry(self, at: Values, name: str, place: tuple[int, ...]) -> tuple[float, float, bool, float]:
        """Return the central difference, the complex step, whether a kink is between, and the noise, for one weight."""
        h, here = DIFFERENCE_STEP, float(at[name][place])
        (up, above), (down, below) = (self._moved(at, name, place, step) for step in (h, -h))
        central = (up - down).real / ((here + h) - (here - h))
        exact = self._moved(at, name, place, COMPLEX_STEP * 1j)[0].imag / COMPLEX_STEP
        return central, exact, self._jumps(above, below), max(abs(up), abs(down)) * 2.0**-52 / h

    def _moved(
        self, at: Values, name: str, place: tuple[int, ...], step: complex
    ) -> tuple[complex, Mapping[str, Array]]:
        """Run the module's forward pass and error with one weight perturbed; return the error and the pass.

        What gradients take for constants keeps its values.
        """
        changed: dict[str, Any] = {**at, name: at[name].astype(type(step))}
        changed[name][place] += step
        return self.run(changed, self.network.constants(at, *self.data))

    def run(self, parameters: Values, held: Values | None = None) -> tuple[complex, Mapping[str, Array]]:
        """Run the module's forward pass and error, with what is ``held``; return the error and the pass."""
        forward: dict[str, Array] = dict(held or {})
        inputs = (d for d, t in zip(self.data, self.program.inputs, strict=True) if not t.is_compared)
        self.network.forward(parameters, *inputs, forward)
        return np.asarray(self.network.error(parameters, *self.data, forward)).item(), forward

    def _jumps(self, above: Mapping[str, Array], below: Mapping[str, Array]) -> bool:
        """Whether a kink lies between two forward passes."""
        if not self.kinks:
            return False
        up, down = self._read(above), self._read(below)
        known = (k for k in self.kinks if {*k.tensors} <= up.values.keys())
        return any(np.any((k.distance(up) > 0) != (k.distance(down) > 0)) for k in known)

    def _read(self, run: Mapping[str, Array]) -> Interpreter:
        """An interpreter with the data and the values of a forward pass."""
        tensors = self.program.tensors
        held = {name: np.real(run[code]) for name, code in self.names.items() if code in run}
        held |= dict(zip((t.name for t in self.program.inputs), self.data, strict=True))
        return Interpreter({n: in_axes(tensors[n], v) for n, v in held.items()}, self.sizes, tensors, FLOATS)


@record
class Kink:
    """A point where the derivative of an elementwise function jumps, and the function's argument."""

    function: str
    argument: Expr
    point: float

    @property
    def source(self) -> str:
        """The argument of the function, for an error message."""
        return self.tensors[0] if isinstance(self.argument, Indexed) else f"the argument of {self.function}"

    @property
    def tensors(self) -> list[str]:
        """The tensors that the argument reads."""
        return sorted({entry.base.label.name for entry in self.argument.atoms(Indexed)})

    def distance(self, machine: Interpreter) -> Any:
        """The difference between the argument and the point, entry by entry, with an interpreter's values."""
        indices = tuple(sorted((s for s in self.argument.free_symbols if isinstance(s, Index)), key=str))
        tensor = Tensor(self.source, "argument", tuple(index.axis for index in indices))
        return machine.tensor(Equation(tensor, indices, self.argument)) - machine.arithmetic.number(self.point)


def kinks(program: Program) -> Iterator[Kink]:
    """The kinks of the functions that depend on a parameter, or on an input with a gradient."""
    given = {t.name for t in program.inputs if t not in program.sought}
    for statement in program.stage("forward", "error"):
        for node in sorted(statement.equation.expression.atoms(Elementwise), key=str):
            learned = any(entry.base.label.name not in given for entry in node.args[0].atoms(Indexed))
            for point, _ in function_kinks(type(node)) if learned and not node.order and len(node.args) == 1 else ():
                yield Kink(node.title, node.args[0], float(point))
