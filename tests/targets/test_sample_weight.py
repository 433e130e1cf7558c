"""Weights of samples and missing targets: in the equations, in both renderings, in the trainer and in its scores."""

from __future__ import annotations

from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from autograd.scipy.special import expit, logsumexp
from helpers import derivation, interpreted, load, module_of, off, real, stored

from derive import Network, Statement, derive
from derive.targets.loops.loops import evaluate
from derive.text.errors import SpecError, StatementError

DRAW = np.random.default_rng(5)
X, Z = DRAW.normal(size=(24, 3)), DRAW.normal(size=(24, 3))
C = DRAW.integers(0, 4, 24).astype(float)
STAGES = ("forward", "error", "factor", "gradient")
#: The network of each case: its outputs, loss, weighting, and whether targets may be missing.
CASES = {
    "mean": ("tanh,identity", "half_mse", {"sample_weight": "mean"}),
    "softmax": ("tanh,softmax", "cross_entropy", {"sample_weight": "mean", "l2": 0.1, "optimizer": "adam"}),
    "both": ("tanh,sigmoid", "binary_cross_entropy", {"sample_weight": "factor", "missing": "ignore"}),
    "mask": ("tanh,identity", "huber", {"missing": "ignore"}),
}
#: The error of each sample and output, in NumPy: of weighted sums, and of targets.
TERMS = {
    "half_mse": lambda z, y: (z - y) ** 2 / 2,
    "cross_entropy": lambda z, y: -y * (z - logsumexp(z, axis=1, keepdims=True)),
    "binary_cross_entropy": lambda z, y: -y * anp.log(expit(z)) - (1 - y) * anp.log(1 - expit(z)),
    "huber": lambda z, y: anp.where(abs(z - y) <= 1, (z - y) ** 2 / 2, abs(z - y) - 0.5) / 3,
}
FITTING = {
    "half_mse": Z,
    "huber": Z,
    "binary_cross_entropy": (Z > 0) * 1.0,
    "cross_entropy": np.eye(3)[Z.argmax(axis=1)],
}


def of_case(name: str) -> tuple[Any, ...]:
    activation, loss, options = CASES[name]
    return (3, 4, 3), activation, loss, "separate", "psi", tuple(options.items())


def trainer_of(name: str) -> Any:
    *plain, options = of_case(name)
    return module_of(*plain, **dict(options))


def error(parameters: Any, name: str, y: Any, c: Any, known: Any) -> Any:
    """The error, written by hand."""
    _, loss, options = CASES[name]
    hidden = anp.tanh(X @ parameters["W1"].T + parameters["b1"].T)
    terms = TERMS[loss](hidden @ parameters["W2"].T + parameters["b2"].T, y)
    weighed = anp.sum(c[:, None] * known * terms) / (np.sum(c) if options.get("sample_weight") == "mean" else len(y))
    return weighed + options.get("l2", 0) / 2 * (anp.sum(parameters["W1"] ** 2) + anp.sum(parameters["W2"] ** 2))


def data_of(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets, weights and what is known; targets that are not known are NaN."""
    _, loss, options = CASES[name]
    known = DRAW.uniform(size=Z.shape) < 0.7 if "missing" in options else np.ones(Z.shape, bool)
    return np.where(known, FITTING[loss], np.nan), C if "sample_weight" in options else np.ones(24), known * 1.0


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_the_weighted_error(name):
    """The functional core, autograd of a formula by hand, complex steps, differences, the interpreter, plain loops."""
    module, (y, c, known) = trainer_of(name), data_of(name)
    parameters = module.example(seed=2)[0]
    filled = np.where(known == 1, y, 0)
    given = [a for a, wanted in ((c[None], "c"), (known.T, "M")) if wanted in [d.name for d in module.NETWORK.data.all]]
    data = (X.T, filled.T, *given)
    expected = autograd.grad(error)(parameters, name, filled, c, known)
    assert off(module.error(parameters, *data), error(parameters, name, filled, c, known)) < 1e-14
    for key, slope in module.gradients(parameters, *data).items():
        assert off(slope, expected[key]) < 1e-12, key
    for exact, near in module.check_gradients(parameters, *data).values():
        assert exact < 1e-12
        assert near < 1e-6
    assert module.FAST_STEPS is not None
    assert module.check_steps(parameters, *data) < 1e-12
    *plain, options = of_case(name)
    program = derivation(*plain, **dict(options)).program
    values = dict(zip([t.name for t in program.inputs], data, strict=True))
    values = {n: v.ravel() if n == "c" else v for n, v in values.items()}
    values |= {
        p.name: parameters[p.name].ravel() if len(p.axes) == 1 else parameters[p.name] for p in program.parameters
    }
    values |= {t.name: np.array(0.1) for t in program.scalars if t.name == "l2"}
    loops = evaluate(program, values, {"m": 24}, STAGES)
    for parameter in program.parameters:
        found = loops[f"dE_d{parameter.name}"]
        assert off(stored(parameter, found), expected[parameter.name]) < 1e-12
    few = {n: v[..., :3] if v.shape[-1:] == (24,) else v for n, v in values.items()}
    slopes = interpreted(program, few, {"m": 3}), evaluate(program, few, {"m": 3}, STAGES)
    assert off(*(real(found["dE_dW1"]) for found in slopes)) < 1e-12


@pytest.mark.parametrize("size", [None, 5, 1])
def test_steps_of_fit_are_those_of_update(size):
    """Both renderings, over several batches, in both types."""
    module, (y, c, known) = trainer_of("both"), data_of("both")
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-5)):
        trainer = module.Trainer(seed=1, dtype=dtype).fit(X, y, 2, 0.2, size, shuffle=False, sample_weight=c)
        parameters = {n: v.astype(dtype) for n, v in module.initial_parameters(seed=1).items()}
        filled, errors = np.where(known == 1, y, 0), []
        for first in [*range(0, 24, size or 24)] * 2:
            b = slice(first, first + (size or 24))
            errors.append(module.update(parameters, X[b].T, filled[b].T, c[None, b], known[b].T, 0.2))
        assert np.allclose(trainer.history, errors, rtol=tolerance)
        assert all(np.allclose(trainer.parameters[n], v, rtol=tolerance, atol=tolerance) for n, v in parameters.items())


@pytest.mark.parametrize("name", ["mean", "softmax"])
def test_weights_are_repetitions_and_0_leaves_out(name):
    module, y = trainer_of(name), FITTING[CASES[name][1]]
    times = C.astype(int)
    one = module.Trainer(seed=1).fit(X, y, 9, 0.05, sample_weight=C)
    two = module.Trainer(seed=1).fit(X.repeat(times, 0), y.repeat(times, 0), 9, 0.05)
    assert np.allclose(one.history, two.history, rtol=1e-12)
    assert all(off(one.parameters[n], v) < 1e-11 for n, v in two.parameters.items())
    assert one.score(X, y, C) == pytest.approx(two.score(X.repeat(times, 0), y.repeat(times, 0)), rel=1e-12)
    kept = C > 0
    three = module.Trainer(seed=1).fit(X, y, 3, 0.05, 5, validation=0.2, sample_weight=kept)
    four = module.Trainer(seed=1).fit(X[kept], y[kept], 3, 0.05, 5, validation=0.2)
    assert (three.history, three.validation_history) == (four.history, four.validation_history)


def test_the_error_of_an_epoch_and_of_validation_data_is_weighted():
    module, y = trainer_of("mean"), FITTING["half_mse"]
    trainer = module.Trainer(seed=1).fit(X, y, 4, 0.0, 7, sample_weight=C, validation=(X, y, C))
    whole = module.error(trainer.parameters, X.T, y.T, C[None])
    assert np.allclose(trainer.epoch_history, whole, rtol=1e-13)
    assert np.allclose(trainer.validation_history, whole, rtol=1e-13)
    again = module.Trainer(seed=1).partial_fit(X, y, 0.0, sample_weight=C)
    assert again.history == pytest.approx([whole], rel=1e-13)


def test_a_learner_of_one_action_of_three():
    """NaN: no error. The other rows of the last weights stay as they are, and one pass is enough."""
    module = trainer_of("mask")
    trainer, wanted = module.Trainer(seed=1), np.array([[np.nan, 2.0, np.nan]])
    before = trainer.copy().parameters
    trainer.partial_fit(X[:1], wanted, 0.1)
    same = np.all(trainer.parameters["W2"] == before["W2"], axis=1)
    assert same.tolist() == [True, False, True]
    assert trainer.score(X[:2], [[np.nan, 1, np.nan], [0, 2, np.nan]]) < 1
    trainer.partial_fit(X[:1], wanted * np.nan, 0.1)
    assert trainer.history[-1] == 0


def test_scores_are_weighted_and_leave_out_what_is_missing():
    module = trainer_of("both")
    trainer, y = module.Trainer(seed=1), FITTING["binary_cross_entropy"].copy()
    right = ((trainer.predict(X) >= 0.5) == y).all(axis=1)
    assert trainer.score(X, y, C) == pytest.approx(np.average(right, weights=C))
    y[0], y[1:, 1:] = np.nan, np.nan
    right = (trainer.predict(X)[1:, 0] >= 0.5) == y[1:, 0]
    assert trainer.score(X, y) == pytest.approx(right.mean())
    with pytest.raises(ValueError, match="Y holds only NaN: there is nothing to score"):
        trainer.score(X, y * np.nan)
    metrics = pytest.importorskip("sklearn.metrics")
    plain = module_of((3, 4, 3), "tanh,identity", "half_mse").Trainer(seed=1)
    assert plain.score(X, Z, C) == pytest.approx(metrics.r2_score(Z, plain.predict(X), sample_weight=C), rel=1e-12)


@pytest.mark.parametrize(
    "weights, message",
    [
        (C[:-1], "X has 24 samples and sample_weight has 23; expected equally many"),
        (C - 1, "sample_weight holds -1; expected weights, which are not negative"),
        (C * 0, "sample_weight holds only 0; expected some positive weight"),
        (C * np.nan, "sample_weight holds NaN or an infinite number"),
        (np.ones((24, 2)), r"sample_weight has shape \(24, 2\); expected \(samples,\)"),
        ("heavy", "sample_weight must hold real numbers, not text"),
    ],
)
def test_wrong_weights_are_refused(weights, message):
    trainer = trainer_of("mean").Trainer(seed=1)
    for call in (trainer.fit, trainer.partial_fit, trainer.score):
        with pytest.raises((ValueError, TypeError), match=message):
            call(X, Z, sample_weight=weights)
    assert trainer.history == []


def test_a_trainer_without_weights_says_how_to_derive_them():
    trainer = module_of((3, 4, 3), "tanh,identity", "half_mse").Trainer(seed=1)
    for call in (trainer.fit, trainer.partial_fit):
        with pytest.raises(ValueError, match='derive the network with sample_weight="mean"'):
            call(X, Z, sample_weight=C)
    with pytest.raises(ValueError, match=r'Y holds NaN; .* derive the network with missing="ignore"'):
        trainer.fit(X, np.where(Z > 0, Z, np.nan))
    core = trainer_of("mean")
    with pytest.raises(ValueError, match="c holds only 0; expected some positive weight"):
        core.error(core.initial_parameters(), X.T, Z.T, 0 * C[None])


# The statement.


def test_texts_state_both_by_options():
    text = """\
option sample_weight = mean
option missing = ignore
size n = 3, k = 2
input x[n]
target y[k], z
parameter W[k, n], v[n]
o[i] = sum(W[i, j] * x[j], j)
p = sum(v[j] * x[j], j)
E = sum((o[i] - y[i])**2, i) / 3 + (p - z)**2 + sum(v[j]**2, j)
"""
    d = derive(Statement(text))
    assert [t.name for t in d.program.inputs] == ["x", "y", "z", "c", "M_y", "M_z"]
    again = derive(Statement(d.equations()))
    assert again.equations() == d.equations()
    assert "option sample_weight = mean\noption missing = ignore" in d.equations()
    assert again.program.stage("error")[-1].equation == d.program.stage("error")[-1].equation
    module = load(d.numpy())
    y, z = DRAW.normal(size=(6, 2)), np.array([1, np.nan, 2, 3, np.nan, 0])
    trainer = module.Trainer(seed=0).fit({"x": X[:6]}, {"y": y, "z": z}, 2, sample_weight=C[:6] + 1)
    o, p = (X[:6] @ module.initial_parameters(0)[n].T.reshape(3, -1) for n in "Wv")
    terms = np.sum((o - y) ** 2, axis=1) / 3 + np.where(np.isnan(z), 0, (p[:, 0] - np.nan_to_num(z)) ** 2)
    penalty = np.sum(module.initial_parameters(0)["v"] ** 2)
    assert trainer.history[0] == pytest.approx(np.average(terms, weights=C[:6] + 1) + penalty, rel=1e-12)


def test_terms_that_couple_samples_have_the_weight_of_their_own():
    text = "input x[2]\nparameter w[2] = 1\np = sum(w[j] * x[j], j)\nE = sum((p - p[u])**2, u)\n"
    module = load(derive(Statement("option sample_weight = mean\n" + text)).numpy())
    parameters, weights = {"w": np.array([[1.0], [2.0]])}, C[:5] + 1
    p = X[:5, :2] @ [1.0, 2.0]
    expected = np.average([np.sum((one - p) ** 2) for one in p], weights=weights)
    assert module.error(parameters, X[:5, :2].T, weights[None]) == pytest.approx(expected, rel=1e-12)


def test_a_network_says_it_in_a_file_and_in_a_text():
    network = Network((3, 4, 2), sample_weight="Mean", missing="ignore")
    assert 'sample_weight = "mean"\nmissing = "ignore"\n' in network.to_toml()
    assert Network.from_dict({"layers": [3, 4, 2], "sample_weight": "mean", "missing": "ignore"}) == network
    d = derive(network)
    assert "E = mean((Y[i] - a2[i])**2, i)" in d.equations()
    latex = d.latex()
    assert "weights of the samples" in latex
    assert r"{2\, \sum_{\mu=1}^{m}\, c^{\mu}}" in latex


START = "input x[3]\ntarget y[3]\nparameter W[3]\np[i] = W[i] * x[i]\n"


@pytest.mark.parametrize(
    "text, message",
    [
        ("option missing = ignore\n" + START + "E = log(sum(exp(p[i] * y[i]), i))", "no sum over the entries of y"),
        (
            "option missing = ignore\n" + START + "E = sum(W[i]**2, i)",
            "no term of the error is a mean over the samples",
        ),
        (
            "option missing = ignore\n" + START + "promise sums_to_one y\nE = sum(y[i] * p[i], i)",
            "of a sample sum to 1",
        ),
        ("option sample_weight = mean\n" + START + "E = sum((p[i, u] - y[i, u])**2, i, u)", "no term of the error is"),
        ("option sample_weight = always\n" + START, "'always', where none, mean, factor or outputs is expected"),
    ],
)
def test_what_has_no_weights_is_refused(text, message):
    with pytest.raises((StatementError, SpecError), match=message):
        Statement(text)


def test_classes_cannot_be_missing_alone():
    with pytest.raises(SpecError, match="missing is ignore, but the targets of the loss cross_entropy sum to 1"):
        Network((3, 4, 2), "tanh,softmax", "cross_entropy", missing="ignore")


@pytest.mark.parametrize("activation, loss", [("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy")])
@pytest.mark.slow
def test_gradients_are_those_of_pytorch(activation, loss):
    torch = pytest.importorskip("torch")
    y = FITTING[loss]
    module = module_of((3, 4, 3), f"tanh,{activation}", loss, sample_weight="mean")
    parameters = module.example(seed=2)[0]
    tensors = {n: torch.tensor(v, requires_grad=True) for n, v in parameters.items()}
    z = torch.tanh(torch.tensor(X) @ tensors["W1"].T + tensors["b1"].T) @ tensors["W2"].T + tensors["b2"].T
    functional = torch.nn.functional
    if loss == "cross_entropy":
        each = functional.cross_entropy(z, torch.tensor(y.argmax(axis=1)), reduction="none")
    else:
        each = functional.binary_cross_entropy_with_logits(z, torch.tensor(y), reduction="none").sum(dim=1)
    whole = (torch.tensor(C) * each).sum() / C.sum()
    whole.backward()
    assert off(module.error(parameters, X.T, y.T, C[None]), whole.item()) < 1e-12
    for name, slope in module.gradients(parameters, X.T, y.T, C[None]).items():
        assert off(slope, tensors[name].grad.numpy()) < 1e-12


@pytest.mark.parametrize("weighting", ["mean", "factor"])
@pytest.mark.slow
def test_second_derivatives_know_the_weights(weighting):
    derive(Network((2, 3, 2), "tanh", order=2, sample_weight=weighting, missing="ignore")).check().require()


@pytest.mark.parametrize("size", [1, 24])
def test_a_stepper_takes_weights_and_masks(size):
    module, (y, c, known) = trainer_of("both"), data_of("both")
    one, two, rows = module.Trainer(seed=1), module.Trainer(seed=1), slice(0, size)
    step, filled = two.stepper(size), np.where(known == 1, y, 0)
    for _ in range(3):
        one.partial_fit(X[rows], y[rows], 0.2, sample_weight=c[rows] + 1)
        step(X[rows], filled[rows], c[rows, None] + 1, known[rows], learning_rate=0.2)
    assert two.history == pytest.approx(one.history, rel=1e-12)
    assert all(off(two.parameters[n], v) < 1e-12 for n, v in one.parameters.items())


@pytest.mark.parametrize("loss, last", [("poisson", "exponential"), ("cosine", "identity"), ("quantile", "identity")])
@pytest.mark.slow
def test_other_scores_are_weighted(loss, last):
    """A weight of 0 leaves a sample out; equal weights change nothing."""
    trainer, y = module_of((3, 4, 3), f"tanh,{last}", loss).Trainer(seed=1), np.abs(Z)
    kept = C > 0
    assert trainer.score(X, y, kept) == pytest.approx(trainer.score(X[kept], y[kept]), rel=1e-12)
    assert trainer.score(X, y, 2 * np.ones(24)) == pytest.approx(trainer.score(X, y), rel=1e-12)
    if loss != "quantile":  # a quantile of unequal weights is one of the targets
        assert trainer.score(X, y, C) == pytest.approx(
            trainer.score(X.repeat(C.astype(int), 0), y.repeat(C.astype(int), 0))
        )


def test_outputs_have_weights_of_their_own() -> None:
    plain, options = ((3, 4, 2), "tanh", "mse", "separate", "psi"), {"sample_weight": "outputs"}
    weights, targets = DRAW.uniform(0.1, 2, (24, 2)), np.tanh(Z[:, :2])
    module = module_of(*plain, **options)
    assert derive(Network(*plain[:3], **options)).check().passed

    def weighed(parameters: Any) -> Any:
        hidden = anp.tanh(X @ parameters["W1"].T + parameters["b1"].T)
        outputs = anp.tanh(hidden @ parameters["W2"].T + parameters["b2"].T)
        return anp.sum(weights * (targets - outputs) ** 2) / (2 * len(X))

    parameters = module.initial_parameters(seed=1)
    slopes = module.gradients(parameters, X.T, targets.T, weights.T)
    for name, slope in autograd.grad(weighed)(parameters).items():
        assert off(slopes[name], slope) < 1e-12
    known = np.where(weights > 1, targets, np.nan)
    masked = module_of(*plain, missing="ignore").Trainer(seed=0)
    trainer = module.Trainer(seed=0)
    masked.fit(X, known, 3, batch_size=8, progress=False)
    trainer.fit(X, targets, 3, batch_size=8, sample_weight=1.0 * (weights > 1), progress=False)
    assert off(trainer.parameters["W1"], masked.parameters["W1"]) < 1e-12
    with pytest.raises(ValueError, match=r"sample_weight has shape \(24,\); expected \(samples, 2\)"):
        trainer.fit(X, targets, 1, sample_weight=np.ones(24))
    with pytest.raises(StatementError, match="sample_weight is outputs, but the error is no sum over the entries of Y"):
        derive(Network((3, 4, 3), ("tanh", "identity"), "cosine", **options))
