"""Print the expressions of the index form as code with one loop for each index; a language adds its own signs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import singledispatchmethod
from typing import Any, ClassVar

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

from derive.calculus.affine import lies_on, misses
from derive.calculus.cases import Cases
from derive.calculus.extremes import Extreme, Selected
from derive.calculus.functions import Elementwise, X
from derive.calculus.index import Axis, Index, Tensor
from derive.calculus.products import ProductOfOthers, ProductOver

#: An index with the name of its variable.
Loop = tuple[str, Axis]


class LoopPrinter(ABC):
    """Prints expressions; ``functions`` holds the lines of the elementwise functions that they call.

    In code, ``values`` maps the names of tensors to their entries, and ``sizes`` the names of widths to numbers.
    """

    #: The library of functions, and the functions outside it.
    library: ClassVar[str]
    outside: ClassVar[frozenset[str]]
    #: The circle constant, e, and not a number; the signs of "and" and "or".
    pi: ClassVar[str]
    e: ClassVar[str]
    nan: ClassVar[str]
    both: ClassVar[str]
    either: ClassVar[str]

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = tensors
        self.functions: list[str] = []
        self._names: dict[Any, str] = {}
        #: The names of the functions that are called.
        self.called: set[str] = set()

    # ------------------------------------------------------------ what languages write in their own ways

    @abstractmethod
    def entry(self, name: str, indices: Sequence[str]) -> str:
        """An entry of a tensor."""

    def entry_or_zero(self, name: str, indices: Sequence[str]) -> str:
        """An entry of a tensor, or 0 outside it."""
        raise NotImplementedError(f"{type(self).__name__} reads no entry outside a tensor")

    def product(self, body: str, loops: Sequence[Loop], but: Sequence[str]) -> str:
        """The product of a body, without the factor at the places ``but``, if any are given."""
        raise NotImplementedError(f"{type(self).__name__} has no product over indices")

    def extreme(self, sign: int, body: str, loops: Sequence[Loop]) -> str:
        """The maximum (``sign`` 1) or minimum (-1) of a body."""
        raise NotImplementedError(f"{type(self).__name__} has no maximum over indices")

    def is_place(self, sign: int, body: str, loops: Sequence[Loop], places: Sequence[str]) -> str:
        """The condition that the first extreme value is at the given places."""
        raise NotImplementedError(f"{type(self).__name__} has no maximum over indices")

    @abstractmethod
    def choice(self, condition: str, value: str, other: str) -> str:
        """One value if a condition holds, else another."""

    @abstractmethod
    def equal(self, left: str, right: str) -> str:
        """The condition that two integers are equal."""

    @abstractmethod
    def total(self, body: str, loops: Sequence[Loop]) -> str:
        """The sum of a body over loops, the outermost first."""

    @abstractmethod
    def definition(self, name: str, arguments: Sequence[str], value: str, title: str) -> list[str]:
        """The lines that define a function."""

    # ------------------------------------------------------------ expressions

    def first(self, axis: Axis) -> str:
        """The number of the first entry along an axis."""
        return str(axis.start)

    def after(self, axis: Axis) -> str:
        """The number after that of the last entry along an axis."""
        stop = axis.extent + axis.start
        return str(stop) if stop.is_Integer else f"{axis.start} + {self.code(axis.extent, {})}"

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
        return f"sizes[{expression.name!r}]" if expression.is_integer else self.entry(expression.name, ())

    @code.register
    def _(self, expression: Indexed, scope: Mapping[Symbol, str]) -> str:
        name, indices = expression.base.label.name, [self.code(i, scope) for i in expression.indices]
        pairs = zip(expression.indices, self.tensors[name].axes, strict=True)
        inside = all(lies_on(index, axis) or (index.is_Integer and not misses(index, axis)) for index, axis in pairs)
        return self.entry(name, indices) if inside else self.entry_or_zero(name, indices)

    @code.register
    def _(self, expression: Extreme, scope: Mapping[Symbol, str]) -> str:
        return self.extreme(expression.sign, *self._looped(expression, scope))

    @code.register
    def _(self, expression: ProductOver, scope: Mapping[Symbol, str]) -> str:
        return self.product(*self._looped(expression, scope), ())

    @code.register
    def _(self, expression: ProductOfOthers, scope: Mapping[Symbol, str]) -> str:
        places = [self.code(place, scope) for place in expression.places]
        return self.product(*self._looped(expression.factors, scope), places)

    @code.register
    def _(self, expression: Selected, scope: Mapping[Symbol, str]) -> str:
        places = [self.code(place, scope) for place in expression.places]
        extreme = expression.extreme
        return self.choice(self.is_place(extreme.sign, *self._looped(extreme, scope), places), "1", "0")

    def _looped(self, expression: Sum | Extreme | ProductOver, scope: Mapping[Symbol, str]) -> tuple[str, list[Loop]]:
        """The body of a sum or a maximum, and its loops from the outermost to the innermost."""
        indices: list[Index] = [limit[0] for limit in expression.limits]
        indices = indices[::-1] if isinstance(expression, Sum) else indices
        inside = {**scope, **{index: f"i{len(scope) + n}" for n, index in enumerate(indices)}}
        return self.code(expression.function, inside), [(inside[i], i.axis) for i in indices]

    @code.register(Add)
    @code.register(Mul)
    def _(self, expression: Expr, scope: Mapping[Symbol, str]) -> str:
        mark = " + " if isinstance(expression, Add) else " * "
        return f"({mark.join(self.code(a, scope) for a in expression.args)})"

    @code.register
    def _(self, expression: Pow, scope: Mapping[Symbol, str]) -> str:
        base, exponent = (self.code(a, scope) for a in (expression.base, expression.exp))
        is_whole = isinstance(expression.exp, Integer)
        return f"({base} ** {exponent})" if is_whole else f"{self.library}.pow({base}, {exponent})"

    @code.register
    def _(self, expression: KroneckerDelta, scope: Mapping[Symbol, str]) -> str:
        return self.choice(self.equal(*(self.code(a, scope) for a in expression.args)), "1", "0")

    @code.register
    def _(self, expression: Sum, scope: Mapping[Symbol, str]) -> str:
        """Print a sum: its first index is the innermost loop, and hides an outer index of the same name."""
        return self.total(*self._looped(expression, scope))

    @code.register(Piecewise)
    @code.register(Cases)
    def _(self, expression: Expr, scope: Mapping[Symbol, str]) -> str:
        value = self.nan
        for case, condition in reversed(expression.args):
            printed = self.code(case, scope)
            value = printed if condition == true else self.choice(self.condition(condition, scope), printed, value)
        return value

    def condition(self, condition: Any, scope: Mapping[Symbol, str]) -> str:
        """Code of a condition."""
        if isinstance(condition, And | Or):
            word = self.both if isinstance(condition, And) else self.either
            return f"({f' {word} '.join(self.condition(part, scope) for part in condition.args)})"
        assert isinstance(condition, Relational)
        return f"{self.code(condition.lhs, scope)} {condition.rel_op} {self.code(condition.rhs, scope)}"

    @code.register
    def _(self, expression: Elementwise, scope: Mapping[Symbol, str]) -> str:
        return self._call(self._called(type(expression)), expression, scope)

    def _called(self, function: Any) -> str:
        """Name of an elementwise function; it is added to ``functions`` after those that it calls."""
        if function not in self._names:
            scope = {symbol: symbol.name for symbol in (X, *function.others)}
            value = self.code(function.definition, scope)
            self._names[function] = f"f{len(self._names)}"
            self.functions += self.definition(self._names[function], [*scope.values()], value, function.title)
        return self._names[function]

    @code.register(type(pi))
    @code.register(type(E))
    def _(self, expression: Expr, scope: Mapping[Symbol, str]) -> str:
        return self.pi if expression == pi else self.e

    @code.register(Abs)
    @code.register(Max)
    @code.register(Min)
    @code.register(sign)
    @code.register(Function)
    def _(self, expression: Expr, scope: Mapping[Symbol, str]) -> str:
        name = type(expression).__name__.lower()
        return self._call(name if name in self.outside else f"{self.library}.{name}", expression, scope)

    def _call(self, name: str, expression: Expr, scope: Mapping[Symbol, str]) -> str:
        self.called.add(name)
        return f"{name}({', '.join(self.code(a, scope) for a in expression.args)})"
