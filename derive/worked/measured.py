"""A gradient measured from the error alone: central differences and the complex step.

Only the generated module's own forward pass and error are run, with one weight moved.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import Add, Expr, Indexed, Mul

from derive.calculus.functions import Elementwise
from derive.calculus.functions import kinks as function_kinks
from derive.calculus.index import Tensor
from derive.calculus.program import Program
from derive.worked.figures import power_above

Array = NDArray[np.float64]
Values = dict[str, Array]

#: The step of the central differences, (E(w+h) - E(w-h)) / 2h. With it they are off by
#: what they leave out, about h**2, which is the same on every machine, and not by rounding.
DIFFERENCE_STEP = 1e-4
COMPLEX_STEP = 1e-20

#: A digit of a finite difference is printed where rounding is so many times smaller.
RESOLVED = 1e4


@dataclass(frozen=True)
class Measured:
    """A gradient and what is measured of it, entry by entry, from the error alone.

    ``central`` are central differences, ``complex_step`` imaginary parts of the error at a
    complex weight, ``kinked`` says between which two points of a central difference an
    activation has a kink, so that it is no derivative. Rounding moves an entry of
    ``central`` by about ``noise``.
    """

    gradient: Array
    central: Array
    complex_step: Array
    kinked: NDArray[np.bool_]
    noise: float

    @property
    def difference(self) -> Array:
        """How far each entry of the gradient is from the central difference."""
        return np.abs(self.gradient - self.central)

    @property
    def unresolved(self) -> float:
        """What is smaller than this in a central difference may be otherwise on another machine."""
        return self.noise * RESOLVED

    @property
    def decimals(self) -> int | None:
        """How many decimals of a central difference are the same on every machine; None if all."""
        return None if self.noise == 0 else max(0, -power_above(self.unresolved))

    @property
    def bound(self) -> int:
        """The smallest k for which every difference is below 10**k, as it is safe to print; kinks left out."""
        smooth = self.difference[~self.kinked]
        return power_above(max(float(smooth.max(initial=0)), 1e3 * self.noise, 1e-15))


@dataclass(frozen=True)
class Meter:
    """Measures the gradients of one generated module on one set of data, samples as columns.

    ``names`` are those of the tensors in the module's code.
    """

    module: Any
    names: Mapping[str, str]
    x: Array
    y: Array
    kinks: tuple[Kink, ...]

    def applied(self, title: str, array: Array) -> Array | None:
        """An elementwise function of the module at an array, if the module has one of that name."""
        function = getattr(self.module, title, None)
        return None if function is None else np.asarray(function(array), dtype=np.float64)

    def measured(self, at: Values, gradient: Tensor, slopes: Array) -> Measured:
        """Move every entry of the parameter that ``gradient`` is about, one after the other."""
        assert gradient.about is not None
        name, h = gradient.about.name, DIFFERENCE_STEP
        central, exact = np.empty(slopes.shape), np.empty(slopes.shape)
        kinked, largest = np.zeros(slopes.shape, dtype=np.bool_), 0.0
        for place in np.ndindex(*slopes.shape):
            (up, above), (down, below) = (self._moved(at, name, place, step) for step in (h, -h))
            wide = (at[name][place] + h) - (at[name][place] - h)
            central[place] = (up - down).real / wide
            exact[place] = self._moved(at, name, place, COMPLEX_STEP * 1j)[0].imag / COMPLEX_STEP
            kinked[place] = self._jumps(above, below)
            largest = max(largest, abs(up), abs(down))
        kinked.setflags(write=False)
        return Measured(frozen(slopes), frozen(central), frozen(exact), kinked, largest * 2.0**-52 / h)

    def _moved(self, at: Values, name: str, place: tuple[int, ...], step: complex) -> tuple[Any, Any]:
        """The error with one weight moved, by the module's own forward pass and error, and that forward pass."""
        changed: dict[str, Any] = dict(at)
        changed[name] = at[name] + np.zeros(at[name].shape, dtype=type(step))
        changed[name][place] += step
        forward = self.module._forward(changed, self.x)
        return np.asarray(self.module._error(changed, self.x, self.y, forward)).item(), forward

    def _jumps(self, above: Mapping[str, Array], below: Mapping[str, Array]) -> bool:
        """Whether a kink lies between two forward passes."""
        for kink in self.kinks:
            ends = [kink.distance(self.arrays(run)) for run in (above, below)]
            if ends[0] is not None and ends[1] is not None and np.any((ends[0] > 0) != (ends[1] > 0)):
                return True
        return False

    def arrays(self, run: Mapping[str, Array]) -> Values:
        """The data and what a forward pass has left behind, by the names of the tensors."""
        held = {name: np.asarray(run[code]).real for name, code in self.names.items() if code in run}
        return {**held, "X": self.x, "Y": self.y}


@dataclass(frozen=True)
class Kink:
    """A point at which the slope of an elementwise function jumps, and what the function is applied to."""

    function: str
    argument: Expr
    point: float

    @property
    def source(self) -> str:
        """What the function is applied to, for an error."""
        return self.tensors[0] if isinstance(self.argument, Indexed) else f"the argument of {self.function}"

    @property
    def tensors(self) -> list[str]:
        """The tensors that the argument is made of."""
        return sorted({entry.base.label.name for entry in self.argument.atoms(Indexed)})

    def distance(self, arrays: Mapping[str, Array]) -> Array | None:
        """How far the argument is from the point, entry by entry; None if it cannot be known."""
        value = _entrywise(self.argument, arrays)
        return None if value is None else value - self.point


def _entrywise(expression: Expr, arrays: Mapping[str, Array]) -> Any:
    """A sum or product of entries with the same indices, for all entries at once; None for anything else."""
    if isinstance(expression, Indexed):
        return arrays.get(expression.base.label.name)
    if expression.is_Rational:
        return float(expression)
    parts = [_entrywise(a, arrays) for a in expression.args]
    if any(part is None for part in parts) or not isinstance(expression, Add | Mul):
        return None
    return sum(parts) if isinstance(expression, Add) else math.prod(parts)


def kinks(program: Program) -> Iterator[Kink]:
    """The kinks of the functions that depend on what is learned."""
    given = {t.name for t in program.inputs}
    for statement in program.stage("forward", "error"):
        for node in sorted(statement.equation.expression.atoms(Elementwise), key=str):
            learned = any(entry.base.label.name not in given for entry in node.args[0].atoms(Indexed))
            for point, _ in function_kinks(type(node)) if learned and not node.order and len(node.args) == 1 else ():
                yield Kink(node.title, node.args[0], float(point))


def frozen(array: Any) -> Array:
    """A copy that cannot be written to."""
    copy = np.array(array, dtype=np.float64)
    copy.setflags(write=False)
    return copy
