"""A reader of the LaTeX of displayed equations: from a document to expression trees.

It knows what the symbols of LaTeX mean to somebody who reads the page, and nothing
of the program that printed them: this module imports nothing of the project. What
it cannot read it refuses (``Unreadable``); nothing is left out silently.

Reading goes from a document to displays, from a display to rows, from rows to
equations, and from the sides of an equation to trees of the nodes below.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any


class Unreadable(Exception):
    """What a reader of the page would stumble over."""


# ---------------------------------------------------------------- tokens


@dataclass(frozen=True)
class Token:
    r"""A command or a character; ``apart``: white space or ``\,`` stands before it, ``gap``: a visible one."""

    text: str
    apart: bool = False
    gap: bool = False

    def __repr__(self) -> str:
        return self.text


_PIECE = re.compile(r"\\[A-Za-z]+\*?|\\.|\\\n|[^\s\\]|\s+", re.DOTALL)
_GAPS = {r"\,", r"\;", r"\:", r"\!", r"\ ", r"\quad", r"\qquad", "~", r"\enspace", r"\>", r"\thinspace"}
_NO_STAR = {r"\sum", r"\bar", r"\hat"}


def tokens_of(text: str) -> list[Token]:
    """Split LaTeX into tokens; white space and visible gaps become marks on the token behind them."""
    found: list[Token] = []
    apart = gap = False
    for match in _PIECE.finditer(text):
        piece = match.group()
        star = ""
        if len(piece) > 2 and piece.startswith("\\") and piece.endswith("*"):
            piece, star = piece[:-1], "*"
        if piece.isspace():
            apart = True
        elif piece in _GAPS:
            apart = gap = True
        else:
            found.append(Token(piece, apart, gap))
            apart = gap = False
        if star:
            found.append(Token(star))
    return found


def without_comments(text: str) -> str:
    """The text without comments and without what is shown as it is typed."""
    for name in ("verbatim", "lstlisting", "Verbatim", "tikzpicture"):
        text = re.sub(rf"\\begin{{{name}}}.*?\\end{{{name}}}", "", text, flags=re.DOTALL)
    return re.sub(r"(?<!\\)((?:\\\\)*)%.*", r"\1", text)


def written(tokens: Sequence[Token]) -> str:
    """Tokens as LaTeX again."""
    parts = []
    for token in tokens:
        if token.gap:
            parts.append(r"\,")
        parts.append((" " if token.apart else "") + token.text)
    return "".join(parts).strip()


def matching(tokens: Sequence[Token], start: int) -> int:
    """The position of the brace that closes the one at ``start``."""
    depth = 0
    for position in range(start, len(tokens)):
        depth += {"{": 1, "}": -1}.get(tokens[position].text, 0)
        if not depth:
            return position
    raise Unreadable(f"a brace is not closed in {written(tokens)}")


_SIZES = {rf"\{size}{side}" for size in ("big", "Big", "bigg", "Bigg") for side in ("l", "r", "m", "")}
_DROPPED = _SIZES | {
    *(r"\left", r"\right", r"\middle", r"\displaystyle", r"\textstyle", r"\nonumber", r"\notag"),
    *(r"\allowbreak", r"\nobreak", r"\limits", r"\relax", r"\small", r"\footnotesize", r"\strut"),
}
_LOST_WITH_GROUP = {r"\phantom", r"\hphantom", r"\vphantom", r"\color", r"\label", r"\vspace", r"\hspace", r"\class"}
_SEEN_THROUGH = {r"\textcolor": 1, r"\mathcolor": 1, r"\boxed": 0, r"\mathord": 0, r"\mathbin": 0, r"\mathrel": 0}


def plain(tokens: Sequence[Token]) -> list[Token]:
    r"""Without colours, sizes of brackets and labels: ``\textcolor{red}{x}`` is ``x``."""
    found: list[Token] = []
    position = 0
    queue = list(tokens)
    while position < len(queue):
        token = queue[position]
        if token.text in _SEEN_THROUGH:
            start = position + 1
            for _ in range(_SEEN_THROUGH[token.text]):
                start = matching(queue, start) + 1
            end = matching(queue, start)
            inner = queue[start + 1 : end]
            if inner:
                inner[0] = replace(inner[0], apart=inner[0].apart or token.apart, gap=inner[0].gap or token.gap)
            queue[position : end + 1] = inner
        elif token.text in _LOST_WITH_GROUP:
            position = matching(queue, position + 1) + 1
        else:
            position += 1
            if token.text not in _DROPPED:
                found.append(token)
            elif position < len(queue):  # the gap before \left is one before the bracket
                after = queue[position]
                queue[position] = replace(after, apart=after.apart or token.apart, gap=after.gap or token.gap)
    return found


# ---------------------------------------------------------------- nodes


@dataclass(frozen=True)
class Node:
    """A part of a formula."""


@dataclass(frozen=True)
class Number(Node):
    """A number that is written in digits."""

    value: float | int


@dataclass(frozen=True)
class Symbol(Node):
    r"""A letter with what stands around it.

    ``indices`` are letters, or strings of digits as they stand there (``11`` may be one
    index or two), or formulas in LaTeX such as ``2p + k - 1``, the last one above if it is
    ``raised``; ``sample`` is the upper index, ``others`` are those after it, ``layer`` the
    number in brackets.
    """

    letter: str
    layer: int | None = None
    indices: tuple[str, ...] = ()
    sample: str | None = None
    transposed: bool = False
    without_biases: bool = False
    commas: bool = False
    others: tuple[str, ...] = ()
    raised: bool = False


@dataclass(frozen=True)
class Kept(Node):
    """A letter with a parameter as its index: what belongs to it."""

    letter: str
    of: Symbol


@dataclass(frozen=True)
class Root(Node):
    """A square root."""

    of: Node


@dataclass(frozen=True)
class Floor(Node):
    """The whole part."""

    of: Node


@dataclass(frozen=True)
class Beside(Node):
    """Blocks of columns."""

    blocks: tuple[Node, ...]


@dataclass(frozen=True)
class Function(Node):
    """The name of a function: ``f``, its number, its layer, its primes; or a name of its own.

    ``wrt`` is the variable of a partial derivative.
    """

    name: str
    primes: int = 0
    number: str | None = None
    layer: int | None = None
    wrt: str = ""


@dataclass(frozen=True)
class Apply(Node):
    """A function of its arguments."""

    function: Function
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Plus(Node):
    """Terms, each with its sign."""

    terms: tuple[tuple[int, Node], ...]


@dataclass(frozen=True)
class Times(Node):
    """Factors side by side: numbers multiplied, or a product of matrices."""

    factors: tuple[Node, ...]


@dataclass(frozen=True)
class Entrywise(Node):
    """Multiplied (or, where ``divides`` says so, divided) entry by entry."""

    factors: tuple[Node, ...]
    divides: tuple[bool, ...]


@dataclass(frozen=True)
class Power(Node):
    """A power; ``entrywise`` if the exponent carries the sign of the entry-wise product."""

    base: Node
    exponent: Node
    entrywise: bool = False


@dataclass(frozen=True)
class Transposed(Node):
    """A bracket that is transposed."""

    of: Node


@dataclass(frozen=True)
class Columns(Node):
    """A bracket without its column 0."""

    of: Node


@dataclass(frozen=True)
class Ratio(Node):
    """A fraction."""

    top: Node
    bottom: Node


@dataclass(frozen=True)
class Partial(Node):
    """A partial derivative; ``immediate`` if it is marked as that of one equation alone."""

    of: Node
    wrt: Node
    immediate: bool = False


@dataclass(frozen=True)
class Slope(Node):
    """d/dx of an expression."""

    of: Node
    wrt: Symbol


@dataclass(frozen=True)
class Sum(Node):
    """A sum; without limits over the whole range of its index."""

    index: str
    start: Node | None
    stop: Node | None
    body: Node


@dataclass(frozen=True)
class Exp(Node):
    """e to a power."""

    exponent: Node
    entrywise: bool = False


@dataclass(frozen=True)
class Bars(Node):
    """An absolute value."""

    of: Node


@dataclass(frozen=True)
class Cases(Node):
    """Values, each with its condition, or None for otherwise."""

    rows: tuple[tuple[Node, Condition | None], ...]


@dataclass(frozen=True)
class Condition(Node):
    """A comparison of two sides, or two conditions joined by ``and`` or ``or``."""

    left: Node
    relation: str
    right: Node


@dataclass(frozen=True)
class Stack(Node):
    """Blocks of rows."""

    blocks: tuple[Node, ...]


@dataclass(frozen=True)
class Braced(Node):
    """A formula with a note under (or over) its brace: a shape, a formula of equal value, or words."""

    of: Node
    shape: tuple[Node, Node] | None = None
    same: Node | None = None


@dataclass(frozen=True)
class Ones(Node):
    """A column of ones, or a row of them."""

    transposed: bool = False


@dataclass(frozen=True)
class Inner(Node):
    """The inner product of two vectors."""

    left: Node
    right: Node


@dataclass(frozen=True)
class Kronecker(Node):
    """1 if both indices are equal, 0 if not."""

    left: str
    right: str


@dataclass(frozen=True)
class Bracket(Node):
    """1 if two formulas of indices are equal, or if ``left`` is the place that ``right`` says; 0 if not."""

    left: tuple[Node, ...]
    right: Node


@dataclass(frozen=True)
class Extreme(Node):
    """The maximum or minimum of a body where each letter runs from one number to another, or its place."""

    name: str
    ranges: tuple[tuple[str, Node, Node], ...]
    body: Node


@dataclass(frozen=True)
class Change(Node):
    """What an update adds to a parameter."""

    of: Symbol


@dataclass(frozen=True)
class Dots(Node):
    """Something is left out."""


def nodes(tree: Any) -> Iterator[Node]:
    """A tree's nodes, outermost first."""
    if isinstance(tree, Node):
        yield tree
    if isinstance(tree, tuple):
        for part in tree:
            yield from nodes(part)
    elif is_dataclass(tree):
        for field in fields(tree):
            yield from nodes(getattr(tree, field.name))


# ---------------------------------------------------------------- documents, displays, equations


@dataclass(frozen=True)
class Equation:
    """Sides with the relations between them (``=``, ``\\leftarrow``); a list of formulas has no relations.

    ``section`` is the heading it stands under, ``before`` the words since the last display.
    An equation that is not ``displayed`` stands in a line of text, or in a table.
    """

    sides: tuple[tuple[Token, ...], ...]
    relations: tuple[str, ...]
    number: str | None = None
    section: str = ""
    before: str = ""
    displayed: bool = True

    @property
    def source(self) -> str:
        """The equation as LaTeX."""
        parts = [written(self.sides[0])]
        for relation, side in zip(self.relations, self.sides[1:], strict=True):
            parts += [relation, written(side)]
        return " ".join(parts)


_DISPLAYS = ("align", "align*", "equation", "equation*", "gather", "gather*", "multline", "multline*", "eqnarray*")
_BEGIN = "|".join(re.escape(name) for name in _DISPLAYS)
_FORMULA = re.compile(
    rf"\\begin{{(?P<name>{_BEGIN})}}(?P<a>.*?)\\end{{(?P=name)}}"
    r"|\\begin{alignat(?P<star>\*?)}{\d+}(?P<b>.*?)\\end{alignat(?P=star)}"
    r"|(?<!\\)\\\[(?P<c>.*?)(?<!\\)\\\]"
    r"|(?<!\\)\$\$(?P<d>.*?)(?<!\\)\$\$"
    r"|(?<!\\)\$(?P<inline>[^$]*?)(?<!\\)\$"
    r"|(?<!\\)\\\((?P<inline2>.*?)(?<!\\)\\\)",
    re.DOTALL,
)
_HEADING = re.compile(r"\\(?:(?:sub)*(?:section|paragraph)\*?|\w*heading){([^{}]*)}")


_DEFINITION = re.compile(r"\\(?:providecommand|newcommand|renewcommand)\*?\{?\\([A-Za-z]+)\}?(?:\[(\d)\])?(?=\{)")

#: A group around a symbol with its indices, which nothing that is put behind can join.
_GROUPED = re.compile(r"\{(#\d(?:[_^]\{#\d\})+)\{\}\}")

#: The number of arguments of a macro, and its body.
Macros = dict[str, tuple[int, str]]


def definitions(text: str) -> tuple[str, Macros]:
    """The text without its definitions of macros, and these: of two of one name the first counts, as the page does."""
    found: Macros = {}
    rest, end = "", 0
    for match in _DEFINITION.finditer(text):
        if match.start() < end:
            continue
        body, after = _argument(text, match.end())
        found.setdefault(match[1], (int(match[2] or 0), _GROUPED.sub(r"\1", body)))
        rest, end = rest + text[end : match.start()], after
    return rest + text[end:], found


def _argument(text: str, start: int) -> tuple[str, int]:
    """The argument that starts here, without its braces, and where it ends."""
    while text[start : start + 1].isspace():
        start += 1
    if text[start : start + 1] != "{":
        piece = _PIECE.match(text, start)
        if piece is None:
            raise Unreadable(f"an argument is missing at the end of {text[-40:]!r}")
        return piece.group(), piece.end()
    depth, at = 0, start
    while True:
        if at >= len(text):
            raise Unreadable(f"a brace is not closed in {text[start : start + 40]!r}")
        if text[at] == "\\":
            at += 1
        else:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            if not depth:
                return text[start + 1 : at], at + 1
        at += 1


_PARAMETER = re.compile(r"#(\d)")
#: A macro within a macro within a macro: deeper is a circle.
_DEEPEST = 20


def expanded(text: str, macros: Macros, depth: int = 0) -> str:
    r"""The text with every macro replaced by what it is defined as.

    >>> expanded(r"\half{x} + 1", {"half": (1, r"\frac{#1}{2}")})
    '\\frac{x}{2} + 1'
    """
    if depth > _DEEPEST:
        raise Unreadable(f"a macro is defined by itself: {text[:40]!r}")
    found, end = "", 0
    for match in re.finditer(r"\\([A-Za-z]+)|\\.", text, re.DOTALL):
        if match.start() < end or match[1] not in macros:
            continue
        count, body = macros[match[1]]
        given, at = [], match.end()
        for _ in range(count):
            argument, at = _argument(text, at)
            given.append(expanded(argument, macros, depth + 1))
        if any(int(n) > count for n in _PARAMETER.findall(body)):
            raise Unreadable(f"\\{match[1]} has no argument of such a number: {body}")
        filled = ""
        for part, number in _parts(expanded(body, macros, depth + 1)):
            filled = _beside(_beside(filled, part), given[number - 1] if number else "")
        found, end = _beside(found + text[end : match.start()], filled), at
    return _beside(found, text[end:])


def _parts(body: str) -> Iterator[tuple[str, int]]:
    """What stands in a body before each parameter, with the parameter's number; 0 for the rest."""
    end = 0
    for match in _PARAMETER.finditer(body):
        yield body[end : match.start()], int(match[1])
        end = match.end()
    yield body[end:], 0


def _beside(before: str, after: str) -> str:
    """Two pieces of LaTeX; a command stays apart from a letter behind it."""
    command = re.search(r"\\[A-Za-z]+$", before)
    return f"{before} {after}" if command and after[:1].isalpha() else before + after


#: A matrix whose columns are not centred, in brackets.
_ARRAY = re.compile(
    r"\\left\[\\begin\{array\}\{(?:[^{}]|\{[^{}]*\})*\}(.*?)\\end\{array\}(?:\\hskip-\\arraycolsep)?\\right\]",
    re.DOTALL,
)


#: The range of an index on the left, after an equation: that is the axis of its tensor, as the left side says, too.
_RANGE = re.compile(
    r", \\quad \\?\w+(?:_\{?\d+\}?)? = \d+, (?:\\dots, )?(?:[\w +-]|\\mathit\{\w+\}|_\{[^}]*\})+?"
    r"(?=,| ?\\\\| ?&|\n| ?\\end)"
)


def unfolded(document: str) -> str:
    """A document as it would be without macros in its formulas."""
    text, macros = definitions(_ARRAY.sub(r"\\begin{bmatrix}\1\\end{bmatrix}", without_comments(document)))
    return _FORMULA.sub(lambda match: _RANGE.sub("", expanded(match[0], macros)), text)


def equations(document: str) -> list[Equation]:
    """Every displayed equation of a LaTeX document, and every formula in its text that holds a relation."""
    text = unfolded(document)
    found: list[Equation] = []
    end, section, words = 0, "", ""
    for match in _FORMULA.finditer(text):
        words += text[end : match.start()]
        end = match.end()
        headings = list(_HEADING.finditer(words))
        if headings:
            section, words = headings[-1].group(1), words[headings[-1].end() :]
        inline = match.group("inline") or match.group("inline2")
        if inline is not None or match.group("inline") is not None:
            here = (replace(e, section=section, before=words, displayed=False) for e in _in_text(inline or ""))
            found += [one for e in here for one in _of_each_layer(e)]
            words += match.group()
            continue
        body = next(match.group(n) for n in "abcd" if match.group(n) is not None)
        found += [o for e in displayed(body) for o in _of_each_layer(replace(e, section=section, before=words))]
        words = ""
    _nothing_left(_FORMULA.sub("", text))
    return found


_LAYERS = re.compile(r"for \$?([a-z])\$? = \$?(\d+(?:, (?:\d+|\.\.\.|\\dots))*)")


def _of_each_layer(equation: Equation) -> list[Equation]:
    """An equation for a layer l as the equations of the layers that the words before it name."""
    said = list(_LAYERS.finditer(equation.before))
    letter = said[-1].group(1) if said else ""
    if not any(_offset(side, at, letter) for side in equation.sides for at in range(len(side))):
        return [equation]
    above = re.search(rf"if \$?{letter}\$? (?:>|\$>\$|&gt;) \$?1\$?: *\$?$", equation.before)
    return [
        replace(equation, sides=tuple(_in_layer(side, letter, n) for side in equation.sides))
        for n in _counted_layers(said[-1].group(2))
        if n > 1 or not above
    ]


def _counted_layers(text: str) -> list[int]:
    """Layers in a row, in which dots stand for those between."""
    found: list[int] = []
    dots = False
    for piece in text.split(", "):
        if not piece.isdigit():
            dots = True
            continue
        n = int(piece)
        between = range(found[-1] + 1, n) if dots and n > found[-1] else range(found[-1] - 1, n, -1) if dots else ()
        found += [*between, n]
        dots = False
    return found


def _offset(side: Sequence[Token], at: int, letter: str) -> tuple[int, int] | None:
    """The offset and the number of tokens of a layer such as (l+1) that begins here."""
    texts = [t.text for t in side[at : at + 6]]
    if not letter or texts[:1] not in (["("], ["["]) or texts[1:2] != [letter]:
        return None
    closing = _CLOSING[texts[0]]
    if texts[2:3] == [closing]:
        return 0, 3
    if len(texts) > 4 and texts[2] in "+-" and texts[3].isdigit() and texts[4] == closing:
        return int(texts[2] + texts[3]), 5
    return None


def _in_layer(side: tuple[Token, ...], letter: str, layer: int) -> tuple[Token, ...]:
    found: list[Token] = []
    at = 0
    while at < len(side):
        known = _offset(side, at, letter)
        if known is None:
            found.append(side[at])
            at += 1
            continue
        offset, length = known
        found += [side[at], *tokens_of(str(layer + offset)), side[at + length - 1]]
        at += length
    return tuple(found)


def _in_text(body: str) -> list[Equation]:
    equation = _new([plain(tokens_of(body))], None)
    return [equation] if equation.relations else []


def _nothing_left(text: str) -> None:
    """Refuse a document with a display that was not found."""
    rest = re.sub(r"\\\\\[[^\]]*\]", "", text)
    names = "align|equation|gather|multline|eqnarray|math|displaymath|flalign|dmath|subequations"
    left = re.search(rf"\\begin{{({names})\w*\*?}}|\\\[|(?<!\\)\$", rest)
    if left:
        raise Unreadable(f"a formula was not found: {rest[left.start() : left.start() + 80]!r}")


def displayed(body: str) -> list[Equation]:
    """The equations of one display."""
    tokens = _unwrapped(plain(tokens_of(body)))
    found: list[Equation] = []
    for row in _split(tokens, r"\\"):
        row, number = _tagged(row)
        cells = _split(_without_reason(row), "&")
        for first in range(0, max(len(cells), 1), 2):
            pair = cells[first : first + 2]
            if not any(pair) or _words_only(pair):
                continue
            if first:
                found.append(_new(pair, number))
            else:
                _take(found, pair, number)
    for equation in found:
        if not all(equation.sides):
            raise Unreadable(f"a side is empty: {equation.source}")
    return found


def _unwrapped(tokens: list[Token]) -> list[Token]:
    """Without an ``aligned`` or ``split`` that holds all of a display."""
    for name in ("aligned", "split", "gathered", "alignedat"):
        opening = [r"\begin", "{", *name, "}"]
        texts = [t.text for t in tokens]
        if texts[: len(opening)] == opening:
            closing = [r"\end", "{", *name, "}"]
            while texts[-1:] in (["."], [","]):
                texts, tokens = texts[:-1], tokens[:-1]
            if texts[-len(closing) :] != closing:
                raise Unreadable(f"{name} holds only a part of a display")
            return tokens[len(opening) : -len(closing)]
    return tokens


_DEPTH = {"{": 1, "}": -1, r"\begin": 1, r"\end": -1}


def _split(tokens: Sequence[Token], sign: str) -> list[list[Token]]:
    """Split at a sign outside of all braces and environments."""
    parts: list[list[Token]] = [[]]
    depth, position = 0, 0
    while position < len(tokens):
        text = tokens[position].text
        depth += _DEPTH.get(text, 0)
        if text == sign and not depth:
            parts.append([])
            if sign == r"\\" and position + 1 < len(tokens) and tokens[position + 1] == Token("*"):
                position += 1
            if sign == r"\\" and position + 1 < len(tokens) and tokens[position + 1].text == "[":
                position = next(p for p in range(position, len(tokens)) if tokens[p].text == "]")
        else:
            parts[-1].append(tokens[position])
        position += 1
    return parts


def _tagged(row: list[Token]) -> tuple[list[Token], str | None]:
    r"""A row without its tags, and the number that a tag says; words stand in a ``\tag*`` or a ``\derivetag``."""
    number, rest, position = None, [], 0
    while position < len(row):
        token = row[position]
        position += 1
        if token.text not in (r"\tag", r"\derivetag"):
            rest.append(token)
            continue
        star = row[position].text == "*"
        words, end = star or token.text == r"\derivetag", matching(row, position + star)
        if not words and number is not None:
            raise Unreadable(f"two numbers in {written(row)}")
        number = number if words else written(row[position + 1 : end])
        position = end + 1
    return rest, number


_WORDS = (r"\text", r"\textit", r"\textrm", r"\mbox", r"\eqref", r"\ref", r"\textsf")


def _without_reason(row: list[Token]) -> list[Token]:
    r"""A row without the words at its end: ``\text{(chain rule)}``."""
    depth = 0
    for position, token in enumerate(row):
        if token.text in _WORDS and not depth and matching(row, position + 1) == len(row) - 1:
            return row[:position]
        depth += _DEPTH.get(token.text, 0)
    return row


def _words_only(cells: Sequence[Sequence[Token]]) -> bool:
    r"""Whether cells hold nothing but words: ``\text{...}``, and references to equations."""
    tokens = [t for cell in cells for t in cell]
    position = 0
    while position < len(tokens):
        if tokens[position].text in _WORDS:
            position = matching(tokens, position + 1)
        elif tokens[position].text not in (",", ".", ";", "(", ")"):
            return False
        position += 1
    return True


_RELATIONS = ("=", r"\leftarrow", r"\gets", ":=", r"\equiv")
_CLOSING = {"(": ")", "[": "]"}


def _related(tokens: Sequence[Token]) -> tuple[list[tuple[Token, ...]], list[str]]:
    """The sides of a row and the relations between them."""
    sides: list[list[Token]] = [[]]
    relations: list[str] = []
    depth = 0
    for token in tokens:
        depth += {"{": 1, "(": 1, "[": 1, r"\begin": 1, "}": -1, ")": -1, "]": -1, r"\end": -1}.get(token.text, 0)
        if token.text in _RELATIONS and not depth:
            relations.append(token.text)
            sides.append([])
        else:
            sides[-1].append(token)
    return [tuple(s) for s in sides], relations


def _new(cells: Sequence[Sequence[Token]], number: str | None) -> Equation:
    sides, relations = _related([t for cell in cells for t in cell])
    return Equation(tuple(sides), tuple(relations), number)


def _take(found: list[Equation], cells: list[list[Token]], number: str | None) -> None:
    """A row: an equation of its own, one more side of the last one, or the rest of its last side."""
    row = [t for cell in cells for t in cell]
    begins = row[0].text in _RELATIONS
    aligned = len(cells) > 1
    signed = row[0].text in ("+", "-", r"\odot", "*", r"\cdot", r"\oslash")
    continues = bool(found) and bool(found[-1].relations) and ((aligned and not cells[0]) or (not aligned and signed))
    if not (begins or continues) or not found:
        if begins:
            raise Unreadable(f"a relation with no left side: {written(row)}")
        found.append(_new(cells, number))
        return
    last = found.pop()
    row[0] = replace(row[0], gap=True)  # a new line is apart from the last one
    rest = Equation(*map(tuple, _related([*_flat(last), *row])), last.number or number)
    found.append(rest)


def _flat(equation: Equation) -> list[Token]:
    tokens = list(equation.sides[0])
    for relation, side in zip(equation.relations, equation.sides[1:], strict=True):
        tokens += [Token(relation, True), *side]
    return tokens


# ---------------------------------------------------------------- expressions


def read(side: Sequence[Token]) -> Node:
    """One side of an equation as a tree. Raises Unreadable if it is not a formula."""
    tokens = list(side)
    if tokens and tokens[-1].text in (".", ",", ";"):
        tokens.pop()
    parser = _Parser(tokens)
    tree = parser.expression()
    parser.done()
    return tree


def read_list(side: Sequence[Token]) -> tuple[Node, ...]:
    """Formulas separated by commas."""
    tokens = list(side)
    if tokens and tokens[-1].text in (".", ","):
        tokens.pop()
    parser = _Parser(tokens)
    found = [parser.expression()]
    while parser.accept(","):
        found.append(parser.expression())
    parser.done()
    return tuple(found)


def formula(text: str) -> Node:
    r"""The tree of a formula given as LaTeX.

    >>> formula(r"2\, 3")
    Times(factors=(Number(value=2), Number(value=3)))
    """
    return read(plain(tokens_of(text)))


_GREEK = {r"\Psi", r"\delta", r"\eta", r"\alpha", r"\mu", r"\nu", r"\psi", r"\theta", r"\Theta", r"\lambda", r"\beta"}
_GREEK |= {r"\gamma", r"\Gamma", r"\kappa", r"\rho", r"\tau", r"\omega", r"\varepsilon", r"\pi"}
_GREEK |= {r"\zeta", r"\iota", r"\xi", r"\sigma", r"\upsilon", r"\phi", r"\chi", r"\Lambda", r"\Xi", r"\Pi", r"\Phi"}
_GREEK |= {r"\Sigma", r"\Upsilon", r"\Omega"}
_KEPT = tuple("uUvVsSgG")
_ACCENTS = {r"\hat", r"\bar", r"\tilde", r"\acute", r"\grave", r"\breve", r"\dot", r"\ddot", r"\mathring", r"\check"}
_NAMED = {
    **{f"\\{name}": name for name in ("sin", "tan", "arcsin", "arccos", "arctan")},
    r"\max": "max",
    r"\min": "min",
    r"\cos": "cos",
    r"\sigma": "sigmoid",
    r"\tanh": "tanh",
    r"\ln": "ln",
    r"\log": "ln",
    r"\exp": "exp",
    r"\cosh": "cosh",
    r"\sinh": "sinh",
}
_GENERIC = ("f", "g", r"\ell", r"\phi", r"\chi")
_UPRIGHT = {r"\mathrm", r"\operatorname"}
_SAMPLES = (r"\mu", r"\nu", r"\rho", r"\tau", r"\xi", r"\zeta", r"\iota", r"\omega")
_ENTRYWISE = {r"\odot", "*", r"\circ"}
_DOTS = {r"\dots", r"\cdots", r"\ldots", r"\dotsb", r"\dotsc", r"\vdots"}
_STOPS = {"+", "-", ",", ")", "]", "}", "&", r"\\", r"\end", r"\oslash", "=", ">", "<", r"\ge", r"\le", r"\times"}
_STOPS |= _ENTRYWISE | {r"\text", r"\rfloor", r"\rangle", r"\geq", r"\leq", "/"}
_COMPARISONS = {"=": "=", ">": ">", "<": "<", r"\ge": ">=", r"\geq": ">=", r"\le": "<=", r"\leq": "<=", r"\ne": "!="}


#: Letters that a reader knows to be names of arrays, where they would mean something else: e, pi, sigma.
_known: ContextVar[frozenset[str]] = ContextVar("known", default=frozenset())


#: Whether a letter has a label as a subscript, which is a part of its name: the ``out`` of ``W_{\mathrm{out}}``.
_is_label: ContextVar[Callable[[str, str], bool]] = ContextVar("is_label", default=lambda letter, label: False)


@contextmanager
def arrays_called(
    letters: Iterable[str], is_label: Callable[[str, str], bool] = lambda letter, label: False
) -> Iterator[None]:
    """While it lasts, these letters stand for arrays, and some have labels: a document says so in its table."""
    token, labels = _known.set(frozenset(letters)), _is_label.set(is_label)
    try:
        yield
    finally:
        _known.reset(token)
        _is_label.reset(labels)


def _word(letter: str) -> str:
    """The name of a function, written as a letter."""
    return letter.removeprefix(r"\mathrm{").removesuffix("}") if letter.startswith(r"\mathrm{") else letter


class _Parser:
    """Recursive descent over the tokens of one formula."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = list(tokens)
        self.at = 0

    # ------------------------------------------------------------ moving

    def peek(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.tokens[place].text if place < len(self.tokens) else ""

    def next(self) -> Token:
        if self.at >= len(self.tokens):
            raise self.wrong("a formula ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def accept(self, *texts: str) -> bool:
        if self.peek() in texts and self.peek():
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.wrong(f"{text} is missing")

    def done(self) -> None:
        if self.at < len(self.tokens):
            raise self.wrong("a formula goes on where it should end")

    def wrong(self, what: str) -> Unreadable:
        here = written(self.tokens[: self.at]), written(self.tokens[self.at :])
        return Unreadable(f"{what}: {here[0]} <here> {here[1]}")

    def group(self) -> _Parser:
        """The tokens between braces, or the single token that stands for them."""
        if self.peek() != "{":
            return _Parser([self.next()])
        end = matching(self.tokens, self.at)
        inner = _Parser(self.tokens[self.at + 1 : end])
        self.at = end + 1
        return inner

    def within(self) -> Node:
        """The one formula between braces."""
        inner = self.group()
        tree = inner.expression()
        inner.done()
        return tree

    # ------------------------------------------------------------ sums and products

    def expression(self) -> Node:
        """Terms with signs."""
        sign = -1 if self.peek() == "-" else 1
        if not self.accept("-"):
            self.accept("+")
        terms = [(sign, self.entrywise())]
        while self.peek() in ("+", "-"):
            sign = -1 if self.next().text == "-" else 1
            terms.append((sign, self.entrywise()))
        return terms[0][1] if len(terms) == 1 and terms[0][0] == 1 else Plus(tuple(terms))

    def entrywise(self) -> Node:
        """Products multiplied entry by entry."""
        factors, divides = [self.product()], [False]
        while self.peek() in _ENTRYWISE or self.peek() == r"\oslash":
            divides.append(self.next().text == r"\oslash")
            factors.append(self.product())
        return factors[0] if len(factors) == 1 else Entrywise(tuple(factors), tuple(divides))

    def product(self) -> Node:
        """Factors side by side."""
        factors = [self.factor()]
        while True:
            if self.accept(r"\cdot"):
                factors.append(self.factor())
            elif self.peek() == r"\times" and self.peek(1):
                self.next()
                factors.append(self.factor())
            elif self.peek() == "/":
                self.next()
                factors[-1] = self._divided(factors[-1], self.factor())
            elif self.peek() and self.peek() not in _STOPS:
                factors.append(self.factor())
            else:
                return factors[0] if len(factors) == 1 else Times(tuple(factors))

    def _divided(self, top: Node, bottom: Node) -> Node:
        if isinstance(top, _Differential) and isinstance(bottom, _Differential):
            return Partial(top.of, bottom.of)
        return Ratio(top, bottom)

    def factor(self) -> Node:
        """A part with its exponents."""
        tree = self.primary()
        while self.peek() in ("^", "_"):
            tree = self._scripted(tree)
        return tree

    def _scripted(self, tree: Node) -> Node:
        sign = self.next().text
        inner = self.group()
        if sign == "_":
            if inner.peek() != r"\setminus":
                raise self.wrong("an index on what is no symbol")
            return Columns(tree)
        if inner.accept("T", r"\top") or inner._sans_t():
            inner.done()
            return Ones(not tree.transposed) if isinstance(tree, Ones) else Transposed(tree)
        entrywise = inner.peek() in _ENTRYWISE and bool(inner.next())
        exponent = inner.expression()
        inner.done()
        return Power(tree, exponent, entrywise)

    def _sans_t(self) -> bool:
        if [self.peek(n) for n in range(4)] == [r"\mathsf", "{", "T", "}"]:
            self.at += 4
            return True
        return False

    # ------------------------------------------------------------ parts

    def primary(self) -> Node:
        """A number, a symbol, a function of something, a bracket, a fraction, a sum."""
        text = self.peek()
        if text.isdigit():
            return self._number()
        if text in ("(", "["):
            return self._bracket()
        if text == "{":
            return self._empty_group()
        parts = {
            r"\frac": self._fraction,
            r"\dfrac": self._fraction,
            r"\tfrac": self._fraction,
            r"\sum": self._sum,
            r"\pi": lambda: Number(math.pi),
            "|": self._bars,
            r"\underbrace": self._braced,
            r"\overbrace": self._braced,
            r"\begin": self._environment,
            r"\mathbf": self._ones,
            r"\sqrt": self._root,
            r"\lfloor": self._floor,
            r"\langle": self._inner,
            r"\partial": self._differential,
            r"\Delta": self._change,
        }
        if text in _known.get() and not self._names_a_function():
            return self.symbol(None)
        if text in (r"\max", r"\min") and self.peek(1) == "_":
            return self._extreme(self.next().text[1:])
        if text == r"\operatorname" and self.peek(1) == "*":
            self.next(), self.next()
            return self._extreme("".join(t.text for t in self.group().tokens))
        if text in parts:
            self.next()
            return parts[text]()
        if text in _DOTS:
            self.next()
            return Dots()
        if text in _UPRIGHT and not self._names_a_function():
            return self.symbol(None)
        if text in _NAMED or self._names_a_function():
            return self._applied()
        if text == "e" and self.peek(1) == "^":
            return self._exponential()
        return self.symbol(None)

    def _number(self) -> Node:
        digits = self.next().text
        while self.peek().isdigit() and not self.tokens[self.at].apart:
            digits += self.next().text
        while len(digits) <= 3 or digits.count(" "):
            if not self._three_more():
                break
            digits += " " + "".join(self.next().text for _ in range(3))
        digits = digits.replace(" ", "")
        if self.peek() == "." and self.peek(1).isdigit():
            digits += self.next().text
            while self.peek().isdigit() and not self.tokens[self.at].apart:
                digits += self.next().text
            return Number(float(digits))
        return Number(int(digits))

    def _three_more(self) -> bool:
        r"""Whether exactly three digits follow after a thin space: ``1\,260\,268`` is one number."""
        following = self.tokens[self.at : self.at + 4]
        apart = [t.apart for t in following[1:3]]
        three = len(following) > 2 and all(t.text.isdigit() for t in following[:3]) and not any(apart)
        return (
            three
            and following[0].gap
            and not (following[3:] and following[3].text.isdigit() and not following[3].apart)
        )

    def _bracket(self) -> Node:
        opened = self.next().text
        if opened == "[" and self._is_condition():
            return self._condition()
        closing = _CLOSING[opened]
        tree = self.expression()
        self.expect(closing)
        return tree

    def _inner(self) -> Node:
        """Two formulas up to the closing angle bracket."""
        left = self.expression()
        self.expect(",")
        right = self.expression()
        self.expect(r"\rangle")
        return Inner(left, right)

    def _is_condition(self) -> bool:
        """Whether what stands in square brackets is an equation."""
        depth = 0
        for token in self.tokens[self.at :]:
            depth += {"{": 1, "}": -1}.get(token.text, 0)
            if not depth and token.text in ("=", "]"):
                return token.text == "="
        return False

    def _extreme(self, name: str) -> Node:
        """The ranges below the name of a maximum, and what it is the maximum of."""
        if name not in ("max", "min", "argmax", "argmin"):
            raise self.wrong(f"the operator {name}")
        self.expect("_")
        below, ranges = self.group(), []
        while not ranges or below.accept(","):
            start = below.expression()
            below.expect(r"\le")
            letter = below._index_letter()
            below.expect(r"\le")
            ranges.append((letter, start, below.expression()))
        below.done()
        return Extreme(name, tuple(ranges), self.product())

    def _condition(self) -> Node:
        """``i = j]``: 1 where it holds, 0 elsewhere."""
        start = self.at
        try:
            return self._of_letters()
        except Unreadable:
            self.at = start
        left = [self.expression()] if not self.accept("(") else list(self._several())
        self.expect("=")
        right = self.expression()
        self.expect("]")
        return Bracket(tuple(left), right)

    def _several(self) -> Iterator[Node]:
        """Formulas separated by commas, up to a closing bracket."""
        yield self.expression()
        while self.accept(","):
            yield self.expression()
        self.expect(")")

    def _of_letters(self) -> Node:
        """An equation between letters or numbers."""
        sides = []
        for ending in ("=", "]"):
            sides.append(self._digits() if self.peek().isdigit() else self._index_letter())
            self.expect(ending)
        return Kronecker(*sides)

    def _bars(self) -> Node:
        """What stands between two bars; bars within bars are not told apart."""
        depth, end = 0, self.at
        while depth or self.peek(end - self.at) != "|":
            depth += _DEPTH.get(self.peek(end - self.at), 0)
            end += 1
            if end >= len(self.tokens):
                raise self.wrong("a bar alone")
        inner = _Parser(self.tokens[self.at : end])
        tree = inner.expression()
        inner.done()
        self.at = end + 1
        return Bars(tree)

    def _empty_group(self) -> Node:
        """``{}^{(2)}z``: the layer of the symbol behind it."""
        inner = self.group()
        if inner.tokens:
            tree = inner.expression()
            inner.done()
            return tree
        if self.peek() == "[":  # not the length of a space after a line
            return self.primary()
        self.expect("^")
        mark = self.group()
        layer = mark._layer()
        mark.done()
        if layer is None:
            raise self.wrong("a left superscript that is no layer")
        return self.symbol(layer)

    def _layer(self) -> int | None:
        """A number in brackets."""
        closing = _CLOSING.get(self.peek())
        if closing is None or not self.peek(1).isdigit():
            return None
        start = self.at
        self.next()
        number = self._number()
        if not self.accept(closing) or not isinstance(number, Number):
            self.at = start
            return None
        return int(number.value)

    def _fraction(self) -> Node:
        top, bottom = self.group(), self.group()
        if top.peek() in ("d", r"\partial") and len(top.tokens) == 1 and bottom.peek() == top.peek():
            bottom.next()
            wrt = bottom.symbol(None)
            bottom.done()
            return Slope(self.product(), wrt)
        immediate = [top.peek(n) for n in range(5)] == [r"\partial", "^", "{", "+", "}"]
        if immediate:
            del top.tokens[1:5]
        if top.peek() == r"\partial":
            above, below = top.expression(), bottom.expression()
            if not (isinstance(above, _Differential) and isinstance(below, _Differential)):
                raise self.wrong("a derivative that is none")
            top.done(), bottom.done()
            if self.peek() == "(" and isinstance(above.of, Symbol) and isinstance(below.of, Symbol):
                number = "".join(above.of.indices) or None
                return self._arguments(Function(_word(above.of.letter), number=number, wrt=below.of.letter))
            return Partial(above.of, below.of, immediate)
        above, below = top.expression(), bottom.expression()
        top.done(), bottom.done()
        return Ratio(above, below)

    def _differential(self) -> Node:
        return _Differential(self.factor())

    def _change(self) -> Node:
        tree = self.factor()
        if not isinstance(tree, Symbol):
            raise self.wrong("a change of what is no symbol")
        return Change(tree)

    def _sum(self) -> Node:
        index, start, stop = "", None, None
        while self.peek() in ("_", "^"):
            if self.next().text == "_":
                below = self.group()
                index = below._index_letter()
                if below.accept("="):
                    start = below.expression()
                below.done()
            else:
                stop = self.within()
        if not index or (start is None) != (stop is None):
            raise self.wrong("a sum without its index, or with half of its limits")
        return Sum(index, start, stop, self.product())

    def _braced(self) -> Node:
        of = self.within()
        if not self.accept("_", "^"):
            return Braced(of)
        note = self.group()
        if _words_only([note.tokens]):
            return Braced(of)
        first = note.expression_without_times()
        if note.accept(r"\times"):
            second = note.expression_without_times()
            note.done()
            return Braced(of, shape=(first, second))
        note.done()
        return Braced(of, same=first)

    def expression_without_times(self) -> Node:
        r"""A formula that ends before a ``\times``."""
        end = next((n for n in range(self.at, len(self.tokens)) if self.peek(n - self.at) == r"\times"), None)
        inner = _Parser(self.tokens[self.at : end])
        tree = inner.expression()
        inner.done()
        self.at = len(self.tokens) if end is None else end
        return tree

    def _root(self) -> Node:
        return Root(self.within())

    def _floor(self) -> Node:
        tree = self.expression()
        self.expect(r"\rfloor")
        return Floor(tree)

    def _environment(self) -> Node:
        name = "".join(t.text for t in self.group().tokens)
        if name not in ("cases", "bmatrix", "pmatrix"):
            raise self.wrong(f"{name} in a formula")
        depth, end = 1, self.at
        while depth:
            if end >= len(self.tokens):
                raise self.wrong(f"{name} has no end")
            depth += {r"\begin": 1, r"\end": -1}.get(self.tokens[end].text, 0)
            end += 1
        rows = _split(self.tokens[self.at : end - 1], r"\\")
        self.at = matching(self.tokens, end) + 1
        if name == "cases":
            return Cases(tuple(self._case(row) for row in rows))
        cells = [_split(row, "&") for row in rows]
        if len(cells) == 1 and len(cells[0]) > 1:
            return Beside(tuple(read(cell) for cell in cells[0]))
        return Stack(tuple(read(row) for row in rows))

    def _case(self, row: list[Token]) -> tuple[Node, Condition | None]:
        cells = _split(row, "&")
        if len(cells) != 2:
            raise self.wrong("a case without its condition")
        value, condition = read(cells[0]), _Parser(cells[1])
        if condition.peek() == r"\text":
            condition.next()
            words = "".join((" " if t.apart else "") + t.text for t in condition.group().tokens).strip()
            if words.rstrip(",.") in ("otherwise", "else"):
                condition.done()
                return value, None
            if words not in ("if", "for"):
                raise self.wrong(f"the condition {words}")
        found = condition._conditions()
        condition.done()
        return value, found

    def _conditions(self) -> Condition:
        """Comparisons, joined by words."""
        found = self._comparison()
        while self.peek() == r"\text":
            self.next()
            word = "".join(t.text for t in self.group().tokens)
            if word not in ("and", "or"):
                raise self.wrong(f"the condition {word}")
            found = Condition(found, word, self._comparison())
        return found

    def _comparison(self) -> Condition:
        if self.peek() == "(" and self._is_grouped():
            self.next()
            found = self._conditions()
            self.expect(")")
            return found
        left = self.expression()
        relation = self.next().text
        if relation not in _COMPARISONS:
            raise self.wrong(f"the condition {relation}")
        return Condition(left, _COMPARISONS[relation], self.expression())

    def _is_grouped(self) -> bool:
        """Whether the bracket that opens here holds conditions."""
        depth = 0
        for token in self.tokens[self.at :]:
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if token.text in _COMPARISONS or not depth:
                return depth > 0
        return False

    def _ones(self) -> Node:
        inner = self.group()
        if [t.text for t in inner.tokens] != ["1"]:
            raise self.wrong("a bold symbol")
        return Ones()

    def _exponential(self) -> Node:
        self.next(), self.expect("^")
        inner = self.group()
        entrywise = inner.peek() in _ENTRYWISE and bool(inner.next())
        exponent = inner.expression()
        inner.done()
        return Exp(exponent, entrywise)

    # ------------------------------------------------------------ functions

    def _names_a_function(self) -> bool:
        """Whether f, g or a word is followed by its number, primes or layer and then, with no gap, by a bracket."""
        if self.peek() not in _GENERIC and self.peek() not in _UPRIGHT:
            return False
        start = self.at
        try:
            self._function()
            return self.peek() == "(" and not self.tokens[self.at].gap
        except Unreadable:
            return False
        finally:
            self.at = start

    def _function(self) -> tuple[Function, Node | None]:
        """The name of a function, and a power that stands before its argument."""
        text = self.next().text
        if text in _UPRIGHT:
            name = "".join(t.text for t in self.group().tokens).replace(r"\_", "_")
        else:
            name = _NAMED.get(text, text)
        function, power = Function(name), None
        while self.peek() in ("'", "_", "^"):
            sign = self.next().text
            if sign == "'":
                function = replace(function, primes=function.primes + 1)
                continue
            inner = self.group()
            if sign == "_":
                function = replace(function, number=written(inner.tokens))
                if function.name in _GENERIC and not function.number.isdigit():
                    raise self.wrong("the number of a function")
                continue
            while inner.accept(r"\prime", "'"):
                function = replace(function, primes=function.primes + 1)
            layer = inner._layer()
            if layer is not None:
                function = replace(function, layer=layer)
            elif inner.peek():
                power = inner.expression()
            inner.done()
        return function, power

    def _applied(self) -> Node:
        function, power = self._function()
        if self.peek() != "(":
            raise self.wrong("a function without its argument in brackets")
        tree = self._arguments(function)
        return tree if power is None else Power(tree, power)

    def _arguments(self, function: Function) -> Node:
        self.expect("(")
        arguments = [self.expression()]
        while self.accept(","):
            arguments.append(self.expression())
        self.expect(")")
        return Exp(arguments[0]) if function == Function("exp") else Apply(function, tuple(arguments))

    # ------------------------------------------------------------ symbols

    def symbol(self, layer: int | None) -> Node:
        """A letter with its layer, its indices and what else stands around it."""
        letter = self._letter()
        if letter in _KEPT and layer is None and self._has_parameter_below():
            return self._kept(letter)
        found = Symbol(letter, layer)
        powers: list[tuple[Node, bool]] = []
        while self.peek() in ("_", "^"):
            if self.next().text == "_":
                found = self.group()._indexed(found)
            else:
                found, power = self.group()._raised(found, layer is not None)
                powers += [power] if power else []
                if power:
                    break
        if self.peek() == "'":
            raise self.wrong("a prime on what is no function")
        tree: Node = found
        for exponent, entrywise in powers:
            tree = Power(tree, exponent, entrywise)
        return tree

    def _has_parameter_below(self) -> bool:
        """Whether what follows is an index in which a parameter stands, not a row of letters."""
        if self.peek() != "_":
            return False
        below = [t.text for t in self.tokens[self.at + 1 : matching(self.tokens, self.at + 1) + 1]]
        first = next((t for t in below if t != "{"), "") if below[:1] == ["{"] else ""
        return first in ("w", "W", "b", r"\bar", r"\theta", "}")

    def _kept(self, letter: str) -> Node:
        self.expect("_")
        of = self.within()
        if not isinstance(of, Symbol):
            raise self.wrong("an index that is no parameter")
        tree: Node = Kept(letter, of)
        while self.accept("^"):
            inner = self.group()
            entrywise = inner.peek() in _ENTRYWISE and bool(inner.next())
            tree = Power(tree, inner.expression(), entrywise)
            inner.done()
        return tree

    def _letter(self) -> str:
        token = self.next()
        text = token.text
        if text in _ACCENTS:
            inner = "".join(t.text for t in self.group().tokens)
            return f"{text}{{{inner}}}"
        if text == r"\mathit":
            return "".join(t.text for t in self.group().tokens)
        if text in _UPRIGHT:
            return rf"\mathrm{{{written(self.group().tokens)}}}"
        if text == "d" and self._is_differential():
            return f"d{self._letter()}"
        if text in _GREEK | _known.get() or (text.isalpha() and len(text) == 1):
            return text
        self.at -= 1
        raise self.wrong(f"{text} where a symbol should stand")

    def _is_differential(self) -> bool:
        """Whether a letter follows a d with no space: dW."""
        text = self.peek()
        letter = (len(text) == 1 and text.isalpha()) or text in _GREEK | _ACCENTS | _UPRIGHT
        return letter and "d" not in _known.get() and not self.tokens[self.at].apart

    def _indexed(self, symbol: Symbol) -> Symbol:
        """What stands below a symbol."""
        above = symbol.indices if symbol.raised and len(symbol.indices) == 1 else ()
        if symbol.indices != above or symbol.without_biases:
            raise self.wrong("two lower indices")
        if self.accept(r"\setminus"):
            self.expect("0")
            self.done()
            return replace(symbol, without_biases=True)
        pieces = _split(self.tokens, ",")
        label = [piece for n, piece in enumerate(pieces) if all(map(_may_be_label, pieces[: n + 1]))]
        while label and not _is_label.get()(symbol.letter, ", ".join(map(written, label))):
            label.pop()
        if label:
            begin = sum(map(len, pieces[: len(label)])) + len(label)
            rest = _Parser(self.tokens[begin:])
            named = replace(symbol, letter=f"{symbol.letter}_{{{', '.join(map(written, label))}}}")
            self.at = len(self.tokens)
            return rest._indexed(named) if rest.tokens else named
        if any(map(_is_formula, pieces)) or (pieces[1:] and any(map(_is_multiple, pieces))):
            self.at = len(self.tokens)
            read = [i for piece in pieces for i in _Parser(piece)._of_a_piece()]
            return replace(symbol, indices=(*read, *above), commas=True)
        found: list[str] = []
        commas = False
        while self.peek():
            if self.accept(","):
                commas = True
            elif self.peek().isdigit():
                found.append(self._digits())
            elif self.peek() == r"\mathit":
                self.next()
                found.append("".join(t.text for t in self.group().tokens))
            elif self.peek() in _ACCENTS | _UPRIGHT:
                found.append(self._letter())
            else:
                found.append(self._index_letter())
        if not found:
            raise self.wrong("an empty index")
        return replace(symbol, indices=(*found, *above), commas=commas)

    def _of_a_piece(self) -> tuple[str, ...]:
        """What stands between two commas: a formula, or letters and numbers side by side."""
        if _is_formula(self.tokens) or _is_multiple(self.tokens):
            self.expression(), self.done()
            return (written(self.tokens),)
        return self._indexed(Symbol("")).indices

    def _digits(self) -> str:
        digits = self.next().text
        while self.peek().isdigit():
            digits += self.next().text
        return digits

    def _index_letter(self) -> str:
        letter = self.next().text
        if not (letter in _GREEK | _known.get() or (letter.isalpha() and len(letter) == 1)):
            raise self.wrong(f"{letter} as an index")
        if self.accept("_"):
            below = self.group()
            letter += "_" + (below._digits() if below.peek().isdigit() else below._letter())
        return letter

    def _raised(self, symbol: Symbol, layer_left: bool) -> tuple[Symbol, tuple[Node, bool] | None]:
        """What stands above a symbol: its layer, its sample, a transpose; or a power.

        A symbol with its layer at its left has an index there and no power.
        """
        while self.peek():
            layer = self._layer()
            if layer is not None:
                if symbol.layer is not None:
                    raise self.wrong("two layers")
                symbol = replace(symbol, layer=layer)
            elif self.peek() in _SAMPLES or (self.peek() == "(" and self.peek(1) in _SAMPLES):
                first, letter = symbol.sample is None, self._sample()
                symbol = replace(symbol, sample=letter) if first else replace(symbol, others=(*symbol.others, letter))
            elif (self.accept("T", r"\top") or self._sans_t()) and not symbol.transposed:
                symbol = replace(symbol, transposed=True)
            elif layer_left and self.peek() not in _ENTRYWISE and not symbol.raised:
                index = self._digits() if self.peek().isdigit() else self._index_letter()
                symbol = replace(symbol, indices=(*symbol.indices, index), raised=True)
            else:
                entrywise = self.peek() in _ENTRYWISE and bool(self.next())
                exponent = self.expression()
                self.done()
                return symbol, (exponent, entrywise)
        return symbol, None

    def _sample(self) -> str:
        bracket = self.accept("(")
        letter = self._index_letter()
        if bracket:
            self.expect(")")
        return letter


def _is_formula(piece: Sequence[Token]) -> bool:
    """Whether an index is a sum, or an entry of an array."""
    texts = [token.text for token in piece]
    scripts = [n for n, text in enumerate(texts) if text in ("_", "^")]
    return bool({"+", "-"} & {*texts}) or any(texts[n - 1] == "}" or not _counts(texts[n:]) for n in scripts)


def _may_be_label(piece: Sequence[Token]) -> bool:
    texts = [token.text for token in piece]
    return texts[:1] == [r"\mathrm"] or "".join(texts).isdigit()


def _counts(texts: Sequence[str]) -> bool:
    """Whether what stands below a letter is its number: ``i_{1}``."""
    below = texts[2 : texts.index("}")] if texts[1] == "{" else texts[1:2]
    return texts[0] == "_" and "".join(below).isdigit()


def _is_multiple(piece: Sequence[Token]) -> bool:
    """Whether an index is a number times a letter."""
    texts = [token.text for token in piece]
    return len(texts) > 1 and texts[0].isdigit() and not texts[-1].isdigit()


@dataclass(frozen=True)
class _Differential(Node):
    """Half of a derivative."""

    of: Node
