"""Optimizers, the L2 penalty, clipping and schedules, compared with their published recurrences."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import sys
import tomllib
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from helpers import derivation, given_and_learned, interpreted, load, module_of, real, stored

from derive import Network, derive
from derive.calculus.index import IndexSupply, Tensor
from derive.calculus.program import Program
from derive.command.lists import formula
from derive.learning.descent import Descent
from derive.learning.initialisations import INITIALISATIONS
from derive.learning.optimizers import LEARNING_RATE, OPTIMIZERS
from derive.learning.schedules import SCHEDULES
from derive.paper.notation import NOTATIONS
from derive.statement.network import SpecError, resolve
from derive.worked.example import work
from derive.worked.given import Numbers

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
    """Return parameters and optimizer state."""
    parameters = module.initial_parameters(seed=1)
    for value in parameters.values():
        value += np.random.default_rng(2).normal(0, 0.3, value.shape)
    return parameters, (module.initial_state(parameters),) if hasattr(module, "initial_state") else ()


def assert_steps(module: Any, recurrence: Callable[[float], Iterator[Any]], clip: float = math.inf) -> None:
    """Compare every weight after each step with its recurrence for the gradients so far."""
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
@pytest.mark.sampled(10)
def test_an_optimizer_agrees_with_its_published_recurrence(name: str, options: dict[str, float], bias: str) -> None:
    module = module_of(*NET, bias, optimizer=written(name, options))
    assert_steps(module, lambda w: RECURRENCES[name](w, **options))


def test_every_optimizer_is_tested() -> None:
    assert set(RECURRENCES) == set(OPTIMIZERS)
    assert {n: {o.name for o in e.options} for n, e in OPTIMIZERS.items() if e.options} == {
        n: set(o) for n, o in OTHERS.items()
    }


@pytest.mark.parametrize("name", [n for n in RECURRENCES if n != "nesterov"])
@pytest.mark.sampled(3)
def test_a_clipped_step_is_that_of_the_shrunken_gradient(name: str) -> None:
    assert_steps(module_of(*NET, optimizer=name, clip=0.05), RECURRENCES[name], 0.05)


def test_an_optimizer_agrees_with_torch() -> None:
    torch = pytest.importorskip("torch")
    made: dict[str, Any] = {
        "momentum": lambda p: torch.optim.SGD(p, RATE, momentum=0.9),
        "nesterov": lambda p: torch.optim.SGD(p, RATE, momentum=0.9, nesterov=True),
        "adagrad": lambda p: torch.optim.Adagrad(p, RATE, eps=1e-10),
        "rmsprop": lambda p: torch.optim.RMSprop(p, RATE, alpha=0.9, eps=1e-8),
        "adam": lambda p: torch.optim.Adam(p, RATE),
        "adamw": lambda p: torch.optim.AdamW(p, RATE, weight_decay=0.01),
    }
    for name, optimizer in made.items():
        module = module_of(*NET, optimizer=name)
        parameters, state = started(module)
        theirs = {n: torch.tensor(v, requires_grad=True) for n, v in parameters.items()}
        steps = optimizer(list(theirs.values()))
        for _ in range(STEPS):
            for key, slope in module.gradients(parameters, X, Y).items():
                theirs[key].grad = torch.tensor(slope)
            steps.step()
            module.update(parameters, X, Y, RATE, *state)
            for key, value in parameters.items():
                np.testing.assert_allclose(value, theirs[key].detach().numpy(), rtol=1e-10, atol=1e-12)


# The index form is the code.


LEARNING: list[dict[str, Any]] = [
    *({"optimizer": name, "l2": 0.1, "clip": 0.05, "schedule": "cosine(steps=30, warm_up=5)"} for name in RECURRENCES),
    *({"schedule": text} for text in ("step(every=2, warm_up=1)", "exponential(factor=0.9)", "warm_up(steps=4)")),
]


#: Each with its biases in one of the two ways.
BOTH_WAYS = list(zip(LEARNING, itertools.cycle(["separate", "augmented"])))


@pytest.mark.parametrize(("learning", "bias"), BOTH_WAYS, ids=str)
@pytest.mark.sampled(3)
def test_the_module_agrees_with_the_interpreter(learning: dict[str, Any], bias: str) -> None:
    """Three steps: every number of a step is what the equations say, entry by entry."""
    program = derivation(*NET, bias, **learning).program
    module = module_of(*NET, bias, **learning)
    values, sizes = given_and_learned(program, 5)
    state = {t.name: np.zeros(module_shape(t)) for t in program.states}
    held = {t.name: stored(t, values[t.name]) for t in program.parameters}
    kept = module.initial_state(held) if program.states else {}
    for _ in range(3):
        found = interpreted(program, {**values, **state, LEARNING_RATE.name: np.array(0.3)}, sizes, stages=ALL)
        module.update(held, stored(program.inputs[0], values["X"]), values["Y"], 0.3, *((kept,) if kept else ()))
        values |= {t.name: real(found[f"{t.name}_next"]) for t in program.parameters}
        state = {t.name: real(found[f"{t.name}_next"]) for t in program.states}
        for tensor in program.parameters:
            np.testing.assert_allclose(held[tensor.name], stored(tensor, values[tensor.name]), rtol=1e-11, atol=1e-13)
        for tensor in program.states:
            expected = stored(tensor, state[tensor.name]) if tensor.axes else state[tensor.name].reshape(1, 1)
            np.testing.assert_allclose(kept[tensor.name], expected, rtol=1e-11, atol=1e-15)


ALL = ("forward", "error", "factor", "gradient", "update")


def module_shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(int(axis.extent) for axis in tensor.axes)


def numbered(program: Program) -> list[int]:
    return [d.number for d in program.definitions] + [s.number for s in program.statements]


@pytest.mark.parametrize("learning", LEARNING[:3], ids=str)
def test_every_equation_of_a_step_has_its_number_and_its_line(learning: dict[str, Any]) -> None:
    found = derivation(*NET, **learning)
    numbers = dict.fromkeys(numbered(found.program))
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    for statement in found.program.stage("update", "error"):
        assert f"# ({statement.number})" in found.numpy()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_updates_of_all_parameters_share_their_numbers(optimizer: str) -> None:
    program = derivation(*NET, optimizer=optimizer, clip=0.05).program
    of = {p: [s.number for s in program.stage("update") if s.target.owner == p] for p in program.parameters}
    first, *others = of.values()
    assert len(others) == 3 and all(other == first for other in others)
    once = [s.number for s in program.stage("update") if s.target.owner not in program.parameters]
    assert len({*first, *once}) == len(first) + len(once)


def test_updates_that_are_not_one_formula_have_their_own_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are compared: a rule of its own for biases, and one that reads the gradient of another parameter."""
    before, gradients = Descent._of, list[Tensor]()

    def uneven(descent: Descent, parameter: Tensor, gradient: Tensor, supply: IndexSupply) -> Any:
        gradients.append(gradient)
        read = gradients[0] if parameter.name == "W2" else gradient
        (equation,), states = before(descent, parameter, read, supply)
        twice = {LEARNING_RATE[()]: 2 * LEARNING_RATE[()]} if parameter.role == "bias" else {}
        return [dataclasses.replace(equation, expression=equation.expression.xreplace(twice))], states

    monkeypatch.setattr(Descent, "_of", uneven)
    made = derive(Network((2, 2, 2, 2)))
    numbers = {s.target.owner.name: s.number for s in made.program.stage("update")}
    assert [n - numbers["W1"] for n in numbers.values()] == [0, 1, 2, 1, 0, 1]
    shown = made.latex(only="loop")
    assert "theta" not in shown and all(f"\\tag{{{n}}}" in shown for n in numbers.values())
    cells = [cell["id"] for cell in json.loads(made.notebook())["cells"]]
    assert [f"equation-{n}" for n in sorted({*numbers.values()})] == [c for c in cells if c.startswith("equation-")][
        -3:
    ]


def test_a_state_that_is_read_after_it_is_replaced_is_refused() -> None:
    program = derivation(*NET, optimizer="momentum").program
    *before, state, step = program.statements
    late = dataclasses.replace(program, statements=(*before, state, step))
    late.check()
    velocity = program.states[-1]
    old = step.equation.expression + velocity[step.equation.indices]
    wrong = dataclasses.replace(step, equation=dataclasses.replace(step.equation, expression=old))
    with pytest.raises(ValueError, match="reads velocity_b2 after it is replaced"):
        dataclasses.replace(program, statements=(*before, state, wrong)).check()
    with pytest.raises(ValueError, match="b2 is never replaced"):
        dataclasses.replace(program, statements=(*before, state)).check()
    with pytest.raises(ValueError, match="the constants ghost"):
        dataclasses.replace(program, constants={"ghost": Fraction(1)}).check()


# The L2 penalty.


@pytest.mark.parametrize(
    ("bias", "notation", "loss"),
    [
        *itertools.product(["separate", "augmented"], NOTATIONS, ["half_mse"]),
        ("none", "bracket", "half_mse"),
        ("augmented", "delta", "binary_cross_entropy"),
    ],
)
@pytest.mark.sampled(4)
def test_the_l2_penalty_is_in_the_error_and_in_the_gradient(bias: str, notation: str, loss: str) -> None:
    """E grows by l2/2 times the weights squared, without biases; its slope is that of HIPS autograd."""
    plain, penalised = (module_of(LAYERS, "tanh,sigmoid", loss, bias, notation, l2=l2) for l2 in (0.0, 0.3))
    parameters, _ = started(plain)
    first = 1 if bias == "augmented" else 0
    weights = [value[:, first:] for name, value in parameters.items() if name.startswith("W")]
    more = 0.3 / 2 * sum(float((w**2).sum()) for w in weights)
    assert penalised.error(parameters, X, Y) == pytest.approx(plain.error(parameters, X, Y) + more, rel=1e-13)

    def error(p: dict[str, Any]) -> Any:
        a = X
        for layer, function in ((1, anp.tanh), (2, lambda z: 1 / (1 + anp.exp(-z)))):
            if bias == "augmented":
                a = anp.concatenate([np.ones((1, X.shape[1])), a])
            z = p[f"W{layer}"] @ a
            a = function(z + p[f"b{layer}"] if bias == "separate" else z)
        if loss == "half_mse":
            stated = ((Y - a) ** 2).sum() / 2 / X.shape[1]
        else:
            stated = -(Y * anp.log(a) + (1 - Y) * anp.log(1 - a)).sum() / X.shape[1]
        return stated + 0.15 * sum((p[n][:, first:] ** 2).sum() for n in p if n.startswith("W"))

    slopes, expected = penalised.gradients(parameters, X, Y), autograd.grad(error)(parameters)
    for name, slope in slopes.items():
        np.testing.assert_allclose(slope, expected[name], rtol=1e-12, atol=1e-14)
    report = penalised.check_gradients(parameters, X, Y)
    assert max(c for c, _ in report.values()) < 1e-13 and max(d for _, d in report.values()) < 1e-6


@pytest.mark.parametrize(("bias", "notation"), [("separate", "psi"), ("augmented", "bracket"), ("none", "delta")])
@pytest.mark.sampled(1)
def test_both_penalties_are_in_the_error_and_in_the_gradient(bias: str, notation: str) -> None:
    """The elastic net: l1 times the sizes of the weights and l2/2 times their squares, without biases."""
    plain, penalised = (module_of(LAYERS, "tanh", "mse", bias, notation, **k) for k in ({}, {"l1": 0.3, "l2": 0.2}))
    parameters, _ = started(plain)
    first = 1 if bias == "augmented" else 0
    weights = {name: value[:, first:] for name, value in parameters.items() if name.startswith("W")}
    more = sum(0.3 * float(abs(w).sum()) + 0.1 * float((w**2).sum()) for w in weights.values())
    assert penalised.error(parameters, X, Y) == pytest.approx(plain.error(parameters, X, Y) + more, rel=1e-13)
    slopes, before = penalised.gradients(parameters, X, Y), plain.gradients(parameters, X, Y)
    for name, slope in slopes.items():
        expected = before[name].copy()
        if name in weights:
            expected[:, first:] += 0.3 * np.sign(weights[name]) + 0.2 * weights[name]
        np.testing.assert_allclose(slope, expected, rtol=1e-12, atol=1e-14)
    assert max(c for c, _ in penalised.check_gradients(parameters, X, Y).values()) < 1e-13


def test_the_l2_penalty_and_the_gradient_go_together_in_sgd() -> None:
    """One step with the penalty is the step without it, less eta l2 W."""
    plain, penalised = (module_of(*NET, l2=l2) for l2 in (0.0, 0.25))
    one, other = (started(plain)[0] for _ in range(2))
    before = one["W1"].copy()
    plain.update(one, X, Y, 0.2)
    penalised.update(other, X, Y, 0.2)
    np.testing.assert_allclose(other["W1"], one["W1"] - 0.2 * 0.25 * before, rtol=1e-13)
    np.testing.assert_allclose(other["b1"], one["b1"], rtol=1e-13)


def test_no_shared_factor_is_a_plain_number() -> None:
    for notation in NOTATIONS:
        plain, penalised = (derivation(*NET, "separate", notation, l2=l2) for l2 in (0.0, 0.1))
        assert [f.tensor.name for f in penalised.factors] == [f.tensor.name for f in plain.factors]


# Clipping.


def test_clipping_brings_the_norm_of_all_gradients_down_to_the_limit() -> None:
    for limit in (1e-6, 0.01, 1e6):
        module = module_of(*NET, clip=limit)
        parameters, _ = started(module)
        before = {n: v.copy() for n, v in parameters.items()}
        slopes = module.gradients(parameters, X, Y)
        norm = math.sqrt(sum(float((g**2).sum()) for g in slopes.values()))
        module.update(parameters, X, Y, 1.0)
        step = {n: before[n] - v for n, v in parameters.items()}
        moved = math.sqrt(sum(float((v**2).sum()) for v in step.values()))
        assert moved == pytest.approx(min(norm, limit), rel=1e-8)
        if norm <= limit:
            assert all(np.array_equal(parameters[n], before[n] - slopes[n]) for n in slopes)


def test_a_gradient_of_zero_is_clipped_without_a_warning() -> None:
    module = module_of((2, 3, 1), "identity", "mse", optimizer="adam", clip=1.0)
    parameters = {n: np.zeros_like(v) for n, v in module.initial_parameters().items()}
    state = module.initial_state(parameters)
    with np.errstate(all="raise"):
        module.update(parameters, np.ones((2, 4)), np.zeros((1, 4)), 0.1, state)
    assert all(not v.any() for v in parameters.values())


# Schedules.


def rates(schedule: str, steps: int) -> list[float]:
    """Return the factors of the learning rate in the first steps, from the steps of a weight with gradient 1."""
    module = module_of((1, 1), "identity", "mse", "none", schedule=schedule)
    parameters = {"W1": np.array([[0.0]])}
    state = module.initial_state(parameters)
    found = []
    for _ in range(steps):
        x, y = np.ones((1, 1)), parameters["W1"] + 0.5  # the slope of (y - w x)^2 is -1
        before = parameters["W1"].item()
        module.update(parameters, x, y, 1.0, state)
        found.append(parameters["W1"].item() - before)
    return found


PUBLISHED: dict[str, Callable[[int], float]] = {
    "step(every=3, factor=0.5)": lambda t: 0.5 ** ((t - 1) // 3),
    "step(every=4)": lambda t: 0.1 ** ((t - 1) // 4),
    "exponential(factor=0.75)": lambda t: 0.75 ** (t - 1),
    "cosine(steps=8)": lambda t: (1 + math.cos(math.pi * min(t - 1, 8) / 8)) / 2,
    "warm_up(steps=5)": lambda t: min(1.0, t / 5),
    "step(every=2, factor=0.5, warm_up=4)": lambda t: t / 4 if t <= 4 else 0.5 ** ((t - 5) // 2),
    "exponential(factor=0.5, warm_up=3)": lambda t: t / 3 if t <= 3 else 0.5 ** (t - 4),
    "cosine(steps=6, warm_up=3)": lambda t: t / 3 if t <= 3 else (1 + math.cos(math.pi * min(t - 4, 6) / 6)) / 2,
}


@pytest.mark.parametrize("schedule", PUBLISHED)
def test_a_schedule_agrees_with_its_formula(schedule: str) -> None:
    expected = [PUBLISHED[schedule](t) for t in range(1, 16)]
    np.testing.assert_allclose(rates(schedule, 15), expected, rtol=1e-9, atol=1e-12)


def test_every_schedule_is_tested() -> None:
    assert {s.partition("(")[0] for s in PUBLISHED} | {"constant"} == set(SCHEDULES)


def test_a_warm_up_of_zero_steps_has_no_effect() -> None:
    assert Network(LAYERS, schedule="step(every=2, warm_up=0)") == Network(LAYERS, schedule="step(every=2)")
    assert "warm_up" not in derivation(*NET, schedule="step(every=2, warm_up=0)").program.constants


# Initialisations.


@pytest.mark.parametrize("bias", ["separate", "augmented"])
@pytest.mark.parametrize("name", [n for n, e in INITIALISATIONS.items() if e.variance])
@pytest.mark.sampled(3)
def test_an_initialisation_has_its_variance(name: str, bias: str) -> None:
    inputs, units = 300, 200
    parameters = module_of((inputs, units), "tanh", "mse", bias, initialisation=name).initial_parameters(seed=3)
    weights = parameters["W1"][:, 1:] if bias == "augmented" else parameters["W1"]
    kind, shape = name.split("_")
    variance = {"glorot": 2 / (inputs + units), "he": 2 / inputs, "lecun": 1 / inputs}[kind]
    assert (
        weights.var() == pytest.approx(variance, rel=0.03) and abs(weights.mean()) < 3e-3 * math.sqrt(1 / variance) / 10
    )
    largest = np.abs(weights).max() / math.sqrt(variance)
    assert 1.7 < largest <= math.sqrt(3) if shape == "uniform" else 3.5 < largest < 6
    biases = parameters["W1"][:, 0] if bias == "augmented" else parameters["b1"]
    assert not biases.any()


@pytest.mark.parametrize(("layers", "bias"), [((7, 4), "separate"), ((4, 7), "augmented"), ((5, 5), "none")])
def test_orthogonal_weights(layers: tuple[int, int], bias: str) -> None:
    weights = module_of(layers, "tanh", "mse", bias, initialisation="orthogonal").initial_parameters(seed=1)["W1"]
    weights = weights[:, 1:] if bias == "augmented" else weights
    product = weights @ weights.T if layers[0] >= layers[1] else weights.T @ weights
    np.testing.assert_allclose(product, np.eye(min(layers)), atol=1e-14)


def test_orthogonal_weights_favour_no_direction() -> None:
    module = module_of((3, 3), "tanh", "mse", "none", initialisation="orthogonal")
    drawn = np.array([module.initial_parameters(seed=n)["W1"] for n in range(600)])
    assert np.abs(drawn.mean(axis=0)).max() < 0.1
    assert 0.4 < np.mean([np.linalg.det(w) > 0 for w in drawn]) < 0.6


def test_weights_of_zero_and_seeds() -> None:
    assert not any(v.any() for v in module_of(*NET, initialisation="zeros").initial_parameters(seed=5).values())
    for name in INITIALISATIONS:
        module = module_of("n,k", "tanh", initialisation=name)
        one, same, other = (module.initial_parameters(seed, n=3, k=4) for seed in (1, 1, 2))
        assert {n: v.shape for n, v in one.items()} == {"W1": (4, 3), "b1": (4, 1)}
        assert all(np.array_equal(one[n], same[n]) for n in one)
        assert (name == "zeros") == all(np.array_equal(one[n], other[n]) for n in one)


def test_the_default_initialisation_is_unchanged() -> None:
    generator = np.random.default_rng(4)
    parameters = module_of(*NET).initial_parameters(seed=4)
    for name, shape in (("W1", (4, 3)), ("W2", (2, 4))):
        limit = math.sqrt(6 / sum(shape))
        assert np.array_equal(parameters[name], generator.uniform(-limit, limit, shape))


# The state, and the type of numbers.


def test_the_state_begins_at_zero_and_has_the_shapes_of_the_parameters() -> None:
    module = module_of(*NET, optimizer="adam")
    parameters, (state,) = started(module)
    assert not any(v.any() for v in state.values())
    assert list(state)[:3] == ["step", "mean_W1", "mean_square_W1"]
    assert all(state[f"{kind}_{n}"].shape == v.shape for n, v in parameters.items() for kind in ("mean", "mean_square"))
    arrays = dict(state)
    module.update(parameters, X, Y, 0.1, state)
    assert all(state[n] is arrays[n] for n in arrays) and state["step"].item() == 1


@pytest.mark.parametrize(
    ("spoil", "kind", "message"),
    [
        (lambda s: s.pop("mean_b1"), ValueError, '"mean_b1" is missing in the state'),
        (lambda s: s.update(ghost=np.zeros(2)), ValueError, 'unknown "ghost" in the state'),
        (lambda s: s.update(mean_W1=s["mean_W1"].T), ValueError, r"has shape \(3, 4\); expected \(4, 3\)"),
        (lambda s: s.update(mean_W1=[1.0]), TypeError, "must be an array, not list"),
        (lambda s: s.update(mean_W1=s["mean_W1"].astype(int)), TypeError, "must hold float64 numbers, not int64"),
        (lambda s: s["mean_W1"].fill(np.nan), ValueError, "a number that no step leaves there"),
        (lambda s: s["mean_square_W1"].fill(-1), ValueError, "a number that no step leaves there"),
        (lambda s: s["step"].fill(-3), ValueError, "a number that no step leaves there"),
        (lambda s: s["mean_W2"].setflags(write=False), ValueError, '"mean_W2" in the state is read-only'),
    ],
)
@pytest.mark.sampled(3)
def test_a_wrong_state_is_refused_and_nothing_changes(spoil: Any, kind: type[Exception], message: str) -> None:
    module = module_of(*NET, optimizer="adam")
    parameters, (state,) = started(module)
    before = {n: v.copy() for n, v in parameters.items()}
    spoil(state)
    with pytest.raises(kind, match=message):
        module.update(parameters, X, Y, 0.1, state)
    with pytest.raises(TypeError, match="state must be a dict of arrays, not list"):
        module.update(parameters, X, Y, 0.1, [])
    assert all(np.array_equal(parameters[n], before[n]) for n in before)


@pytest.mark.parametrize(("learning", "bias"), [*BOTH_WAYS, ({"l2": 0.1}, "augmented")], ids=str)
@pytest.mark.sampled(5)
def test_float32_is_kept_throughout_a_step(learning: dict[str, Any], bias: str) -> None:
    """Every array that a step computes, and no digit more: the same step in float64 agrees as far as float32 can."""
    module = module_of(*NET, bias, **learning)
    wide, _ = started(module)
    narrow = {n: v.astype(np.float32) for n, v in wide.items()}
    wide = {n: v.astype(np.float64) for n, v in narrow.items()}
    states = [module.NETWORK.initial_state(p) for p in (wide, narrow)]
    assert all(v.dtype == np.float32 for n, v in states[1].items() if n != "step")
    wrong: list[str] = []

    def report(frame: Any, event: str, _: object) -> None:
        if event == "return" and frame.f_code.co_name in ("forward", "error", "gradients", "update"):
            wrong.extend(
                f"{frame.f_code.co_name}: {name}"
                for name, value in frame.f_locals.items()
                if isinstance(value, (np.ndarray, np.generic)) and value.dtype != np.float32 and name != "step"
            )

    for _ in range(5):
        module.NETWORK.step(wide, states[0], (X, Y), 0.05)
        sys.setprofile(report)
        try:
            module.NETWORK.step(narrow, states[1], (X.astype(np.float32), Y.astype(np.float32)), 0.05)
        finally:
            sys.setprofile(None)
    assert not wrong
    for name, value in narrow.items():
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, wide[name], rtol=2e-4, atol=2e-5)


# What is asked for.


def test_a_specification_holds_only_learning_options_that_are_not_defaults() -> None:
    plain = Network(LAYERS, optimizer="sgd", l2=0, clip=None, schedule="constant", initialisation="glorot_uniform")
    assert plain.to_toml() == Network(LAYERS).to_toml() and "optimizer" not in plain.to_toml()
    learning: dict[str, Any] = {
        "optimizer": "adam(beta1=0.8, epsilon=1e-6)",
        "l2": 0.01,
        "clip": 2.5,
        "schedule": "cosine(steps=1000, warm_up=10)",
        "initialisation": "he_normal",
    }
    network = Network(LAYERS, **learning)
    assert {key: getattr(network, key) for key in learning} == learning
    assert Network.from_dict(tomllib.loads(network.to_toml())) == network
    assert len({network.digest, plain.digest, Network(LAYERS, l2=0.01).digest}) == 3
    assert Network(LAYERS, optimizer=" adam( beta1=0.90 ) ").optimizer == "adam"
    assert resolve({"layers": "3,2", "l2": "0.5", "clip": "1e-3"}) == Network((3, 2), l2=0.5, clip=0.001)


@pytest.mark.parametrize(
    ("learning", "message"),
    [
        ({"optimizer": "adma"}, "unknown optimizer 'adma': did you mean adam ("),
        ({"optimizer": "adam(beta3=1)"}, "adam has no option 'beta3'"),
        ({"optimizer": "adam(beta2=1)"}, "beta2 is '1', but must be a number of at least 0 and at most 0.999999999999"),
        ({"optimizer": "sgd(mu=0.9)"}, "sgd has no options"),
        ({"optimizer": "rmsprop(epsilon=0)"}, "epsilon is '0', but must be a number of at least 1e-30"),
        ({"optimizer": "momentum(mu=-0.1)"}, "mu is '-0.1'"),
        ({"optimizer": "adamw(weight_decay=-1)"}, "weight_decay is '-1'"),
        ({"optimizer": 3}, "optimizer is an integer, 3, where a name is expected"),
        ({"schedule": "cosine"}, "cosine needs its option steps"),
        ({"schedule": "cosine(steps=0)"}, "steps is '0', but must be a whole number of at least 1"),
        ({"schedule": "step(every=2.5)"}, "every is '2.5'"),
        ({"schedule": "exponential(factor=1.5)"}, "factor is '1.5'"),
        ({"schedule": "cosin(steps=3)"}, "unknown schedule 'cosin': did you mean cosine ("),
        ({"initialisation": "xavier"}, "unknown initialisation 'xavier'"),
        ({"l2": -0.1}, "l2 is -0.1, but is 0 for no L2 penalty, or from 1e-12 to 1e"),
        ({"l2": "much"}, "l2 is 'much', where a number such as 0.01 is expected"),
        ({"l2": True}, "l2 is a boolean, True, where a number such as 0.01 is expected"),
        ({"l2": float("nan")}, "l2 is nan, where a finite number is expected"),
        ({"l2": 10**400}, "where a finite number is expected"),
        ({"clip": 0}, "clip is 0, but is a norm from"),
        ({"clip": -1.0}, "clip is -1.0, but is a norm from"),
        ({"clip": float("inf")}, "clip is inf, where a finite number is expected"),
    ],
)
def test_invalid_learning_options_are_refused_in_one_sentence(learning: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError) as refused:
        Network(LAYERS, **learning)
    assert message in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["step", "rate", "clip", "CLIP", "mean_W1", "beta1", "l2", "steps"])
def test_a_width_is_not_called_like_a_number_of_the_step(name: str) -> None:
    learning: dict[str, Any] = {"optimizer": "adam", "l2": 0.1, "clip": 1, "schedule": "cosine(steps=9)"}
    with pytest.raises(SpecError, match="which stands for a number of the step"):
        Network((3, name, 2), **learning)


def test_widths_with_the_letters_of_a_step_are_told_apart() -> None:
    """The letters u, v, t, C and T are those of a step here, so widths of these names are written as indices of n."""
    found = derive(Network(("v", "u", "t"), optimizer="adam", clip=1, schedule="cosine(steps=5)"))
    assert "n_{u}" in found.latex(only="forward,loop") and found.check().passed
    module = load(found.numpy())
    parameters = module.initial_parameters(v=3, u=4, t=2)
    module.update(parameters, X, Y, 0.1, module.initial_state(parameters))


def test_every_entry_says_where_it_is_from() -> None:
    for entry in itertools.chain(OPTIMIZERS.values(), SCHEDULES.values(), INITIALISATIONS.values()):
        assert any(c.isdigit() for c in entry.source) or entry.name in ("constant", "zeros"), entry.name
        assert entry.source in entry.summary
    for name in ("adagrad", "rmsprop", "adam", "adamw"):
        assert "ε" in OPTIMIZERS[name].summary


def test_the_document_describes_the_learning_options() -> None:
    found = derivation(*NET, optimizer="adam", l2=0.01, clip=0.5, schedule="cosine(steps=100)")
    text = found.markdown(only="glance,notation,loop")
    for words in (
        "Adam (Kingma and Ba 2015)",
        "L2 penalty of strength 0.01",
        "clipped at norm 0.5",
        "cosine(steps=100)",
    ):
        assert words in text
    assert r"\lambda = 0.01" in text and r"\beta_1 = 0.9" in text.replace("{1}", "1")


def test_a_worked_example_takes_its_steps_with_the_state_of_the_optimizer() -> None:
    """Step after step, and the rounds after them: all are as the updates of the module with one state."""
    found = derivation(*NET, optimizer="momentum", l2=0.1, clip=0.2, schedule="exponential(factor=0.9)")
    given = {"seed": 3, "steps": 3, "rounds": 20, "learning_rate": 0.3, "fixed": ["b1"]}
    example = work(found, Numbers(given))
    module = load(found.numpy())
    parameters = {n: v.copy() for n, v in example.start.parameters.items()}
    state, fixed, rounding = module.initial_state(parameters), parameters["b1"].copy(), {"rtol": 1e-12, "atol": 1e-14}
    for number in range(20):
        if number < 3:
            step = example.steps[number]
            assert step.values["step"].item() == number and step.values["step_next"].item() == number + 1
            assert step.values["rate"].item() == pytest.approx(0.3 * 0.9**number)
            np.testing.assert_allclose(step.values["velocity_W1"], state["velocity_W1"], **rounding)
        module.update(parameters, *example.start.data.values(), 0.3, state)
        parameters["b1"][...] = fixed
        if number < 3:
            np.testing.assert_allclose(step.values["velocity_W1_next"], state["velocity_W1"], **rounding)
            np.testing.assert_allclose(step.values["W2_next"], parameters["W2"], **rounding)
            clipped = step.values["clip_scale"] * step.values["dE_dW1"]
            np.testing.assert_allclose(step.values["clipped_W1"], clipped, **rounding)
    assert example.later is not None
    for name, value in parameters.items():
        np.testing.assert_allclose(example.later.parameters[name], value, **rounding)


def test_the_story_of_a_weight_tells_of_its_penalty() -> None:
    """Through the penalty leads a path of its own, but not from a bias that stands among the weights."""
    found = derivation((2, 3, 1), "tanh", "mse", "augmented", l2=0.5)
    weight, bias = (found.explain(f"W2[1,{column}]") for column in (1, 0))
    assert "2 paths lead to the loss" in weight and "→ R → E" in weight and "∂R/∂w⁽²⁾_1 = λ w⁽²⁾_1" in weight
    assert "one path leads to the loss" in bias and "R" not in bias.partition("Its shared factor")[0].split("E:", 1)[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_catalogues_state_what_a_program_states(name: str) -> None:
    stated = formula(OPTIMIZERS[name])
    assert stated.count("←") == 1 + len(OPTIMIZERS[name].kept) + bool(OPTIMIZERS[name].once)
    assert all(letter in stated for letter in ("w", "∂E/∂w", "η"))
