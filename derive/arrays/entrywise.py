"""Fuse elementwise parts of a formula into functions of one pre-activation.

A function of one number can be rearranged (``stable``). Both the whole formula and its
separate terms are tried.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import mpmath
import numpy as np
from sympy import (
    Add,
    Dummy,
    Expr,
    Function,
    Indexed,
    Integer,
    Max,
    Min,
    Mul,
    Pow,
    Sum,
    Symbol,
    exp,
    expand,
    factor_terms,
    log,
)
from sympy.concrete.expr_with_limits import ExprWithLimits

from derive.arrays.along import Along
from derive.arrays.rewriting import indices_of, opened
from derive.arrays.stable import StableForm, stable_form
from derive.arrays.trial import GREATEST, Evaluator, Remembered, is_exact, no_worse, relative
from derive.calculus.cases import Cases
from derive.calculus.evaluate import Arithmetic, Interpreter
from derive.calculus.functions import Elementwise, X, elementwise

#: The points at which a function of one number is tried, and the targets used with it.
POINTS = (0.0, 1e-9, 1e-3, 1.0, 6.0, 20.0, 36.0, 40.0, 360.0, 800.0, 1e4)
TARGETS = (0.0, 1.0, 0.25)


#: The names given to functions, each with its definition.
Titles = tuple[tuple[str, Any], ...]


@dataclass
class Fusing:
    """Creates functions from formulas; ``titles`` are the names given so far, with their definitions.

    ``alone`` is the title of parts of a derivative that read no target, and so are no slopes of the error.
    """

    evaluator: Evaluator
    title: str
    summary: str
    alone: str = ""
    titles: dict[str, Any] = field(default_factory=dict)

    def whole(self, expression: Expr) -> Expr:
        """Replace each elementwise part that would lose digits by one function."""
        return self._everywhere(expression, self._one)

    def terms(self, expression: Expr) -> Expr:
        """Replace each term of such a part by one function of the pre-activation, times the rest."""
        self.summary = f"A part of {self.summary[0].lower()}{self.summary[1:]}"
        return self._everywhere(expression, self._each)

    def _everywhere(self, expression: Expr, fuse: Any) -> Expr:
        """Outermost parts come first, because a derivative multiplies a bracket that contains a quotient."""
        z = entry_of(expression)
        if z is not None and is_risky(expression):
            fused: Expr = fuse(expression, z)
            if fused != expression:
                return fused
        if isinstance(expression, Indexed) or not expression.args:
            return expression
        if isinstance(expression, Cases):
            return Cases(*((self._everywhere(value, fuse), condition) for value, condition in expression.args))
        if isinstance(expression, ExprWithLimits):
            return expression.func(self._everywhere(expression.function, fuse), *expression.limits)
        if isinstance(expression, Mul):
            return Mul(*self._by_entry(expression.args, fuse))
        return expression.func(*(self._everywhere(a, fuse) if isinstance(a, Expr) else a for a in expression.args))

    def _by_entry(self, factors: Iterable[Expr], fuse: Any) -> Iterator[Expr]:
        """Yield the factors, with those that are functions of the same entry fused together."""
        groups: dict[Expr | None, list[Expr]] = {}
        for factor in factors:
            groups.setdefault(entry_of(factor), []).append(factor)
        for entry, some in groups.items():
            together = fused = Mul(*some)
            if entry is not None and entry_of(together) == entry and is_risky(together):
                fused = fuse(together, entry)
            if fused != together:
                yield fused
            else:  # also where a number that is learned stands beside the entry
                yield from (self._everywhere(factor, fuse) for factor in some)

    def _one(self, expression: Expr, z: Indexed) -> Expr:
        return self._product(expression, z) or self._product(factor_terms(expand(expression)), z) or expression

    def _each(self, expression: Expr, z: Indexed) -> Expr:
        plain = {a: Dummy() for a in expression.atoms(Add) if not a.has(Function)}
        back = {dummy: a for a, dummy in plain.items()}
        terms = Add.make_args(expand(expression.xreplace(plain)))
        return Add(*(self._term(t.xreplace(back), z) for t in terms))

    def _term(self, term: Expr, z: Indexed) -> Expr:
        inside = [f for f in Mul.make_args(term) if f.has(z)]
        alone = len(inside) == 1 and isinstance(inside[0], Pow | Elementwise) and not is_risky(inside[0].args[0])
        return term if not inside or alone else self._product(term, z) or term

    def _product(self, product: Expr, z: Indexed) -> Expr | None:
        """Fuse the factors that depend on the pre-activation; None if they contain a width, or a maximum of several."""
        inside = [f for f in Mul.make_args(product) if f.has(z)]
        value = Mul(*inside)
        others = sorted(value.atoms(Indexed) - {z}, key=str)
        names = {o: Symbol(f"y{n or ''}", real=True) for n, o in enumerate(others)}
        definition = opened(value).xreplace({z: X, **names})
        if definition.free_symbols - {X, *names.values()} or definition.has(Max, Min):
            return None
        function = self._named(definition, tuple(names.values()), value, z)
        return Mul(function(z, *others), *(f for f in Mul.make_args(product) if f not in inside))

    def _named(self, definition: Expr, others: tuple[Symbol, ...], value: Expr, z: Indexed) -> Any:
        inner = next((n for n in sorted(value.atoms(Elementwise), key=str) if not n.order), None)
        about = inner.title if inner is not None else z.base.label.name
        plain = (self.title if others or not self.alone else self.alone).format(about)
        made = (definition, others)
        title = next(t for t in _numbered(plain) if self.titles.setdefault(t, made) == made)
        summary = f"{self.summary}, from the pre-activation x{' and the target' if others else ''}"
        return elementwise(
            title,
            definition,
            others=others,
            summary=summary if others or not self.alone else "The part of a derivative that depends on an entry x",
            form=proved_form(self.evaluator, definition, others),
        )


def _numbered(title: str) -> Iterator[str]:
    yield title
    number = 2
    while True:
        yield f"{title}_{number}"
        number += 1


def entry_of(expression: Expr) -> Indexed | None:
    """Return the only entry that an elementwise expression depends on, or None."""
    if expression.has(Sum, Along, ExprWithLimits, Cases):
        return None
    calls = expression.atoms(Function)
    read = {a for f in calls for a in f.atoms(Indexed)}
    if len(read) != 1 or any(c.args[1:] for c in calls):
        return None
    (z,) = read
    others = expression.atoms(Indexed) - {z}
    fits = all(set(o.indices) <= set(z.indices) for o in others) and indices_of(expression) == indices_of(z)
    return z if fits and not any(map(loose_symbols, calls)) else None


def loose_symbols(expression: Expr) -> set[Any]:
    """The scalars and widths that an expression reads in addition to entries."""
    read: set[Any] = expression.free_symbols
    return read - {s for e in expression.atoms(Indexed) for s in e.free_symbols}


def is_risky(expression: Expr) -> bool:
    """Whether a formula has log(f), 1/f or c - f of a function f, or exp outside other functions."""
    return any(_loses(node) for node in _parts(expression))


def _parts(expression: Expr) -> Iterator[Expr]:
    yield expression
    if not isinstance(expression, Indexed | Elementwise):
        for argument in expression.args:
            if isinstance(argument, Expr):
                yield from _parts(argument)


def _loses(node: Expr) -> bool:
    if isinstance(node, log | exp):
        return True
    if isinstance(node, Pow):
        return bool(node.base.has(Function)) and not (node.exp.is_Integer and node.exp.is_positive)
    return isinstance(node, Add) and any(t.is_number for t in node.args) and node.has(Function)


# Which form of a function is computed.


@cache
def proved_form(evaluator: Evaluator, definition: Expr, others: tuple[Symbol, ...] = ()) -> StableForm:
    """Return the most accurate form in the trials: as stated, rearranged, or rearranged term by term."""
    plain = StableForm(definition)
    best, least = plain, _errors(evaluator, plain, definition, others)
    for form in _forms(definition, others):
        errors = _errors(evaluator, form, definition, others)
        if is_exact(errors):
            return form
        if no_worse(errors, least) and _loss(errors) < _loss(least):
            best, least = form, errors
    return best


def _loss(errors: tuple[float, ...]) -> tuple[int, float]:
    """The number of points at which a form fails, and the sum of the other errors."""
    finite = [e for e in errors if not math.isinf(e)]
    return len(errors) - len(finite), sum(finite)


def _forms(definition: Expr, others: tuple[Symbol, ...]) -> Iterator[StableForm]:
    yield stable_form(definition)
    yield stable_form(definition, proved=False)
    mixed = _mixed(definition, *others) if len(others) == 1 else None
    if mixed is not None:
        yield mixed


def _mixed(definition: Expr, share: Symbol) -> StableForm | None:
    """What is linear in another argument, as ``share * f(1) + (1 - share) * f(0)``, each of which has its own form.

    The terms of f(0) cancel at 1 only if they are collected, which these are not.
    """
    if definition.diff(share).has(share):
        return None
    one, zero = (stable_form(definition.subs(share, Integer(end)), proved=False) for end in (1, 0))
    if one.inner != zero.inner or one.rate != zero.rate:
        return None
    return StableForm(share * one.value + (1 - share) * zero.value, one.rate, one.inner)


@cache
def true_values(definition: Expr, others: tuple[Symbol, ...]) -> tuple[tuple[tuple[float, ...], Any], ...]:
    """Exact values at all points; None where the function has no value."""
    machine = Interpreter({}, {}, {}, Arithmetic(Remembered(), mpmath.mpf))
    found = []
    for point in sorted({sign * p for p in POINTS for sign in (-1, 1)}):
        for beside in _beside(len(others)):
            with mpmath.workdps(60 + min(int(abs(point)), 800)):
                given = (point, *beside)
                try:
                    true = machine.number(definition, dict(zip((X, *others), given, strict=True)))
                except (ZeroDivisionError, ValueError, OverflowError):
                    true = None
                found.append((given, true if isinstance(true, mpmath.mpf) and mpmath.isfinite(true) else None))
    return tuple(found)


def _beside(count: int) -> list[tuple[float, ...]]:
    """The values of ``count`` other arguments: all different, or all but one equal to 0."""
    unlike = [tuple(target + n / 2 for n in range(count)) for target in (TARGETS if count else (0.0,))]
    return [*unlike, *(tuple(np.eye(count)[n].tolist()) for n in range(count if count > 1 else 0))]


def _errors(evaluator: Evaluator, form: StableForm, definition: Expr, others: tuple[Symbol, ...]) -> tuple[float, ...]:
    """The error at each point; infinite where NumPy would warn although the exact value is finite."""
    code = evaluator.function(form, others)
    return tuple(_error_at(code, given, true) for given, true in true_values(definition, others))


def _error_at(code: Any, given: tuple[float, ...], true: Any) -> float:
    with np.errstate(all="raise", under="ignore"):
        try:
            return relative(np.asarray(code(*(np.array([g]) for g in given))).item(), true)
        except FloatingPointError:
            return 0.0 if true is None or abs(true) > GREATEST else math.inf
