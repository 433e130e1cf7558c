"""What is stopped has its value, and the derivative 0: gradients are those of a pass in which it is given."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import load
from numpy.typing import NDArray

from derive import Statement, StatementError, derive
from derive.targets.verify import check_rendered

START = "input x[3]\ntarget y[2]\nparameter W[2, 3], c[2]\nz[i] = tanh(sum(W[i, j] * x[j], j))\n"
STOPPED = START + "E = sum((y[i] - c[i] * z[i] - stop_gradient(z[i] * c[i])**2)**2, i)\n"
GIVEN = START.replace("target", "input s[2]\ntarget") + "E = sum((y[i] - c[i] * z[i] - s[i]**2)**2, i)\n"


def values(module, **given: NDArray[np.float64]) -> tuple[dict[str, NDArray[np.float64]], ...]:
    draw = np.random.default_rng(1)
    parameters = {name: draw.normal(size=value.shape) for name, value in module.example()[0].items()}
    return parameters, draw.normal(size=(3, 7)), *given.values(), draw.normal(size=(2, 7))


def test_gradients_are_those_of_a_pass_in_which_it_is_given() -> None:
    derivation = derive(Statement(STOPPED))
    made, given = load(derivation.numpy()), load(derive(Statement(GIVEN)).numpy())
    parameters, x, y = values(made)
    z = np.tanh(parameters["W"] @ x)
    found, expected = made.gradients(parameters, x, y), given.gradients(parameters, x, z * parameters["c"], y)
    assert made.error(parameters, x, y) == pytest.approx(given.error(parameters, x, z * parameters["c"], y), rel=1e-14)
    for name, slope in expected.items():
        assert np.allclose(found[name], slope, rtol=1e-13, atol=0)
    assert all(worst <= 1e-6 for pair in made.check_gradients(parameters, x, y).values() for worst in pair)


def test_the_check_finds_a_derivative_that_is_not_stopped() -> None:
    derivation = derive(Statement(STOPPED.replace("stop_gradient", "")))
    rendered = derivation.numpy_target.rendered
    wrong = derive(Statement(STOPPED)).numpy_target.rendered
    context = {**wrong.context, "gradients": rendered.context["gradients"]}
    program, notation = derivation.program, derivation.notation
    mixed = type(wrong)(wrong.name, wrong.description, context, wrong.functions)
    assert not check_rendered(mixed, program, notation).right


@pytest.mark.parametrize(
    ("error", "written"),
    [
        ("sum(stop_gradient(z[i]) * z[i], i)", ["z_bar[i] = stop_gradient(z[i])", "E = sum(z[i] * z_bar[i], i)"]),
        ("z[1] * stop_gradient(z[2])", ["z_bar[i] = stop_gradient(z[i])", "E = z[1] * z_bar[2]"]),
        ("z[1] * stop_gradient(stop_gradient(z[2])**2)", ["E_bar = stop_gradient(z[2]**2)", "E = E_bar * z[1]"]),
        ("z[1] * stop_gradient(3)", ["E = 3 * z[1]"]),
    ],
)
def test_it_gets_an_equation_of_its_own_and_is_read_again(error: str, written: list[str]) -> None:
    text = derive(Statement(f"{START.replace(', c[2]', '')}E = {error}")).equations()
    for line in written:
        assert f"{line}\n" in text
    assert derive(Statement(text)).equations() == text


def test_a_block_takes_it_as_a_function() -> None:
    text = f"block g(x, f)\n  o[i] = f(x[i]) * x[i]\nend\n{START.replace(', c[2]', '')}o = g(z, stop_gradient)\n"
    assert (
        "z_bar[i] = stop_gradient(z[i])\no[i] = z[i] * z_bar[i]"
        in derive(Statement(f"{text}E = sum(o[i], i)")).equations()
    )


def test_latex_has_it_as_a_word() -> None:
    declared = "input x[3]\nparameter w[3]"
    s = Statement.from_latex(r"z_i = w_i x_i, \quad E = \sum_i z_i \operatorname{sg}(z_i)", declared)
    assert "z_bar[i] = stop_gradient(z[i])" in derive(s).equations()


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(StatementError, match="stop_gradient stands in equations, and not in the formula of a function"):
        Statement("function f(x) = stop_gradient(x)\ninput x\nparameter w\nE = f(w * x)")
    with pytest.raises(StatementError, match="the error does not depend on the parameter w"):
        derive(Statement("input x\nparameter w\nz = w * x\nE = stop_gradient(z)**2"))


def test_documents_explain_it() -> None:
    text = derive(Statement(STOPPED)).markdown()
    assert r"\mathrm{sg}(c_i\, z_i)" in text
    assert "is the value of its argument, taken for a constant: the derivative of" in text
    assert r"= 0 \quad \text{(taken for a constant)}" in text
