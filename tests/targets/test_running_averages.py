"""Running averages: the trainer keeps them as a few lines of NumPy do, and predicts one sample with them."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from helpers import load
from numpy.typing import NDArray

from derive import Statement, derive
from derive.targets.verify import check_rendered
from derive.text.errors import StatementError

Array = NDArray[np.float64]

DATA = np.random.default_rng(4)
X, Y = DATA.normal(size=(10, 3)), DATA.normal(size=(10, 2))
TEXT = """
size n = 3, h, k = 2
input x[n]
target y[k]
parameter W[h, n], g[h] = 1, V[k, h]
z[i] = sum(W[i, j] * x[j], j)
mu[i] = mean(z[i, u], u)
v[i] = mean((z[i, u] - mu[i])**2, u)
a[i] = tanh(g[i] * (z[i] - mu[i]) / sqrt(v[i] + 0.001))
q[r] = sum(V[r, i] * a[i], i)
"""
ERROR = "E = sum((y[r] - q[r])**2, r) + 0.1 * mean(mu[i]**2, i)\n"
KEPT = "running mu, v = 1 momentum 0.2\n"


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return load(derive(Statement(TEXT + KEPT + ERROR, optimizer="adam")).numpy())


def output(parameters: dict[str, Array], x: Array, mu: Array, v: Array) -> Array:
    a = np.tanh(parameters["g"][:, 0] * (x @ parameters["W"].T - mu) / np.sqrt(v + 0.001))
    return np.asarray(a @ parameters["V"].T)


def test_each_step_moves_the_averages_and_predictions_read_them(module: ModuleType) -> None:
    trainer = module.Trainer(seed=1, h=5)
    mu, v = np.zeros(5), np.ones(5)
    for batch in (slice(0, 4), slice(4, 8), slice(8, 9)):  # one sample in the last batch
        z = X[batch] @ trainer.parameters["W"].T
        mu, v = 0.8 * mu + 0.2 * z.mean(axis=0), 0.8 * v + 0.2 * z.var(axis=0)
        trainer.partial_fit(X[batch], Y[batch], 0.05)
    assert np.allclose(trainer.state["running_mu"][:, 0], mu, rtol=1e-13)
    assert np.allclose(trainer.state["running_v"][:, 0], v, rtol=1e-13)
    expected = output(trainer.parameters, X, mu, v)
    assert np.allclose(trainer.predict(X), expected, rtol=1e-12)
    assert np.allclose(trainer.predict(X[:1]), expected[:1], rtol=1e-12)
    assert np.allclose(module.predict(trainer.parameters, X.T, trainer.state).T, expected, rtol=1e-12)
    z = X @ trainer.parameters["W"].T
    of_batch = output(trainer.parameters, X, z.mean(axis=0), z.var(axis=0))
    assert np.allclose(trainer.compute("q", X), of_batch, rtol=1e-12)
    loss = np.mean(np.sum((of_batch - Y) ** 2, axis=1)) + 0.1 * np.mean(z.mean(axis=0) ** 2)
    assert module.error(trainer.parameters, X.T, Y.T) == pytest.approx(loss)
    trainer.fit(X, Y, 1, 0.01, batch_size=3, validation=(X[:2], Y[:2]))
    (mu,), (v,) = trainer.state["running_mu"].T, trainer.state["running_v"].T
    loss = np.mean(np.sum((trainer.predict(X[:2]) - Y[:2]) ** 2, axis=1)) + 0.1 * np.mean(mu**2)
    assert trainer.validation_history == pytest.approx([loss])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_averages_are_saved_and_loaded(module: ModuleType, tmp_path, dtype) -> None:
    trainer = module.Trainer(seed=1, h=4, dtype=dtype).fit(X, Y, 2, 0.01, batch_size=3)
    trainer.save(tmp_path / "saved.npz")
    found = module.Trainer.load(tmp_path / "saved.npz").predict(X)
    assert np.array_equal(found, trainer.predict(X))
    assert found.dtype == trainer.state["running_v"].dtype == dtype


def test_the_form_predict_has_the_averages(module: ModuleType, tmp_path) -> None:
    derivation = derive(Statement(TEXT + KEPT + ERROR, optimizer="adam"))
    trainer = module.Trainer(seed=1, h=4).fit(X, Y, 2, 0.01)
    trainer.save(tmp_path / "saved.npz")
    form = load(derivation.numpy("predict"))
    assert np.allclose(form.predict(form.load(tmp_path / "saved.npz"), X[:1]), trainer.predict(X[:1]), rtol=1e-13)
    whole = load(derivation.numpy("predict", {**trainer.parameters, **trainer.state}))
    assert np.allclose(whole.predict(X[:1]), trainer.predict(X[:1]), rtol=1e-13)
    with pytest.raises(StatementError, match="needs running_mu among the parameters"):
        derivation.numpy("predict", trainer.parameters)


def test_a_tensor_that_still_couples_the_samples_is_named() -> None:
    derivation = derive(Statement(TEXT + "running v = 1\n" + ERROR))
    assert load(derivation.numpy("core")).initial_state({"W": np.ones((4, 3)), "g": np.ones((4, 1))}).keys() == {
        "running_v"
    }
    trainer = load(derivation.numpy()).Trainer(h=4)
    with pytest.raises(NotImplementedError, match="mu is a sum over the samples"):
        trainer.predict(X)
    with pytest.raises(StatementError, match="form predict needs independent samples"):
        derivation.numpy("predict")


def test_the_check_compares_predictions_with_the_equations() -> None:
    derivation = derive(Statement(TEXT.replace("n = 3, h,", "n = 3, h = 4,") + KEPT + ERROR))
    rendered = derivation.numpy_target.rendered
    lines = rendered.context["predict"]
    broken = [line.replace('state["running_mu"]', '0.5 * state["running_mu"]') for line in lines]
    assert broken != [*lines]
    context = {**rendered.context, "predict": broken}
    report = check_rendered(
        type(rendered)(rendered.name, rendered.description, context, rendered.functions),
        *(
            derivation.program,
            derivation.notation,
        ),
    )
    assert report.right
    assert not report.passed
    assert "predict()" in report.line()


def test_a_tensor_is_predicted_that_is_an_average_itself() -> None:
    text = "input x[3]\nparameter w[3]\nz = sum(w[i] * x[i], i)\nmu = mean(z[u], u)\noutput mu\nrunning mu\n"
    made = load(derive(Statement(text + "E = (mu - 1)**2")).numpy())
    trainer = made.Trainer(seed=1).partial_fit(X)
    before = trainer.predict(X[:1])
    kept = before.copy()
    trainer.partial_fit(X)
    assert np.array_equal(before, kept)
    assert trainer.predict(X[:1]) == pytest.approx(trainer.state["running_mu"])


def test_the_average_of_another_tensor_is_read() -> None:
    """PyTorch divides by m - 1 in the variance of its running average."""
    text = "samples m\n" + TEXT.replace("n = 3, h,", "n = 3, h = 4,").replace(
        "\na[i]", "\nw[i] = v[i] * m / max(m - 1, 1)\na[i]"
    )
    derivation = derive(Statement(f"{text}running mu, v of w = 1\n{ERROR}"))
    trainer = load(derivation.numpy()).Trainer(seed=1)
    v = np.ones(4)
    for batch in (X[:4], X[4:5]):
        z = batch @ trainer.parameters["W"].T
        v = 0.9 * v + 0.1 * (z.var(axis=0, ddof=1) if len(z) > 1 else 0)
        trainer.partial_fit(batch, Y[: len(batch)], 0.05)
    assert np.allclose(trainer.state["running_v"][:, 0], v, rtol=1e-13)
    expected = output(trainer.parameters, X, trainer.state["running_mu"][:, 0], v)
    assert np.allclose(trainer.predict(X), expected, rtol=1e-12)
    written = derivation.equations()
    assert "running mu, v of w = 1\n" in written
    assert derive(Statement(written)).equations() == written
