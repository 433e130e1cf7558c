"""Promises of the user about the data, which allow shorter formulas."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, Indexed, Integer, Sum

from derive.calculus.index import Tensor


@dataclass(frozen=True)
class SumsToOne:
    """The promise that ``tensor`` sums to one along an axis."""

    tensor: Tensor
    axis: int = 0

    def rewrite(self, expression: Expr) -> Expr:
        """Replace every such sum by 1."""
        return expression.replace(self._matches, lambda _: Integer(1))

    def _matches(self, node: Expr) -> bool:
        if not isinstance(node, Sum) or len(node.limits) != 1:
            return False
        index, body = node.limits[0][0], node.function
        return (
            isinstance(body, Indexed)
            and body.base.label == self.tensor.symbol
            and body.indices[self.axis] == index
            and index.axis == self.tensor.axes[self.axis]
        )
