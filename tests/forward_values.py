"""Values of a stated forward pass, and its derivatives by the complex step: SymPy trees evaluated with NumPy.

Only the stated equations are used, nothing of the derivation. All entries of a tensor are moved at once,
each along a place of its own on a first axis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any

import numpy as np
from sympy import (
    Abs,
    Add,
    And,
    Expr,
    Indexed,
    KroneckerDelta,
    Max,
    Min,
    Mul,
    Or,
    Piecewise,
    Pow,
    Sum,
    Symbol,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atanh,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    log,
    sign,
    sin,
    sinh,
    tan,
    tanh,
    true,
)

from derive.calculus.cases import Cases
from derive.calculus.extremes import Extreme
from derive.calculus.forward import ForwardPass
from derive.calculus.functions import STOP, Elementwise, X
from derive.calculus.index import Axis, Equation, Index, Tensor
from derive.calculus.products import ProductOver

Array = np.ndarray[Any, Any]
TINY = 1e-30

_PLAIN = {exp: np.exp, log: np.log, tanh: np.tanh, cosh: np.cosh, sinh: np.sinh, sin: np.sin, cos: np.cos, tan: np.tan}
_PLAIN |= {asin: np.arcsin, acos: np.arccos, atan: np.arctan, asinh: np.arcsinh, acosh: np.arccosh, atanh: np.arctanh}


@dataclass(frozen=True)
class _Formula:
    """Evaluates one right side; each index runs along an axis of its own, the first is that of the movements."""

    values: Mapping[str, Array]
    sizes: Mapping[str, int]
    places: Mapping[Index, int]
    axes: Mapping[str, tuple[Axis, ...]] = field(default_factory=dict)
    arguments: Mapping[Symbol, Any] = field(default_factory=dict)

    def number(self, expression: Expr) -> Array:
        """The value of an expression, for all values of its indices."""
        if expression.is_number and not expression.has(Elementwise):
            return np.asarray(complex(expression))
        for kind, method in self._kinds.items():
            if isinstance(expression, kind):
                return np.asarray(method(expression))
        raise TypeError(f"{type(expression).__name__} in a forward pass")

    @property
    def _kinds(self) -> dict[Any, Any]:
        return {
            Add: lambda e: sum(map(self.number, e.args)),
            Mul: lambda e: math.prod(map(self.number, e.args), start=np.asarray(1.0 + 0j)),
            Sum: self._sum,
            Extreme: self._extreme,
            ProductOver: self._product,
            Indexed: self._entry,
            KroneckerDelta: self._delta,
            STOP: lambda e: self.number(e.args[0]).real + 0j,  # no movement passes
            Elementwise: lambda e: self._applied(e),
            Symbol: self._symbol,
            Pow: self._power,
            (Cases, Piecewise): self._piecewise,
            (Max, Min): self._largest,
            Abs: lambda e: (lambda v: np.where(v.real >= 0, v, -v))(self.number(e.args[0])),
            sign: lambda e: np.sign(self.number(e.args[0]).real) + 0j,
            erf: self._erf,
            erfc: lambda e: 1 - self._erf(e),
            tuple(_PLAIN): lambda e: _PLAIN[type(e)](self.number(e.args[0])),
        }

    def _symbol(self, symbol: Symbol) -> Array:
        if symbol in self.arguments:
            return np.asarray(self.arguments[symbol])
        if symbol.is_integer:
            return np.asarray(complex(self.sizes[symbol.name]))
        return self._laid(self.values[symbol.name], [])

    def _entry(self, entry: Indexed) -> Array:
        name = entry.base.label.name
        along = zip(entry.indices, self.axes.get(name, ()), strict=False)
        if all(isinstance(i, Index) and i.axis == axis for i, axis in along):
            return self._laid(self.values[name], list(entry.indices))
        return self._read(self.values[name], entry.indices, self.axes[name])

    def _read(self, array: Array, indices: Sequence[Expr], axes: Sequence[Axis]) -> Array:
        """The entries at formulas of indices; those outside the array are 0."""
        found = [self._numbers(i) - axis.start for i, axis in zip(indices, axes, strict=True)]
        inside = math.prod(((n >= 0) & (n < size) for n, size in zip(found, array.shape[1:], strict=True)), start=True)
        places = [np.clip(n, 0, size - 1)[0] for n, size in zip(found, array.shape[1:], strict=True)]
        return array[(slice(None), *places)] * inside

    def _extreme(self, extreme: Extreme) -> Array:
        """The largest or smallest real part, the first at a tie."""
        value = self.number(extreme.function)
        axes = [self.places[limit[0]] + 1 for limit in extreme.limits]
        moved = np.moveaxis(value, axes, [*range(-len(axes), 0)])
        flat = moved.reshape((*moved.shape[: value.ndim - len(axes)], -1))
        best = np.argmax(flat.real * extreme.sign, axis=-1)
        chosen = np.take_along_axis(flat, best[..., None], -1)[..., 0]
        return np.expand_dims(chosen, tuple(sorted(axes)))

    def _product(self, product: ProductOver) -> Array:
        value = self.number(product.function)
        axes = [self.places[index] + 1 for index in product.bound]
        counts = [length(index.axis.extent, self.sizes) for index in product.bound]
        value = np.broadcast_to(value, np.broadcast_shapes(value.shape, self._spread(axes, counts)))
        return value.prod(axis=tuple(axes), keepdims=True)

    def _spread(self, axes: Sequence[int], counts: Sequence[int]) -> tuple[int, ...]:
        """A shape with these lengths along the axes, and 1 along others."""
        return tuple(dict(zip(axes, counts, strict=True)).get(n, 1) for n in range(len(self.places) + 1))

    def _laid(self, array: Array, indices: Sequence[Expr]) -> Array:
        """An array with a first axis of movements, its other axes where its indices run."""
        distinct = list(dict.fromkeys(indices))
        letters = {i: n + 1 for n, i in enumerate(distinct)}
        array = np.einsum(array, [0, *(letters[i] for i in indices)], [0, *(letters[i] for i in distinct)])
        order = sorted(range(len(distinct)), key=lambda n: self.places[distinct[n]])
        array = array.transpose([0, *(n + 1 for n in order)])
        shape = [array.shape[0], *([1] * len(self.places))]
        for n, position in enumerate(order):
            shape[self.places[distinct[position]] + 1] = array.shape[n + 1]
        return array.reshape(shape)

    def _sum(self, total: Sum) -> Array:
        value = self.number(total.function)
        for limit in total.limits:
            value = self._summed(value, limit[0])
        return value

    def _summed(self, value: Array, index: Index) -> Array:
        axis, count = self.places[index] + 1, length(index.axis.extent, self.sizes)
        value = np.asarray(value)
        if value.ndim <= axis:
            return value * count
        return value * count if value.shape[axis] == 1 else value.sum(axis=axis, keepdims=True)

    def _delta(self, delta: KroneckerDelta) -> Array:
        return (self._numbers(delta.args[0]) == self._numbers(delta.args[1])) + 0j

    def _numbers(self, index: Expr) -> Array:
        if index.is_Integer:
            return np.full([1] * (len(self.places) + 1), int(index))
        if isinstance(index, Add | Mul):
            combine = np.add if isinstance(index, Add) else np.multiply
            return reduce(combine, map(self._numbers, index.args))
        if isinstance(index, Indexed):
            return self._entry(index)[:1].real.round().astype(int)
        if not isinstance(index, Index):
            return np.full([1] * (len(self.places) + 1), self.sizes[index.name])
        run = index.axis.start + np.arange(length(index.axis.extent, self.sizes))
        shape = [1] * (len(self.places) + 1)
        shape[self.places[index] + 1] = len(run)
        return run.reshape(shape)

    def _power(self, power: Pow) -> Array:
        base, exponent = self.number(power.base), power.exp
        if exponent.is_Integer:
            return base ** int(exponent)
        if exponent.is_number:
            return base ** float(exponent)
        return base ** self.number(exponent)

    def _applied(self, applied: Elementwise) -> Array:
        arguments = dict(zip((X, *applied.others), map(self.number, applied.args), strict=True))
        return _Formula(self.values, self.sizes, self.places, self.axes, arguments).number(type(applied).definition)

    def _piecewise(self, cases: Piecewise) -> Array:
        value: Any = None
        for body, condition in reversed(cases.args):
            inner = self.number(body)
            value = inner if condition == true or value is None else np.where(self._holds(condition), inner, value)
        return np.asarray(value)

    def _holds(self, condition: Any) -> Array:
        if isinstance(condition, And | Or):
            join = np.logical_and if isinstance(condition, And) else np.logical_or
            return np.asarray(reduce(join, map(self._holds, condition.args)))
        left, right = (self.number(side).real for side in (condition.lhs, condition.rhs))
        signs = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}
        found: Array = signs[condition.rel_op](left, right)
        return found

    def _largest(self, chosen: Expr) -> Array:
        first, *others = map(self.number, chosen.args)
        for other in others:
            takes = first.real >= other.real if isinstance(chosen, Max) else first.real <= other.real
            first = np.where(takes, first, other)
        return first

    def _erf(self, applied: Expr) -> Array:
        z = self.number(applied.args[0])
        return np.vectorize(math.erf)(z.real) + 2 / math.sqrt(math.pi) * np.exp(-(z.real**2)) * 1j * z.imag


def length(extent: Expr, sizes: Mapping[str, int]) -> int:
    """A width in numbers."""
    return int(extent.xreplace({s: sizes[s.name] for s in extent.free_symbols}))


def _indices(expression: Expr) -> set[Index]:
    return set(expression.atoms(Index))


@dataclass(frozen=True, eq=False)
class Values:
    """A forward pass with numbers put in: inputs, parameters and constants by their names, each with its own shape."""

    forward: ForwardPass
    given: Mapping[str, Array]
    sizes: Mapping[str, int]

    @cached_property
    def values(self) -> dict[str, Array]:
        """Every tensor."""
        return {name: array[0].real for name, array in self._run(None).items()}

    @property
    def finite(self) -> bool:
        """Whether every tensor is finite, and so is how each depends on every other."""
        found = [value for moved in (None, *self.values) for value in self._run(moved).values()]
        return all(np.all(np.isfinite(value)) for value in found)

    def _run(self, moved: str | None) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for name, value in self.given.items():
            found[name] = self._moved(np.asarray(value, dtype=complex)[None], name == moved)
        for tensor in self._recurring:  # a step is right once those before it are
            found[tensor.name] = np.zeros((1, *(length(a.extent, self.sizes) for a in tensor.axes)), complex)
        sides = [side for tensor in self._recurring for side in found[tensor.name].shape]
        for _ in range(1 + max(sides, default=0)):
            for equation in self.forward.equations:
                name = equation.target.name
                found[name] = self._moved(self._right(equation, found), name == moved)
        return found

    @cached_property
    def _recurring(self) -> list[Tensor]:
        """The tensors that are read before they are computed, at other steps."""
        known, early = {*self.given}, dict[str, Tensor]()
        for equation in self.forward.equations:
            names = {a.base.label.name for a in equation.expression.atoms(Indexed)} - known
            early |= {n: self.forward.tensors[n] for n in sorted(names)}
            known.add(equation.target.name)
        return [*early.values()]

    def _moved(self, value: Array, moves: bool) -> Array:
        if not moves:
            return value
        shape = value.shape[1:]
        count = int(np.prod(shape, dtype=int))
        return value + 1j * TINY * np.eye(count).reshape(count, *shape)

    def _right(self, equation: Equation, known: Mapping[str, Array]) -> Array:
        """The right side of an equation, its axes in the order of its indices."""
        bound = sorted(_indices(equation.expression) - set(equation.indices), key=str)
        places = {i: n for n, i in enumerate([*equation.indices, *bound])}
        value = _Formula(known, self.sizes, places, self.forward.ranges).number(equation.expression)
        count = value.shape[0] if value.ndim else 1
        shape = tuple(length(i.axis.extent, self.sizes) for i in equation.indices)
        if not value.ndim:
            return np.full((1, *shape), value)
        value = value.reshape(value.shape[: len(shape) + 1])
        return np.broadcast_to(value, (count, *shape))

    @cached_property
    def _slopes(self) -> dict[tuple[str, str], Array]:
        return {}

    def slopes(self, of: str, wrt: str) -> Array:
        """How ``of`` depends on ``wrt`` by all ways: the axes of ``wrt``, then those of ``of``."""
        if (of, wrt) not in self._slopes:
            run = self._run(wrt)
            self._slopes.update({(n, wrt): self._shaped(v, wrt) for n, v in run.items()})
        return self._slopes[of, wrt]

    @cached_property
    def _locals(self) -> dict[tuple[str, str], Array | None]:
        return {}

    def local(self, of: str, wrt: str) -> Array | None:
        """The same by the equation of ``of`` alone; None if it does not read ``wrt``."""
        if (of, wrt) not in self._locals:
            self._locals[of, wrt] = self._local(of, wrt)
        return self._locals[of, wrt]

    def _local(self, of: str, wrt: str) -> Array | None:
        equation = next(e for e in self.forward.equations if e.target.name == of)
        read = {a.base.label.name for a in equation.expression.atoms(Indexed)}
        read |= {s.name for s in equation.expression.free_symbols if not s.is_integer}
        if wrt not in read:
            return None
        known = {n: v[None] + 0j for n, v in self.values.items()}
        known[wrt] = self._moved(known[wrt], True)
        return self._shaped(self._right(equation, known), wrt)

    def _shaped(self, value: Array, wrt: str) -> Array:
        start = self.values[wrt].shape
        count = int(np.prod(start, dtype=int))
        found: Array = np.broadcast_to(value, (count, *value.shape[1:])).imag / TINY
        return found.reshape((*start, *value.shape[1:]))
