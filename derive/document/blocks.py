"""The blocks of a document, independent of the format: parts, texts, displayed equations, tables, pictures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from derive.paper.boxes import EMPTY, Box
from derive.record import record

if TYPE_CHECKING:
    from derive.drawing import Drawing

#: A piece of an equation that forces a line break before it.
BREAK = EMPTY


#: The number of an equation, or the letter of one that the code does not compute.
Number = int | str


@record
class Reference:
    """A reference to an equation by number; a link in formats that have links."""

    number: Number


@record
class Code:
    """Inline code in a text."""

    source: str


@record
class Strong:
    """An emphasised term, where it is introduced."""

    words: str


Span = str | Box | Reference | Code | Strong


@record
class Text:
    """A paragraph or a table cell: words and inline formulas."""

    spans: tuple[Span, ...]


def say(pattern: str, *filled: Span | Text) -> Text:
    """Return a text with its ``{}`` filled in order.

    >>> say("see {}.", Reference(3)).spans
    ('see ', Reference(number=3), '.')
    """
    words = pattern.split("{}")
    if len(words) != len(filled) + 1:
        raise ValueError(f"{len(filled)} pieces for {len(words) - 1} places in {pattern!r}")
    spans: list[Span] = [words[0]]
    for piece, after in zip(filled, words[1:], strict=True):
        spans += [*(piece.spans if isinstance(piece, Text) else (piece,)), after]
    return Text(tuple(s for s in spans if s != ""))


def listed(pieces: Iterable[Span | Text]) -> Text:
    """Join pieces as a list in a sentence: a, b and c."""
    chosen = list(pieces)
    spans: list[Span] = []
    for number, piece in enumerate(chosen):
        if number:
            spans.append(" and " if number == len(chosen) - 1 else ", ")
        spans += piece.spans if isinstance(piece, Text) else (piece,)
    return Text(tuple(spans))


def spelled(count: int) -> str:
    """A number in words below ten, in digits from there on.

    >>> spelled(4), spelled(12)
    ('four', '12')
    """
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return words[count] if count < len(words) else str(count)


@record
class Item:
    """One displayed equation, or a further step of it.

    ``right`` holds the pieces between which a line may break; a step has an ``EMPTY``
    left side. ``relation`` is ``equals``, ``gets`` or ``none``. ``reason`` names the rule of the step.
    An equation that is written ``again``, with its numbers put in, has the same ``number``.
    """

    left: Box
    right: tuple[Box, ...]
    relation: str = "equals"
    number: Number | None = None
    reason: Text | None = None
    again: bool = False


@record
class Display:
    """A group of equations aligned at their relations."""

    items: tuple[Item, ...]


@record
class Table:
    """A table; ``numeric`` columns are right-aligned, the column ``wrapped`` may be broken into lines."""

    head: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]
    numeric: frozenset[int] = frozenset()
    wrapped: int | None = None


@record
class Step:
    """A line of an algorithm: its indentation, its equation, and the line of code that implements it."""

    text: Text
    depth: int = 0
    number: Number | None = None
    code: tuple[int, str] | None = None


@record
class Algorithm:
    """The training loop, line by line."""

    title: Text
    steps: tuple[Step, ...]


@record
class Picture:
    """A drawing with its caption; ``name`` is unique."""

    drawing: Drawing
    caption: Text
    name: str = "network"


@record
class Heading:
    """A heading within a part, and its first sentence."""

    title: Text
    text: Text


@record
class Fold:
    """Optional content, collapsed in formats that support it."""

    title: Text
    blocks: tuple[Block, ...]


Block = Text | Display | Table | Algorithm | Picture | Heading | Fold


@record
class Part:
    """One part of the derivation; ``name`` is its name in ``--only``."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@record
class Document:
    """A whole document."""

    title: str
    parts: tuple[Part, ...]


def boxes_in(blocks: Iterable[Block]) -> set[Box]:
    """Every formula in the blocks, and every part of one."""
    found: set[Box] = set()
    queue: list[object] = [*blocks]
    while queue:
        one = queue.pop()
        if isinstance(one, Box):
            if one in found:
                continue
            found.add(one)
            queue += one.parts
        elif isinstance(one, tuple):
            queue += one
        elif isinstance(one, Text | Display | Table | Algorithm | Heading | Fold | Item | Step):
            queue += vars(one).values()
    return found
