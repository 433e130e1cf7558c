"""Make repetition explicit in the matrix form where NumPy does not broadcast.

NumPy broadcasts a vector inside an elementwise operation. A matrix product, a
sum over an axis or an assignment needs the full array.
"""

from __future__ import annotations

from sympy import Integer

from derive.arrays import matrix as mx
from derive.calculus.roles import Role


def lowered(node: mx.Node) -> mx.Node:
    """Insert a ``Repeat`` wherever the full array is needed but NumPy would not produce it."""
    return _full(_explicit(node))


def with_two_axes(node: mx.Node) -> mx.Node:
    """Keep every sum of all entries as an array with one row and one column."""
    if isinstance(node, mx.SumOver) and node.axis is None:
        return mx.SumOver(mx.SumOver(with_two_axes(node.of), 1), 0)
    return mx.rebuilt(node, tuple(with_two_axes(c) for c in mx.children(node)))


def array(node: mx.Node) -> mx.Node:
    """Turn the node into an array where NumPy would return a scalar."""
    return node if has_axes(node) else mx.Repeat(node, node.shape)


def has_axes(node: mx.Node) -> bool:
    """Whether NumPy's value of a node has axes: it reads an array outside any sum of all entries."""
    if isinstance(node, mx.SumOver) and node.axis is None:
        return False
    if isinstance(node, mx.Array):
        return bool(node.tensor.axes) or node.tensor.role not in (Role.CONSTANT, Role.LEARNING_RATE)
    if isinstance(node, mx.Formula):
        target = node.equation.target
        return bool(target.axes) or not (target.role == Role.ERROR or target.is_number)
    return isinstance(node, mx.Repeat) or any(has_axes(c) for c in mx.children(node))


def _explicit(node: mx.Node) -> mx.Node:
    operands = tuple(_explicit(c) for c in mx.children(node))
    if isinstance(node, mx.Transpose) and not has_axes(operands[0]):
        return _turned(operands[0])
    if isinstance(node, mx.Product | mx.SumOver | mx.Einsum | mx.Call | mx.Largest | mx.IsLargest):
        operands = tuple(array(_full(o)) for o in operands)
    if isinstance(node, mx.Stack | mx.Beside):
        operands = tuple(o if _constant(o) else array(_full(o)) for o in operands)
    if isinstance(node, mx.Part):
        operands = tuple(map(array, operands))
    return mx.rebuilt(node, operands)


def _turned(node: mx.Node) -> mx.Node:
    """The transpose of a NumPy scalar: the same number with its repeats transposed."""
    if isinstance(node, mx.Broadcast):
        return mx.Broadcast(_turned(node.of), node.full[::-1])
    if node.shape == (1, 1):
        return node
    return mx.rebuilt(node, tuple(_turned(c) for c in mx.children(node)))


def _full(node: mx.Node) -> mx.Node:
    return node if stored_shape(node) == node.shape else mx.Repeat(node, node.shape)


def _constant(node: mx.Node) -> bool:
    return isinstance(node, mx.Broadcast) and isinstance(node.of, mx.Number)


def stored_shape(node: mx.Node) -> mx.Shape:
    """The shape of NumPy's result for an explicit node without its outermost repeats."""
    operands = [stored_shape(c) for c in mx.children(node)]
    if isinstance(node, mx.Broadcast | mx.Scale | mx.Power):
        return operands[0]
    if isinstance(node, mx.Transpose):
        return operands[0][::-1]
    if isinstance(node, mx.Hadamard | mx.Plus | mx.Map | mx.Choice | mx.Compare | mx.Connect):
        rows, columns = (next((s for s in side if s != 1), Integer(1)) for side in zip(*operands, strict=True))
        return rows, columns
    return node.shape
