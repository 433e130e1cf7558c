"""An interpreter of the index form: slow, obviously right, the oracle.

Every entry is computed by itself, every sum is a loop. Nothing here knows of
matrices, of stability or of the generated code. The arithmetic is that of the
values it is given: complex numbers make a complex step, mpmath's numbers as
many digits as wanted.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import singledispatchmethod
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import (
    Abs,
    Add,
    Expr,
    Ge,
    Gt,
    Indexed,
    KroneckerDelta,
    Le,
    Lt,
    Max,
    Min,
    Mul,
    Piecewise,
    Pow,
    Rational,
    Sum,
    Symbol,
    cos,
    cosh,
    erf,
    exp,
    floor,
    log,
    pi,
    sign,
    tanh,
    true,
)

from derive.functions import Elementwise, X
from derive.index import Equation, Index, Tensor
from derive.program import Program

Array = NDArray[Any]


@dataclass(frozen=True)
class Arithmetic:
    """Where exp, log, tanh and the like come from (``cmath``, ``mpmath``), and how a rational is made.

    ``erf`` is there if ``functions`` has none: Python's, of the real part, and its slope times the rest.
    """

    functions: Any = cmath
    number: Any = complex

    def erf(self, value: Any) -> Any:
        """The error function; of a complex number as far as its imaginary part is small."""
        if hasattr(self.functions, "erf"):
            return self.functions.erf(value)
        slope = 2 / math.sqrt(math.pi) * math.exp(-(value.real**2))
        return complex(math.erf(value.real), slope * value.imag)


@dataclass
class Interpreter:
    """Evaluates equations entry by entry.

    ``values`` maps tensor names to arrays with one axis per tensor axis,
    ``sizes`` the names of symbolic extents (``m`` and named widths) to numbers,
    ``tensors`` the tensors by name.
    """

    values: dict[str, Array]
    sizes: Mapping[str, int]
    tensors: Mapping[str, Tensor]
    arithmetic: Arithmetic = field(default_factory=Arithmetic)

    def run(self, equations: Iterable[Equation]) -> dict[str, Array]:
        """Compute each equation's tensor in turn and return all values."""
        for equation in equations:
            self.values[equation.target.name] = self.tensor(equation)
        return self.values

    def tensor(self, equation: Equation) -> Array:
        """All entries of one equation's target."""
        ranges = [self._range(i) for i in equation.indices]
        out = np.empty([len(r) for r in ranges], dtype=object)
        for position in product(*(range(len(r)) for r in ranges)):
            chosen = {i: r[p] for i, r, p in zip(equation.indices, ranges, position, strict=True)}
            out[position] = self.number(equation.expression, chosen)
        return out

    def _range(self, index: Index) -> range:
        start, extent = index.axis.start, index.axis.extent
        count = int(extent.xreplace({s: Rational(self.sizes[s.name]) for s in extent.free_symbols}))
        return range(start, start + count)

    @singledispatchmethod
    def number(self, expression: Expr, at: dict[Index, int]) -> Any:
        """The value of an expression where the indices have the values ``at``."""
        raise NotImplementedError(f"cannot evaluate {type(expression).__name__}: {expression}")

    @number.register
    def _(self, expression: Rational, at: dict[Index, int]) -> Any:
        return self.arithmetic.number(expression.p) / self.arithmetic.number(expression.q)

    @number.register
    def _(self, expression: Symbol, at: dict[Index, int]) -> Any:
        if expression in at:
            return at[expression]
        if expression.is_integer and expression.name in self.sizes:
            return self.arithmetic.number(self.sizes[expression.name])
        return self.values[expression.name][()]

    @number.register
    def _(self, expression: Indexed, at: dict[Index, int]) -> Any:
        name = expression.base.label.name
        axes = self.tensors[name].axes
        where = (int(at.get(i, i)) - axis.start for i, axis in zip(expression.indices, axes, strict=True))
        return self.values[name][tuple(where)]

    @number.register
    def _(self, expression: Add, at: dict[Index, int]) -> Any:
        return sum(self.number(a, at) for a in expression.args)

    @number.register
    def _(self, expression: Mul, at: dict[Index, int]) -> Any:
        result = self.arithmetic.number(1)
        for factor in expression.args:
            result = result * self.number(factor, at)
        return result

    @number.register
    def _(self, expression: Pow, at: dict[Index, int]) -> Any:
        base = self.number(expression.base, at)
        if expression.exp.is_Integer:
            return base ** int(expression.exp)
        return base ** self.number(expression.exp, at)

    @number.register
    def _(self, expression: KroneckerDelta, at: dict[Index, int]) -> Any:
        left, right = (int(at.get(a, a)) for a in expression.args)
        return self.arithmetic.number(int(left == right))

    @number.register
    def _(self, expression: Sum, at: dict[Index, int]) -> Any:
        indices = [limit[0] for limit in expression.limits]
        total = self.arithmetic.number(0)
        for chosen in product(*(self._range(i) for i in indices)):
            total = total + self.number(expression.function, at | dict(zip(indices, chosen, strict=True)))
        return total

    @number.register
    def _(self, expression: Piecewise, at: dict[Index, int]) -> Any:
        for value, condition in expression.args:
            if self._holds(condition, at):
                return self.number(value, at)
        raise ValueError(f"no case of {expression} holds")

    def _holds(self, condition: Any, at: dict[Index, int]) -> bool:
        if condition == true:
            return True
        left, right = (self.number(side, at).real for side in (condition.lhs, condition.rhs))
        compare = {Gt: left > right, Ge: left >= right, Lt: left < right, Le: left <= right}
        return bool(compare[type(condition)])

    @number.register
    def _(self, expression: Elementwise, at: dict[Index, int]) -> Any:
        arguments = dict(zip((X, *expression.others), expression.args, strict=True))
        return self.number(expression.definition.xreplace(arguments), at)

    @number.register
    def _(self, expression: Abs, at: dict[Index, int]) -> Any:
        inner = self.number(expression.args[0], at)
        return inner if inner.real >= 0 else -inner

    @number.register
    def _(self, expression: sign, at: dict[Index, int]) -> Any:
        inner = self.number(expression.args[0], at).real
        return self.arithmetic.number(int(inner > 0) - int(inner < 0))

    @number.register
    def _(self, expression: erf, at: dict[Index, int]) -> Any:
        return self.arithmetic.erf(self.number(expression.args[0], at))

    @number.register(type(pi))
    def _(self, expression: Expr, at: dict[Index, int]) -> Any:
        return self.arithmetic.number(1) * self.arithmetic.functions.pi

    @number.register(Max)
    @number.register(Min)
    def _(self, expression: Expr, at: dict[Index, int]) -> Any:
        chosen = max if isinstance(expression, Max) else min
        return chosen((self.number(a, at) for a in expression.args), key=lambda value: value.real)

    @number.register
    def _(self, expression: floor, at: dict[Index, int]) -> Any:
        return self.arithmetic.number(math.floor(self.number(expression.args[0], at).real))

    @number.register(cos)
    @number.register(exp)
    @number.register(log)
    @number.register(tanh)
    @number.register(cosh)
    def _(self, expression: Expr, at: dict[Index, int]) -> Any:
        function = getattr(self.arithmetic.functions, type(expression).__name__)
        return function(self.number(expression.args[0], at))


def interpret(
    program: Program,
    values: Mapping[str, Array],
    sizes: Mapping[str, int],
    arithmetic: Arithmetic | None = None,
    stages: tuple[str, ...] = ("forward", "error", "factor", "gradient"),
) -> dict[str, Array]:
    """Run the index form of some stages of a program on the given inputs and parameters.

    ``values`` hold arrays with one axis per tensor axis (a bias has one); the constants of the
    program have their values already. The result maps every tensor's name to such an array of entries.
    """
    exact = arithmetic or Arithmetic()
    fixed = {
        n: np.asarray(exact.number(v.numerator) / exact.number(v.denominator)) for n, v in program.constants.items()
    }
    start = {**fixed, **{name: np.asarray(value) for name, value in values.items()}}
    machine = Interpreter(start, sizes, program.tensors, exact)
    return machine.run(s.equation for s in program.stage(*stages))
