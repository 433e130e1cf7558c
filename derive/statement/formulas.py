"""The formulas that a statement is made of, beside the operators of SymPy."""

from __future__ import annotations

from typing import Any

from sympy import Expr, Mul

from derive.calculus.cases import with_cases
from derive.calculus.extremes import Largest, Smallest, extreme
from derive.calculus.index import (
    Index,
    total,
)
from derive.calculus.products import product_over
from derive.catalogue.activations import activation, titles
from derive.statement.declared import Declarations
from derive.statement.keys import entry
from derive.statement.quantities import formula
from derive.text.entry_text import base_name
from derive.text.errors import SpecError, StatementError


class Formulas(Declarations):
    """Sums and other formulas over indices."""

    def sum(self, body: Any, *indices: Index) -> Expr:
        """The sum of a formula over the whole range of each index."""
        return total(self._over("sum", body, indices), *indices)

    def prod(self, body: Any, *indices: Index) -> Expr:
        """The product of a formula over the whole range of each index; its derivative divides by no factor.

        >>> s = Formulas()
        >>> x, k = s.input("x", 3), s.index("k", 3)
        >>> s.prod(x[k], k)
        ProductOver(x[k, same sample], (k, 1, 3))
        """
        return product_over(self._over("product", body, indices), *indices)

    def max(self, body: Any, *indices: Index) -> Expr:
        """The maximum of a formula over the whole range of each index; at a tie, its derivative is that of the first.

        >>> s = Formulas()
        >>> x, k = s.input("x", 3), s.index("k", 3)
        >>> s.max(x[k], k)
        Largest(x[k, same sample], (k, 1, 3))
        """
        return extreme(Largest, self._over("maximum", body, indices), *indices)

    def min(self, body: Any, *indices: Index) -> Expr:
        """The minimum of a formula over the whole range of each index; see ``max``."""
        return extreme(Smallest, self._over("minimum", body, indices), *indices)

    def _over(self, what: str, body: Any, indices: tuple[Index, ...]) -> Expr:
        """The formula that is reduced over indices, which it must read."""
        reduced = with_cases(formula(body, f"the argument of the {what}"))  # SymPy takes cases out of a sum
        if not indices:
            raise StatementError(f"the {what} of {reduced} has no index: name those that it runs over, such as i")
        for index in indices:
            if not isinstance(index, Index):
                raise StatementError(f"the {what} over {index} needs an index, as s.index or s.sample return it")
            if index not in reduced.free_symbols:
                raise StatementError(f"the {what} over {index} reads nothing at {index}: for equal terms, multiply")
        return reduced

    def mean(self, body: Any, *indices: Index) -> Expr:
        """The mean of a formula over the whole range of each index."""
        return self.sum(body, *indices) / Mul(*(index.axis.extent for index in indices))

    def apply(self, name: str, argument: Any) -> Expr:
        """An activation of the catalogue, such as ``leaky_relu(slope=0.1)``, of a formula."""
        try:
            text = entry("activation", name)
        except SpecError as problem:
            raise StatementError(str(problem)) from None
        chosen = activation(text)
        if chosen.formula is None:
            raise StatementError(
                f"{text} mixes the entries of a tensor: write its formula, such as exp(z[i])/s.sum(exp(z[j]), j)"
            )
        function = chosen.applied(titles([base_name(text), text])[text])
        return function(formula(argument, f"the argument of {text}"))
