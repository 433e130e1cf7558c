"""Optimizers, weight decay, clipping and schedules: against their published recurrences, written out once more here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from helpers import module_of

from derive.optimizers import OPTIMIZERS

LAYERS = (3, 4, 2)
NET = (LAYERS, "tanh,sigmoid", "half_mse")
STEPS, RATE = 50, 0.02
X = np.linspace(-1, 1, 15).reshape(3, 5)
Y = np.linspace(0.1, 0.9, 10).reshape(2, 5)


# The recurrences, number by number: each takes one weight through the steps, with its slope at every step.


def sgd(w: float) -> Iterator[Any]:
    while True:
        g, eta, _ = yield w
        w = w - eta * g


def momentum(w: float, mu: float = 0.9) -> Iterator[Any]:
    """Rumelhart, Hinton and Williams 1986: the step is -eta g plus a share of the step before."""
    change = 0.0
    while True:
        g, eta, _ = yield w
        change = -eta * g + mu * change
        w = w + change


def nesterov(w: float, mu: float = 0.9) -> Iterator[Any]:
    """Sutskever et al. 2013: v = mu v - eta g(theta + mu v), theta = theta + v; what is kept here is theta + mu v."""
    theta, v = w, 0.0
    while True:
        g, eta, _ = yield theta + mu * v
        v = mu * v - eta * g
        theta = theta + v


def adagrad(w: float, epsilon: float = 1e-10) -> Iterator[Any]:
    total = 0.0
    while True:
        g, eta, _ = yield w
        total = total + g * g
        w = w - eta * g / (math.sqrt(total) + epsilon)


def rmsprop(w: float, rho: float = 0.9, epsilon: float = 1e-8) -> Iterator[Any]:
    mean = 0.0
    while True:
        g, eta, _ = yield w
        mean = rho * mean + (1 - rho) * g * g
        w = w - eta * g / (math.sqrt(mean) + epsilon)


def adam(
    w: float, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, weight_decay: float = 0.0
) -> Iterator[Any]:
    """Kingma and Ba 2015, algorithm 1; with a decay, Loshchilov and Hutter 2019, algorithm 2."""
    m = v = 0.0
    while True:
        g, eta, t = yield w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        w = w - eta * (m_hat / (math.sqrt(v_hat) + epsilon) + weight_decay * w)


def adamw(w: float, weight_decay: float = 0.01, **options: float) -> Iterator[Any]:
    return adam(w, weight_decay=weight_decay, **options)


RECURRENCES: dict[str, Callable[..., Iterator[Any]]] = {
    f.__name__: f for f in (sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw)
}
#: Options that are not the defaults, for each.
OTHERS: dict[str, dict[str, float]] = {
    "momentum": {"mu": 0.5},
    "nesterov": {"mu": 0.75},
    "adagrad": {"epsilon": 0.01},
    "rmsprop": {"rho": 0.5, "epsilon": 0.1},
    "adam": {"beta1": 0.5, "beta2": 0.9, "epsilon": 0.001},
    "adamw": {"beta1": 0.0, "beta2": 0.75, "epsilon": 1e-4, "weight_decay": 0.3},
}


def written(name: str, options: dict[str, float]) -> str:
    return f"{name}({', '.join(f'{k}={v!r}' for k, v in options.items())})" if options else name


CASES = [(name, {}) for name in RECURRENCES] + [*OTHERS.items()]


def started(module: Any) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Parameters, and what an update takes beside the data and the rate."""
    parameters = module.initial_parameters(seed=1)
    for value in parameters.values():
        value += np.random.default_rng(2).normal(0, 0.3, value.shape)
    return parameters, (module.initial_state(parameters),) if hasattr(module, "initial_state") else ()


def assert_steps(module: Any, recurrence: Callable[[float], Iterator[Any]], clip: float = math.inf) -> None:
    """After each of many steps every weight is what its own recurrence makes of the slopes met on the way."""
    parameters, state = started(module)
    runs = {n: [recurrence(w) for w in map(float, v.ravel())] for n, v in parameters.items()}
    for found in runs.values():
        for run in found:
            next(run)
    for t in range(1, STEPS + 1):
        slopes = module.gradients(parameters, X, Y)
        norm = math.sqrt(sum(float(g) ** 2 for slope in slopes.values() for g in slope.ravel()))
        module.update(parameters, X, Y, RATE, *state)
        for name, found in runs.items():
            clipped = [float(g) * min(1.0, clip / norm) for g in slopes[name].ravel()]
            after = [run.send((g, RATE, t)) for run, g in zip(found, clipped, strict=True)]
            np.testing.assert_allclose(parameters[name].ravel(), after, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("bias", ["separate", "augmented"])
@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda value: str(value))
def test_an_optimizer_is_its_published_recurrence(name: str, options: dict[str, float], bias: str) -> None:
    module = module_of(*NET, bias, optimizer=written(name, options))
    assert_steps(module, lambda w: RECURRENCES[name](w, **options))


def test_every_optimizer_is_tested() -> None:
    assert set(RECURRENCES) == set(OPTIMIZERS)
    assert {n: {o.name for o in e.options} for n, e in OPTIMIZERS.items() if e.options} == {
        n: set(o) for n, o in OTHERS.items()
    }
