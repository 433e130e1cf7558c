"""The prediction is found from the equations; `forward`, `predict` and `score` use it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers import (
    Array,
    closed,
    define,
    dense,
    given_and_learned,
    interpreted,
    load,
    off,
    real,
    squares,
    stored,
    summed,
)
from networks import INPUTS, MORE, NETWORKS, OUTPUTS, SMALL, S, begun
from sympy import Rational, exp, log, sqrt

from derive.api import derive
from derive.calculus.forward import ForwardPass
from derive.calculus.index import SAMPLES, total
from derive.calculus.promises import SumsToOne
from derive.statement.quantities import Entries
from derive.statement.statement import Statement

DATA = np.random.default_rng(4)
X, Y = DATA.normal(size=(7, 3)), DATA.normal(size=(7, 2))
SHARES = np.eye(4)[DATA.integers(0, 4, 7)]


def heads(role: str | None = None) -> ForwardPass:
    """A mean and the logarithm of a variance, and the likelihood of the targets."""
    s, x, y = begun()
    mu = dense(s, "mu", s.parameter("W", OUTPUTS, INPUTS), x, role=role)
    v = dense(s, "v", s.parameter("V", OUTPUTS, INPUTS), x)
    i, u = s.supply.several(y.axes)
    return closed(s, total(v[i, u] + (y[i, u] - mu[i, u]) ** 2 * exp(-v[i, u]), i, u) / (2 * SAMPLES))


def branch() -> ForwardPass:
    """An equation after the outputs, of another width, whose squares are part of the error."""
    s, x, y = begun()
    out = dense(s, "o", s.parameter("W", OUTPUTS, INPUTS), x)
    aside = dense(s, "a", s.parameter("V", MORE, OUTPUTS), out)
    i, u = s.supply.several(aside.axes)
    return closed(s, squares(s, y, out) + total(aside[i, u] ** 2, i, u) / SAMPLES)


def distances() -> ForwardPass:
    """The error of a sample is a distance that is stated first."""
    s, x, y = begun()
    out = dense(s, "o", s.parameter("W", OUTPUTS, INPUTS), x)
    apart = define(s, "d", (S,), lambda u: sqrt(SMALL + summed(s, OUTPUTS, lambda i: (y[i, u] - out[i, u]) ** 2)))
    (u,) = s.supply.several((S,))
    return closed(s, total(apart[u,], u) / SAMPLES)


def energy(role: str | None = None) -> ForwardPass:
    """One number for each sample, which is to be the sum of its targets."""
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", MORE, INPUTS), x)
    number = define(s, "e", (S,), lambda u: summed(s, MORE, lambda j: z[j, u] ** 2), role=role)
    (u,) = s.supply.several((S,))
    return closed(s, total((number[u,] - summed(s, OUTPUTS, lambda i: y[i, u])) ** 2, u) / SAMPLES)


def across() -> ForwardPass:
    """Outputs that are stated with the samples first."""
    s, x, y = begun()
    w = s.parameter("W", OUTPUTS, INPUTS)
    out = define(s, "o", (S, OUTPUTS), lambda u, i: summed(s, INPUTS, lambda j: w[i, j] * x[j, u]))
    i, u = s.supply.several(y.axes)
    return closed(s, total((y[i, u] - out[u, i]) ** 2, i, u) / SAMPLES)


def classes(head: bool) -> ForwardPass:
    """Softmax with cross-entropy, and a number for each sample that the error reads too."""
    s, x, y = begun(outputs=MORE)
    z = dense(s, "z", s.parameter("W", MORE, INPUTS), x)
    p = define(s, "p", z.axes, lambda i, u: exp(z[i, u]) / summed(s, MORE, lambda j: exp(z[j, u])))
    i, u = s.supply.several(y.axes)
    error = -total(y[i, u] * log(p[i, u]), i, u) / SAMPLES
    if head:
        q = dense(s, "q", s.parameter("V", OUTPUTS, INPUTS), x)
        k, v = s.supply.several(q.axes)
        error += Rational(1, 10) * total(q[k, v] ** 2, k, v) / SAMPLES
    return closed(s, error, promises=(SumsToOne(y.tensor),))


def predicted(forward: ForwardPass, x: Array) -> tuple[Array, Array, dict[str, Array]]:
    """Return the results of `predict` and `forward`, and all intermediate tensors by name."""
    module = load(derive(forward).numpy())
    trainer = module.Trainer(seed=2)
    return trainer.predict(x), module.forward(trainer.parameters, x.T), trainer.parameters


def test_a_head_beside_the_prediction_is_not_predicted():
    found, columns, learned = predicted(heads("prediction"), X)
    assert np.allclose(found, X @ learned["W"].T) and np.array_equal(found, columns.T)


def test_an_equation_after_the_prediction_changes_nothing():
    found, columns, learned = predicted(branch(), X)
    assert np.allclose(found, X @ learned["W"].T) and np.array_equal(found, columns.T)


def test_the_score_is_that_of_the_prediction():
    module = load(derive(branch()).numpy())
    trainer = module.Trainer(seed=2)
    right = X @ trainer.parameters["W"].T
    assert trainer.score(X, right) == 1 > trainer.score(X, Y)


def test_an_error_for_each_sample_reads_the_prediction():
    found, columns, learned = predicted(distances(), X)
    assert np.allclose(found, X @ learned["W"].T) and np.array_equal(found, columns.T)


@pytest.mark.parametrize("role", [None, "prediction"])
def test_a_prediction_of_another_shape_has_its_own_and_no_score(role):
    found, columns, learned = predicted(energy(role), X)
    assert found.shape == (7, 1) and columns.shape == (1, 7)
    assert np.allclose(found[:, 0], np.sum((X @ learned["W"].T) ** 2, axis=1))
    module = load(derive(energy(role)).numpy())
    with pytest.raises(NotImplementedError) as said:
        module.Trainer().score(X, Y)
    assert str(said.value) == "score needs predictions of the shape of the targets, but e has another shape than Y"
    assert "the output, (1, m), for inputs X" in module.forward.__doc__
    assert "the outputs are (samples, 1)" in module.Trainer.predict.__doc__


def test_samples_first_or_last_are_rows_for_the_trainer():
    found, columns, learned = predicted(across(), X)
    assert found.shape == columns.shape == (7, 2)
    assert np.allclose(found, X @ learned["W"].T)
    assert load(derive(across()).numpy()).Trainer(seed=2).score(X, found) == 1


@pytest.mark.parametrize("head", [False, True])
def test_probabilities_are_those_of_the_prediction(head):
    module = load(derive(classes(head)).numpy())
    trainer = module.Trainer(seed=2)
    chances = trainer.predict_proba(X)
    assert np.array_equal(chances, trainer.predict(X)) and np.allclose(chances.sum(axis=1), 1)
    assert trainer.score(X, chances.argmax(axis=1)) == 1


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(10)
def test_forward_gives_what_the_interpreter_computes_for_the_prediction(name):
    derivation = derive(NETWORKS[name]())
    program = derivation.program
    values, sizes = given_and_learned(program, 3, seed=1)
    expected = stored(program.prediction, real(interpreted(program, values, sizes)[program.predicted]))
    parameters = {p.name: stored(p, values[p.name]) for p in program.parameters}
    found = load(derivation.numpy()).forward(parameters, values[program.inputs[0].name])
    assert off(found, expected) < 1e-12


def test_a_head_with_the_role_is_no_activation_on_the_page():
    text = derive(heads("prediction")).markdown()
    assert "outputs of the network, stated as `mu` |" in text and "last activation" not in text


def test_two_tensors_that_may_be_the_prediction_are_both():
    assert [t.name for t in heads().predictions] == ["mu", "v"]
    assert derive(heads()).program.outputs == ("mu", "v")
    assert [t.name for t in replace(heads(), outputs=("v",)).predictions] == ["v"]


@pytest.mark.parametrize("name, problem", [("E", "computed from a target"), ("w", "no equation states it")])
def test_an_output_that_cannot_be_predicted_is_refused(name, problem):
    with pytest.raises(ValueError, match=f"{name} cannot be predicted.*{problem}.*mu and v"):
        derive(replace(heads(), outputs=(name,)))


def test_a_missing_prediction_is_refused():
    s, x, y = begun()
    w = s.parameter("W", OUTPUTS, INPUTS)
    i, u = s.supply.several(y.axes)
    forward = closed(s, total((y[i, u] - summed(s, INPUTS, lambda j: w[i, j] * x[j, u])) ** 2, i, u) / SAMPLES)
    with pytest.raises(ValueError, match=r"no equation states a tensor with an entry for each sample.* of its own"):
        derive(forward)


def with_role(s: Statement, x: Entries, name: str, parameter: str) -> Entries:
    return dense(s, name, s.parameter(parameter, OUTPUTS, INPUTS), x, role="prediction")


def test_the_role_is_for_one_tensor_and_for_one_without_the_targets():
    s, x, y = begun()
    one, other = with_role(s, x, "one", "U"), with_role(s, x, "other", "V")
    with pytest.raises(ValueError, match="one and other have the role 'prediction': give it to one of them"):
        derive(closed(s, squares(s, y, one) + squares(s, y, other)))
    s, x, y = begun()
    out = dense(s, "o", s.parameter("W", OUTPUTS, INPUTS), x)
    off = define(s, "off", y.axes, lambda i, u: y[i, u] - out[i, u], role="prediction")
    i, u = s.supply.several(off.axes)
    with pytest.raises(ValueError, match="off cannot be predicted, because it is computed from a target: predict o"):
        derive(closed(s, total(off[i, u] ** 2, i, u) / SAMPLES))
