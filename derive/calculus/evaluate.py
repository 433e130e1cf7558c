"""An interpreter of the index form: plain, obviously right, the oracle.

Every index is an axis of NumPy's, and an expression is computed for all its
indices at once, just as it is written. Nothing here knows of matrices, of
stability or of the generated code. The arithmetic is that of floats, of complex
numbers, which make a complex step, or of mpmath's numbers, which have as many
digits as wanted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce, singledispatchmethod
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
    erf,
    floor,
    pi,
    sign,
    true,
)

from derive.calculus.functions import CALLS, Elementwise, X
from derive.calculus.index import Equation, Index, Tensor
from derive.calculus.program import Program

Array = NDArray[Any]
#: What symbols stand for: arrays that broadcast with each other, of numbers and of indices.
At = Mapping[Symbol, Array]


#: What grows beyond all numbers, and how large its argument may be.
_GROWING, _MOST = {f.__name__ for f, call in CALLS.items() if call.grows}, float(np.finfo(float).max)
_NUMPY = {f.__name__: call.numpy for f, call in CALLS.items()}


@dataclass(frozen=True)
class Arithmetic:
    """Where exp, log, tanh and the like come from (``numpy``, ``mpmath``), and what its numbers are.

    Numbers that are neither ``float`` nor ``complex`` stand in arrays of objects.
    """

    functions: Any = np
    number: Any = complex

    @property
    def dtype(self) -> Any:
        """What NumPy calls the numbers."""
        return self.number if self.number in (float, complex) else object

    def array(self, values: Any) -> Array:
        """The values as numbers of this arithmetic."""
        given = np.asarray(values)
        if self.dtype is object:
            return self.each(self.number, given)
        return given.astype(self.dtype)

    def each(self, function: Any, array: Array) -> Array:
        """A function of one number, entry by entry."""
        with np.errstate(all="ignore"):
            return np.asarray(np.frompyfunc(function, 1, 1)(array), self.dtype)

    def apply(self, name: str, array: Array) -> Array:
        """A function that the arithmetic knows by its name, entry by entry.

        Raises OverflowError for an exponential of what is beyond the range of floats: it would take minutes.
        """
        function = getattr(self.functions, _NUMPY.get(name, name) if self.functions is np else name)
        if name in _GROWING and self.dtype is object and any(abs(value) > _MOST for value in array.flat):
            raise OverflowError(f"{name} of a number beyond {_MOST}")
        return self.each(function, array) if self.dtype is object else np.asarray(function(array))

    def real(self, array: Array) -> Array:
        """The real part of every entry."""
        return self.each(lambda value: value.real, array) if self.dtype is object else np.asarray(array.real)

    def erf(self, array: Array) -> Array:
        """The error function; of a complex number as far as its imaginary part is small."""
        if hasattr(self.functions, "erf"):
            return self.apply("erf", array)
        real = np.asarray(np.frompyfunc(math.erf, 1, 1)(array.real), float)
        if self.number is float:
            return real
        return np.asarray(real + 1j * array.imag * 2 / math.sqrt(math.pi) * np.exp(-(array.real**2)))


#: The arithmetic of floats.
FLOATS = Arithmetic(np, float)


@dataclass
class Interpreter:
    """Evaluates equations, all entries at once.

    ``values`` maps tensor names to arrays with one axis per tensor axis,
    ``sizes`` the names of symbolic extents (``m`` and named widths) to numbers,
    ``tensors`` the tensors by name.
    """

    values: dict[str, Array]
    sizes: Mapping[str, int]
    tensors: Mapping[str, Tensor]
    arithmetic: Arithmetic = field(default_factory=Arithmetic)

    def __post_init__(self) -> None:
        self.values = {name: self.arithmetic.array(value) for name, value in self.values.items()}

    def run(self, equations: Iterable[Equation]) -> dict[str, Array]:
        """Compute each equation's tensor in turn and return all values."""
        for equation in equations:
            self.values[equation.target.name] = self.tensor(equation)
        return self.values

    def tensor(self, equation: Equation) -> Array:
        """All entries of one equation's target: its first index is the first axis."""
        at: dict[Symbol, Array] = {}
        for index in reversed(equation.indices):
            at[index] = self._all(index, len(at))
        shape = [len(at[index]) for index in equation.indices]
        with np.errstate(all="ignore"):
            return np.broadcast_to(self.value(equation.expression, at), shape).copy()

    def number(self, expression: Expr, at: Mapping[Symbol, Any]) -> Any:
        """The value of an expression where indices and symbols have the values ``at``."""
        with np.errstate(all="ignore"):
            return self.value(expression, {symbol: np.asarray(value) for symbol, value in at.items()})[()]

    def places(self, index: Index) -> range:
        """All that an index stands for."""
        start, extent = index.axis.start, index.axis.extent
        count = int(extent.xreplace({s: Rational(self.sizes[s.name]) for s in extent.free_symbols}))
        return range(start, start + count)

    def _all(self, index: Index, inner: int) -> Array:
        """All that an index stands for, along an axis with ``inner`` axes after it."""
        return np.array(self.places(index)).reshape(-1, *(1,) * inner)

    def value(self, expression: Expr, at: At) -> Array:
        """The values of an expression, in an array that broadcasts with those of its symbols."""
        return np.asarray(self._value(expression, at), self.arithmetic.dtype)

    @singledispatchmethod
    def _value(self, expression: Expr, at: At) -> Any:
        raise NotImplementedError(f"cannot evaluate {type(expression).__name__}: {expression}")

    @_value.register
    def _(self, expression: Rational, at: At) -> Any:
        return self.arithmetic.number(expression.p) / self.arithmetic.number(expression.q)

    @_value.register
    def _(self, expression: Symbol, at: At) -> Any:
        if expression in at:
            return self.arithmetic.array(at[expression])
        if expression.is_integer and expression.name in self.sizes:
            return self.arithmetic.number(self.sizes[expression.name])
        return self.values[expression.name]

    @_value.register
    def _(self, expression: Indexed, at: At) -> Any:
        name = expression.base.label.name
        axes = self.tensors[name].axes
        where = tuple(_places(i, at) - axis.start for i, axis in zip(expression.indices, axes, strict=True))
        if any(np.any(place < 0) for place in where):  # which NumPy counts from the end
            raise IndexError(f"{expression} has an index before the first")
        return self.values[name][where]

    @_value.register
    def _(self, expression: Add, at: At) -> Any:
        return reduce(np.add, (self.value(a, at) for a in expression.args))

    @_value.register
    def _(self, expression: Mul, at: At) -> Any:
        return reduce(np.multiply, (self.value(a, at) for a in expression.args))

    @_value.register
    def _(self, expression: Pow, at: At) -> Any:
        base = self.value(expression.base, at)
        if expression.exp.is_Integer:
            return np.power(base, int(expression.exp))
        return np.power(base, self.value(expression.exp, at))

    @_value.register
    def _(self, expression: KroneckerDelta, at: At) -> Any:
        left, right = (_places(a, at) for a in expression.args)
        return self.arithmetic.array((left == right).astype(int))

    @_value.register
    def _(self, expression: Sum, at: At) -> Any:
        """Each index that is summed is a new axis before all others; what it may shadow is not seen inside."""
        inside, new = dict(at), list[Array]()
        outer = max((array.ndim for array in at.values()), default=0)
        for index, *_ in reversed(expression.limits):  # the first is the innermost
            inside[index] = self._all(index, outer + len(new))
            new.append(inside[index])
        body = self.value(expression.function, inside)
        shape = np.broadcast_shapes(body.shape, *(array.shape for array in new))
        return np.broadcast_to(body, shape).sum(axis=tuple(range(len(new))))

    @_value.register
    def _(self, expression: Piecewise, at: At) -> Any:
        """Each case is computed where it holds, and nowhere else."""
        shape = np.broadcast_shapes(*(array.shape for array in at.values()))
        entries = {symbol: np.broadcast_to(array, shape).reshape(-1) for symbol, array in at.items()}
        found = np.empty(math.prod(shape), self.arithmetic.dtype)
        left = np.arange(found.size)
        for value, condition in expression.args:
            holds = self._holds(condition, {symbol: array[left] for symbol, array in entries.items()}, left)
            here, left = left[holds], left[~holds]
            found[here] = self.value(value, {symbol: array[here] for symbol, array in entries.items()})
        if left.size:
            raise ValueError(f"no case of {expression} holds")
        return found.reshape(shape)

    def _holds(self, condition: Any, at: At, entries: Array) -> Array:
        if condition == true:
            return np.full(entries.shape, True)
        if isinstance(condition, (And, Or)):
            combine = np.logical_and if isinstance(condition, And) else np.logical_or
            return np.asarray(reduce(combine, (self._holds(part, at, entries) for part in condition.args)))
        left, right = (self.arithmetic.real(self.value(side, at)) for side in (condition.lhs, condition.rhs))
        compare = {Gt: np.greater, Ge: np.greater_equal, Lt: np.less, Le: np.less_equal}
        return np.broadcast_to(np.asarray(compare[type(condition)](left, right), bool), entries.shape)

    @_value.register
    def _(self, expression: Elementwise, at: At) -> Any:
        arguments = (self.value(a, at) for a in expression.args)
        return self.value(expression.definition, dict(zip((X, *expression.others), arguments, strict=True)))

    @_value.register
    def _(self, expression: Abs, at: At) -> Any:
        inner = self.value(expression.args[0], at)
        return np.where(self.arithmetic.real(inner) >= 0, inner, -inner)

    @_value.register
    def _(self, expression: sign, at: At) -> Any:
        inner = self.arithmetic.real(self.value(expression.args[0], at))
        return self.arithmetic.array(np.asarray(inner > 0, int) - np.asarray(inner < 0, int))

    @_value.register
    def _(self, expression: erf, at: At) -> Any:
        return self.arithmetic.erf(self.value(expression.args[0], at))

    @_value.register(type(pi))
    def _(self, expression: Expr, at: At) -> Any:
        return self.arithmetic.number(1) * self.arithmetic.functions.pi

    @_value.register(type(E))
    def _(self, expression: Expr, at: At) -> Any:
        return self.arithmetic.functions.exp(self.arithmetic.number(1))

    @_value.register(Max)
    @_value.register(Min)
    def _(self, expression: Expr, at: At) -> Any:
        turned = 1 if isinstance(expression, Max) else -1
        chosen, *others = (self.value(a, at) for a in expression.args)
        for other in others:
            further = turned * self.arithmetic.real(other) > turned * self.arithmetic.real(chosen)
            chosen = np.where(np.asarray(further, bool), other, chosen)
        return chosen

    @_value.register
    def _(self, expression: floor, at: At) -> Any:
        return self.arithmetic.each(math.floor, self.arithmetic.real(self.value(expression.args[0], at)))

    @_value.register
    def _(self, expression: Function, at: At) -> Any:
        if type(expression) not in CALLS:
            raise NotImplementedError(f"{type(expression).__name__} has no value here")
        return self.arithmetic.apply(type(expression).__name__, self.value(expression.args[0], at))


class Terms(Interpreter):
    """Evaluates what equations add, without regard to sign: rounding is relative to this, not to a sum."""

    def value(self, expression: Expr, at: At) -> Array:
        """The sum of the sizes of all terms of an expression."""
        if isinstance(expression, (Add, Mul, Sum)) or _is_power(expression):
            return super().value(expression, at)
        return np.abs(Interpreter(self.values, self.sizes, self.tensors, self.arithmetic).value(expression, at))


def _is_power(expression: Expr) -> bool:
    return isinstance(expression, Pow) and bool(expression.exp.is_Integer and expression.exp.is_positive)


def _places(index: Expr, at: At) -> Array:
    """The numbers that an index stands for, counted as its axis counts them."""
    return at[index] if index in at else np.asarray(int(index))


def as_floats(array: Array) -> Array:
    """Numbers of mpmath as floats; NaN for those that are not real."""
    if array.dtype == float:
        return array
    plain = np.frompyfunc(lambda value: float("nan") if value.imag else float(value.real), 1, 1)
    with np.errstate(all="ignore"):
        return np.asarray(plain(array), float)


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
    machine = Interpreter(_start(program, values, exact), sizes, program.tensors, exact)
    return machine.run(s.equation for s in program.stage(*stages))


def followed(
    program: Program,
    values: Mapping[str, Array],
    sizes: Mapping[str, int],
    found: Mapping[str, Array],
    arithmetic: Arithmetic,
) -> Iterator[tuple[str, Array, float]]:
    """What each equation comes to where the tensors that it reads are as they were ``found``, not as they should be.

    Yields the tensor's name, its entries, and the size of what the equation adds, without regard to sign: rounding
    is relative to this. A tensor that was not found is what its equation comes to.
    """
    machine = Interpreter(_start(program, values, arithmetic), sizes, program.tensors, arithmetic)
    terms = Terms(machine.values, sizes, program.tensors, arithmetic)
    for statement in program.statements:
        name, entries = statement.target.name, machine.tensor(statement.equation)
        yield name, entries, float(np.max(terms.tensor(statement.equation)))
        known = arithmetic.array(found[name]) if name in found else entries
        machine.values[name] = terms.values[name] = known


def _start(program: Program, values: Mapping[str, Array], exact: Arithmetic) -> dict[str, Array]:
    """The constants of a program, and what is given."""
    number = exact.number
    fixed = {n: np.asarray(number(v.numerator) / number(v.denominator)) for n, v in program.constants.items()}
    return {**fixed, **{name: np.asarray(value) for name, value in values.items()}}
