"""Where samples are coupled, none is predicted by itself; what couples them is found in the index form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from helpers import closed, define, dense, index_form, load, squares, summed
from networks import INPUTS, NETWORKS, OUTPUTS, UNITS, S, attention, batch_norm, begun, pairs_of_samples
from sympy import Expr, Integer

from derive.api import derive
from derive.calculus.coupling import coupling
from derive.calculus.forward import ForwardPass
from derive.calculus.index import SAMPLES
from derive.statement.quantities import Entries
from derive.statement.statement import Statement

DATA = np.random.default_rng(4)
X, Y = DATA.normal(size=(9, 3)), DATA.normal(size=(9, 2))


def with_hidden(make: Callable[[Statement, Entries], Entries]) -> ForwardPass:
    """A network whose hidden tensor is what ``make`` makes of the first one."""
    s, x, y = begun()
    h = make(s, dense(s, "z", s.parameter("W", UNITS, INPUTS), x))
    return closed(s, squares(s, y, dense(s, "o", s.parameter("V", OUTPUTS, UNITS), h)))


def inner_mean(s: Statement, z: Entries) -> Entries:
    return define(s, "c", z.axes, lambda i, u: z[i, u] - summed(s, S, lambda v: z[i, v]) / SAMPLES)


def unchecked(s: Statement, name: str, z: Entries, formula: Callable[[Expr, Expr], Expr]) -> Entries:
    """A tensor with an equation that a statement refuses."""
    made = define(s, name, z.axes, lambda i, u: z[i, u])
    equation = s._equations[-1]
    s._equations[-1] = replace(equation, expression=formula(*equation.indices))
    return made


def by_number(s: Statement, z: Entries) -> Entries:
    return unchecked(s, "f", z, lambda i, u: z[i, u] - z[i, Integer(1)])


def by_count(s: Statement, z: Entries) -> Entries:
    return define(s, "q", z.axes, lambda i, u: z[i, u] / SAMPLES)


def by_place(s: Statement, z: Entries) -> Entries:
    return unchecked(s, "p", z, lambda i, u: z[i, u] * u)


@pytest.mark.parametrize(
    ("forward", "why"),
    [
        (batch_norm, "mu is a sum over the samples"),
        (attention, "sc has an entry for each pair of samples"),
        (lambda: with_hidden(inner_mean), "c is a sum over the samples"),
        (lambda: with_hidden(by_number), "f reads a sample by its number"),
        (lambda: with_hidden(by_count), "q depends on how many samples there are"),
        (lambda: with_hidden(by_place), "p depends on the number of the sample"),
    ],
)
def test_the_coupling_of_samples_is_named(forward, why):
    assert coupling(index_form(forward())) == why


@pytest.mark.parametrize("name", [n for n in NETWORKS if n not in ("batch_norm", "attention")])
@pytest.mark.sampled(14)
def test_every_other_network_predicts_a_sample_by_itself(name):
    assert coupling(index_form(NETWORKS[name]())) == ""


def aside() -> ForwardPass:
    """The mean over the samples is not on the way to the prediction, only to the error."""
    s, x, y = begun()
    out = dense(s, "o", s.parameter("W", OUTPUTS, INPUTS), x)
    mean = define(s, "mean", (OUTPUTS,), lambda i: summed(s, S, lambda u: out[i, u]) / SAMPLES)
    return closed(s, squares(s, y, out) + summed(s, OUTPUTS, lambda j: mean[j,] ** 2))


@pytest.mark.parametrize("forward", [pairs_of_samples, aside])
def test_samples_that_only_the_error_couples_are_predicted(forward):
    trainer = load(derive(forward()).numpy()).Trainer(seed=1)
    together = trainer.predict(X)
    assert np.allclose(together, np.vstack([trainer.predict(X[n : n + 1]) for n in range(len(X))]))


@pytest.mark.parametrize(("forward", "why"), [(batch_norm, "mu is a sum"), (attention, "sc has an entry for each")])
def test_a_trainer_of_coupled_samples_learns_and_refuses_to_predict(forward, why):
    module = load(derive(forward()).numpy())
    trainer = module.Trainer(seed=1).fit(X, Y, 5, 0.01, validation=(X[:4], Y[:4]))
    assert len(trainer.validation_history) == 5
    whole = module.error(trainer.parameters, X[:4].T, Y[:4].T)
    assert trainer.validation_history[-1] == pytest.approx(whole, rel=1e-14), "the validation data are one batch"
    for refused in (lambda: trainer.predict(X), lambda: trainer.predict_proba(X), lambda: trainer.score(X, Y)):
        with pytest.raises(NotImplementedError) as said:
            refused()
        assert str(said.value).startswith(why)
        assert str(said.value).endswith(
            ", so the prediction for a sample depends on the others of its batch: "
            "use forward(parameters, X), which computes a whole batch"
        )
    assert module.forward(trainer.parameters, X.T).shape == (2, 9)
    assert "samples of a batch are coupled" in module.Trainer.fit.__doc__
    assert "evaluated as one batch" in " ".join(module.Trainer.fit.__doc__.split())


def test_a_prediction_without_a_sample_axis_is_returned_whole():
    s, x, y = begun()
    out = dense(s, "o", s.parameter("W", OUTPUTS, INPUTS), x)
    scale = define(s, "k", (OUTPUTS,), lambda i: s.parameter("b", OUTPUTS)[i,] ** 2, role="prediction")
    forward = closed(s, squares(s, y, out) + summed(s, OUTPUTS, lambda j: scale[j,]))
    assert coupling(index_form(forward)) == ""
    trainer = load(derive(forward).numpy()).Trainer(seed=1)
    assert np.array_equal(trainer.predict(X), trainer.parameters["b"] ** 2)
    with pytest.raises(NotImplementedError, match="k has another shape than Y"):
        trainer.score(X, Y)
