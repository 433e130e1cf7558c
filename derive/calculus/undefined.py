"""Detect expressions that may be undefined: division by 0, or a function such as log outside its domain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sympy import Dummy, Expr, Pow, Sum, acos, acosh, asin, atanh, cos, log, preorder_traversal, tan

from derive.calculus.functions import Elementwise


def may_be_undefined(expression: Expr) -> bool:
    """Whether an expression may be undefined for some finite values of its symbols; overflow is ignored.

    The test is conservative: it returns True unless the expression is provably defined.
    """
    for node in preorder_traversal(expression):
        if isinstance(node, Elementwise) and may_be_undefined(node.definition):
            return True
        if any(not _is_positive(base) for base in _bases(node)):
            return True
    return False


def _bases(node: Any) -> Iterator[Expr]:
    """The subexpressions that must be nonzero, or nonnegative, for a node to be defined."""
    if isinstance(node, log):
        yield node.args[0]
    if isinstance(node, asin | acos | atanh):
        yield 1 - node.args[0] ** 2
    if isinstance(node, acosh):
        yield node.args[0] - 1
    if isinstance(node, tan):
        yield cos(node.args[0])
    if isinstance(node, Pow) and not (node.exp.is_Integer and node.exp.is_nonnegative):
        yield node.base


def _is_positive(base: Expr) -> bool:
    """Whether a number is provably positive; a sum over an index counts as an arbitrary number."""
    plain = base.replace(lambda e: isinstance(e, Sum), lambda _: Dummy(real=True))
    return bool(plain.is_positive)
