"""Where samples are coupled, none is predicted by itself; what couples them is found in the index form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from helpers import Statement, index_form, load
from networks import INPUTS, NETWORKS, OUTPUTS, UNITS, S, attention, batch_norm, begun, pairs_of_samples
from sympy import Integer

from derive.api import derive
from derive.calculus.coupling import coupling
from derive.calculus.forward import ForwardPass
from derive.calculus.index import SAMPLES, Tensor

DATA = np.random.default_rng(4)
X, Y = DATA.normal(size=(9, 3)), DATA.normal(size=(9, 2))


def with_hidden(define: Callable[[Statement, Tensor], Tensor]) -> ForwardPass:
    """A network whose hidden tensor is what ``define`` makes of the first one."""
    s, x, y = begun()
    h = define(s, s.dense("z", s.learned("W", UNITS, INPUTS), x))
    return s.error(s.squares(y, s.dense("o", s.learned("V", OUTPUTS, UNITS), h)))


def inner_mean(s: Statement, z: Tensor) -> Tensor:
    return s.define("c", z.axes, lambda i, u: z[i, u] - s.sum(S, lambda v: z[i, v]) / SAMPLES)


def by_number(s: Statement, z: Tensor) -> Tensor:
    return s.define("f", z.axes, lambda i, u: z[i, u] - z[i, Integer(1)])


def by_count(s: Statement, z: Tensor) -> Tensor:
    return s.define("q", z.axes, lambda i, u: z[i, u] / SAMPLES)


def by_place(s: Statement, z: Tensor) -> Tensor:
    return s.define("p", z.axes, lambda i, u: z[i, u] * u)


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
    out = s.dense("o", s.learned("W", OUTPUTS, INPUTS), x)
    mean = s.define("mean", (OUTPUTS,), lambda i: s.sum(S, lambda u: out[i, u]) / SAMPLES)
    return s.error(s.squares(y, out) + s.sum(OUTPUTS, lambda j: mean[j,] ** 2))


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


def test_a_prediction_without_a_sample_axis_is_not_per_sample():
    s, x, y = begun()
    out = s.dense("o", s.learned("W", OUTPUTS, INPUTS), x)
    scale = s.define("k", (OUTPUTS,), lambda i: s.learned("b", OUTPUTS)[i,] ** 2, role="prediction")
    forward = s.error(s.squares(y, out) + s.sum(OUTPUTS, lambda j: scale[j,]))
    assert coupling(index_form(forward)) == "k is the same for all samples"
