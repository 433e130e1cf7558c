"""The exercises and their answers, which are derived from the network at hand."""

from __future__ import annotations

from itertools import product

import pytest

from derive import Edition, Network, SpecError, derive
from derive.document.blocks import Fold, Part
from derive.document.document import document
from derive.document.parts.exercises import exercises
from derive.document.view import View
from derive.paper.boxes import Box
from derive.paper.text import text


def _words(part: Part) -> str:
    spans = []
    for block in part.blocks:
        inner = block.blocks if isinstance(block, Fold) else (block,)
        for one in inner:
            found = getattr(one, "text", one)
            spans += list(getattr(found, "spans", ()))
    return " ".join(text(s) if isinstance(s, Box) else str(getattr(s, "number", s)) for s in spans)


@pytest.mark.parametrize("widths", [(3, 4, 4, 1), (2, 3, 5, 2), (4, 2, 2)])
def test_the_paths_are_those_through_all_later_units(widths):
    part = exercises(View(derive(Network(widths))))
    paths = len(list(product(*(range(w) for w in widths[2:]))))
    assert (f"{paths} paths" in _words(part).replace("  ", " ")) == (paths > 1)


def test_the_cross_entropy_changes_the_loss_and_the_last_factor_alone():
    view = View(derive(Network((3, 4, 4, 1))))
    (fold,) = [f for f in exercises(view).blocks if isinstance(f, Fold) and "3" in str(f.title.spans)]
    text_, display = fold.blocks
    numbers = [s.number for s in text_.spans if hasattr(s, "number")]
    assert numbers == [view.batch.stage("error")[-1].number, view.batch.stage("factor")[0].number]
    assert [text(i.right[-1]) for i in display.items][-1].endswith("(Ŷ − Y)")


def test_a_document_has_exercises_only_if_they_are_wanted():
    found = derive(Network((3, 4, 1)))
    names = [[p.name for p in document(View(found), exercises=wanted).parts] for wanted in (False, True)]
    assert "exercises" not in names[0] and "exercises" in names[1]
    assert Edition(only="exercises").exercises
    with pytest.raises(SpecError, match="exercises is a string"):
        Edition(exercises="yes")


@pytest.mark.parametrize(
    "spec", [("n,h,1", {}), ("3,1", {}), ("3,4,2", {"activation": ("tanh", "softmax"), "loss": "cross_entropy"})]
)
def test_every_network_has_exercises(spec):
    layers, options = spec
    assert exercises(View(derive(Network(layers, **options)))).blocks
