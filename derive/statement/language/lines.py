"""The lines of a text: declarations, equations, and blocks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from derive.record import record
from derive.statement.language.syntax import (
    Call,
    Chain,
    Name,
    Negative,
    Node,
    Number,
    Over,
    Read,
    name_of,
    nodes,
    parse,
)
from derive.statement.randomness import EXAMPLES
from derive.text.known import misspelled
from derive.text.source import Misread, Piece, Place, quoted


@record
class Item:
    """A declared name with what is said about it; see the line that it belongs to for the meaning."""

    name: Name
    sizes: tuple[Node, ...] = ()
    value: Node | None = None
    sign: str = ""
    values: Node | None = None
    samples: bool = True


@record
class Declaration:
    """A line that begins with a word, such as ``parameter``, and declares or names things."""

    word: str
    items: tuple[Item, ...]
    place: Place


@record
class Option:
    """A learning option of the statement."""

    key: Name
    value: Piece
    place: Place


@record
class Promise:
    """A promise about tensors; ``over`` is the size, or the number, of the axis over which they sum to 1."""

    kind: Name
    tensors: tuple[Name, ...]
    over: Name | int | None
    place: Place


@record
class Function:
    """A function of numbers, by its formula."""

    name: Name
    arguments: tuple[Name, ...]
    formula: Node
    place: Place


@record
class Stated:
    """An equation, ``name[indices] = formula``."""

    name: Name
    indices: tuple[Node, ...]
    formula: Node
    place: Place


@record
class Used:
    """A block put in place: the names of its results, its arguments, and how often it follows itself."""

    results: tuple[Name, ...]
    call: Call
    times: Node | None
    place: Place


@record
class Import:
    """A line that makes the blocks of a file known."""

    names: tuple[Name, ...]
    place: Place


@record
class Block:
    """A named list of lines with arguments, some of which have a default value."""

    name: Name
    arguments: tuple[tuple[Name, Node | None], ...]
    lines: tuple[Line, ...]
    results: tuple[Name, ...]
    place: Place


Line = Declaration | Option | Promise | Function | Stated | Used | Import

#: The kinds of promises.
PROMISES = ("sums_to_one", "probabilities", "mask", "positive", "not_negative")


def read_lines(pieces: Iterator[Piece], problems: list[tuple[Place, str]]) -> Lines:
    """Read all lines of a text; what is wrong in one of them goes to ``problems``, and reading goes on."""
    lines = Lines(problems)
    lines.read(pieces)
    return lines


class Lines:
    """The ``lines`` and the ``blocks`` of a text; ``broken`` are names that lines with an error may state."""

    def __init__(self, problems: list[tuple[Place, str]]) -> None:
        self.problems = problems
        self.broken: set[str] = set()
        self.lines: list[Line] = []
        self.blocks: dict[str, Block] = {}
        self.open: tuple[Name, tuple[tuple[Name, Node | None], ...], Place] | None = None
        self.inner: list[Line] = []
        self.results: tuple[Name, ...] = ()

    def read(self, pieces: Iterator[Piece]) -> None:
        """Read the lines one by one."""
        try:
            for piece in pieces:
                try:
                    self.one(piece)
                except Misread as problem:
                    self.problems.append((problem.place, problem.message))
                    self.broken |= {part.word()[0] for part in (piece, *piece.word()[1].split(","))}
        except Misread as problem:  # of the text as a whole: nothing can be read after it
            self.problems.append((problem.place, problem.message))
        if self.open and not self.problems:
            self.problems.append((self.open[2], f"the block {self.open[0].name} has no end: write end in a line"))

    def one(self, piece: Piece) -> None:
        """Read one line."""
        word, rest = piece.word()
        if word == "block" and _declares(rest):
            self.begin(rest, piece.place)
        elif piece.text == "end":
            self.end(piece.place)
        elif word == "return" and _declares(rest):
            if self.open is None:
                raise Misread(piece.place, "return stands outside of a block: the last equation is the error")
            self.results = tuple(name_of(part, "the name of a tensor") for part in rest.split(","))
        else:
            (self.lines if self.open is None else self.inner).append(line(piece))

    def begin(self, rest: Piece, place: Place) -> None:
        """Begin a block, whose first line is ``block name(arguments)``."""
        if self.open is not None:
            raise Misread(place, f"the block {self.open[0].name} is not ended: write end in a line before this one")
        opening = rest.text.find("(")
        if opening < 0 or not rest.text.endswith(")"):
            raise Misread(rest.place, "a block begins with its name and its arguments, such as block dense(x, n, h)")
        name = name_of(rest.part(0, opening), "the name of a block")
        inner = rest.part(opening + 1, len(rest.text) - 1)
        arguments, names = [], list[str]()
        all_names = [_sides(part)[0].text for part in inner.split(",")]
        for part in inner.split(",") if inner.text else []:
            called, default = _sides(part)
            value = parse(default, "the default value") if default else None
            argument = name_of(called, "the name of an argument")
            if argument.name in names:
                raise Misread(argument.place, f"the block {name.name} has two arguments {argument.name}")
            names.append(argument.name)
            for node in nodes(value) if value else ():
                if isinstance(node, Name) and node.name in all_names[len(names) - 1 :]:
                    raise Misread(
                        node.place,
                        f"the default value of {argument.name} reads {node.name}, an argument that does not stand "
                        "before it",
                    )
            arguments.append((argument, value))
        if name.name in self.blocks:
            raise Misread(place, f"there is a block {name.name} already: choose another name")
        self.open, self.inner, self.results = (name, tuple(arguments), place), [], ()

    def end(self, place: Place) -> None:
        """End the block that is open."""
        if self.open is None:
            raise Misread(place, "there is no block that could end here")
        (name, arguments, began), self.open = self.open, None
        stated = [entry for entry in self.inner if isinstance(entry, Stated | Used)]
        if not stated:
            raise Misread(began, f"the block {name.name} has no equation")
        last = stated[-1]
        last = stated[-1]
        results = self.results or ((last.name,) if isinstance(last, Stated) else last.results[-1:])
        self.blocks[name.name] = Block(name, arguments, tuple(self.inner), results, began)
        here = {n.name for entry in stated for n in (entry.results if isinstance(entry, Used) else [entry.name])}
        for number, result in enumerate(results):
            if result.name not in here:
                raise Misread(result.place, f"{result.name} is no tensor that the block {name.name} states")
            if result.name in {other.name for other in results[:number]}:
                raise Misread(result.place, f"{result.name} is returned twice")


def _declares(rest: Piece) -> bool:
    """Whether what follows a word shows that the line is a declaration and no equation of a tensor of that name."""
    return bool(rest.text) and rest.text[0] not in "[=" and len(rest.split("=")) < 3


def line(piece: Piece) -> Line:
    """Read a line that is none of the frame of a block. Raises Misread."""
    word, rest = piece.word()
    if word in WORDS and rest.text[:1] not in ("[", "="):
        if not rest.text:
            raise Misread(piece.place, f"nothing is said after {word}")
        return WORDS[word](word, rest, piece.place)
    sides = piece.split("=")
    if len(sides) == 1:
        meant = misspelled(word, [*WORDS, "block", "end", "return"]) if rest.text and rest.text[0] not in "[(" else None
        hint = f"did you mean {meant}?" if meant else "a line is a declaration, such as input x[n], or an equation"
        raise Misread(piece.place, f"{quoted(piece)} is no line of a text: {hint}")
    if len(sides) > 2:
        raise Misread(sides[2].place, "a second equals sign stands in the line: state one equation in a line")
    left, right = sides
    return _equation(left, right, piece.place)


def _equation(left: Piece, right: Piece, place: Place) -> Stated | Used:
    word, rest = right.word()
    if word == "repeat" and rest.text[:1] not in ("[", "*", "/", "+", "-", ")", ""):
        opening = rest.text.find("(")
        times, called = rest.part(0, opening), rest
        first = times.text.rpartition(" ")
        if opening < 0 or not first[0]:
            raise Misread(right.place, "repeat needs a number and a block, such as repeat 6 dense(x, h, h, tanh)")
        called = rest.part(len(first[0]), len(rest.text))
        call = parse(called)
        if not isinstance(call, Call):
            raise Misread(called.place, "repeat needs a number and a block, such as repeat 6 dense(x, h, h, tanh)")
        return Used(_names(left), call, parse(rest.part(0, len(first[0]))), place)
    formula = parse(right, "the right side")
    if isinstance(formula, Call) and len(left.split(",")) > 1:
        return Used(_names(left), formula, None, place)
    named = parse(left, "the left side")
    if isinstance(named, Name):
        return Stated(name_of(left, "the name of a tensor"), (), formula, place)
    if not isinstance(named, Read):
        raise Misread(left.place, f"{quoted(left)} is no left side of an equation, such as z[i]")
    for index in named.indices:
        if not isinstance(index, Name | Over | Number | Chain | Negative):
            raise Misread(index.place, "an index on the left is a name, such as i, or a name with its size, i in n")
    return Stated(Name(named.name, named.place), named.indices, formula, place)


def _names(left: Piece) -> tuple[Name, ...]:
    return tuple(name_of(part, "the name of a result") for part in left.split(","))


# Declarations.


def _sides(piece: Piece, sign: str = "=") -> tuple[Piece, Piece | None]:
    """What stands before a sign and, if it occurs, after it."""
    first, *rest = piece.split(sign)
    if len(rest) > 1:
        raise Misread(rest[1].place, f"a second {sign} stands here: separate declarations by commas")
    return first, rest[0] if rest else None


def _items(word: str, rest: Piece, read: Callable[[Piece], Item]) -> Declaration:
    return Declaration(word, tuple(read(part) for part in rest.split(",")), rest.place)


def _sizes(word: str, rest: Piece, place: Place) -> Line:
    def item(piece: Piece) -> Item:
        name, value = _sides(piece)
        if value is None:
            return Item(name_of(name, "the name of a size"))
        before, found, _ = value.text.partition(" from ")
        start = parse(value.part(len(before) + len(found), len(value.text))) if found else None
        return Item(name_of(name, "the name of a size"), value=parse(value.part(0, len(before))), values=start)

    return _items(word, rest, item)


def _data(word: str, rest: Piece, place: Place) -> Line:
    def item(piece: Piece) -> Item:
        text, samples, values = piece, True, None
        if text.text.endswith("without samples"):
            text, samples = text.part(0, len(text.text) - len("without samples")), False
        found = text.text.rfind(" in ")
        if found >= 0 and found > text.text.rfind("]"):
            values, text = parse(text.part(found + 4, len(text.text))), text.part(0, found)
        return Item(*_tensor(text), values=values, samples=samples)

    return _items(word, rest, item)


def _random(word: str, rest: Piece, place: Place) -> Line:
    def item(piece: Piece) -> Item:
        text, law = _sides(piece, "~")
        samples = not text.text.endswith("without samples")
        text = text if samples else text.part(0, len(text.text) - len("without samples"))
        example = f"write random {text.text.partition('=')[0].strip()} ~ {EXAMPLES}"
        if law is None:
            raise Misread(piece.place, f"what is random needs a distribution: {example}")
        found = parse(law, "a distribution")
        if not isinstance(found, Call) or found.options:
            raise Misread(law.place, f"{quoted(law)} is no distribution with its numbers: {example}")
        return Item(*_tensor(text), found, "~", samples=samples)

    return _items(word, rest, item)


def _parameters(word: str, rest: Piece, place: Place) -> Line:
    def item(piece: Piece) -> Item:
        for sign in "=~":
            name, value = _sides(piece, sign)
            if value is not None:
                return Item(*_tensor(name), parse(value, "the initial value"), sign)
        return Item(*_tensor(piece))

    return _items(word, rest, item)


def _tensor(piece: Piece) -> tuple[Name, tuple[Node, ...]]:
    """A name with sizes in brackets."""
    opening = piece.text.find("[")
    if opening < 0:
        return name_of(piece, "the name of a tensor"), ()
    name = name_of(piece.part(0, opening), "the name of a tensor")
    found = parse(piece)
    if not isinstance(found, Read):
        raise Misread(piece.place, f"{quoted(piece)} is no tensor with its sizes, such as W[h, n]")
    return name, found.indices


def _constants(word: str, rest: Piece, place: Place) -> Line:
    def item(piece: Piece) -> Item:
        name, value = _sides(piece)
        if value is None:
            raise Misread(piece.place, f"the constant {name.text} has no value: write {name.text} = 0.1")
        return Item(name_of(name, "the name of a constant"), value=parse(value, "the value"))

    return _items(word, rest, item)


def _indices(word: str, rest: Piece, place: Place) -> Line:
    def item(piece: Piece) -> Item:
        found = parse(piece)
        if not isinstance(found, Over):
            raise Misread(piece.place, "an index is declared with its size, such as index t in T")
        return Item(Name(found.index, found.place), values=found.size)

    return _items(word, rest, item)


def _plain(word: str, rest: Piece, place: Place) -> Line:
    return _items(word, rest, lambda piece: Item(name_of(piece, "a name")))


def _running(word: str, rest: Piece, place: Place) -> Line:
    found = rest.text.rfind(" momentum ")
    whole = rest if found < 0 else rest.part(0, found)
    momentum = None if found < 0 else parse(rest.part(found + 10, len(rest.text)), "the momentum")

    def item(piece: Piece) -> Item:
        left, start = _sides(piece)
        before, of, after = left.text.partition(" of ")
        source = (name_of(left.part(len(before) + len(of), len(left.text)), "the name of a tensor"),) if after else ()
        value = None if start is None else parse(start, "what the average starts with")
        return Item(name_of(left.part(0, len(before)), "the name of a tensor"), source, value, values=momentum)

    return _items(word, whole, item)


def _option(word: str, rest: Piece, place: Place) -> Line:
    key, *value = rest.split("=")
    if not value or not value[0].text:
        raise Misread(rest.place, "an option has a value, such as option optimizer = adam")
    whole = rest.part(len(rest.text.partition("=")[0]) + 1, len(rest.text))
    return Option(name_of(key, "the name of an option"), whole, place)


def _promise(word: str, rest: Piece, place: Place) -> Line:
    kind, names = rest.word()
    if kind not in PROMISES:
        raise Misread(
            rest.place, f"{quoted(rest)} is no promise: there are {', '.join(PROMISES)}, such as promise mask M"
        )
    before, over, _ = names.text.partition(" over ")
    tensors = tuple(name_of(part, "the name of a tensor") for part in names.part(0, len(before)).split(","))
    where = names.part(len(before) + len(over), len(names.text))
    word, number = where.word()
    if word == "axis" and number.text.isdecimal():
        return Promise(Name(kind, rest.place), tensors, int(number.text), place)
    return Promise(Name(kind, rest.place), tensors, name_of(where, "the name of a size") if over else None, place)


def _function(word: str, rest: Piece, place: Place) -> Line:
    sides = rest.split("=")
    head = parse(sides[0], "the left side")
    if len(sides) != 2 or not isinstance(head, Call) or not all(isinstance(a, Name) for a in head.arguments):
        raise Misread(rest.place, "a function is stated by its formula, such as function f(x) = x * sigmoid(x)")
    names = tuple(a for a in head.arguments if isinstance(a, Name))
    return Function(Name(head.name, head.place), names, parse(sides[1], "the right side"), place)


def _use(word: str, rest: Piece, place: Place) -> Line:
    return Import(tuple(name_of(part, "the name of a file") for part in rest.split(",")), place)


#: The words that begin a declaration, with what reads the rest of the line.
WORDS: dict[str, Callable[[str, Piece, Place], Line]] = {
    "size": _sizes,
    "input": _data,
    "target": _data,
    "random": _random,
    "recurrent": _data,
    "parameter": _parameters,
    "constant": _constants,
    "index": _indices,
    "samples": _plain,
    "output": _plain,
    "gradient": _plain,
    "backward": _plain,
    "running": _running,
    "option": _option,
    "promise": _promise,
    "function": _function,
    "use": _use,
}
