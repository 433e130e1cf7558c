"""Test whether two expressions in index form are equal, by evaluating them modulo a prime.

Sums, products and integer powers are computed. Every other subexpression, such as an entry or a function, is a
pseudo-random number determined by its content. Expressions that are equal by the rules of arithmetic have equal
values; others differ except with a probability of about 1e-18 per factor (Schwartz, 1980, "Fast probabilistic
algorithms for verification of polynomial identities"). The time grows with the number of different subexpressions,
while that of expanding grows exponentially.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from sympy import Add, Basic, Expr, Indexed, Mul, Pow, Rational, Sum, Symbol, exp

from derive.arrays.along import Along
from derive.calculus.functions import Elementwise
from derive.calculus.index import Index

_PRIME = 2**61 - 1
#: The number of entries of an axis in the test. Each has a weight, and the weights sum to the extent of the axis.
_ENTRIES = 3

#: The position of each index.
At = dict[Index, int]


def equal(one: Expr, other: Expr) -> bool:
    """Whether two expressions are equal by the rules of sums, products and powers, up to names of bound indices.

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
    """Return a pseudo-random number that depends only on the arguments."""
    return int.from_bytes(blake2b(repr(made_of).encode(), digest_size=8).digest(), "big") % _PRIME


def _inverse(value: int) -> int:
    return pow(value, -1, _PRIME) if value else _drawn("no inverse")


class _Values:
    """Evaluates expressions; each different subexpression is computed once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Basic, tuple[tuple[Index, int], ...]], int] = {}
        self._free: dict[Basic, frozenset[Index]] = {}

    def places(self, *expressions: Expr) -> At:
        """Positions of the free indices: one per index suffices, but two indices must differ."""
        free = sorted(frozenset().union(*map(self.free, expressions)), key=str)
        return {index: _ENTRIES + n for n, index in enumerate(free)}

    def free(self, node: Basic) -> frozenset[Index]:
        """The indices that a subexpression depends on."""
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
            return _drawn(node.name, bool(node.is_integer))
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
        """A base raised to a sum is a product of powers; raised to an integer multiple, a power of a power."""
        found = 1
        for term in Add.make_args(exponent):
            number, rest = term.as_coeff_Mul()
            base = _drawn("exp", self.of(rest, at), int(number.q)) if isinstance(number, Rational) else 0
            power = int(number.p) if isinstance(number, Rational) else 1
            found = found * pow(base if power > 0 else _inverse(base), abs(power), _PRIME) % _PRIME
        return found

    def _along(self, node: Any, at: At) -> int:
        """A function of all entries along the axis of its last argument and of the position on it."""
        *arguments, index = node.args
        if not isinstance(index, Index):
            return self._opaque(node, at)
        entries = [self.of(a, {**at, index: n}) for a in arguments for n in range(_ENTRIES)]
        here = [] if node.rule.reduces else [self.of(a, at) for a in arguments]
        return _drawn(type(node).__name__, entries, here)

    def _opaque(self, node: Any, at: At) -> int:
        """A number for any other node, determined by its type and its operands."""
        if isinstance(node, Indexed):
            places = [_place(index, at) for index in node.indices]
            return _drawn(node.base.label.name, places)
        defined = str(node.definition) if isinstance(node, Elementwise) else "" if node.args else str(node)
        return _drawn(type(node).__name__, defined, [self.of(a, at) for a in node.args])


def _place(index: Expr, at: At) -> Any:
    return at[index] if index in at else str(index)
