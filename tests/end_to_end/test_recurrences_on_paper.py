"""The page of each recurrence is read back, with its matrices of one step."""

from __future__ import annotations

import pytest
from conftest import ROOT
from reading import check_page
from recurrences import RECURRENCES, stated

from derive import Statement, derive


@pytest.mark.sampled(6)
@pytest.mark.parametrize("name", sorted(RECURRENCES))
def test_pages_are_read_back(name):
    assert check_page(derive(stated(name, 3).statement)) > 15


def test_steps_as_many_as_units_are_told_apart():
    """All sizes are 4: the page has the matrices of one step, too, and is read back."""
    text = (ROOT / "examples" / "second_order_lag.eq").read_text(encoding="utf-8")
    derivation = derive(Statement(text.replace("T, n = 2, h = 5", "T = 4, n = 4, h = 4")))
    assert "In matrices, one step at a time" in derivation.markdown(only=("matrices",))
    assert check_page(derivation) > 35


def test_a_path_leads_through_the_only_step_that_is_read():
    """Of a named number of steps, none of the first ones is the last."""
    text = """
    size T, n = 2
    input x[T, n]
    target y
    parameter W[n]
    s[t] = tanh(sum(W[j]*x[t, j], j))
    E = (y - s[T])**2
    """
    story = derive(Statement(text)).explain("W[2]")
    assert "one path leads to the loss" in story
    assert "[1 = T]" not in story
