"""Statements of Python that know which arrays they name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Instruction:
    """A statement of Python, and the arrays that it names.

    ``makes`` are the names that it binds, ``numbers`` those of the equations that it belongs
    to. What is indented below its first line is in ``more``.
    """

    text: str
    names: frozenset[str] = frozenset()
    makes: str = ""
    numbers: str = ""
    more: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """As lines of Python, with the numbers."""
        first = f"{self.text}  # {self.numbers}" if self.numbers else self.text
        return (first, *(f"    {line}" for line in self.more))


def call(function: str, *arguments: str, numbers: str = "", **options: str) -> Instruction:
    """A call of which all arguments are arrays, and so are the values of the options that end with an underscore."""
    listed = ", ".join([*arguments, *(f"{name.rstrip('_')}={value}" for name, value in options.items())])
    arrays = {value for name, value in options.items() if name.endswith("_")}
    return Instruction(f"{function}({listed})", frozenset({*arguments, *arrays}), numbers=numbers)


def make(name: str, value: str, *names: str) -> Instruction:
    """An array that is made once, and the arrays that its value names."""
    return Instruction(f"{name} = {value}", frozenset(names), makes=name)


def filled(name: str, value: str, *names: str, numbers: str = "") -> Instruction:
    """An array that is given other entries."""
    return Instruction(f"{name}[...] = {value}", frozenset({name, *names}), numbers=numbers)
