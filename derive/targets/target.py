"""The interface of a target: the files of a derivation, their listing for documents, and the report of the check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from derive.derived import Derived
from derive.record import record

if TYPE_CHECKING:
    from derive.targets.verify import GradientReport


@record
class Word:
    """A part of a line; ``tensor`` is the tensor that it names, ``equation`` the number that it contains.

    ``kind`` is ``code`` or ``comment``, also for docstrings.
    """

    text: str
    tensor: str = ""
    equation: int | None = None
    kind: str = "code"


Line = tuple[Word, ...]


@record
class Section:
    """Consecutive lines of a file, the first with number ``first``; ``core`` is whether they compute equations."""

    names: tuple[str, ...]
    lines: tuple[Line, ...]
    first: int
    core: bool

    @property
    def last(self) -> int:
        """The number of the last line."""
        return self.first + len(self.lines) - 1


@record
class Listing:
    """The file that computes the equations, in sections.

    ``equations`` maps each tensor that an equation computes, by its name or that of the parameter or the state that it
    replaces, to the statement: the number of its first line in the file, and its code in one line. ``notes`` are names
    in the code with what they are, where the file has no docstrings that say so, and ``of_inputs`` is the function that
    computes the gradients of inputs.
    """

    name: str
    sections: tuple[Section, ...]
    equations: Mapping[str, tuple[int, str]]
    notes: tuple[tuple[str, str], ...] = ()
    of_inputs: str = "input_gradients"


class Target(Protocol):
    """Generated code of a derivation, in one language."""

    def files(self, form: str) -> dict[str, str]:
        """Return the files of one of ``edition.FORMS`` by name; the first contains the equations.

        Raises StatementError or ModuleError if the check has not passed.
        """

    def listing(self, form: str) -> Listing:
        """Return the file with the equations, as documents print it; it may be unchecked."""

    @property
    def report(self) -> GradientReport:
        """The report of the check, also if it has not passed."""


class Runnable(Derived):
    """A derivation and its targets; ``registry`` makes them."""

    def target(self, name: str = "numpy") -> Target:
        """Return the target with this name, always the same object."""
        raise NotImplementedError
