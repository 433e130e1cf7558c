"""What a recurrence keeps for its backward pass, and how its code reads it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from conftest import ROOT
from helpers import load

from derive import Statement, derive


def test_a_value_at_a_moved_place_is_read_where_the_product_is_zero_outside():
    backward = derive(Statement.from_file(ROOT / "examples" / "lstm.eq")).numpy("core").partition("def gradients")[2]
    assert "sigmoid_z_after[:, t]" in backward
    assert not any(call in backward for call in (" sigmoid(", "(sigmoid(", "np.tanh("))


def test_the_code_of_a_recurrence_holds_steps_in_one_piece():
    derivation = derive(Statement.from_file(ROOT / "examples" / "gru.eq"))
    text = derivation.numpy("core")
    backward = text.partition("def gradients")[2]
    assert backward.count("strided(s, 1, -1") == 1  # what several equations read at moved places
    module, draw = load(text), np.random.default_rng(0)
    own, values = module.initial_parameters(0), {}
    n = own["W"].shape[-1]
    module.forward(own, draw.normal(size=(4, 6, n)), values)
    for array in (values["s"], values["u"]):
        assert all(array[:, t].flags.c_contiguous for t in range(6))
        places = [array[:, t].__array_interface__["data"][0] for t in range(6)]
        assert all(b - a == array[:, 0].nbytes for a, b in pairwise(places))
