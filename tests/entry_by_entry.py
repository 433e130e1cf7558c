"""The index form evaluated entry by entry, every sum a loop: slow, the reference for the interpreter."""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatchmethod
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import (
    Abs,
    Add,
    And,
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
    Or,
    Piecewise,
    Pow,
    Rational,
    Sum,
    Symbol,
    cos,
    cosh,
    exp,
    floor,
    log,
    pi,
    sign,
    tanh,
    true,
)

from derive.calculus.functions import Elementwise, X
from derive.calculus.index import Equation, Index, Tensor

Array = NDArray[Any]


@dataclass
class EntryByEntry:
    """Evaluates equations entry by entry; what it takes is what ``Interpreter`` takes."""

    values: dict[str, Array]
    sizes: Mapping[str, int]
    tensors: Mapping[str, Tensor]

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
        return complex(expression.p) / complex(expression.q)

    @number.register
    def _(self, expression: Symbol, at: dict[Index, int]) -> Any:
        if expression in at:
            return at[expression]
        if expression.name in self.sizes:
            return complex(self.sizes[expression.name])
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
        result = complex(1)
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
        return complex(int(left == right))

    @number.register
    def _(self, expression: Sum, at: dict[Index, int]) -> Any:
        indices = [limit[0] for limit in expression.limits]
        total = complex(0)
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
        if isinstance(condition, And | Or):
            return (all if isinstance(condition, And) else any)(self._holds(part, at) for part in condition.args)
        left, right = (self.number(side, at).real for side in (condition.lhs, condition.rhs))
        compare = {Gt: left > right, Ge: left >= right, Lt: left < right, Le: left <= right}
        return bool(compare[type(condition)])

    @number.register
    def _(self, expression: Elementwise, at: dict[Index, int]) -> Any:
        arguments = (self.number(a, at) for a in expression.args)
        return self.number(expression.definition, dict(zip((X, *expression.others), arguments, strict=True)))

    @number.register
    def _(self, expression: Abs, at: dict[Index, int]) -> Any:
        inner = self.number(expression.args[0], at)
        return inner if inner.real >= 0 else -inner

    @number.register
    def _(self, expression: sign, at: dict[Index, int]) -> Any:
        inner = self.number(expression.args[0], at).real
        return complex(int(inner > 0) - int(inner < 0))

    @number.register(type(pi))
    def _(self, expression: Expr, at: dict[Index, int]) -> Any:
        return complex(1) * cmath.pi

    @number.register(Max)
    @number.register(Min)
    def _(self, expression: Expr, at: dict[Index, int]) -> Any:
        chosen = max if isinstance(expression, Max) else min
        return chosen((self.number(a, at) for a in expression.args), key=lambda value: value.real)

    @number.register
    def _(self, expression: floor, at: dict[Index, int]) -> Any:
        return complex(math.floor(self.number(expression.args[0], at).real))

    @number.register(cos)
    @number.register(exp)
    @number.register(log)
    @number.register(tanh)
    @number.register(cosh)
    def _(self, expression: Expr, at: dict[Index, int]) -> Any:
        function = getattr(cmath, type(expression).__name__)
        return function(self.number(expression.args[0], at))
