"""What a straight line of code is made of: places of arrays, finished lines, the numbers of equations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from derive.straight.lines import Line

#: The names of arrays that hold the data of all batches end so.
ALL = "_all"
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


@dataclass
class Code:
    """Finished lines of Python.

    ``setup`` makes the arrays, ``loop`` is a step, ``after`` computes the errors of all
    batches; ``batch`` are the names that change from batch to batch, with what they are
    taken from; ``rates`` sets what depends on the learning rate; ``guard`` is a condition
    that must hold in a step, at the place in the loop that its line says.
    """

    setup: list[str] = field(default_factory=list)
    loop: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    load: list[str] = field(default_factory=list)
    store: list[str] = field(default_factory=list)
    rates: list[str] = field(default_factory=list)
    batch: dict[str, str] = field(default_factory=dict)
    functions: tuple[str, ...] = ()
    before: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    input_ones: int | None = None
    guarded: bool = False
    allocates: bool = False
    calls: int = 0


def numbers_of(lines: Iterable[Line]) -> str:
    """The numbers of some equations, as they follow each other."""
    found = sorted(n for line in lines for n in line.numbers)
    steps = {later - n for n, later in pairwise(found)}
    if len(found) > 4 and len(steps) == 1:
        middle = "" if steps == {1} else f" ({found[1]})"
        return f"({found[0]}){middle} to ({found[-1]})"
    return " ".join(f"({n})" for n in found)


def numbered(text: str, numbers: str) -> str:
    """A line with the numbers of the equations that it belongs to."""
    return f"{text}  # {numbers}" if numbers else text


def drop_unread(code: Code) -> None:
    """Take out what is named and never read."""
    text = "\n".join([*code.before, *code.loop, *code.behind, *code.after, *code.load, *code.store, *code.rates])
    read = set(re.findall(r"[A-Za-z_]\w*", text)) | {"learned", "errors", f"X{ALL}", f"Y{ALL}"}
    views = {}
    for name, source in reversed(code.batch.items()):
        if name in read:
            views[name] = source
            read |= set(re.findall(r"[A-Za-z_]\w*", source))
    code.batch = dict(reversed(views.items()))
    kept = []
    for line in reversed(code.setup):
        left, _, right = line.partition(" = ")
        if read & set(re.findall(r"[A-Za-z_]\w*", left)):
            kept.append(_without_unread(line, read))
            read |= set(re.findall(r"[A-Za-z_]\w*", right))
    code.setup = kept[::-1]


def _without_unread(line: str, read: set[str]) -> str:
    """A line that names an array and its parts, with a _ for those that are never read."""
    found = re.fullmatch(r"(\w+), \((.*?),?\) = (.*)", line)
    if found is None:
        return line
    whole, parts, value = found.groups()
    names = [name if name in read else "_" for name in parts.split(", ")]
    listed = f"({', '.join(names)}{',' if len(names) == 1 else ''})" if set(names) != {"_"} else "_"
    text = f"{whole if whole in read else '_'}, {listed} = {value}"
    if len(text.partition(" = ")[0]) < WIDE:
        return text
    rows = "".join(f"        {name},\n" for name in names)
    return f"{whole if whole in read else '_'}, parts = {value}\n    (\n{rows}    ) = parts"
