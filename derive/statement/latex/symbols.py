"""Symbols in LaTeX as entries of tensors, vectors and matrices."""

from __future__ import annotations

import contextlib
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from lark import Token, Tree

from derive.statement.language.lines import Stated
from derive.statement.language.syntax import (
    Call,
    Chain,
    Name,
    Negative,
    Node,
    Number,
    Over,
    Power,
    Read,
)
from derive.statement.latex.arrays import Arrays
from derive.statement.latex.grammar import first
from derive.statement.latex.names import (
    Known,
    Names,
    Symbol,
    bracketed,
    letters,
    spellings,
    word_of,
)
from derive.statement.latex.tokens import place_of
from derive.text.source import Misread, Place

MAX_NESTED, MAX_ORDER = 200, 4


@dataclass
class Binding:
    """An index where it is bound: the size that a limit gives it, and the name of that size, for proposals.

    ``sample`` is whether it runs over the samples, ``zero`` the size that begins at 0, ``name`` the letter in the text
    language, where the one in LaTeX may be a size.
    """

    letter: str
    size: str = ""
    sample: bool = False
    zero: Node | None = None
    name: str = ""
    #: The size of the axis that it is read at first, and the tensor, if that index stands above.
    axis: tuple[str, str] = ("", "")

    def __post_init__(self) -> None:
        self.name = self.name or self.letter


Scope = Mapping[str, Binding]


@dataclass
class Unknown:
    """A name that is read but not declared, with the bindings of its indices."""

    name: str
    place: Place
    indices: tuple[Binding | None, ...]
    error: bool = False
    size: bool = False
    recurrent: bool = False


class Symbols(ABC):
    """Turns symbols into formulas; names that are not known are collected in ``unknown``."""

    def __init__(self, names: Names, broken: set[str]) -> None:
        self.names, self.broken = names, broken
        self.unknown: list[Unknown] = []
        self.read: list[tuple[str, tuple[Binding | None, ...]]] = []
        self.nested = 0
        self.arrays = Arrays()
        #: Letters that mean nothing else in the equation.
        self.free: Iterator[str] = iter(())
        #: The tensors of which an equation states entry 0, with that entry, and the lines that put it before others.
        self.first: dict[str, Node] = {}
        self.before: list[Stated] = []

    @abstractmethod
    def formula(self, node: Any, scope: Scope) -> Node:
        """A formula."""

    @contextlib.contextmanager
    def _deeper(self, place: Place) -> Iterator[None]:
        """Count how deep a formula is nested. Raises Misread where it is too deep."""
        if self.nested > MAX_NESTED:
            raise Misread(place, "the formula is nested too deep: state parts of it on their own")
        self.nested += 1
        try:
            yield
        finally:
            self.nested -= 1

    def _raised(self, node: Node, power: Any, scope: Scope, of_function: bool = False) -> Node:
        if self.names.is_transpose(power):
            return self.arrays.transposed(node, place_of(first(power)))
        if self.arrays.axes(node) and not of_function:
            raise Misread(node.place, r"a power of a vector or a matrix may mean two things: write x \odot x, or x_i^2")
        check_braces(power)
        exponent = self.formula(power, scope)
        if of_function and isinstance(exponent, Negative):
            raise Misread(exponent.place, r"an inverse function is written by its name, such as \arctan")
        return Power(node, exponent, node.place)

    def _symbol(self, named: Symbol, scope: Scope) -> Node:
        if named.base in scope and not named.subs and not named.left:
            node: Node = Name(scope[named.base].name, named.place)
            for power in named.sups:
                node = self._raised(node, power, scope)
            return node
        if named.base in ("e", "pi") and not named.subs and self._is_number(named):
            return self._of_number(named, scope)
        name, marks, groups, power = self.names.read(named, scope)
        known = self.names.known.get(name) if name is not None else None
        if known is None and named.base == "delta" and not marks and len(_flattened(groups)) == 2:
            left, right = (self.formula(part, scope) for part in _flattened(groups))
            return Call("delta", (left, right), (), named.place)
        if known is not None and known.arity == 0 and (inputs := self._inputs(groups, scope)):
            if len(inputs) > MAX_ORDER:
                raise Misread(named.place, f"a derivative is of order {MAX_ORDER} at most")
            node = Name(name or "", named.place)
            for each in inputs:
                node = Call("diff", (node, Name(each, named.place)), (), named.place)
            return node if power is None else self._raised(node, power, scope)
        indices = self._indices(groups, known, scope)
        of_samples = tuple(i for i in indices if isinstance(i, Name) and self._is_sample(i.name, known, scope))
        indices = (*(i for i in indices if i not in of_samples), *of_samples)
        if name is None or (known is None and name not in self.names.functions):
            name = self._miss(named, marks, indices, scope)
        elif known is not None:
            bindings = tuple(self._binding(i, scope) for i in indices)
            self.read.append((name, bindings))
            self._check_above(named, name, known, bindings)
        missing = (known.arity if known is not None else 0) - len(indices) + len(of_samples)
        if name in self.first and not missing:
            name = self._with_first(name, indices, scope)
        node = Read(name, indices, named.place) if indices else Name(name, named.place)
        if known is not None and missing > 0 and name not in self.broken:
            own = list(indices[: len(indices) - len(of_samples)])
            if len(ones := self._single(known)) == missing:
                for n in ones:
                    own.insert(n, number_at(1, named.place))
            elif missing > 2:
                sides = "ijkpqr"[: known.arity]
                said = f"{named.base} has {known.arity} axes: write its entries, such as {named.base}_{{{sides}}}"
                raise Misread(named.place, said)
            else:
                own += self.arrays.open(missing, named.place)
            node = Read(name, (*own, *of_samples), named.place)
        return node if power is None else self._raised(node, power, scope)

    def _check_above(self, named: Symbol, name: str, known: Known, bindings: tuple[Binding | None, ...]) -> None:
        """Raise Misread where an index above, which is the last one, stands for an axis that is not the last."""
        own = name if named.subs and named.sups and len(known.sizes) == len(bindings) == 2 else ""
        for binding, size in zip(bindings, known.sizes, strict=False):
            if binding is None or binding.size or not isinstance(size, Name | Number):
                continue
            shown = size.name if isinstance(size, Name) else str(size.value)
            before, other = binding.axis
            if before and self._extent(before) != self._extent(shown) and (tensor := own or other):
                sizes = [s.name if isinstance(s, Name) else str(s.value) for s in self.names.known[tensor].sizes]
                raise Misread(
                    named.place,
                    f"an index above is the last one, and {tensor}[{', '.join(sizes)}] has another axis there: declare "
                    f"{tensor}[{', '.join(reversed(sizes))}], or write all its indices below",
                )
            binding.axis = binding.axis if before else (shown, own)

    def _extent(self, size: str) -> str:
        known = self.names.known.get(size)
        return str(known.values.value) if known is not None and isinstance(known.values, Number) else size

    def _single(self, known: Known) -> list[int]:
        """The axes of a tensor that have one entry, and no index where others are read."""
        sizes = [
            self.names.known[s.name].values if isinstance(s, Name) and s.name in self.names.known else s
            for s in known.sizes
        ]
        return [n for n, size in enumerate(sizes) if is_whole(size, 1)]

    def _inputs(self, groups: list[list[Any]], scope: Scope) -> list[str]:
        """The inputs of one number with respect to which a symbol such as ``u_{xx}`` is a derivative."""
        found = [x for part in _flattened(groups) for x in (letters(part) or [""])]
        known = [None if x in scope else self.names.known.get(x) for x in found]
        return found if all(k is not None and k.word == "input" and not k.arity and not k.values for k in known) else []

    def _is_sample(self, letter: str, known: Known | None, scope: Scope) -> bool:
        """Whether a letter is the index of a sample: one that is declared, or that a sum binds and data are read at."""
        of_data = known is not None and known.word in ("input", "target") and letter in scope and scope[letter].sample
        return of_data or letter in self.names.sample

    def _with_first(self, name: str, indices: tuple[Node, ...], scope: Scope) -> str:
        """The tensor that has an entry 0 before those of another one, if an index begins at 0."""
        index = indices[0]
        binding = self._binding(index, scope)
        size = binding.zero if binding is not None else None
        zero = isinstance(index, Number) and index.value == 0
        if size is None and not zero:
            return name
        names = (f"{name}_bar{'_' * n}" for n in itertools.count())
        made = next(x for x in names if x not in self.names.known or self.names.known[x].word == "first")
        if made not in self.names.known:
            if size is None:
                raise Misread(index.place, f"which axis has the entry 0 of {name}? Write a sum from 0 first")
            place = index.place
            begin, i, j = number_at(0, place), Name("i", place), Name("j", place)
            same = Chain(Read(name, (j,), place), (("*", Call("delta", (i, j), (), place), place),), place)
            one = Chain(self.first[name], (("*", Call("delta", (i, begin), (), place), place),), place)
            whole = Chain(Call("sum", (same, j), (), place), (("+", one, place),), place)
            self.names.known[made] = Known("first", 1)
            self.before.append(Stated(Name(made, place), (Over("i", size, place),), whole, place))
        return made

    def _is_number(self, named: Symbol) -> bool:
        """Whether a letter is the number: it has no other meaning, or a power stands where its entries are read."""
        name = self.names.find(named.base, (), named.place)
        known = self.names.known.get(name) if name is not None else None
        if known is not None:
            return known.arity > 0 and len(named.sups) == 1 and bracketed(named.sups[0]) is None
        return name is None

    def _of_number(self, named: Symbol, scope: Scope) -> Node:
        """The number pi, or a power of e."""
        if named.base == "pi":
            node: Node = Name("pi", named.place)
            for power in named.sups:
                node = self._raised(node, power, scope)
            return node
        if len(named.sups) != 1:
            return Call("exp", (Number(Fraction(1), named.place),), (), named.place)
        check_braces(named.sups[0])
        return Call("exp", (self.formula(named.sups[0], scope),), (), named.place)

    def _binding(self, node: Node, scope: Scope) -> Binding | None:
        named = (b for b in scope.values() if isinstance(node, Name) and b.name == node.name)
        return next(named, None)

    def _indices(self, groups: list[list[Any]], known: Any, scope: Scope) -> tuple[Node, ...]:
        """The indices of a symbol: letters without commas are one each, as far as its axes allow."""
        separate = _flattened(groups)
        wanted = known.arity if known is not None else None
        if wanted is not None and len(separate) != wanted:
            digits = word_of(separate[0]) if len(separate) == 1 else ""
            if digits.isdigit() and len(digits) == wanted:
                place = place_of(first(separate[0]))
                return tuple(Number(Fraction(digit), place) for digit in digits)
            if len(groups) in (wanted, wanted + 1) and any(word_of(group[0]).isdigit() for group in groups):
                joined = (Tree("expr", [Tree("term", [f for part in g for f in _factor_trees(part)])]) for g in groups)
                return tuple(self._index(part, scope) for part in joined)
        return tuple(self._index(part, scope) for part in separate)

    def _index(self, part: Any, scope: Scope) -> Node:
        for letter in letters(part)[:1]:
            if letter not in scope and not self.names.find(letter, (), place_of(first(part))):
                raise Misread(
                    place_of(first(part)),
                    f"{letter} is an index neither on the left nor below a sum: write \\sum_{letter}, or declare it",
                )
        return self.formula(part, scope)

    def _miss(self, named: Symbol, marks: list[str], indices: tuple[Node, ...], scope: Scope) -> str:
        name = next(spellings(named.base, marks))
        bindings = tuple(self._binding(i, scope) for i in indices)
        self.unknown.append(Unknown(name, named.place, bindings))
        return name


def _flattened(groups: list[list[Any]]) -> list[Any]:
    return list(itertools.chain.from_iterable(groups))


def _factor_trees(part: Any) -> list[Any]:
    return [Tree("factor", [part])] if isinstance(part, Token) else list(part.children[0].children)


def number_at(value: int, place: Place) -> Number:
    """A whole number."""
    return Number(Fraction(value), place)


def is_whole(node: Any, value: int) -> bool:
    """Whether a formula is a whole number."""
    return isinstance(node, Number) and node.value == value


def check_braces(node: Any) -> None:
    """Refuse a number of several digits without braces, of which LaTeX takes the first only."""
    if isinstance(node, Token) and node.type == "NUMBER" and len(node) > 1:
        raise Misread(place_of(node), f"only the first digit of {node} belongs here in LaTeX: write {{{node}}}")


def plain_of(node: Any) -> Any:
    """A formula without its places, for comparison."""
    if isinstance(node, tuple):
        return tuple(map(plain_of, node))
    if not hasattr(node, "__dataclass_fields__"):
        return node
    if isinstance(node, Place):
        return None
    return type(node).__name__, *(plain_of(getattr(node, name)) for name in node.__dataclass_fields__)
