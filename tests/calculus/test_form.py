"""The form of equations up to names: equal for layers that are alike, and for nothing else."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from typing import Any

import pytest

from derive import Network, derive
from derive.arrays.stability import Stability
from derive.calculus.form import Form, form_of
from derive.calculus.index import Axis
from derive.calculus.program import Assign, Program
from derive.targets.numpy.evaluator import NumPyEvaluator


def _of(program: Program, name: str) -> Assign:
    return next(s for s in program.statements if s.target.name == name)


def _form(program: Program, name: str) -> Form:
    return form_of((_of(program, name).equation,), program.tensors)


def test_layers_that_are_alike_have_one_form() -> None:
    program = derive(Network(layers=(4,) * 13)).program
    for prefix in ("z", "a", "Psi_z", "dE_dW", "dE_db"):
        forms = {_form(program, f"{prefix}{layer}") for layer in range(2, 9)}
        assert len(forms) == 1, prefix


def test_the_order_of_the_names_is_part_of_the_form() -> None:
    """Between layers 9 and 10 the order of W9 and W10, and so that in which SymPy sorts, changes."""
    program = derive(Network(layers=(4,) * 13)).program
    psi = {layer: _form(program, f"Psi_z{layer}") for layer in (8, 9, 10)}
    assert psi[8] != psi[9]
    assert psi[8] == psi[10]


@pytest.mark.parametrize("change", [{"role": "input"}, {"axes": (Axis(5), Axis(4))}])
def test_the_tensors_are_part_of_the_form(change: dict[str, Any]) -> None:
    program = derive(Network(layers=(4, 4, 4))).program
    equation = _of(program, "z2").equation
    others = {**program.tensors, "W2": replace(program.tensors["W2"], **change)}
    assert form_of((equation,), program.tensors) != form_of((equation,), others)


def test_another_width_or_function_is_another_form() -> None:
    wide = derive(Network(layers=(4, 4, 5, 4), activation=("sigmoid", "sigmoid", "tanh"))).program
    assert _form(wide, "z1") != _form(wide, "z2")
    assert _form(wide, "a2") != _form(wide, "a3")


class _Nothing(set[Any]):
    def __contains__(self, item: object) -> bool:
        return False


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "gelu", "softplus"])
@pytest.mark.parametrize("loss", ["mse", "log_cosh"])
def test_what_is_computed_is_the_same_where_every_statement_is_looked_at(activation: str, loss: str) -> None:
    program = derive(Network(layers=(3, 4, 4, 4, 4, 2), activation=activation, loss=loss)).program
    known, alone = Stability(program, NumPyEvaluator()), Stability(program, NumPyEvaluator())
    nothing: Container[Any] = _Nothing()
    vars(alone)["_settled"] = nothing
    for statement in program.statements:
        if statement.stage != "update":
            assert known.computed(statement) == alone.computed(statement)
    assert len(known._settled) < len(program.statements)
