"""Published worked examples, by the files in docs/examples: their numbers, to their digits."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import ROOT
from helpers import derivation, module_of

from derive.worked.example import work
from derive.worked.given import Numbers, numbers

EXAMPLES = ROOT / "docs" / "examples"


def worked(name, *network, **options):
    return work(derivation(*network, **options), numbers(EXAMPLES / f"{name}.toml"))


def rounded(array, decimals):
    return [float(f"{v:.{decimals}f}") for v in np.asarray(array).ravel()]


# Matt Mazur, "A Step by Step Backpropagation Example".

MAZUR = ((2, 2, 2), "sigmoid", "half_sse")


@pytest.fixture(scope="module")
def mazur():
    return worked("mazur", *MAZUR)


def test_mazur_forward(mazur):
    values = mazur.steps[0].values
    assert rounded(values["z1"], 4)[0] == 0.3775
    assert rounded(values["a1"], 9) == [0.593269992, 0.596884378]
    assert rounded(values["z2"], 9)[0] == 1.105905967
    assert rounded(values["a2"], 9) == [0.75136507, 0.772928465]
    assert rounded(values["E"], 9) == [0.298371109]


def test_mazur_backward(mazur):
    values = mazur.steps[0].values
    assert rounded(values["Psi_z2"], 9)[0] == 0.138498562
    assert rounded(values["dE_dW2"], 9)[0] == 0.082167041
    assert rounded(values["dE_dW1"], 9)[0] == 0.000438568
    assert rounded(mazur.steps[0].slopes["sigmoid_prime", "z2"], 9)[0] == 0.186815602
    assert rounded(mazur.steps[0].slopes["sigmoid_prime", "z1"], 9)[0] == 0.241300709


def test_mazur_update(mazur):
    values = mazur.steps[0].values
    assert rounded(values["W1_next"], 8) == [0.14978072, 0.19956143, 0.24975114, 0.29950229]
    assert rounded(values["W1_next"], 9)[0] == 0.149780716
    assert rounded(values["W2_next"], 9) == [0.35891648, 0.408666186, 0.51130127, 0.561370121]
    assert np.array_equal(values["b1_next"], values["b1"])
    assert np.array_equal(values["b2_next"], values["b2"])


def test_mazur_figures(mazur):
    step = mazur.steps[0]
    assert [[f.text for f in row] for row in mazur.figures(step, "z1")] == [["0.3775"], ["0.3925"]]
    assert mazur.figure(step.before).text == "0.298371109"
    gradient, central = mazur.compared(step, "dE_dW2")
    assert [f.text for f in gradient[0]] == ["0.0821670406", "0.0826676278"]
    assert [f.text for f in central[0]] == ["0.08216704", "0.08266763"]


def test_mazur_ten_thousand_rounds(mazur):
    """His last error is the one with which round 10,000 begins."""
    assert mazur.later.rounds == 10_000
    assert f"{mazur.later.before_last:.10f}" == "0.0000351085"


def test_mazur_numbers_from_another_order_of_updates(mazur):
    """Three of his numbers come from updating W2 before it is used for the hidden layer.

    These are the error after the first round, 0.291027924, and the outputs after round
    10,000. The weights that he prints are not updated so, and lead to 0.291027774.
    """
    assert rounded([mazur.steps[0].after], 9) == [0.291027774]
    module, start = module_of(*MAZUR), mazur.start
    parameters = {n: v.copy() for n, v in start.parameters.items()}
    for done in range(10_000):
        values = {}
        module.forward(parameters, start.data["X"], values)
        for name in ("W2", "W1"):  # each gradient with the weights as they are by then
            slope = module.gradients(parameters, start.data["X"], start.data["Y"], values)[name]
            parameters[name] -= start.learning_rate * slope
        if done == 0:
            assert rounded([module.error(parameters, start.data["X"], start.data["Y"])], 9) == [0.291027924]
    assert rounded(module.forward(parameters, start.data["X"]), 9) == [0.015912196, 0.984065734]


def test_mazur_by_the_trainer():
    """Anyone can repeat it with the generated trainer; here the biases learn too, so it learns faster."""
    start = numbers(EXAMPLES / "mazur.toml").values
    weights = {"W1": start["W1"], "b1": [[0.35]] * 2, "W2": start["W2"], "b2": [[0.6]] * 2}
    trainer = module_of(*MAZUR).Trainer(weights).fit([start["X"]], [start["Y"]], epochs=2, learning_rate=0.5)
    assert rounded(trainer.history, 9) == [0.298371109, 0.280471447]


# Han and Kamber, "Data Mining: Concepts and Techniques": sample calculations for backpropagation.


def test_han_and_kamber():
    example = worked("han_kamber", (3, 2, 1), "sigmoid", "half_sse", notation="delta")
    values = example.steps[0].values
    assert rounded(values["z1"], 3) == [-0.7, 0.1]
    assert rounded(values["a1"], 3) == [0.332, 0.525]
    assert rounded(values["z2"], 3)[0] == pytest.approx(-0.105, abs=1e-3)
    assert rounded(values["a2"], 3) == [0.474]
    # they calculate on with three digits
    assert values["Psi_z2"] == pytest.approx(0.1311, abs=1e-4)
    assert rounded(values["Psi_z1"], 4) == [-0.0087, -0.0065]
    assert rounded(values["W2_next"], 3) == [-0.261, -0.138]
    assert rounded(values["W1_next"], 3) == [0.192, 0.4, -0.508, -0.306, 0.1, 0.194]
    assert rounded(values["b2_next"], 3) == [0.218]
    assert rounded(values["b1_next"], 3) == [-0.408, 0.194]


# Goodfellow, Bengio and Courville, "Deep Learning", section 6.1.


def test_goodfellow_learning_xor():
    example = worked("goodfellow_xor", (2, 2, 1), ("relu", "identity"))
    values = example.steps[0].values
    assert values["z1"].T.tolist() == [[0, -1], [1, 0], [1, 0], [2, 1]]
    assert values["a1"].T.tolist() == [[0, 0], [1, 0], [1, 0], [2, 1]]
    assert values["a2"].tolist() == [[0, 1, 1, 0]]
    assert example.steps[0].before == example.steps[0].after == 0
    assert [[f.text for f in row] for row in example.figures(example.steps[0], "z1")] == [list("0112"), ["-1", *"001"]]
    assert example.kinked


# Nielsen, "Neural Networks and Deep Learning", the beginning of chapter 3.


def neuron(loss, rounds, start=None):
    values = dict(numbers(EXAMPLES / "nielsen_neuron.toml").values) | {"rounds": rounds}
    if start is not None:
        values |= {"W1": start, "b1": start}
    return work(derivation((1, 1), "sigmoid", loss, notation="delta"), Numbers(values))


def test_nielsen_a_neuron_that_learns():
    example = worked("nielsen_neuron", (1, 1), "sigmoid", "half_sse", notation="delta")
    assert rounded(example.steps[0].values["a1"], 2) == [0.82]
    assert rounded(example.later.outputs, 2) == [0.09]


def test_nielsen_a_saturated_neuron():
    """It starts at 0.98 and hardly moves for 150 epochs; the cross-entropy does not wait."""
    slow = neuron("half_sse", 150, 2.0)
    assert rounded(slow.steps[0].values["a1"], 2) == [0.98]
    assert slow.later.outputs > 0.9
    assert neuron("half_sse", 300, 2.0).later.outputs < 0.25
    assert neuron("binary_cross_entropy", 150, 2.0).later.outputs < 0.05


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda p: p.stem)
def test_every_file_says_where_it_is_from_and_how_to_run_it(path):
    comment = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    command = next(line for line in comment if "derive network" in line)
    assert command.endswith(f"--numbers docs/examples/{path.name}")
    assert "--layers" in command
