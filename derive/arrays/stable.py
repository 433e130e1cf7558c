"""Numerically stable forms of elementwise functions, derived by rewriting.

With e = exp(-|x|), every exponential of x is a power of e on each side of
zero, and e lies between 0 and 1. A rational function of exp(x) therefore becomes
a quotient of polynomials in e. If the coefficients of each polynomial have the same
sign, nothing can cancel or overflow. The logarithm of such a quotient splits into
logarithms of powers of e, which are multiples of |x|, and log1p. Other expressions
are left unchanged.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, reduce
from itertools import pairwise
from math import lcm
from typing import Any

from sympy import (
    Abs,
    Add,
    Dummy,
    Expr,
    Function,
    Integer,
    Mul,
    Piecewise,
    Poly,
    Pow,
    Symbol,
    cancel,
    collect,
    cos,
    cosh,
    default_sort_key,
    erf,
    exp,
    expand,
    factor,
    gcd,
    log,
    nan,
    sign,
    sin,
    sinh,
    sqrt,
    tanh,
    together,
    true,
    zoo,
)

from derive.calculus.functions import CALLS, X, borders, local
from derive.record import record


class log1p(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """log(1 + x), exact for small x."""

    nargs = 1


class log1p_ratio(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """log(1 + x)/x, which is 1 at 0."""

    nargs = 1


class erfc(Function):  # type: ignore[misc]  # SymPy's own turns erfc(-x) into 2 - erfc(x)
    """1 - erf(x), exact where that is small."""

    nargs = 1


#: exp(-rate*|u|), the only exponential in a rearranged form, and exp(-rate*|u|) - 1.
E_POWER = Symbol("e", positive=True)
E_LESS_ONE = Symbol("d", negative=True)
#: e where |x| < 1, and 1 elsewhere: safe as a denominator near zero.
E_NEAR = Symbol("e_near", positive=True)


#: Functions that the rewriting does not handle.
_OTHERS = tuple(f for f, call in CALLS.items() if not call.exponential)


@record
class StableForm:
    """``value`` in terms of ``X``, ``E_POWER`` = exp(-rate*|inner|), ``E_LESS_ONE`` and ``E_NEAR``.

    ``rate`` is None if no exponential is used. ``inner`` is an odd polynomial with the sign of ``X``.
    """

    value: Expr
    rate: Expr | None = None
    inner: Expr = X


@cache
def stable_form(definition: Expr, proved: bool = True) -> StableForm:
    """Rewrite ``definition``, an expression in ``X``, so that it is accurate for every X.

    With ``proved=False`` the result may still cancel or overflow and has to be tried.
    """
    plain = _guarded(_near_one(_tails(definition)))
    if definition.args == (X,):
        return StableForm(definition)
    curved = sorted((power for power in definition.atoms(exp) if power.args[0].has(Function)), key=default_sort_key)
    nested = {power: Dummy(positive=True) for power in curved}
    if nested:  # a factor beside it may have a stable form
        form = stable_form(definition.xreplace(nested), proved)
        return replace(form, value=form.value.xreplace({dummy: power for power, dummy in nested.items()}))
    rewritten = definition.rewrite([tanh, cosh, sinh], exp)
    powers = None if rewritten.has(*_OTHERS) else _powers(rewritten)
    if powers is None:
        return StableForm(plain)
    powers = replace(powers, proved=proved)
    try:
        value = _cases(rewritten, powers)
    except _Unproved:
        return StableForm(plain)
    if value.has(nan, zoo):
        return StableForm(plain)
    if not value.has(E_POWER, E_LESS_ONE):
        return StableForm(value)
    roots = lcm(*(int(p.exp.q) for p in value.atoms(Pow) if p.base == E_POWER and p.exp.is_Rational))
    if roots > 1 and not value.has(E_LESS_ONE, E_NEAR):  # a root of e is a power with a smaller rate
        return StableForm(value.xreplace({E_POWER: E_POWER**roots}), powers.rate / roots, powers.inner)
    doubled = value.xreplace({E_POWER: sqrt(E_POWER)})
    even = not value.has(E_LESS_ONE, Abs) and all(p.exp.is_Integer for p in doubled.atoms(Pow) if p.base == E_POWER)
    return StableForm(doubled, 2 * powers.rate, powers.inner) if even else StableForm(value, powers.rate, powers.inner)


def form_of(function: Any) -> StableForm:
    """Return the stable form of an elementwise function."""
    form: StableForm = function.form or stable_form(function.definition)
    return form


class _Unproved(Exception):
    """The form may cancel or overflow."""


@record
class _Powers:
    """The common base of all exponentials of an expression, exp(rate*inner); ``inner`` is odd with the sign of X."""

    rate: Expr
    inner: Expr
    proved: bool = True

    @property
    def tried(self) -> _Powers | None:
        """The powers themselves if no proof is required, else None."""
        return None if self.proved else self

    def of_e(self, exponent: Expr, sign: int) -> Expr:
        """exp(exponent) as a power of e, where sign*X >= 0."""
        return E_POWER ** (-sign * cancel(exponent / (self.rate * self.inner)))


def _powers(expression: Expr) -> _Powers | None:
    """Find the common base; None if there is no exponential of X, or none that is large on one side only."""
    exponents = sorted((power.args[0] for power in expression.atoms(exp)), key=default_sort_key)
    if not exponents:
        return None
    inner = X if exponents[0].coeff(X) * X == exponents[0] else exponents[0]
    if inner != X and not inner.is_polynomial(X):
        return None
    if inner != X:
        polynomial = Poly(inner, X)
        signs = {c.is_positive for c in polynomial.coeffs()}
        if len(signs) > 1 or not all(power % 2 for (power,) in polynomial.monoms()):
            return None
        inner = inner if signs == {True} else -inner
    rates = [cancel(exponent / inner) for exponent in exponents]
    return _Powers(abs(reduce(gcd, rates)), inner) if all(r.is_Rational for r in rates) else None


def _tails(expression: Expr) -> Expr:
    """Write c + c*erf(u) as c*erfc(-u), c - c*erf(u) as c*erfc(u), and c - c*cos(u) as 2*c*sin(u/2)**2."""

    def joined(sum_: Expr) -> Expr:
        number, _ = sum_.as_coeff_Add()
        for term in sum_.args:
            share, function = term.as_coeff_Mul()
            if isinstance(function, erf) and abs(share) == abs(number):
                argument = function.args[0] if share == -number else -function.args[0]
                return sum_ - number - term + number * erfc(argument)
            if isinstance(function, cos) and share == -number:
                return sum_ - number - term + 2 * number * sin(function.args[0] / 2) ** 2
        return sum_

    return expression.replace(lambda e: isinstance(e, Add) and e.has(erf, cos), joined)


def _near_one(expression: Expr) -> Expr:
    """Write log(1 + u) as log1p(u), which is exact where u is small."""
    return expression.replace(
        lambda e: isinstance(e, log) and isinstance(e.args[0], Add) and e.args[0].as_coeff_Add()[0] == 1,
        lambda e: log1p(e.args[0] - 1),
    )


def _guarded(expression: Expr) -> Expr:
    """Replace the arguments of a case's logarithms by 1 where another case holds."""
    if not isinstance(expression, Piecewise):
        return expression

    def guarded(value: Expr, condition: Any) -> Expr:
        return value.replace(log, lambda argument: log(Piecewise((argument, condition), (1, True))))

    return Piecewise(*((value if c == true else guarded(value, c), c) for value, c in expression.args))


def _cases(expression: Expr, powers: _Powers) -> Expr:
    """Rearrange case by case; a case that holds on one side of zero only is rearranged for that side."""
    if not isinstance(expression, Piecewise):
        return _both_sides(expression, powers)
    cuts = sorted({Integer(0), *(point for point, _, _ in borders(expression))})
    points = [cuts[0] - 1, *((a + b) / 2 for a, b in pairwise(cuts)), cuts[-1] + 1]
    cases = []
    for value, condition in expression.args:
        sides = {1 if p > 0 else -1 for p in points if local(expression, p) == local(value, p)}
        whole = len(sides) != 1 or not value.has(exp)
        cases.append((_both_sides(value, powers) if whole else _branch(value, min(sides), powers), condition))
    return Piecewise(*cases)


def _both_sides(expression: Expr, powers: _Powers) -> Expr:
    if not expression.has(exp):
        return expression
    value = _join(*(_branch(expression, sign, powers) for sign in (1, -1)))
    value = value.xreplace({Piecewise((X, X >= 0), (-X, True)): Abs(X)})
    near = _near_zero(expression, powers)
    return value if near is None else Piecewise((near, Abs(X) < 1), (value, true))


def _near_zero(expression: Expr, powers: _Powers) -> Expr | None:
    """Write the logarithm of an argument that is 1 at zero with log1p; None for anything else.

    The e in the denominator is used only near zero, where it is not small.
    """
    if not isinstance(expression, log) or expression.subs(X, 0) != 0:
        return None
    sides = {_exact(_in_e(expression.args[0], sign, powers) - 1, sign, vanishing=True) for sign in (1, -1)}
    if len(sides) != 1:
        raise _Unproved
    near = _near(sides.pop())
    far_off = near.xreplace({E_POWER: Integer(0), E_LESS_ONE: Integer(-1)})
    return log1p(near if far_off != -1 else Piecewise((near, Abs(X) < 1), (0, true)))


def _near(quotient: Expr) -> Expr:
    """Restrict a quotient to values near zero, where e is not small."""
    top, bottom = quotient.as_numer_denom()
    return quotient if bottom.subs(E_POWER, 0) != 0 else top / bottom.xreplace({E_POWER: E_NEAR})


def _branch(expression: Expr, side: int, powers: _Powers) -> Expr:
    """Write the expression for side*X >= 0 in powers of e. Raises _Unproved if it may cancel there."""
    in_e = _in_e(expression.xreplace({Abs(X): side * X, sign(X): Integer(side)}), side, powers)
    if not in_e.has(log):
        return _exact(in_e, side, tried=powers.tried)
    opened = in_e.replace(log, lambda argument: _open_log(argument, side, powers))
    if together(opened).as_numer_denom()[1].has(log1p):
        try:
            return _exact(opened, side)
        except _Unproved:
            as_ratio = opened.replace(lambda e: isinstance(e, log1p), _as_ratio)
            return _exact(as_ratio, side, tried=powers.tried)
    return collect(expand(opened), sorted(opened.atoms(log1p), key=str), factor)


def _in_e(expression: Expr, side: int, powers: _Powers) -> Expr:
    """Write every exponential of X as a power of e, for side*X >= 0."""
    in_e = expression.replace(exp, lambda argument: powers.of_e(argument, side))
    return in_e.replace(_is_root, lambda root: together(root.base) ** root.exp)


def _is_root(node: Expr) -> bool:
    return isinstance(node, Pow) and not node.exp.is_Integer and node.base.has(E_POWER)


def _as_ratio(logarithm: Expr) -> Expr:
    """Write log1p(e) as e * (log1p(e)/e), so that e can cancel."""
    (inner,) = logarithm.args
    return inner * log1p_ratio(inner) if inner.as_base_exp()[0] == E_POWER else logarithm


def _open_log(argument: Expr, side: int, powers: _Powers) -> Expr:
    """Expand the logarithm of a quotient of polynomials in e; powers of e become multiples of X.

    Also handles the logarithm of log1p(e), and of a sum that is positive for side*X >= 0.
    """
    if argument.has(log1p):
        return _log_of_log(argument, side, powers)
    numerator, denominator = together(argument).as_numer_denom()
    return _log_polynomial(numerator, side, powers) - _log_polynomial(denominator, side, powers)


def _log_of_log(argument: Expr, side: int, powers: _Powers) -> Expr:
    if isinstance(argument, log1p):
        base, exponent = argument.args[0].as_base_exp()
        if base == E_POWER:
            return -exponent * powers.rate * side * powers.inner + log(log1p_ratio(argument.args[0]))
    rest = Add(*(term for term in Add.make_args(argument) if not isinstance(term, log1p)))
    if rest.coeff(X) * X != rest or not (side * rest.coeff(X)).is_positive:
        raise _Unproved
    return log(argument.xreplace({X: side * Abs(X)}))


def _log_polynomial(polynomial: Expr, side: int, powers: _Powers) -> Expr:
    if polynomial.free_symbols - {E_POWER}:
        raise _Unproved
    terms = Poly(expand(polynomial), E_POWER).terms()
    lowest = min(power for (power,), _ in terms)
    constant = next(c for (power,), c in terms if power == lowest)
    if not all((c / constant).is_positive for _, c in terms):
        raise _Unproved
    rest = Add(*(c / constant * E_POWER ** (p - lowest) for (p,), c in terms if p != lowest))
    return -lowest * powers.rate * side * powers.inner + log(constant) + (log1p(rest) if rest != 0 else 0)


def _exact(expression: Expr, side: int, vanishing: bool = False, tried: _Powers | None = None) -> Expr:
    """Return a quotient in which nothing cancels; e - 1, which would, is replaced by a symbol.

    A polynomial in e alone must have coefficients of one sign. A polynomial in e and X may have
    zeros, but not at e = 1 and X = 0. The denominator must not vanish with e, unless ``vanishing``
    says that e is not small. Raises _Unproved otherwise.
    """
    parts = sorted(expression.atoms(Function, Pow), key=default_sort_key)
    opaque = {part: Dummy(positive=True) for part in parts if _whole(part)}
    quotient = factor(together(expression.xreplace(opaque)))
    top, bottom = (_named_roots(part, side, tried is None) for part in quotient.as_numer_denom())
    small = {d: Integer(0) for c, d in opaque.items() if isinstance(c, log1p)}
    if not vanishing and bottom.xreplace({**small, E_POWER: Integer(0)}) == 0:
        growth, bottom = _growth(bottom, side, tried)
        top = growth * top
    bottom = bottom.xreplace({X: side * Abs(X)})  # so that it is nonzero on the other side, too
    return (top / bottom).xreplace({dummy: c for c, dummy in opaque.items()})


def _growth(bottom: Expr, side: int, tried: _Powers | None) -> tuple[Expr, Expr]:
    """Move a power of e from the denominator to the numerator, in range on both sides of zero."""
    factors = Mul.make_args(bottom)
    small = next((f for f in factors if f.as_base_exp()[0] == E_POWER), None)
    if tried is None or small is None:
        raise _Unproved
    exponent = small.as_base_exp()[1] * tried.rate * side * tried.inner
    here = X >= 0 if side > 0 else X < 0
    return exp(Piecewise((exponent, here), (0, true))), Mul(*(f for f in factors if f is not small))


def _whole(part: Expr) -> bool:
    """Whether a part is a number or a positive function that may be a coefficient of a polynomial."""
    return isinstance(part, log1p | log1p_ratio) or not part.has(E_POWER, X)


def _named_roots(part: Expr, side: int, proved: bool) -> Expr:
    """Replace every factor e - 1 in a product of polynomials by its symbol."""
    factors = []
    for piece in Mul.make_args(part):
        base, exponent = piece.as_base_exp()
        number, base = base.primitive()
        factors.append(number**exponent)
        if base in (E_POWER - 1, 1 - E_POWER):
            base = E_LESS_ONE if base == E_POWER - 1 else -E_LESS_ONE
        elif base.has(E_POWER) and base.free_symbols - {E_POWER, X} == set():
            if not base.is_polynomial(E_POWER, X):
                raise _Unproved
            signs = {(c * side**n).is_positive for (_, n), c in Poly(base, E_POWER, X).terms()}
            if proved and len(signs) > 1 and (not base.has(X) or base.subs({E_POWER: 1, X: 0}) == 0):
                raise _Unproved
        factors.append(base**exponent)
    return Mul(*factors)


def _join(upper: Expr, lower: Expr) -> Expr:
    """Combine the expressions for both signs of X, with the choice as far inside as possible."""
    if upper == lower:
        return upper
    if isinstance(upper, Add) and upper.has(log1p):
        common = set(Add.make_args(upper)) & set(Add.make_args(lower))
        shared = Add(*common)
        return _choose(upper - shared, lower - shared) + shared
    (n1, d1), (n2, d2) = upper.as_numer_denom(), lower.as_numer_denom()
    if d1 != d2:
        return _choose(upper, lower)
    number, rest = d1.as_content_primitive()
    return _choose(_over(n1, number), _over(n2, number)) / rest if number % 5 == 0 else _choose(n1, n2) / d1


def _over(expression: Expr, number: Expr) -> Expr:
    """Divide a formula by a number inside its sums, so that decimals stay decimals."""
    if isinstance(expression, Add):
        return Add(*(_over(term, number) for term in expression.args))
    *others, last = sorted(Mul.make_args(expression), key=lambda f: isinstance(f, Add))
    return Mul(*others, _over(last, number)) if isinstance(last, Add) else expression / number


def _choose(upper: Expr, lower: Expr) -> Expr:
    return upper if upper == lower else Piecewise((upper, X >= 0), (lower, true))


def difference_form(definition: Expr, y: Symbol) -> StableForm | None:
    """Return ``definition - y``, exact where a bounded f rounds to its limit or to a nonzero f(0).

    Far from zero it is a quotient sorted by powers of e, so the rest is exact when the leading
    terms cancel. Near zero it is the sum of f - f(0), in which e - 1 is exact, and f(0) - y.
    """
    rewritten = definition.rewrite([tanh, cosh, sinh], exp)
    powers = None if rewritten.has(*_OTHERS) else _powers(rewritten)
    if powers is None or powers.inner != X or definition.has(log) or any(abs(b) > 1 for b, _, _ in borders(definition)):
        return None
    far = [(_far_difference(local(rewritten, Integer(2 * side)), y, side, powers), side * X >= 1) for side in (1, -1)]
    cases = [(value, condition) for value, condition in far if value is not None]
    start = definition.subs(X, 0)
    if start.has(nan, zoo):
        return None
    if start == 0:
        near = stable_form(definition).value - y
    else:
        try:
            moved = [_near(_exact(_in_e(rewritten, side, powers) - start, side, vanishing=True)) for side in (1, -1)]
        except _Unproved:
            return None
        near = _join(*moved) + (start - y)
        cases = cases if len(cases) == 2 else [(definition - y, Abs(X) >= 1)]
    return StableForm(Piecewise(*cases, (near, true)), powers.rate) if cases else None


def _far_difference(formula: Expr, y: Symbol, side: int, powers: _Powers) -> Expr | None:
    """The difference on one side of zero, sorted by powers of e; None if the function has no limit there."""
    top, bottom = together(together(_in_e(formula, side, powers)) - y).as_numer_denom()
    if top.has(X) or bottom.has(X) or bottom.subs(E_POWER, 0) == 0 or not top.has(E_POWER):
        return None
    return collect(expand(top), E_POWER) / bottom
