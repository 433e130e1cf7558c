"""Print every statement of a program as loops over its indices, with Python's `sum`: slow and easy to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import singledispatchmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import (
    Abs,
    Add,
    And,
    E,
    Expr,
    Function,
    Indexed,
    Integer,
    KroneckerDelta,
    Max,
    Min,
    Mul,
    Or,
    Piecewise,
    Pow,
    Rational,
    Sum,
    Symbol,
    pi,
    sign,
    true,
)
from sympy.core.relational import Relational

from derive.calculus.functions import Elementwise, X
from derive.calculus.index import Axis, Index, Tensor
from derive.calculus.program import Assign, Program

Array = NDArray[Any]
STEP = "    "


def source(program: Program, stages: tuple[str, ...]) -> str:
    """Return a module with the function ``run``; each line that computes an equation ends with its number.

    ``run(values, sizes)`` adds the result of each equation to ``values``: a tensor is a dict from indices, counted
    as in the equations, to numbers. ``sizes`` maps the names of the widths, and ``m``, to numbers.
    """
    printer = _Printer()
    lines = [line for statement in program.stage(*stages) for line in printer.statement(statement)]
    head = ["import math", "", "", "def sign(x):", STEP + "return (x > 0) - (x < 0)", *printer.functions]
    return "\n".join([*head, "", "", "def run(values, sizes):", *lines]) + "\n"


def evaluate(
    program: Program,
    values: Mapping[str, Array],
    sizes: Mapping[str, int],
    stages: tuple[str, ...] = ("forward", "error", "factor", "gradient"),
) -> dict[str, Array]:
    """Run the loops on arrays with one axis for each axis of a tensor, like ``calculus.evaluate.interpret``."""
    names: dict[str, Any] = {}
    exec(compile(source(program, stages), "loops", "exec"), names)
    tensors = program.tensors
    known: dict[str, dict[tuple[int, ...], float]] = {n: {(): float(c)} for n, c in program.constants.items()}
    known |= {name: _entries(tensors[name], array) for name, array in values.items()}
    names["run"](known, sizes)
    return {name: _array(tensors[name], entries) for name, entries in known.items() if name in tensors}


def _entries(tensor: Tensor, array: Array) -> dict[tuple[int, ...], float]:
    return {_moved(place, tensor, 1): float(value) for place, value in np.ndenumerate(array)}


def _array(tensor: Tensor, entries: Mapping[tuple[int, ...], float]) -> Array:
    places = {_moved(place, tensor, -1): value for place, value in entries.items()}
    found = np.empty([1 + max(side) for side in zip(*places, strict=True)])
    for place, value in places.items():
        found[place] = value
    return found


def _moved(place: tuple[int, ...], tensor: Tensor, way: int) -> tuple[int, ...]:
    """Convert an array index to the counting of the equations (``way`` 1), or back (-1)."""
    return tuple(n + way * axis.start for n, axis in zip(place, tensor.axes, strict=True))


class _Printer:
    """Prints expressions; ``functions`` holds the lines of the elementwise functions that they call."""

    def __init__(self) -> None:
        self.functions: list[str] = []
        self._names: dict[Any, str] = {}

    def statement(self, statement: Assign) -> Iterator[str]:
        """Loops that compute a statement."""
        name, scope, step = statement.target.name, dict[Symbol, str](), STEP
        yield f"{step}values[{name!r}] = {{}}"
        for index in statement.equation.indices:
            scope[index] = f"i{len(scope)}"
            yield f"{step}for {scope[index]} in {self._range(index.axis)}:"
            step += STEP
        value = self.code(statement.equation.expression, scope)
        place = _tuple(scope[index] for index in statement.equation.indices)
        yield f"{step}values[{name!r}][{place}] = {value}  # ({statement.number})"

    def _range(self, axis: Axis) -> str:
        return f"range({axis.start}, {axis.start} + {self.code(axis.extent, {})})"

    def _called(self, function: Any) -> str:
        """Name of an elementwise function; it is added to ``functions`` after those that it calls."""
        if function not in self._names:
            scope = {symbol: symbol.name for symbol in (X, *function.others)}
            value = self.code(function.definition, scope)
            self._names[function] = f"f{len(self._names)}"
            head = f"def {self._names[function]}({', '.join(scope.values())}):  # {function.title}"
            self.functions += ["", "", head, f"{STEP}return {value}"]
        return self._names[function]

    @singledispatchmethod
    def code(self, expression: Any, scope: Mapping[Symbol, str]) -> str:
        """Code of an expression; ``scope`` names the enclosing indices, or the arguments of a function."""
        raise NotImplementedError(f"no loops for {type(expression).__name__}: {expression}")

    @code.register
    def _(self, expression: Rational, scope: Mapping[Symbol, str]) -> str:
        return f"({expression.p} / {expression.q})" if expression.q != 1 else f"({expression.p})"

    @code.register
    def _(self, expression: Symbol, scope: Mapping[Symbol, str]) -> str:
        if expression in scope:
            return scope[expression]
        return f"sizes[{expression.name!r}]" if expression.is_integer else f"values[{expression.name!r}][()]"

    @code.register
    def _(self, expression: Indexed, scope: Mapping[Symbol, str]) -> str:
        return f"values[{expression.base.label.name!r}][{_tuple(self.code(i, scope) for i in expression.indices)}]"

    @code.register(Add)
    @code.register(Mul)
    def _(self, expression: Expr, scope: Mapping[Symbol, str]) -> str:
        mark = " + " if isinstance(expression, Add) else " * "
        return f"({mark.join(self.code(a, scope) for a in expression.args)})"

    @code.register
    def _(self, expression: Pow, scope: Mapping[Symbol, str]) -> str:
        base, exponent = (self.code(a, scope) for a in (expression.base, expression.exp))
        return f"({base} ** {exponent})" if isinstance(expression.exp, Integer) else f"math.pow({base}, {exponent})"

    @code.register
    def _(self, expression: KroneckerDelta, scope: Mapping[Symbol, str]) -> str:
        left, right = (self.code(a, scope) for a in expression.args)
        return f"(1 if {left} == {right} else 0)"

    @code.register
    def _(self, expression: Sum, scope: Mapping[Symbol, str]) -> str:
        """Print a sum: its first index is the innermost loop, and hides an outer index of the same name."""
        indices: list[Index] = [limit[0] for limit in reversed(expression.limits)]
        inside = {**scope, **{index: f"i{len(scope) + n}" for n, index in enumerate(indices)}}
        loops = " ".join(f"for {inside[index]} in {self._range(index.axis)}" for index in indices)
        return f"sum({self.code(expression.function, inside)} {loops})"

    @code.register
    def _(self, expression: Piecewise, scope: Mapping[Symbol, str]) -> str:
        cases = (f"{self.code(v, scope)} if {self._holds(c, scope)} else" for v, c in expression.args)
        return f"({' '.join(cases)} math.nan)"

    def _holds(self, condition: Any, scope: Mapping[Symbol, str]) -> str:
        if condition == true:
            return "True"
        if isinstance(condition, And | Or):
            word = " and " if isinstance(condition, And) else " or "
            return f"({word.join(self._holds(part, scope) for part in condition.args)})"
        assert isinstance(condition, Relational)
        return f"{self.code(condition.lhs, scope)} {condition.rel_op} {self.code(condition.rhs, scope)}"

    @code.register
    def _(self, expression: Elementwise, scope: Mapping[Symbol, str]) -> str:
        return self._call(self._called(type(expression)), expression, scope)

    @code.register(type(pi))
    @code.register(type(E))
    def _(self, expression: Expr, scope: Mapping[Symbol, str]) -> str:
        return "math.pi" if expression == pi else "math.e"

    @code.register(Abs)
    @code.register(Max)
    @code.register(Min)
    @code.register(sign)
    def _(self, expression: Expr, scope: Mapping[Symbol, str]) -> str:
        return self._call(type(expression).__name__.lower(), expression, scope)

    @code.register
    def _(self, expression: Function, scope: Mapping[Symbol, str]) -> str:
        return self._call(f"math.{type(expression).__name__}", expression, scope)

    def _call(self, name: str, expression: Expr, scope: Mapping[Symbol, str]) -> str:
        return f"{name}({', '.join(self.code(a, scope) for a in expression.args)})"


def _tuple(items: Iterator[str]) -> str:
    return f"({''.join(f'{item}, ' for item in items)})"
