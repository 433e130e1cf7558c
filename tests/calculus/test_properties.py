"""Properties of functions come from their formulas, whatever the functions are called."""

from __future__ import annotations

import pytest
from sympy import Abs, Piecewise, exp, log, tanh

from derive import ForwardPass, Network, derive
from derive.calculus.functions import X, elementwise
from derive.calculus.index import SAMPLE_AXIS, Axis, Equation, IndexSupply, Tensor, total
from derive.calculus.properties import Values, values, values_of
from derive.catalogue.activations import ACTIVATIONS, Activation
from derive.catalogue.losses import LOSSES

CATALOGUE = {
    "sigmoid": Values.PROBABILITY,
    "softmax": Values.DISTRIBUTION,
    **dict.fromkeys(("softplus", "exponential"), Values.POSITIVE),
    **dict.fromkeys(("identity", "tanh", "softsign", "hard_tanh"), Values.ODD),
}
HALF_TANH = (1 + tanh(X / 2)) / 2


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_activations_of_the_catalogue(name):
    assert ACTIVATIONS[name].values is CATALOGUE.get(name)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (HALF_TANH, Values.PROBABILITY),
        (exp(X) / (1 + exp(X)), Values.PROBABILITY),
        (1 / (2 + exp(-X)), Values.PROBABILITY),
        (2 / (1 + exp(-X)), Values.POSITIVE),
        (log(2 + exp(-X)), Values.POSITIVE),
        (X**3 + X, Values.ODD),
        (X / (1 + Abs(X)), Values.ODD),
        (Piecewise((-1, X <= -1), (X, X < 2), (2, True)), None),
        (tanh(X) + 1 / (1 + exp(-X)), None),
        (X**2, None),
    ],
)
def test_what_is_proved_of_a_formula(formula, expected):
    assert values(formula) is expected


def _equation(make) -> Equation:
    axes = (Axis(3), SAMPLE_AXIS)
    z, supply = Tensor("z", "preactivation", axes), IndexSupply()
    i, n = supply.several(axes)
    return Equation(Tensor("a", "prediction", axes), (i, n), make(z, i, supply.fresh(axes[0]), n))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda z, i, j, n: exp(z[i, n]) / total(exp(z[j, n]), j), Values.DISTRIBUTION),
        (lambda z, i, j, n: exp(-2 * z[i, n]) / total(exp(-2 * z[j, n]), j), Values.DISTRIBUTION),
        (lambda z, i, j, n: exp(z[i, n]) / total(exp(2 * z[j, n]), j), None),
        (lambda z, i, j, n: z[i, n] / total(z[j, n], j), None),
        (lambda z, i, j, n: elementwise("sigmoid", X**2)(z[i, n]), None),
        (lambda z, i, j, n: elementwise("squash", HALF_TANH)(z[i, n]), Values.PROBABILITY),
    ],
)
def test_what_is_proved_of_an_equation(make, expected):
    assert values_of(_equation(make)) is expected


def test_another_name_with_the_same_property_is_treated_alike(monkeypatch):
    """The loss takes it, its gradients are right, and the module says that its predictions are probabilities."""
    monkeypatch.setitem(ACTIVATIONS, "half_tanh", Activation("half_tanh", "between 0 and 1", formula=HALF_TANH))
    derived = derive(Network((2, 3, 1), activation=("tanh", "half_tanh"), loss="binary_cross_entropy"))
    assert derived.check().passed
    assert "def predict_proba(self, X: ArrayLike) -> Array" in derived.numpy()
    assert LOSSES["binary_cross_entropy"].activations == ("sigmoid", "half_tanh")


@pytest.mark.parametrize("activation", ["softsign", "hard_tanh"])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_losses_of_margins_take_every_odd_activation(loss, activation):
    assert derive(Network((2, 3, 1), activation=("tanh", activation), loss=loss)).check().passed


def test_the_name_sigmoid_alone_makes_no_probabilities():
    """A statement may call its functions as it likes."""
    supply, sums = IndexSupply(), (Axis(1), SAMPLE_AXIS)
    x, y, w = (
        Tensor("X", "input", (Axis(2), SAMPLE_AXIS)),
        Tensor("Y", "target", sums),
        Tensor("w", "weight", (Axis(2),)),
    )
    modules = []
    for title, formula in (("sigmoid", X**2), ("squash", HALF_TANH)):
        a, error = Tensor("a", "prediction", sums), Tensor("E", "error")
        (i, n), j, (k, m) = supply.several(sums), supply.fresh(Axis(2)), supply.several(sums)
        forward = Equation(a, (i, n), elementwise(title, formula)(total(w[(j,)] * x[j, n], j)))
        measured = Equation(error, (), total((a[k, m] - y[k, m]) ** 2, k, m))
        modules.append(derive(ForwardPass((forward, measured), (x, y), (w,), supply)).numpy())
    assert ["def predict_proba(self, X: ArrayLike) -> Array" in module for module in modules] == [False, True]
