"""The contract of a target: what a folder beside this module gives of a derivation, and what is printed of its code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from derive.targets.verify import GradientReport


@dataclass(frozen=True)
class Word:
    """A stretch of a line: ``tensor`` if it names one, ``equation`` if it is the number of one.

    ``kind`` is ``code`` or ``comment`` (which a docstring is too).
    """

    text: str
    tensor: str = ""
    equation: int | None = None
    kind: str = "code"


Line = tuple[Word, ...]


@dataclass(frozen=True)
class Section:
    """Lines of a file, numbered from ``first`` as in the file; ``core`` if they compute equations."""

    names: tuple[str, ...]
    lines: tuple[Line, ...]
    first: int
    core: bool

    @property
    def last(self) -> int:
        """The number of the last line."""
        return self.first + len(self.lines) - 1


@dataclass(frozen=True)
class Listing:
    """The file that computes the equations, in sections: its name, and for each equation the line that computes it.

    A line is given by its number in the file and its code; of a statement of several lines it is the first.
    """

    name: str
    sections: tuple[Section, ...]
    equations: Mapping[int, tuple[int, str]]


class Target(Protocol):
    """What runs a derivation, made from its value."""

    def files(self, form: str) -> dict[str, str]:
        """The files of one of ``edition.FORMS`` by name, the one with the equations first.

        Raises StatementError or ModuleError if the check has not passed.
        """

    def listing(self, form: str) -> Listing:
        """The file with the equations, as documents print it; it need not be checked."""

    @property
    def report(self) -> GradientReport:
        """What the check found, also where it has not passed."""
