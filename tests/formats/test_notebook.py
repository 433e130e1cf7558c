"""The notebook: a valid file, formulas that render, and code that runs and trains the network."""

from __future__ import annotations

import ast
import builtins
import functools
import json
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import markdown_flavours as md
import nbformat
import numpy as np
import pytest
import web
from helpers import derivation, load
from networks import NETWORKS
from web import chromium_fixture, mathjax_fixture  # noqa: F401

from derive.api import Derivation, derive
from derive.formats.notebook import notebook

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
#: Those that a kernel runs; it needs some seconds to start.
EXECUTED = list(CASES)


def network(name: str) -> Derivation:
    return derivation(*CASES[name])


@functools.cache
def text(name: str) -> str:
    return notebook(network(name).document(), network(name))


def sources(name: str, kind: str) -> dict[str, str]:
    cells = json.loads(text(name))["cells"]
    return {cell["id"]: "".join(cell["source"]) for cell in cells if cell["cell_type"] == kind}


# ------------------------------------------------------------ the file


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(4)
def test_the_file_is_what_nbformat_writes(name, recwarn):
    read = nbformat.reads(text(name), as_version=4)
    nbformat.validate(read)
    assert nbformat.writes(read) == text(name).removesuffix("\n")
    assert text(name).endswith("}\n") and (read.nbformat, read.nbformat_minor) == (4, 5)
    assert not [str(w.message) for w in recwarn if "cell id" in str(w.message)]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(4)
def test_cells_have_names_and_no_outputs(name):
    cells = json.loads(text(name))["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    parts = [part.name for part in network(name).document().parts]
    assert [c["id"] for c in cells][: len(parts) + 1] == ["title", *parts]
    code = [c for c in cells if c["cell_type"] == "code"]
    assert [c["id"] for c in code] == [f"run-{n}" for n in ("setup", "check", "data", "learn", "curve", "predict")]
    assert all(c["outputs"] == [] and c["execution_count"] is None for c in code)
    assert json.loads(text(name))["metadata"]["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(4)
def test_formulas(name, tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(text(name), encoding="utf-8")
    found = md.formulas_in_notebook(path)
    assert [f"{said}: {tex}" for tex, display in found if (said := web.katex_error(tex, display))] == []
    for source in sources(name, "markdown").values():
        assert md.markdown_problems(source, "jupyter") == []


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(4)
def test_formulas_in_mathjax(mathjax, name):
    found = [f for s in sources(name, "markdown").values() for f in md.formulas_in_markdown(s, "jupyter")]
    assert mathjax(dict.fromkeys(found)) == []


@pytest.mark.parametrize("name", ["three layers", "named"])
def test_links_lead_to_an_equation_of_the_notebook(name):
    whole = "\n".join(sources(name, "markdown").values())
    targets = [piece.partition(")")[0] for piece in whole.split("](#")[1:]]
    assert len(targets) > 5
    assert all(whole.count(f'<a id="{target}"></a>') == 1 for target in targets)


def test_a_part_that_is_called_like_a_cell_of_code():
    only = network("softmax").document(only="check")
    cells = json.loads(notebook(only, network("softmax")))["cells"]
    assert [c["id"] for c in cells][:4] == ["title", "check", "about-setup", "run-setup"]


@pytest.mark.parametrize("name", ["attention", "residual", "tied"])
def test_networks_that_are_stated_by_hand(name):
    stated = derive(NETWORKS[name]())
    nbformat.validate(nbformat.reads(notebook(stated.document("brief"), stated), as_version=4))


# ------------------------------------------------------------ the code


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(5)
def test_the_code_is_short_and_holds_no_gradient(name):
    for source in sources(name, "code").values():
        assert max(map(len, source.splitlines())) <= 100, source
        tree = ast.parse(source)
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not {"exp", "tanh", "log", "einsum", "dot", "gradients"} & used
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert not [n for n in names if n.startswith(("Psi", "dE", "delta", "dz", "W", "Z"))]


class Run:
    """Runs the code cells in order in this process."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.imports(load(network(name).numpy()), monkeypatch)
        monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
        self.output = StringIO()
        self.names: dict[str, Any] = {"print": functools.partial(builtins.print, file=self.output)}
        for cell, source in sources(name, "code").items():
            exec(compile(source, cell, "exec"), self.names)

    @staticmethod
    def imports(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """The module takes the place of the package that the notebook lies in."""
        monkeypatch.setitem(sys.modules, Path.cwd().name, module)
        monkeypatch.setattr(sys, "path", [*sys.path])

    @property
    def lines(self) -> list[str]:
        return self.output.getvalue().splitlines()

    def error(self, words: str) -> float:
        (line,) = [line for line in self.lines if line.startswith(f"error {words}: ")]
        return float(line.partition(": ")[2])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(5)
def test_it_learns(name, monkeypatch):
    run = Run(name, monkeypatch)
    assert run.error("after learning") < 0.7 * run.error("before learning")
    assert np.ptp(run.names["Y"], axis=0).max() > 1e-3, "there is something to find"
    if "softmax" in str(CASES[name]):
        (right,) = [line for line in run.lines if line.startswith("classes that are right: ")]
        assert int(right.split()[-1].removesuffix("%")) > 70


def test_the_curve_in_text(monkeypatch):
    run = Run("softmax", monkeypatch)
    bars = [line for line in run.lines if line.startswith("round ")]
    assert len(bars) == 10
    assert bars[0].count("#") == 50 > bars[-1].count("#")


def test_the_same_data_and_the_same_result_every_time(monkeypatch):
    assert Run("softmax", monkeypatch).lines == Run("softmax", monkeypatch).lines


def test_a_wrong_gradient_stops_it(monkeypatch):
    source = network("softmax").numpy()
    wrong = source.replace("dE_dW1 = Psi1 @ X.T", "dE_dW1 = 2 * Psi1 @ X.T")
    assert wrong != source
    names: dict[str, Any] = {"print": lambda *words: None}
    Run.imports(load(wrong), monkeypatch)
    cells = sources("softmax", "code")
    exec(cells["run-setup"], names)
    with pytest.raises(AssertionError, match="a gradient is wrong"):
        exec(cells["run-check"], names)


def test_a_large_network_is_not_checked_entry_by_entry():
    large = derivation((300, 200, 10))
    written = notebook(large.document("brief"), large)
    assert "entries=0)" in written and "for seed in (1,)}" in written and "epochs=50)" in written
    assert "entries=None)" in text("three layers")


@pytest.mark.parametrize("name", EXECUTED)
@pytest.mark.sampled(10)
def test_a_kernel_runs_it(name, tmp_path):
    for file, code in network(name).numpy_target.rendered.files.items():
        (tmp_path / file).write_text(code, encoding="utf-8")
    path = tmp_path / "derivation.ipynb"
    path.write_text(text(name), encoding="utf-8")
    done = web.execute_notebook(path)
    outputs = {cell.id: cell.outputs for cell in done.cells if cell.cell_type == "code"}
    assert ["image/png" in o.data for o in outputs["run-curve"] if o.output_type == "display_data"] == [True]
    said = "".join(o.text for listed in outputs.values() for o in listed if o.output_type == "stream")
    assert "complex step" in said and "error after learning" in said
    assert not [o for listed in outputs.values() for o in listed if o.get("name") == "stderr" and "Warning" in o.text]
    assert path.read_text(encoding="utf-8") == text(name), "the file is left as it is"


def test_the_requirements_are_stated():
    assert "`network.py`" in sources("softmax", "markdown")["about-setup"]
    assert "trainer = importlib.import_module(folder.name)" in sources("softmax", "code")["run-setup"]
