"""Losses against the metrics of scikit-learn and the losses of PyTorch, and scores that fit them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import Array, module_of
from sklearn import metrics

from derive import Network, Statement
from derive.catalogue.losses import loss
from derive.estimators.outputs import for_classes, for_numbers
from derive.targets.numpy.estimator import estimator_files
from derive.text.errors import SpecError, StatementError
from derive.text.user_text import shown

DRAW = np.random.default_rng(5)
X = DRAW.normal(size=(40, 3))
NUMBERS, AMOUNTS, CLASSES = DRAW.normal(size=(40, 2)), DRAW.poisson(1, 40) * 1.0, DRAW.integers(0, 3, 40)
POSITIVE, ORDERED = DRAW.uniform(0.5, 2, 40), DRAW.integers(0, 4, 40)


def pinball(share: float) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return (
        lambda y, a: metrics.d2_pinball_score(y, a, alpha=share),
        lambda y, a: metrics.mean_pinball_loss(y, a, alpha=share),
    )


def deviance(power: float) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return (
        lambda y, a: metrics.d2_tweedie_score(y, a[:, 0], power=power),
        lambda y, a: metrics.mean_tweedie_deviance(y, a[:, 0], power=power),
    )


def several(y: Array, a: Array) -> float:
    scores = [metrics.d2_pinball_score(y[:, 0], a[:, n], alpha=share) for n, share in enumerate((0.2, 0.5))]
    return float(np.mean(scores))


def cosines(y: Array, a: Array) -> Array:
    return np.diag(metrics.pairwise.cosine_similarity(y, a))


#: For each loss, the number of outputs and their activation, the targets, the score, and the error.
MEASURED: dict[str, tuple[int, str, Array, Any, Any]] = {
    "quantile(tau=0.2)": (2, "identity", NUMBERS, *pinball(0.2)),
    "quantile(tau=[0.2, 0.5])": (2, "identity", NUMBERS[:, :1], several, None),
    "laplace_nll": (4, "identity", NUMBERS, lambda y, a: metrics.d2_absolute_error_score(y, a[:, :2]), None),
    "gaussian_nll": (4, "identity", NUMBERS, lambda y, a: metrics.r2_score(y, a[:, :2]), None),
    "gamma": (1, "exponential", POSITIVE, *deviance(2)),
    "tweedie(power=1.3)": (1, "softplus", AMOUNTS, *deviance(1.3)),
    "poisson": (1, "exponential", AMOUNTS, deviance(1)[0], None),
    "ordinal": (3, "sigmoid", ORDERED, lambda y, a: np.mean((a > 0.5).sum(axis=1) == y), None),
    "crammer_singer": (3, "identity", CLASSES, lambda y, a: np.mean(a.argmax(axis=1) == y), metrics.hinge_loss),
    "cosine": (2, "tanh", NUMBERS, lambda y, a: cosines(y, a).mean(), lambda y, a: 1 - cosines(y, a).mean()),
}


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.sampled(3)
def test_score_and_error_are_those_of_scikit_learn(name: str) -> None:
    outputs, activation, targets, score, error = MEASURED[name]
    trainer = module_of((3, 4, outputs), f"tanh,{activation}", name).Trainer(seed=3)
    found = trainer.predict(X)
    assert trainer.score(X, targets) == pytest.approx(score(targets, found), rel=1e-12)
    if name in ("gaussian_nll", "ordinal", "quantile(tau=[0.2, 0.5])"):  # also with layers that are not dense
        layered = module_of((3, "dropout", 4, outputs), f"tanh,{activation}", name).Trainer(trainer.parameters)
        assert layered.score(X, targets) == trainer.score(X, targets)
    if error is not None:
        given = np.eye(3)[targets] if targets.dtype.kind == "i" else targets.reshape(len(X), -1)
        assert trainer.network.measured(trainer.parameters, X.T, given.T) == pytest.approx(error(targets, found))


def test_a_missing_target_has_a_number_that_the_loss_takes() -> None:
    """As 0 is none for the gamma deviance; a sample without any target changes nothing."""
    module = module_of((3, 4, 1), "tanh,exponential", "gamma", missing="ignore")
    trainer = module.Trainer(seed=3)
    whole = trainer.copy().fit(X[:20], POSITIVE[:20], 1, batch_size=None, learning_rate=0.1)
    trainer.fit(X, np.r_[POSITIVE[:20], np.full(20, np.nan)], 1, batch_size=None, learning_rate=0.2)
    for name, value in whole.parameters.items():
        np.testing.assert_allclose(trainer.parameters[name], value, rtol=1e-12)


def in_torch(name: str, y: Array, a: Array) -> Any:
    """The loss of PyTorch, of outputs that are no probabilities yet."""
    torch = importlib.import_module("torch")
    functional, half = torch.nn.functional, len(a[0]) // 2
    outputs, targets = (torch.tensor(v) for v in (a, y))
    classes = targets.argmax(dim=1)
    return {
        "gaussian_nll": lambda: functional.gaussian_nll_loss(
            outputs[:, :half], targets, torch.exp(2 * outputs[:, half:])
        ),
        "laplace_nll": lambda: (
            -torch.distributions.Laplace(outputs[:, :half], torch.exp(outputs[:, half:])).log_prob(targets).mean()
            - np.log(2)
        ),
        "label_smoothing": lambda: functional.cross_entropy(outputs, classes, label_smoothing=0.1),
        "weston_watkins": lambda: len(a[0]) * functional.multi_margin_loss(outputs, classes),
        "cosine": lambda: functional.cosine_embedding_loss(outputs, targets, torch.ones(len(a))),
    }[name]()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gaussian_nll", "laplace_nll", "label_smoothing", "weston_watkins", "cosine"])
def test_error_is_that_of_pytorch(name: str) -> None:
    pytest.importorskip("torch")
    activation = "softmax" if name == "label_smoothing" else "identity"
    trainer = module_of((3, 4, 4), f"tanh,{activation}", name).Trainer(seed=3)
    stated = loss(name)
    targets = np.eye(4)[ORDERED] if stated.targets == "classes" else DRAW.normal(size=(40, 4 // stated.per_target))
    found = trainer.compute("Z2", X)
    measured = trainer.network.measured(trainer.parameters, X.T, targets.T)
    assert measured == pytest.approx(float(in_torch(name, targets, found)), rel=1e-12)


@pytest.mark.parametrize(
    ("layers", "name", "said"),
    [
        ((3, 3), "gaussian_nll", "needs 2 outputs for each target, but there are 3: use 4 outputs"),
        ((3, 1), "laplace_nll", "needs 2 outputs for each target, but there is 1: use 2 outputs"),
        ((3, 4), "quantile(tau=[0.1, 0.5, 0.9])", "needs 3 outputs for each target, but there are 4: use 6 outputs"),
        (("n", "k"), "gaussian_nll", "so the number of outputs must be a number, not 'k'"),
        ((3, 1), "quantile(tau=[0.1, 0.1])", r"tau is '\[0.1, 0.1\]', which has a number twice"),
        ((3, 1), "quantile(tau=[0.1, 1])", "tau is '1', but must be a number greater than 0 and less than 1"),
        ((3, 1), "quantile(tau=[])", "tau is '', but must be a number"),
        ((3, 1), "huber(delta=[1, 2])", r"delta is '\[1, 2\]', but must be a number"),
    ],
)
def test_a_number_of_outputs_or_an_option_that_does_not_fit_is_refused(layers: Any, name: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        Network(layers, "identity", name)


def test_options_with_several_values_are_written_as_they_are_read() -> None:
    network = Network((3, 2), "identity", "Pinball( tau = [ 1/4,0.50 ] )")
    assert network.loss == "quantile(tau=[0.25, 0.5])"
    assert Network((3, 2), "identity", "quantile(tau=[0.5])").loss == "quantile"


def test_a_statement_has_as_many_outputs_as_its_loss_needs() -> None:
    s = Statement()
    x, y, w, i = s.input("x", 3), s.target("y", 2), s.parameter("w", 3), s.index("i", 3)
    o = s.define("o", i, w[i] * x[i])
    with pytest.raises(StatementError, match="needs 2 outputs for each target, 4 for y, but o has 3"):
        s.loss("gaussian_nll", y, o)


def test_an_estimator_predicts_one_number_for_each_target() -> None:
    with pytest.raises(SpecError, match="where an estimator predicts one number for each target"):
        for_numbers(None, "gaussian_nll", 2)
    with pytest.raises(SpecError, match="one output fewer than classes, where an estimator"):
        for_classes(None, "ordinal", 3)
    with pytest.raises(SpecError, match=f"loss is {shown('gamma')}, which is for positive numbers"):
        for_classes(None, "gamma", 3)
    with pytest.raises(SpecError, match="leave out the estimator, and use the trainer"):
        estimator_files(Network((3, 2), "identity", "laplace_nll"))
    assert for_classes(None, "focal", 3).activation == "softmax"
    assert for_numbers(None, "tweedie", 1).activation == "exponential"
