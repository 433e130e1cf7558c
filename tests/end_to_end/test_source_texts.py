"""The three texts that the project answers: each by one command of the README, its equations in the output."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from latex_reader import unfolded

from derive.command.main import main

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
COMMANDS = {match[2]: match[1] for match in re.finditer(r"`derive (network [^`]*--name (\w+))` \|", README)}

#: What is green in the first row of the pattern, and red in the second.
SHARED = r"\frac{\partial E}{\partial \hat{y}}\frac{\partial \hat{y}}{\partial {}^{(3)}z}"
EQUATIONS = {
    "deep_psi": [
        r"{}^{(3)}\Psi &= 2(\hat{y} - y)f'({}^{(3)}z)",
        r"{}^{(1)}\Psi_{i} &= f'({}^{(1)}z_{i})\sum_{k=1}^{4}{}^{(2)}w_{ki}{}^{(2)}\Psi_{k}",
        r"{}^{(1)}\Psi_{i} &= {}^{(1)}a_{i}(1 - {}^{(1)}a_{i})\sum_{k=1}^{4}{}^{(2)}w_{ki}{}^{(2)}\Psi_{k}",
        r"{}^{(1)}z_{i} &= \sum_{j=0}^{3}{}^{(1)}w_{ij}{}^{(0)}\bar{x}_{j}",
        r"f'(x) &= -\frac{1}{(1 + e^{-x})^{2}}e^{-x}(-1)",
        r"&= \frac{e^{-x}}{(1 + e^{-x})^{2}}",
        r"&= f(x)(1 - f(x))",
        r"E &= (y - \hat{y})^{2}",
    ],
    "deep_xbar": [
        r"{}^{(0)}\bar{x}^{i} &= \begin{cases} 1 & i = 0 \\ x_{i} & i \ge 1 \end{cases}",
        r"{}^{(1)}z_{i} &= \sum_{j=0}^{3}{}^{(1)}w^{j}_{i}{}^{(0)}\bar{x}^{j}",
        r"{}^{(1)}\bar{X} &= \begin{bmatrix} \mathbf{1}^{\mathsf{T}} \\ {}^{(1)}A \end{bmatrix}",
        r"{}^{(2)}Z &= {}^{(2)}\bar{W}{}^{(1)}\bar{X}",
        r"{}^{(1)}\Psi_{i} &= f'({}^{(1)}z_{i})\sum_{k=1}^{4}{}^{(2)}w^{i}_{k}{}^{(2)}\Psi_{k}",
        r"\frac{\partial E}{\partial {}^{(2)}w^{j}_{i}} &= {}^{(2)}\Psi_{i}{}^{(1)}\bar{x}^{j}",
        r"\textcolor{derivegreen}{\Bigl[" + SHARED + r"\Bigr]}",
        r"\textcolor{derivered}{\Bigl(" + SHARED + r"\Bigr)}",
        r"\theta &\leftarrow \theta - \eta\frac{\partial E}{\partial \theta}",
        r"{}^{(2)}\bar{W} \leftarrow {}^{(2)}\bar{W} - \eta\partial E/\partial {}^{(2)}\bar{W}",
    ],
    "bracket_batch": [
        r"z^{[1]} &= W^{[1]}X + b^{[1]}",
        r"A^{[1]} &= g^{[1]}(z^{[1]})",
        r"dz^{[2]} &= A^{[2]} - Y",
        r"dW^{[2]} &= \frac{1}{m}dz^{[2]}A^{[1]T}",
        r"db^{[2]} &= \frac{1}{m}\sum_{\mu=1}^{m}dz^{[2](\mu)}",
        r"dz^{[1]} &= W^{[2]T}dz^{[2]} * g'^{[1]}(z^{[1]})",
        r"dW^{[1]} &= \frac{1}{m}dz^{[1]}X^{T}",
    ],
    "delta_one_unit": [
        r"E &= \frac{1}{2}\sum_{\mu=1}^{m}(y^{\mu} - \hat{y}^{\mu})^{2}",
        r"h &= \sum_{i=1}^{3}w_{i}x_{i}",
        r"\delta &= (y - \hat{y})f'(h)",
        r"\frac{\partial E}{\partial w_{i}} &= -(y - \hat{y})x_{i}f'(h)",
        r"\Delta w_{i} &= -\eta\frac{\partial E}{\partial w_{i}} = \eta\delta x_{i}",
        r"w_{i} &\leftarrow w_{i} + \eta\delta x_{i}",
    ],
    "delta_units": [
        r"\delta_{j} &= (y_{j} - \hat{y}_{j})f'(h_{j})",
        r"\Delta w_{ij} &= -\eta\frac{\partial E}{\partial w_{ij}} = \eta\delta_{j}x_{i}",
    ],
}


def plain(latex: str) -> str:
    """LaTeX without its spacing."""
    return re.sub(r"\\,|\s+", "", latex)


def test_the_readme_has_a_command_for_each():
    assert sorted(COMMANDS) == sorted(EQUATIONS)


@pytest.mark.parametrize("name", EQUATIONS)
def test_the_equations_of_the_text_are_in_the_output(name, tmp_path, capsys):
    assert main([*shlex.split(COMMANDS[name]), "--output", str(tmp_path)]) == 0
    assert "gradients right" in capsys.readouterr().out
    rows = plain(unfolded((tmp_path / name / "derivation.tex").read_text()))
    for equation in EQUATIONS[name]:
        assert plain(equation) in rows, equation


def test_the_tour_is_what_the_command_prints(tmp_path, capsys, monkeypatch):
    """But for the differences, whose last digits depend on the machine."""
    monkeypatch.chdir(tmp_path)
    assert main(["network", "--layers", "3,4,4,1"]) == 0
    shown = README.split("$ derive network --layers 3,4,4,1\n")[1].split("```")[0]
    number = r"\d\.\de-\d\d"
    assert re.sub(number, "", shown).strip() == re.sub(number, "", capsys.readouterr().out).strip()


def test_the_module_reads_as_the_readme_says(tmp_path, capsys):
    assert main(["network", "--layers", "3,4,4,1", "--output", str(tmp_path)]) == 0
    source = (tmp_path / "network_3_4_4_1" / "network.py").read_text()
    lines = README.split("each line with its number in the derivation:\n\n```python\n")[1].split("```")[0]
    assert all(line in source for line in lines.splitlines())
