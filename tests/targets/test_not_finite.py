"""Where a number stops being finite, the message names the first equation, and why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import closed, define, dense, forwarded, load, module_of, squares, summed
from networks import INPUTS, NETWORKS, OUTPUTS, S, begun
from sympy import exp, log, sqrt

from derive.api import derive
from derive.calculus.forward import ForwardPass
from derive.calculus.index import SAMPLES, total
from derive.calculus.undefined import may_be_undefined

DATA = np.random.default_rng(3)
X, Y = DATA.normal(size=(11, 3)), DATA.uniform(0.1, 0.9, (11, 2))
W = np.arange(1.0, 7).reshape(2, 3)


def distances() -> ForwardPass:
    """The mean distance between outputs and targets: it has no derivative at 0."""
    s, x, y = begun()
    out = dense(s, "o", s.parameter("W", OUTPUTS, INPUTS), x)
    apart = define(s, "d", (S,), lambda u: sqrt(summed(s, OUTPUTS, lambda i: (y[i, u] - out[i, u]) ** 2)))
    (u,) = s.supply.several((S,))
    return closed(s, total(apart[u,], u) / SAMPLES)


def shares() -> ForwardPass:
    """Outputs divided by their sum, which may be 0."""
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)
    p = define(s, "p", z.axes, lambda i, u: z[i, u] / summed(s, OUTPUTS, lambda j: z[j, u]))
    return closed(s, squares(s, y, p))


def logarithms() -> ForwardPass:
    """The logarithm of a square, which may be 0."""
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)
    i, u = s.supply.several(y.axes)
    return closed(s, -total(y[i, u] * log(z[i, u] ** 2), i, u) / SAMPLES)


def powers() -> ForwardPass:
    """A softmax as it is on paper, in steps: powers that overflow, and their quotient."""
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)
    e = define(s, "e", z.axes, lambda i, u: exp(z[i, u]))
    t = define(s, "t", (S,), lambda u: 1 + summed(s, OUTPUTS, lambda j: e[j, u]))
    return closed(s, squares(s, y, define(s, "p", z.axes, lambda i, u: e[i, u] / t[u,])))


def said(forward: ForwardPass, weights: Any, x: Any, y: Any, size: int | None = None, **options: Any) -> str:
    """What the trainer says of its first epochs."""
    trainer = load(derive(forward).numpy()).Trainer({"W": weights})
    with pytest.raises(ArithmeticError) as problem:
        trainer.fit(x, y, 3, 0.5, size, shuffle=False, **options)
    return str(problem.value)


def number_of(forward: ForwardPass, name: str) -> int:
    return next(s.number for s in derive(forward).program.statements if s.target.name == name)


@pytest.mark.parametrize("size", [None, 1, 2])
def test_a_distance_of_0_has_no_derivative(size):
    x = np.vstack([np.zeros(3), np.eye(3)])
    y = x @ W.T + np.array([[1], [1], [1], [0]])
    message = said(distances(), W, x, y, size)
    number = number_of(distances(), "Psi_o")
    where = f"NaN first appears in equation ({number}), Psi_o: 0/0, or a root or a logarithm of a negative number"
    assert f"the error has no derivative at these numbers ({where})" in message
    assert "too large" not in message
    if size == 1:
        assert "in step 4 (epoch 1)" in message


def test_a_quotient_of_0_by_0_is_no_overflow():
    message = said(shares(), [[1, 0, 0], [0, 1, 0]], np.zeros((2, 3)), np.ones((2, 2)))
    number = number_of(shares(), "p")
    assert f"an equation is not defined at these numbers (NaN first appears in equation ({number}), p: 0/0" in message
    assert "too large" not in message


def test_a_logarithm_of_0_is_no_overflow():
    message = said(logarithms(), np.zeros((2, 3)), X, Y)
    number = number_of(logarithms(), "E")
    assert f"(infinity first appears in equation ({number}), E: a division by 0, or a logarithm of 0)" in message
    assert "too large" not in message


def test_a_quotient_of_powers_that_overflow_is_computed_without_them():
    trainer = load(derive(powers()).numpy()).Trainer({"W": np.full((2, 3), 300.0)})
    assert np.allclose(trainer.predict(np.ones((2, 3))), 1 / 2)
    assert np.isfinite(trainer.fit(np.ones((2, 3)), np.ones((2, 2)), 3, 0.5).history).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [None, 4, 1])
def test_divergence_names_the_equation(dtype, size):
    module = module_of((3, 2), "identity", "sse")
    with pytest.raises(ArithmeticError) as problem:
        module.Trainer(seed=1, dtype=dtype).fit(X, Y, 5000, 1.5, size)
    assert "the learning rate 1.5 is too large, or the data are (infinity first appears in equation (" in str(
        problem.value
    )


def test_an_update_that_overflows_is_named():
    module = module_of((1, 1), "identity", "half_sse", "none")
    with pytest.raises(ArithmeticError, match=r"or the data are \(in equation \(6\), the update of W1\); the trainer"):
        module.Trainer({"W1": [[1e-3]]}).fit([[1e-3]], [[1e10]], epochs=3, learning_rate=1.7e308)


def test_a_state_that_overflows_is_named():
    module = module_of((3, 2), "identity", "half_mse", optimizer="adam")
    with pytest.raises(ArithmeticError, match=r"state stops .* the update of mean_square_W1\); the trainer is left"):
        module.Trainer(seed=1).fit(X * 1e20, Y * 1e150, 4, 1e-3)


def test_a_validation_error_names_the_equation():
    held = np.zeros((2, 3)), np.ones((2, 2))
    message = said(shares(), [[1, 0, 0], [0, 1, 0]], np.eye(3)[:2] + 1, np.ones((2, 2)), validation=held)
    assert message.startswith("the validation error is nan after epoch 1: an equation is not defined at these numbers")
    assert f"NaN first appears in equation ({number_of(shares(), 'p')}), p" in message
    module = module_of((3, 2), "identity", "sse")
    large = "the learning rate is too large, or the validation data are"
    with pytest.raises(ArithmeticError, match=rf"{large} \(infinity first appears in equation \(4\), E\); the trainer"):
        module.Trainer(seed=1).fit(X, Y, 3, 1e-3, validation=(X * 1e200, Y))


@pytest.mark.parametrize("name", ["error_per_sample", "two_logarithms", "attention", "softmax_cross_entropy"])
def test_every_statement_is_computed_by_name_and_has_its_number(name):
    derivation = derive(NETWORKS[name]())
    module: Any = load(derivation.numpy())
    parameters, x, y = module.example()
    values = forwarded(module, parameters, x)
    module.NETWORK.error(parameters, x, y, values)
    slopes = module.NETWORK.gradients(parameters, x, y, values)
    program = derivation.program
    numbers = [s.number for s in program.stage("forward", "error", "factor")]
    assert sorted(module.NETWORK.equations.values()) == sorted(numbers)
    assert {*values, "E"} <= {*module.NETWORK.equations}  # what is put into another line is not computed by itself
    assert [module.NETWORK.slopes[n] for n in slopes] == [s.number for s in program.stage("gradient")]
    assert [*module.NETWORK.updates.values()] == [s.number for s in program.stage("update")]


def test_undefined_values_are_predicted_from_the_formula():
    def undefined(forward: ForwardPass) -> set[str]:
        return {e.target.name for e in forward.equations if may_be_undefined(e.expression)}

    assert undefined(distances()) == {"d"}
    assert undefined(shares()) == {"p"}
    assert undefined(logarithms()) == {"E"}
    assert undefined(NETWORKS["layer_norm_in_steps"]()) == {"n"}
    assert undefined(NETWORKS["residual"]()) == set()
