"""Early stopping with a callback: the restored parameters and the measured errors are those after the callback."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from helpers import module_of

NET = ((3, 5, 2), "tanh,sigmoid", "half_mse")
DATA = np.random.default_rng(3)
X, Y = DATA.normal(size=(11, 3)), DATA.uniform(0.1, 0.9, (11, 2))
HELD = X[:4] + 0.5, Y[:4]
RATE = 0.2


def clip(trainer: Any) -> None:
    for value in trainer.parameters.values():
        np.clip(value, -0.1, 0.1, out=value)


def no_negative(trainer: Any) -> None:
    for value in trainer.parameters.values():
        np.maximum(value, 0, out=value)


@pytest.fixture(params=["sgd", "adam"])
def module(request: Any) -> Any:
    return module_of(*NET, optimizer=request.param)


def error_of(module: Any, parameters: Any) -> float:
    return float(module.error(parameters, HELD[0].T, HELD[1].T))


@pytest.mark.parametrize("validation", [None, HELD, 0.3])
@pytest.mark.parametrize("size", [None, 4])
def test_restored_parameters_are_clipped_by_the_callback(module, validation, size):
    trainer = module.Trainer(seed=1)
    trainer.fit(X, Y, 40, 1.0, size, validation=validation, early_stopping=3, callback=clip)
    assert max(np.abs(value).max() for value in trainer.parameters.values()) <= 0.1


@pytest.mark.parametrize("validation", [None, HELD])
def test_parameters_kept_nonnegative_by_a_callback_stay_nonnegative(module, validation):
    trainer = module.Trainer(seed=1)
    trainer.fit(X, Y, 40, 1.0, 4, validation=validation, early_stopping=3, callback=no_negative)
    assert min(value.min() for value in trainer.parameters.values()) >= 0


def test_the_validation_error_is_that_of_the_parameters_that_are_kept(module):
    """A callback that spoils every epoch but the third: that one is restored."""
    seen: list[float] = []

    def spoil(trainer: Any) -> None:
        trainer.parameters["b2"][...] = 0 if trainer.n_iter_ == 3 else 5
        seen.append(error_of(module, trainer.parameters))

    trainer = module.Trainer(seed=1)
    trainer.fit(X, Y, 9, RATE, validation=HELD, early_stopping=9, callback=spoil)
    assert trainer.validation_history == pytest.approx(seen, rel=1e-14)
    assert np.argmin(seen) == 2
    assert error_of(module, trainer.parameters) == pytest.approx(seen[2], rel=1e-14)


def test_a_callback_sees_the_validation_error_of_its_epoch(module):
    """It is there before the callback; one that changes nothing finds it unchanged."""
    seen: list[tuple[int, float]] = []

    def watch(trainer: Any) -> None:
        seen.append((len(trainer.validation_history), trainer.validation_history[-1]))

    trainer = module.Trainer(seed=1).fit(X, Y, 5, RATE, validation=HELD, callback=watch)
    assert seen == [*enumerate(trainer.validation_history, start=1)]
    again = module.Trainer(seed=1).fit(X, Y, 5, RATE, validation=HELD)
    assert again.validation_history == trainer.validation_history


def test_a_callback_that_trains_leaves_its_own_errors_in_their_place(module):
    def train(trainer: Any) -> None:
        trainer.fit(X, Y, 1, RATE, validation=HELD)

    trainer = module.Trainer(seed=1)
    trainer.fit(X, Y, 2, RATE, validation=HELD, early_stopping=9, callback=train)
    assert (trainer.n_iter_, len(trainer.validation_history)) == (4, 4)
    first, second, third, fourth = trainer.validation_history
    assert (first, third) == (second, fourth), "an epoch ends with its callback"


def test_a_callback_that_raises_leaves_what_it_has_changed(module):
    def fail(trainer: Any) -> None:
        clip(trainer)
        if trainer.n_iter_ == 3:
            raise RuntimeError("enough")

    trainer = module.Trainer(seed=1)
    with pytest.raises(RuntimeError, match="enough"):
        trainer.fit(X, Y, 9, RATE, validation=HELD, early_stopping=2, callback=fail)
    assert (trainer.n_iter_, len(trainer.validation_history)) == (3, 3)
    assert max(np.abs(value).max() for value in trainer.parameters.values()) <= 0.1


@pytest.mark.parametrize("validation", [None, HELD])
def test_a_callback_that_stops_may_have_the_best_parameters(module, validation):
    """The epoch in which it stops is compared like any other, with what the callback has left."""
    left: list[Any] = []

    def stop(trainer: Any) -> bool:
        clip(trainer)
        left.append(copy.deepcopy(trainer.parameters))
        return len(left) == 4

    trainer = module.Trainer(seed=1)
    trainer.fit(X, Y, 9, 0.01, validation=validation, early_stopping=9, callback=stop)
    errors = trainer.epoch_history if validation is None else trainer.validation_history
    best = left[int(np.argmin(errors))]
    assert trainer.n_iter_ == len(errors) == 4
    assert all(np.array_equal(best[name], value) for name, value in trainer.parameters.items())
