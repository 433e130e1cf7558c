"""How large the numbers were that a result was added up from: below its rounding error, it is zero.

0.1 + 0.2 - 0.3 is 5.6e-17 on one machine and 0 on another. Both are printed as 0, because
what was added was of size 0.3, and 5.6e-17 is within the rounding of that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import singledispatchmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import Add, Basic, Expr, Indexed, Integer, Mul, Number, Pow, Sum, Symbol

from derive.calculus.functions import Elementwise, derivative
from derive.calculus.program import Assign, Program

Array = NDArray[np.float64]

#: How many units of rounding a sum may be off, relative to the sizes of its terms.
ROUNDING = 8 * 2.0**-52


def floors(
    program: Program,
    values: Mapping[str, Array],
    sizes: Mapping[str, float],
    applied: Callable[[str, Array], Array | None],
) -> dict[str, float]:
    """For each statement, below which size its values are only rounding; 0 where that is not known.

    ``values`` are all tensors by name, ``sizes`` the scalars; ``applied(title, array)`` is an
    elementwise function's value, or None if there is none of that name. The error itself has
    no floor: it is computed without cancellation.
    """
    scales = _Scales(values, sizes, applied)
    found: dict[str, float] = {}
    for statement in program.statements:
        peak = _peak(values[statement.target.name])
        scale = scales.of(statement)
        scales.known[statement.target.name] = peak if scale is None else max(peak, scale)
        found[statement.target.name] = 0.0 if scale is None or statement.stage == "error" else ROUNDING * scale
    return found


def _peak(array: Array) -> float:
    return float(np.max(np.abs(array)))


class _Scales:
    """The size of an expression's terms, from the sizes of the tensors it reads."""

    def __init__(
        self,
        values: Mapping[str, Array],
        sizes: Mapping[str, float],
        applied: Callable[[str, Array], Array | None],
    ) -> None:
        self.values = values
        self.sizes = sizes
        self.applied = applied
        self.known = {name: _peak(value) for name, value in values.items()}

    def of(self, statement: Assign) -> float | None:
        """The scale of a statement's right side; of f(z), what the rounding of z makes of it."""
        right = statement.equation.expression
        if isinstance(right, Elementwise) and not right.order and isinstance(right.args[0], Indexed):
            source = right.args[0].base.label.name
            function: Any = type(right)
            slope = derivative(function).definition
            steepest = abs(float(slope)) if slope.is_number else self._steepest(f"{right.title}_prime", source)
            return None if steepest is None else steepest * self.known[source]
        return self.scale(right)

    def _steepest(self, title: str, source: str) -> float | None:
        found = self.applied(title, self.values[source])
        return None if found is None else _peak(found)

    @singledispatchmethod
    def scale(self, node: Basic) -> float | None:
        """None for what is not made of sums, products and functions that have been applied."""
        return None

    @scale.register
    def _(self, node: Number) -> float | None:
        return abs(float(node))

    @scale.register
    def _(self, node: Symbol) -> float | None:
        return self.sizes.get(node.name, self.known.get(node.name))

    @scale.register
    def _(self, node: Indexed) -> float | None:
        return self.known[node.base.label.name]

    @scale.register
    def _(self, node: Add) -> float | None:
        parts = self._parts(node)
        return None if parts is None else sum(parts)

    @scale.register
    def _(self, node: Mul) -> float | None:
        parts = self._parts(node)
        return None if parts is None else math.prod(parts)

    def _parts(self, node: Basic) -> list[float] | None:
        parts = [self.scale(a) for a in node.args]
        known = [p for p in parts if p is not None]
        return known if len(known) == len(parts) else None

    @scale.register
    def _(self, node: Pow) -> float | None:
        base, power = self.scale(node.base), node.exp
        if not base or not isinstance(power, Integer) or (power < 0 and not isinstance(node.base, Symbol)):
            return None
        return float(base ** int(power))

    @scale.register
    def _(self, node: Sum) -> float | None:
        body = self.scale(node.function)
        return None if body is None else body * math.prod(self._length(last - first) for _, first, last in node.limits)

    def _length(self, distance: Expr) -> int:
        return 1 + int(distance.xreplace({s: Integer(int(self.sizes[s.name])) for s in distance.free_symbols}))

    @scale.register
    def _(self, node: Elementwise) -> float | None:
        inner: Any = node.args[0]
        return self._steepest(node.title, inner.base.label.name) if isinstance(inner, Indexed) else None
