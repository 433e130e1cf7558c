"""`derive equations`: a text becomes files; what is wrong in it is told with its place, and nothing is written."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from derive.command import main as command
from derive.command.main import main

TEXT = """\
size n = 3
input x[n]
target y
use units
a = unit(x, n, tanh)
E = (y - a)**2
"""
UNITS = "block unit(x, n, f)\n parameter w[n]\n z = sum(w[i] * x[i], i)\n a = f(z)\nend\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("unit.eq").write_text(TEXT)
    Path("units.eq").write_text(UNITS)
    Path("idle.eq").write_text("input x\ntarget y\nparameter w, c\nq = w * x\nE = (y - q)**2\n")
    return tmp_path


def test_a_text_becomes_files(folder, capsys):
    assert main(["equations", "unit.eq", "--optimizer", "momentum", "--format", "md"]) == 0
    assert "gradients right" in capsys.readouterr().out
    written = folder / "generated" / "unit"
    assert {"derivation.md", "network.py", "trainer.py", "equations.eq"} <= {p.name for p in written.iterdir()}
    assert main(["equations", "unit.eq", "--optimizer", "momentum", "--format", "md", "--check"]) == 0
    assert main(["equations", "unit.eq", "--format", "md", "--check"]) == 1
    assert main(["check", str(written)]) == 0
    assert "tensors agree with the equations" in capsys.readouterr().out


def test_the_standard_input_and_the_equations_shown(folder, capsys, monkeypatch):
    text = TEXT.replace("use units\n", UNITS)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert main(["equations", "-", "--name", "piped", "--show-equations"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("option name = piped\n") and "z = sum(w[i] * x[i], i)" in shown
    assert not (folder / "generated").exists()


def test_all_errors_are_told_and_nothing_is_written(folder, capsys):
    Path("wrong.eq").write_text(TEXT.replace("E = (y - a)**2", "E = (y - b)**2\ntaget t"))
    assert main(["equations", "wrong.eq"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines() == [
        "derive: wrong.eq, line 6, column 10: b is not stated: declare it, or state its equation, in a line before "
        "this one",
        "    E = (y - b)**2",
        "             ^",
        "wrong.eq, line 7, column 1: taget t is no line of a text: did you mean target?",
        "    taget t",
        "    ^",
    ]
    assert not (folder / "generated").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.eq"], "none.eq: there is no such file"),
        (["idle.eq"], "idle.eq: the error does not depend on the parameter c"),
        (["."], ".: cannot be read (is a directory)"),
        (["unit.eq", "--layers", "3,1"], "unrecognized arguments: --layers 3,1"),
        (["unit.eq", "--optimizer", "adm"], "unknown optimizer 'adm': did you mean adam"),
    ],
)
def test_what_cannot_be_read_is_refused(folder, capsys, arguments, message):
    try:
        code = main(["equations", *arguments])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    assert message in capsys.readouterr().err


def test_the_story_of_a_weight(folder, capsys):
    assert main(["explain", "--equations", "unit.eq", "--weight", "w[2]"]) == 0
    assert "one path leads to the loss" in capsys.readouterr().out
    assert main(["explain", "--equations", "unit.eq", "--loss", "mse", "--weight", "w[2]"]) == 2
    assert "--loss is a matter of layers: the equations say it" in capsys.readouterr().err


def test_the_cache_knows_the_files_that_are_used(folder, monkeypatch, capsys):
    monkeypatch.setenv("DERIVE_CACHE", str(folder / "cache"))
    runs: list[object] = []
    real = command._derived
    monkeypatch.setattr(command, "_derived", lambda options: (runs.append(options), real(options))[1])
    assert main(["equations", "unit.eq"]) == main(["equations", "unit.eq"]) == 0
    assert len(runs) == 1
    Path("units.eq").write_text(UNITS.replace("sum(w", "2 * sum(w"))
    assert main(["equations", "unit.eq", "--force"]) == 0
    assert len(runs) == 2


def test_a_layer_alone(folder, capsys):
    Path("norm.eq").write_text("input x[4]\nuse layer_norm\ny = layer_norm(x, 4)\n")
    assert main(["layer", "norm.eq", "--format", "md"]) == 0
    assert "gradients right" in capsys.readouterr().out
    assert "def backward(" in (folder / "generated" / "norm" / "layer.py").read_text()
    assert main(["layer", "norm.eq", "--show-equations"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("backward y")


def test_latex(folder, capsys):
    Path("notes.tex").write_text(
        "% input x[3]\n% target y\n% parameter w[3]\nThe unit is\n"
        "\\begin{align}\n a &= \\tanh\\Bigl(\\sum_j w_j x_j\\Bigr), \\\\ E &= (y - a)^2.\n\\end{align}\n"
    )
    assert main(["equations", "notes.tex", "--format", "tex"]) == 0
    assert "gradients right" in capsys.readouterr().out
    assert main(["equations", "notes.tex", "--show-equations"]) == 0
    assert "a = tanh(sum(w[j] * x[j], j))" in capsys.readouterr().out
    Path("notes.tex").write_text("\\[ E = (y - w x)^2 \\]")
    assert main(["equations", "notes.tex"]) == 2
    assert "notes.tex, line 1, column 9: y, w and x are not declared" in capsys.readouterr().err
