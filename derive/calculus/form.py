"""The form of equations up to the numbers in names: layers of the same form share one rewrite."""

from __future__ import annotations

from collections.abc import Mapping
from string import digits
from typing import Any

from sympy import Basic, Symbol

from derive.calculus.index import Equation, Index, Tensor

#: A key for each name, in the order of the names, and the equations as nested tuples with canonical names.
Form = tuple[tuple[tuple[Any, ...], ...], tuple[tuple[Any, ...], ...]]


def form_of(equations: tuple[Equation, ...], tensors: Mapping[str, Tensor]) -> Form:
    """Return the equations with renumbered indices and ``tensors``, except targets and scalars.

    SymPy's results depend on names only through their equality and their sort order, so the new names
    keep the order of the old ones.
    """
    tensors = {**tensors, **{one.target.name: one.target for one in equations}}
    symbols: set[Symbol] = set()
    for one in equations:
        symbols |= {one.target.symbol, *one.indices} | one.expression.atoms(Symbol)
    new: dict[Symbol, str] = {}
    places: list[tuple[Any, ...]] = []
    for symbol in sorted(symbols, key=lambda s: (s.name, isinstance(s, Index))):
        stem, tensor = symbol.name.rstrip(digits), tensors.get(symbol.name)
        if isinstance(symbol, Index):
            new[symbol] = f"{stem}{len(places)}"
            places.append((stem, symbol.axis))
        elif tensor is not None and tensor.axes and tensor.role != "target":
            new[symbol] = f"{stem}{len(places)}"
            places.append((stem, tensor.axes, tensor.role))
        else:
            places.append((symbol,))

    def renamed(node: Basic) -> Any:
        return (node.func, *map(renamed, node.args)) if node.args else new.get(node, node)

    listed = ((new.get(e.target.symbol), tuple(map(renamed, e.indices)), renamed(e.expression)) for e in equations)
    return tuple(places), tuple(listed)
