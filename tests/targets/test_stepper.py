"""Single steps: what skips checks computes the same, and lets nothing wrong in."""

from __future__ import annotations

import copy
import tracemalloc
from typing import Any

import numpy as np
import pytest
from helpers import module_of

DATA = np.random.default_rng(3)
X, Y = DATA.normal(size=(6, 3)), DATA.uniform(0.1, 0.9, (6, 2))


def bits(trainer: Any) -> Any:
    arrays = {name: value.tobytes() for name, value in (trainer.parameters | trainer.state).items()}
    return arrays, trainer.n_iter_, trainer.n_steps_


@pytest.mark.parametrize("size", [1, 6])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "options", [{}, {"optimizer": "adam"}, {"bias": "none"}, {"bias": "augmented"}], ids=lambda o: "".join(o.values())
)
def test_single_steps_are_those_of_the_functional_core(options, dtype, size):
    module = module_of((3, 5, 2), "tanh,sigmoid", "half_mse", **options)
    x, y = X[:size].astype(dtype), Y[:size].astype(dtype)
    parts, whole = (module.Trainer(seed=1, dtype=dtype) for _ in "ab")
    step = whole.copy().stepper(size)
    state = () if not whole.state else (whole.state,)
    for rate in (0.1, 0.2, 0.1, 0.3):
        parts.partial_fit(x, y, rate)
        before = module.update(whole.parameters, x.T, y.T, rate, *state)
        tolerance = 1e-12 if dtype == np.float64 else 1e-5
        assert step(x, y, learning_rate=rate) == pytest.approx(before, rel=tolerance)
        assert parts.history[-1] == parts.epoch_history[-1] == pytest.approx(before, rel=tolerance)
        for trainer in (parts, step.trainer):
            for name, value in (trainer.parameters | trainer.state).items():
                assert np.allclose(value, (whole.parameters | whole.state)[name], rtol=tolerance, atol=tolerance)
    assert (parts.n_iter_, parts.n_steps_, parts.learning_rate, len(parts.history)) == (4, 4, 0.3, 4)


def test_large_parameters_take_single_steps_too():
    module = module_of((3, 120, 90, 2), "tanh,tanh,sigmoid", "half_mse")
    trainer, parameters = module.Trainer(seed=1), module.initial_parameters(seed=1)
    for _ in range(4):
        trainer.partial_fit(X, Y, 0.1)
        module.update(parameters, X.T, Y.T, 0.1)
    assert all(np.allclose(trainer.parameters[name], value, rtol=1e-12) for name, value in parameters.items())


@pytest.fixture
def trainer() -> Any:
    module = module_of((3, 5, 2), "tanh,sigmoid", "half_mse")
    trainer = module.Trainer(seed=1)
    for _ in range(3):
        trainer.partial_fit(X, Y, 0.1)
    return trainer


@pytest.mark.parametrize(
    ("x", "y", "rate", "message"),
    [
        (np.where(X > 1, np.nan, X), Y, 0.1, "X holds NaN or an infinite number"),
        (X, np.where(Y > 0.5, np.inf, Y), 0.1, "Y holds NaN or an infinite number"),
        (X[:, :2], Y, 0.1, r"X has shape \(6, 2\); expected \(samples, 3\)"),
        (X, Y[:5], 0.1, "X has 6 samples and Y has 5"),
        (X, Y, -0.1, "learning_rate is -0.1"),
        (X, Y, np.nan, "learning_rate is nan"),
    ],
)
def test_wrong_data_are_refused_as_the_first_time(trainer, x, y, rate, message):
    before = bits(trainer)
    with pytest.raises(ValueError, match=message):
        trainer.partial_fit(x, y, rate)
    assert bits(trainer) == before


def test_other_forms_of_the_data_are_taken(trainer):
    others = [(X.tolist(), Y.tolist()), (np.asfortranarray(X), Y), (X.astype(np.float32), Y), (X[::-1], Y[::-1])]
    for x, y in others:
        expected = copy.deepcopy(trainer)
        expected._fit(np.array(x, float), np.array(y, float), learning_rate=0.1)
        found = copy.deepcopy(trainer).partial_fit(x, y, 0.1).partial_fit(X, Y, 0.1)
        for name, value in expected.partial_fit(X, Y, 0.1).parameters.items():
            assert np.allclose(found.parameters[name], value, rtol=1e-12)


def test_targets_of_a_kind_are_checked_each_time():
    module = module_of((3, 5, 2), "tanh,softmax", "cross_entropy")
    trainer, labels = module.Trainer(seed=1), np.array([0, 1, 1, 0, 1, 0])
    for _ in range(3):
        trainer.partial_fit(X, labels, 0.1).partial_fit(X, np.eye(2)[labels], 0.1)
    with pytest.raises(ValueError, match="must sum to 1 over the classes"):
        trainer.partial_fit(X, np.full((6, 2), 0.7), 0.1)


def test_parameters_that_are_changed_or_replaced_are_those_of_the_next_step(trainer):
    expected = copy.deepcopy(trainer)
    for one in (trainer, expected):
        one.parameters["W1"] *= 2
        one.parameters["W2"] = one.parameters["W2"] + 1
    trainer.partial_fit(X, Y, 0.1)
    expected._fit(X, Y, learning_rate=0.1)
    assert bits(trainer) == bits(expected)
    trainer.parameters["W1"] = np.ones((5, 4))
    with pytest.raises(ValueError, match=r'parameter "W1" has shape \(5, 4\)'):
        trainer.partial_fit(X, Y, 0.1)
    trainer.parameters["W1"] = np.full((5, 3), np.nan)
    with pytest.raises(ValueError, match='parameter "W1" holds NaN'):
        trainer.partial_fit(X, Y, 0.1)


def test_a_step_that_leads_to_no_finite_numbers_leaves_the_trainer(trainer):
    step, before = trainer.stepper(6), bits(trainer)
    with pytest.raises(ArithmeticError, match="the trainer is left before that step"):
        trainer.partial_fit(X * 1e200, Y * 1e200, 1e200)
    with pytest.raises(ArithmeticError, match="stops being finite; the trainer is left before that step"):
        step(X * 1e200, Y * 1e200, learning_rate=1e200)
    with pytest.raises(ValueError, match="learning_rate is -1"):
        step(X, Y, learning_rate=-1)
    assert bits(trainer) == before


def test_the_working_memory_is_not_copied(trainer):
    for other in (copy.deepcopy(trainer), trainer.copy()):
        before = bits(trainer)
        other.partial_fit(X, Y, 0.1)
        assert bits(trainer) == before != bits(other)


def test_many_samples_are_predicted_in_parts():
    """What is kept at a time is that of a part; without parts it is 25 MB here."""
    module = module_of((3, 50, 50, 2), "tanh,tanh,softmax", "cross_entropy")
    trainer, x = module.Trainer(seed=1), np.random.default_rng(0).normal(size=(30_000, 3))
    trainer.predict(x[:1000])
    tracemalloc.start()
    try:
        found = trainer.predict(x)
        assert tracemalloc.get_traced_memory()[1] < 8e6
    finally:
        tracemalloc.stop()
    assert np.allclose(found, module.forward(trainer.parameters, x.T).T, rtol=1e-12)
