"""Blocks of lines: where one is used, its lines are put in, with names of their own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from derive.calculus.index import Axis
from derive.record import record
from derive.statement.language.lines import Block, Declaration, Function, Import, Line, Lines, Stated, Used, read_lines
from derive.statement.language.meanings import is_function
from derive.statement.language.syntax import Call, Name, Node, Number, Read, nodes
from derive.text.known import misspelled
from derive.text.source import Misread, Place, logical_lines
from derive.text.user_text import listed

MAX_STEPS = 2_000

#: Returns a file of blocks by its name: one of the catalogue for a file of the catalogue, whatever else has that name.
#: Raises Misread, at the place that is given, if there is none.
Loader = Callable[[str, Place, bool], "Source"]
#: Reads the lines of a text, and adds what is wrong to a list.
LinesReader = Callable[[str, list[tuple[Place, str]]], Lines]


@record
class Source:
    """A file of blocks: its text, what it is called in messages, which is unique, and whether it is the catalogue's."""

    text: str
    name: str
    of_catalogue: bool


@dataclass
class Frame:
    """One use of a block, or the text itself: what its names mean.

    ``arguments`` are formulas of the frame ``caller``, or ``defaults`` of the block; ``names`` maps the names that are
    declared here to those in the statement. ``leading`` are the indices over which the block is applied entry by
    entry, ``axes`` their axes, and ``mapped`` the tensors that have them; ``sizes`` are those of declared indices.
    ``place`` is that of the use.
    """

    block: Block | None = None
    caller: Frame | None = None
    arguments: Mapping[str, Node] = field(default_factory=dict)
    defaults: frozenset[str] = frozenset()
    names: dict[str, str] = field(default_factory=dict)
    leading: tuple[str, ...] | None = None
    axes: tuple[Axis, ...] = ()
    mapped: set[str] = field(default_factory=set)
    sizes: dict[str, Node] = field(default_factory=dict)
    place: Place | None = None

    def given(self, name: str) -> tuple[Node, Frame]:
        """What is given for an argument, and the frame that it is read in: a default value stands in the block."""
        return self.arguments[name], self if name in self.defaults or self.caller is None else self.caller

    @property
    def root(self) -> Frame:
        """The frame of the text."""
        return self if self.caller is None else self.caller.root

    @property
    def sees_root(self) -> bool:
        """Whether the names of the text mean something here: not in a block of a file, which is the same everywhere."""
        return self.block is not None and not self.block.place.file

    def located(self, place: Place, message: str) -> tuple[Place, str]:
        """A problem in the text: one in a file that is used is placed where the text uses the file's block."""
        at: Frame | None = self
        while at is not None and at.place is not None and at.place.file:
            at = at.caller
        if not place.file or at is None or at.place is None:
            return place, message
        return at.place, f"line {place.line} of {place.file}: {message}"


Step = tuple[Line, Frame]


def read_text_lines(text: str, problems: list[tuple[Place, str]]) -> Lines:
    """Read the lines of a text in the text language."""
    return read_lines(logical_lines(text), problems)


class Expansion:
    r"""The lines of a text in order, each with its frame, in ``steps``; what is wrong is in ``problems``.

    >>> text = "block twice(x)\n y[i] = 2 * x[i]\nend\na = twice(x)\nb = twice(a)"
    >>> [frame.names[line.name.name] for line, frame in Expansion(text).steps]
    ['a', 'b']
    """

    def __init__(self, text: str, load: Loader | None = None, read: LinesReader = read_text_lines) -> None:
        self.problems: list[tuple[Place, str]] = []
        self._load = load
        self._imported: dict[str, dict[str, Block]] = {}
        self._catalogue: set[str] = set()
        self._missing: set[str] = set()
        self._declared: list[tuple[str, Frame, str]] = []
        self._linked: list[tuple[Frame, str, tuple[Frame, str]]] = []
        self._arities: dict[tuple[str, str, str], int | None] = {}
        self.steps: list[Step] = []
        self.root = Frame()
        found = read(text, self.problems)
        self._blocks, self.broken = {"": found.blocks}, found.broken
        for block in found.blocks.values():
            if len(block.arguments) == 1 and is_function(block.name.name):  # f(x) would be both
                self.problems.append(
                    (block.name.place, f"{block.name.name} is a function of the language: choose another name")
                )
        for line in [line for line in found.lines if isinstance(line, Import)]:
            self._import(line)
        self._put(found.lines, self.root)
        self._name()

    def blocks(self, place: Place) -> dict[str, Block]:
        """The blocks that are known at a place: those of its file, and of the files that this one uses."""
        return self._blocks.get(place.file, {})

    def arity(self, block: Block, argument: str) -> int | None:
        """The largest number of indices with which a block reads an argument; None if it reads it nowhere.

        A block within the block may read fewer, since it then is applied entry by entry. An index of samples does not
        count: a read with it has one index more than another read in the block.
        """
        key = block.place.file, block.name.name, argument
        if key not in self._arities:
            self._arities[key] = None
            own, inner = set[int](), set[int]()
            for line in block.lines:
                (inner if self.called(line) else own).update(self._reads(line, argument))
            own -= {number + 1 for number in own}
            self._arities[key] = max(own | inner, default=None)
        return self._arities[key]

    def _reads(self, line: Line, argument: str) -> Iterator[int]:
        called = self.called(line)
        if called is not None and (inner := self.blocks(line.place).get(called[1].name)) is not None:
            given = dict(zip((name.name for name, _ in inner.arguments), called[1].arguments, strict=False))
            for name, node in {**given, **dict(called[1].options)}.items():
                number = self.arity(inner, name) if isinstance(node, Name) and node.name == argument else None
                if number is not None:
                    yield number
        elif isinstance(line, Stated):
            for node in nodes(line.formula):
                if isinstance(node, Read) and node.name == argument:
                    yield len(node.indices)
                elif isinstance(node, Name) and node.name == argument:
                    yield 0

    def called(self, line: Line) -> tuple[tuple[Name, ...], Call, Node | None] | None:
        """The results, the call and the number of times of a line that uses a block; None for any other line."""
        if isinstance(line, Used):
            return line.results, line.call, line.times
        if isinstance(line, Stated) and not line.indices and isinstance(line.formula, Call):
            if line.formula.name in self.blocks(line.place):
                return (line.name,), line.formula, None
        return None

    def _import(self, line: Import) -> None:
        for name in line.names:
            try:
                self._import_file(name, line.place.file)
            except Misread as problem:
                self.problems.append((problem.place, problem.message))
                self._missing.add(name.name)

    def _import_file(self, name: Name, user: str) -> None:
        """Add the blocks of a file to those that are known in the file that uses it, the ``user``."""
        if self._load is None:
            raise Misread(name.place, f"{name.name} cannot be read, since this text has no folder")
        into, source = self._blocks.get(user, {}), self._load(name.name, name.place, user in self._catalogue)
        if source.name not in self._imported:
            self._imported[source.name] = {}
            self._catalogue |= {source.name} if source.of_catalogue else set()
            self._read_file(name, source)
        for called, block in self._imported[source.name].items():
            if into.setdefault(called, block) is not block:
                where = f"in {into[called].place.file}" if into[called].place.file else "here"
                raise Misread(
                    name.place, f"{name.name} has a block {called}, and there is one {where}: rename one of them"
                )

    def _read_file(self, name: Name, source: Source) -> None:
        problems: list[tuple[Place, str]] = []
        found = read_lines(logical_lines(source.text, source.name), problems)
        lines, blocks = found.lines, found.blocks
        if problems:
            (place, message), *_ = problems
            raise Misread(name.place, f"line {place.line} of {source.name}: {message}")
        stated = next((line for line in lines if not isinstance(line, Import)), None)
        if stated is not None or not blocks:
            raise Misread(name.place, f"{source.name} has lines outside of blocks: a file that is used has blocks only")
        self._imported[source.name], self._blocks[source.name] = blocks, {**blocks}
        for line in lines:
            assert isinstance(line, Import)
            for inner in line.names:
                self._import_file(Name(inner.name, name.place), source.name)

    # Putting in.

    def _put(self, lines: Iterable[Line], frame: Frame, results: Mapping[str, tuple[Frame, str]] | None = None) -> None:
        for line in lines:
            if len(self.steps) > MAX_STEPS:
                return
            try:
                self._put_line(line, frame, results or {})
            except Misread as problem:
                self.problems.append(frame.located(problem.place, problem.message))
                if (called := self.called(line)) is not None:
                    self.broken |= {result.name for result in called[0]}

    def _put_line(self, line: Line, frame: Frame, results: Mapping[str, tuple[Frame, str]]) -> None:
        called = self.called(line)
        if called is not None:
            self._use(*called, frame, results)
            return
        if isinstance(line, Stated) and isinstance(line.formula, Call) and line.formula.name in self._missing:
            self.broken.add(line.name.name)
            return
        if isinstance(line, Import):
            if frame.caller is not None:
                raise Misread(line.place, "use stands at the top of a text, not in a block")
            return
        if len(self.steps) == MAX_STEPS:
            self.problems.append((line.place, f"the blocks make more than {MAX_STEPS} lines"))
        for name in _declared(line):
            if name in results:
                continue
            self._declare(name, frame, name)
        self.steps.append((line, frame))

    def _declare(self, base: str, frame: Frame, key: str) -> None:
        if key not in frame.names:
            frame.names[key] = ""
            self._declared.append((base, frame, key))

    def _use(
        self,
        results: tuple[Name, ...],
        call: Call,
        times: Node | None,
        frame: Frame,
        outer: Mapping[str, tuple[Frame, str]],
    ) -> None:
        block = self._block(call, frame)
        count = 1 if times is None else self._count(times, frame)
        if len(results) != len(block.results):
            raise Misread(
                call.place,
                f"the block {call.name} has {len(block.results)} results, {listed(r.name for r in block.results)}, and "
                f"{len(results)} names stand on the left",
            )
        given = call.arguments
        for turn in range(count):
            last = turn == count - 1
            keys = [r.name if last else f"{r.name} {turn + 1}" for r in results]
            arguments, defaults = self._arguments(block, call, given)
            inner = Frame(block, frame, arguments, defaults, place=call.place)
            targets: dict[str, tuple[Frame, str]] = {}
            for result, key, name in zip(results, keys, block.results, strict=True):
                if result.name in outer and last:
                    targets[name.name] = outer[result.name]
                else:
                    self._declare(result.name, frame, key)
                    targets[name.name] = frame, key
            for local, target in targets.items():
                inner.names[local] = ""
                self._linked.append((inner, local, target))
            self._put(block.lines, inner, targets)
            given = (*(Name(key, call.place) for key in keys[:1]), *call.arguments[1:])

    def _block(self, call: Call, frame: Frame) -> Block:
        blocks = self.blocks(call.place)
        if call.name not in blocks:
            meant = misspelled(call.name, blocks)
            known = f"there are {listed(blocks)}" if blocks else "there is none"
            raise Misread(call.place, f"{call.name} is no block: {f'did you mean {meant}?' if meant else known}")
        around: Frame | None = frame
        while around is not None:
            if around.block is blocks[call.name]:
                raise Misread(call.place, f"the block {call.name} uses itself")
            around = around.caller
        return blocks[call.name]

    def _arguments(self, block: Block, call: Call, given: tuple[Node, ...]) -> tuple[dict[str, Node], frozenset[str]]:
        """What is given for each argument, and the arguments with their default values."""
        names = [name.name for name, _ in block.arguments]
        signature = f"{block.name.name}({', '.join(names)})"
        found = dict(zip(names, given, strict=False))
        if len(given) > len(names):
            raise Misread(call.place, f"{len(given)} arguments are given, where {signature} has {len(names)}")
        for name, value in call.options:
            if name not in names or name in found:
                what = "is given twice" if name in found else f"is no argument of {signature}"
                raise Misread(call.place, f"{name} {what}")
            found[name] = value
        defaults = {name.name: value for name, value in block.arguments if name.name not in found}
        for name, default in defaults.items():
            if default is None:
                raise Misread(call.place, f"the argument {name} is missing: the block is {signature}")
            found[name] = default
        return found, frozenset(defaults)

    def _count(self, times: Node, frame: Frame) -> int:
        node = times
        while isinstance(node, Name) and node.name in frame.arguments:
            node, frame = frame.given(node.name)
        if not isinstance(node, Number) or node.value.denominator != 1 or not 1 <= node.value <= MAX_STEPS:
            raise Misread(times.place, f"repeat needs a whole number from 1 to {MAX_STEPS}")
        return int(node.value)

    # Names.

    def avoid(self, reserved: Iterable[str]) -> None:
        """Give new names to what blocks declare under a name that has a meaning of its own."""
        self._name(frozenset(reserved))

    def _name(self, reserved: frozenset[str] = frozenset()) -> None:
        """Give every declared name its name in the statement.

        A name that is declared once stays as it is, as all names of the text itself do. Others get numbers, in order.
        """
        times: dict[str, int] = {}
        for base, _, _ in self._declared:
            times[base] = times.get(base, 0) + 1
        taken = {base for base, frame, key in self._declared if frame is self.root and base == key}
        taken |= {base for base in times if times[base] == 1} | reserved
        counters: dict[str, Iterator[int]] = {}
        for base, frame, key in self._declared:
            plain = (times[base] == 1 and base not in reserved) or (frame is self.root and base == key)
            if plain:
                frame.names[key] = base
                continue
            numbers = counters.setdefault(base, itertools.count(1))
            name = next(f"{base}{n}" for n in numbers if f"{base}{n}" not in taken)
            taken.add(name)
            frame.names[key] = name
        for inner, name, (frame, key) in self._linked:
            inner.names[name] = frame.names[key]


def _declared(line: Line) -> list[str]:
    """The names that a line declares in the statement."""
    if isinstance(line, Declaration) and line.word in (
        "size",
        "input",
        "target",
        "random",
        "recurrent",
        "parameter",
        "constant",
        "samples",
    ):
        return [item.name.name for item in line.items]
    return [line.name.name] if isinstance(line, Stated | Function) else []
