"""Boxes: numbers in groups of three digits, and the bracket of a condition."""

from __future__ import annotations

import pytest

from derive.paper.boxes import PRODUCT, SUM, Box, Typesetter, opened
from derive.paper.characters import LETTERS, ODOT
from derive.paper.latex import latex
from derive.paper.text import text

SET = Typesetter(ODOT)


@pytest.mark.parametrize(
    ("box", "tex", "shown"),
    [
        (SET.number(9999), "9999", "9999"),
        (SET.number(10_000), r"10\,000", "10 000"),
        (SET.number(1_260_268), r"1\,260\,268", "1 260 268"),
        (SET.decimal("12345.0625"), r"12\,345.0625", "12 345.0625"),
        (SET.decimal("-12345"), r"-12\,345", "−12 345"),
        (SET.decimal("0.00001"), "0.00001", "0.00001"),
        (SET.condition(SET.letter(LETTERS["i"]), SET.number(0)), "[i = 0]", "[i = 0]"),
    ],
)
def test_numbers_and_conditions(box: Box, tex: str, shown: str) -> None:
    assert (latex(box), text(box)) == (tex, shown)


def test_a_condition_is_recognised_and_what_has_as_many_parts_is_not() -> None:
    i, j = (SET.letter(LETTERS[x]) for x in "ij")
    named = Box("named", (i, "W1", "1,2"), i.width)
    assert SET.is_condition(SET.condition(i, j))
    assert not SET.is_condition(SET.join((i, named, j), "times", 1))
    assert not SET.is_condition(i)


def test_a_wide_fraction_is_broken_in_its_numerator() -> None:
    x = SET.letter(LETTERS["x"])
    top = SET.join((x, SET.before("binary plus", x)), "", SUM)
    assert [text(b) for b in opened(SET.fraction(top, SET.root(x)))] == ["1/√x", "(x", " + x)"]
    product = SET.join((x, SET.group(top)), "thin", PRODUCT)
    assert [text(b) for b in opened(SET.fraction(product, x))] == ["1/x", "x", "(x + x)"]
    assert opened(SET.fraction(x, top)) == (SET.fraction(x, top),)
