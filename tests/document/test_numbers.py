"""The worked example: the lines with numbers put in are evaluated, and the part can be written for any pass."""

from __future__ import annotations

import math
import re
import unicodedata
from itertools import pairwise

import networks
import pytest
from models import MODELS

from derive import Network, derive
from derive.document.blocks import Display, Part, Text
from derive.document.parts.numbers import numbers
from derive.document.view import View
from derive.paper.text import text
from derive.worked.example import work
from derive.worked.given import Numbers


def part(forward, detail="full", **given) -> Part:
    d = derive(forward)
    return numbers(View(d, detail, work(d, Numbers(given))))


def put_in(made: Part) -> dict[str, tuple[str, str]]:
    """The lines with numbers put in: the formula and the result of each symbol."""
    displays = [b for a, b in pairwise(made.blocks) if isinstance(a, Text) and "with the numbers" in str(a.spans)]
    items = [item for display in displays if isinstance(display, Display) for item in display.items]
    return {text(i.left): ("".join(map(text, i.right[:-1])), text(i.right[-1]).lstrip("= ")) for i in items}


def value(formula: str) -> float:
    """The value of a line of sums, products, squares and the sigmoid f."""
    f = "(lambda x: 1 / (1 + exp(-x)))"
    known = {"\u2212": "-", "\u00b7": "*", "\u00b2": "**2", "f\u2032": f"(lambda x: {f}(x) * (1 - {f}(x)))"}
    formula = re.sub("×10([⁻⁰¹²³⁴-⁹]+)", lambda m: "*1e" + unicodedata.normalize("NFKC", m[1]), formula)
    for sign, code in known.items():
        formula = formula.replace(sign, code)
    return float(eval(re.sub(r"(?<![a-z])f\(", f"{f}(", formula), {"exp": math.exp}))


@pytest.mark.parametrize("widths", [(3, 4, 4, 1), (2, 2, 2), (3, 1)])
@pytest.mark.parametrize("detail", ["full", "exhaustive"])
@pytest.mark.parametrize("samples", [1, 2])
def test_each_line_has_the_value_that_it_prints(widths, detail, samples):
    rows = {"X": [[0.5, -1.25, 0.75][: widths[0]], [0.25, 1.5, -0.5][: widths[0]]][:samples]}
    lines = put_in(part(Network(widths), detail, seed=3, **rows))
    assert {"w" in left for left in lines} == {True, False}
    assert any("+" in formula for formula, _ in lines.values())
    for formula, printed in lines.values():
        assert value(formula) == pytest.approx(value(printed), rel=1e-4, abs=1e-7), formula


def test_the_middle_of_a_long_sum_is_left_out():
    formula, _ = next(iter(put_in(part(Network((784, 2, 1)), seed=3)).values()))
    assert formula.count("\u00b7") == 3 and "\u22ef" in formula


def test_each_form_is_shown_once_and_in_an_exhaustive_document_for_each_layer():
    few, all_ = (len(put_in(part(Network((3, 3, 3, 3, 1)), d, seed=3))) for d in ("full", "exhaustive"))
    assert few < all_


@pytest.mark.parametrize("name", ["attention", "layer_norm", "recurrence", "tied", "batch_norm", "scalar_parameters"])
def test_any_forward_pass_is_worked(name):
    assert put_in(part(getattr(networks, name)(), seed=2))


def test_arrays_of_many_axes_are_printed_as_matrices():
    made = part(MODELS["conv2d_plain"]().statement, seed=2)
    lines = [(text(i.left), text(i.right[0]) if i.right else "") for i in made.blocks[1].items]
    assert any(left == "x_(1::)¹" for left, _ in lines)
    kernels = [left for left, _ in lines if left.startswith("K")]
    assert kernels[:2] == ["K_(11::)", "K_(12::)"] and len(kernels) == 5


def test_a_fixed_parameter_is_not_updated():
    assert not any(left.startswith("w") for left in put_in(part(Network((2, 2, 1)), seed=2, fixed=["W1"])))
