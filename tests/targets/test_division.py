"""Errors and gradients of inputs are put together from parts of the samples, where the equations allow it."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from helpers import load, module_of, off
from scipy.sparse import csr_array

from derive import Statement, derive
from derive.calculus.division import division

DRAW = np.random.default_rng(0)
SAMPLES = 900
X, Y, C = DRAW.normal(size=(SAMPLES, 3)), DRAW.normal(size=(SAMPLES, 2)), DRAW.integers(0, 3, SAMPLES) * 1.0
C[256:600] = 0  # as all of a part may be
PLAIN = ((3, 4, 2), "tanh,identity")
TEXT = """
input x[3], s[2]
target y[2]
parameter W[2, 3]
p[i] = sum(W[i, j] * x[j], j) * s[i]
"""
SHARED = TEXT.replace("x[3], s[2]", "x[3], s[2] without samples")
#: What each network has, and how its error follows from those of parts.
NETWORKS: dict[str, tuple[Any, str]] = {
    "mean": ((*PLAIN, "half_mse", {"l2": 0.1, "gradients": "inputs"}), "samples"),
    "factor": ((*PLAIN, "huber", {"sample_weight": "factor"}), "samples"),
    "weights": ((*PLAIN, "half_mse", {"l2": 0.1, "sample_weight": "mean", "missing": "ignore"}), "weights"),
    "sum": ((*PLAIN, "sse", {"gradients": "inputs"}), "sum"),
    "averages": (("3, batch_norm, 2", "identity", "mse", {"gradients": "inputs"}), "samples"),
    "sum and penalty": ((*PLAIN, "sse", {"l2": 0.1, "gradients": "inputs"}), ""),
    "random": (("3, gaussian_noise(sigma=0.3), 2", "identity", "mse", {"gradients": "inputs"}), "samples"),
}


def network(name: str) -> Any:
    *plain, options = NETWORKS[name][0]
    return module_of(*plain, **options)


def counted(monkeypatch: Any, module: Any) -> list[int]:
    """How many samples each call of the error had."""
    sizes, plain = [], module.NETWORK.error

    def error(parameters: Any, x: Any, *others: Any) -> Any:
        sizes.append(x.shape[-1])
        return plain(parameters, x, *others)

    monkeypatch.setattr(module.NETWORK, "error", error)
    return sizes


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(2)
def test_errors_of_parts_are_those_of_all_samples(name, monkeypatch):
    module, divided = network(name), NETWORKS[name][1]
    assert module.NETWORK.division == divided
    weights = (C,) if module.NETWORK.data.weight else ()
    targets = np.where(DRAW.random(Y.shape) < 0.3, np.nan, Y) if module.NETWORK.data.masks else Y
    trainer = module.Trainer(seed=1)
    data = trainer.network.filled(trainer.parameters, trainer._data(X, targets, *weights))
    sizes = counted(monkeypatch, module)
    trainer.fit(X[:50], Y[:50], epochs=1, learning_rate=1e-4, validation=(X, targets, *weights))
    assert (max(sizes) < SAMPLES) == (divided != "")
    whole = trainer.network.measured(trainer.parameters, *data, state=trainer.state)
    assert off(trainer.validation_history[-1], whole) < 1e-14
    sizes.clear()
    core = module.error(trainer.parameters, *data)
    assert off(core, trainer.network.measured(trainer.parameters, *data)) < 1e-14
    assert (sizes[0] < SAMPLES) == (divided != "" and name not in ("averages", "random"))
    if trainer.network.has_input_gradients:
        (slopes,) = trainer.network.sensitivities(trainer.parameters, *data).values()
        assert off(trainer.input_gradients(X, targets), slopes.T) < 1e-14


@pytest.mark.parametrize(
    "error, divided",
    [
        ("mean((p[i] - y[i])**2, i) + 0.1 * sum(W[i, j]**2, i, j)", "samples"),
        ("(sum(p[i]**4, i) + sqrt(mean((p[i] - y[i])**2, i))) / 3", "samples"),
        ("sqrt(mean((p[i, u] - y[i, u])**2, i, u))", ""),
        ("mean((p[i] - y[i])**2, i) + sum(mean(p[i, u], u)**2, i)", ""),
        ("mean((p[i] - y[i])**2, i) * mean(p[1, u]**2, u)", ""),
    ],
)
def test_the_equations_say_how_an_error_is_divided(error, divided):
    assert division(derive(Statement(f"{TEXT}E = {error}")).program) == divided


def test_what_all_samples_share_has_one_gradient():
    module = load(derive(Statement("option gradients = inputs\n" + SHARED + "E = mean((p[i] - y[i])**2, i)")).numpy())
    trainer = module.Trainer(seed=1)
    given = {"x": X, "s": np.array([1.0, -2.0])}
    data = trainer.network.filled(trainer.parameters, trainer._data(given, Y))
    whole = trainer.network.sensitivities(trainer.parameters, *data)
    found = trainer.input_gradients(given, Y)
    assert off(found["x"], whole["x"].T) < 1e-14 and off(found["s"].ravel(), whole["s"].ravel()) < 1e-14


def test_an_error_that_was_edited_is_not_divided(monkeypatch):
    """A sum in the place of the mean, and a norm: the first samples show it."""
    module = network("mean")
    trainer, plain = module.Trainer(seed=1), module.NETWORK.error
    for edited in (lambda e, m: m * e, lambda e, m: e**0.5):
        monkeypatch.setattr(module.NETWORK, "error", lambda p, x, *o, f=edited: f(plain(p, x, *o), x.shape[1]))
        trainer.fit(X[:50], Y[:50], epochs=1, learning_rate=0, validation=(X, Y))
        whole = trainer.network.measured(trainer.parameters, X.T, Y.T)
        assert trainer.validation_history[-1] == pytest.approx(whole, rel=1e-12)


def test_a_part_that_is_not_finite_is_named():
    far = np.where(np.arange(SAMPLES) < 700, 1, 1e200)[:, None] * X
    with pytest.raises(ArithmeticError, match=r"validation error is inf after epoch 1: .*first appears in equation"):
        network("sum").Trainer(seed=1).fit(X, Y, epochs=1, learning_rate=1e-9, validation=(X, far[:, :2]))


def test_memory_is_that_of_a_part():
    module, many = network("mean"), 60_000
    inputs, targets = csr_array(DRAW.random((many, 3)) > 0.5, dtype=float), np.zeros((many, 2))
    trainer = module.Trainer(seed=1)
    trainer.fit(X, Y, epochs=1, validation=(inputs[:600], targets[:600]))
    tracemalloc.start()
    try:
        trainer.fit(X, Y, epochs=1, validation=(inputs, targets))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12e6  # the tensors of all samples have 8 MB, the targets 1
