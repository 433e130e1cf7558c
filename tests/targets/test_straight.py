"""The second rendering computes what the readable one computes, for every network and every batch size."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import networks
import numpy as np
import pytest
from helpers import Array, derivation, load, module_of, runner

from derive.api import derive
from derive.catalogue.activations import ACTIVATIONS
from derive.catalogue.losses import LOSSES
from derive.statement.network import Network
from derive.targets.numpy.fast import lines, order, rows

EXAMPLES = 30
STEPS = 13


def example(module: ModuleType, dtype: type, scale: float = 1) -> tuple[dict[str, Array], Array, Array]:
    """Parameters, and inputs and targets as rows."""
    parameters, X, Y = module.example(samples=EXAMPLES)
    rows = (np.ascontiguousarray(a.T, dtype=dtype) for a in (X * scale, Y))
    return {name: value.astype(dtype) for name, value in parameters.items()}, *rows


def farthest(
    module: ModuleType,
    samples: int,
    dtype: type = np.float64,
    rate: float = 1e-3,
    scale: float = 1,
    count: int = STEPS,
) -> float:
    """The largest relative difference between the two after some steps: of an error, of a parameter, of a state."""
    parameters, X, Y = example(module, dtype, scale)
    state = module.NETWORK.initial_state(parameters)
    batches = np.random.default_rng(samples).integers(0, EXAMPLES, (count, samples))
    ours, kept = ({n: v.copy() for n, v in part.items()} for part in (parameters, state))
    steps = runner(module, ours, kept, samples)
    with np.errstate(all="ignore"):
        errors = steps.run(steps.arranged((X, Y)), batches, rate)
        expected = [module.NETWORK.step(parameters, state, (X[b].T, Y[b].T), rate) for b in batches]
    steps.store(ours, kept)
    assert errors.dtype == dtype
    assert all(value.dtype == dtype for value in ours.values())
    pairs = [
        (errors, np.array(expected)),
        *((ours[n], parameters[n]) for n in ours),
        *((kept[n], state[n]) for n in kept),
    ]
    return max(float(np.max(np.abs(a - b)) / max(np.max(np.abs(b)), 1e-200)) for a, b in pairs)


@pytest.mark.parametrize("name", networks.NETWORKS)
@pytest.mark.sampled(10)
def test_the_renderings_agree_for_every_network_stated_by_hand(name: str) -> None:
    module = load(derive(networks.NETWORKS[name]()).numpy())
    for samples in (1, 2, 7, 64):
        assert farthest(module, samples) < 1e-12
    assert farthest(module, 7, np.float32) < 2e-5


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.sampled(4)
def test_the_renderings_agree_for_random_networks(seed: int) -> None:
    module = load(derive(networks.random_network(seed)).numpy())
    for samples in (1, 7):
        assert farthest(module, samples, rate=1e-7) < 1e-12


SPECS = {
    "scalars": ((3, 4, 4, 1),),
    "augmented": ((3, 4, 2), "tanh,sigmoid", "binary_cross_entropy", "augmented"),
    "no bias": ((3, 4, 2), "relu", "sse", "none"),
    "downhill": ((3, 4, 2), "sigmoid", "half_sse", "separate", "delta"),
    "mean last": ((3, 5, 2), "softplus,sigmoid", "mse", "augmented", "bracket"),
    "classes": ((4, 5, 3), "tanh,softmax", "cross_entropy"),
    "classes, squares": ((4, 5, 3), "relu,softmax", "mse"),
    "one layer": ((3, 2), "sigmoid", "half_mse"),
    "named widths": (("n", "h", 2), "relu,softmax", "cross_entropy"),
    "put off": ((150, 70, 40, 3), "tanh,tanh,softmax", "cross_entropy"),
    "put off, augmented": ((150, 70, 3), "sigmoid", "mse", "augmented"),
    "deep": ((2, 3, 4, 5, 4, 3, 2), "sigmoid,tanh,relu,tanh,sigmoid,identity"),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("samples", [1, 2, 7, 64])
@pytest.mark.parametrize("name", SPECS)
@pytest.mark.sampled(17)
def test_the_renderings_agree(name: str, samples: int, dtype: type) -> None:
    assert farthest(module_of(*SPECS[name]), samples, dtype, rate=0.01) < (1e-12 if dtype == np.float64 else 2e-5)


@pytest.mark.parametrize(("name", "count"), [("scalars", 5000), ("put off", 200), ("classes", 600)])
def test_the_renderings_agree_over_more_steps_than_are_taken_at_once(name: str, count: int) -> None:
    assert farthest(module_of(*SPECS[name]), 1, rate=3e-3, count=count) < 1e-11


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("samples", [1, 5])
@pytest.mark.sampled(5)
def test_the_renderings_agree_where_numbers_are_so_large_that_powers_overflow(name: str, samples: int) -> None:
    assert farthest(module_of(*SPECS[name]), samples, rate=1e-9, scale=1e4) < 1e-9


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small networks are written as large and wide ones are."""
    monkeypatch.setattr(lines, "LARGE_WEIGHT", 1)
    monkeypatch.setattr(order, "LARGE", 1)
    monkeypatch.setattr(rows, "WIDE", 1)


LARGE_ONES: dict[str, Callable[[], Any]] = {
    **{name: lambda name=name: Network(*SPECS[name]) for name in ("augmented", "classes", "put off", "deep")},
    **{way: lambda way=way: Network(*NETS[1], **LEARNING[way]) for way in ("adam", "all", "L2 penalty", "clipping")},
    **{f"random {seed}": lambda seed=seed: networks.random_network(seed) for seed in (1, 5, 11)},
    "tied": networks.NETWORKS["tied"],
}


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("name", LARGE_ONES)
@pytest.mark.sampled(5)
def test_the_renderings_agree_for_large_and_wide_networks(name: str) -> None:
    module = load(derive(LARGE_ONES[name]()).numpy())
    rate = 1e-7 if "random" in name else 0.01
    for samples in (1, 7, 64):
        assert farthest(module, samples, rate=rate) < 1e-12
    assert farthest(module, 7, np.float32, rate=rate) < 2e-5


@pytest.mark.usefixtures("large")
def test_large_networks_change_a_weight_after_its_gradient_and_wide_ones_have_samples_as_rows() -> None:
    source = derive(Network((5, 4, 3), "tanh")).numpy()
    assert in_order(source, "X.dot(W1_b1_T", "A1_1_T.dot(Psi2, dE_dW2_dE_db2)", "subtract(W2_b2, ", "Psi1_T.dot(X, ")
    assert in_order(source, "Psi1 = np.empty((m, 4)", "subtract(W1_b1, dE_dW1_dE_db1, W1_b1)")
    source = derive(Network((5, 4, 3), "tanh", clip=1)).numpy()  # the norm is that of all gradients
    assert "one_at_a_time(dtype," not in source


def test_the_first_weight_is_stored_as_it_is_and_those_of_the_way_back_transposed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "LARGE_WEIGHT", 1)
    source = derive(Network((5, 4, 3), "tanh")).numpy()
    assert in_order(source, "side_by_side(dtype, (4, 6), (5, 3))", "W1_b1.dot(X", "W2_b2_T.dot(A1_1", "Psi1.dot(X_T")


def in_order(source: str, *pieces: str) -> bool:
    """Whether these pieces of a text come one after the other."""
    for piece in pieces:
        _, found, source = source.partition(piece)
        if not found:
            return False
    return True


OPTIMIZERS = ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"]
LEARNING = {
    **{name: {"optimizer": name} for name in OPTIMIZERS},
    "L2 penalty": {"l2": 0.1},
    "L2 penalty, augmented": {"l2": 0.1, "bias": "augmented"},
    "clipping": {"clip": 0.1},
    "steps": {"schedule": "step(every=3)"},
    "clipping, nearly always": {"clip": 1e-3, "optimizer": "momentum"},
    "all": {"optimizer": "adam", "l2": 0.01, "clip": 1, "schedule": "cosine(steps=100, warm_up=3)"},
    "all, downhill": {"optimizer": "nesterov", "schedule": "warm_up(steps=5)", "clip": 0.5, "notation": "delta"},
}


NETS = [
    ((3, 4, 2), "tanh,sigmoid", "mse"),
    ((3, 4, 3), "relu,softmax", "cross_entropy"),
    ((3, 4, 4, 1), "sigmoid", "mse"),
    ((1, 1), "tanh", "sse"),
    ((2, 1, 1), "tanh", "mse"),
]


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("way", LEARNING)
@pytest.mark.sampled(28)
def test_the_renderings_agree_for_every_optimizer(way: str, net: tuple[object, ...]) -> None:
    layers, activation, loss = net
    module = load(derive(Network(layers, activation, loss, **LEARNING[way])).numpy())
    for samples in (1, 2, 7, 64):
        assert farthest(module, samples, rate=0.01) < 1e-12
    assert farthest(module, 7, np.float32, rate=0.01) < 2e-5


@pytest.mark.parametrize(("optimizer", "z"), [("adam", 18.0), ("adagrad(epsilon=1e-30)", 38.0), ("rmsprop", 25.0)])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_an_optimizer_that_divides_by_the_gradient_has_its_digits(optimizer: str, z: float, activation: str) -> None:
    module = load(derive(Network((1, 1, 1), (activation, "identity"), optimizer=optimizer)).numpy())
    parameters = {"W1": np.array([[z]]), "b1": np.zeros((1, 1)), "W2": np.ones((1, 1)), "b2": np.zeros((1, 1))}
    state, ours = module.NETWORK.initial_state(parameters), {n: v.copy() for n, v in parameters.items()}
    kept = {n: v.copy() for n, v in state.items()}
    steps = runner(module, ours, kept, 1)
    steps.run(steps.arranged((np.ones((1, 1)), np.zeros((1, 1)))), np.zeros((1, 1), int), 0.1)
    steps.store(ours, kept)
    module.NETWORK.step(parameters, state, (np.ones((1, 1)), np.zeros((1, 1))), 0.1)
    moved = parameters["W1"] - z
    assert moved != 0
    assert abs(ours["W1"] - parameters["W1"]) <= 1e-11 * z


def fitting() -> list[tuple[str, str, str]]:
    """Every activation of hidden layers with every loss, each loss with every output that it is made for."""
    hidden = [name for name, entry in ACTIVATIONS.items() if entry.elementwise and name != "exponential"]
    pairs = [
        (name, output) for name, entry in LOSSES.items() for output in entry.activations or ("identity", "sigmoid")
    ]
    return [(activation, output, loss) for activation in hidden for loss, output in pairs]


def agree(number: int, activation: str, output: str, loss: str) -> None:
    """Both renderings, with an optimizer that the number chooses, and with an L2 penalty for every other one."""
    way = {"optimizer": OPTIMIZERS[number % len(OPTIMIZERS)], "l2": 0.01 if number % 2 else 0}
    module = load(derive(Network((3, 4, 2), (activation, output), loss, **way)).numpy())
    for samples in (1, 7):
        assert farthest(module, samples, rate=1e-3) < 1e-12
    assert farthest(module, 2, np.float32, rate=1e-3) < 2e-5


@pytest.mark.parametrize("number", range(0, len(fitting()), 11))
@pytest.mark.sampled(10)
def test_the_renderings_agree_for_what_fits_together(number: int) -> None:
    agree(number, *fitting()[number])


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(fitting())))
def test_the_renderings_agree_for_all_that_fits_together(number: int) -> None:
    agree(number, *fitting()[number])


def test_a_batch_that_is_the_same_in_every_step_is_read_once() -> None:
    module = module_of(*SPECS["classes"])
    parameters, X, Y = example(module, np.float64)
    every = np.broadcast_to(np.arange(EXAMPLES), (9, EXAMPLES))
    results = []
    for batches in (every, every.copy()):
        ours = {n: v.copy() for n, v in parameters.items()}
        steps = runner(module, ours, {}, EXAMPLES)
        results.append((steps.run(steps.arranged((X, Y)), batches, 0.1), ours))
        steps.store(ours, {})
    np.testing.assert_array_equal(results[0][0], results[1][0])
    for name, value in results[0][1].items():
        np.testing.assert_array_equal(value, results[1][1][name])


@pytest.mark.parametrize("name", SPECS)
def test_every_update_equation_has_its_line(name: str) -> None:
    found = derivation(*SPECS[name])
    code = found.numpy().partition("def straight_line(")[2].partition("\nFAST_STEPS = ")[0]
    numbers = {int(n) for n in re.findall(r"\((\d+)\)", code)}
    for first, last in re.findall(r"\((\d+)\) to \((\d+)\)", code):
        numbers |= set(range(int(first), int(last) + 1))
    assert {s.number for s in found.program.statements} - numbers <= _ones(found.program)


def _ones(program: object) -> set[int]:
    """The statements that only put a row of ones above an array: here it stands there from the beginning."""
    return {s.number for s in program.stage("forward") if s.target.role == "augmented"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "scalars", "put_off"), [("scalars", True, False), ("put off", False, True)])
def test_small_networks_compute_with_numbers_and_large_ones_put_off_their_first_layer(
    name: str, scalars: bool, put_off: bool
) -> None:
    module = module_of(*SPECS[name])
    assert (module.FAST_STEPS.of_one is not None) == scalars
    assert (module.FAST_STEPS.line_of_one is not None) == put_off


def test_a_sign_that_is_wrong_is_found() -> None:
    source = derivation(*SPECS["classes"]).numpy()
    start = source.index("def straight_line(")
    for right, wrong in (
        ("subtract(Y_hat, Y", "add(Y_hat, Y"),
        ("multiply(W2.dot(Psi2, Psi1), slope", "add(W2.dot(Psi2, Psi1), slope"),
    ):
        assert right in source[start:]
        changed = source[:start] + source[start:].replace(right, wrong, 1)
        assert farthest(load(changed), 7, rate=0.05) > 1e-6
