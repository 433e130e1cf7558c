"""Worked examples of functions with kinks, and of targets that are not any numbers."""

import numpy as np
import pytest
from helpers import derivation

from derive.statement.network import SpecError
from derive.worked.example import work
from derive.worked.given import Numbers
from derive.worked.measured import DIFFERENCE_STEP, kinks

ONE = {"W1": [[1.0]], "b1": [0.0]}


def example(activation, loss, values, layers=(1, 1)):
    return work(derivation(layers, activation, loss), Numbers(values))


def found(activation, loss="mse"):
    return [(k.function, k.source, k.point) for k in kinks(derivation((2, 3, 2), activation, loss).program)]


def test_the_kinks_of_a_network():
    assert found("relu6,tanh") == [("relu6", "z1", 0.0), ("relu6", "z1", 6.0)]
    assert found("elu,gelu") == []
    assert found("elu(alpha=1.4),identity", "mae") == [
        ("elu", "z1", 0.0),
        ("mae_term", "the argument of mae_term", 0.0),
    ]
    assert found("softsign,tanh", "hinge") == [("hinge_term", "the argument of hinge_term", 0.0)]
    assert found("tanh,softmax", "kl_divergence") == []  # its function is one of the targets alone


@pytest.mark.parametrize(
    ("activation", "loss", "x", "y", "kinked"),
    [
        ("relu6", "mse", 6 - DIFFERENCE_STEP / 2, 0.0, True),
        ("relu6", "mse", 5.0, 0.0, False),
        ("leaky_relu", "mse", DIFFERENCE_STEP / 2, 0.0, True),
        ("elu(alpha=1.001)", "mse", DIFFERENCE_STEP / 2, 1.0, True),
        ("elu", "mse", DIFFERENCE_STEP / 2, 1.0, False),
        ("identity", "mae", 1 + DIFFERENCE_STEP / 2, 1.0, True),
        ("identity", "mae", 2.0, 1.0, False),
        ("identity", "hinge", 1 - DIFFERENCE_STEP / 2, 1.0, True),
        ("identity", "hinge", 0.5, 1.0, False),
    ],
)
def test_a_central_difference_over_a_kink_is_marked(activation, loss, x, y, kinked):
    step = example(activation, loss, {**ONE, "X": [[x]], "Y": [[y]]}).steps[0]
    assert bool(step.measured["dE_db1"].kinked.any()) is kinked
    assert np.all(np.isfinite(step.measured["dE_db1"].central))


def test_a_side_of_a_kink_that_rounding_decides_is_refused():
    values = {"W1": [[0.1, 0.6]], "b1": [0.0], "X": [[1, 1]], "Y": [[0.7]]}
    with pytest.raises(SpecError, match=r"the argument of mae_term is 0 up to rounding.*side of its kink mae_term"):
        example("identity", "mae", values, (2, 1))
    with pytest.raises(SpecError, match=r"an entry of z1 is 6 up to rounding, .*side of its kink relu6"):
        example("relu6", "mse", {**values, "W1": [[0.1, 5.2]], "b1": [0.7]}, (2, 1))


@pytest.mark.parametrize(("more", "slope"), [(0, 0.0), (1e-15, 1.0), (-1e-15, 0.0)])
def test_values_near_a_kink_are_on_the_right_side(more, slope):
    """As floats, 0.1 + 0.2 - 0.3 is not 0."""
    values = {"W1": [[0.1, 0.2, 1]], "b1": [-0.3], "X": [[1, 1, more]], "Y": [[0.5]]}
    assert example("relu", "mse", values, (3, 1)).steps[0].slopes["relu_prime", "z1"].item() == slope


@pytest.mark.parametrize(
    ("activation", "loss", "y", "words"),
    [
        ("identity", "hinge", 0.5, "Y: sample 1 holds 0.5, but the targets of this loss are -1 or 1"),
        ("softplus", "poisson", -1, "Y: sample 1 holds -1, but the targets of this loss are at least 0"),
        ("sigmoid", "binary_cross_entropy", 2, "Y: sample 1 holds 2, but the targets of this loss are from 0 to 1"),
    ],
)
def test_targets_that_do_not_fit_are_refused(activation, loss, y, words):
    with pytest.raises(SpecError, match=words):
        example(activation, loss, {**ONE, "X": [[1.0]], "Y": [[y]]})


def test_shares_are_not_negative():
    with pytest.raises(SpecError, match=r"holds -0\.5, but the targets of this loss are at least 0, and sum to 1"):
        example("softmax", "kl_divergence", {"X": [[1.0]], "Y": [[1.5, -0.5]]}, (1, 2))


@pytest.mark.parametrize(
    ("activation", "loss", "fits"),
    [
        ("identity", "hinge", lambda y: np.abs(y) == 1),
        ("exponential", "poisson", lambda y: (y >= 0) & (y == np.round(y))),
        ("softmax", "kl_divergence", lambda y: (y == 0) | (y == 1)),
        ("identity", "mae", lambda y: (y >= 0) & (y <= 1)),
    ],
)
def test_drawn_targets_fit_the_loss(activation, loss, fits):
    for seed in range(5):
        assert np.all(fits(example(activation, loss, {"seed": seed}, (2, 3)).start.data["Y"]))
