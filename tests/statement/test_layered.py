"""Networks with layers of the catalogue, which are composed as a text of equations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from derive import Network, SpecError, Statement, StatementError, derive
from derive.calculus.functions import Elementwise
from derive.catalogue.losses import LOSSES
from derive.command.main import main
from derive.statement.keys import layer_names
from derive.statement.language.write import equations_text
from derive.statement.network import resolve

LAYERS = (8, "layer_norm", 16, "residual(16, relu)", 4)


def equations(network: Network) -> list[str]:
    """The lines of a network's equations, without the declarations."""
    groups = equations_text(network.forward_pass(), network).strip().split("\n\n")
    return next(lines for group in groups if (lines := group.split("\n"))[-1].startswith("E = "))


def test_layers_of_the_catalogue_stand_among_dense_layers() -> None:
    network = Network(LAYERS, activation="tanh, elu(alpha=1.4)")
    assert network == Network("8, Layer-Norm, 16, residual( 16,relu ), 4", activation=["tanh", "elu(alpha=1.4)"])
    assert network.name == "network_8_layer_norm_16_residual_4"
    assert network.widths == (8, 8, 16, 16, 4)
    assert network.parameter_count == 2 * 8 + 16 * 9 + 2 * 16 * 17 + 4 * 17
    assert Network.from_dict({"layers": list(LAYERS), "activation": list(network.activation)}) == network
    assert equations(network) == [
        "mu = mean(X[i], i)",
        "v = mean((X[i] - mu)**2, i)",
        "a1[i] = (X[i] - mu) * gain[i] / sqrt(v + 1e-5) + offset[i]",
        "z1[i] = sum(W1[i, j] * a1[j], j) + b1[i]",
        "a2[i] = tanh(z1[i])",
        "z2[i] = sum(W2[i, j] * a2[j], j) + b2[i]",
        "a[i] = relu(z2[i])",
        "w[i] = sum(W3[i, j] * a[j], j) + b3[i]",
        "a3[i] = a2[i] + w[i]",
        "z3[i] = sum(W4[i, j] * a3[j], j) + b4[i]",
        "a4[i] = elu(z3[i], alpha=1.4)",
        "E = mean((Y[i] - a4[i])**2, i)",
    ]


def test_dense_layers_are_stated_with_their_roles_and_numbers() -> None:
    forward = Network("n, i, 3, n", activation="tanh, elu(alpha=1.4), softmax", bias="augmented").forward_pass()
    found = {t.name: (t.role, t.layer, *(str(axis.extent) for axis in t.axes)) for t in forward.tensors.values()}
    assert [*found] == ["X", "Y", "W1", "W2", "W3", "x0", "z1", "a1", "x1", "z2", "a2", "x2", "z3", "a3", "E"]
    assert found["W1"] == ("weight", 1, "i", "n + 1")
    assert found["x1"] == ("augmented", 1, "i + 1", "m")
    assert found["a2"] == ("activation", 2, "3", "m")
    assert found["a3"] == ("prediction", 3, "n", "m")
    assert [p.axes[1].start for p in forward.parameters] == [0, 0, 0]
    titles = [f.title for e in forward.equations for f in map(type, e.expression.atoms(Elementwise))]
    assert titles == ["tanh", "elu"]


def test_options_of_functions_are_told_apart_where_they_differ() -> None:
    stated = equations(Network("3, residual(4, elu), 2", activation="elu(alpha=3)"))
    assert "a[i] = elu(z1[i])" in stated
    assert "a2[i] = elu(z2[i], alpha=3)" in stated
    stated = equations(Network("3, residual(4, elu(x)), residual(4, leaky-relu), 2", activation="tanh"))
    assert {"a4[i] = f(z1[i])", "a5[i] = leaky_relu(z2[i])"} < {*stated}


def test_such_a_network_is_derived_and_described() -> None:
    derivation = derive(Network((4, "layer_norm", 3, "softmax"), loss="cross_entropy", optimizer="adam"))
    derivation.check().require()
    assert derivation.network is None
    assert derivation.targets == "classes"
    assert derivation.description == (
        "A network of 4 inputs, layer_norm, a dense layer of 3 and softmax; its dense layers have sigmoid activation "
        "and biases. The loss is the cross-entropy. The network is trained with Adam."
    )
    assert Statement(derivation.equations()).learning.name == "network_4_layer_norm_3_softmax"
    with pytest.raises(SpecError, match="estimator is for dense layers"):
        derivation.estimator()


def test_widths_may_be_names_and_biases_absent() -> None:
    network = Network("n, batch_norm, h, glu(h), k", bias="none", notation="xbar")
    assert network.widths == ("n", "n", "h", "h", "k")
    assert network.parameter_count == "2*h**2 + h*k + h*n + 2*h + 2*n"
    assert Network("n, layer_norm, k", notation="xbar").bias == "separate"
    assert "z1[i] = sum(W1[i, j] * a1[j], j)" in equations(network)
    assert Network("i, layer_norm, j").widths == ("i", "i", "j")
    assert equations(Network("i, layer_norm, j", activation="identity"))[3].startswith("a2[")


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_has_the_normalisation_of_the_catalogue(name: str) -> None:
    fitting = (*LOSSES[name].activations, "identity")[0]
    layered = Network((3, "layer_norm", 2), activation=fitting, loss=name)
    dense = Network((3, 3, 2), activation=("tanh", fitting), loss=name)
    assert equations(layered)[-1] == equations(dense)[-1]
    assert [p.tensor.name for p in layered.forward_pass().promises] == [
        p.tensor.name for p in dense.forward_pass().promises
    ]


def test_a_statement_may_have_a_loss_of_the_catalogue() -> None:
    s = Statement(name="scaled")
    x, y, w, i = s.input("x", 3), s.target("y", 3), s.parameter("w", 3), s.index("i", 3)
    o = s.define("o", i, w[i] * x[i])
    with pytest.raises(StatementError, match="unknown loss 'hubr': did you mean huber"):
        s.loss("hubr", y, o)
    with pytest.raises(StatementError, match=r"tensors with one axis besides the samples, not w\[3\]"):
        s.loss("mse", y, w)
    s.loss("huber(delta=0.5)", y, o)
    assert "E = mean(huber_term(o[i] - y[i]), i)" in derive(s).equations()
    with pytest.raises(StatementError, match="the error is stated already"):
        s.loss("mse", y, o)


@pytest.mark.parametrize("layer", [name for name in layer_names() if name != "embedding"])
def test_each_layer_of_the_catalogue_is_used_or_refused(layer: str) -> None:
    arguments = {
        "dense": "(4, tanh)",
        "max_pool": "(2, 2)",
        "mean_pool": "(2, 2)",
        "softmax": "",
        "layer_norm": "",
        "dropout": "",
    }
    given = arguments.get(layer, "" if layer.endswith("_norm") else "(4)")
    try:
        network = Network((4, f"{layer}{given}", 2), activation="identity")
    except SpecError as error:
        assert f"{layer}(" in str(error) and "needs more than the units of the layer before" in str(error)
        assert layer.startswith(
            ("conv", "max_pool2d", "mean_pool2d", "attention", "multi_head", "transformer", "rnn", "lstm", "gru")
        )
    else:
        assert len(network.forward_pass().parameters) >= 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layers": "layer_norm, 4"}, "layers begins with layer_norm, where the number of inputs is expected"),
        ({"layers": "8, layer_nrm, 4"}, "there is no layer layer_nrm: did you mean layer_norm?"),
        ({"layers": "8, foo(3), 4"}, "entry 2 is 'foo(3)', but there is no layer foo"),
        ({"layers": "8, residual, 4"}, "entry 2 is 'residual': the argument h is missing"),
        ({"layers": "8, residual(16, 4"}, "the parentheses do not match"),
        ({"layers": "8, residual(16 +), 4"}, "entry 2 is 'residual(16 +)': this is no formula"),
        ({"layers": "8, residual(eta), 4"}, "its argument is 'eta', which stands for the learning rate"),
        ({"layers": "8, residual(3, foo), 4"}, "entry 2 is residual(3, foo): unknown activation 'foo'"),
        ({"layers": "8, residual(3, softmax), 4"}, "entry 2 is residual(3, softmax): softmax mixes the units"),
        ({"layers": "8, dropout(rate=1), 4"}, "bernoulli(0) is no distribution: the probability of 1 must be above 0"),
        ({"layers": "8, attention, 4"}, "attention(q, k, v, a) needs more than the units of the layer before"),
        ({"layers": "8, embedding(3, 4), 4"}, "derive it with `derive equations`"),
        ({"layers": "8, layer_norm, 4", "bias": "augmented"}, "bias augmented is for dense layers"),
        ({"layers": "8, layer_norm, 4", "activation": "tanh,relu"}, "holds 2 names for the 1 dense layer after"),
        ({"layers": "8, layer_norm, 4", "loss": "cross_entropy"}, "needs softmax as the activation of the outputs"),
        ({"layers": "8, layer_norm", "loss": "cross_entropy"}, "and layer_norm is not known to be: end with softmax"),
        ({"layers": "8, layer_norm", "loss": "poisson"}, "end with a dense layer with the activation exponential"),
        ({"layers": "8, layer_norm, 1, softmax"}, "softmax of a single output is always 1"),
        ({"layers": "8, layer_norm, 1", "activation": "softmax"}, "softmax of a single output is always 1"),
    ],
)
def test_what_such_a_network_cannot_be_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as caught:
        Network(**options)
    assert said in str(caught.value)


def test_the_command_takes_layers_of_the_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.toml").write_text('layers = [3, "layer_norm", 2]\nactivation = "tanh"\n')
    assert main(["network", "--spec", "net.toml", "--format", "md"]) == 0
    assert capsys.readouterr().out.startswith("A network of 3 inputs, layer_norm and a dense layer of 2; its dense")
    written = Path("generated/network_3_layer_norm_2")
    assert "mu = mean(X[i], i)\n" in (written / "equations.eq").read_text()
    assert "# Backpropagation in a 3-layer\\_norm-2 network" in (written / "derivation.md").read_text()
    assert main(["network", "--spec", "net.toml", "--format", "md", "--check"]) == 0
    assert main(["network", "--layers", "3,rms_norm(eps=0.1),2", "--show-equations"]) == 0
    assert "rms = sqrt(mean(X[i]**2, i) + 0.1)" in capsys.readouterr().out
    assert main(["network", "--layers", "3,layer_norm,2", "--estimator"]) == 2


def test_other_layers_than_those_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "net.toml"
    file.write_text('name = "network_3_layer_norm_2"\nlayers = [3, "layer_norm", 2]\nactivation = ["tanh"]\n')
    network = resolve({"layers": "3,layer_norm,4,2"}, file)
    assert network == Network((3, "layer_norm", 4, 2), activation="tanh")


def test_names_of_layers_are_read_without_sympy() -> None:
    read = "import sys; from derive.statement.keys import read_layers; read_layers('8, layer_norm, 4')"
    subprocess.run([sys.executable, "-c", f"{read}; assert 'sympy' not in sys.modules"], check=True)
