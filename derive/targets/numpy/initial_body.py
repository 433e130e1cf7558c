"""The body of ``initial_parameters``, and the shapes of the parameters as code."""

from __future__ import annotations

from collections.abc import Callable

from sympy import Expr, Indexed, Mul, Pow, Symbol, preorder_traversal

from derive.arrays import matrix as mx
from derive.arrays.lift import ArrayProgram
from derive.calculus.index import Tensor, symbols_read
from derive.learning.initialisations import INPUTS, UNITS, Initialisation
from derive.targets.fold import folded
from derive.targets.numpy.code import quoted
from derive.targets.numpy.function_bodies import STEP, Lines, dict_code
from derive.targets.numpy.statements import Statements


def initial_lines(statements: Statements, initialisation: Initialisation) -> Lines:
    """Return the lines that return the parameters before the first step; biases in a column of a weight are zero."""
    parameters = statements.program.parameters
    drawn = dict_code((p.name, _initial(statements, p, initialisation)) for p in parameters)
    columns = [p for p in parameters if p.role == "weight" and _has_biases(p)]
    if not columns or initialisation.variance is None:
        return folded((f"return {drawn}",), STEP)
    zeros = (f"parameters[{quoted(p.name)}][:, 0] = 0" for p in columns)
    return folded((f"parameters = {drawn}", *zeros, "return parameters"), STEP)


def _initial(statements: Statements, parameter: Tensor, initialisation: Initialisation) -> str:
    """The initial value of a parameter as code; biases are zero, and factors such as gains are one."""
    rows, columns = mx.Array(parameter).shape
    inputs = columns - 1 if _has_biases(parameter) else columns
    extent = statements.extent
    shape = shape_code(parameter, extent)
    if parameter.role == "weight" and initialisation.variance is not None:
        fans = initialisation.spread[1].xreplace({INPUTS: inputs, UNITS: rows})
        return f"{initialisation.kind}({extent(fans)}, {shape})"
    if parameter.role == "weight" and initialisation.kind == "orthogonal":
        code = f"orthogonal({extent(rows)}, {extent(inputs)})"
        return f"np.hstack([np.zeros(({extent(rows)}, 1)), {code}])" if _has_biases(parameter) else code
    return f"np.{'ones' if is_factor(statements.program, parameter) else 'zeros'}({shape})"


def is_factor(program: ArrayProgram, parameter: Tensor) -> bool:
    """Whether a parameter that is no weight multiplies or divides a tensor: 0 would cut off all that comes before."""
    forward = (s.equation.expression for s in program.stage("forward", "error"))
    return parameter.role != "weight" and any(
        isinstance(node, Mul | Pow)
        and any(isinstance(a, Indexed | Symbol) and symbols_read(a) == [parameter.name] for a in node.args)
        and (isinstance(node, Pow) or sum(not a.is_number for a in node.args) > 1)
        for expression in forward
        for node in preorder_traversal(expression)
    )


def _has_biases(parameter: Tensor) -> bool:
    """Whether column 0 of a weight holds the biases."""
    return any(axis.start == 0 for axis in parameter.axes)


def shape_code(parameter: Tensor, width: Callable[[Expr], str]) -> str:
    """Return the shape of a parameter as code; ``width`` gives the code of one side."""
    return f"({', '.join(map(width, mx.Array(parameter).shape))})"
