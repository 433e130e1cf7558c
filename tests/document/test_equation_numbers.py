"""The numbers of equations: one for each formula, in reading order, and none referred to before it is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import networks
import pytest
from helpers import derivation

from derive import Network, derive
from derive.document.blocks import Algorithm, Block, Display, Document, Fold, Heading, Item, Reference, Step, Text
from derive.document.manuscript import manuscript
from derive.document.view import View
from derive.document.walk import strides
from derive.statement.edition import Edition
from derive.worked.given import numbers

SPECS = {
    "three layers": ((3, 4, 4, 1), {}),
    "one unit": ((3, 1), {}),
    "classes": ((3, 4, 3), {"activation": ("tanh", "softmax"), "loss": "cross_entropy", "optimizer": "adam"}),
    "two activations": ((2, 3, 3, 3, 3, 1), {"activation": ("tanh", "tanh", "relu", "relu", "sigmoid")}),
    "a function of the loss": ((2, 3, 1), {"loss": "huber", "notation": "bracket"}),
    "delta": ((3, 4, 2), {"notation": "delta", "bias": "augmented"}),
}


def spoken(blocks: Iterable[Block]) -> Iterator[Item | Reference | Step]:
    """The equations and the references of a document in reading order."""
    for block in blocks:
        if isinstance(block, Display):
            yield from block.items
        elif isinstance(block, Fold):
            yield from spoken(block.blocks)
        elif isinstance(block, Algorithm):
            yield from block.steps
        else:
            texts = [block] if isinstance(block, Text) else [block.text] if isinstance(block, Heading) else []
            yield from (span for t in texts for span in t.spans if isinstance(span, Reference))


def check_numbers(document: Document) -> int:
    """Check all numbers of a document; return how many there are."""
    known: list[int | str] = []
    for one in spoken(block for part in document.parts for block in part.blocks):
        if isinstance(one, Reference) or one.number is None or getattr(one, "again", False) or isinstance(one, Step):
            assert one.number is None or one.number in known, f"({one.number}) is referred to before it is there"
        else:
            assert one.number not in known, f"({one.number}) names two formulas"
            known.append(one.number)
    counted = [n for n in known if isinstance(n, int)]
    assert counted == sorted(counted)
    return len(counted)


@pytest.mark.parametrize("detail", ["brief", "full", "exhaustive"])
@pytest.mark.parametrize("name", SPECS)
@pytest.mark.sampled(6)
def test_every_formula_has_a_number_of_its_own(name, detail):
    layers, options = SPECS[name]
    found = derivation(layers, **options)
    edition = Edition(detail=detail, numbers=7, exercises=True)
    count = check_numbers(manuscript(found, edition, numbers("seed:7")).document)
    if detail != "brief":
        numbered = (*found.program.statements, *found.program.definitions)
        assert count == len({one.number for one in numbered})


@pytest.mark.parametrize("name", ["attention", "residual", "softmax_cross_entropy"])
def test_stated_passes_are_numbered_in_reading_order(name):
    assert check_numbers(derive(getattr(networks, name)()).document()) > 5


def test_the_general_recursion_has_a_letter():
    assert "\\tag{R}" in derive(Network((3, 4, 4, 1))).latex(only=("pattern",))
    two = derivation(*SPECS["two activations"][:1], **SPECS["two activations"][1]).latex(only=("pattern",))
    assert "\\tag{R1}" in two and "\\tag{R2}" in two


def test_the_steps_of_the_walk_are_the_equations_of_the_batch():
    for step in strides(View(derive(Network((3, 4, 1))))):
        assert step.numbers == tuple(item.number for item in step.items)
