"""Documents as text for a terminal: width, columns, and every kind of block."""

from __future__ import annotations

import unicodedata

import pytest
from networks import NETWORKS

from derive import Network, derive
from derive.document.blocks import Code, Display, Document, Heading, Item, Part, Reference, Strong, Table, Text, say
from derive.formats.terminal import TerminalWriter, columns, padded, terminal, wrapped
from derive.paper.boxes import EMPTY, Typesetter
from derive.paper.characters import LETTERS, STAR
from derive.paper.notation import NOTATIONS

SET = Typesetter(STAR)
A, B = (SET.letter(LETTERS[x]) for x in "ab")
WRITER = TerminalWriter(40)


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("layers", ["3,4,4,1", "n,h,k", "3,1", "20,300,10"])
@pytest.mark.sampled(4)
def test_every_block_of_a_derivation_fits(layers: str, notation: str) -> None:
    derivation = derive(Network(layers, notation=notation))
    written = terminal(derivation.document(detail="exhaustive"), 88)
    assert all(line == line.rstrip() for line in written.splitlines())
    assert "\n\n\n" not in written and not any(c in written for c in "\t\x1b$\\")
    wide = [line for line in written.splitlines() if columns(line) > 100]
    assert not [line for line in wide if not line.startswith("  ")], "words are wrapped"
    assert len(wide) <= 3, "a piece of a formula cannot be broken"


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(10)
def test_every_network_is_written(name: str) -> None:
    assert terminal(derive(NETWORKS[name]()).document())


def test_columns_count_visible_characters() -> None:
    assert [columns(w) for w in ("abc", "x̄", "Ŷ", "𝟏", "日本")] == [3, 1, 1, 1, 4]
    assert padded("x̄", 3) == "x̄  " and padded("x̄", 3, right=True) == "  x̄"


def test_words_are_wrapped_and_formulas_are_not() -> None:
    assert wrapped("one two three".split(), 7) == "one two\nthree"
    assert wrapped(["overlong"], 3) == "overlong"
    box = SET.join((A, B), "equals", 0)
    told = TerminalWriter(14).block(say("Where we have {}.", box))
    assert told == "Where we have\na = b."


def test_spans() -> None:
    told = WRITER.block(say("{}, {} and {}: {}", Reference(3), Code("x_1"), Strong("Psi"), A))
    assert told == "(3), x_1 and Psi: a"


def test_equations_are_aligned() -> None:
    long = SET.join((A, A, A), "thin", 0)
    items = (Item(long, (A,), number=7), Item(A, (B,), "gets", reason=say("chain rule")), Item(EMPTY, (A, B)))
    assert WRITER.block(Display(items)) == "  a a a = a   (7)\n      a ← b   (chain rule)\n        = a b"


def test_a_long_equation_continues_on_the_next_line() -> None:
    word = SET.words("abcdefghi")
    told = TerminalWriter(29).block(Display((Item(A, (word,) * 3, number=1, reason=say("why")),)))
    assert told == "  a = abcdefghi abcdefghi\n        abcdefghi   (why)\n        (1)"


def test_tables_are_aligned_and_their_words_wrapped() -> None:
    head = (Text(("name",)), Text(("value",)), Text(("what it is",)))
    words = ("12", "some words that are long"), ("3", "x")
    rows = tuple((Text((box,)), *(Text((w,)) for w in cells)) for box, cells in zip((A, B), words, strict=True))
    told = TerminalWriter(32).block(Table(head, rows, frozenset({1}), wrapped=2))
    assert told.splitlines() == [
        "  name  value  what it is",
        "  ────  ─────  ───────────────",
        "  a        12  some words that",
        "               are long",
        "  b         3  x",
    ]


def test_a_whole_document() -> None:
    part = Part("one", "First", (Heading(say("Lead"), say("Text.")), say("More.")))
    assert terminal(Document("Title", (part,))) == "Title\n=====\n\nFirst\n-----\n\nLead. Text.\n\nMore."


def test_an_unknown_block_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="cannot write int in a terminal"):
        WRITER.block(3)  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError, match="cannot write float in a terminal"):
        WRITER.block(Text((1.5,)))  # type: ignore[arg-type]


def test_letters_are_no_wider_than_they_look() -> None:
    for letter in LETTERS.values():
        marks = sum(unicodedata.combining(c) > 0 for c in letter.text)
        assert columns(letter.text) == len(letter.text) - marks
