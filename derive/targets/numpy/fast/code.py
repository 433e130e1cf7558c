"""What a straight line of code is made of: places of arrays, instructions that know what they name, their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from derive.targets.numpy.fast.instructions import Instruction
from derive.targets.numpy.fast.lines import Line

#: The names of arrays that hold the data of all batches end so.
ALL = "_all"
#: The names of lists with an array for each batch end so.
VIEWS = "_views"
#: From how many characters on the names of parts stand one below the other.
WIDE = 60


@dataclass(frozen=True)
class Place:
    """The array that holds a tensor.

    ``shape`` is the tensor's, as code, () for a number; ``turned`` says that the array
    holds the transpose, ``batch`` that there is one for every batch.
    """

    code: str
    shape: tuple[str, ...]
    turned: bool = False
    batch: bool = False


@dataclass(frozen=True)
class SideBySide:
    """An array of ones, and its parts in these shapes, one after the other."""

    whole: str
    parts: tuple[str, ...]
    shapes: tuple[str, ...]

    def lines(self, read: set[str]) -> tuple[str, ...]:
        """As lines of Python, with a _ for what is never read."""
        names = [name if name in read else "_" for name in self.parts]
        listed = f"({', '.join(names)}{',' if len(names) == 1 else ''})" if set(names) != {"_"} else "_"
        whole = self.whole if self.whole in read else "_"
        value = f"side_by_side(dtype, {', '.join(self.shapes)})"
        if len(f"{whole}, {listed}") < WIDE:
            return (f"{whole}, {listed} = {value}",)
        return (f"{whole}, parts = {value}", f"({', '.join(names)},) = parts")


@dataclass(frozen=True)
class Source:
    """What a name that changes from batch to batch is taken from, and the arrays that this names.

    ``each`` is a batch's own name of which the entry is a part, for each batch; empty if the
    array of all batches is gone through.
    """

    text: str
    names: frozenset[str]
    each: str = ""


@dataclass
class Code:
    """A straight line of code.

    ``setup`` makes the arrays, ``loop`` is a step, ``after`` computes the errors of all
    batches, which are in ``errors``; ``batch`` are the names that change from batch to batch,
    with what they are taken from; ``rates`` sets what depends on the learning rate.
    """

    setup: list[Instruction | SideBySide] = field(default_factory=list)
    loop: list[Instruction] = field(default_factory=list)
    after: list[Instruction] = field(default_factory=list)
    load: list[Instruction] = field(default_factory=list)
    store: list[Instruction] = field(default_factory=list)
    rates: list[Instruction] = field(default_factory=list)
    batch: dict[str, Source] = field(default_factory=dict)
    functions: tuple[str, ...] = ()
    before: list[Instruction] = field(default_factory=list)
    behind: list[Instruction] = field(default_factory=list)
    errors: str = "errors"
    input_ones: int | None = None
    guarded: bool = False

    @property
    def calls(self) -> int:
        """How many calls a step is."""
        return len(self.loop)

    def named(self, *parts: list[Instruction]) -> set[str]:
        """The arrays that some instructions name."""
        return set().union(*(instruction.names for part in parts for instruction in part))


def numbers_of(lines: Iterable[Line]) -> str:
    """The numbers of some equations, as they follow each other."""
    found = sorted(n for line in lines for n in line.numbers)
    steps = {later - n for n, later in pairwise(found)}
    if len(found) > 4 and len(steps) == 1:
        middle = "" if steps == {1} else f" ({found[1]})"
        return f"({found[0]}){middle} to ({found[-1]})"
    return " ".join(f"({n})" for n in found)


def setup_lines(code: Code) -> tuple[tuple[str, ...], dict[str, Source]]:
    """What makes the arrays, and the names that change from batch to batch, without those that are never read."""
    read = code.named(code.before, code.loop, code.behind, code.after, code.load, code.store, code.rates)
    read |= {"learned", code.errors, f"X{ALL}", f"Y{ALL}"}
    batch = {}
    for name, source in reversed(code.batch.items()):
        if name in read:
            batch[name] = source
            read |= source.names | {source.each} - {""}
    kept: list[tuple[str, ...]] = []
    for entry in reversed(code.setup):
        if isinstance(entry, SideBySide):
            if read & {entry.whole, *entry.parts}:
                kept.append(entry.lines(read))
        elif entry.makes in read:
            kept.append(entry.lines())
            read |= entry.names
    return tuple(line for lines in reversed(kept) for line in lines), dict(reversed(batch.items()))
