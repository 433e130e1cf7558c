"""Which statements are of use to what reads their targets; each target says what a statement reads in its own form."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

from derive.calculus.program import Assign

Stated = TypeVar("Stated", bound=Assign)


def needed(
    statements: tuple[Stated, ...],
    read: Iterable[str],
    reads: Callable[[Stated], Collection[str]],
    always: Callable[[Stated], bool] = lambda _: False,
) -> tuple[Stated, ...]:
    """Return the statements whose targets are ``read``, by name or by a statement that is needed itself.

    ``reads`` gives the names that a statement reads. One for which ``always`` is true is needed in any case.
    """
    found, wanted, before = set[str](), set(read), -1
    while len(found) > before:  # more than once for a recurrence, which reads what is stated after it
        before = len(found)
        for statement in reversed(statements):
            name = statement.target.name
            if name not in found and (name in wanted or always(statement)):
                found.add(name)
                wanted |= set(reads(statement))
    return tuple(statement for statement in statements if statement.target.name in found)
