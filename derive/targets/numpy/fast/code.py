"""A straight line of code: its lines, the names that change from batch to batch, what of it is ever read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from derive.targets.numpy.fast.lines import Line

#: The names of arrays that hold the data of all batches end so.
ALL = "_all"
#: The names of lists with an array for each batch end so.
VIEWS = "_views"
#: From how many characters on the names of parts stand one below the other.
WIDE = 60
#: Names in code, without comments and texts.
_SKIPPED, _NAME = re.compile(r"#.*|\"[^\"]*\""), re.compile(r"[^\W\d]\w*")


@dataclass
class Code:
    """A straight line of code.

    ``setup`` makes the arrays, each line with the names that it binds; ``loop`` is a step, with
    ``before`` it and ``behind`` it what is done once for many; ``after`` returns the errors of
    all batches; ``batch`` are the names that change from batch to batch, with the lists that
    they are taken from; ``rates`` sets what depends on the learning rate; ``targets`` is the
    name of those of all batches, samples as rows.
    """

    setup: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    loop: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    load: list[str] = field(default_factory=list)
    store: list[str] = field(default_factory=list)
    rates: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    batch: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    targets: str = ""
    input_ones: int | None = None
    guarded: bool = False
    waits: bool = False
    in_turn: bool = False

    @property
    def calls(self) -> int:
        """How many calls a step is."""
        return sum(line.partition("#")[0].count("(") for line in self.loop)

    def make(self, name: str, value: str) -> str:
        """Make something once; its name."""
        self.setup.append(((name,), f"{name} = {value}"))
        return name

    def side_by_side(
        self, whole: str, parts: Iterable[str], shapes: Iterable[str], maker: str = "side_by_side"
    ) -> None:
        """Make an array of ones and its parts in these shapes, one after the other unless ``maker`` says otherwise."""
        self.setup.append(((whole, *parts), f"{maker}(dtype, {', '.join(shapes)})"))

    @property
    def batches(self) -> list[str]:
        """The names of the loop that change from batch to batch."""
        read = read_in(self.loop)
        return [name for name in self.batch if name in read]

    def setup_lines(self) -> list[str]:
        """What makes the arrays, without those that are never read."""
        views = [f"{name}{VIEWS} = {self.batch[name]}" for name in self.batches]
        steps = (self.before, self.loop, self.behind, self.after, self.load, self.store, self.rates)
        read = read_in(views, *steps) | {"learned", f"X{ALL}", self.targets}
        kept: list[str] = []
        for names, text in reversed(self.setup):
            if read & {*names}:
                kept = [*([text] if len(names) == 1 else _parts(names, text, read)), *kept]
                read |= read_in([text])
        return [*(f"{name} = np.{name}" for name in sorted(self.used)), *kept, *views]


def read_in(*parts: Iterable[str]) -> set[str]:
    """The names in some lines of code."""
    return {name for part in parts for line in part for name in _NAME.findall(_SKIPPED.sub("", line))}


def _parts(names: tuple[str, ...], value: str, read: set[str]) -> list[str]:
    """Names for an array and its parts, with a _ for what is never read."""
    whole, *parts = (name if name in read else "_" for name in names)
    listed = "_" if {*parts} == {"_"} else f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    if len(f"{whole}, {listed}") < WIDE:
        return [f"{whole}, {listed} = {value}"]
    return [f"{whole}, parts = {value}", f"({', '.join(parts)},) = parts"]


def numbers_of(*lines: Line) -> str:
    """The numbers of some equations as a comment."""
    found = sorted({n for line in lines for n in line.numbers})
    steps = {later - n for n, later in pairwise(found)}
    text = " ".join(f"({n})" for n in found)
    if len(found) > 4 and len(steps) == 1:
        middle = "" if steps == {1} else f" ({found[1]})"
        text = f"({found[0]}){middle} to ({found[-1]})"
    return f"  # {text}" if text else ""
