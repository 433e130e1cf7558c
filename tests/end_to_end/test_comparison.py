"""docs/comparison.md: it is what its script writes, and what it says of others is so."""

from __future__ import annotations

import importlib.util
import re
from decimal import Decimal

import numpy as np
import pytest
from conftest import ROOT
from helpers import (
    apply,
    axis,
    closed,
    dense,
    derivation,
    index_form,
    interpreted,
    of_layer,
    random_values,
    real,
    squares,
)
from markdown_flavours import github_markdown_problems
from sympy import Integer, Rational, Symbol
from web import chromium_fixture, mathjax_fixture  # noqa: F401

from derive import derive
from derive.arrays import matrix as mx
from derive.calculus.index import SAMPLES, total
from derive.command.main import main
from derive.document.view import View
from derive.learning.optimizers import LEARNING_RATE
from derive.statement.edition import DETAILS, PARTS
from derive.statement.statement import Statement
from derive.worked.example import work
from derive.worked.given import Numbers

PAGE = ROOT / "docs" / "comparison.md"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("comparison", ROOT / "docs" / "comparison.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text():
    return PAGE.read_text(encoding="utf-8")


def section(title):
    """The lines of a section of the page."""
    return text().split(f" {title}\n")[1].split("\n#")[0].splitlines()


def rows(title):
    """The cells of the tables of a section, heads left out."""
    lines = [line for line in section(title) if line.startswith("| ")]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines if "| ---" not in line][1:]


# The page.


def test_the_page_is_what_the_script_writes(script):
    assert script.page() == text(), "run: python docs/comparison.py"


def test_github_shows_it():
    assert github_markdown_problems(text()) == []


def test_mathjax_typesets_it_as_github_does(mathjax):
    from markdown_flavours import formulas_in_markdown

    assert mathjax(formulas_in_markdown(text(), "github"), github=True) == []


def test_its_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)\\]*)\)", text()):
        if target.startswith("#"):
            titles = re.findall(r"^#+ (.*)$", text(), re.MULTILINE)
            assert target[1:] in [re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles]
        elif not target.startswith("http"):
            assert (PAGE.parent / target).exists(), target


def words_of_help(capsys, *command):
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    return re.split(r"[^\w-]+", capsys.readouterr().out)


@pytest.mark.parametrize("title", ["What a reader is given", "What each has"])
def test_where_the_last_tables_find_things_in_ours(title, capsys):
    """Every name in their last columns is a part, a command, an option, a level of detail, or a file."""
    commands, options = words_of_help(capsys), words_of_help(capsys, "network")
    names = [n for *_, ours in rows(title) for n in re.findall("`([^`]*)`", ours)]
    assert len(names) > 20
    for name in names:
        if name.startswith("derive "):
            assert name.split()[1] in commands, name
        else:
            assert name.split()[0] in {*PARTS, *options, *DETAILS, "trainer.py", "ForwardPass"}, name


def test_gaps_in_our_text_are_stated():
    assert not [cells[0] for cells in rows("What each has") if "●" in cells[1:-1] and "●" not in cells[-1]]
    assert [cells[2] for cells in rows("What a reader is given") if "not yet" in cells[3]] == [
        "gates: a sum passes a gradient on, a product swaps the factors, a maximum selects",
    ]


# Nielsen: his equations, with his letters, on the values that the generated module computes.

WIDTHS = (3, 5, 4, 2)
LAST = len(WIDTHS) - 1
COSTS = {"half_sse": "quadratic", "half_mse": "quadratic", "binary_cross_entropy": "cross-entropy"}


def sigma(z):
    return 1 / (1 + np.exp(-z))


def sigma_prime(z):
    return sigma(z) * (1 - sigma(z))


def nabla(cost, a, y):
    """The derivative of the cost of one example with respect to the outputs (his equations 27 and 63)."""
    return a - y if cost == "quadratic" else (a - y) / (a * (1 - a))


def with_two_hidden_layers(loss, notation):
    generator = np.random.default_rng(3)
    data = {"X": generator.normal(size=(4, 3)).tolist(), "Y": generator.uniform(size=(4, 2)).tolist()}
    found = derivation(WIDTHS, "sigmoid", loss, notation=notation)
    return found, work(found, Numbers({**data, "seed": 5})).steps[0].values


def mean_of(loss, m):
    """What the sum over examples is multiplied with."""
    return 1 if loss == "half_sse" else 1 / m


def his_errors(values, cost, example):
    """The errors of each layer for one example, by BP1 and BP2; layers are counted from ours."""
    a, y = values[f"a{LAST}"][:, [example]], values["Y"][:, [example]]
    delta = {LAST: nabla(cost, a, y) * sigma_prime(values[f"z{LAST}"][:, [example]])}
    for layer in range(LAST - 1, 0, -1):
        w = values[f"W{layer + 1}"]
        delta[layer] = (w.T @ delta[layer + 1]) * sigma_prime(values[f"z{layer}"][:, [example]])
    return delta


def is_close(found, expected):
    assert found.shape == expected.shape
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("notation", ["psi", "bracket"])
@pytest.mark.sampled(3)
def test_nielsen_bp1_and_bp2(loss, notation):
    """Psi has his errors as its columns: in bracket notation as they are, in psi notation with the 1/m of the mean."""
    _, values = with_two_hidden_layers(loss, notation)
    m = values["X"].shape[1]
    scale = mean_of(loss, m) if notation == "psi" else 1
    for example in range(m):
        for layer, delta in his_errors(values, COSTS[loss], example).items():
            is_close(values[f"Psi_z{layer}"][:, [example]], scale * delta)


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("notation", ["psi", "bracket", "delta"])
@pytest.mark.sampled(4)
def test_nielsen_bp3_and_bp4(loss, notation):
    """The gradients are the sums over the examples of a mini-batch of what his equations give for each."""
    _, values = with_two_hidden_layers(loss, notation)
    m = values["X"].shape[1]
    errors = [his_errors(values, COSTS[loss], example) for example in range(m)]
    for layer in range(1, LAST + 1):
        a = values[f"a{layer - 1}" if layer > 1 else "X"]
        nabla_b = sum(delta[layer] for delta in errors)
        nabla_w = sum(delta[layer] @ a[:, [x]].T for x, delta in enumerate(errors))
        is_close(values[f"dE_db{layer}"], mean_of(loss, m) * nabla_b)
        is_close(values[f"dE_dW{layer}"], mean_of(loss, m) * nabla_w)


def test_nielsen_update_of_a_mini_batch():
    _, values = with_two_hidden_layers("half_mse", "psi")
    m, eta = values["X"].shape[1], values[LEARNING_RATE.name]
    errors = [his_errors(values, "quadratic", x) for x in range(m)]
    for layer in range(1, LAST + 1):
        a = values[f"a{layer - 1}" if layer > 1 else "X"]
        step = sum(delta[layer] @ a[:, [x]].T for x, delta in enumerate(errors))
        is_close(values[f"W{layer}_next"], values[f"W{layer}"] - eta / m * step)


def test_the_two_gradients_of_his_cost_are_of_our_losses():
    """His C for one example and ours differ by nothing."""
    for loss, cost in COSTS.items():
        _, values = with_two_hidden_layers(loss, "psi")
        a, y = values[f"a{LAST}"], values["Y"]
        c = (y - a) ** 2 / 2 if cost == "quadratic" else -(y * np.log(a) + (1 - y) * np.log(1 - a))
        is_close(values["E"], np.array([[mean_of(loss, y.shape[1]) * np.sum(c)]]))


# Nielsen: the statements of the program are his equations, node by node.


def form_of(program, name):
    return next(s.form for s in program.statements if s.target.name == name)


def array(program, name):
    return mx.Array(program.tensors[name])


def prime(program):
    """The derivative of the activation as the statements use it."""
    [function] = {d.function for d in program.definitions if d.function.title == "sigmoid_prime"}
    return function


@pytest.mark.parametrize("loss", ["half_sse", "half_mse"])
def test_the_recursion_is_bp2(loss):
    program = derivation(WIDTHS, "sigmoid", loss).program
    for layer in range(1, LAST):
        error, weights = array(program, f"Psi_z{layer + 1}"), array(program, f"W{layer + 1}")
        slope = mx.Map(prime(program), (array(program, f"z{layer}"),))
        expected = mx.Hadamard((mx.Product(mx.Transpose(weights), error), slope))
        assert form_of(program, f"Psi_z{layer}") == expected


def test_the_first_error_is_bp1_with_the_gradient_of_the_quadratic_cost():
    program = derivation(WIDTHS, "sigmoid", "half_sse").program
    a, y = array(program, f"a{LAST}"), array(program, "Y")
    difference = mx.Plus((a, mx.Scale(Integer(-1), y)))
    slope = mx.Map(prime(program), (array(program, f"z{LAST}"),))
    assert form_of(program, f"Psi_z{LAST}") == mx.Hadamard((difference, slope))


def test_the_gradients_are_bp3_and_bp4():
    program = derivation(WIDTHS, "sigmoid", "half_mse").program
    for layer in range(1, LAST + 1):
        error, before = array(program, f"Psi_z{layer}"), array(program, f"a{layer - 1}" if layer > 1 else "X")
        assert form_of(program, f"dE_db{layer}") == mx.SumOver(error, 1)
        assert form_of(program, f"dE_dW{layer}") == mx.Product(error, mx.Transpose(before))


def test_the_mean_stands_where_the_page_says():
    m = SAMPLES
    assert form_of(derivation(WIDTHS, "sigmoid", "half_mse").program, f"Psi_z{LAST}").factor == 1 / m
    bracket = derivation(WIDTHS, "sigmoid", "half_mse", notation="bracket").program
    assert form_of(bracket, f"dE_dW{LAST}").factor == 1 / m
    assert isinstance(form_of(bracket, f"Psi_z{LAST}"), mx.Hadamard)


def test_the_numbers_and_lines_beside_his_equations(script):
    """BP1 to BP4 in the order of our numbers; the line of code is the one with that number in its comment."""
    source = script.derivation().numpy().splitlines()
    found = rows("Nielsen's four equations, found in ours")[:4]
    assert [cells[0] for cells in found] == ["BP1", "BP2", "BP3", "BP4"]
    for cells in found:
        first = re.findall(r"\(\d+\)", cells[3])[0]
        assert any(line.strip().startswith(cells[4].strip("`")) and line.endswith(f"# {first}") for line in source)
    numbers = {s.target.name: f"({s.number})" for s in script.derivation().program.statements}
    expected = [("Psi_z2",), ("Psi_z1",), ("dE_db1", "dE_db2"), ("dE_dW2", "dE_dW1")]
    assert [cells[3] for cells in found] == [", ".join(numbers[n] for n in names) for names in expected]


def test_the_mean_of_his_cost_need_not_be_assumed():
    """Nor that it depends on the outputs alone: here it is the product over two samples, and reads a weight."""
    given, x_axis, y_axis = Statement(), axis(3), axis(2)
    x, y = given.input("X", x_axis), given.target("Y", y_axis)
    w = of_layer(given, 1, "W", y_axis, x_axis)
    z = dense(given, "z", w, x, role="preactivation", layer=1)
    a = apply(given, "a", "tanh", z, role="prediction", layer=1)
    rows_, columns = given.supply.several(w.axes)
    penalty = Rational(1, 10) * total(w[rows_, columns] ** 2, rows_, columns)
    assert derive(closed(given, squares(given, y, a) ** 2 + penalty)).check().passed


# d2l: its network without biases, any loss, and the penalty.


def penalised():
    given, ins, hidden, outs = Statement(), axis(3), axis(4), axis(2)
    x, y = given.input("X", ins), given.target("Y", outs)
    w1, w2 = of_layer(given, 1, "W1", hidden, ins), of_layer(given, 2, "W2", outs, hidden)
    z = dense(given, "z", w1, x, role="preactivation", layer=1)
    h = apply(given, "h", "tanh", z, role="activation", layer=1)
    o = dense(given, "o", w2, h, role="prediction", layer=2)
    penalties = []
    for w in (w1, w2):
        indices = given.supply.several(w.axes)
        penalties.append(total(w[indices] ** 2, *indices))
    return closed(given, squares(given, y, o, Rational(1, 2)) + Rational(3, 10) / 2 * sum(penalties))


def test_d2l_with_its_penalty():
    forward = penalised()
    assert derive(forward).check().passed
    program = index_form(forward)
    sizes = {"m": 1}
    start = random_values((*program.inputs, *program.parameters), sizes)
    values = {name: real(v) for name, v in interpreted(program, start, sizes).items() if np.ndim(v)}
    dj_do = values["o"] - values["Y"]
    dj_dh = values["W2"].T @ dj_do
    dj_dz = dj_dh * (1 - np.tanh(values["z"]) ** 2)
    is_close(values["dE_dW2"], dj_do @ values["h"].T + 0.3 * values["W2"])
    is_close(values["dE_dW1"], dj_dz @ values["X"].T + 0.3 * values["W1"])


def test_d2l_by_the_option():
    """With `--l2`, the gradients have his terms too."""
    found = derivation((3, 4, 2), "tanh,identity", "half_sse", bias="none", l2=0.3)
    values = work(found, Numbers({"X": [[0.5, -1, 2]], "Y": [[1, -0.5]], "seed": 5})).steps[0].values
    dj_do = values["a2"] - values["Y"]
    dj_dz = (values["W2"].T @ dj_do) * (1 - np.tanh(values["z1"]) ** 2)
    is_close(values["dE_dW2"], dj_do @ values["a1"].T + 0.3 * values["W2"])
    is_close(values["dE_dW1"], dj_dz @ values["X"].T + 0.3 * values["W1"])


# Parr and Howard, and CS231n: their formulas on the values that the generated module computes.


def test_the_neuron_of_parr_and_howard():
    """Their sums run over the samples for which the unit is not 0."""
    found = derivation((3, 1), "relu", "mse")
    data = np.random.default_rng(2).normal(size=(6, 4))
    given = {"X": data[:, :3].tolist(), "Y": data[:, 3:].tolist(), "seed": 1, "learning_rate": 0.1}
    values = work(found, Numbers(given)).steps[0].values
    x, y, w, b = values["X"].T, values["Y"][0], values["W1"][0], values["b1"][0]
    z = x @ w + b
    on = z > 0
    assert 0 < on.sum() < len(on)
    e = (z - y)[on]
    is_close(values["E"], np.array([[np.mean((y - np.maximum(0, z)) ** 2)]]))
    is_close(values["dE_dW1"][0], 2 / len(y) * e @ x[on])
    is_close(values["dE_db1"].ravel(), np.array([2 / len(y) * e.sum()]))
    is_close(values["Psi_z1"][0][on], 2 / len(y) * e)
    assert not values["Psi_z1"][0][~on].any()
    is_close(values["W1_next"][0], w - 0.1 * values["dE_dW1"][0])


def test_the_two_layers_of_cs231n():
    """The code of the case study, whose samples are rows."""
    found = derivation((2, 7, 3), "relu,softmax", "cross_entropy", l2=0.001)
    labels, generator = np.array([0, 2, 1, 1, 0]), np.random.default_rng(4)
    given = {"X": generator.normal(size=(5, 2)).tolist(), "Y": np.eye(3)[labels].tolist(), "seed": 1}
    values = work(found, Numbers(given)).steps[0].values
    X, W, W2, reg, num_examples = values["X"].T, values["W1"].T, values["W2"].T, 0.001, len(labels)
    hidden_layer = np.maximum(0, np.dot(X, W) + values["b1"].ravel())
    scores = np.dot(hidden_layer, W2) + values["b2"].ravel()
    probs = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    reg_loss = 0.5 * reg * np.sum(W * W) + 0.5 * reg * np.sum(W2 * W2)
    is_close(values["E"], np.array([[-np.log(probs[range(num_examples), labels]).mean() + reg_loss]]))
    dscores = probs.copy()
    dscores[range(num_examples), labels] -= 1
    dscores /= num_examples
    dhidden = np.dot(dscores, W2.T)
    dhidden[hidden_layer <= 0] = 0
    is_close(values["Psi_z2"], dscores.T)
    is_close(values["Psi_z1"], dhidden.T)
    is_close(values["dE_dW2"], (np.dot(hidden_layer.T, dscores) + reg * W2).T)
    is_close(values["dE_dW1"], (np.dot(X.T, dhidden) + reg * W).T)
    is_close(values["dE_db2"].ravel(), np.sum(dscores, axis=0))


def test_the_unit_of_cs231n_to_its_digits():
    cells = rows("CS231n's unit in numbers")
    assert len(cells) == 6
    for name, theirs, ours, _ in cells:
        theirs, ours = (Decimal(n.replace("−", "-")) for n in (theirs, ours))
        assert round(ours, 2) == theirs, name


# Mazur: his digits beside those that the document prints.


def test_mazur_to_his_digits():
    cells = rows("Mazur's numbers, to his digits")
    assert len(cells) == 23
    for name, his, ours, *_ in cells:
        places = min(-Decimal(n).as_tuple().exponent for n in (his, ours))
        assert round(Decimal(his), places) == round(Decimal(ours), places), name
        assert places >= 4


def test_mazur_slopes_on_the_way_to_the_hidden_layer(script):
    values = script.example().steps[0].values
    paths = values["W2"][:, 0] * values["Psi_z2"][:, 0]
    assert [f"{v:.9f}" for v in (*paths, sum(paths))] == ["0.055399425", "-0.019049118", "0.036350306"]
    lines = " ".join(section("Mazur's numbers, to his digits"))
    assert "0.055399425, −0.019049119 (he multiplies rounded numbers; the last digit is 8) and their sum 0" in lines


def test_mazur_three_numbers():
    """What stands in the last column is his; the columns in between are not."""
    first, one, two, last = rows("Three numbers that gradient descent does not give")
    for cells in (first, one, two):
        assert cells[1] == cells[3] != cells[2]
    assert last[2].endswith("and 0.0000351085 before the last of them") and last[1] == "0.0000351085" != last[3]


def test_mazur_with_a_pocket_calculator():
    """The two sentences that need nothing of ours."""
    w = [0.149780716, 0.19956143, 0.24975114, 0.29950229, 0.35891648, 0.408666186, 0.511301270, 0.561370121]
    h1, h2 = (sigma(w[n] * 0.05 + w[n + 1] * 0.10 + 0.35) for n in (0, 2))
    o1, o2 = (sigma(w[n] * h1 + w[n + 1] * h2 + 0.60) for n in (4, 6))
    said = " ".join(section("Three numbers that gradient descent does not give"))
    assert f"the error is {((0.01 - o1) ** 2 + (0.99 - o2) ** 2) / 2:.9f}, not 0.291027924" in said
    ends = ((0.01 - 0.015912196) ** 2 + (0.99 - 0.984065734) ** 2) / 2
    assert f"it is {ends:.10f}, not 0.0000351085" in said


# The source texts: what is quoted of them is in ours.


def test_the_bracket_text_is_ours(script):
    found = script.batch("Psi_z2", "bracket", loss="binary_cross_entropy")
    assert found == "$`dz^{[2]} = A^{[2]} - Y`$"


def test_the_equations_of_the_bracket_text_are_ours_but_for_its_slips():
    """Its sum over samples is a call of NumPy."""
    pairs = [[re.sub(r"\\,|\s", "", cell) for cell in cells] for cells in rows("The bracket text")]
    differ = [theirs for theirs, ours in pairs if theirs != ours]
    assert [d for d in differ if "np.sum" not in d] == ["$`z^{[2]}=W^{[2]}X+b^{[2]}`$"]


def test_the_psi_rows_are_of_the_augmented_network(script):
    view = script.view("xbar")
    assert isinstance(view, View)
    assert [t.name for t in view.single.parameters] == ["W1", "W2"]
    assert not any(isinstance(s, Symbol) and s.name == "b1" for s in view.single.extents)
