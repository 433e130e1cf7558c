"""Index notation: axes, indices, tensors and the equations between them.

All stages before the printers use these four types. An index is a SymPy symbol
that knows its range, so sums, deltas and shapes always agree about it. The
sample index is an ordinary index.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import pairwise
from operator import is_
from typing import Any

from sympy import Expr, Indexed, IndexedBase, Integer, KroneckerDelta, Sum, Symbol, sympify
from sympy.concrete.expr_with_limits import ExprWithLimits
from sympy.core.cache import cacheit

from derive.calculus.roles import COMPARED, DATA, NUMBERS, Role


@dataclass(frozen=True)
class Axis:
    """One axis of a tensor: its number of entries and the number of the first one.

    ``extent`` is an integer or a positive integer symbol; ``sample`` marks the
    axis of the samples of a batch. ``name`` is the size as the
    author calls it, by which documents choose letters.

    >>> Axis(3) == Axis(Integer(3))
    True
    """

    extent: Expr
    start: int = 1
    sample: bool = False
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.extent, int) and not isinstance(self.extent, bool):
            object.__setattr__(self, "extent", Integer(self.extent))

    @property
    def stop(self) -> Expr:
        """The number of the last entry."""
        return self.extent + self.start - 1


class Index(Symbol):  # type: ignore[misc]  # SymPy's Symbol carries no types
    """A symbol that runs over an axis.

    Two indices are equal if their names and axes are equal. SymPy caches by
    equality, so indices over different axes must be different symbols.
    """

    __slots__ = ("axis",)
    axis: Axis

    def __new__(cls, name: str, axis: Axis) -> Index:
        """Create the symbol ``name`` that runs over ``axis``."""
        obj: Index = Symbol.__xnew__(cls, name, integer=True)
        obj.axis = axis
        return obj

    def __sub__(self, other: Any) -> Expr:
        """Return the difference; whether the difference of two indices is 0 is marked as unknown.

        SymPy asks this for every delta, and its own search for the answer dominates the run time.
        """
        difference = super().__sub__(other)
        if isinstance(other, Index) and other != self:
            difference._assumptions = difference.default_assumptions.copy()
            difference._assumptions["zero"] = None
        return difference

    def __str__(self) -> str:
        return str(self.name)

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.name, self.axis), {}

    def _hashable_content(self) -> tuple[Any, ...]:
        axis = self.axis
        return (self.name, _spelled(axis.extent), axis.start, axis.sample, axis.name)


@cache
def _spelled(extent: Expr) -> str:
    """Return an extent as text; cached, since every comparison of indices needs it."""
    return str(extent)


#: What the names of new indices begin with, and those of bound ones that are named by their depth.
FIRST, SPELLED = "i", "_"


class IndexSupply:
    """Creates indices that are new and avoid the names ``taken``."""

    def __init__(self, prefix: str = FIRST, taken: Iterable[str] = ()) -> None:
        avoided = frozenset(taken)
        numbered = (f"{prefix}{number:05d}" for number in itertools.count(1))
        self._names = (name for name in numbered if name not in avoided)

    @staticmethod
    def is_made(name: str) -> bool:
        """Whether a name is of the kind that a supply makes, such as i00012, and was not chosen by an author."""
        return len(name) == 6 and name[0].isalpha() and name[1:].isdigit()

    def fresh(self, axis: Axis) -> Index:
        """Return a new index over ``axis``."""
        return Index(next(self._names), axis)

    def several(self, axes: Iterable[Axis]) -> tuple[Index, ...]:
        """Return one new index per axis."""
        return tuple(self.fresh(axis) for axis in axes)


@dataclass(frozen=True)
class Tensor:
    """A named array of numbers.

    ``role`` is its role in the network (``weight``, ``bias``, ``input``,
    ``target``, ``preactivation``, ``activation``, ``error``, ``factor``,
    ``gradient``, ...; see ``Role``); each notation writes a role in its own way. ``layer`` is
    its layer, if any. If the tensor is a factor or a gradient, ``about`` is the tensor
    with respect to which it is the derivative of the error. ``places`` is the axis whose entries
    an integer tensor numbers, such as the words of a vocabulary; None for a tensor of real numbers. In a statement with
    the equations of a derivation, ``error`` is the name of what that derived, in the tensors that it has found.
    """

    name: str
    role: str
    axes: tuple[Axis, ...] = ()
    layer: int | None = None
    about: Tensor | None = None
    places: Axis | None = None
    error: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", _as_tuple(self.axes))

    def __eq__(self, other: object) -> bool:
        if self is other or not isinstance(other, Tensor):
            return self is other
        return self.name == other.name and self._others == other._others

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def _others(self) -> tuple[object, ...]:
        """All but the name, by which most tensors differ."""
        return self.role, self.axes, self.layer, self.about, self.places

    @property
    def is_data(self) -> bool:
        """Whether the tensor comes with the data."""
        return self.role in DATA

    @property
    def is_compared(self) -> bool:
        """Whether the tensor comes with the data and predictions do not read it, as a target."""
        return self.role in COMPARED

    @property
    def is_number(self) -> bool:
        """Whether the tensor is a plain number, given or computed once per step."""
        return self.stored.role in NUMBERS

    @property
    def replaces(self) -> Tensor | None:
        """The parameter or state whose new value this tensor is, or None."""
        return self.about if self.role == Role.UPDATED else None

    @property
    def stored(self) -> Tensor:
        """The tensor that this one replaces, or else the tensor itself."""
        return self.replaces or self

    @property
    def owner(self) -> Tensor:
        """The tensor that this one belongs to: the parameter of a state, of a gradient, of a new value."""
        return self if self.about is None else self.about.owner

    @property
    def stored_axes(self) -> tuple[Axis, ...]:
        """The axes in the order in which arrays hold them."""
        return tuple(self.axes[number] for number in self.stored_order)

    @property
    def stored_order(self) -> tuple[int, ...]:
        """The numbers of the axes in the order in which arrays hold them."""
        numbers = range(len(self.axes))
        return tuple(sorted(numbers, key=lambda n: not self.axes[n].sample) if self.samples_first else numbers)

    @property
    def samples_first(self) -> bool:
        """Whether the axis of the samples is the first of the array."""
        return len(self.axes) > 2

    @property
    def is_column(self) -> bool:
        """Whether the array has two axes although the tensor has one: it is a column, or a row for samples."""
        return len(self.axes) == 1

    @property
    def symbol(self) -> Symbol:
        """The symbol without indices; it is real, as SymPy's derivatives require."""
        return Symbol(self.name, real=True)

    def __getitem__(self, indices: tuple[Expr, ...]) -> Expr:
        if len(indices) != len(self.axes):
            raise ValueError(f"{self.name} has {len(self.axes)} axes, not {len(indices)}")
        return Entry(_base(self.symbol), *indices) if indices else self.symbol


@cacheit  # type: ignore[untyped-decorator]  # SymPy's decorators carry no types
def _base(label: Symbol) -> IndexedBase:
    """What the entries of a tensor have in common."""
    return IndexedBase(label)


class Entry(Indexed):  # type: ignore[misc]  # SymPy's Indexed carries no types
    """An entry of a tensor. Its construction is cached, and it shares what is known of its base with all others.

    ``Indexed`` deduces the same facts anew for each entry, and compares entries by these facts, too.
    """

    @cacheit  # type: ignore[untyped-decorator]
    def __new__(cls, base: IndexedBase, *indices: Any) -> Entry:
        """Create the entry from its base and its indices."""
        entry: Entry = Expr.__new__(cls, base, *map(sympify, indices))
        entry._assumptions = base._assumptions
        return entry

    def _hashable_content(self) -> tuple[Any, ...]:
        return tuple(self._args)


@dataclass(frozen=True)
class Equation:
    """``target[indices] = expression``, the definition of one tensor.

    ``note`` names the purpose of the equation (``weighted sum``, ``activation``,
    ``error``, ...).
    """

    target: Tensor
    indices: tuple[Index, ...]
    expression: Expr
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "indices", _as_tuple(self.indices))

    @property
    def left(self) -> Expr:
        """The left side, an indexed symbol."""
        return self.target[self.indices]

    def at(self, indices: tuple[Expr, ...]) -> Expr:
        """The right side with the free indices replaced (by fresh ones, or by numbers)."""
        return put(self.expression, dict(zip(self.indices, indices, strict=True)))


def _as_tuple(items: object) -> object:
    """Convert a list to a tuple; leave anything else to the checks."""
    return tuple(items) if isinstance(items, list) else items


def total(body: Expr, *indices: Index) -> Expr:
    """Sum ``body`` over the whole range of each index."""
    return Sum(body, *((i, Integer(i.axis.start), i.axis.stop) for i in indices))


def refreshed(equation: Equation, supply: IndexSupply) -> Equation:
    """Return the equation with every free and bound index renamed to a new one.

    All indices are renamed in one traversal, each in its own scope, so that no index is
    captured, even if sums shadow each other's indices.
    """
    free = dict(zip(equation.indices, supply.several(i.axis for i in equation.indices), strict=True))
    right = _renamed(equation.expression, free, lambda index, _: supply.fresh(index.axis))
    return Equation(equation.target, tuple(free.values()), right, equation.note)


def lettered(equation: Equation) -> Equation:
    """Return the equation with letters as indices, for messages."""
    used = set(symbols_read(equation.expression))
    pools = [
        (letter for letter in itertools.chain(pool, map(str.upper, pool)) if letter not in used)
        for pool in ("ijklpqr", "uvst")
    ]
    taken = itertools.count(1)

    def letter(index: Index) -> Index:
        return Index(next(pools[index.axis.sample], f"i{next(taken)}"), index.axis)

    free = {index: letter(index) for index in equation.indices}
    right = _renamed(equation.expression, free, lambda index, _: letter(index))
    return Equation(equation.target, tuple(free.values()), right, equation.note)


def put(expression: Expr, entries: Mapping[Index, Expr]) -> Expr:
    """Substitute for free indices simultaneously; sums do not capture the substituted indices.

    >>> i, j = (Index(name, Axis(3)) for name in "ij")
    >>> x, y = (IndexedBase(name) for name in "xy")
    >>> put(total(x[i] * y[j], j), {i: j})
    Sum(x[j]*y[j_1], (j_1, 1, 3))
    """
    bound = {limit[0] for node in expression.atoms(ExprWithLimits) for limit in node.limits}
    coming = set[Expr]().union(*(value.free_symbols for value in entries.values()))
    if bound.isdisjoint(coming | set(entries)):
        return renamed(expression, entries)
    return _renamed(expression, entries, lambda index, taken: _apart(index, coming | taken))


def renamed(expression: Expr, new: Mapping[Any, Expr]) -> Expr:
    """Return ``expression.xreplace(new)``, at once if symbols are replaced by others in the same order.

    SymPy then finds what it found before, after a long search.
    """
    symbols = sorted(symbols_in(expression), key=by_name)
    now = [new.get(symbol, symbol) for symbol in symbols]
    alike = all(
        isinstance(symbol, Index) == isinstance(other, Index) for symbol, other in zip(symbols, now, strict=True)
    )
    if alike and all(isinstance(s, Symbol) for s in now) and all(a < b for a, b in pairwise(map(by_name, now))):
        return with_symbols(expression, {**new})
    return expression.xreplace({**new})


def by_name(symbol: Symbol) -> tuple[str, bool]:
    """The key by which SymPy sorts symbols, as far as it matters here."""
    return symbol.name, isinstance(symbol, Index)


def with_symbols(expression: Any, known: dict[Any, Any]) -> Any:
    """Put symbols in for others in the same order, without evaluation; ``known`` gets all that was replaced."""
    found = known.get(expression)
    if found is None:
        found = known[expression] = _rebuilt(expression, known) if expression.args else expression
    return found


def _rebuilt(node: Any, known: dict[Any, Any]) -> Any:
    arguments = tuple([with_symbols(argument, known) for argument in node.args])
    if all(map(is_, arguments, node.args)):
        return node
    if isinstance(node, IndexedBase):
        return _base(*arguments)
    if isinstance(node, Indexed):
        return node.func(*arguments)
    new = object.__new__(node.__class__)
    slots, more = _attributes(node.__class__)
    for slot in slots:
        setattr(new, slot, getattr(node, slot))  # among them what is known of the node, which both then share
    if more:
        new.__dict__.update(node.__dict__)
    new._args, new._mhash = arguments, None
    if hasattr(new, "_argset"):  # of And, Or, Max and Min, which SymPy traverses instead
        new._argset = frozenset(arguments)
    return new


@cache
def _attributes(kind: type) -> tuple[tuple[str, ...], bool]:
    """The attributes of a node without its arguments and its hash, and whether it has more in a dictionary."""
    slots = {slot for base in kind.__mro__ for slot in getattr(base, "__slots__", ())}
    return tuple(slots - {"_args", "_mhash", "__dict__", "__weakref__"}), kind.__dictoffset__ != 0


def _apart(index: Index, taken: set[Expr]) -> Index:
    """Return the index, or its name with the first number that is not taken."""
    names = (index.name, *(f"{index.name}_{number}" for number in range(1, len(taken) + 2)))
    used = {symbol.name for symbol in taken if isinstance(symbol, Symbol)}
    return Index(next(name for name in names if name not in used), index.axis)


def _renamed(expression: Expr, names: Mapping[Index, Expr], rename: Callable[[Index, set[Expr]], Index]) -> Expr:
    """Replace free indices by ``names``, bound ones by ``rename(index, other free symbols of the sum)``."""
    if isinstance(expression, Index):
        return names.get(expression, expression)
    if isinstance(expression, ExprWithLimits):
        limits = [limit[0] for limit in expression.limits]
        inside = expression.free_symbols
        fresh: dict[Index, Index] = {}
        for index in limits:
            fresh[index] = rename(index, inside | set(fresh.values()))
        body = _renamed(expression.function, {**names, **fresh}, rename)
        return expression.func(body, *((i, Integer(i.axis.start), i.axis.stop) for i in (fresh[n] for n in limits)))
    if not expression.args or not expression.has(Index):
        return expression
    return expression.func(*(_renamed(argument, names, rename) for argument in expression.args))


def delta(left: Expr, right: Expr) -> Expr:
    """Kronecker delta."""
    return KroneckerDelta(left, right)


def symbols_read(expression: Expr) -> list[str]:
    """Names of the tensors and scalars that an expression reads, sorted; a size may have the name of a tensor."""
    return [*_symbols_read(expression)]


@lru_cache(maxsize=4096)  # all stages ask it of the same equations
def _symbols_read(expression: Expr) -> tuple[str, ...]:
    """The names, without those of indices and sizes; the base of an entry is a symbol among the others."""
    return tuple(sorted({s.name for s in symbols_in(expression) if not (isinstance(s, Index) or s.is_integer)}))


@lru_cache(maxsize=4096)
def symbols_in(expression: Expr) -> frozenset[Symbol]:
    """All symbols of an expression, as ``atoms(Symbol)`` gives them."""
    found: set[Symbol] = set()
    stack: list[Any] = [expression]
    while stack:
        node = stack.pop()
        if node.args:
            stack += node.args
        elif isinstance(node, Symbol):
            found.add(node)
    return frozenset(found)


def free_indices(expression: Any) -> set[Index]:
    """The indices that no sum binds."""
    if isinstance(expression, Index):
        return {expression}
    if isinstance(expression, ExprWithLimits):
        return free_indices(expression.function) - {limit[0] for limit in expression.limits}
    return set[Index]().union(*map(free_indices, expression.args))


def within(inner: Axis, outer: Axis) -> bool:
    """Whether the range of ``inner`` is contained in that of ``outer``."""
    if inner == outer:
        return True
    after_start = inner.start >= outer.start
    before_stop = (outer.stop - inner.stop).is_nonnegative
    return after_start and bool(before_stop)


#: The number of samples in a batch, and the sample axis.
SAMPLES = Symbol("m", integer=True, positive=True)


SAMPLE_AXIS = Axis(SAMPLES, sample=True)


def read_alone(expression: Expr, tensors: Mapping[str, Tensor]) -> set[Index]:
    """Return the indices that stand alone in entries, and then always run along the whole axis.

    An expression thus tells their ranges, which need not be said.
    """
    pairs = [
        (index, axis)
        for entry in expression.atoms(Indexed)
        for index, axis in zip(entry.indices, tensors[entry.base.label.name].axes, strict=True)
        if isinstance(index, Index)
    ]
    return {index for index, _ in pairs} - {index for index, axis in pairs if index.axis != axis}
