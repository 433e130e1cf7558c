"""Sums and other reductions in LaTeX: what they run over."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from lark import Token, Tree

from derive.statement.language.meanings import NORMALISED, REDUCTIONS
from derive.statement.language.syntax import (
    Call,
    Chain,
    Name,
    Node,
    Number,
    Over,
    Read,
    parts,
)
from derive.statement.latex.grammar import first
from derive.statement.latex.names import (
    Factor,
    entries,
    letters,
    word_of,
)
from derive.statement.latex.symbols import Binding, Scope, Symbols, is_whole, plain_of
from derive.statement.latex.tokens import place_of
from derive.text.source import Misread, Place


class Reductions(Symbols):
    """Turns reductions into formulas."""

    @abstractmethod
    def _product(self, found: Sequence[Factor], scope: Scope) -> Node:
        """A product."""

    def _reduction(self, factor: Factor) -> str:
        name = str(factor.atom) if isinstance(factor.atom, Token) else ""
        if factor.is_a("BIG") or (factor.is_a("WORD") and name in REDUCTIONS):
            return name
        return ""

    def _reduced(self, name: str, factor: Factor, body: Sequence[Factor], scope: Scope) -> Node:
        limit = factor.sups[0] if factor.sups else None
        if name in NORMALISED:
            limit = None
        bound = list[tuple[Node, Binding, Any]]()
        for entry in (entry for sub in factor.subs for entry in entries(sub)):
            bound += self._bound(entry, limit, factor.place)
        if limit is not None and len(bound) != 1:
            raise Misread(factor.place, f"one upper limit stands at several indices: write a {name} sign for each")
        inner = {**scope, **{b.letter: b for _, b, _ in bound}}
        with self._deeper(factor.place):
            node = self._product(body, inner)
        for _, binding, other in bound:
            if other is not None:
                node = self._without(name, node, binding.name, self.formula(other, scope), factor.place)
        alone = {*read_alone(node)}
        for index, binding, _ in bound:
            if isinstance(index, Name) and binding.name not in {*alone, *self.names.indices}:
                letter = binding.letter
                message = rf"write its limits, such as \{name}_{{{letter}=1}}^{{n}}"
                raise Misread(index.place, f"nothing says what the index {letter} runs over: {message}")
        return Call(name, (node, *(index for index, _, _ in bound)), (), factor.place)

    def _without(self, name: str, node: Node, letter: str, other: Node, place: Place) -> Node:
        r"""What a sum with a condition such as ``j \ne k`` runs over."""
        if name != "sum":
            raise Misread(place, f"a {name} over all entries but one is not read: write a sum, or cases")
        one = Call("delta", (Name(letter, place), other), (), place)
        rest = Chain(Number(Fraction(1), place), (("-", one, place),), place)
        return Chain(rest, (("*", node, place),), place)

    def _bound(self, entry: Any, limit: Any, place: Place) -> list[tuple[Node, Binding, Any]]:
        """The indices that one entry below a sum sign names, each with its size, if it is said, and one left out."""
        lower: Any = None
        without: Any = None
        if isinstance(entry, Tree) and entry.data == "relation":
            sides, signs = entry.children[::2], [str(t) for t in entry.children[1::2]]
            if signs == ["="]:
                entry, lower = sides
            elif signs == ["<=", "<="] and limit is None:
                lower, entry, limit = sides
            elif signs == ["!="]:
                entry, without = sides
            else:
                entry = None
        found = [] if entry is None else letters(entry)
        if "".join(found) in self.names.indices:
            found = ["".join(found)]
        if not found or (lower is not None and len(found) > 1):
            raise Misread(
                place, r"what this runs over is written \sum_j or \sum_{j=1}^{n}, with a letter for the index"
            )
        if limit is None and lower is not None:
            raise Misread(place, f"the upper limit of {found[0]} is missing, such as \\sum_{{{found[0]}=1}}^{{n}}")
        where = place_of(first(entry))
        if limit is None:
            named = [(x, self.named(x, where)) for x in found]
            return [(Name(y, where), Binding(x, sample=x in self.names.sample, name=y), without) for x, y in named]
        letter, start = found[0], "1" if lower is None else word_of(lower)
        size, said = self._size(limit, start, where)
        name = self.named(letter, where)
        binding = Binding(letter, said, size is None, size if start == "0" else None, name)
        return [(Name(name, where) if size is None else Over(name, size, where), binding, without)]

    def named(self, letter: str, place: Place) -> str:
        """The letter of an index in the text language: another one if sizes or functions have it."""
        known = self.names.known.get(letter)
        if known is not None and known.word not in ("size", "samples"):
            raise Misread(place, f"{letter} is declared, and cannot be an index too: choose another letter")
        return letter if known is None and letter not in self.names.functions else next(self.free)

    def _size(self, limit: Any, start: str, place: Place) -> tuple[Node | None, str]:
        """The size that an index with limits runs over; None for the samples."""
        if start == "0":
            return self._from_zero(self._limit(limit), place)
        if start != "1":
            raise Misread(place, "a sum begins at 1, or at 0: shift the index, such as x_{j+1}")
        return self.upper(limit)

    def upper(self, limit: Any) -> tuple[Node | None, str]:
        """The size whose entries are those from 1 to a limit, and how it is declared; None for the samples."""
        size = self._limit(limit)
        if not isinstance(size, Name):
            return size, str(size.value) if isinstance(size, Number) else ""
        known = self.names.known.get(size.name)
        if known is not None and known.word == "samples":
            return None, ""
        if known is not None and known.word == "size" and known.start is not None and not is_whole(known.start, 1):
            raise Misread(size.place, f"{size.name} is declared with entries that do not begin at 1")
        return size, size.name

    def _from_zero(self, limit: Node, place: Place) -> tuple[Node, str]:
        """The size whose entries are those from 0 to a limit."""
        name = limit.name if isinstance(limit, Name) else None
        less = _apart_from_one(limit, "-")
        zero = {n: k for n, k in self.names.known.items() if k.word == "size" and is_whole(k.start, 0)}
        for size, known in zero.items():
            more = _apart_from_one(known.values, "+")
            if (isinstance(less, Name) and less.name == size) or (
                more is not None and plain_of(more) == plain_of(limit)
            ):
                return Name(size, place), size
        if isinstance(less, Name) and less.name not in self.names.known:
            return less, less.name
        said = "n" if name is None else name
        raise Misread(
            place,
            f"a sum from 0 needs a size whose first entry is 0: declare size p = {said} + 1 from 0, of which the axis "
            f"is, or sum to n - 1 with size n = 3 from 0",
        )

    def _limit(self, limit: Any) -> Node:
        before = len(self.unknown)
        node = self.formula(limit, {})
        for unknown in self.unknown[before:]:
            unknown.size = True
        return node


def _apart_from_one(node: Any, sign: str) -> Node | None:
    """The formula ``n`` of ``n + 1``, or of ``n - 1``; None for others."""
    match node:
        case Chain(first=rest, rest=((found, Number(value=Fraction(numerator=1, denominator=1)), _),)) if found == sign:
            return rest
        case Number(value=value, place=place):
            return Number(value - 1 if sign == "+" else value + 1, place)
    return None


def read_alone(node: Node) -> Iterator[str]:
    """The indices that stand alone where an entry is read."""
    if isinstance(node, Read):
        yield from (i.name for i in node.indices if isinstance(i, Name))
    for part in parts(node):
        yield from read_alone(part)
