"""The update is printed once, for a parameter array, where the equations of the parameters are one formula."""

from __future__ import annotations

import pytest
from helpers import closed, define, dense, derivation, squares
from networks import INPUTS, NETWORKS, OUTPUTS, begun

from derive import Derivation, derive
from derive.document.blocks import Algorithm
from derive.document.updates import Updates
from derive.document.view import View
from derive.learning.optimizers import OPTIMIZERS
from derive.paper.notation import NOTATIONS
from derive.paper.text import text


def shown(made: Derivation) -> list[str]:
    """The printed update equations, with their numbers."""
    items = Updates(View(made)).display.items
    return [f"{text(i.left)} {' '.join(map(text, i.right))} ({i.number})" for i in items]


def named(*names: str) -> Derivation:
    """A network of one layer with one more parameter for each name, which is added to the outputs."""
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)
    learned = [s.parameter(name, OUTPUTS) for name in names]
    out = define(s, "o", z.axes, lambda i, u: z[i, u] + sum(p[i,] for p in learned))
    return derive(closed(s, squares(s, y, out)))


def test_adam_has_three_equations_for_all_parameters():
    *_, mean, square, step = shown(derivation((3, 4, 4, 1), optimizer="adam"))
    assert mean == "U_θ β_1 U_θ + (1 − β_1) ∂E/∂θ (22)"
    assert square.startswith("V_θ") and "⊙²" in square and square.endswith("(23)")
    assert step.startswith("θ θ") and "⊘" in step and step.endswith("(24)")


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.sampled(6)
def test_each_number_is_printed_once(optimizer, notation):
    made = derivation((3, 4, 2), optimizer=optimizer, notation=notation, clip=1)
    printed = [item.number for item in Updates(View(made)).display.items]
    assert printed == sorted({s.number for s in made.program.stage("update")})


def test_the_letter_is_no_name_of_the_user():
    assert shown(named("b"))[0].startswith("θ θ")
    assert shown(named("theta"))[0].startswith("Θ Θ")
    assert shown(named("theta", "Theta3"))[0].startswith("ω ω")
    assert shown(derivation("theta,3"))[0].startswith("Θ Θ")
    every = ("theta", "Theta", "omega", "phi", "chi", "xi", "zeta")
    items = Updates(View(named(*every))).display.items
    assert [item.again for item in items] == [False, *[True] * len(every)]


def test_what_the_letter_stands_for():
    def lead(made: Derivation) -> str:
        return " ".join(made.latex("brief", only="loop").split()).split("learning rate $\\eta$")[1].split("\n")[0]

    assert "for each parameter array $\\theta$ (each weight matrix and bias vector):" in lead(derivation((3, 4, 1)))
    assert "(each weight matrix):" in lead(derivation((3, 4, 1), bias="none"))
    assert "(the weight matrix and the bias vector):" in lead(derivation((3, 1)))
    assert "for each parameter $\\theta$ ($U$, $t$, $c$ and $W$):" in lead(derive(NETWORKS["scalar_parameters"]()))
    assert "theta" not in lead(derive(NETWORKS["symmetric_weight"]())), "a single parameter"


def test_the_table_of_symbols_has_one_row_for_what_all_parameters_keep():
    made = derivation((3, 4, 4, 1), optimizer="adam")
    (table,) = [b for b in made.document(only="notation").parts[0].blocks if hasattr(b, "rows")]
    rows = [text(row[0].spans[0]) for row in table.rows if not isinstance(row[0].spans[0], str)]
    assert [row for row in rows if "θ" in row] == ["θ", "U_θ", "V_θ"]


def test_the_algorithm_has_a_loop_over_the_parameters_of_an_optimizer_with_a_state():
    def steps(**learning: str) -> list[str]:
        blocks = derivation((3, 4, 1), **learning).document(only="loop").parts[0].blocks
        lines = next(b for b in blocks if isinstance(b, Algorithm)).steps
        return ["".join(s if isinstance(s, str) else text(s) for s in line.text.spans) for line in lines]

    assert "W⁽²⁾ ← W⁽²⁾ − η ∂E/∂W⁽²⁾" in steps()
    found = steps(optimizer="momentum")
    assert found[-3:] == [
        "for each parameter array θ (code for W⁽¹⁾):",
        "V_θ ← β V_θ − η ∂E/∂θ",
        "θ ← θ + V_θ",
    ]


def test_a_click_on_the_letter_shows_no_single_parameter():
    page = derivation((3, 4, 1)).html(only="loop")
    equation = page[page.index('id="eq-14"') :].partition("</div>")[0]
    assert "data-s=" not in equation
