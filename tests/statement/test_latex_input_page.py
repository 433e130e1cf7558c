"""docs/latex-input.md: its examples run, and the error that it quotes is reported."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT
from markdown_flavours import github_markdown_problems

from derive import Statement, StatementError, derive

PAGE = (ROOT / "docs" / "latex-input.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_github_shows_it():
    assert not github_markdown_problems(PAGE)


def test_the_examples_run():
    for example in blocks("latex"):
        derive(Statement.from_latex(example)).check().require()
    for block in blocks("python"):
        exec(block, {})


def test_the_quoted_error():
    text = r"z_i = \sum_j W_{ij} x_j, \quad E = \sum_i (y_i - z_i)^2"
    with pytest.raises(StatementError) as refused:
        Statement.from_latex(text)
    said, *lines = blocks("text")[0].rstrip("\n").split("\n")
    assert str(refused.value).split("\n")[: 1 + len(lines)] == [said, *lines]
    declarations = "\n".join(line.strip(" %") for line in lines)
    derive(Statement.from_latex(text, declarations)).check().require()


@pytest.mark.parametrize(
    ("latex", "names"),
    [
        (r"W \mathbf{W} \mathcal{L}", "W L"),
        (r"\hat y \bar x \tilde h h'", "y_hat x_bar h_tilde h_prime"),
        (r"\gamma \hat\mu", "gamma mu_hat"),
        (r"\gamma \hat\mu \varepsilon", "γ μ_hat epsilon"),
        (r"W^{[1]} V^{(1)} U^1 {}^{(1)}X", "W1 V_1 U1 X1"),
        (r"w_{\text{out}} W_{xh} V^{xh}", "w_out W_xh V_xh"),
    ],
)
def test_the_names(latex, names):
    parameters = ", ".join(names.split())
    statement = Statement.from_latex(rf"E = ({latex} z - y)^2", f"input z\ntarget y\nparameter {parameters}")
    assert len(statement.forward_pass().parameters) == len(names.split())
    assert {t.name for t in statement.forward_pass().parameters} == set(names.split())


def test_a_layer_before_indices():
    text = r"E = \sum_{ij} W_{1,ij} x_j"
    assert "parameter W1" in repr(Statement.from_latex(text, "input x[3]\nparameter W1[2, 3]"))
