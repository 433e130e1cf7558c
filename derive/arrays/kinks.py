"""Points where the formula of a function changes: finite differences across them are invalid."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from sympy import Abs, Expr, Max, Min, Sum, preorder_traversal, sign

from derive.arrays import matrix as mx
from derive.arrays.lift import ArrayProgram, formed
from derive.calculus.functions import COMPARISONS, Elementwise, X, borders
from derive.calculus.index import Equation, Index, Tensor, symbols_read


def kink_nodes(program: ArrayProgram) -> Iterator[mx.Node]:
    """Yield a node for each place where the formula of a function changes: that is where the node is 0.

    Jumps of the second derivative count too, since they affect finite differences, if less. Functions
    that depend on no parameter, and on no input with a gradient, are omitted.
    """
    fixed = {t.name for t in program.inputs if t not in program.sought} | {*program.constants}
    found: dict[mx.Node, None] = {}
    for statement in program.stage("forward", "error"):
        for side in _sides(statement.equation.expression):
            if {*symbols_read(side)} - fixed - {s.name for s in program.extents}:
                found[_lifted(side, program)] = None
    yield from found


def _sides(expression: Expr) -> Iterator[Expr]:
    """The formulas that are 0 where a formula changes."""
    for node in preorder_traversal(expression):
        if isinstance(node, Elementwise):
            arguments = dict(zip((X, *node.others), node.args, strict=True))
            yield from (side.xreplace(arguments) for side in _changes(type(node)))
        elif isinstance(node, Abs | sign):
            yield node.args[0]
        elif isinstance(node, Max | Min):
            yield from (one - other for one, other in combinations(node.args, 2))
        elif isinstance(node, COMPARISONS):
            yield node.lhs - node.rhs


def _changes(function: type[Elementwise]) -> Iterator[Expr]:
    """The formulas in the arguments of a function that are 0 where its definition changes."""
    if function.others:
        yield from _sides(function.definition)
    else:
        yield from (X - point for point, _, _ in borders(function.definition))


def _lifted(side: Expr, program: ArrayProgram) -> mx.Node:
    """The array form of a formula, over the indices that it reads."""
    read = dict.fromkeys(node for node in preorder_traversal(side) if isinstance(node, Index))
    bound = {limit[0] for node in side.atoms(Sum) for limit in node.limits}
    indices = tuple(sorted((index for index in read if index not in bound), key=lambda index: index.axis.sample))
    return formed(Equation(Tensor("side", "plain", tuple(i.axis for i in indices)), indices, side), program.tensors)
