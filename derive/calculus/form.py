"""The form of equations, up to the numbers in names: layers of one form are rewritten alike, so once is enough."""

from __future__ import annotations

from collections.abc import Mapping
from string import digits
from typing import Any

from sympy import Symbol

from derive.calculus.index import Equation, Index, Tensor

#: What stands for each name, in the order of the names, and the equations with the new names.
Form = tuple[tuple[tuple[Any, ...], ...], tuple[tuple[Any, ...], ...]]


def form_of(equations: tuple[Equation, ...], tensors: Mapping[str, Tensor]) -> Form:
    """Equations up to the numbers in the names of indices and of ``tensors``, but for targets and single numbers.

    What is worked out from equations by SymPy sees nothing of a name but whether it equals another and, as SymPy
    sorts by names, which comes first: the new names are in the order of the old ones.
    """
    tensors = {**tensors, **{one.target.name: one.target for one in equations}}
    symbols: set[Symbol] = set()
    for one in equations:
        symbols |= {one.target.symbol, *one.indices} | one.expression.atoms(Symbol)
    new: dict[Symbol, Symbol] = {}
    places: list[tuple[Any, ...]] = []
    for symbol in sorted(symbols, key=lambda s: (s.name, isinstance(s, Index))):
        stem, tensor = symbol.name.rstrip(digits), tensors.get(symbol.name)
        name = f"{stem}{len(places):05d}"
        if isinstance(symbol, Index):
            new[symbol] = Index(name, symbol.axis)
            places.append((stem, symbol.axis))
        elif tensor is not None and tensor.axes and tensor.role != "target":
            new[symbol] = Symbol(name, real=True)
            places.append((stem, tensor.axes, tensor.role))
        else:
            places.append((symbol,))
    renamed = (
        (new.get(e.target.symbol), tuple(new[i] for i in e.indices), e.expression.xreplace(new)) for e in equations
    )
    return tuple(places), tuple(renamed)
