"""The distribution of a random tensor, from what a statement or a text says of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from derive.calculus.drawn import DISTRIBUTIONS, Drawn
from derive.calculus.index import Tensor
from derive.calculus.roles import Role
from derive.statement.starts import finite
from derive.text.entry_text import number_text
from derive.text.errors import StatementError
from derive.text.known import misspelled
from derive.text.user_text import listed

#: What there is, in a message.
EXAMPLES = " or ".join(kind.example for kind in DISTRIBUTIONS.values())


def distribution(tensor: str, name: str, given: Iterable[Any]) -> Drawn:
    """Return the distribution of a tensor, which has a name and nothing else yet.

    Raises StatementError for an unknown name, too few or too many numbers, or such as no distribution has.
    """
    called = f"{tensor} is random:"
    if name not in DISTRIBUTIONS:
        meant = misspelled(name, DISTRIBUTIONS)
        hint = f"did you mean {meant}?" if meant else f"write {EXAMPLES}"
        raise StatementError(f"{called} {name} is no distribution: {hint}")
    kind, values = DISTRIBUTIONS[name], [*given]
    if len(values) != len(kind.needs):
        found = f"{len(values)} are given" if values else "none is given"
        raise StatementError(f"{called} {name} needs {listed(kind.needs)}, such as {kind.example}, and {found}")
    numbers = tuple(finite(value, f"{what} of {tensor}") for value, what in zip(values, kind.needs, strict=True))
    law = kind(Tensor(tensor, Role.RANDOM.value), numbers)
    if law.refusal:
        raise StatementError(f"{called} {law_text(law)} is no distribution: {law.refusal}")
    return law


def law_text(law: Drawn) -> str:
    """A distribution as a text has it, such as ``normal(0, 0.1)``."""
    return f"{law.name}({', '.join(map(number_text, law.numbers))})"
