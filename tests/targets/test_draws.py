"""Random quantities: a step draws them, anything else reads their mean, and a training can be repeated bit by bit."""

from __future__ import annotations

import io
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from helpers import load, off

from derive import Network, Statement, derive

DATA = np.random.default_rng(4)
X, Y = DATA.normal(size=(30, 3)), DATA.normal(size=(30, 2))
LAYERS = [3, "gaussian_noise(sigma=0.3)", 8, "dropout(rate=0.25)", 2]
RATE = 0.05


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return load(derive(Network(LAYERS, "tanh", optimizer="adam")).numpy())


def bits(trainer: Any) -> list[Any]:
    arrays = [value.tobytes() for value in (trainer.parameters | trainer.state).values()]
    return [*arrays, trainer.history, trainer.orders.stored().tolist()]


def test_gradients_are_those_with_the_same_numbers_as_inputs() -> None:
    """So are the errors."""
    text = derive(Network(LAYERS, "tanh")).equations()
    declared = next(line for line in text.splitlines() if line.startswith("random"))
    assert declared == "random noise[n1] ~ normal(0, 0.3), M[n] ~ bernoulli(0.75)".replace("n1", "3").replace(
        "[n]", "[8]"
    )
    given = load(derive(Statement(text.replace(declared, "input noise[3], M[8]"))).numpy())
    drawn = load(derive(Statement(text)).numpy())
    trainer = drawn.Trainer(seed=1)
    order = [datum.name for datum in drawn.NETWORK.data.all]
    known = {**trainer.draws(X), "X": X.T, "Y": Y.T}
    one = drawn.gradients(trainer.parameters, *(known[name] for name in order))
    other = given.gradients(trainer.parameters, *(known[datum.name] for datum in given.NETWORK.data.all))
    assert all(np.array_equal(value, other[name]) for name, value in one.items())
    again = given.Trainer(trainer.parameters)
    again.partial_fit({"X": X, "noise": known["noise"].T, "M": known["M"].T}, {"Y": Y}, RATE)
    trainer.partial_fit(X, Y, RATE)
    assert trainer.history == pytest.approx(again.history, rel=1e-14)


def test_predictions_are_those_without_randomness(module: ModuleType) -> None:
    plain = load(derive(Network([3, 8, 2], "tanh", optimizer="adam")).numpy())
    trainer = module.Trainer(seed=2).fit(X, Y, 5, RATE, batch_size=8)
    known = plain.Trainer(trainer.parameters)
    assert off(trainer.predict(X), known.predict(X)) < 1e-15
    assert trainer.score(X, Y) == pytest.approx(known.score(X, Y), rel=1e-14)
    assert off(trainer.compute("a2", X), known.compute("A1", X)) < 1e-15
    assert np.all(trainer.compute("a3", X) == trainer.compute("a2", X)), "the mean of the scaled mask is 1"
    trainer.fit(X[:20], Y[:20], 1, RATE, validation=(X[20:], Y[20:]))
    error = plain.error(trainer.parameters, X[20:].T, Y[20:].T)
    assert trainer.validation_history == [pytest.approx(error, rel=1e-14)]


def test_what_is_drawn_has_its_distribution(module: ModuleType) -> None:
    """It is another one in each step, and in each sample."""
    trainer = module.Trainer(seed=3)
    first, second = (trainer.draws(np.zeros((4000, 3)), ahead=n) for n in (0, 1))
    assert set(np.unique(first["M"])) == {0.0, 1.0}
    assert abs(first["M"].mean() - 0.75) < 0.01 and abs(second["noise"].std() - 0.3) < 0.01
    assert abs(np.mean(first["M"] != second["M"]) - 2 * 0.75 * 0.25) < 0.01
    assert abs(np.mean(first["M"][:, 0::2] != first["M"][:, 1::2]) - 2 * 0.75 * 0.25) < 0.01


@pytest.mark.parametrize("size", [1, 8])
@pytest.mark.parametrize("fast", [True, False])
def test_fit_takes_the_steps_of_update_with_its_draws(
    module: ModuleType, size: int, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fast:
        monkeypatch.setattr(module.Trainer, "steps", None)
    trainer, before = module.Trainer(seed=5), module.Trainer(seed=5)
    parameters, state, errors = before.parameters, before.state, []
    trainer.fit(X, Y, 2, RATE, batch_size=size, shuffle=False)
    parts = [slice(start, start + size) for start in range(0, len(X), size)] * 2
    for number, part in enumerate(parts):
        drawn = before.draws(X[part], ahead=number).values()
        errors.append(module.update(parameters, X[part].T, *drawn, Y[part].T, RATE, state))
    assert np.allclose(trainer.history, errors, rtol=1e-9 if fast else 0, atol=0)
    assert all(off(trainer.parameters[name], value) < (1e-9 if fast else 1e-300) for name, value in parameters.items())


def test_a_seed_gives_the_bits_in_one_call_or_in_several(module: ModuleType, tmp_path: Any) -> None:
    whole = module.Trainer(seed=7).fit(X, Y, 4, RATE, batch_size=8)
    assert bits(whole) != bits(module.Trainer(seed=8).fit(X, Y, 4, RATE, batch_size=8))
    file = io.BytesIO()
    module.Trainer(seed=7).fit(X, Y, 2, RATE, batch_size=8).save(file)
    file.seek(0)
    assert bits(module.Trainer.load(file).fit(X, Y, 2, RATE, batch_size=8)) == bits(whole)
    ordered = {"learning_rate": RATE, "batch_size": 8, "shuffle": False}
    one, two = (module.Trainer(seed=n).fit(X, Y, 3, seed=5, **ordered) for n in (0, 0))
    assert bits(one) == bits(two)
    for _ in range(3):
        one.partial_fit(X, Y, RATE, 8)
    assert bits(one) == bits(two.fit(X, Y, 3, **ordered))
    assert one.orders.steps == 6 * 4, "counted from the seed of the call"

    def stopped(trainer: Any) -> None:
        if trainer.n_iter_ == 2:
            raise KeyboardInterrupt

    path = tmp_path / "run.npz"
    how = {"epochs": 4, "learning_rate": RATE, "batch_size": 8, "checkpoint": path}
    broken = module.Trainer(seed=7)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(X, Y, callback=stopped, **how)
    assert bits(module.Trainer(seed=0).fit(X, Y, **how)) == bits(whole)


def test_a_step_that_is_taken_back_is_drawn_again(module: ModuleType) -> None:
    trainer = module.Trainer(seed=9)
    with pytest.raises(ArithmeticError, match="a parameter stops being finite in step"):
        trainer.fit(X, Y, 3, 1e308, batch_size=8)
    assert trainer.orders.steps == trainer.n_steps_


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_any_axes(dtype: Any) -> None:
    """A mask of weights for all samples, one of places whose number comes with the data, and a number."""
    text = """
    size T, n = 3, h = 4
    input x[T, n]
    target y[T]
    random D[h, n] without samples ~ bernoulli(0.5), M[T, h] ~ bernoulli(0.8), e ~ normal(1, 0.5)
    parameter W[h, n], v[h]
    a[t, i] = tanh(sum(D[i, j] * W[i, j] * x[t, j], j))
    o[t] = e * sum(v[i] * M[t, i] * a[t, i], i)
    E = mean((y[t] - o[t])**2, t)
    """
    module = load(derive(Statement(text)).numpy())
    x, y = DATA.normal(size=(12, 5, 3)).astype(dtype), DATA.normal(size=(12, 5)).astype(dtype)
    trainer = module.Trainer(seed=1, dtype=dtype).fit(x, y, 2, RATE, batch_size=5)
    drawn = trainer.draws(x[:7])
    assert {name: value.shape for name, value in drawn.items()} == {"D": (4, 3), "M": (7, 5, 4), "e": (1, 7)}
    assert {value.dtype for value in (*drawn.values(), trainer.predict(x))} == {np.dtype(dtype)}
    a = np.tanh(x @ (0.5 * trainer.parameters["W"]).T)
    expected = 0.8 * (a @ trainer.parameters["v"])[..., 0]
    assert np.allclose(trainer.predict(x), expected, atol=1e-6)
    names = {"load": None}
    exec(derive(Statement(text)).numpy("predict"), names)
    assert np.array_equal(names["predict"](trainer.parameters, x), trainer.predict(x))
