"""Formulas in place of an activation or a loss, and names that are given to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy

from derive import Network, SpecError, derive
from derive.calculus.functions import X, kinks
from derive.command.main import main
from derive.statement.language.write import equations_text
from derive.statement.own import Own, own

SWISH = {"swish": {"formula": "x*sigmoid(beta*x)", "parameter": {"beta": 1}}}
CUBIC = "mean(abs(yhat[k] - y[k])**3, k)"


def text(network: Network) -> str:
    """The text of a network's equations, without its options."""
    return equations_text(network.forward_pass(), network).partition("\n\n")[2]


def function(network: Network) -> Any:
    """The only function that is not of the catalogue."""
    found = {f for e in network.forward_pass().equations for f in e.expression.atoms(sympy.Function)}
    return next(type(f) for f in found if getattr(f, "title", "") == "f")


def test_a_formula_stands_where_a_name_may_stand() -> None:
    network = Network((3, 4, 2), activation="x * sigmoid(1.702*x)")
    assert network.activation == ("x * sigmoid(1.702*x)",) * 2
    assert network.name == "network_3_4_2"
    assert "function f(x) = x / (1 + exp(-851 * x / 500))" in text(network)
    assert Network.from_dict({"layers": [3, 4, 2], "activation": list(network.activation)}) == network
    listed = Network((3, 4, 4, 2), activation="tanh, where(x > 0, x, 0.1*x), softmax", loss="cross_entropy")
    assert listed.activation == ("tanh", "where(x > 0, x, 0.1*x)", "softmax")
    assert "a2[i] = f(z2[i])" in text(listed)
    assert "function f1(x) = x**2\nfunction f2(x) = sin(x)" in text(Network((3, 4, 2), activation="z**2, sin(x)"))


@pytest.mark.parametrize(
    ("given", "is_own"),
    [
        ("tanh", False),
        ("x", False),
        ("elu(alpha=1.4)", False),
        ("leaky-relu", False),
        ("tanh(x)", True),
        ("x-1", True),
        ("elu(alpha=x, )", False),
        ("f(" + "x=" * 9000, True),
    ],
)
def test_what_is_a_formula(given: str, is_own: bool) -> None:
    assert (own("activation", given, ()) is not None) == is_own


def test_a_formula_is_derived_as_an_entry_of_the_catalogue_is() -> None:
    derivation = derive(Network((3, 4, 2), activation="x*sigmoid(1.702*x)", loss=CUBIC))
    derivation.check().require()
    assert "np.where(x >= 0, x, e * x) / (1 + e)" in derivation.numpy("core")  # the stable form
    assert derivation.description == (
        "A 3-4-2 network with x*sigmoid(1.702*x) activations and biases. "
        f"The loss is {CUBIC}, averaged over the samples."
    )
    assert "f(x) = \\frac{x}{1 + e^{-1.702\\, x}}" in derivation.markdown()
    assert kinks(function(Network((3, 2), activation="max(x, 0)"))) == [(0, 0)]
    assert kinks(function(Network((3, 2), activation="min(max(x, -1), 1)"))) == [(-1, 0), (1, 0)]


def test_a_formula_reads_the_function_of_the_catalogue_without_the_options_of_a_layer() -> None:
    network = Network((3, 4, 4, 2), activation="elu(alpha=3), tanh, 2*elu(x) + tanh(x)")
    assert "function f(x) = tanh(x) + 2 * where(x > 0, x, exp(x) - 1)\n" in text(network)
    assert "a1[i] = elu(z1[i], alpha=3)" in text(network)


def test_dense_layers_with_formulas_have_biases_of_any_kind() -> None:
    network = Network((3, 4, 2), activation="swish", activations=SWISH, loss=CUBIC, notation="xbar")
    assert network.bias == "augmented"
    derivation = derive(network)
    derivation.check().require()
    assert [*derivation.forward.tensors][:5] == ["X", "y", "W1", "beta1", "W2"]
    assert "| 2 | 2 |" in derivation.markdown()


@pytest.mark.parametrize(
    ("formula", "is_read_as"),
    [
        ("where(x > 0 and x < 1, x, 2)", "where(x >= 1, 2, where(x > 0, x, 2))"),
        ("where(x > 1 or x < -1, 2*x, sin(x))", "where(x < -1, 2 * x, where(x > 1, 2 * x, sin(x)))"),
        ("where(-1 < x < 1, x, sign(x))", "where(x <= -1, sign(x), where(x < 1, x, sign(x)))"),
        ("max(x, x/10, sin(x))", None),
    ],
)
def test_cases_of_a_formula(formula: str, is_read_as: str | None) -> None:
    network = Network((2, 1), activation=formula)
    derive(network).check().require()
    definition = function(network).definition
    assert is_read_as is None or f"function f(x) = {is_read_as}\n" in text(network)
    for point in (-4.0, -1.5, -0.5, 0.25, 1.5, 4.0):
        names = {"where": np.where, "sin": np.sin, "sign": np.sign, "max": max, "x": point}
        plain = formula.replace("-1 < x < 1", "(-1 < x) * (x < 1)").replace("x > 0 and x < 1", "(0 < x) * (x < 1)")
        assert float(definition.xreplace({X: sympy.Float(point)})) == pytest.approx(float(eval(plain, names)))


def test_the_loss_of_a_formula_is_averaged_over_the_samples() -> None:
    module = {}  # type: dict[str, Any]
    exec(derive(Network((2, 3), activation="identity", loss=CUBIC)).numpy("core"), module)
    inputs, targets = np.arange(8.0).reshape(2, 4), np.ones((3, 4))
    parameters = {"W1": np.array([[1.0, 0], [0, 1], [1, 1]]), "b1": np.zeros((3, 1))}
    outputs = parameters["W1"] @ inputs
    error = module["error"](parameters, inputs, targets, {"Y_hat": outputs})
    assert error == pytest.approx(np.mean(np.abs(outputs - targets) ** 3))


def test_names_and_learned_parameters_are_given_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("net.toml")
    file.write_text(
        'layers = [3, 4, 2]\nactivation = "swish"\nloss = "weighted"\n\n'
        '[activations.swish]\nformula = "x*sigmoid(beta*x)"\nparameter = {beta = 1}\n\n'
        '[losses]\nweighted = {formula = "exp(-s)*mean((y[k] - yhat[k])**2, k) + s", parameter = {s = 0.5}}\n'
    )
    network = Network.from_toml(file)
    assert network.activations == (Own("swish", "x*sigmoid(beta*x)", (("beta", 1),)),)
    assert text(network).split("\n\n") == [
        "input X[3]\ntarget y[2]\nparameter W1[4, 3], b1[4], beta1 = 1, W2[2, 4], b2[2], beta2 = 1, s = 0.5",
        "function swish(x, beta) = x / (1 + exp(-beta * x))",
        "z1[i] = sum(W1[i, j] * X[j], j) + b1[i]\na1[i] = swish(z1[i], beta1)\n"
        "z2[i] = sum(W2[i, j] * a1[j], j) + b2[i]\nyhat[i] = swish(z2[i], beta2)\n"
        "E = mean((y[i] - yhat[i])**2, i) * exp(-s) + s\n",
    ]
    file.write_text(network.to_toml())
    assert Network.from_toml(file) == network
    assert main(["network", "--spec", "net.toml", "--layers", "3,2", "--show-equations"]) == 0
    assert "yhat[i] = swish(z1[i], beta)" in capsys.readouterr().out


def test_a_name_may_have_a_spelling_in_latex() -> None:
    named = {"own": {"formula": "x*tanh(x)", "latex": r"\Upsilon"}}
    network = Network((2, 1), activation="own", activations=named)
    assert r"f(x) &= \Upsilon(x) = x\, \tanh(x)" in derive(network).latex(only="forward")
    assert "latex = '\\Upsilon'\n" in network.to_toml()
    for wrong in ("a}{b", "\\", "$x$", "{a", 3, "a%"):
        with pytest.raises(SpecError, match="where a name in LaTeX is expected"):
            Network((2, 1), activations={"h": {"formula": "x", "latex": wrong}})


def test_layers_of_the_catalogue_take_formulas() -> None:
    network = Network("3, residual(4, x*tanh(x)), dense(2, leaky_relu(slope=0.5))")
    assert "function f(x) = x * tanh(x)\n" in text(network)
    assert "a2[i] = leaky_relu(z2[i], slope=0.5)" in text(network)


def test_layers_of_the_catalogue_learn_the_parameters_of_a_formula() -> None:
    network = Network("3, residual(4, swish), 2", activation="swish", activations=SWISH)
    written = text(network)
    assert "= swish(z1[i], beta1)\n" in written
    assert "= swish(z2[i], beta2)\n" in written
    derivation = derive(network)
    assert [p.name for p in derivation.program.parameters if not p.axes] == ["beta1", "beta2"]
    derivation.check().require()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"activation": "foo"}, "unknown activation 'foo': there are identity"),
        ({"activation": "foo"}, "or a formula in x"),
        ({"loss": "foo"}, "or a formula of y and yhat"),
        ({"activation": "x*sigmod(x)"}, "'x*sigmod(x)', column 3: there is no function sigmod: did you mean sigmoid?"),
        ({"activation": "2*(x + 1))"}, "activation '2*(x + 1))', column 10: the bracket ) closes none"),
        ({"activation": "x*y"}, "column 3: y has no meaning in this formula, which reads x"),
        ({"activation": "x # y"}, "column 3: the character # has no place in a formula"),
        ({"activation": "sqrt(x)"}, "has no value at x = -2"),
        ({"loss": "mean((yhat[k] - 1)**2, k)"}, "does not read y"),
        ({"loss": "mean((yhat[k] - y)**2, k)"}, "column 17: y has axes: read its entries"),
        ({"loss": "(yhat[k] - y[k])**2"}, "column 7: k is an index neither on the left nor of a reduction"),
        ({"activation": "x**2", "loss": "cross_entropy"}, "and x**2 is not known to be: end with softmax"),
        ({"activations": 3}, "activations is an integer, 3, where a table of formulas"),
        ({"activations": {"W": "x"}}, "activations: W has a meaning already"),
        ({"activations": {"f": "x"}}, "activations: f has a meaning already"),
        ({"activations": {"tanh": "x*x"}, "activation": "tanh"}, "activation tanh: tanh is in the catalogue already"),
        ({"activations": {"half": {"formulae": "x"}}}, "activations.half: unknown key 'formulae': did you mean"),
        ({"activations": {"half": {}}}, "activations.half has no formula: write formula"),
        ({"activations": {"half": {"formula": "x/2", "parameter": {"c": 1}}}}, "does not read its parameter c"),
        ({"activations": {"g": {"formula": "c*x", "parameter": {"c": "1"}}}}, "the parameter c starts at '1'"),
        ({"activations": {"one": "1 + 1"}, "activation": "one"}, "activation 'one' does not read x"),
    ],
)
def test_what_is_wrong_with_a_formula_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as caught:
        Network((3, 2), **options)
    assert said in str(caught.value)
