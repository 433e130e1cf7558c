"""Trainers of statements: several inputs and targets, none, data without samples, integers, any number of axes."""

from __future__ import annotations

import io
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from helpers import load
from layers import LAYERS
from sympy import exp, log, sqrt, tanh

from derive import Derivation, Network, Statement, derive
from derive.targets import verify
from derive.targets.grouped import Grouped, Some
from derive.targets.numpy.runtime.check import gradient_report

Array = np.ndarray[Any, Any]
DRAW = np.random.default_rng(0)
M = 12


def masked() -> Statement:
    """Two inputs, one the same for all samples; a target, and a weight for each sample."""
    s = Statement(name="masked", optimizer="adam")
    n, h, k = s.size("n", 3), s.size("h", 5), s.size("k", 2)
    x, mask, y, weight = s.input("x", n), s.input("mask", h, samples=False), s.target("y", k), s.target("weight")
    s.promise_mask(mask)
    s.promise_positive(weight)
    W, b, V = s.parameter("W", h, n), s.parameter("b", h), s.parameter("V", k, h)
    i, j, r = s.indices("i j r", h, n, k)
    a = s.define("a", i, mask[i] * tanh(s.sum(W[i, j] * x[j], j) + b[i]))
    o = s.define("o", r, s.sum(V[r, i] * a[i], i))
    s.error(weight[()] * s.mean((y[r] - o[r]) ** 2, r))
    return s


def words() -> Statement:
    """Integers as inputs; a parameter with three axes."""
    s = Statement(name="words")
    v, d, t, k = s.size("v", 6), s.size("d", 4), s.size("t", 3), s.size("k", 2)
    word, y = s.input("word", t, values=v), s.target("y", k)
    C, U = s.parameter("C", v, d), s.parameter("U", k, t, d, start="he_normal")
    p, i, r = s.indices("p i r", t, d, k)
    e = s.define("e", (p, i), C[word[p], i])
    o = s.define("o", r, s.sum(U[r, p, i] * tanh(e[p, i]), p, i))
    s.error(s.mean((y[r] - o[r]) ** 2, r))
    return s


def coder() -> Statement:
    """No target, and two outputs."""
    s = Statement(name="coder")
    n, h = s.size("n", 3), s.size("h", 2)
    x, W, V = s.input("x", n), s.parameter("W", h, n), s.parameter("V", n, h)
    i, j = s.indices("i j", h, n)
    z = s.define("z", i, tanh(s.sum(W[i, j] * x[j], j)))
    q = s.define("q", j, s.sum(V[j, i] * z[i], i))
    s.error(s.sum((x[j] - q[j]) ** 2, j))
    s.output(q, z)
    return s


def ratings() -> Statement:
    """A vector for each user and each film: integers, one for each sample."""
    s = Statement(name="ratings")
    u, f, d = s.size("u", 5), s.size("f", 6), s.size("d", 3)
    user, film, rating = s.input("user", values=u), s.input("film", values=f), s.target("rating")
    P, Q = s.parameter("P", u, d), s.parameter("Q", f, d)
    i = s.index("i", d)
    g = s.define("g", (), s.sum(P[user, i] * Q[film, i], i))
    s.error((rating - g) ** 2)
    return s


def pictures() -> Statement:
    """Inputs with three axes and the samples, a kernel with four; shares of classes."""
    s = Statement(name="pictures", optimizer="momentum")
    c, f, side = s.size("c", 2), s.size("f", 3), s.size("side", 5)
    x, y, K = s.input("x", c, side, side), s.target("y", f), s.parameter("K", f, c, 3, 3)
    o, g, d, p, q, k, r = s.indices("o g d p q k r", f, f, c, side, side, 3, 3)
    z = s.define("z", (o, p, q), s.sum(K[o, d, k, r] * x[d, p + k - 2, q + r - 2], d, k, r))
    a = s.define("a", o, s.mean(tanh(z[o, p, q]), p, q))
    share = s.define("share", o, exp(a[o]) / s.sum(exp(a[g]), g))
    s.error(-s.sum(y[o] * log(share[o]), o))
    s.promise_sums_to_one(y, over=o)
    return s


def sequences() -> Statement:
    """A length that no parameter has: it comes with the data."""
    s = Statement(name="sequences")
    t, n = s.size("t"), s.size("n", 3)
    x, y, w = s.input("x", t, n), s.target("y", t), s.parameter("w", n)
    p, j = s.indices("p j", t, n)
    o = s.define("o", p, tanh(s.sum(w[j] * x[p, j], j)))
    s.error(s.mean((y[p] - o[p]) ** 2, p))
    return s


MADE: dict[str, Callable[[], Statement]] = {
    made.__name__: made for made in (masked, words, coder, ratings, pictures, sequences)
}
ROWS: dict[str, tuple[Any, Any]] = {
    "masked": (
        {"x": DRAW.normal(size=(M, 3)), "mask": [1, 0, 1, 1, 0]},
        {"y": DRAW.normal(size=(M, 2)), "weight": np.ones(M)},
    ),
    "words": (DRAW.integers(1, 7, (M, 3)), DRAW.normal(size=(M, 2))),
    "coder": (DRAW.normal(size=(M, 3)), None),
    "ratings": ({"user": DRAW.integers(1, 6, M), "film": DRAW.integers(1, 7, M)}, DRAW.normal(size=M)),
    "pictures": (DRAW.normal(size=(M, 2, 5, 5)), DRAW.integers(0, 3, M)),
    "sequences": (DRAW.normal(size=(M, 4, 3)), DRAW.normal(size=(M, 4))),
}
MORE: dict[str, Callable[[], Statement]] = {**MADE, **{f"layer_{name}": made for name, made in LAYERS.items()}}
_DERIVED: dict[str, tuple[Derivation, ModuleType]] = {}


def derived(name: str) -> tuple[Derivation, ModuleType]:
    """The derivation and its module."""
    if name not in _DERIVED:
        found = derive(MORE[name]())
        _DERIVED[name] = found, load(found.numpy())
    return _DERIVED[name]


def module_of(name: str) -> ModuleType:
    return derived(name)[1]


@pytest.mark.parametrize("name", MADE)
def test_the_check_passes(name):
    """Gradients, every tensor, the public functions and the predictions."""
    report = derived(name)[0].check()
    assert report.passed, report.line()
    assert report.tensors is not None and report.tensors.tensors >= 5


@pytest.mark.parametrize("name", MADE)
def test_a_module_checks_itself(name, capsys):
    assert module_of(name).main() == 0
    assert "The gradients are right." in capsys.readouterr().out


@pytest.mark.parametrize("name", MADE)
def test_training_lowers_the_error(name):
    module, (X, Y) = module_of(name), ROWS[name]
    trainer = module.Trainer(seed=1).fit(X, Y, epochs=60, learning_rate=0.03, batch_size=5, validation=0.25)
    assert len(trainer.history) == 120 and len(trainer.validation_history) == 60
    assert trainer.epoch_history[-1] < trainer.epoch_history[0]


@pytest.mark.parametrize("name", MORE)
@pytest.mark.sampled(2)
def test_fit_takes_the_steps_of_update(name):
    """Batches of samples; what is without samples is whole in each."""
    module = module_of(name)
    X, Y = ROWS[name] if name in ROWS else module.NETWORK.data.by_name(module.example(M)[1:])
    trainer = module.Trainer(seed=1)
    parameters = {n: v.copy() for n, v in trainer.parameters.items()}
    state = [module.NETWORK.initial_state(parameters)] if module.NETWORK.keeps_state else []
    network = module.NETWORK
    rows = network.by_rows(parameters, X, Y)
    errors = []
    for batch in (np.arange(0, 5), np.arange(5, 10), np.arange(10, 12)):
        data = network.filled(trainer.parameters, network.data.chosen(rows, batch))
        errors.append(module.update(parameters, *data, 0.05, *state))
    trainer.partial_fit(X, Y, 0.05, batch_size=5)
    assert trainer.history == errors
    assert all(np.array_equal(trainer.parameters[n], v) for n, v in parameters.items())


@pytest.mark.parametrize("name", MADE)
def test_a_saved_trainer_goes_on(name):
    module, (X, Y) = module_of(name), ROWS[name]
    one, file = module.Trainer(seed=1).fit(X, Y, 2, 0.05), io.BytesIO()
    one.save(file)
    two = module.Trainer.load(file)
    for each in (one, two):
        each.fit(X, Y, 2, 0.05, batch_size=5, early_stopping=1)
    assert one.history == two.history


def test_predictions_have_samples_as_rows():
    words, pictures = module_of("words").Trainer(seed=1), module_of("pictures").Trainer(seed=1)
    assert words.predict(ROWS["words"][0]).shape == (M, 2)
    assert words.compute("e", ROWS["words"][0]).shape == (M, 3, 4)
    assert pictures.compute("z", ROWS["pictures"][0]).shape == (M, 3, 5, 5)
    assert np.allclose(pictures.predict(ROWS["pictures"][0]).sum(axis=1), 1)
    assert pictures.predict_proba(ROWS["pictures"][0]).shape == (M, 3)
    assert 0 <= pictures.score(*ROWS["pictures"]) <= 1
    assert module_of("sequences").Trainer(seed=1).predict(ROWS["sequences"][0]).shape == (M, 4)


def test_several_outputs_are_a_dict():
    trainer, X = module_of("coder").Trainer(seed=1), ROWS["coder"][0]
    found = trainer.predict(X)
    assert list(found) == ["q", "z"] and found["q"].shape == (M, 3) and found["z"].shape == (M, 2)
    z = np.tanh(X @ trainer.parameters["W"].T)
    assert np.allclose(found["z"], z) and np.allclose(found["q"], z @ trainer.parameters["V"].T)
    assert np.array_equal(trainer.compute("z", X), found["z"])
    with pytest.raises(NotImplementedError, match="there are no targets"):
        trainer.score(X, None)


def test_an_integer_reads_the_place_that_it_numbers():
    trainer, X = module_of("words").Trainer(seed=1), ROWS["words"][0]
    assert np.array_equal(trainer.compute("e", X), trainer.parameters["C"][X - 1])
    trainer = module_of("ratings").Trainer(seed=1)
    found = trainer.predict(ROWS["ratings"][0])
    user, film = (ROWS["ratings"][0][name] - 1 for name in ("user", "film"))
    assert np.allclose(found[:, 0], np.sum(trainer.parameters["P"][user] * trainer.parameters["Q"][film], axis=1))


def test_a_weight_of_a_sample_counts_it():
    """A sample of weight 2 counts as two, up to the mean."""
    module, (X, Y) = module_of("masked"), ROWS["masked"]
    twice = np.where(np.arange(M) == 3, 2.0, 1.0)
    network, parameters = module.NETWORK, module.Trainer(seed=1).parameters
    more = (
        {**X, "x": np.vstack([X["x"], X["x"][3:4]])},
        {"y": np.vstack([Y["y"], Y["y"][3:4]]), "weight": np.ones(M + 1)},
    )

    def error(X: Any, Y: Any) -> float:
        return network.measured(parameters, *network.filled(parameters, network.by_rows(parameters, X, Y)))

    assert np.isclose(M * error(X, {**Y, "weight": twice}), (M + 1) * error(*more))


X_OF_WORDS, Y_OF_WORDS = ROWS["words"]
X_MASKED, Y_MASKED = ROWS["masked"]


@pytest.mark.parametrize(
    ("name", "X", "Y", "message"),
    [
        ("masked", X_MASKED["x"], Y_MASKED, "the inputs must be a dict with x, mask, not an array of shape (12, 3)"),
        ("masked", {"x": X_MASKED["x"]}, Y_MASKED, '"mask" is missing in the inputs; expected x, mask'),
        ("masked", {**X_MASKED, "y": 1}, Y_MASKED, 'unknown "y" in the inputs; expected x, mask'),
        ("masked", X_MASKED, {"y": Y_MASKED["y"]}, '"weight" is missing in the targets; expected y, weight'),
        ("masked", {**X_MASKED, "mask": [1, 0]}, Y_MASKED, "mask has shape (2,); expected (5,)"),
        ("masked", {**X_MASKED, "mask": [1, 0, 2, 0, 0]}, Y_MASKED, "mask holds 2; expected 0 or 1"),
        (
            "masked",
            {**X_MASKED, "x": X_MASKED["x"][:5]},
            Y_MASKED,
            "x has 5 samples and y has 12; expected equally many",
        ),
        ("masked", X_MASKED, {**Y_MASKED, "weight": np.zeros(M)}, "weight holds 0; expected positive numbers"),
        ("words", X_OF_WORDS + 1, Y_OF_WORDS, "X holds 7; expected integers from 1 to 6"),
        ("words", X_OF_WORDS - 1, Y_OF_WORDS, "X holds 0; expected integers from 1 to 6"),
        ("words", X_OF_WORDS + 0.5, Y_OF_WORDS, "X holds 4.5; expected integers from 1 to 6"),
        ("words", {"word": X_OF_WORDS[:, :2]}, Y_OF_WORDS, "word has shape (12, 2); expected (samples, 3)"),
        ("coder", np.ones((4, 3)), np.ones((4, 3)), "the targets must be left out, not an array of shape (4, 3)"),
        ("coder", np.ones((4, 2)), None, "x has shape (4, 2); expected (samples, 3)"),
        ("pictures", np.ones((4, 2, 5)), [0, 1, 2, 0], "X has shape (4, 2, 5); expected (samples, 2, 5, 5)"),
        ("pictures", np.ones((1, 2, 5, 5)), [3], "Y holds 3, which is no class; expected classes from 0 to 2, or rows"),
        ("sequences", np.ones((4, 5, 3)), np.ones((4, 6)), "Y has shape (4, 6); expected (samples, 5)"),
    ],
)
def test_wrong_data_are_named(name, X, Y, message):
    trainer = module_of(name).Trainer(seed=1)
    with pytest.raises((ValueError, TypeError)) as said:
        trainer.fit(X, Y)
    assert message in str(said.value) and trainer.history == []


def test_the_core_names_wrong_data():
    module = module_of("words")
    parameters, word, y = module.example()
    assert word.dtype.kind == "i" and 1 <= word.min() and word.max() <= 6
    with pytest.raises(ValueError, match=r"word has shape \(7, 3\); expected \(3, samples\); samples are columns here"):
        module.forward(parameters, word.T)
    with pytest.raises(ValueError, match="word holds 7; expected integers from 1 to 6"):
        module.error(parameters, word + 6, y)
    with pytest.raises(TypeError, match="an array of 3 axes, not an array of shape"):
        module.forward({**parameters, "U": np.ones((2, 3))}, word)


def test_a_tensor_that_is_not_computed_is_named():
    trainer = module_of("words").Trainer(seed=1)
    with pytest.raises(ValueError, match='forward computes no "foo"; expected e, o'):
        trainer.compute("foo", X_OF_WORDS)


def test_validation_data_may_be_given():
    trainer = module_of("masked").Trainer(seed=1).fit(X_MASKED, Y_MASKED, 3, validation=(X_MASKED, Y_MASKED))
    assert len(trainer.validation_history) == 3
    X = ROWS["coder"][0]
    alone, pair = (module_of("coder").Trainer(seed=1).fit(X, epochs=3, validation=v) for v in ({"x": X}, (X, None)))
    assert alone.validation_history == pair.validation_history


@pytest.mark.parametrize("name", MADE)
def test_the_form_predict_predicts_the_same(name):
    trainer, X = module_of(name).Trainer(seed=1), ROWS[name][0]
    predict = load(derived(name)[0].numpy("predict")).predict
    given = X.values() if isinstance(X, dict) else [X]
    found, expected = predict(trainer.parameters, *given), trainer.predict(X)
    if not isinstance(found, dict):
        found, expected = {"": found}, {"": expected}
    assert list(found) == list(expected)
    assert all(np.allclose(found[n], expected[n], rtol=1e-14) for n in found)


def begun(**starts: Any) -> ModuleType:
    """One layer, a gain and a kernel with these starts."""
    s = Statement(initialisation="lecun_uniform")
    n, h, t = s.size("n", 200), s.size("h", 300), s.size("t", 4)
    x, y = s.input("x", n), s.target("y", h)
    W, g, K = (
        s.parameter(name, *sizes, start=starts.get(name)) for name, *sizes in (("W", h, n), ("g", h), ("K", h, n, t))
    )
    i, j, k = s.indices("i j k", h, n, t)
    o = s.define("q", i, g[i] * s.sum((W[i, j] + s.sum(K[i, j, k], k)) * x[j], j))
    s.error(s.mean((y[i] - o[i]) ** 2, i))
    return load(derive(s).target("numpy").readable.source)


@pytest.mark.parametrize(
    ("start", "variance"),
    [
        (None, 1 / 800),
        ("glorot_uniform", 2 / (800 + 1200)),
        ("glorot_normal", 2 / (800 + 1200)),
        ("he_uniform", 2 / 800),
        ("he_normal", 2 / 800),
        ("lecun_normal", 1 / 800),
        ("zeros", 0),
    ],
)
def test_the_taps_of_a_kernel_count_for_its_start(start, variance):
    """Of a kernel [units, inputs, taps], inputs * taps are the inputs of a unit, and units * taps its outputs."""
    found = begun(K=start).initial_parameters(seed=0)
    assert np.isclose(found["K"].var(), variance, rtol=0.02) and np.isclose(found["W"].var(), 1 / 200, rtol=0.05)
    assert found["g"].shape == (300, 1) and np.all(found["g"] == 1)


def test_starts_are_numbers_or_arrays():
    ramp = [n / 3 for n in range(300)]
    found = begun(g=ramp, K=0.25, W="orthogonal").initial_parameters(seed=0)
    assert np.allclose(found["g"][:, 0], ramp) and np.all(found["K"] == 0.25)
    whole = begun(g=list(range(300)), K=2).initial_parameters()
    assert whole["K"].dtype == whole["g"].dtype == np.float64 and np.all(whole["K"] == 2) and whole["g"][3] == 3
    assert np.allclose(found["W"].T @ found["W"], np.eye(200))
    kernel = begun(K="orthogonal").initial_parameters(seed=0)["K"].reshape(300, 800)
    assert np.allclose(kernel @ kernel.T, np.eye(300))


def test_names_are_the_users():
    """Those that code cannot have, and those of the state of an optimizer."""
    s = Statement(name="names", optimizer="momentum")
    n, h = s.size("n", 3), s.size("h", 4)
    x, y, step, square = s.input("lambda", n), s.target("dtype", h), s.parameter("step", h, n), s.parameter("square", h)
    i, j = s.indices("i j", h, n)
    t = s.define("tanh", i, tanh(s.sum(step[i, j] * x[j], j) + square[i]))
    o = s.define("values", i, t[i] ** 2)
    s.error(s.mean((y[i] - o[i]) ** 2, i), "np")
    s.output(o, t)
    module, file = load(derive(s).numpy()), io.BytesIO()
    trainer, X, Y = module.Trainer(seed=1), DRAW.normal(size=(M, 3)), DRAW.normal(size=(M, 4))
    trainer.fit({"lambda": X}, {"dtype": Y}, 20, 0.1, 4).save(file)
    assert module.Trainer.load(file).history == trainer.history
    expected = np.tanh(X @ trainer.parameters["step"].T + trainer.parameters["square"].T)
    assert np.allclose(trainer.compute("tanh", X), expected)
    assert list(trainer.predict(X)) == ["values", "tanh"] and np.allclose(trainer.predict(X)["tanh"], expected)
    with pytest.raises(ValueError, match='forward computes no "np"; expected u, tanh, values'):
        trainer.compute("np", X)
    with pytest.raises(ValueError, match=r"lambda has shape \(12, 2\); expected \(samples, 3\)"):
        trainer.fit({"lambda": X[:, :2]}, {"dtype": Y})


def test_parameters_in_groups_are_checked_with_all_data():
    module = module_of("masked")
    drawn = module.example(seed=2)
    grouped = Grouped(module.NETWORK, drawn[0], drawn[1:], 2)
    found, _, slopes = gradient_report(grouped, grouped.joined(drawn[0]), *drawn[1:], entries=0)
    assert slopes == len(grouped.groups) and all(c < 1e-12 and d < 1e-6 for c, d in found.values())


def test_only_the_members_of_a_wrong_group_are_checked_alone(monkeypatch):
    network, drawn = (module := module_of("masked")).NETWORK, module.example(seed=2)
    monkeypatch.setattr(verify, "ENTRIES", 2)
    judged, (first, *_) = Grouped.judged, drawn[0]

    def wrong(self, name, found):
        return (1.0, 1.0) if name == first else judged(self, name, found)

    right = verify._measured(network, drawn, 0)
    monkeypatch.setattr(Grouped, "judged", wrong)
    again = verify._measured(network, drawn, 0)
    assert right.right and again.right and again.together == right.together
    assert 1 <= again.slopes - right.slopes <= 2  # that one, and the steepest one
    assert gradient_report(Some(network, [first]), *drawn, entries=0)[0].keys() == {first}


def constant() -> Statement:
    """An error that is 0 for all parameters: vectors of length 1, less 1."""
    s = Statement(name="constant")
    n, h = s.size("n", 3), s.size("h", 4)
    x, W = s.input("x", n), s.parameter("W", h, n)
    i, j, k = s.indices("i j k", h, n, h)
    a = s.define("a", i, s.sum(W[i, j] * x[j], j))
    b = s.define("b", i, a[i] / sqrt(s.sum(a[k] ** 2, k)))
    s.error(s.sum(b[i] ** 2, i) - 1)
    s.output(b)
    return s


def pairs() -> Statement:
    """The samples of a batch are told apart: with one sample, the error is 0 whatever the parameters are."""
    s = Statement(name="pairs", optimizer="adam")
    n, h = s.size("n", 3), s.size("h", 4)
    x, y, W, V = s.input("x", n), s.input("y", n), s.parameter("W", h, n), s.parameter("V", h, n)
    i, j, u, v, w = *s.indices("i j", h, n), s.sample("u"), s.sample("v"), s.sample("w")
    a = s.define("a", i, s.sum(W[i, j] * x[j], j))
    b = s.define("b", i, s.sum(V[i, j] * y[j], j))
    alike = s.define("alike", (u, v), s.sum(a[i, u] * b[i, v], i))
    s.error(-s.sum(alike[u, u] - log(s.sum(exp(alike[u, w]), w)), u) / s.samples)
    s.output(a, b)
    return s


@pytest.mark.parametrize("samples", [1, 2, 7])
@pytest.mark.parametrize("made", [constant, pairs])
def test_an_error_that_is_0_but_for_rounding_is_not_wrong(made, samples):
    """What central differences measure is rounding: it is compared with the terms of the error."""
    module = load(derive(made()).numpy())
    drawn = module.example(samples)
    assert abs(module.error(*drawn)) < 1e-14 or (made is pairs and samples > 1)
    for seed in range(5):
        report = module.check_gradients(*module.example(samples, seed))
        assert all(c <= 1e-12 and d <= 1e-6 for c, d in report.values()), report
    assert module.check_steps(*drawn) <= 1e-12


def test_integer_targets_are_classes():
    """Classes that count from 1: the error reads the probability of the right one."""
    s = Statement(name="labels")
    n, k = s.size("n", 3), s.size("k", 4)
    x, label, W = s.input("x", n), s.target("label", values=k), s.parameter("W", k, n)
    i, c, j = s.indices("i c j", k, k, n)
    z = s.define("z", i, s.sum(W[i, j] * x[j], j))
    p = s.define("p", i, exp(z[i]) / s.sum(exp(z[c]), c))
    s.error(-log(p[label]))
    derivation = derive(s)
    assert derivation.check().passed
    trainer, X = load(derivation.numpy()).Trainer(seed=1), DRAW.normal(size=(200, 3))
    labels = 1 + np.argmax(X @ DRAW.normal(size=(3, 4)), axis=1)
    trainer.fit(X, labels, 300, 1.0)
    assert trainer.score(X, labels) == np.mean(1 + trainer.predict(X).argmax(axis=1) == labels) > 0.9
    with pytest.raises(ValueError, match="Y holds 0; expected integers from 1 to 4"):
        trainer.fit(X, labels - 1)


def looked_up() -> Statement:
    """The places of integers are rows of an input, counted from 0; its sizes come with it."""
    s = Statement(name="looked_up")
    v, d, n = s.size("v", start=0), s.size("d", 3), s.size("n")
    word, table, W = s.input("word", values=v), s.input("table", v, d, samples=False), s.parameter("W", n, d)
    y = s.target("y", n, n)
    s.promise_sums_to_one(y, over=None)
    i, k, j = s.indices("i k j", n, n, d)
    z = s.define("z", i, s.sum(W[i, j] * table[word, j], j))
    s.error(s.sum(y[i, k] * (z[i] - z[k]) ** 2, i, k))
    s.output(z)
    return s


def test_places_may_be_those_of_an_input():
    derivation = derive(looked_up())
    assert derivation.check().passed
    module = load(derivation.numpy())
    with pytest.raises(TypeError, match=r"Trainer needs the widths n=\.\.\., or parameters"):
        module.Trainer()
    trainer, table = module.Trainer(n=4, seed=1), DRAW.normal(size=(7, 3))
    words = np.array([0, 6, 2])
    assert np.allclose(trainer.predict({"word": words, "table": table}), table[words] @ trainer.parameters["W"].T)
    with pytest.raises(ValueError, match="word holds 7; expected integers from 0 to 6"):
        trainer.predict({"word": words + 1, "table": table})
    with pytest.raises(ValueError, match="y does not fit: the targets of each sample must sum to 1"):
        trainer.fit({"word": words, "table": table}, DRAW.uniform(1, 2, (3, 4, 4)))
    shares = DRAW.uniform(size=(3, 4, 4))
    trainer.fit({"word": words, "table": table}, shares / shares.sum(axis=1, keepdims=True))


def test_shares_sum_over_the_axis_that_is_promised():
    s = Statement(name="summed")
    t, n = s.size("t", 3), s.size("n", 2)
    M, x, y, w = s.input("M", t, t), s.input("x", t, n), s.target("y", t), s.parameter("w", n)
    p, q, j = s.indices("p q j", t, t, n)
    s.promise_sums_to_one(M)
    o = s.define("o", p, tanh(s.sum(M[p, q] * w[j] * x[q, j], q, j)))
    s.error(s.mean((y[p] - o[p]) ** 2, p))
    found = load(derive(s).numpy()).example()[1]
    assert found.shape == (7, 3, 3) and np.allclose(found.sum(axis=1), 1)


def test_slow_steps_are_handed_over_one_by_one(monkeypatch):
    """So that Ctrl-C waits for one of them, and not for 64."""
    module, (X, Y) = module_of("words"), ROWS["words"]
    update = module.NETWORK.update

    def slow(*arguments: Any) -> Any:
        time.sleep(0.03)
        return update(*arguments)

    monkeypatch.setattr(module.NETWORK, "update", slow)
    trainer = module.Trainer(seed=1).fit(X, Y, 3, batch_size=6)
    assert [steps.chunk for steps in trainer._renderings.values()] == [1]
    assert trainer.history == module.Trainer(seed=1).fit(X, Y, 3, batch_size=6).history


def test_a_network_of_layers_computes_its_tensors():
    module = load(derive(Network((3, 4, 2))).numpy())
    trainer, X = module.Trainer(seed=1), DRAW.normal(size=(M, 3))
    assert np.array_equal(trainer.compute("Y_hat", X), trainer.predict(X))
    assert trainer.compute("A1", {"X": X}).shape == (M, 4)


def test_without_inputs_the_prediction_is_the_same_for_all_samples():
    s = Statement(name="centre")
    y, mu, i = s.target("y", 3), s.parameter("mu", 3), s.index("i", 3)
    q = s.define("q", i, mu[i] + mu[i] ** 3)
    s.error(s.sum((y[i] - q[i]) ** 2, i))
    s.output(q)
    derivation = derive(s)
    module, Y = load(derivation.numpy()), DRAW.normal(0.5, size=(M, 3))
    trainer = module.Trainer(seed=1).fit(None, Y, 300, 0.1, batch_size=M)
    assert np.allclose(trainer.predict()[:, 0], Y.mean(axis=0)) and np.array_equal(
        trainer.predict(), trainer.compute("q")
    )
    assert np.array_equal(load(derivation.numpy("predict")).predict(trainer.parameters), trainer.predict())
    again = module.Trainer(seed=1).fit({}, {"y": Y}, 300, 0.1)
    assert again.history == trainer.history


@pytest.mark.parametrize("name", MORE)
@pytest.mark.sampled(8)
def test_the_tests_beside_a_package_pass(name, tmp_path):
    for file, text in derived(name)[0].target("numpy").files("package").items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_is_learned_without_data_is_trained():
    s = Statement(name="nothing")
    mu, i = s.parameter("mu", 3, start=0.5), s.index("i", 3)
    q = s.define("q", i, mu[i] ** 2)
    s.error(s.sum((2 - q[i]) ** 2, i))
    module = load(derive(s).numpy())
    assert "no data are given." in module.__doc__ and "trainer.fit(epochs=100, learning_rate=0.1)\n" in module.__doc__
    trainer = module.Trainer().fit(epochs=100, learning_rate=0.1)
    assert len(trainer.history) == 100 and np.allclose(trainer.predict(), 2)
    assert np.allclose(module.forward(trainer.parameters), 2)


def test_the_entry_of_a_class_at_each_place_is_taken_without_those_of_other_places():
    """Taking all and then the diagonal needs the square of the memory."""
    text = """
    size T = 40, n = 3, v = 5
    input x[T, n]
    target y[T] in v
    parameter W[v, n]
    z[t, k] = sum(W[k, j]*x[t, j], j)
    E = mean(logsumexp(z[t, k], k) - z[t, y[t]], t)
    """
    d = derive(Statement(text))
    assert d.check().passed
    module, draw = load(d.numpy("core")), np.random.default_rng(0)
    parameters = module.initial_parameters(0)
    x, y = draw.normal(size=(50, 40, 3)), draw.integers(1, 6, (40, 50))
    values = {}
    module.forward(parameters, x, values)
    tracemalloc.start()
    try:
        module.error(parameters, x, y, values)
        assert tracemalloc.get_traced_memory()[1] < 20 * values["z"].nbytes
    finally:
        tracemalloc.stop()
