"""Notations: invalid fields, and other brackets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from derive.calculus.index import Tensor
from derive.paper.boxes import Typesetter
from derive.paper.characters import Letter
from derive.paper.latex import latex
from derive.paper.notation import DELTA, PSI
from derive.paper.page import Page
from derive.paper.text import text


@pytest.mark.parametrize(
    ("key", "value", "known"), [("layer", "above", "'left' or 'right'"), ("derivative", "D", "'partial' or 'd'")]
)
def test_a_field_with_an_unknown_value_is_refused(key: str, value: str, known: str) -> None:
    with pytest.raises(ValueError, match=f"^notation psi: {key} is '{value}', but must be {known}$"):
        replace(PSI, **{key: value})


def test_a_notation_chooses_the_brackets_around_the_number_of_a_layer() -> None:
    notation = replace(DELTA, brackets=(Letter(r"\langle", "⟨"), Letter(r"\rangle", "⟩")))
    shown = Page(Typesetter(notation.times), notation, {}).symbol(Tensor("h2", "preactivation", (), 2), whole=True)
    assert (text(shown), latex(shown)) == ("h⟨²⟩", r"h^{\langle2\rangle}")
