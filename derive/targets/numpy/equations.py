"""The context of the templates of the equations: every function of ``network.py`` as finished lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Expr

from derive.arrays import matrix as mx
from derive.arrays.lift import ArrayProgram
from derive.arrays.stability import Stability
from derive.calculus.promises import Promise
from derive.calculus.undefined import may_be_undefined
from derive.learning.initialisations import INITIALISATIONS, Initialisation
from derive.paper.notation import Notation
from derive.targets.fold import WIDTH, fold, folded
from derive.targets.numpy.code import python_number, quoted
from derive.targets.numpy.evaluator import NumPyEvaluator
from derive.targets.numpy.fast.module import steps_context
from derive.targets.numpy.function_bodies import STEP, Bodies, Lines, dict_code
from derive.targets.numpy.helper_functions import helpers
from derive.targets.numpy.initial_body import initial_lines, is_factor, shape_code
from derive.targets.numpy.statements import Statements, about, code_form
from derive.targets.numpy.update_body import UpdateBody
from derive.text.errors import SecondRenderingError


def statements_of(program: ArrayProgram, notation: Notation, promises: tuple[Promise, ...], targets: str) -> Statements:
    """Return the statements in the forms that NumPy computes."""
    return Statements(program, notation, Stability(program, NumPyEvaluator(), promises, signs=targets == "signs"))


def equations_context(
    program: ArrayProgram,
    notation: Notation,
    promises: tuple[Promise, ...] = (),
    targets: str = "real",
    initialisation: Initialisation = INITIALISATIONS["glorot_uniform"],
    second: bool = True,
) -> dict[str, Any]:
    """Return the context of the templates of the equations, as finished lines of Python.

    ``targets`` is one of ``losses.TARGETS``; ``initialisation`` is that of the weights. Each line
    that computes an equation ends with the number of the equation. Without ``second``, there is no
    second rendering of the steps. Raises SecondRenderingError if that cannot be made.
    """
    statements = statements_of(program, notation, promises, targets)
    bodies = Bodies(statements)
    x, y = map(statements.name, program.inputs)
    data = f"parameters: Parameters, {x}: Array, {y}: Array"
    states = tuple((quoted(t.name), quoted(t.about.name) if t.about else "") for t in program.states)
    widths = tuple(statements.codes.widths.values())
    named = f", *, {', '.join(f'{w}: int' for w in widths)}" if widths else ""
    return {
        "helpers": tuple(helpers(statements)),
        **bodies.functions(),
        "error_is_array": statements.error_is_array(),
        "updates": folded(tuple(UpdateBody(statements).lines()), STEP),
        "constants": tuple((statements.codes.tensors[n], python_number(v).text) for n, v in program.constants.items()),
        "states": states,
        "targets": targets,
        "prediction": statements.name(program.prediction),
        "error_name": statements.name(statements.error.target),
        "started": initial_lines(statements, initialisation),
        "beginning": {
            "kind": initialisation.kind,
            "words": initialisation.phrase,
            "factors": any(is_factor(statements.program, p) for p in statements.program.parameters),
            "over": int(initialisation.spread[0] * (3 if initialisation.kind == "uniform" else 1)),
        },
        "starts_signature": fold(f"def initial_parameters(seed: Seed = 0{named}) -> Parameters:"),
        "error_signature": fold(f"def error({data}, values: Parameters) -> Any:"),
        "gradients_signature": fold(f"def gradients({data}, values: Parameters) -> Parameters:"),
        "kinks_signature": fold(f"def kinks({data}, values: Parameters) -> list[Array]:"),
        "update_signature": fold(
            f"def update({data}, learning_rate: float{', state: Parameters' if states else ''}) -> float:"
        ),
        "widths": widths,
        "by_sample": _by_sample(program),
        "is_array": isinstance(code_form(statements.prediction), mx.Map | mx.Call),
        "x": x,
        "y": y,
        "inputs": statements.extent(program.inputs[0].axes[0].extent),
        "outputs": statements.extent(program.inputs[1].axes[0].extent),
        "network": _network(statements, targets),
        "steps": _steps(statements, bodies) if second else {"declined": "it could not be made"},
    }


def _steps(statements: Statements, bodies: Bodies) -> dict[str, Any]:
    """The context of the second rendering of the steps."""
    functions, computed = statements.functions, statements.in_steps
    try:
        return steps_context(statements.program, statements.codes, functions, computed, bodies.width_lines)
    except Exception as problem:
        what = f"the second rendering of the steps cannot be made: {type(problem).__name__}: {problem}"
        raise SecondRenderingError(what) from problem


def _network(statements: Statements, targets: str) -> dict[str, str]:
    """The arguments of the runtime's ``Network``, as code."""
    program, names = statements.program, statements.codes.tensors

    def width(extent: Expr) -> str:
        more, named = extent.as_coeff_Add()  # the runtime reads "n + 1"
        return quoted(f"{statements.extent(named)}{f' + {more}' if more else ''}") if named else str(more)

    replaced = [s for s in program.stage("update") if s.target.role == "updated"]
    undefined = [s.number for s in program.statements if may_be_undefined(s.equation.expression)]
    found = {
        "parameters": dict_code((p.name, shape_code(p, width)) for p in program.parameters),
        "data": dict_code((names[t.name], width(t.axes[0].extent)) for t in program.inputs),
        "output": quoted(names[program.predicted]),
        "equations": dict_code((names[s.target.name], s.number) for s in program.stage("forward", "error", "factor")),
        "gradients": dict_code((about(s).name, s.number) for s in program.stage("gradient")),
        "updates": dict_code((about(s).name, s.number) for s in replaced),
    }
    found |= {"targets": quoted(targets)} if targets != "real" else {}
    found |= {"by_sample": "True"} if _by_sample(program) else {}
    return found | ({"undefined": f"frozenset({{{', '.join(map(str, undefined))}}})"} if undefined else {})


def _by_sample(program: ArrayProgram) -> bool:
    """Whether the first axis of the prediction is the samples."""
    axes = program.prediction.axes
    return len(axes) > 1 and axes[0].sample


def arguments(given: Mapping[str, str]) -> Lines:
    """Return the arguments of a call, each on lines of its own."""
    found: list[str] = []
    for name, value in given.items():
        *lines, last = fold(f"{name}={value}", STEP, WIDTH - 1)
        found += [line.removeprefix(STEP) for line in (*lines, f"{last},")]
    return tuple(found)
