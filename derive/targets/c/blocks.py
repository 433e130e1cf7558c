"""Nested loops, into which a printer puts lines: each at the outermost loop that binds all that it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from sympy import Expr, Symbol

from derive.calculus.index import Index

STEP = "    "
#: Letters of loops over samples, and of other loops.
SAMPLE_LETTERS, LETTERS = "uv", "ijklqrtxyz"


@dataclass(eq=False)
class Block:
    """The body of a loop, or of a function if there is no ``parent``.

    ``own`` are the symbols that are bound there with their variables, ``index`` is that of the loop. ``known`` are the
    names of values that its lines have computed, ``places`` those of the places of extreme values; ``declares`` is
    whether its lines declare variables.
    """

    parent: Block | None = None
    own: Mapping[Symbol, str] = field(default_factory=dict)
    index: Index | None = None
    lines: list[str] = field(default_factory=list)
    known: dict[Expr, str] = field(default_factory=dict)
    places: dict[Expr, tuple[Index, ...]] = field(default_factory=dict)

    declares: bool = False

    def chain(self) -> Iterator[Block]:
        """The block and those around it, from the inside."""
        block: Block | None = self
        while block is not None:
            yield block
            block = block.parent

    def name(self, symbol: Symbol) -> str | None:
        """The variable of a symbol that this block or one around it binds."""
        return next((block.own[symbol] for block in self.chain() if symbol in block.own), None)

    def binding(self, symbols: set[Symbol]) -> Block:
        """The outermost block in which all of these symbols that any block binds are bound."""
        return next((b for b in self.chain() if not symbols.isdisjoint(b.own) or b.parent is None), self)

    def value(self, expression: Expr) -> str | None:
        """The name of a value that has been computed in this block or in one around it."""
        return next((block.known[expression] for block in self.chain() if expression in block.known), None)

    def letter(self, index: Index, *others: str) -> str:
        """A variable for an index, other than those of the loops around and some more."""
        taken = {*others, *(name for block in self.chain() for name in block.own.values())}
        pool = SAMPLE_LETTERS if index.axis.sample else LETTERS
        numbered = (f"{letter}{number}" for number in count(1) for letter in pool[:1])
        return next(name for names in (pool, numbered) for name in names if name not in taken)


def looped(heads: Sequence[str], inner: Sequence[str]) -> list[str]:
    """Lines inside loops, with braces except around a single line."""
    lines = [*inner]
    for head in reversed(heads):
        braces = len(lines) != 1
        lines = [f"{head} {{" if braces else head, *(STEP + line for line in lines), *(["}"] if braces else [])]
    return lines
