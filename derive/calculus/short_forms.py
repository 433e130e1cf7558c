"""Shorten derivatives by what the forward pass states: tensors for their right sides, and sums that are zero."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import product
from typing import Any

from sympy import Add, Expr, Indexed, Integer, Mul, Pow, Sum, Symbol, exp, expand_mul

from derive.calculus.deltas import renumbered, tidy
from derive.calculus.index import Axis, Equation, Index, symbols_read, total
from derive.calculus.roles import Role
from derive.calculus.rules import STATED, ZERO_SUM, Reason
from derive.record import record

#: The name of a tensor, and the free indices at which it is read.
_Entry = tuple[str, tuple[Index | None, ...]]
#: How far back the definitions are looked for that may prove that a sum is zero.
_DEPTH = 3


@record
class Factors:
    """A product as a number and powers; ``powers`` maps the key of each base to the base and its exponent.

    Bases that are equal up to a number and the names of bound indices have the same key.
    """

    number: Expr
    powers: dict[Expr, tuple[Expr, Expr]]

    @classmethod
    def of(cls, expression: Expr) -> Factors:
        """Split a product."""
        number, powers = Integer(1), dict[Expr, tuple[Expr, Expr]]()
        for factor in Mul.make_args(expression):
            base, exponent = factor.as_base_exp()
            scale, key = _primitive(base, exponent)
            if key.is_Rational:
                number *= factor
                continue
            first, before = powers.get(key, (base, Integer(0)))
            number *= (scale / _primitive(first, exponent)[0]) ** exponent
            powers[key] = first, before + exponent
        return cls(number, powers)

    def expression(self) -> Expr:
        """The product."""
        return Mul(self.number, *(base**exponent for base, exponent in self.powers.values()))


@lru_cache(maxsize=4096)
def _primitive(base: Expr, exponent: Expr) -> tuple[Expr, Expr]:
    """A number and a key with base = number * key, up to the names of bound indices."""
    key = renumbered(base)
    scale, key = key.primitive() if isinstance(key, Add) else (Integer(1), key)
    if exponent.is_Integer and isinstance(key, Add) and key.could_extract_minus_sign():
        scale, key = -scale, -key
    return scale, key


def is_quotient(equation: Equation) -> bool:
    """Whether an equation is a quotient, but not of exponentials, which SymPy combines."""
    factors = [f for f in Mul.make_args(equation.expression) if not f.is_number]
    below = [f for f in factors if isinstance(f, Pow) and f.exp.is_negative]
    return bool(below) and len(factors) > 1 and not any(isinstance(f, exp) for f in factors)


class ShortForms:
    """The equations of a forward pass as rules that shorten an expression."""

    def __init__(self, equations: Iterable[Equation] = ()) -> None:
        self._equations: list[Equation] = []
        #: The numbers of the equations of means and differences: entries and their sums, times numbers.
        self._linear: dict[str, int] = {}
        #: The numbers of the quotients, by what they read.
        self._quotients: dict[str, list[int]] = {}
        #: The axes along which the entries of a tensor are 0 in sum, by its symbol.
        self._balanced: dict[Symbol, tuple[tuple[int, Axis], ...]] = {}
        #: Whether products are compared with quotients at all.
        self._compares = False
        for equation in equations:
            self.add(equation)

    def add(self, equation: Equation) -> None:
        """Add an equation to the rules."""
        self._note(equation)
        if equation.target.name not in self._linear:
            self.balance(equation)

    def _note(self, equation: Equation) -> None:
        """Note what kind of rule an equation is."""
        number = len(self._equations)
        self._equations.append(equation)
        if all(map(_is_linear, Add.make_args(equation.expression))):
            self._linear[equation.target.name] = number
        # That of the error is not put in: gradients are computed without it.
        if is_quotient(equation) and equation.target.role != Role.ERROR:
            self._compares = True
            for name in symbols_read(equation.expression):
                self._quotients.setdefault(name, []).append(number)

    def balance(self, equation: Equation) -> None:
        """Note along which axes a tensor is 0 in sum, as the deviations from a mean are, and their derivatives."""
        right = equation.expression
        means = [self._equations[n].expression for name, n in self._linear.items() if name in {*symbols_read(right)}]
        summed = {limit[0].axis for value in (right, *means) for node in value.atoms(Sum) for limit in node.limits}
        places = [(n, index) for n, index in enumerate(equation.indices) if index.axis in summed]
        if found := tuple((n, index.axis) for n, index in places if self._cancels(total(right, index))):
            self._balanced[equation.target.symbol] = found

    def about(self, names: Iterable[str]) -> ShortForms:
        """The rules that can shorten an expression that reads these names."""
        names = layer = {*names}
        found, numbers = dict[str, int](), {*self._quotients_of(layer)}
        for _ in range(_DEPTH):
            new = {name: self._linear[name] for name in layer & self._linear.keys() - found.keys()}
            found |= new
            layer = {name for n in new.values() for name in symbols_read(self._equations[n].expression)}
        rules = ShortForms()
        for number in sorted(numbers.union(found.values())):
            rules._note(self._equations[number])
        rules._compares = self._compares
        rules._balanced = {symbol: places for symbol, places in self._balanced.items() if symbol.name in names}
        return rules

    @property
    def form(self) -> tuple[object, ...]:
        """All that a result depends on."""
        return (self._compares, *self._equations, *self._balanced.items())

    def _quotients_of(self, names: set[str]) -> list[int]:
        """The numbers of the quotients with a factor, more than a symbol, all of which is among the names."""
        found = sorted({n for name in names for n in self._quotients.get(name, ())})
        return [n for n in found if any(key <= names for key in _factors_read(self._equations[n]))]

    def steps(self, expression: Expr) -> list[Reason]:
        """Return the steps to a shorter equal expression, if there are any."""
        found, value = list[Reason](), expression
        for rule, shorten in ((ZERO_SUM, self.without_zero_sums), (STATED, self.with_tensors)):
            before, value = value, shorten(value)
            found += [Reason((rule,), value)] if value != before else []
        return found

    def with_tensors(self, expression: Expr) -> Expr:
        """Put tensors in for the products that define them, and write sums in denominators as they are stated."""
        if not self._compares or not expression.atoms(Pow):
            return expression
        return expression.replace(lambda e: isinstance(e, Mul), self._with_tensors)

    def _with_tensors(self, expression: Expr) -> Expr:
        found = Factors.of(expression)
        for number in self._quotients_of({*symbols_read(expression)}):
            equation = self._equations[number]
            for at in _places(equation, expression):
                stated = _factors_at(equation, at)
                for key in stated.powers.keys() & found.powers.keys():
                    found = _as_stated(found, key, stated.powers[key][0])
                if _contains(found, stated):
                    found = _divided(found, stated, equation.target[at])
        return found.expression()

    # ------------------------------------------------------------ sums that are zero

    def without_zero_sums(self, expression: Expr) -> Expr:
        """Replace every sum that is identically zero, such as that of the deviations from a mean, by zero."""
        zero = {node for node in expression.atoms(Sum) if self._is_zero(node)}
        return expression.replace(lambda e: e in zero, lambda e: Integer(0)) if zero else expression

    def _is_zero(self, node: Sum) -> bool:
        if self._has_balanced(node):
            return True
        if not node.function.is_Add and self._linear.keys().isdisjoint(symbols_read(node.function)):
            return False
        return self._cancels(node)

    def _cancels(self, node: Sum) -> bool:
        """Whether the terms of a sum cancel, as they are or with the equations of means and differences put in."""
        value, near = distributed(node), self.about(symbols_read(node.function))._linear_equations
        for equation in reversed(near):  # the last first, so that what it reads is found in one form
            value = distributed(_opened(self._without_balanced(value), equation))
        return bool(self._without_balanced(value) == 0)

    def _without_balanced(self, value: Expr) -> Expr:
        """Replace the sums of the entries of tensors that are 0 in sum by zero."""
        return value.replace(lambda e: isinstance(e, Sum) and self._has_balanced(e), lambda e: Integer(0))

    def _has_balanced(self, node: Sum) -> bool:
        return any(self._is_balanced(node.function, limit[0]) for limit in node.limits)

    def _is_balanced(self, summand: Expr, index: Index) -> bool:
        """Whether a summand is an entry of a tensor that is 0 in sum, times what does not change along the axis."""
        along = [f for f in Mul.make_args(summand) if index in f.free_symbols]
        if len(along) != 1 or not isinstance(along[0], Indexed):
            return False
        places = [n for n, place in enumerate(along[0].indices) if place.has(index)]
        balanced = self._balanced.get(along[0].base.label, ())
        return len(places) == 1 and along[0].indices[places[0]] == index and (places[0], index.axis) in balanced

    @property
    def _linear_equations(self) -> list[Equation]:
        """The equations of means and differences, in order."""
        return [self._equations[n] for n in sorted(self._linear.values())]


def _opened(value: Expr, equation: Equation) -> Expr:
    """Put the right side of an equation in for its tensor."""
    label = equation.target.symbol
    if not equation.indices:
        return value.xreplace({label: equation.expression})

    def is_inside(e: Expr) -> bool:
        own = isinstance(e, Indexed) and e.base.label == label
        return own and all(
            getattr(i, "axis", None) == axis for i, axis in zip(e.indices, equation.target.axes, strict=True)
        )

    return value.replace(is_inside, lambda e: equation.at(tuple(e.indices)))


@lru_cache(maxsize=4096)
def _factors_at(equation: Equation, at: tuple[Expr, ...]) -> Factors:
    """The factors of an equation at some indices, at which many formulas may be compared with it."""
    return Factors.of(equation.at(at))


@lru_cache(maxsize=1024)
def _factors_read(equation: Equation) -> tuple[frozenset[str], ...]:
    """What the factors of a quotient read, except those that are one symbol and are written in one way only."""
    keys = Factors.of(equation.expression).powers
    return tuple(frozenset(symbols_read(key)) for key in keys if not key.is_Symbol)


def _is_linear(term: Expr) -> bool:
    factors = [f for f in Mul.make_args(term) if f.has(Indexed)]
    return len(factors) == 1 and (
        isinstance(factors[0], Indexed)
        or (isinstance(factors[0], Sum) and all(map(_is_linear, Add.make_args(factors[0].function))))
    )


def _places(equation: Equation, expression: Expr) -> Iterable[tuple[Expr, ...]]:
    """The choices of indices of an expression for those of an equation with which they may share a factor.

    All that the factor reads then is read by the expression, at the same free indices.
    """
    known = sorted((s for s in expression.free_symbols if isinstance(s, Index)), key=str)
    read, factors = _entries_read(expression), _entries_of_factors(equation)
    seen = set[tuple[tuple[int, ...], tuple[Expr, ...]]]()
    for at in product(*([k for k in known if k.axis == i.axis] for i in equation.indices)):
        new: dict[Any, Any] = dict(zip(equation.indices, at, strict=True))
        shared = [
            number
            for number, (entries, _) in enumerate(factors)
            if all((n, tuple(new.get(i, i) for i in places)) in read for n, places in entries)
        ]
        used = {i for number in shared for i in factors[number][1]}
        # What else the equation reads makes a difference only where all of it may be shared.
        choice = (
            tuple(shared),
            at if len(shared) == len(factors) else tuple(new[i] for i in equation.indices if i in used),
        )
        if shared and choice not in seen:
            seen.add(choice)
            yield at


@lru_cache(maxsize=1024)
def _entries_of_factors(equation: Equation) -> tuple[tuple[frozenset[_Entry], frozenset[Expr]], ...]:
    """For each factor, the entries and the free indices that it reads."""
    bases = [base for base, _ in Factors.of(equation.expression).powers.values()]
    return tuple((_entries_read(b), frozenset(b.free_symbols.intersection(equation.indices))) for b in bases)


@lru_cache(maxsize=1024)
def _entries_read(expression: Expr) -> frozenset[_Entry]:
    """The entries that an expression reads, by name and indices, without those that a sum binds, and without others."""
    free = expression.free_symbols
    entries = {
        (e.base.label.name, tuple(i if isinstance(i, Index) and i in free else None for i in e.indices))
        for e in expression.atoms(Indexed)
    }
    plain = {s.name for s in expression.free_symbols if isinstance(s, Symbol) and not isinstance(s, Index)}
    return frozenset(entries | {(name, ()) for name in plain})


def _as_stated(found: Factors, key: Expr, base: Expr) -> Factors:
    """The same product with a base in the form in which it is stated."""
    own, exponent = found.powers[key]
    number = (_primitive(own, exponent)[0] / _primitive(base, exponent)[0]) ** exponent
    return Factors(found.number * number, {**found.powers, key: (base, exponent)})


def _contains(found: Factors, stated: Factors) -> bool:
    """Whether a product can be split off without a division, and one of its factors then disappears."""
    pairs = [(found.powers[key][1], e) for key, (_, e) in stated.powers.items() if key in found.powers]
    shares = [a / b for a, b in pairs]
    return len(pairs) == len(stated.powers) and all(s.is_Rational and s >= 1 for s in shares) and 1 in shares


def _divided(found: Factors, stated: Factors, entry: Expr) -> Factors:
    powers = dict(found.powers)
    for key, (_, exponent) in stated.powers.items():
        base, own = powers.pop(key)
        if own != exponent:
            powers[key] = base, own - exponent
    _, before = powers.get(entry, (entry, Integer(0)))
    return Factors(found.number / stated.number, {**powers, entry: (entry, before + 1)})


def distributed(expression: Expr) -> Expr:
    """Multiply out and apply every sum to each of its terms, so that equal sums meet."""
    return tidy(_distributed(expression))


def _distributed(expression: Expr) -> Expr:
    if not expression.has(Sum):
        return expression
    if not isinstance(expression, Sum):
        made = expression.func(*map(_distributed, expression.args))
        return expand_mul(made) if isinstance(made, Expr) else made  # a condition
    bound = [limit[0] for limit in expression.limits]
    found = []
    for term in Add.make_args(expand_mul(_distributed(expression.function))):
        inside = [f for f in Mul.make_args(term) if f.free_symbols & set(bound)]
        used = [b for b in bound if any(b in f.free_symbols for f in inside)]
        count = Mul(*(b.axis.extent for b in bound if b not in used))
        outside = Mul(*(f for f in Mul.make_args(term) if f not in inside))
        found.append(count * outside * (total(Mul(*inside), *used) if used else 1))
    return Add(*found)
