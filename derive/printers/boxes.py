"""Boxes: typeset pieces that know their width and how tightly they bind, and what makes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from derive.notation import Letter

SUM, HADAMARD, PRODUCT, POWER, ATOM = range(5)


@dataclass(frozen=True)
class Box:
    """Typeset text, its width in em (of the text size), and how tightly it binds."""

    text: str
    width: float
    binds: int = ATOM
    tall: bool = False


class Typesetter(Protocol):
    """How the parts of a formula look."""

    def letter(self, letter: Letter) -> Box:
        """Set a letter of the notation."""
        ...

    def name(self, name: str) -> Box:
        """Set the name of a function."""
        ...

    def variable(self, name: str) -> Box:
        """Set the name of a width."""
        ...

    def number(self, value: int) -> Box:
        """Set a whole number."""
        ...

    def script(self, base: Box, below: Box | None, above: Box | None, left: Box | None = None) -> Box:
        """Set a symbol with its indices."""
        ...

    def fraction(self, top: Box, bottom: Box) -> Box:
        """Set a fraction."""
        ...

    def partial(self, of: Box, wrt: Box) -> Box:
        """Set a partial derivative."""
        ...

    def total(self, index: Box | None, start: Box | None, stop: Box | None) -> Box:
        """Set the sign of a sum with its limits."""
        ...

    def group(self, inner: Box) -> Box:
        """Set parentheses."""
        ...

    def join(self, parts: Iterable[Box], between: str, binds: int) -> Box:
        """Set parts side by side; ``between`` names the sign."""
        ...

    def apply(self, function: Box, argument: Box) -> Box:
        """Set a function of an argument."""
        ...

    def cases(self, rows: Iterable[tuple[Box, Box]]) -> Box:
        """Set values with their conditions."""
        ...

    def column(self, rows: Iterable[Box]) -> Box:
        """Set blocks of rows."""
        ...

    def under(self, inner: Box, note: Box) -> Box:
        """Set a note below."""
        ...

    def sign(self, name: str) -> str:
        """Return a plus, a minus, a prime."""
        ...
