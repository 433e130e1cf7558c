"""Results that are found once for all formulas of the same form: layers that are alike are derived once.

A form is what formulas are up to the names of their tensors and indices. SymPy's results depend on names only through
their equality and their order, so the order of the names is part of a form.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

from sympy import Basic, Symbol

from derive.calculus.index import FIRST, SPELLED, Axis, Equation, Index, IndexSupply, Tensor, by_name, with_symbols
from derive.calculus.promises import Promise

Result = TypeVar("Result")
#: What else a result depends on, for each tensor by its name: its axes, for example.
Kind = Callable[[str], Hashable]

#: The results so far by their form, with the symbols that they were found for, and the indices that are new in them.
_FOUND: dict[Hashable, tuple[Any, tuple[Symbol, ...], tuple[Index, ...]]] = {}
#: The largest number of results that are kept.
MOST = 4096


def reused(
    find: Callable[[], Result],
    given: tuple[Any, ...],
    kind: Kind = lambda name: None,
    supply: IndexSupply | None = None,
    tensors: Mapping[str, Tensor] | None = None,
) -> Result:
    """Return ``find()``, or the result for another ``given`` of the same form, with the names of this one.

    ``given`` is all that the result depends on, of expressions, equations and tuples; text, types and other values are
    themselves. Indices of the result that are not in ``given`` are taken from ``supply``, its tensors from ``tensors``.
    """
    form, symbols = form_of(given, kind)
    known = _FOUND.get(form)
    if known is None:
        found = find()
        if len(_FOUND) >= MOST:
            _FOUND.clear()
        _FOUND[form] = found, symbols, () if supply is None else _new_indices(found, symbols)
        return found
    result, own, made = known
    new = dict(zip(own, symbols, strict=True))
    if supply is not None:
        new |= {index: supply.fresh(index.axis) for index in made}
    renamed: Result = Renaming(new, tensors or {}).of(result)
    return renamed


def forget() -> None:
    """Forget all results."""
    _FOUND.clear()


def form_of(given: tuple[Any, ...], kind: Kind) -> tuple[Hashable, tuple[Symbol, ...]]:
    """Return the form of expressions, equations and tuples of them, and their symbols in the order of the names."""
    shapes: list[Shape] = []
    outline = _outline(given, shapes)
    order = sorted(set[Symbol]().union(*(shape.symbols for shape in shapes)), key=_place)
    number = {symbol: n for n, symbol in enumerate(order)}
    places = tuple(number[symbol] for shape in shapes for symbol in shape.symbols)
    kinds = tuple(_kind(symbol, kind) for symbol in order)
    before = tuple(sum(symbol.name < new for symbol in order) for new in (SPELLED, FIRST))  # new indices come after
    return (outline, places, kinds, before, tuple(_beginnings(order))), tuple(order)


class Shape:
    """An expression with numbers for its symbols, from 0 in the order in which they are read; ``symbols`` are these."""

    def __init__(self, expression: Basic) -> None:
        found: dict[Symbol, tuple[int]] = {}

        def placed(node: Any) -> Hashable:
            if node.args:
                return (type(node), *map(placed, node.args))
            # (1,) is no number, 1 is one
            return found.setdefault(node, (len(found),)) if isinstance(node, Symbol) else node

        self._tree = placed(expression)
        self._hash = hash(self._tree)
        self.symbols = tuple(found)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and self._tree == other._tree


@lru_cache(maxsize=MOST)  # the same equations belong to many forms
def _shape(expression: Basic) -> Shape:
    return Shape(expression)


def _outline(part: Hashable, shapes: list[Shape]) -> Hashable:
    """What is given with a shape for each expression; the shapes are added to a list."""
    if isinstance(part, Basic):
        shape = _shape(part)
        shapes.append(shape)
        return shape
    if isinstance(part, tuple):
        return tuple(_outline(each, shapes) for each in part)
    if isinstance(part, Equation):
        return _outline((part.target.symbol, part.indices, part.expression, part.note), shapes)
    return part


def _place(symbol: Symbol) -> tuple[Any, ...]:
    """The key by which symbols are sorted; indices of one name may run over different axes."""
    return (*by_name(symbol), *(symbol._hashable_content()[1:] if isinstance(symbol, Index) else ()))


def _kind(symbol: Symbol, kind: Kind) -> Hashable:
    """The kind of an index, a tensor or a number; a width, which is in the axes, too, is itself."""
    if isinstance(symbol, Index):
        return of_axes((symbol.axis,))
    own = kind(symbol.name)
    known = symbol.is_integer, symbol.is_positive, symbol.is_real
    return (own, known) if own is not None or not symbol.is_integer else symbol


def of_axes(axes: Iterable[Axis]) -> Hashable:
    """Axes with their names, which do not count where axes are compared, but choose letters."""
    return tuple((axis, axis.name) for axis in axes)


def nameless(promises: Iterable[Promise], name: str) -> tuple[Promise, ...]:
    """What is promised of a tensor, whatever its name is."""
    return tuple(replace(p, tensor=replace(p.tensor, name="")) for p in promises if p.tensor.name == name)


def _beginnings(order: list[Symbol]) -> Iterable[tuple[int, int]]:
    """The names that begin with the one before: what follows it decides in which order longer texts are.

    After the shorter name, such a text has a sign, and each of "(*+,-/", "[]^" and "{|}" is before or after all digits,
    all capitals, "_" and all small letters.
    """
    for n in range(1, len(order)):
        before, name = order[n - 1].name, order[n].name
        if name.startswith(before):
            yield n, sum(mark <= name[len(before) :] for mark in "0:A[_`a{")


def axes_by_name(ranges: Mapping[str, tuple[Axis, ...]]) -> Kind:
    """The kind of a tensor where only its axes count."""
    return lambda name: of_axes(ranges[name]) if name in ranges else None


class Renaming:
    """Puts symbols in for others that are in the same order, so that nothing is to be computed or sorted again."""

    def __init__(self, new: dict[Symbol, Symbol], tensors: Mapping[str, Tensor]) -> None:
        self._tensors = tensors
        self._known: dict[Basic, Basic] = {**new}

    def of(self, part: Any) -> Any:
        """The result, or a part of it, with the new names."""
        if isinstance(part, Basic):
            return with_symbols(part, self._known)
        if isinstance(part, tuple):
            return tuple(map(self.of, part))
        if isinstance(part, Tensor):
            return self._tensors[with_symbols(part.symbol, self._known).name]
        if isinstance(part, dict):
            return {self.of(key): self.of(value) for key, value in part.items()}
        if is_dataclass(part) and not isinstance(part, type | Axis):
            return type(part)(*(self.of(getattr(part, field.name)) for field in fields(part)))
        return part


def _new_indices(result: Any, given: Iterable[Symbol]) -> tuple[Index, ...]:
    """The indices of a result that are not among those given, in the order of their names."""
    found: set[Index] = set()
    _indices(result, found)
    return tuple(sorted(found.difference(given), key=by_name))


def _indices(part: Any, found: set[Index]) -> None:
    if isinstance(part, Basic):
        found |= part.atoms(Index)
    elif isinstance(part, tuple):
        for each in part:
            _indices(each, found)
    elif is_dataclass(part) and not isinstance(part, type | Tensor | Axis):
        for field in fields(part):
            _indices(getattr(part, field.name), found)
