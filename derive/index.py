"""Index notation: axes, indices, tensors and the equations between them.

Everything upstream of the printers is written with these four things. An index
is a SymPy symbol that knows its range, so a sum, a delta and a shape can never
disagree about it. The sample index is an index like any other.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from sympy import Expr, Indexed, IndexedBase, Integer, KroneckerDelta, Sum, Symbol


@dataclass(frozen=True)
class Axis:
    """One axis of a tensor: how many entries it has, from which number they count.

    ``extent`` is an integer or a positive integer symbol; ``sample`` marks the
    axis along which the samples of a batch lie.
    """

    extent: Expr
    start: int = 1
    sample: bool = False

    @property
    def stop(self) -> Expr:
        """The number of the last entry."""
        return self.extent + self.start - 1


class Index(Symbol):  # type: ignore[misc]  # SymPy's Symbol carries no types
    """A symbol that runs over an axis.

    Two indices are equal when their names and their axes are: SymPy caches by
    equality, so an index of another width must be another symbol.
    """

    __slots__ = ("axis",)
    axis: Axis

    def __new__(cls, name: str, axis: Axis) -> Index:
        """Make the symbol ``name`` that runs over ``axis``."""
        obj: Index = Symbol.__xnew__(cls, name, integer=True)
        obj.axis = axis
        return obj

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.name, self.axis), {}

    def _hashable_content(self) -> tuple[Any, ...]:
        axis = self.axis
        return (self.name, _spelled(axis.extent), axis.start, axis.sample)


@cache
def _spelled(extent: Expr) -> str:
    """An extent as text: it is asked for whenever two indices are compared."""
    return str(extent)


class IndexSupply:
    """Hands out indices that have not been used before: no capture, ever."""

    def __init__(self, prefix: str = "i") -> None:
        self._prefix = prefix
        self._numbers = itertools.count(1)

    def fresh(self, axis: Axis) -> Index:
        """Return a new index over ``axis``."""
        return Index(f"{self._prefix}{next(self._numbers):05d}", axis)

    def several(self, axes: Iterable[Axis]) -> tuple[Index, ...]:
        """Return one new index per axis."""
        return tuple(self.fresh(axis) for axis in axes)


@dataclass(frozen=True)
class Tensor:
    """A named array of numbers.

    ``role`` says what it is to the network (``weight``, ``bias``, ``input``,
    ``target``, ``preactivation``, ``activation``, ``error``, ``factor``,
    ``gradient``, ...); notations write each role in their own way. ``layer`` is
    the layer it belongs to, if any; ``about`` the tensor that a factor or a
    gradient is the derivative with respect to.
    """

    name: str
    role: str
    axes: tuple[Axis, ...] = ()
    layer: int | None = None
    about: Tensor | None = None

    @property
    def symbol(self) -> Symbol:
        """The bare symbol, real so that SymPy differentiates it as such."""
        return Symbol(self.name, real=True)

    def __getitem__(self, indices: tuple[Expr, ...]) -> Expr:
        if len(indices) != len(self.axes):
            raise ValueError(f"{self.name} has {len(self.axes)} axes, not {len(indices)}")
        return Indexed(IndexedBase(self.symbol), *indices) if indices else self.symbol


@dataclass(frozen=True)
class Equation:
    """``target[indices] = expression``: one tensor, stated once.

    ``note`` names the part the equation plays (``weighted sum``, ``activation``,
    ``error``, ...).
    """

    target: Tensor
    indices: tuple[Index, ...]
    expression: Expr
    note: str = ""

    @property
    def left(self) -> Expr:
        """The left side, an indexed symbol."""
        return self.target[self.indices]

    def at(self, indices: tuple[Expr, ...]) -> Expr:
        """The right side with the free indices replaced (by fresh ones, or by numbers)."""
        return self.expression.xreplace(dict(zip(self.indices, indices, strict=True)))


def total(body: Expr, *indices: Index) -> Expr:
    """Sum ``body`` over the whole range of each index."""
    return Sum(body, *((i, Integer(i.axis.start), i.axis.stop) for i in indices))


def refreshed(equation: Equation, supply: IndexSupply) -> Equation:
    """The same equation with every index, free or bound, a new one."""
    free = dict(zip(equation.indices, supply.several(i.axis for i in equation.indices), strict=True))
    right = _with_fresh_sums(equation.expression, supply).xreplace(free)
    return Equation(equation.target, tuple(free.values()), right, equation.note)


def _with_fresh_sums(expression: Expr, supply: IndexSupply) -> Expr:
    """Give each sum indices of its own; an inner sum is renamed before an outer one that may shadow it."""
    if not expression.has(Sum):
        return expression
    arguments = [a if not isinstance(a, Expr) else _with_fresh_sums(a, supply) for a in expression.args]
    if isinstance(expression, Sum):
        body = arguments[0]
        fresh = {limit[0]: supply.fresh(limit[0].axis) for limit in expression.limits}
        return total(body.xreplace(fresh), *fresh.values())
    return expression.func(*arguments)


def delta(left: Expr, right: Expr) -> Expr:
    """Kronecker's delta."""
    return KroneckerDelta(left, right)


def symbols_read(expression: Expr) -> list[str]:
    """Names of the tensors and scalars that an expression reads, sorted."""
    names = {a.base.label.name for a in expression.atoms(Indexed)}
    names |= {s.name for s in expression.atoms(Symbol) if not isinstance(s, Index)}
    return sorted(names)


def within(inner: Axis, outer: Axis) -> bool:
    """Whether every number on ``inner`` is also one on ``outer``."""
    after_start = inner.start >= outer.start
    before_stop = (outer.stop - inner.stop).is_nonnegative
    return after_start and bool(before_stop)
