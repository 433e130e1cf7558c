"""The exercises and their answers, which are derived from the network at hand."""

from __future__ import annotations

from itertools import product
from math import prod

import pytest

from derive import Edition, Network, SpecError, derive
from derive.document.blocks import Fold, Heading, Part, spelled
from derive.document.document import document
from derive.document.parts.exercises import exercises
from derive.document.view import View
from derive.paper.boxes import Box
from derive.paper.text import text


def alone(view: View) -> Part:
    (part,) = exercises(view)
    return part


def _words(part: Part) -> str:
    spans = []
    for block in part.blocks:
        inner = block.blocks if isinstance(block, Fold) else (block,)
        for one in inner:
            found = getattr(one, "text", one)
            spans += list(getattr(found, "spans", ()))
    return " ".join(text(s) if isinstance(s, Box) else str(getattr(s, "number", s)) for s in spans)


def answer(view: View, about: str) -> Fold:
    """The answer to the question that contains some words."""
    blocks = alone(view).blocks
    at = next(n for n, b in enumerate(blocks) if isinstance(b, Heading) and about in str(b.text.spans))
    found = blocks[at + 1]
    assert isinstance(found, Fold)
    return found


@pytest.mark.parametrize("widths", [(3, 4, 4, 1), (2, 3, 5, 2), (4, 2, 2)])
def test_the_paths_are_those_through_all_later_units(widths):
    words = _words(alone(View(derive(Network(widths)))))
    second = len(list(product(*(range(w) for w in widths[3:]))))
    assert f"{spelled(second).capitalize()} path{'s' * (second > 1)}." in words.replace("  ", " ")
    *hidden, outputs = widths[2:]
    wider = outputs * prod(2 * w for w in hidden)
    assert (f"{wider}  paths instead of" in words) == bool(hidden)


def test_the_cross_entropy_changes_the_loss_and_the_last_factor_alone():
    view = View(derive(Network((3, 4, 4, 1))))
    text_, display, _, steps = answer(view, "Replace the loss").blocks
    numbers = [s.number for s in text_.spans if hasattr(s, "number")]
    assert numbers == [view.batch.stage("error")[-1].number, view.batch.stage("factor")[0].number]
    assert [text(i.right[-1]) for i in display.items][-1].endswith("(Ŷ − Y)")
    assert any("".join(map(text, i.right)).endswith("(1 − ŷ)ŷ") for i in steps.items)


@pytest.mark.parametrize(
    ("options", "after"),
    [
        ({}, 0.4 - 0.5 * 0.05 * 0.6),
        ({"notation": "delta"}, 0.4 + 0.5 * 0.05 * 0.6),
        ({"l2": 0.01}, 0.4 - 0.5 * (0.05 * 0.6 + 0.01 * 0.4)),
        ({"optimizer": "adam"}, 0.4 - 0.001),  # the first step of Adam has the length of its rate
    ],
)
def test_a_step_by_hand(options, after):
    (display,) = answer(View(derive(Network((3, 4, 1), **options))), "What does").blocks
    assert float(text(display.items[-1].right[-1]).removeprefix(" = ")) == pytest.approx(after, rel=1e-5)


def test_the_norm_of_all_gradients_is_not_computed_by_hand():
    assert "What does" not in _words(alone(View(derive(Network((3, 4, 1), clip=1)))))


def test_exercises_stand_in_their_parts_and_the_answers_at_the_end():
    made = document(View(derive(Network((3, 4, 4, 1)))), exercises=True).parts
    asked = {
        p.name: [b.title.spans[0] for b in p.blocks if isinstance(b, Heading) and "Exercise" in str(b.title)]
        for p in made
    }
    assert [name for name, found in asked.items() if found] == ["chain", "pattern", "values", "matrices", "loop"]
    numbered = [title for found in asked.values() for title in found]
    assert numbered == [f"Exercise {n}" for n in range(1, len(numbered) + 1)]
    assert made[-1].name == "exercises" and len(made[-1].blocks) == len(numbered)
    brief = document(View(derive(Network((3, 4, 4, 1))), "brief"), exercises=True).parts
    assert brief[-1].name == "exercises" and brief[-1].blocks


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
    assert alone(View(derive(Network(layers, **options)))).blocks
