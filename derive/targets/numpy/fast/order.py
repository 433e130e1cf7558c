"""The order of a step in which each block is changed as soon as nothing reads it any more.

Its gradient is then used right after it was computed, and all gradients may share memory.
"""

from __future__ import annotations

from collections.abc import Iterable

from sympy import Integer

from derive.arrays import matrix as mx
from derive.calculus.index import Tensor
from derive.record import record
from derive.targets.numpy.fast.lines import Line, Straight

#: From how many learned numbers on this pays: all at once is fewer calls, but these, 1 MiB in float64, leave the cache.
LARGE = 131_072


@record
class Change:
    """The change of a block, after the lines of its gradient."""

    block: Tensor
    gradient: Tensor


def one_by_one(made: Straight, numbers: Iterable[Line]) -> list[Line | Change] | None:
    """The lines with the changes of the blocks between them; None where all are better changed at once, or must be.

    ``numbers`` are what the update computes for all parameters: a norm of all gradients comes before all changes.
    """
    sizes = [rows * columns for rows, columns in (mx.Array(block).shape for block in made.blocks)]
    total = sum(sizes, Integer(0))
    slopes = {name for name, stored in made.stored.items() if stored.whole in made.gradients}
    at_once = any(line.reads & slopes for line in numbers)
    if at_once or len(sizes) < 2 or not total.is_Integer or total < LARGE:
        return None
    return _ordered(made)


def _ordered(made: Straight) -> list[Line | Change] | None:
    """Each gradient and change as early as all that it reads is computed, and all that reads its block."""
    changes = [Change(b, g) for b, g in zip(made.blocks, made.gradients, strict=True)]
    own = {c.block: [s for s in made.lines if s.stage == "gradient" and _holds(made, c, s.target)] for c in changes}
    waiting = [line for line in made.lines if not any(line in lines for lines in own.values())]
    found: list[Line | Change] = []
    while waiting or changes:
        missing = {line.target.name for line in waiting}
        read = {name for line in waiting for name in line.reads}
        due = next((c for c in reversed(changes) if _is_due(c, changes, own, missing, read)), None)
        if due is not None:
            changes.remove(due)
            found += [*own[due.block], due]
        elif waiting:
            found.append(waiting.pop(0))
        else:
            return None
    return found


def _holds(made: Straight, change: Change, target: Tensor) -> bool:
    """Whether a tensor is the gradient of a block, or a part of it."""
    stored = made.stored.get(target.name)
    return target == change.gradient or (stored is not None and stored.whole == change.gradient)


def _is_due(
    change: Change, changes: list[Change], own: dict[Tensor, list[Line]], missing: set[str], read: set[str]
) -> bool:
    """Whether a block may be changed: what its gradient reads is there, and no line to come reads it."""
    needed = {name for line in own[change.block] for name in line.reads} - {change.gradient.name}
    others = {name for c in changes if c is not change for line in own[c.block] for name in line.reads}
    return not needed & missing and not {change.block.name, change.gradient.name} & (read | others)
