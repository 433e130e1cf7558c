"""Recognise expressions that have a name in documents: softmax."""

from __future__ import annotations

from sympy import Integer, exp

from derive.arrays import matrix as mx


def recognise(node: mx.Node) -> mx.Node:
    """Replace exp(u) over its sum along the rows by softmax."""
    node = mx.rebuilt(node, tuple(recognise(c) for c in mx.children(node)))
    if isinstance(node, mx.Hadamard) and len(node.factors) == 2:
        for top, bottom in (node.factors, node.factors[::-1]):
            if _is_exp(top) and bottom == mx.Broadcast(mx.Power(mx.SumOver(top, 0), Integer(-1)), top.shape):
                return mx.Call("softmax", mx.children(top))
    return node


def _is_exp(node: mx.Node) -> bool:
    return isinstance(node, mx.Map) and node.function is exp
