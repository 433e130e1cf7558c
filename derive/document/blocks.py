"""What a document is made of, in no format: parts, texts, displayed equations, tables, pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from derive.paper.boxes import EMPTY, Box

if TYPE_CHECKING:
    from derive.drawing import Drawing

#: A piece of an equation before which a new line begins.
BREAK = EMPTY


@dataclass(frozen=True)
class Reference:
    """The number of an equation, as a link to it where the format has links."""

    number: int


@dataclass(frozen=True)
class Code:
    """A word of code in a text."""

    source: str


@dataclass(frozen=True)
class Strong:
    """A term where it is introduced."""

    words: str


Span = str | Box | Reference | Code | Strong


@dataclass(frozen=True)
class Text:
    """A paragraph, or a cell: words with formulas between them."""

    spans: tuple[Span, ...]


def say(pattern: str, *filled: Span | Text) -> Text:
    """A text whose ``{}`` are filled in their order.

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


def listed(pieces: Iterable[Span]) -> Text:
    """Pieces in a row: a, b and c."""
    chosen = list(pieces)
    spans: list[Span] = []
    for number, piece in enumerate(chosen):
        if number:
            spans.append(" and " if number == len(chosen) - 1 else ", ")
        spans.append(piece)
    return Text(tuple(spans))


@dataclass(frozen=True)
class Item:
    """One displayed equation, or one more step of it.

    ``right`` are the pieces between which a line may end; a step has an ``EMPTY``
    left side. ``relation`` is ``equals``, ``gets`` or ``none``. ``reason`` names the rule of the step. An
    equation keeps its ``number`` in the form for a ``batch``.
    """

    left: Box
    right: tuple[Box, ...]
    relation: str = "equals"
    number: int | None = None
    reason: Text | None = None
    batch: bool = False


@dataclass(frozen=True)
class Display:
    """Equations below one another, aligned at their relations."""

    items: tuple[Item, ...]


@dataclass(frozen=True)
class Table:
    """A table; ``numeric`` columns are set to the right, the column ``wrapped`` may be broken into lines."""

    head: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]
    numeric: frozenset[int] = frozenset()
    wrapped: int | None = None


@dataclass(frozen=True)
class Step:
    """A line of an algorithm: how far it is indented, its equation, and the line of code that does it."""

    text: Text
    depth: int = 0
    number: int | None = None
    code: tuple[int, str] | None = None


@dataclass(frozen=True)
class Algorithm:
    """The loop, line by line."""

    title: Text
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Picture:
    """A drawing with its caption; ``name`` tells it from other drawings."""

    drawing: Drawing
    caption: Text
    name: str = "network"


@dataclass(frozen=True)
class Heading:
    """A heading within a part, and the sentence that it leads."""

    title: Text
    text: Text


@dataclass(frozen=True)
class Fold:
    """What a reader may leave out at first: folded where the format can fold."""

    title: Text
    blocks: tuple[Block, ...]


Block = Text | Display | Table | Algorithm | Picture | Heading | Fold


@dataclass(frozen=True)
class Part:
    """One part of the derivation; ``name`` is what ``--only`` calls it."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """The whole derivation."""

    title: str
    parts: tuple[Part, ...]
