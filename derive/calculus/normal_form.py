"""The normal form of a forward pass: one notation for the same statement.

The inputs come first, then what is random, then the targets; floats are fractions, symbols carry their assumptions,
and indices are new.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, Protocol

from sympy import Rational, Symbol, preorder_traversal, sympify

from derive.calculus.cases import with_cases
from derive.calculus.functions import with_constants, with_fractions
from derive.calculus.index import Axis, Equation, Index, IndexSupply, Tensor, refreshed
from derive.calculus.promises import Promise
from derive.calculus.roles import COMPARED, STATED, Role
from derive.calculus.running import Running


class Stated(Protocol):
    """The interface of a forward pass."""

    @property
    def equations(self) -> tuple[Equation, ...]:
        """The equations in the order of computation, the error last."""

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors that come with the data."""

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """The tensors that are learned."""

    @property
    def promises(self) -> tuple[Promise, ...]:
        """The promises about the data."""

    @property
    def constants(self) -> Mapping[str, Fraction]:
        """Scalars with fixed values, by name."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the predicted tensors; empty if the equations tell."""

    @property
    def sought(self) -> tuple[str, ...]:
        """The names of the inputs with respect to which the error is differentiated, too."""

    @property
    def running(self) -> tuple[Running, ...]:
        """The tensors of which prediction reads a running average."""

    @property
    def starts(self) -> Mapping[str, Any]:
        """The initial values of parameters, by name."""

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name."""


def normal(forward: Stated, equations: tuple[Equation, ...]) -> dict[str, Any]:
    """Return the parts of a forward pass in normal form, as arguments of a ``ForwardPass``.

    ``equations`` are its equations as ``exact`` gives them.
    """
    names = {i.name for e in forward.equations for i in _indices(e)}
    supply = IndexSupply(taken=names | set(forward.tensors))
    return {
        "equations": tuple(refreshed(equation, supply) for equation in equations),
        "inputs": tuple(sorted(map(_plain, forward.inputs), key=_place)),
        "parameters": tuple(map(_plain, forward.parameters)),
        "constants": {name: exact_number(value) for name, value in forward.constants.items()},
        "supply": supply,
        "letters": _letters(forward.equations),
    }


def _letters(equations: tuple[Equation, ...]) -> dict[Axis | str, tuple[str, ...]]:
    """The names of the indices that run over each axis, by its name if it has one, in the order of their occurrence."""
    found: dict[Axis | str, dict[str, None]] = {}
    for equation in equations:
        others = (node for node in preorder_traversal(sympify(equation.expression)) if isinstance(node, Index))
        for index in (*equation.indices, *others):
            if not IndexSupply.is_made(index.name):  # no letter that an author has chosen
                found.setdefault(index.axis.name or index.axis, {})[index.name] = None
    return {axis: tuple(names) for axis, names in found.items()}


def exact(forward: Stated) -> tuple[Equation, ...]:
    """Return the equations with fractions for floats, ``Cases`` for ``Piecewise``, and each name as its symbol."""
    symbols, extents = known_symbols(forward), extent_symbols(forward)
    constants = {name: symbols[name] for name in forward.constants}

    def one(equation: Equation) -> Equation:
        right = with_constants(with_cases(sympify(equation.expression)), constants)
        plain = (s for s in right.atoms(Symbol) if not isinstance(s, Index) and s not in extents)
        named = {s: symbols[s.name] for s in plain if s != symbols[s.name]}
        right = with_fractions(right)
        return replace(equation, target=_plain(equation.target), expression=right.xreplace(named) if named else right)

    return tuple(map(one, forward.equations))


def exact_number(value: Any) -> Fraction:
    """Convert a constant to the fraction that its decimals denote.

    >>> exact_number(0.1)
    Fraction(1, 10)
    """
    if isinstance(value, Rational):
        return Fraction(value.p, value.q)
    if isinstance(value, numbers.Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    return Fraction(str(value))


def extent_symbols(forward: Stated) -> set[Symbol]:
    """Return the symbolic widths and the number of samples."""
    return {s for t in forward.tensors.values() for a in t.axes for s in a.extent.free_symbols}


def known_symbols(forward: Stated) -> dict[str, Symbol]:
    """Return the symbol of every name that an equation may read."""
    extents = {s.name: s for s in extent_symbols(forward)}
    constants = {name: Tensor(name, "constant").symbol for name in forward.constants}
    return {**extents, **constants, **{name: t.symbol for name, t in forward.tensors.items()}}


def _place(tensor: Tensor) -> int:
    """The place of data among the arguments of a function, by their role."""
    return (Role.INPUT, Role.RANDOM, *COMPARED).index(Role(tensor.role))


def _plain(tensor: Tensor) -> Tensor:
    """Return the tensor without a role that is reserved for derived tensors."""
    return tensor if tensor.role in STATED else replace(tensor, role=Role.PLAIN.value)


def _indices(equation: Equation) -> set[Index]:
    found: set[Index] = sympify(equation.expression).atoms(Index)
    return found | set(equation.indices)
