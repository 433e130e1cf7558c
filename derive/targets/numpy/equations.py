"""The context of the templates of the equations: every function of ``network.py`` as finished lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sympy import Indexed

from derive.arrays import matrix as mx
from derive.arrays.kept import with_kept_values
from derive.arrays.lift import ArrayProgram
from derive.arrays.stability import Stability
from derive.calculus.curvature import GAUSS_NEWTON, JACOBIAN
from derive.calculus.diagonal import DIAGONAL
from derive.calculus.division import BY_SAMPLES, division
from derive.calculus.forward import extent_symbols
from derive.calculus.index import SAMPLE_AXIS, SAMPLES, Tensor
from derive.calculus.per_sample import PER_SAMPLE
from derive.calculus.promises import Promise
from derive.calculus.roles import Role
from derive.calculus.undefined import may_be_undefined
from derive.learning.initialisations import INITIALISATIONS, Initialisation
from derive.paper.notation import Notation
from derive.targets.fold import WIDTH, fold, folded
from derive.targets.numpy.code import STEP, python_number, quoted
from derive.targets.numpy.data import Data, sample_axes, unknown_widths
from derive.targets.numpy.evaluator import NumPyEvaluator
from derive.targets.numpy.fast.module import steps_context
from derive.targets.numpy.function_bodies import Bodies, Lines, dict_code
from derive.targets.numpy.helper_functions import helpers
from derive.targets.numpy.initial_body import Beginning, shape_code
from derive.targets.numpy.library import NUMPY, Library
from derive.targets.numpy.statements import Statements, about, code_form
from derive.targets.numpy.update_body import UpdateBody
from derive.text.errors import SecondRenderingError
from derive.text.user_text import listed

#: What the files of products hold.
TITLES = {
    "hessian_product": "The product of the Hessian and a vector",
    "third_product": "The derivative of the product of the Hessian and a vector",
    GAUSS_NEWTON: "The product of the Gauss-Newton matrix and a vector",
    JACOBIAN: "Products with the Jacobian, forward and backward",
    PER_SAMPLE: "The gradients of single samples",
    DIAGONAL: "The diagonal of the Gauss-Newton matrix",
}
#: The docstrings of the functions of what is derived without a step.
ALONE = {
    "backward": (
        '"""Return the derivatives of an error with respect to parameters and inputs, by name.',
        "",
        "Those with respect to outputs are given. It is called after `forward` has filled",
        "`values`.",
        '"""',
    ),
    "hessian_product": (
        '"""Return the Hessian of the error times the given directions, by parameter.',
        "",
        "It is called after `forward` has filled `values`.",
        '"""',
    ),
    GAUSS_NEWTON: (
        '"""Return the Gauss-Newton matrix times directions, by parameter.',
        "",
        "Given are the derivatives of the outputs along them. It is called after `forward`",
        "has filled `values`.",
        '"""',
    ),
    JACOBIAN: (
        '"""Return the transposed Jacobian times given numbers, one for each output.',
        "",
        "It is called after `forward` has filled `values`.",
        '"""',
    ),
    PER_SAMPLE: (
        '"""Return the inner products of the gradients of single samples and directions.',
        "",
        "They are the derivatives with respect to the weights of the samples. It is called",
        "after `forward` has filled `values`.",
        '"""',
    ),
    DIAGONAL: (
        '"""Return the traces of the parts of the Gauss-Newton matrix of single samples.',
        "",
        "They are the derivatives with respect to the weights of the samples, of directions",
        "times the diagonal. It is called after `forward` has filled `values`.",
        '"""',
    ),
    "third_product": (
        '"""Return the derivative of the product of the Hessian and the first directions.',
        "",
        "It is that along the second directions, by parameter, and is called after `forward`",
        "has filled `values`.",
        '"""',
    ),
}


def statements_of(
    program: ArrayProgram,
    notation: Notation,
    promises: tuple[Promise, ...],
    targets: str,
    library: Library = NUMPY,
) -> Statements:
    """Return the statements in the forms that an array library computes, which are those of NumPy."""
    program = with_kept_values(program)
    stability = Stability(program, NumPyEvaluator(), promises, signs=targets == "signs")
    return Statements(program, notation, stability, library)


def equations_context(
    program: ArrayProgram,
    notation: Notation,
    promises: tuple[Promise, ...] = (),
    targets: str = "real",
    initialisation: Initialisation = INITIALISATIONS["glorot_uniform"],
    second: bool = True,
    function: str = "backward",
) -> dict[str, Any]:
    """Return the context of the templates of the equations, as finished lines of Python.

    ``targets`` is one of ``loss.TARGETS``; ``initialisation`` is that of the weights. Each line
    that computes an equation ends with the number of the equation. Without ``second``, there is no
    second rendering of the steps. Raises SecondRenderingError if that cannot be made.
    """
    statements = statements_of(program, notation, promises, targets)
    bodies = Bodies(statements)
    data = Data(program, statements.codes, promises, targets)
    given = f"parameters: Parameters, {data.arguments(program.inputs)}"
    passed = f"parameters, {data.names(program.inputs)}"
    beginning = Beginning(statements, initialisation)
    states = first_states(statements, beginning)
    unknown = unknown_widths(program)
    widths = tuple(name for symbol, name in statements.codes.widths.items() if symbol not in unknown)
    named = f", *, {', '.join(f'{w}: int' for w in widths)}" if widths else ""
    return {
        "helpers": tuple(helpers(statements)),
        **bodies.functions(),
        "error_is_array": statements.error_is_array(),
        "updates": folded(tuple(UpdateBody(statements).lines()), STEP),
        "constants": tuple((statements.codes.tensors[n], python_number(v).text) for n, v in program.constants.items()),
        "states": states,
        "stopped": bool(program.stopped),
        "targets": data.kind,
        "prediction": statements.name(program.prediction),
        "error_name": statements.name(statements.error.target),
        "beginning": beginning,
        "random_widths": _random_widths(statements, bodies, data),
        "state_lines": folded(bodies.width_lines(beginning.widths), STEP),
        "averages": listed(program.averages) if program.averages else "",
        "average_names": f"[{', '.join(quoted(t.name) for t in program.averages.values())}]",
        "predict_signature": fold(
            f"def predict(parameters: Parameters, {data.arguments(data.passed)}state: Parameters, "
            "values: Parameters) -> Array:"
        ),
        "starts_signature": fold(f"def initial_parameters(seed: Seed = 0{named}) -> Parameters:"),
        "forward_signature": fold(
            f"def forward(parameters: Parameters, {data.arguments(data.passed)}values: Parameters) -> Array:"
        ),
        "recurs": bool(program.recurrences),
        "stream_signature": fold(
            f"def stream(parameters: Parameters, {data.arguments(data.passed)}state: dict[str, Any]) -> Array:"
        ),
        "error_signature": fold(f"def error({given}values: Parameters) -> Any:"),
        "gradients_signature": fold(f"def gradients({given}values: Parameters) -> Parameters:"),
        "alone": function if program.upstream else "",
        "alone_words": ALONE[function],
        "alone_title": TITLES.get(function, ""),
        "alone_given": _alone_given(statements, function),
        "backward_signature": fold(f"def {function}({given}values: Parameters) -> Parameters:"),
        "input_gradients_signature": fold(f"def input_gradients({given}values: Parameters) -> Parameters:"),
        "kinks_signature": fold(f"def kinks({given}values: Parameters) -> list[Array]:"),
        "update_signature": fold(
            f"def update({given}learning_rate: float{', state: Parameters' if states else ''}) -> float:"
        ),
        "calls": folded(
            (
                f"forward(parameters, {data.names(data.passed)}values)",
                f"before: float = error({passed}values)",
                f"slopes = gradients({passed}values)",
            ),
            STEP,
        ),
        "widths": widths,
        "is_array": isinstance(code_form(statements.prediction), mx.Map | mx.Call),
        "data": data,
        "network": _network(statements, data),
        "of_units": _units(statements),
        "steps": _steps(statements, bodies, data) if second else {"declined": "it could not be made"},
    }


def _random_widths(statements: Statements, bodies: Bodies, data: Data) -> Lines:
    """The lines that read off the widths of what is random."""
    tensors = (statements.program.tensors[name] for name in data.random)
    read = {symbol for tensor in tensors for symbol in extent_symbols(tensor)} - {SAMPLES}
    return bodies.width_lines({s: name for s, name in statements.codes.widths.items() if s in read})


def first_states(statements: Statements, beginning: Beginning) -> tuple[tuple[str, str], ...]:
    """Return what each state is before the first step, by name, as code."""
    np, averages = statements.library.name, beginning.averages
    number = f"{np}.zeros((1, 1){f', {statements.printer().kind}' if statements.library.traced else ''})"

    def first(state: Tensor) -> str:
        if state.name in averages:
            return averages[state.name]
        return f"{np}.zeros_like(parameters[{quoted(state.about.name)}])" if state.about else number

    return tuple((quoted(t.name), first(t)) for t in statements.program.states)


def _alone_given(statements: Statements, function: str) -> Lines:
    """The lines that say what the arguments of a product are, and what it computes, where others need it."""
    program, codes = statements.program, statements.codes.tensors
    given = [t.name if t.about is None else f"V {t.owner.name}" for t in program.inputs if not t.is_compared]
    ends = {t.name: codes[t.about.name] for t in program.upstream if t.about is not None}
    if function == GAUSS_NEWTON:
        return folded((f"GIVEN = {_tuple(t.owner.name for t in program.upstream)}",), "")
    if function == JACOBIAN:
        outputs = [(name.removeprefix("u_"), quoted(code)) for name, code in ends.items()]
        return folded((f"GIVEN = {_tuple(given)}", f"OUTPUTS = {dict_code(outputs)}"), "")
    if function == DIAGONAL:
        entries = [(name.removeprefix("v_"), quoted(code)) for name, code in ends.items()]
        return folded((f"GIVEN = {_tuple(given)}", f"OUTPUTS = {dict_code(entries)}"), "")
    if function == PER_SAMPLE:
        *_, norm = (name for name in program.outputs if program.tensors[name].axes == (SAMPLE_AXIS,))
        outputs = [
            (name.removeprefix("v_"), quoted(codes[end])) for name, end in zip(ends, program.outputs, strict=False)
        ]
        return folded(
            (f"GIVEN = {_tuple(given)}", f"OUTPUTS = {dict_code(outputs)}", f"NORM = {quoted(codes[norm])}"), ""
        )
    return ()


def _tuple(texts: Iterable[str]) -> str:
    """A tuple of texts, as code."""
    listed = [*map(quoted, texts)]
    return f"({', '.join(listed)}{',' * (len(listed) == 1)})"


def _steps(statements: Statements, bodies: Bodies, data: Data) -> dict[str, Any]:
    """The context of the second rendering of the steps."""
    if not statements.program.parameters:
        return {"declined": "nothing is learned"}
    if statements.program.recurrences:
        return {"declined": "the equations are computed step by step along an axis"}
    if statements.program.averages:
        return {"declined": "a step keeps running averages"}
    if not data.is_plain:
        return {"declined": "the data are not one input and one target, matrices of real numbers"}
    functions, computed = statements.functions, statements.in_steps
    try:
        return steps_context(statements.program, statements.codes, functions, computed, bodies.width_lines)
    except Exception as problem:
        what = f"the second rendering of the steps cannot be made: {type(problem).__name__}: {problem}"
        raise SecondRenderingError(what) from problem


def _network(statements: Statements, data: Data) -> dict[str, str]:
    """The arguments of the runtime's ``Network``, as code."""
    program, names = statements.program, statements.codes.tensors
    about_data = data.facts()
    kind = about_data.pop("targets", "")
    replaced = [s for s in program.stage("update") if s.target.role == "updated"]
    undefined = dict.fromkeys(s.number for s in program.statements if may_be_undefined(s.equation.expression))
    found = {
        "parameters": dict_code((p.name, shape_code(p, data.width)) for p in program.parameters),
        **about_data,
        "output": quoted(names[program.predicted]),
        "equations": dict_code((names[s.target.name], s.number) for s in program.stage("forward", "error", "factor")),
        "gradients": dict_code((about(s).name, s.number) for s in statements.learning if s.stage == "gradient"),
        "updates": dict_code((about(s).name, s.number) for s in replaced),
    }
    error = names[statements.error.target.name]
    found |= {"error_name": quoted(error)} if error != "E" else {}
    divided = division(program.predicting)
    found |= {"division": quoted(divided)} if divided != BY_SAMPLES else {}
    found |= {"outputs": f"({', '.join(map(quoted, program.outputs))})"} if len(program.outputs) > 1 else {}
    axes = [(names[name], axis) for name, axis in sample_axes(s.target for s in statements.forward)]
    found |= {"axes": dict_code(axes)} if axes else {}
    stated = [s.target for s in statements.forward if s.target.role == Role.PLAIN]
    renamed = [(t.name, quoted(names[t.name])) for t in stated if names[t.name] != t.name]
    found |= {"names": dict_code(renamed)} if renamed else {}
    found |= {"targets": kind} if kind else {}
    found |= {"stopped": f"({', '.join(quoted(names[n]) for n in program.stopped)},)"} if program.stopped else {}
    return found | ({"undefined": f"frozenset({{{', '.join(map(str, undefined))}}})"} if undefined else {})


def _units(statements: Statements) -> Lines:
    """The line about tensors that are functions of each entry of another one: that one, and its factor."""
    names = statements.codes.tensors
    factors = {about(s).name: names[s.target.name] for s in statements.learning if s.stage == "factor"}
    found = []
    for statement in statements.forward:
        equation = statement.equation
        read = [e for e in equation.expression.atoms(Indexed) if e.base.label.name in factors]
        if len(read) == 1 and read[0].indices == equation.indices and read[0] != equation.expression:
            name = read[0].base.label.name
            found.append(_tuple((names[equation.target.name], names[name], factors[name])))
    return tuple(fold(f"units = ({', '.join(found)},)", STEP)) if found else ()


def arguments(given: Mapping[str, str]) -> Lines:
    """Return the arguments of a call, each on lines of its own."""
    found: list[str] = []
    for name, value in given.items():
        *lines, last = fold(f"{name}={value}", STEP, WIDTH - 1)
        found += [line.removeprefix(STEP) for line in (*lines, f"{last},")]
    return tuple(found)
