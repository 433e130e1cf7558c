"""Where lines break: the rows of the pattern stay whole, in every notation and format."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest

from derive import Edition, Network, derive
from derive.paper.notation import NOTATIONS

CLASSES = {"activation": ("sigmoid", "sigmoid", "softmax"), "loss": "cross_entropy"}
NETS: dict[str, dict[str, Any]] = {
    "one unit": {"layers": (3, 4, 4, 1)},
    "two layers": {"layers": (2, 3, 2)},
    "classes": {"layers": (4, 5, 5, 3), **CLASSES},
    "deep": {"layers": (3, 4, 2, 5, 3, 6, 2)},
    "deeper": {"layers": (3, 4, 2, 5, 3, 6, 2, 5, 3, 4, 2, 3)},
}


@cache
def pattern(name: str, notation: str, kind: str) -> dict[str, str]:
    """The files of a document with the pattern alone."""
    derivation = derive(Network(**NETS[name], notation=notation))
    return derivation.files(Edition(kind, only="pattern"))


def rows(name: str, notation: str, kind: str, file: str, mark: str) -> list[str]:
    """The rows of the pattern, as lines of the source."""
    return [line for line in pattern(name, notation, kind)[file].splitlines() if mark in line]


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("name", NETS)
@pytest.mark.sampled(4)
def test_no_row_of_the_pattern_breaks(name: str, notation: str) -> None:
    """A row that is wider than a line of LaTeX is set in smaller type."""
    depth = len(NETS[name]["layers"]) - 1
    for kind, file, colour in (
        ("md", "derivation.md", r"\textcolor"),
        ("tex", "derivation.tex", r"\in"),
        ("tex", "document.tex", r"\in"),
    ):
        found = [row for row in rows(name, notation, kind, file, r"\Big") if colour in row]
        assert len(found) == depth
        for row in found:
            assert row.count(r"\Bigl") == row.count(r"\Bigr") and row.count("&=") == 1
            *parts, _ = row.split(r"\wrap")  # where it breaks in the columns of a page
            assert depth > 3 or all(part.rstrip(" }").endswith((r"\Bigr)", r"\Bigr]")) for part in parts), row


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("name", NETS)
@pytest.mark.sampled(4)
def test_brackets_of_the_pattern_are_closed_in_the_formula_that_opens_them(name: str, notation: str) -> None:
    """A page in HTML breaks lines between formulas."""
    page = pattern(name, notation, "html")["derivation.html"]
    formulas = [found for found in re.findall(r"<math>.*?</math>", page) if re.search(r"<mo[^>]*green[^>]*>\[", found)]
    assert len(formulas) >= len(NETS[name]["layers"]) - 1
    for found in formulas:
        counts = [len(re.findall(rf"<mo[^>]*(?:red|green)[^>]*>\{sign}</mo>", found)) for sign in "[]()"]
        assert counts[0] == counts[1] and counts[2] == counts[3], found


def test_a_reason_stands_beside_its_step_on_two_lines_where_one_is_too_long() -> None:
    """In Markdown and in LaTeX; the halves are about as long as each other."""
    described = derive(Network((4, 5, 3), activation=("relu", "softmax"), loss="cross_entropy"))
    text = described.files(Edition("md", only="chain"))["derivation.md"]
    assert r"\text{(derivative of the logarithm;} \\ \text{entries are independent)} \end{array}" in text
    assert len(re.findall(r"^ *&\\qquad \\text\{\(", text, re.MULTILINE)) == 1  # beside a row as wide as the line
    source = described.files(Edition("tex", only="chain"))["document.tex"]
    assert r"\why{\shortstack[r]{quotient rule; entries \\ are independent}}" in source
    assert r"\why{derivative of the logarithm; entries are independent}" in source
