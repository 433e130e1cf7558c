"""Whether two expressions in index form are equal, by their values modulo a prime.

Sums, products and integer powers are computed; what else there is, an entry or a function, is a random number
that depends on what it is made of. Expressions that the rules of arithmetic make equal have equal values, others
have not, but for a chance of about 1e-18 for each factor (Schwartz, 1980, "Fast probabilistic algorithms for
verification of polynomial identities"). This takes a time that grows with the number of different parts of an
expression, where expanding it takes one that grows exponentially.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from sympy import Add, Basic, Expr, Indexed, Mul, Pow, Rational, Sum, Symbol, exp

from derive.arrays.along import Along
from derive.calculus.functions import Elementwise
from derive.calculus.index import Index

_PRIME = 2**61 - 1
#: How many entries an axis has here: each counts with a weight, and the weights add up to its extent.
_ENTRIES = 3

#: Where each index stands.
At = dict[Index, int]


def equal(one: Expr, other: Expr) -> bool:
    """Whether two expressions are equal by the rules of sums, products and powers, whatever bound indices are called.

    >>> from sympy.abc import a, b
    >>> equal((a + b) ** 2, a**2 + 2 * a * b + b**2), equal(a**2, b**2)
    (True, False)
    """
    if one == other:
        return True
    values = _Values()
    at = values.places(one, other)
    return values.of(one, at) == values.of(other, at)


def _drawn(*made_of: Any) -> int:
    """A random number that depends on what it is given, and on nothing else."""
    return int.from_bytes(blake2b(repr(made_of).encode(), digest_size=8).digest(), "big") % _PRIME


def _inverse(value: int) -> int:
    return pow(value, -1, _PRIME) if value else _drawn("no inverse")


class _Values:
    """Computes expressions, each different part once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Basic, tuple[tuple[Index, int], ...]], int] = {}
        self._free: dict[Basic, frozenset[Index]] = {}

    def places(self, *expressions: Expr) -> At:
        """Where the free indices stand: one place for each will do, but not the same for two of them."""
        free = sorted(frozenset().union(*map(self.free, expressions)), key=str)
        return {index: _ENTRIES + n for n, index in enumerate(free)}

    def free(self, node: Basic) -> frozenset[Index]:
        """The indices that a part depends on."""
        if node not in self._free:
            parts = (self.free(a) for a in node.args if isinstance(a, Basic))
            found = frozenset({node}) if isinstance(node, Index) else frozenset().union(*parts)
            if isinstance(node, Sum):
                found = self.free(node.function) - {limit[0] for limit in node.limits}
            elif isinstance(node, Along) and node.rule.reduces:
                found -= {node.args[-1]}
            self._free[node] = found
        return self._free[node]

    def of(self, node: Basic, at: At) -> int:
        """The value of an expression."""
        key = node, tuple((index, at[index]) for index in sorted(self.free(node), key=str))
        if key not in self._known:
            self._known[key] = self._computed(node, at) % _PRIME
        return self._known[key]

    def _computed(self, node: Any, at: At) -> int:
        if isinstance(node, Rational):
            return int(node.p) * _inverse(int(node.q) % _PRIME)
        if isinstance(node, Index):
            return _drawn("place", node.axis, at[node])
        if isinstance(node, Symbol):
            return _drawn(node.name)
        if isinstance(node, Add):
            return sum(self.of(a, at) for a in node.args)
        if isinstance(node, Mul):
            found = 1
            for factor in node.args:
                found = found * self.of(factor, at) % _PRIME
            return found
        if isinstance(node, Pow) and node.exp.is_Integer:
            base = self.of(node.base, at)
            return pow(base if node.exp > 0 else _inverse(base), abs(int(node.exp)), _PRIME)
        if isinstance(node, Sum):
            return self._summed(node.function, [limit[0] for limit in node.limits], at)
        if isinstance(node, exp):
            return self._power(node.args[0], at)
        if isinstance(node, Along):
            return self._along(node, at)
        return self._opaque(node, at)

    def _summed(self, body: Expr, indices: list[Index], at: At) -> int:
        if not indices:
            return self.of(body, at)
        index, *others = indices
        extent = self.of(index.axis.extent, at)
        weights = [_drawn("weight", index.axis, n) for n in range(1, _ENTRIES)]
        weights.append(extent - sum(weights))
        return sum(w * self._summed(body, others, {**at, index: n}) for n, w in enumerate(weights))

    def _power(self, exponent: Expr, at: At) -> int:
        """Of a sum, the product of the powers; of a whole multiple, the power of the power."""
        found = 1
        for term in Add.make_args(exponent):
            number, rest = term.as_coeff_Mul()
            base = _drawn("exp", self.of(rest, at), int(number.q)) if isinstance(number, Rational) else 0
            power = int(number.p) if isinstance(number, Rational) else 1
            found = found * pow(base if power > 0 else _inverse(base), abs(power), _PRIME) % _PRIME
        return found

    def _along(self, node: Any, at: At) -> int:
        """A function of all entries along the axis of its last argument, and of where that stands."""
        *arguments, index = node.args
        if not isinstance(index, Index):
            return self._opaque(node, at)
        entries = [self.of(a, {**at, index: n}) for a in arguments for n in range(_ENTRIES)]
        here = [] if node.rule.reduces else [self.of(a, at) for a in arguments]
        return _drawn(type(node).__name__, entries, here)

    def _opaque(self, node: Any, at: At) -> int:
        """A number for what is computed in some other way, by what it is and what it is made of."""
        if isinstance(node, Indexed):
            places = [_place(index, at) for index in node.indices]
            return _drawn(node.base.label.name, places)
        defined = str(node.definition) if isinstance(node, Elementwise) else "" if node.args else str(node)
        return _drawn(type(node).__name__, defined, [self.of(a, at) for a in node.args])


def _place(index: Expr, at: At) -> Any:
    return at[index] if index in at else str(index)
