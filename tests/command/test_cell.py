"""The cell magic: a derivation below the equations, and messages in the place of tracebacks."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell

from derive.api import Derivation

CELL = "input x[3]\ntarget y\nparameter w[3]\no = tanh(sum(w[i] * x[i], i))\nE = (y - o)**2\n"


@pytest.fixture(scope="module")
def shell() -> InteractiveShell:
    shell = InteractiveShell()
    shell.run_line_magic("load_ext", "derive")
    return shell


def shown(shell: InteractiveShell, line: str, cell: str, monkeypatch, capsys) -> str:
    displayed = []
    monkeypatch.setattr("IPython.display.display", lambda text: displayed.append(text.data))
    shell.run_cell_magic("derive", line, cell)
    return capsys.readouterr().out + "".join(displayed)


def test_a_cell_is_derived_and_kept(shell, monkeypatch, capsys):
    text = shown(shell, "mine --optimizer adam --detail brief", CELL, monkeypatch, capsys)
    assert "gradients right" in text and "\\Psi" in text and "$" in text
    assert isinstance(shell.user_ns["mine"], Derivation)
    assert shell.user_ns["mine"].specification.optimizer == "adam"


@pytest.mark.parametrize(
    ("line", "cell", "message"),
    [
        ("", CELL.replace("w[i]", "v[i]"), "line 4, column 14: v is not stated"),
        ("--optimizer sdg", CELL, "did you mean sgd"),
        ("--detail lots", CELL, "the detail is lots, where one of"),
        ("a b", CELL, "unrecognized arguments: b"),
        ("'", CELL, "no closing quotation"),
        ("1a", CELL, "1a is no name of a variable"),
    ],
)
def test_errors_are_told_in_a_sentence(shell, line, cell, message, monkeypatch, capsys):
    said = shown(shell, line, cell, monkeypatch, capsys)
    assert message in said and said.count("write %%derive") <= 1
