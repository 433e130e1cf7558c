"""An interpreter of the index form: the simple reference that everything else is tested against.

Every index becomes an array axis, and an expression is evaluated for all its indices at once,
exactly as written. The interpreter is independent of the matrix form, the stable forms and the
generated code. It computes with floats, with complex numbers (for complex-step derivatives) or
with mpmath numbers of any precision.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce, singledispatchmethod
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
    erfc,
    floor,
    pi,
    sign,
    true,
)
from sympy.concrete.expr_with_limits import ExprWithLimits

from derive.calculus.cases import Cases
from derive.calculus.extremes import Extreme, Selected
from derive.calculus.functions import CALLS, Elementwise, X
from derive.calculus.index import Equation, Index, Tensor
from derive.calculus.products import ProductOfOthers, ProductOver
from derive.calculus.program import Program
from derive.calculus.recurrence import Recurrence, ordered
from derive.calculus.stepwise import InOrder
from derive.record import record

Array = NDArray[Any]
#: The values of symbols and indices: arrays that broadcast with each other.
At = Mapping[Symbol, Array]


#: The functions that overflow, and the largest argument they accept.
_GROWING, _MOST = {f.__name__ for f, call in CALLS.items() if call.grows}, float(np.finfo(float).max)
_NUMPY = {f.__name__: call.numpy for f, call in CALLS.items()}


#: What chooses between values by comparing numbers: its value jumps where they are equal.
JUMPING = (Selected, Cases, Piecewise, sign)
#: The relative change of what an equation reads, by which its rounding errors are estimated.
_MOVE = 2.0**-20


@record
class Arithmetic:
    """The library that provides exp, log, tanh, ... (``numpy`` or ``mpmath``) and its number type.

    Numbers other than ``float`` and ``complex`` are stored in object arrays.
    """

    functions: Any = np
    number: Any = complex

    @property
    def dtype(self) -> Any:
        """The NumPy dtype of the numbers."""
        return self.number if self.number in (float, complex) else object

    def array(self, values: Any) -> Array:
        """Convert values to an array of this arithmetic's numbers."""
        given = np.asarray(values)
        if self.dtype is object:
            return self.each(self.number, given)
        return given.astype(self.dtype)

    def each(self, function: Any, array: Array) -> Array:
        """Apply a function of one number to every entry."""
        with np.errstate(all="ignore"):
            return np.asarray(np.frompyfunc(function, 1, 1)(array), self.dtype)

    def apply(self, name: str, array: Array) -> Array:
        """Apply the library's function called ``name`` to every entry.

        Raises OverflowError for an exponential of a number beyond the range of floats, which would take minutes.
        """
        function = getattr(self.functions, _NUMPY.get(name, name) if self.functions is np else name)
        if name in _GROWING and self.dtype is object and any(abs(value) > _MOST for value in array.flat):
            raise OverflowError(f"{name} of a number beyond {_MOST}")
        return self.each(function, array) if self.dtype is object else np.asarray(function(array))

    def real(self, array: Array) -> Array:
        """The real part of every entry."""
        return self.each(lambda value: value.real, array) if self.dtype is object else np.asarray(array.real)

    def erfc(self, array: Array) -> Array:
        """1 - erf; for complex numbers, a first-order expansion in a small imaginary part."""
        if hasattr(self.functions, "erfc"):
            return self.apply("erfc", array)
        real = np.asarray(np.frompyfunc(math.erfc, 1, 1)(array.real), float)
        return real if self.number is float else real - 1j * self.erf(array).imag

    def erf(self, array: Array) -> Array:
        """The error function; for complex numbers, a first-order expansion in a small imaginary part."""
        if hasattr(self.functions, "erf"):
            return self.apply("erf", array)
        real = np.asarray(np.frompyfunc(math.erf, 1, 1)(array.real), float)
        if self.number is float:
            return real
        return np.asarray(real + 1j * array.imag * 2 / math.sqrt(math.pi) * np.exp(-(array.real**2)))


#: Floating-point arithmetic.
FLOATS = Arithmetic(np, float)


@dataclass
class Interpreter:
    """Evaluates equations, all entries at once.

    ``values`` maps tensor names to arrays with one axis per tensor axis. ``sizes`` maps symbolic
    extents (``m`` and named widths) to numbers, ``tensors`` maps names to tensors.
    """

    values: dict[str, Array]
    sizes: Mapping[str, int]
    tensors: Mapping[str, Tensor]
    arithmetic: Arithmetic = field(default_factory=Arithmetic)

    def __post_init__(self) -> None:
        self.values = {name: self.arithmetic.array(value) for name, value in self.values.items()}

    def run(self, equations: Iterable[Equation]) -> dict[str, Array]:
        """Compute each equation's tensor in turn and return all values."""
        for part in ordered([*equations]):
            if isinstance(part, Recurrence):
                self._recur(part)
            else:
                self.values[part.target.name] = self.tensor(part)
        return self.values

    def _recur(self, recurrence: Recurrence) -> None:
        """Compute the tensors of a recurrence, one place after the other."""
        for equation in recurrence.equations:
            empty = np.zeros([len(self.places(index)) for index in equation.indices])
            self.values[equation.target.name] = self.arithmetic.array(empty)
        steps = self.places(recurrence.index(recurrence.equations[0]))
        for step in reversed(steps) if recurrence.backward else steps:
            for equation in recurrence.equations:
                place = recurrence.places[equation.target.name]
                entries = self._entries(equation, {recurrence.index(equation): step})
                self.values[equation.target.name][(slice(None),) * place + (step - steps[0],)] = entries.squeeze(place)

    def tensor(self, equation: Equation) -> Array:
        """Compute all entries of an equation's target; the axes are in the order of its indices."""
        return self._entries(equation, {})

    def _entries(self, equation: Equation, fixed: Mapping[Index, int]) -> Array:
        """Compute the entries of an equation's target at some fixed indices."""
        at: dict[Symbol, Array] = {}
        for index in reversed(equation.indices):
            at[index] = self._all(index, len(at))
            if index in fixed:
                at[index] = np.full_like(at[index][:1], fixed[index])
        shape = [len(at[index]) for index in equation.indices]
        with np.errstate(all="ignore"):
            return np.broadcast_to(self.value(equation.expression, at), shape).copy()

    def number(self, expression: Expr, at: Mapping[Symbol, Any]) -> Any:
        """Evaluate an expression with the values ``at`` for its indices and symbols."""
        with np.errstate(all="ignore"):
            return self.value(expression, {symbol: np.asarray(value) for symbol, value in at.items()})[()]

    def places(self, index: Index) -> range:
        """The values that an index takes."""
        start, extent = index.axis.start, index.axis.extent
        count = int(extent.xreplace({s: Rational(self.sizes[s.name]) for s in extent.free_symbols}))
        return range(start, start + count)

    def _all(self, index: Index, inner: int) -> Array:
        """The values that an index takes, along an axis followed by ``inner`` further axes."""
        return np.array(self.places(index)).reshape(-1, *(1,) * inner)

    def value(self, expression: Expr, at: At) -> Array:
        """Evaluate an expression as an array that broadcasts with the values of its symbols."""
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
        """An entry that is read outside the range of an axis is 0."""
        name = expression.base.label.name
        values, axes = self.values[name], self.tensors[name].axes
        where = [self._place(i, at) - axis.start for i, axis in zip(expression.indices, axes, strict=True)]
        inside = [(place >= 0) & (place < side) for place, side in zip(where, values.shape, strict=True)]
        if all(map(np.all, inside)):
            return values[tuple(where)]
        nearest = (np.clip(place, 0, side - 1) for place, side in zip(where, values.shape, strict=True))
        return np.where(reduce(np.logical_and, inside), values[tuple(nearest)], self.arithmetic.number(0))

    def _place(self, index: Expr, at: At) -> Array:
        """The values of an index expression, in the counting of its axis."""
        if index in at:
            return at[index]
        if isinstance(index, Indexed | Symbol):
            return self._whole(self.value(index, at))
        if isinstance(index, Add | Mul):
            combine = np.add if isinstance(index, Add) else np.multiply
            return reduce(combine, (self._place(part, at) for part in index.args))
        return np.asarray(int(index))

    def _whole(self, values: Array) -> Array:
        """Whole numbers of this arithmetic as integers."""
        return np.asarray(np.frompyfunc(lambda value: int(value.real), 1, 1)(values), int)

    @_value.register
    def _(self, expression: Add, at: At) -> Any:
        return reduce(np.add, (self.value(a, at) for a in expression.args))

    @_value.register(Mul)
    @_value.register(InOrder)
    def _(self, expression: Expr, at: At) -> Any:
        return reduce(np.multiply, (self.value(a, at) for a in expression.args))

    @_value.register
    def _(self, expression: Pow, at: At) -> Any:
        base = self.value(expression.base, at)
        if expression.exp.is_Integer:
            return np.power(base, int(expression.exp))
        return np.power(base, self.value(expression.exp, at))

    @_value.register
    def _(self, expression: KroneckerDelta, at: At) -> Any:
        left, right = (self._place(a, at) for a in expression.args)
        return self.arithmetic.array((left == right).astype(int))

    @_value.register
    def _(self, expression: Sum, at: At) -> Any:
        return self._body(expression, at).sum(axis=tuple(range(len(expression.limits))))

    def _body(self, expression: ExprWithLimits, at: At) -> Array:
        """The values of a body: each bound index becomes a new leading axis and hides an outer index of its name."""
        inside, new = dict(at), list[Array]()
        outer = max((array.ndim for array in at.values()), default=0)
        for index, *_ in reversed(expression.limits):  # the first is the innermost
            inside[index] = self._all(index, outer + len(new))
            new.append(inside[index])
        body = self.value(expression.function, inside)
        return np.broadcast_to(body, np.broadcast_shapes(body.shape, *(array.shape for array in new)))

    @_value.register
    def _(self, expression: ProductOver, at: At) -> Any:
        return self._body(expression, at).prod(axis=tuple(range(len(expression.limits))))

    @_value.register
    def _(self, expression: ProductOfOthers, at: At) -> Any:
        """The product of all factors, with a 1 for the one at the place."""
        bound = expression.factors.bound
        there = [self._place(place, at) for place in expression.places]
        outer = max((array.ndim for array in at.values()), default=0)
        own = [self._all(index, outer + n) for n, index in reversed(list(enumerate(reversed(bound))))]
        same = reduce(np.logical_and, (one == other for one, other in zip(there, own, strict=True)))
        body = self._body(expression.factors, at)
        return np.where(same, self.arithmetic.number(1), body).prod(axis=tuple(range(len(bound))))

    @_value.register
    def _(self, expression: Extreme, at: At) -> Any:
        chosen, values = self._first(expression, at)
        return np.take_along_axis(values, chosen[None], 0)[0]

    def _first(self, expression: Extreme, at: At) -> tuple[Array, Array]:
        """The first place of an extreme value, in the order of the bound indices, and all values at these places."""
        body = self._body(expression, at)
        count = len(expression.limits)
        values = body.reshape(math.prod(body.shape[:count]), *body.shape[count:])
        return np.argmax(expression.sign * self.arithmetic.real(values), axis=0), values

    @_value.register
    def _(self, expression: Selected, at: At) -> Any:
        chosen, _ = self._first(expression.extreme, at)
        place: Any = 0
        inside: Any = True
        for index, wanted in zip(expression.extreme.bound, expression.places, strict=True):
            where = self._place(wanted, at) - index.axis.start
            side = len(self.places(index))
            inside = inside & (where >= 0) & (where < side)
            place = place * side + where
        return self.arithmetic.array(np.asarray(inside & (place == chosen), int))

    @_value.register(Piecewise)
    @_value.register(Cases)
    def _(self, expression: Expr, at: At) -> Any:
        """Each case is evaluated only where its condition holds."""
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

    @_value.register
    def _(self, expression: erfc, at: At) -> Any:
        return self.arithmetic.erfc(self.value(expression.args[0], at))

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
    """Evaluates the sum of the absolute values of all terms: rounding errors are relative to it."""

    def value(self, expression: Expr, at: At) -> Array:
        """The sum of the absolute values of all terms of an expression."""
        if isinstance(expression, (Add, Mul, Sum)) or _is_power(expression):
            return super().value(expression, at)
        return np.abs(self._plain.value(expression, at))

    @cached_property
    def _plain(self) -> Interpreter:
        """An interpreter with the same values, those that are added later, too."""
        plain = Interpreter({}, self.sizes, self.tensors, self.arithmetic)
        plain.values = self.values
        return plain


def _is_power(expression: Expr) -> bool:
    return isinstance(expression, Pow) and bool(expression.exp.is_Integer and expression.exp.is_positive)


def as_floats(array: Array) -> Array:
    """Convert mpmath numbers to floats; NaN for those that are not real."""
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
    """Evaluate the index form of some stages of a program for given inputs and parameters.

    ``values`` maps tensor names to arrays with one axis per tensor axis (a bias has one). Constants
    of the program need no values. Returns the same mapping with all computed tensors added.
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
    """Evaluate each equation with the values ``found`` for the tensors that it reads.

    Errors therefore do not accumulate from equation to equation. Yields the tensor's name, its entries, and the size
    of what is added and subtracted in them, to which rounding errors are relative: of the terms without regard to
    sign, or the change of the entries over the relative change of what they read. A tensor that is not in ``found``
    takes the value of its equation.
    """
    start = _start(program, values, arithmetic)
    for recurrence in program.recurrences:  # which reads what later statements compute
        start |= {name: arithmetic.array(found[name]) for name in recurrence.places if name in found}
    machine = Interpreter(start, sizes, program.tensors, arithmetic)
    terms = Terms(machine.values, sizes, program.tensors, arithmetic)
    moved = Interpreter({}, sizes, program.tensors, arithmetic)
    moved.values = {name: _moved(program, name, value) for name, value in machine.values.items()}
    for statement in program.statements:
        name, entries = statement.target.name, machine.tensor(statement.equation)
        size = float(np.max(terms.tensor(statement.equation)))
        if not statement.equation.expression.has(*JUMPING):
            size = max(size, _change(moved, statement.equation, entries) / _MOVE)
        yield name, entries, size
        known = arithmetic.array(found[name]) if name in found else entries
        machine.values[name] = terms.values[name] = known
        moved.values[name] = _moved(program, name, known)


def _moved(program: Program, name: str, array: Array) -> Array:
    """The same array with each entry closer to 0 by a small share of it; numbers of places stay."""
    if name in program.tensors and program.tensors[name].places is not None:
        return array
    shares = np.resize([1 - _MOVE, 1 - _MOVE / 2], array.shape)  # not all alike, which differences would not show
    return np.asarray(array * shares)


def _change(moved: Interpreter, equation: Equation, entries: Array) -> float:
    """How far the entries of an equation are moved; 0 where they have no value."""
    try:
        change = as_floats(np.asarray(np.abs(moved.tensor(equation) - entries)))
    except (ZeroDivisionError, ValueError, TypeError, OverflowError):
        return 0.0
    return float(np.max(change, where=np.isfinite(change), initial=0.0))


def _start(program: Program, values: Mapping[str, Array], exact: Arithmetic) -> dict[str, Array]:
    """The constants of a program and the given values."""
    number = exact.number
    fixed = {n: np.asarray(number(v.numerator) / number(v.denominator)) for n, v in program.constants.items()}
    return {**fixed, **{name: np.asarray(value) for name, value in values.items()}}
