"""Kronecker deltas: expand the terms that contain one, contract, and tidy the result.

SymPy's own ``doit`` on a sum of deltas returns ``Piecewise`` range conditions
and leaves some deltas behind. Here every index knows its range, so a delta is
contracted only where that is provably correct and kept otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import product
from typing import Any

from sympy import (
    Add,
    Dummy,
    Expr,
    Indexed,
    Integer,
    KroneckerDelta,
    Mul,
    Pow,
    Sum,
    acosh,
    expand_mul,
    factor_terms,
    log,
    sympify,
)
from sympy.concrete.expr_with_limits import ExprWithLimits

from derive.calculus.affine import affine, lies_on, misses, solved
from derive.calculus.cases import Cases
from derive.calculus.extremes import Extreme, Selected
from derive.calculus.form import reused
from derive.calculus.index import SPELLED, Axis, Index, IndexSupply, put, total
from derive.calculus.products import ProductOver
from derive.record import record

#: The axes of tensors by their names.
Ranges = Mapping[str, tuple[Axis, ...]]


@record
class Term:
    """A product of factors, summed over ``bound``: the normal form of one summand."""

    bound: tuple[Index, ...]
    factors: tuple[Expr, ...]

    def expression(self) -> Expr:
        """The term as a SymPy expression, with factors that do not depend on a bound index outside the sum."""
        summed = set(self.bound)
        inside = [f for f in self.factors if f.free_symbols & summed]
        outside = [f for f in self.factors if not f.free_symbols & summed]
        used = tuple(b for b in self.bound if any(b in f.free_symbols for f in inside))
        count = Mul(*(b.axis.extent for b in self.bound if b not in used))
        body = Mul(*inside)
        return Mul(count, *outside, total(body, *used) if used else body)


def expand(expression: Expr, supply: IndexSupply) -> list[Term]:
    """Split into terms, multiplying out only the sums that contain a delta.

    The bound indices of an opened sum are renamed, because another sum in the same product
    may bind the same index.
    """
    expression = sympify(expression)
    if isinstance(expression, KroneckerDelta):
        indices = [s for s in expression.free_symbols if isinstance(s, Index)]
        alone = {i: Integer(i.axis.start) for i in indices if len(indices) == 1 and i.axis.extent == 1}
        return [Term((), (expression.xreplace(alone),))]
    if not expression.has(KroneckerDelta):
        return [Term((), tuple(Mul.make_args(expression)))]
    if isinstance(expression, Add):
        return [term for part in expression.args for term in expand(part, supply)]
    if isinstance(expression, Mul):
        parts = product(*(expand(factor, supply) for factor in expression.args))
        return [_multiply(terms) for terms in parts]
    if isinstance(expression, Sum):
        fresh = {limit[0]: supply.fresh(limit[0].axis) for limit in expression.limits}
        body = put(expression.function, fresh)
        return [Term((*fresh.values(), *t.bound), t.factors) for t in expand(body, supply)]
    if isinstance(expression, Cases):
        return _cases(expression, supply)
    return [Term((), (expression,))]  # a delta in a function, which the author wrote


def chosen(cases: list[tuple[Expr, Any]]) -> Expr:
    """Return cases with the deltas in front of them that all values have in common, except those that are 0."""
    found = [{f for f in Mul.make_args(value) if isinstance(f, KroneckerDelta)} for value, _ in cases if value != 0]
    shared = Mul(*set.intersection(*found)) if found else Integer(1)
    return Mul(shared, Cases(*((value / shared, condition) for value, condition in cases)))


def _cases(choice: Cases, supply: IndexSupply) -> list[Term]:
    """Move the deltas, and the sums that still contain one, out of the cases."""
    found: dict[tuple[tuple[Index, ...], tuple[Expr, ...]], list[Expr]] = {}
    for number, (value, _) in enumerate(choice.args):
        for term in expand(contract(value, supply), supply):
            deltas = tuple(sorted((f for f in term.factors if isinstance(f, KroneckerDelta)), key=str))
            others = (f for f in term.factors if not isinstance(f, KroneckerDelta))
            found.setdefault((term.bound, deltas), [Integer(0)] * len(choice.args))[number] += Mul(*others)
    conditions = [condition for _, condition in choice.args]
    return [
        Term(bound, (*deltas, Cases(*zip(values, conditions, strict=True))))
        for (bound, deltas), values in found.items()
    ]


def _multiply(terms: Iterable[Term]) -> Term:
    chosen = tuple(terms)
    bound = tuple(b for term in chosen for b in term.bound)
    return Term(bound, tuple(f for term in chosen for f in term.factors))


def contract(expression: Expr, supply: IndexSupply, over: tuple[Index, ...] = (), ranges: Ranges | None = None) -> Expr:
    """Sum ``expression`` over the indices ``over`` and contract every delta with a bound index.

    ``ranges`` are the axes of the tensors that may be read outside them.

    >>> from sympy import Integer, Symbol
    >>> from derive.calculus.index import delta
    >>> i, j = (Index(n, Axis(Integer(3))) for n in "ij")
    >>> contract(delta(i, j) * Symbol("c"), IndexSupply(), over=(j,))
    c
    """
    terms = (_collapse(Term(over + t.bound, t.factors), ranges or {}) for t in expand(expression, supply))
    return Add(*(t.expression() for t in terms if t is not None))


def _collapse(term: Term, ranges: Ranges) -> Term | None:
    """Contract each delta that has a bound index; return None if a delta shows that the term is zero.

    A bound index is replaced by the value at which the two sides of the delta are equal. That value may lie
    outside the range of the sum only if a factor is 0 there: an entry that is read at the index itself, because
    what is read outside a tensor is 0. Otherwise the delta is kept, with its sum: it states exactly where the term
    is not zero.
    """
    found = [*_solutions(term)]
    found.sort(key=lambda solution: not solution[2].free_symbols)  # a place that is fixed is said by its delta alone
    for factor, old, new in found:
        if misses(new, old.axis):
            return None
        if not _is_simple(old, new, term.factors):
            continue
        if lies_on(new, old.axis) or _is_guarded(old, [f for f in term.factors if f is not factor], ranges):
            return _collapse(_without(term, factor, old, new), ranges)
    return term


def _solutions(term: Term) -> Iterator[tuple[Expr, Index, Expr]]:
    """Yield each delta of a term with a bound index of it, and the value of that index where it is not 0."""
    for factor in term.factors:
        if isinstance(factor, KroneckerDelta):
            plain = [a for a in factor.args if a in term.bound]
            for old in plain or term.bound:
                left, right = factor.args
                new = solved(left, right, old) if factor.has(old) else None
                if new is not None:
                    yield factor, old, new


def _is_simple(old: Index, new: Expr, factors: Iterable[Expr]) -> bool:
    """Whether a formula may take the place of an index.

    With steps other than 1 it may read most entries in vain, as that of a stride does, and unlike that of a dilation,
    and a maximum would be searched for at each of them: what the delta says, to add each term in its place, takes
    fewer operations.
    """
    form = affine(new)
    if form is None or len(form.terms) < 2:
        return True
    in_steps = all(abs(step) == 1 for _, step in form.terms)
    reads_inside = bool((2 * old.axis.extent - (form.greatest - form.least + 1)).is_nonnegative)
    return (in_steps or reads_inside) and not any(
        node.free_symbols & {old} for factor in factors for node in factor.atoms(Extreme, Selected, ProductOver)
    )


def _is_guarded(index: Index, factors: list[Expr], ranges: Ranges) -> bool:
    """Whether a product is 0 wherever an index is out of its range, and has a value there."""
    has_none = any(node.has(index) and _has_none_at_zero(node) for f in factors for node in f.atoms(Pow, log, acosh))
    return not has_none and any(_is_zero_outside(f, index, ranges) for f in factors)


def _has_none_at_zero(node: Expr) -> bool:
    """Whether a power or a function may have no value where entries are 0."""
    return not isinstance(node, Pow) or bool(node.exp.is_negative) or not node.exp.is_number


def _is_zero_outside(factor: Expr, index: Index, ranges: Ranges) -> bool:
    """Whether a factor is 0 wherever ``index`` is out of its range: it reads an entry at the index itself."""
    if isinstance(factor, Indexed):
        axes = ranges.get(factor.base.label.name, ())
        return any(i == index and axis == index.axis for i, axis in zip(factor.indices, axes, strict=False))
    if isinstance(factor, Pow):
        return bool(factor.exp.is_positive) and _is_zero_outside(factor.base, index, ranges)
    if isinstance(factor, Sum):
        return _is_zero_outside(factor.function, index, ranges)
    if isinstance(factor, Cases):
        return all(value == 0 or _is_zero_outside(value, index, ranges) for value, _ in factor.args)
    among = any if isinstance(factor, Mul) else all
    return isinstance(factor, Mul | Add) and among(_is_zero_outside(a, index, ranges) for a in factor.args)


def _without(term: Term, used: Expr, old: Index, new: Expr) -> Term:
    bound = tuple(b for b in term.bound if b != old)
    factors = (put(f, {old: new}) for f in term.factors if f is not used)
    return Term(bound, tuple(g for f in factors for g in Mul.make_args(f)))


def tidy(expression: Expr) -> Expr:
    """Factor out what all terms share, and write a difference so that its coefficient is positive."""
    return reused(lambda: _tidied(expression), (tidy, expression))


def _tidied(expression: Expr) -> Expr:
    powers = {p: Dummy() for p in expression.atoms(Pow) if isinstance(p.base, Add)}  # kept as they are written
    bound = {limit[0] for s in expression.atoms(Sum) for limit in s.limits} if powers else set()
    powers = {p: dummy for p, dummy in powers.items() if not p.free_symbols & bound}
    plain = without_equal_sums(expression).xreplace(powers)
    pulled = factor_terms(plain).xreplace({dummy: power for power, dummy in powers.items()})
    places = (
        d for d in pulled.atoms(KroneckerDelta) if any(isinstance(side, Mul) and side.has(Add) for side in d.args)
    )
    if spread := {d: d.func(*map(expand_mul, d.args)) for d in places}:  # factors of a place are none of the terms
        pulled = pulled.xreplace(spread)
    empty = [s for s in pulled.atoms(Sum) if not s.function.free_symbols & {limit[0] for limit in s.limits}]
    if empty:  # the sum of a constant is the constant times the number of its terms
        counted = {s: s.function * Mul(*(limit[0].axis.extent for limit in s.limits)) for s in empty}
        return tidy(pulled.xreplace(counted))
    number, rest = pulled.as_coeff_Mul()
    if not number.is_negative:
        return pulled
    factors = list(Mul.make_args(rest))
    for position, factor in enumerate(factors):
        if isinstance(factor, Add) and _mixed_signs(factor):
            factors[position] = Add(*(-term for term in factor.args))
            return _scaled(-number, factors)
    return pulled


def without_equal_sums(expression: Expr) -> Expr:
    """Combine terms that are equal up to the names of bound indices, which SymPy takes for different sums."""
    if len(expression.atoms(Sum)) < 2:
        return expression
    return expression.replace(lambda e: isinstance(e, Add) and e.has(Sum), _combined)


def _combined(terms: Add) -> Expr:
    found: dict[Expr, tuple[Expr, Expr]] = {}
    for term in terms.args:
        number, rest = term.as_coeff_Mul()
        kept, total_number = found.get(key := renumbered(rest), (rest, Integer(0)))
        found[key] = kept, total_number + number
    if len(found) == len(terms.args):
        return terms
    return Add(*(number * rest for rest, number in found.values()))


@lru_cache(maxsize=4096)  # the parts of a formula are compared again and again
def renumbered(expression: Expr, depth: int = 0) -> Expr:
    """Rename bound indices by their axes and their depth, so that equal sums are equal expressions."""
    if not expression.has(ExprWithLimits):
        return expression
    if not isinstance(expression, ExprWithLimits):
        return expression.func(*(renumbered(a, depth) for a in expression.args))
    names = {limit[0]: Index(f"{SPELLED}{depth + n}", limit[0].axis) for n, limit in enumerate(expression.limits)}
    body = renumbered(put(expression.function, names), depth + len(names))
    return expression.func(body, *((names[index], *ends) for index, *ends in expression.limits))


def _scaled(number: Expr, factors: list[Expr]) -> Expr:
    """Return number * factors without letting SymPy distribute the number over a single sum."""
    alone = len(factors) == 1 and number != 1
    return Mul(number, *factors, evaluate=not alone)


def _mixed_signs(terms: Add) -> bool:
    signs = {bool(term.could_extract_minus_sign()) for term in terms.args}
    return len(signs) == 2
