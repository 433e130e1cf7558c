"""The notebook: a valid file, formulas that render, code that runs and trains the network, and the exercise."""

from __future__ import annotations

import base64
import builtins
import bz2
import functools
import json
import sys
from io import StringIO
from typing import Any

import markdown_flavours as md
import nbformat
import numpy as np
import pytest
import web
from helpers import derivation
from networks import NETWORKS
from web import chromium_fixture, mathjax_fixture  # noqa: F401

from derive.api import Derivation, derive
from derive.formats.notebook import notebook
from derive.statement.edition import Edition
from derive.statement.statement import Statement

CASES: dict[str, tuple[Any, ...]] = {
    "three layers": ((3, 4, 4, 1),),
    "softmax": ((3, 4, 2), "tanh,softmax", "cross_entropy"),
    "named": ("n,h,k", "relu,sigmoid", "binary_cross_entropy"),
    "one weight": ((1, 1), "identity", "sse", "none"),
    "relu": ((5, 1), "relu", "mse"),
    "bracket": ((2, 6, 3), "softplus", "half_sse", "separate", "bracket"),
    "deep": ((3, 4, 4, 4, 4, 4, 4, 2), "relu", "sse"),
    "delta": ((3, 2), "sigmoid", "half_sse", "none", "delta"),
    "augmented": ((4, 3, 3), "tanh,softmax", "cross_entropy", "augmented"),
    "many inputs": ((64, 32, 10), "tanh,softmax", "cross_entropy"),
    "hostile names": ("network,rate,found", "tanh", "mse"),
}
LEARNING: dict[str, dict[str, Any]] = {
    "adam": {"optimizer": "adam", "clip": 1.0, "schedule": "cosine(steps=100)", "l2": 0.01},
    "nesterov": {"optimizer": "nesterov"},
    "adagrad": {"optimizer": "adagrad"},
}
PARAMETERS = ("W1", "b1", "W2", "b2", "W3", "b3")
KINDS = ("worked", "exercise", "solution")
#: The cells of code that no equation has, in order.
RUN = "unpack functions example step compare quotient check data learn curve predict".split()


def network(name: str) -> Derivation:
    return (
        derivation((3, 4, 2), "tanh,softmax", "cross_entropy", **LEARNING[name])
        if name in LEARNING
        else derivation(*CASES[name])
    )


@functools.cache
def text(name: str, kind: str = "worked") -> str:
    return notebook(network(name).document(), network(name), kind)


def cells(notebook: str) -> dict[str, str]:
    return {cell["id"]: "".join(cell["source"]) for cell in json.loads(notebook)["cells"]}


def code(notebook: str) -> dict[str, str]:
    kinds = {cell["id"]: cell["cell_type"] for cell in json.loads(notebook)["cells"]}
    return {name: source for name, source in cells(notebook).items() if kinds[name] == "code"}


def markdown(notebook: str) -> dict[str, str]:
    return {name: source for name, source in cells(notebook).items() if name not in code(notebook)}


# ------------------------------------------------------------ the file


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(12)
def test_the_file_is_what_nbformat_writes(name, kind, recwarn):
    read = nbformat.reads(text(name, kind), as_version=4)
    nbformat.validate(read)
    assert nbformat.writes(read) == text(name, kind).removesuffix("\n")
    assert text(name, kind).endswith("}\n") and (read.nbformat, read.nbformat_minor) == (4, 5)
    assert not [str(w.message) for w in recwarn if "cell id" in str(w.message)]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(4)
def test_cells_have_names_and_no_outputs(name):
    listed = json.loads(text(name))["cells"]
    assert len({cell["id"] for cell in listed}) == len(listed)
    parts = [part.name for part in network(name).document().parts]
    assert [c["id"] for c in listed if c["id"] in ("title", *parts)] == ["title", *parts]
    code = [c for c in listed if c["cell_type"] == "code"]
    assert [c["id"] for c in code if c["id"].startswith("run-")] == [f"run-{n}" for n in RUN]
    assert all(c["outputs"] == [] and c["execution_count"] is None for c in code)
    assert json.loads(text(name))["metadata"]["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(4)
def test_formulas(name, tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(text(name), encoding="utf-8")
    found = md.formulas_in_notebook(path)
    assert [f"{said}: {tex}" for tex, display in found if (said := web.katex_error(tex, display))] == []
    for source in markdown(text(name)).values():
        assert md.markdown_problems(source, "jupyter") == []


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(4)
def test_formulas_in_mathjax(mathjax, name):
    found = [f for s in markdown(text(name)).values() for f in md.formulas_in_markdown(s, "jupyter")]
    assert mathjax(dict.fromkeys(found)) == []


@pytest.mark.parametrize("name", ["three layers", "named"])
def test_links_lead_to_an_equation_of_the_notebook(name):
    whole = "\n".join(markdown(text(name)).values())
    targets = [piece.partition(")")[0] for piece in whole.split("](#")[1:]]
    assert len(targets) > 5
    assert all(whole.count(f'<a id="{target}"></a>') == 1 for target in targets)


def test_a_part_that_is_called_like_a_cell_of_code():
    only = network("softmax").document(only="check")
    assert [*cells(notebook(only, network("softmax")))][:4] == ["title", "check", "about-unpack", "run-unpack"]


# ------------------------------------------------------------ the equations


def equations(notebook: str) -> dict[int, str]:
    """The cells of code of the equations, by number."""
    return {int(name.rpartition("-")[2]): c for name, c in code(notebook).items() if name.startswith("equation-")}


def numbers(made: Derivation) -> list[int]:
    """The numbers of the equations."""
    return [*dict.fromkeys(s.number for s in made.program.statements)]


def verdicts(run: Run) -> dict[str, set[str]]:
    """What the checks of each equation say."""
    found: dict[int, set[str]] = {}
    for (number, _), what in run.names["check"].verdicts.items():
        found.setdefault(number, set()).add(what)
    return found


@pytest.mark.parametrize("name", [*CASES, *LEARNING])
@pytest.mark.sampled(5)
def test_each_equation_is_followed_by_the_lines_of_the_module(name):
    module = " ".join(network(name).numpy("core").split())
    found = equations(text(name))
    assert [*found] == numbers(network(name))
    names = [*cells(text(name))]
    for number, source in found.items():
        lines = [line for line in source.partition("\nprint(")[0].splitlines() if line.endswith(f"# ({number})")]
        assert len(lines) == sum(s.number == number for s in network(name).program.statements)
        assert all(" ".join(line.split()) in module for line in lines)
        before = cells(text(name))[names[names.index(f"equation-{number}") - 1]]
        if before.startswith("The gradients by the names"):
            continue
        assert before.rstrip("$\n").endswith((f"({number})", "\\end{aligned}")), before


@pytest.mark.parametrize("only", ["chain", "loop", "matrices", ("loop", "numbers")])
def test_equations_that_are_not_in_the_document_follow_it(only):
    made = network("three layers").document(only=only, numbers=1)
    assert [*equations(notebook(made, network("three layers")))] == [*equations(text("three layers"))]
    written = markdown(notebook(made, network("three layers")))
    assert ("equations" in written) == (only != "all")


class Run:
    """Runs the code cells in order in this process, with answers in place of blanks, those of a cell in order."""

    def __init__(self, notebook: str, monkeypatch: pytest.MonkeyPatch, **answers: str | list[str]) -> None:
        monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
        self.output = StringIO()
        self.names: dict[str, Any] = {"print": functools.partial(builtins.print, file=self.output)}
        self.cells = code(notebook)
        for cell, source in self.cells.items():
            number = cell.rpartition("-")[2]
            given = answers.get(f"n{number}", []) if cell == f"equation-{number}" else []
            for answer in [given] if isinstance(given, str) else given:
                source = source.replace(" = ...  #", f" = {answer}  #", 1)
            self.run(cell, source)

    def run(self, cell: str, source: str) -> None:
        exec(compile(source, cell, "exec"), self.names)

    @property
    def lines(self) -> list[str]:
        return self.output.getvalue().splitlines()

    def line(self, start: str) -> str:
        (line,) = [line for line in self.lines if line.startswith(start)]
        return line.removeprefix(start).strip()


@pytest.mark.parametrize("name", [*CASES, *LEARNING])
@pytest.mark.sampled(5)
def test_it_runs_and_learns(name, monkeypatch):
    run = Run(text(name), monkeypatch)
    assert float(run.line("loss after training:")) < 0.7 * float(run.line("loss before training:"))
    assert np.ptp(run.names["Y_all"], axis=0).max() > 1e-3, "there is something to find"
    if "softmax" in str(CASES.get(name)):
        assert int(run.line("accuracy:").removesuffix("%")) > 70
    derived, measured = float(run.line("gradient   ")), float(run.line("difference / (2 h)"))
    assert measured == pytest.approx(derived, rel=1e-4)


def test_shapes_are_printed(monkeypatch):
    lines = Run(text("three layers"), monkeypatch).lines
    assert {"Z1: (4, 7)", "Psi2: (4, 7)", "dE_dW1: (4, 3)", "W1: (4, 3)"} <= {*lines}
    assert any(line.startswith("E = 0.") for line in lines)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(6)
def test_the_learning_rate_is_the_best_and_not_the_largest(name, monkeypatch):
    names = Run(text(name), monkeypatch).names
    rates, errors = names["rates"], names["typical"]
    assert rates[0] < names["rate"] < rates[-1]
    assert errors.min() == errors[[*rates].index(names["rate"])]


def test_a_rate_with_no_larger_one_beside_it_is_not_chosen(monkeypatch):
    source = text("relu").replace("np.arange(-6, 4.5, 0.5)", "np.arange(-6, -3, 0.5)")
    names = Run(source, monkeypatch).names
    assert names["typical"].argmin() == 5 and names["rate"] == names["rates"][4]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(12)
def test_networks_that_are_stated_by_hand(name, monkeypatch):
    stated = derive(NETWORKS[name]())
    worked = notebook(stated.document("brief"), stated)
    nbformat.validate(nbformat.reads(worked, as_version=4))
    with np.errstate(all="ignore"):
        assert Run(worked, monkeypatch).line("loss after training:")
        solved = Run(notebook(stated.document("brief"), stated, "solution"), monkeypatch)
    assert [*equations(worked)] == numbers(stated)
    assert verdicts(solved) == {number: {"right"} for number in equations(worked)}


def of_many_data() -> Statement:
    """Three axes, data without samples, a number for each sample, numbers of places, two targets."""
    s = Statement()
    x, A, weight, word = s.input("x", 3, 4), s.input("A", 3, samples=False), s.input("w"), s.input("word", values=5)
    y, label = s.target("y", 2), s.target("label", values=2)
    W, C, (i, j, p) = s.parameter("W", 2, 3, 4), s.parameter("C", 5, 2), s.indices("i j p", 2, 3, 4)
    o = s.define("o", i, s.sum(W[i, j, p] * x[j, p] * A[j], j, p) + C[word, i])
    s.error(weight**2 * s.sum((y[i] - o[i]) ** 2, i) + (o[label] - 1) ** 2)
    return s


def of_inputs_alone() -> Statement:
    """An autoencoder, which has no target."""
    s = Statement()
    x, W, (i, j) = s.input("x", 4), s.parameter("W", 2, 4), s.indices("i j", 2, 4)
    h = s.define("h", i, s.sum(W[i, j] * x[j], j))
    o = s.define("o", j, s.sum(W[i, j] * h[i], i))
    s.error(s.sum((x[j] - o[j]) ** 2, j))
    return s


@pytest.mark.parametrize("stated", [of_many_data, of_inputs_alone])
def test_any_data(stated, monkeypatch):
    made = derive(stated())
    with np.errstate(all="ignore"):
        run = Run(made.notebook(), monkeypatch)
        solved = Run(notebook(made.document("brief"), made, "solution"), monkeypatch)
    assert float(run.line("loss after training:")) < float(run.line("loss before training:"))
    assert {*solved.names["check"].verdicts.values()} == {"right"}


# ------------------------------------------------------------ the exercise


@pytest.mark.parametrize("name", [*CASES, *LEARNING])
@pytest.mark.sampled(5)
def test_an_exercise_runs_to_its_end_and_says_what_is_open(name, monkeypatch):
    run = Run(text(name, "exercise"), monkeypatch)
    assert verdicts(run) == {number: {"open"} for number in equations(text(name))}
    found, count = run.names["check"].verdicts, len(network(name).program.statements)
    assert f"0 of {count} answers are right." in run.lines and len(found) == count
    assert run.line("Open:") == ", ".join(f"({number}) {what}" for number, what in sorted(found))
    assert float(run.line("loss after training:")) < float(run.line("loss before training:"))


@pytest.mark.parametrize("name", [*CASES, *LEARNING])
@pytest.mark.sampled(5)
def test_the_solution_passes_each_check(name, monkeypatch):
    run = Run(text(name, "solution"), monkeypatch)
    assert {*run.names["check"].verdicts.values()} == {"right"}
    assert not [line for line in run.lines if line.startswith(("Open", "Wrong"))]


@pytest.mark.parametrize("name", [*CASES, *LEARNING])
@pytest.mark.sampled(5)
def test_an_exercise_does_not_show_its_answers(name):
    blanks = equations(text(name, "exercise"))
    whole = " ".join(" ".join(cells(text(name, "exercise")).values()).split())
    for number, source in equations(text(name, "solution")).items():
        assert blanks[number].endswith(f" = ...  # ({number})")
        left, given = source, blanks[number].splitlines()
        for line in given:
            left = left.replace(f"{line}\n", "", 1)
        for line in left.split(f"  # ({number})"):
            answer = " ".join(line.partition("= ")[2].split())
            assert answer not in whole or len(answer) < 3


#: Answers as a student writes them, for the network of three layers.
BY_HAND = {
    "n2": "W1 @ X + b1",
    "n3": "1 / (1 + np.exp(-Z1))",
    "n4": "W2 @ A1 + b2",
    "n5": "sigmoid(Z2)",
    "n6": "W3 @ A2 + b3",
    "n7": "sigmoid(Z3)",
    "n8": "((Y_hat - Y) ** 2).mean()",
    "n10": "2 * (Y_hat - Y) * Y_hat * (1 - Y_hat) / m",
    "n11": "A2 * (1 - A2) * (W3.T @ Psi3)",
    "n12": "A1 * (1 - A1) * (W2.T @ Psi2)",
    "n13": "Psi1 @ X.T",
    "n14": "Psi1.sum(axis=1)[:, None]",
    "n15": "Psi2.dot(A1.T)",
    "n16": "Psi2 @ np.ones((m, 1))",
    "n17": "(A2 @ Psi3.T).T",
    "n18": "np.sum(Psi3)",
    "n19": [f'parameters["{p}"] - 0.1 * slopes["{p}"]' for p in PARAMETERS],
}


def test_right_answers_in_other_words_pass(monkeypatch):
    run = Run(text("three layers", "exercise"), monkeypatch, **BY_HAND)
    assert "22 of 22 answers are right." in run.lines
    assert "(11) Psi2 is right, of shape (4, 7)." in run.lines and "(8) E is right." in run.lines


@pytest.mark.parametrize(
    ("number", "answer", "says"),
    [
        (11, "Psi3.T @ W3", "Psi2 has the shape (7, 4) where (4, 7) is needed: check the order of the factors"),
        (11, "-(W3.T @ Psi3) * sigmoid_prime(Z2)", "Psi2 is -1 times what it should be: check the sign"),
        (10, "(Y_hat - Y) * sigmoid_prime(Z3) / m", "Psi3 is 0.5 times what it should be"),
        (11, "W3.T @ Psi3", "Psi2 has the right shape, but 28 of its 28 values are wrong"),
        (8, "np.nan", "E is NaN or infinite in 1 of its 1 values: check for a division by 0"),
        (3, "np.where(Z1 > 0, sigmoid(Z1), np.inf)", "A1 is NaN or infinite in"),
        (3, "sigmoid(Z1) + 0j", "A1 is complex, and must be real: check powers and roots of negative numbers"),
        (2, "lambda: 1", "Z1 is no array of real numbers, but function"),
        (2, "'W1 @ X'", "Z1 is no array of real numbers, but str"),
        (2, "None", "Z1 is None: the right side has no value"),
        (2, "[[1], [2, 3]]", "Z1 is no array of real numbers, but list"),
        (14, "np.sum(Psi1, axis=1)", "dE_db1 has the shape (4,) where (4, 1) is needed"),
        (19, 'parameters["W1"] + learning_rate * slopes["W1"]', "W1 has the right shape, but 12 of its 12 values"),
    ],
)
@pytest.mark.sampled(2)
def test_a_wrong_answer_is_named(number, answer, says, monkeypatch):
    others = BY_HAND[f"n{number}"][1:] if number == 19 else []
    run = Run(text("three layers", "exercise"), monkeypatch, **{**BY_HAND, f"n{number}": [answer, *others]})
    said = next(line for line in run.lines if line.startswith(f"({number}) "))
    assert says in said and said.endswith(".")
    assert f"Wrong: ({number}) {says.split()[0]}" in run.lines and "21 of 22 answers are right." in run.lines


def test_a_cell_may_be_run_again(monkeypatch):
    run = Run(text("adam", "solution"), monkeypatch)
    for cell, source in [*run.cells.items()][::-1]:
        if cell.startswith("equation-") and "check.before" in source:
            run.run(cell, source)
            run.run(f"check-{cell}", run.cells[f"check-{cell}"])
    assert {*run.names["check"].verdicts.values()} == {"right"}


def test_what_the_command_writes():
    made = derivation((2, 1)).files(Edition("ipynb,md", "brief", flavour="exercise"))
    assert {"exercise.ipynb", "solution.ipynb", "derivation.md"} <= {*made} and "derivation.ipynb" not in made
    assert "```{math}" in str(made["derivation.md"]), "the flavour of Markdown is the default"
    assert derivation((2, 1)).notebook("brief", exercise=True) == notebook(
        derivation((2, 1)).document("brief"), derivation((2, 1)), "exercise"
    )


# ------------------------------------------------------------ the code


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(5)
def test_the_code_is_short(name):
    for kind in KINDS:
        for source in code(text(name, kind)).values():
            lines = [line for line in source.splitlines() if not line.startswith("packed = ")]
            assert max(map(len, lines)) <= 104, source


def test_the_curve_in_text(monkeypatch):
    bars = [line for line in Run(text("softmax"), monkeypatch).lines if line.startswith("epoch ")]
    assert len(bars) == 10
    assert bars[0].count("#") == 50 > bars[-1].count("#")


def test_the_same_data_and_the_same_result_every_time(monkeypatch):
    assert Run(text("softmax"), monkeypatch).lines == Run(text("softmax"), monkeypatch).lines


def test_a_wrong_gradient_stops_it(monkeypatch):
    source = network("softmax").numpy()
    wrong = source.replace("dE_dW1 = Psi1 @ X.T", "dE_dW1 = 2 * Psi1 @ X.T")
    assert wrong != source
    old, new = (base64.b64encode(bz2.compress(s.encode())).decode() for s in (source, wrong))
    with pytest.raises(AssertionError, match="a cell computes another value"):
        Run(text("softmax").replace(old, new), monkeypatch)
    with pytest.raises(AssertionError, match="a gradient is wrong"):
        Run(text("softmax", "solution").replace(old, new), monkeypatch)


def test_a_large_network_is_not_checked_entry_by_entry():
    large = derivation((300, 200, 10))
    written = notebook(large.document("brief"), large)
    assert "entries=0)" in written and "for seed in range(1)]" in written and "epochs=50)" in written
    assert "entries=None)" in text("three layers")


@pytest.mark.parametrize(("name", "kind"), [*((name, "worked") for name in CASES), ("three layers", "exercise")])
@pytest.mark.sampled(6)
def test_a_kernel_runs_it(name, kind, tmp_path):
    path = tmp_path / "a notebook.ipynb"
    path.write_text(text(name, kind), encoding="utf-8")
    done = web.execute_notebook(path)
    outputs = {cell.id: cell.outputs for cell in done.cells if cell.cell_type == "code"}
    assert ["image/png" in o.data for o in outputs["run-curve"] if o.output_type == "display_data"] == [True]
    said = "".join(o.text for listed in outputs.values() for o in listed if o.output_type == "stream")
    assert "complex step" in said and "loss after training" in said
    assert not [o for listed in outputs.values() for o in listed if o.get("name") == "stderr" and "Warning" in o.text]
    assert path.read_text(encoding="utf-8") == text(name, kind), "the file is left as it is"
