"""Every letter of an index that occurs is in the table of symbols, and no other is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from helpers import derivation

from derive.document.blocks import Part, Table, boxes_in
from derive.document.parts.notation import notation
from derive.document.view import View
from derive.paper.boxes import Box
from derive.paper.text import text

SPECS = {
    "three layers": ((3, 4, 4, 1), {}),
    "one unit": ((3, 1), {}),
    "one of everything": ((1, 1), {}),
    "classes": ((3, 4, 3), {"activation": ("tanh", "softmax"), "loss": "cross_entropy", "notation": "bracket"}),
    "delta": ((3, 4, 2), {"notation": "delta", "l2": 0.1}),
    "xbar": ((3, 4, 2), {"notation": "xbar", "optimizer": "adam"}),
}


def indices(box: Box) -> Iterator[str]:
    """The single letters in the indices of a symbol, under a sign of a sum, and in a condition."""
    if text(box).startswith("[") and " = " in text(box):
        yield from text(box).strip("[]").split(" = ")
        inner = []
    elif box.kind == "script":
        inner = [b for b in box.parts[1:3] if isinstance(b, Box)]
    else:
        inner = [box.parts[0]] if box.kind == "total" else []
    for one in inner:
        yield from (text(b) for b in _plain(one))


def _plain(box: Box) -> Iterator[Box]:
    if box.kind == "letter":
        yield box
    elif box.kind == "row":
        yield from (b for part in box.parts if isinstance(part, Box) for b in _plain(part))


def listed(part: Part) -> set[str]:
    (table,) = [b for b in part.blocks if isinstance(b, Table)]
    rows = [row for row in table.rows if str(row[1].spans[0]).startswith("as an index: a unit")]
    return {name for row in rows for b in row[0].spans if isinstance(b, Box) for name in text(b).split(", ")}


@pytest.mark.parametrize("name", SPECS)
def test_the_index_letters_of_the_table_are_those_that_occur(name):
    layers, options = SPECS[name]
    found = derivation(layers, **options)
    parts = [part for part in found.document().parts if part.name != "notation"]
    table = notation(View(found), parts)
    occur = {i for box in boxes_in(b for p in parts for b in p.blocks) for i in indices(box)}
    assert listed(table) == occur & set("ijkpqrst") - ({"t"} if options.get("optimizer") else set())


@pytest.mark.parametrize(("layers", "there"), [((3, 1), False), ((3, 4, 1), True)])
def test_a_single_layer_has_no_table_of_symbols_unless_it_is_asked_for(layers, there):
    found = derivation(layers)
    assert ("Symbols" in [p.title for p in found.document().parts]) == there
    assert "Symbols" in found.markdown(only=("forward", "notation"))


@pytest.mark.parametrize(("layers", "there"), [((3, 4, 1), True), ((3, 2), True), ((1, 1), False)])
def test_the_bracket_of_a_condition_is_explained_where_there_is_one(layers, there):
    page = derivation(layers).markdown(only=("chain", "notation"))
    assert ("and 0 otherwise" in page) == ("1 if the equation holds" in page) == there


def test_a_brief_document_says_what_its_letters_are():
    page = derivation((3, 4, 1)).markdown(detail="brief", only=("forward",))
    for words in ("holds the inputs", "the targets", "the weights", "the biases", "the pre-activations", "the outputs"):
        assert words in page
