"""Equations as documents print them: of networks stated by hand, and of layers that are not dense."""

from __future__ import annotations

from collections.abc import Iterator

import networks
import pytest
from helpers import derivation

from derive import derive
from derive.api import Derivation
from derive.document.blocks import Block, Display, Fold
from derive.document.document import document
from derive.document.view import View
from derive.paper.text import text


def displays(blocks: tuple[Block, ...]) -> Iterator[Display]:
    for block in blocks:
        if isinstance(block, Display):
            yield block
        elif isinstance(block, Fold):
            yield from displays(block.blocks)


def equations(found: Derivation, part: str, detail: str = "full") -> list[str]:
    """The displayed equations of a part as text; the left side of a step is that of the equation before it."""
    lines, left = [], ""
    for shown in (b for p in document(View(found, detail), (part,)).parts for b in displays(p.blocks)):
        for item in shown.items:
            left = text(item.left) or left
            lines.append(f"{left} = {' '.join(text(box) for box in item.right)}")
    return lines


def by_hand(name: str, part: str, detail: str = "full") -> list[str]:
    return equations(derive(networks.NETWORKS[name]()), part, detail)


@pytest.mark.parametrize("detail", ["brief", "full"])
def test_a_named_function_of_columns_is_stated_with_indices(detail):
    lines = equations(derivation((3, 4, 2), "tanh,softmax", "cross_entropy"), "forward", detail)
    assert lines.count("ŷ_i = e^(z⁽²⁾_i)/(Σ_j e^(z⁽²⁾_j))") == 1


@pytest.mark.parametrize("notation", ["psi", "xbar"])
def test_the_derivative_of_stacked_rows_is_one_delta(notation):
    """The rows are defined by cases, so that no sum may appear in their derivative."""
    lines = equations(derivation((3, 4, 2), bias="augmented", notation=notation), "chain")
    slopes = [line for line in lines if line.startswith("∂x̄⁽¹⁾") and "/∂a⁽¹⁾_j = " in line]
    assert [line.partition(" = ")[2] for line in slopes] == ["[i = j]"]
