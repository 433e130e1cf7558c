"""What is trained and how far: frozen parameters, factors of learning rates, clipping of entries, constraints."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from derive import Network, Statement, derive
from derive.api import Derivation
from derive.statement.network import SpecError
from derive.targets.verify import loaded
from derive.text.errors import StatementError

LAYERS, RATE = (3, 4, 5, 2), 0.7
X = np.random.default_rng(0).normal(size=(3, 20))
Y = np.random.default_rng(1).normal(size=(2, 20))


@cache
def derived(**options: Any) -> Derivation:
    return derive(Network(LAYERS, "tanh", **options))


def module(**options: Any) -> ModuleType:
    found: ModuleType = loaded(derived(**options).numpy_target.readable.linked)
    return found


def stepped(**options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters before and after a step."""
    made = module(**options)
    after = module().initial_parameters(seed=3)
    before = {name: value.copy() for name, value in after.items()}
    state = (made.initial_state(after),) if hasattr(made, "initial_state") else ()
    made.update(after, X, Y, RATE, *state)
    return before, after


@pytest.mark.parametrize(("trained", "factors"), [("W3,b3", 1), (["W2", "b1"], 1)])
def test_what_is_not_trained_has_no_gradient_and_stays(
    trained: Any, factors: int, capsys: pytest.CaptureFixture[str]
) -> None:
    names = trained.split(",") if isinstance(trained, str) else trained
    made = derive(Network(LAYERS, "tanh", train=trained))
    assert made.check().passed
    network: Any = loaded(made.numpy_target.readable.linked)
    parameters = module().initial_parameters(seed=3)
    found, whole = network.gradients(parameters, X, Y), module().gradients(parameters, X, Y)
    assert sorted(found) == sorted(names)
    for name in names:
        np.testing.assert_allclose(found[name], whole[name], rtol=1e-12, atol=1e-15)
    assert len(made.program.stage("factor")) == factors  # none below the lowest parameter
    trainer = network.Trainer(seed=3)
    start = {name: value.copy() for name, value in trainer.parameters.items()}
    trainer.fit(X.T, Y.T, epochs=2, progress=False)
    assert sorted(n for n, value in start.items() if not np.array_equal(value, trainer.parameters[n])) == sorted(names)
    trainer.diagnose(X.T, Y.T)
    assert [line.split()[0] for line in capsys.readouterr().out.split("step / size\n")[1].splitlines()] == [*found]


def test_directions_of_second_order_are_those_of_what_is_trained() -> None:
    made = derive(Network(LAYERS, "tanh", train="W3,b3", order=2))
    assert [t.about.name for t in made.forward.upstream if t.about] == ["dE_dW3", "dE_db3"]
    assert made.check().passed


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_factor_multiplies_the_learning_rate_of_a_parameter(optimizer: str) -> None:
    before, plain = stepped(optimizer=optimizer)
    _, after = stepped(optimizer=optimizer, rate_factors="W1=0.1, b2=2")
    for name, value in before.items():
        factor = {"W1": 0.1, "b2": 2}.get(name, 1)
        np.testing.assert_allclose(after[name] - value, factor * (plain[name] - value), rtol=1e-9, atol=1e-15)


def test_entries_are_clipped() -> None:
    slopes = module().gradients(module().initial_parameters(seed=3), X, Y)
    before, after = stepped(clip="value(limit=0.02)")
    assert any(np.any(np.abs(s) > 0.02) for s in slopes.values())
    for name, slope in slopes.items():
        np.testing.assert_allclose(after[name], before[name] - RATE * np.clip(slope, -0.02, 0.02), rtol=1e-12)


@pytest.mark.parametrize(("constraint", "limit"), [("max_norm(limit=0.9)", 0.9), ("non_negative", None)])
def test_weights_are_projected_after_the_step(constraint: str, limit: float | None) -> None:
    _, plain = stepped()
    _, after = stepped(constraint=constraint)
    for name, value in plain.items():
        if name.startswith("b"):
            expected = value
        elif limit is None:
            expected = np.maximum(value, 0)
        else:
            norms = np.linalg.norm(value, axis=1, keepdims=True)
            assert np.any(norms > limit) or value.shape[0] == 2
            expected = value * np.minimum(1, limit / norms)
        np.testing.assert_allclose(after[name], expected, rtol=1e-12, atol=1e-15)


def test_a_kernel_has_a_norm_for_each_channel() -> None:
    text = "input x[9]\ntarget y[4]\nparameter K[4, 3], b[4]\nz[c] = sum(K[c, i] * x[2*c - 1 + i], i) + b[c]\n"
    statement = Statement(text + "E = mean((y[c] - z[c])**2, c)", constraint="max_norm(limit=0.5)")
    network: Any = loaded(derive(statement).numpy_target.readable.linked)
    trainer = network.Trainer(seed=0)
    trainer.fit(np.random.default_rng(0).normal(size=(40, 9)), np.full((40, 4), 3.0), epochs=5, progress=False)
    assert np.linalg.norm(trainer.parameters["K"], axis=1).max() <= 0.5 * (1 + 1e-12)


def test_the_options_are_written_and_read_again() -> None:
    options = {"train": "W2, b2", "rate_factors": "W2=0.5", "clip": "value(limit=2)", "constraint": "non_negative"}
    network = Network((2, 3, 1), **options)
    assert all(f"{key} = {value!r}".replace("'", '"') in network.to_toml() for key, value in options.items())
    again = derive(Statement(derive(network).equations()))
    assert again.equations() == derive(network).equations()
    assert Network((2, 3, 1), train=["W2", "b2"], rate_factors={"W2": 0.5}).train == network.train
    assert derive(network).description.endswith(
        "Only W2 and b2 are trained. Learning rates are multiplied by 0.5 for W2."
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": "W9"}, "train names W9, which is no parameter: there are W1, b1, W2 and b2"),
        ({"train": "W1, W1"}, "train names W1 twice"),
        ({"train": ()}, "train holds '', where names such as W3,b3 are expected"),
        ({"train": 3}, "train is an integer, 3, where a list such as W3,b3 is expected"),
        ({"rate_factors": {"W1": 0}}, "rate_factors of W1 is 0, but is a factor from 1e-12 to 1e+12"),
        ({"rate_factors": "W1"}, "rate_factors of W1 is '', where a number such as 0.1 is expected"),
        ({"rate_factors": {"b1": 2}, "train": "W1"}, "rate_factors names b1, which train leaves out: add it there"),
        ({"clip": "value"}, "clip 'value': value needs its option limit"),
        ({"clip": "shrink(limit=1)"}, "unknown clip 'shrink'"),
        ({"constraint": "max_norm(limit=0)"}, "constraint 'max_norm(limit=0)': limit is '0', but must be a number"),
        ({"constraint": "unit"}, "unknown constraint 'unit'"),
        ({"constraint": "non_negative", "bias": "augmented"}, "bias augmented has biases among the weights"),
    ],
)
def test_bad_options_are_refused_in_one_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises((SpecError, StatementError)) as refused:
        derive(Network((2, 3, 1), **options))
    assert str(refused.value).startswith(message)
