"""Where an expression may have no value: a division by 0, or a root or a logarithm that does not exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sympy import Dummy, Expr, Pow, Sum, log, preorder_traversal

from derive.calculus.functions import Elementwise


def may_be_undefined(expression: Expr) -> bool:
    """Whether some finite numbers give an expression no finite value, however large a number may be.

    What cannot be seen to have a value is taken to have none.
    """
    for node in preorder_traversal(expression):
        if isinstance(node, Elementwise) and may_be_undefined(node.definition):
            return True
        if any(not _is_positive(base) for base in _bases(node)):
            return True
    return False


def _bases(node: Any) -> Iterator[Expr]:
    """What must not be 0, or not negative, for a node to have a value."""
    if isinstance(node, log):
        yield node.args[0]
    if isinstance(node, Pow) and not (node.exp.is_Integer and node.exp.is_nonnegative):
        yield node.base


def _is_positive(base: Expr) -> bool:
    """Whether a number is seen to be positive, a sum over an index taken for any number."""
    plain = base.replace(lambda e: isinstance(e, Sum), lambda _: Dummy(real=True))
    return bool(plain.is_positive)
