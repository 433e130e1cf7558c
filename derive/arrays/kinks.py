"""Points where the formula of a function changes: finite differences across them are invalid."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Integer

from derive.arrays import matrix as mx
from derive.arrays.lift import ArrayProgram
from derive.calculus.functions import Elementwise, borders


def kink_nodes(program: ArrayProgram) -> Iterator[mx.Node]:
    """Yield argument - point for each function and each point where its formula changes, up to the error.

    Jumps of the second derivative count too, since they affect finite differences, if less. Functions
    that do not depend on a parameter are omitted. ``program`` must be lifted.
    """
    given = {t.name for t in program.inputs}
    found: dict[mx.Node, None] = {}
    for statement in program.stage("forward", "error"):
        for node in mx.walk(statement.form):
            if isinstance(node, mx.Map) and _is_elementwise(node.function) and not node.function.others:
                (argument,) = node.arguments
                if mx.arrays_read(argument) - given:
                    found.update(dict.fromkeys(_less(argument, point) for point in _points(node.function)))
    yield from found


def _is_elementwise(function: object) -> bool:
    return isinstance(function, type) and issubclass(function, Elementwise)


def _points(function: type[Elementwise]) -> list[Integer]:
    return [point for point, _, _ in borders(function.definition)]


def _less(argument: mx.Node, point: Integer) -> mx.Node:
    if point == 0:
        return argument
    return mx.Plus((argument, mx.Broadcast(mx.Number(-point), argument.shape)))
