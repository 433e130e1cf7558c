"""Central differences are not taken across a kink; skipped ones are reported."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import derivation, load
from test_named_tensors import checked

WIDE = (64, 64, 32, 10)
CASES = [
    ("leaky_relu(slope=0.00002)", "mse"),
    ("relu", "mae"),
    ("hard_tanh", "huber"),
    ("relu6", "mse"),
    ("relu,relu,identity", "hinge"),
    ("tanh,tanh,identity", "squared_hinge"),
    ("elu", "huber(delta=0.1)"),
]


@pytest.mark.parametrize(("activation", "loss"), CASES, ids=str)
@pytest.mark.sampled(14)
def test_right_gradients_are_right_over_many_seeds(activation, loss):
    module: Any = load(derivation(WIDE, activation, loss).numpy_target.rendered.source)
    for seed in range(12):
        found, left_out, slopes = module.gradient_report(module.NETWORK, *module.example(seed=seed), entries=8)
        assert all(c <= 1e-12 and d <= 1e-6 for c, d in found.values()), seed
        assert left_out < slopes / 2
    assert derivation(WIDE, activation, loss).check().passed


def test_skipped_differences_are_reported():
    report = derivation(WIDE, "leaky_relu(slope=0.00002)").check()
    assert report.passed and report.left_out > 0
    said = f"{report.left_out} of {report.slopes} slopes lie within 1e-06 of a kink"
    assert f"{said} and were not compared with central differences" in report.line()
    document = derivation(WIDE, "leaky_relu(slope=0.00002)").markdown(only="check")
    assert "were not compared with central differences" in document


def test_nothing_is_reported_if_no_difference_was_skipped():
    d = derivation((3, 4, 4, 1))
    assert d.check().left_out == 0 and d.check().slopes > 30
    assert "kink" not in d.check().line()
    assert "def kinks(" not in d.numpy_target.rendered.linked


@pytest.mark.parametrize("x", [0.0, 5e-7, -5e-7, 1.0])
def test_at_a_kink_and_beside_it(x):
    """relu(w x) at w x = 0, within a step of it, and far from it: the slope taken at 0 is no fault."""
    module: Any = load(derivation((1, 1), "relu", "half_sse", "none").numpy_target.rendered.source)
    given = {"W1": np.array([[x]])}, np.array([[1.0]]), np.array([[0.5]])
    found, left_out, slopes = module.gradient_report(module.NETWORK, *given)
    assert found["W1"][1] <= 1e-6
    assert slopes == 2 and (left_out > 0) == (abs(x) < 1e-6)


def test_a_distance_of_zero():
    """mae where output and target are equal."""
    module: Any = load(derivation((1, 1), "identity", "mae", "none").numpy_target.rendered.source)
    given = {"W1": np.array([[2.0]])}, np.array([[1.0]]), np.array([[2.0]])
    found, left_out, _ = module.gradient_report(module.NETWORK, *given)
    assert found["W1"] == (0.0, 0.0) and left_out == 2


@pytest.mark.parametrize(("activation", "loss"), [("relu", "mse"), ("leaky_relu", "huber"), ("hard_tanh", "mae")])
def test_a_wrong_gradient_at_a_kinked_network_is_found(activation, loss):
    d = derivation((5, 4, 2), activation, loss)
    for old, new in (("dE_dW1 = Psi1 @ X.T", "dE_dW1 = 1.001 * (Psi1 @ X.T)"), ("Psi1 = (W2.T", "Psi1 = -(W2.T")):
        assert not checked(d, old, new).right
