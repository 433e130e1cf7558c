"""Transposes, put to the parts of a formula."""

from __future__ import annotations

from derive.arrays import matrix as mx


def transposed(node: mx.Node) -> mx.Node:
    """The transpose of a node, as far as that is written without one."""
    if isinstance(node, mx.Transpose):
        return node.of
    if isinstance(node, mx.Hadamard | mx.Plus | mx.Scale | mx.Map | mx.Power):
        return mx.rebuilt(node, tuple(transposed(c) for c in mx.children(node)))
    if isinstance(node, mx.Broadcast):
        return mx.Broadcast(node.of if isinstance(node.of, mx.Number) else transposed(node.of), node.full[::-1])
    if isinstance(node, mx.SumOver):
        return mx.SumOver(transposed(node.of), None if node.axis is None else 1 - node.axis % 2)
    if isinstance(node, mx.Part) and isinstance(node.of, mx.Transpose):
        return mx.Part(node.of.of, 1 - node.axis, node.first, node.count)
    if isinstance(node, mx.Product):
        return mx.Product(transposed(node.right), transposed(node.left))
    return mx.Transpose(node)
