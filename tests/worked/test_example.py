"""The worked example: every value against an interpreter, the measured columns, and what is printed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import derivation, interpreted, load, off, real, stored
from models import MODELS

from derive.api import derive
from derive.calculus.program import STAGES
from derive.targets.named import in_axes
from derive.text.errors import SpecError
from derive.worked.example import position, work
from derive.worked.given import Numbers, numbers
from tests import networks

NETWORKS = [
    pytest.param(((2, 3, 2), "sigmoid", "mse"), {}, id="psi"),
    pytest.param(((2, 3, 2), "sigmoid", "half_mse"), {"notation": "bracket"}, id="bracket"),
    pytest.param(((2, 3, 4, 2), "tanh", "half_sse"), {"notation": "delta"}, id="delta"),
    pytest.param(((2, 3, 4), "sigmoid", "sse"), {"bias": "augmented"}, id="augmented"),
    pytest.param(((2, 3, 4), "tanh", "mse"), {"bias": "augmented", "notation": "delta"}, id="augmented delta"),
    pytest.param(((3, 2), "softplus", "mse"), {"bias": "none"}, id="no bias"),
    pytest.param(((2, 4, 3), ("tanh", "softmax"), "cross_entropy"), {}, id="softmax"),
    pytest.param(((2, 4, 3), ("relu", "softmax"), "cross_entropy"), {"notation": "bracket"}, id="relu, softmax"),
    pytest.param(((2, 4, 1), ("relu", "sigmoid"), "binary_cross_entropy"), {"notation": "delta"}, id="relu, bce"),
    pytest.param(((1, 1), "identity", "mse"), {}, id="one weight"),
]


def seeded(network, options, seed=3, steps=2, samples=3, **settings):
    """A worked example of drawn numbers, with as many samples as wanted."""
    d = derivation(*network, **options)
    inputs = int(d.program.inputs[0].axes[0].extent)
    x = np.round(np.random.default_rng(seed).normal(size=(samples, inputs)), 2)
    return d, work(d, Numbers({"seed": seed, "X": x, "steps": steps, "learning_rate": 0.1, **settings}))


def oracle(d, step, samples):
    """Every tensor by the interpreter of the index form, from the same inputs and parameters."""
    given = (*d.program.inputs, *d.program.parameters, *d.program.scalars)
    start = {t.name: step.values[t.name].reshape(tuple(_extent(a, samples) for a in t.axes)) for t in given}
    return interpreted(d.program, start, {"m": samples}, stages=STAGES)


def _extent(axis, samples):
    return samples if axis.sample else int(axis.extent)


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize(("network", "options"), NETWORKS)
@pytest.mark.sampled(10)
def test_every_value_is_that_of_its_equation(network, options, samples):
    d, example = seeded(network, options, samples=samples)
    for step in example.steps:
        expected = oracle(d, step, samples)
        for statement in d.program.statements:
            target = statement.target
            wanted = stored(target, real(expected[target.name]).reshape([_extent(a, samples) for a in target.axes]))
            assert off(step.values[target.name], wanted) < 1e-12, target.name


@pytest.mark.parametrize(("network", "options"), NETWORKS)
@pytest.mark.sampled(4)
def test_the_gradients_agree_with_finite_differences(network, options):
    d, example = seeded(network, options)
    assert set(example.steps[0].measured) == {s.target.name for s in d.program.stage("gradient")}
    assert example.bound <= -7
    assert not example.kinked
    for step in example.steps:
        for name, measured in step.measured.items():
            assert off(measured.gradient, step.values[name]) == 0
            assert off(measured.gradient, measured.complex_step) < 1e-13
            assert np.all(measured.difference < 10.0**example.bound)


@pytest.mark.parametrize(("network", "options"), NETWORKS)
@pytest.mark.sampled(4)
def test_each_step_starts_where_the_one_before_ended(network, options):
    d, example = seeded(network, options, steps=3)
    for before, after in zip(example.steps, example.steps[1:], strict=False):
        assert before.after == pytest.approx(after.before, rel=1e-14)
        for p in d.program.parameters:
            assert np.array_equal(before.values[f"{p.name}_next"], after.values[p.name])
    assert example.steps[-1].after < example.steps[0].before


def test_rounds_continue_after_the_printed_steps():
    network = ((2, 3, 2), "sigmoid", "mse")
    _, long = seeded(network, {}, steps=5)
    _, short = seeded(network, {}, steps=2, rounds=5)
    assert long.later is None
    assert short.later.rounds == 5
    assert short.later.error == pytest.approx(long.steps[-1].after, rel=1e-13)
    assert short.later.before_last == pytest.approx(long.steps[-1].before, rel=1e-13)
    assert off(short.later.parameters["W1"], long.steps[-1].values["W1_next"]) < 1e-13


def test_fixed_parameters_are_not_updated():
    _, example = seeded(((2, 3, 2), "sigmoid", "mse"), {}, fixed=["b1", "W2"], rounds=4)
    assert example.fixed == ("b1", "W2")
    for name in ("W1", "b1", "W2", "b2"):
        moved = not np.array_equal(example.steps[0].values[name], example.later.parameters[name])
        assert moved == (name not in example.fixed)
        assert np.any(example.steps[0].values[f"dE_d{name}"] != 0)


def test_widths_with_names():
    d = derivation("n,h,k", notation="bracket")
    example = work(d, Numbers({"X": [[1, 2], [3, 4], [5, 6]], "W1": [[1, 0]] * 4, "Y": [[1, 0, 1]] * 3}))
    assert example.steps[0].values["W2"].shape == (3, 4)
    assert example.bound <= -7


@pytest.mark.parametrize(
    "name", ["attention", "layer_norm", "recurrence", "penalty_of_biases", "scalar_parameters", "tied", "batch_norm"]
)
@pytest.mark.sampled(3)
def test_forward_passes_that_are_no_layers(name):
    example = work(derive(getattr(networks, name)()), numbers("seed:2"))
    step = example.steps[0]
    for tensor in example.program.tensors:
        assert step.values[tensor].ndim == 2
        assert example.figures(step, tensor)
    for measured in step.measured.values():
        assert off(measured.gradient, measured.complex_step) < 1e-12


def altered(d, source):
    """The derivation with another module."""
    known = {
        "program": d.program,
        "notation": d.notation,
        "forward": d.forward,
        "targets": d.targets,
        "descent": d.descent,
    }
    return SimpleNamespace(numpy_target=SimpleNamespace(module=load(source)), **known)


def test_a_wrong_gradient_disagrees_with_finite_differences():
    """The measured columns know nothing of the program: with one flipped sign in the module's error they stand out."""
    d = derivation((2, 3, 2))
    linked = d.numpy_target.rendered.linked
    source = linked.replace("E = np.sum(sigmoid_minus(Z2, Y)", "E = -np.sum(sigmoid_minus(Z2, Y)")
    assert source != linked
    right, wrong = (work(altered(d, text), Numbers({})).steps[0] for text in (linked, source))
    for name, measured in wrong.measured.items():
        assert measured.bound > -4
        assert off(-measured.gradient, measured.complex_step) < 1e-13
        assert right.measured[name].bound <= -7


def test_the_values_are_those_of_the_equations_whatever_the_module_says():
    d = derivation((2, 3, 2))
    linked = d.numpy_target.rendered.linked
    source = linked.replace("Z1 = W1 @ X + b1", "Z1 = W1 @ X + b1 + 100")
    assert source != linked
    right, other = (work(altered(d, text), Numbers({})).steps[0] for text in (linked, source))
    assert all(np.array_equal(right.values[name], other.values[name]) for name in right.values)
    assert right.measured["dE_dW1"].bound <= -7 < other.measured["dE_dW1"].bound


@pytest.mark.parametrize("digits", [6, 12])
def test_all_requested_digits_are_right(digits):
    """Of a sum that cancels too: the pre-activation is z = 1e-9, of terms near 1, and the activation z / (1 + z)."""
    cancels = {"X": [1.000000001, 1], "Y": 0, "W1": [[1, -1]], "b1": 0, "digits": digits}
    example = work(derivation((2, 1), "softsign", "half_sse"), Numbers(cancels))
    step = example.steps[0]
    assert example.figures(step, "z1")[0][0].text == "1e-9"
    assert example.figures(step, "a1")[0][0].text == {6: "1.00000e-9", 12: "9.99999999e-10"}[digits]


def test_the_arrays_are_read_only():
    _, example = seeded(((2, 3, 2), "sigmoid", "mse"), {})
    step = example.steps[0]
    for array in (step.values["z1"], step.measured["dE_dW1"].central, next(iter(step.slopes.values()))):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1


def test_the_derivatives_of_activations_are_available():
    _, example = seeded(((2, 3, 2), "sigmoid", "mse"), {})
    step = example.steps[0]
    a = step.values["a1"]
    assert off(step.slopes["sigmoid_prime", "z1"], a * (1 - a)) < 1e-15


def test_entries_by_their_indices():
    tensors = derivation((2, 3, 4), "sigmoid", "sse", bias="augmented").program.tensors
    assert position(tensors["W1"], (3, 0)) == (2, 0)  # column 0 is the bias
    assert position(tensors["W1"], (1, 2)) == (0, 2)
    assert position(tensors["z1"], (2, 3)) == (1, 2)
    assert position(tensors["E"], ()) == (0, 0)
    assert position(derivation((2, 3)).program.tensors["b1"], (3,)) == (2, 0)


# Kinks and rounding.

KINKED = {"X": [[0, 0], [0, 1], [1, 0], [1, 1]], "Y": [1, 0, 0, 1], "W1": 1, "b1": [0, -1], "W2": [1, -2], "b2": 0}


def test_a_difference_across_a_kink_is_marked_and_left_out_of_the_bound():
    values = {**KINKED, "W1": [[1, 1], [1, 1]]}
    example = work(derivation((2, 2, 1), ("relu", "identity")), Numbers(values))
    measured = example.steps[0].measured
    assert example.kinked
    assert measured["dE_db1"].kinked.tolist() == [[True], [True]]
    assert not measured["dE_dW2"].kinked.any()
    assert measured["dE_db1"].difference.max() > 0.1
    assert example.bound < -7
    assert off(measured["dE_db1"].gradient, measured["dE_db1"].complex_step) == 0


def test_rounding_errors_are_printed_as_zero():
    tenths = {"X": [1, 1, -1], "Y": [0, 0], "W1": [[0.1, 0.2, 0.3], [1, 1, 1]], "b1": 0}
    example = work(derivation((3, 2, 2), ("tanh", "identity")), Numbers(tenths))
    step = example.steps[0]
    assert step.values["z1"][0, 0] == step.values["a1"][0, 0] == 0
    assert [row[0].text for row in example.figures(step, "z1")] == ["0", "1"]
    assert [row[0].text for row in example.figures(step, "a1")] == ["0.000000", "0.761594"]


def test_small_values_are_printed():
    example = work(derivation((1, 1)), Numbers({"X": 1, "Y": 0, "W1": -40, "b1": 0}))
    step = example.steps[0]
    assert example.figures(step, "a1")[0][0].text == "4.24835e-18"
    assert example.figures(step, "dE_dW1")[0][0].text == "3.60970e-35"


def jittered(source, *lines):
    """The module as on a machine that rounds these products in another way."""
    for line in lines:
        name, _, product = line.partition(" = ")
        assert line in source
        noise = f"3e-16 * np.cos(np.arange(({product}).size)).reshape(({product}).shape)"
        source = source.replace(line, f"{name} = ({product}) * (1 + {noise})")
    return source


def test_other_roundings_print_the_same():
    d = derivation((2, 5, 3), ("tanh", "softmax"), "cross_entropy")
    lines = ("Z1 = W1 @ X + b1", "Z2 = W2 @ A1 + b2", "dE_dW1 = Psi1 @ X.T", "dE_dW2 = Psi2 @ A1.T")
    given = Numbers({"X": [[1, 2]] * 4})
    one, other = work(d, given), work(altered(d, jittered(d.numpy_target.rendered.linked, *lines)), given)
    here, there = one.steps[0], other.steps[0]
    assert here.before == there.before and not np.array_equal(
        here.measured["dE_dW1"].central, there.measured["dE_dW1"].central
    )
    for name in d.program.tensors:
        assert one.figures(here, name) == other.figures(there, name)
    for name in here.measured:
        assert one.compared(here, name) == other.compared(there, name)
    assert one.bound == other.bound


def test_the_two_columns_line_up_and_agree():
    _, example = seeded(((2, 3, 2), "sigmoid", "mse"), {})
    step = example.steps[0]
    for name in step.measured:
        gradient, central = example.compared(step, name)
        for left, right in zip(np.array(gradient).ravel(), np.array(central).ravel(), strict=True):
            assert left.exponent == right.exponent
            assert float(left.text) == pytest.approx(float(right.text), abs=2e-7)


def test_a_network_on_which_a_step_overflows_is_refused_by_name():
    with pytest.raises(SpecError, match=r"^the numbers are out of range after update 1: use smaller numbers"):
        work(derivation((1, 1), "identity", "sse"), Numbers({"X": 1e150, "Y": 0, "W1": 1, "learning_rate": 1e200}))


@pytest.mark.parametrize("name", ["swiglu", "conv2d_plain", "attention"])
def test_arrays_of_many_axes(name):
    model = MODELS[name]()
    example = work(derive(model.statement), numbers("seed:3"))
    step, data = example.steps[0], example.start.data
    program = example.program
    rows = {t.name: data[t.name].T if len(t.axes) == 2 and t.axes[-1].sample else data[t.name] for t in program.inputs}
    assert any(array.ndim > 2 for array in rows.values())
    parameters = {p.name: in_axes(p, example.start.parameters[p.name]) for p in program.parameters}
    assert step.before == pytest.approx(model.error(**rows, **parameters), rel=1e-12)
    for measured in step.measured.values():
        assert off(measured.gradient, measured.complex_step) < 1e-12
