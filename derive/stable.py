"""Forms that neither overflow nor lose digits, found by rewriting, never typed in.

With e = exp(-|x|), every exponential of x is a power of e on either side of
zero, and e lies between 0 and 1. A rational function of exp(x) thus becomes a
quotient of polynomials in e; if all their coefficients have one sign, nothing
in it can cancel or overflow. A logarithm of such a quotient falls into powers
of e, which are multiples of |x|, and log1p. What does not fit is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, reduce
from itertools import permutations

from sympy import (
    Add,
    Expr,
    Function,
    Indexed,
    Integer,
    Mul,
    Piecewise,
    Poly,
    Sum,
    Symbol,
    cancel,
    collect,
    exp,
    expand,
    factor,
    gcd,
    log,
    together,
    true,
)

from derive import matrix as mx
from derive.functions import Elementwise, X, elementwise
from derive.index import Equation


class log1p(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """log(1 + x), exact for small x."""

    nargs = 1


#: exp(-rate*|x|), the only exponential that a stable form holds.
E_POWER = Symbol("e", positive=True)


@dataclass(frozen=True)
class StableForm:
    """``value`` in terms of ``X`` and ``E_POWER`` = exp(-rate*|X|); rate is None if e is not used."""

    value: Expr
    rate: Expr | None = None


@cache
def stable_form(definition: Expr) -> StableForm:
    """Rewrite ``definition``, an expression in ``X``, so that it can be computed for every X."""
    rewritten = definition.rewrite(exp)
    rates = _rates(rewritten)
    if rates is None or definition.args == (X,):
        return StableForm(definition)
    rate = abs(reduce(gcd, rates))
    upper, lower = (_branch(rewritten, sign, rate) for sign in (1, -1))
    if upper is None or lower is None:
        return StableForm(definition)
    return StableForm(_join(upper, lower), rate)


def _rates(expression: Expr) -> list[Expr] | None:
    """The c of every exp(c*X); None if X occurs in an exponent in another way, or never."""
    rates = []
    for power in expression.atoms(exp):
        rate = cancel(power.args[0] / X)
        if not rate.is_Rational:
            return None
        rates.append(rate)
    return rates or None


def _branch(expression: Expr, sign: int, rate: Expr) -> Expr | None:
    """The expression where sign*X >= 0, in powers of e; None if it could cancel there."""
    in_e = _in_e(expression, sign, rate)
    if in_e.has(log):
        opened = in_e.replace(log, lambda argument: _open_log(argument, sign, rate))
        if any(term.args[0].has(E_POWER, X) for term in opened.atoms(log)):
            return None
        return collect(expand(opened), sorted(opened.atoms(log1p), key=str), factor)
    quotient = factor(together(in_e))
    return quotient if _one_sign(quotient) else None


def _in_e(expression: Expr, sign: int, rate: Expr) -> Expr:
    """Every exponential of X as a power of e, where sign*X >= 0."""
    return expression.replace(exp, lambda argument: E_POWER ** (-sign * cancel(argument / X) / rate))


def _open_log(argument: Expr, sign: int, rate: Expr) -> Expr:
    """Log of a quotient of polynomials in e: powers of e come out as multiples of X."""
    numerator, denominator = together(argument).as_numer_denom()
    return _log_polynomial(numerator, sign, rate) - _log_polynomial(denominator, sign, rate)


def _log_polynomial(polynomial: Expr, sign: int, rate: Expr) -> Expr:
    terms = Poly(expand(polynomial), E_POWER).terms()
    lowest = min(power for (power,), _ in terms)
    constant = next(c for (power,), c in terms if power == lowest)
    if not all((c / constant).is_positive for _, c in terms):
        return log(polynomial)
    rest = Add(*(c / constant * E_POWER ** (p - lowest) for (p,), c in terms if p != lowest))
    return -lowest * rate * sign * X + log(constant) + (log1p(rest) if rest != 0 else 0)


def _one_sign(quotient: Expr) -> bool:
    """Whether no polynomial in e alone, numerator or denominator, can cancel."""
    for part in quotient.as_numer_denom():
        for piece in Mul.make_args(factor(part)):
            base = piece.base if piece.is_Pow else piece
            if base.free_symbols == {E_POWER}:
                signs = {c.is_positive for c in Poly(base, E_POWER).coeffs()}
                if len(signs) > 1:
                    return False
    return True


def _join(upper: Expr, lower: Expr) -> Expr:
    """One expression for both signs of X, with the choice as far inside as it goes."""
    if upper == lower:
        return upper
    if upper.has(log1p):
        common = set(Add.make_args(upper)) & set(Add.make_args(lower))
        shared = Add(*common)
        return _choose(upper - shared, lower - shared) + shared
    (n1, d1), (n2, d2) = upper.as_numer_denom(), lower.as_numer_denom()
    return _choose(n1, n2) / d1 if d1 == d2 else _choose(upper, lower)


def _choose(upper: Expr, lower: Expr) -> Expr:
    return upper if upper == lower else Piecewise((upper, X >= 0), (lower, true))


def fused_error(error: Equation, equations: Mapping[str, Equation]) -> Equation:
    """The error with every logarithm of an output written in terms of its pre-activation.

    ``equations`` are those of the forward pass by the name of their tensor. With
    an elementwise output, the summand becomes one named function of the
    pre-activation and the target; any other output is put in as it is defined. A
    summand with logarithms of several outputs, or of other entries, is left as it is.
    """
    changed = error.expression
    for total in sorted(changed.atoms(Sum), key=str):
        summand = total.function
        entries = _entries_in_logs(summand)
        source = equations.get(entries[0].base.label.name) if len(entries) == 1 else None
        if source is not None:
            summand = _fuse(summand, entries[0], source)
        changed = changed.xreplace({total: Sum(summand, *total.limits)})
    return Equation(error.target, error.indices, changed, error.note)


def _entries_in_logs(summand: Expr) -> list[Indexed]:
    return sorted({a for term in summand.atoms(log) for a in term.atoms(Indexed)}, key=str)


def _fuse(summand: Expr, entry: Indexed, source: Equation) -> Expr:
    inner = source.at(tuple(entry.indices))
    if not isinstance(inner, Elementwise):
        return summand.xreplace({entry: inner})
    others = sorted(summand.atoms(Indexed) - {entry}, key=str)
    if any(other.indices != entry.indices for other in others) or summand.has(Sum):
        return summand
    names = {o: Symbol(f"y{n or ''}", real=True) for n, o in enumerate(others)}
    definition = summand.xreplace({entry: inner.definition, **names})
    summary = "The summand of the error, from the pre-activation x of an output and its target"
    function = elementwise(f"loss_of_{inner.title}", definition, others=tuple(names.values()), summary=summary)
    return function(inner.args[0], *others)


def exact_differences(node: mx.Node, outputs: Mapping[str, mx.Node]) -> mx.Node:
    """Every ``output - target`` from the pre-activation, where the output may round to its limit.

    ``outputs`` are the matrix forms of the tensors whose differences are taken. Close
    to 1, ``sigmoid(x)`` has lost the digits in which it differs from a target of 1.
    """
    node = mx.rebuilt(node, tuple(exact_differences(c, outputs) for c in mx.children(node)))
    if isinstance(node, mx.Plus):
        for output, target in permutations(node.terms, 2):
            found = _difference(mx.without_sign(output), mx.without_sign(target), outputs)
            if found is not None and mx.is_negative(output) != mx.is_negative(target):
                exact = mx.Scale(Integer(-1), found) if mx.is_negative(output) else found
                rest = tuple(t for t in node.terms if t not in (output, target))
                return mx.Plus((exact, *rest)) if rest else exact
    if isinstance(node, mx.Power) and node.exponent == 2 and mx.is_negative(node.base):
        return mx.Power(mx.without_sign(node.base), node.exponent)
    return node


def _difference(output: mx.Node, target: mx.Node, outputs: Mapping[str, mx.Node]) -> mx.Node | None:
    """``output - target`` as one function of the pre-activation; None if nothing would be gained."""
    form = outputs.get(output.tensor.name) if isinstance(output, mx.Array) else None
    if not isinstance(target, mx.Array) or target.tensor.role != "target":
        return None
    if isinstance(form, mx.Call) and form.name == "softmax":
        return mx.Call("softmax_minus", (*form.arguments, target))
    if not isinstance(form, mx.Map) or len(form.arguments) != 1 or not hasattr(form.function, "definition"):
        return None
    function, y = form.function, Symbol("y", real=True)
    difference = _saturated(function.definition, y)
    if difference is None:
        return None
    minus = elementwise(
        f"{function.title}_minus",
        function.definition - y,
        others=(y,),
        summary=f"{function.title}(x) − y, exact where {function.title}(x) itself would round",
        form=difference,
    )
    return mx.Map(minus, (*form.arguments, target))


def _saturated(definition: Expr, y: Symbol) -> StableForm | None:
    """``definition - y`` in powers of e, sorted by them: what is left when the first terms cancel is exact.

    Near zero, where e is no small number, a function that is exact as it stands is left so.
    """
    rewritten = definition.rewrite(exp)
    rates = _rates(rewritten)
    if rates is None or definition.has(log):
        return None
    rate = abs(reduce(gcd, rates))
    sides, one_sign = [], True
    for sign in (1, -1):
        quotient = together(_in_e(rewritten, sign, rate))
        one_sign = one_sign and _one_sign(factor(quotient))
        top, bottom = together(quotient - y).as_numer_denom()
        sides.append(collect(expand(top), E_POWER) / bottom)
    if any(side.has(X) for side in sides):
        return None
    upper, lower = sides
    near = (lower, true) if one_sign else (lower, X <= -1)
    cases = [(upper, X >= (0 if one_sign else 1)), near, *([] if one_sign else [(definition - y, true)])]
    return StableForm(Piecewise(*cases), rate)


def exact_pulls(node: mx.Node, outputs: Mapping[str, mx.Node]) -> mx.Node:
    """``a * (v - sum(v * a))`` with a = softmax(z) as one function: near 1, the bracket cancels."""
    node = mx.rebuilt(node, tuple(exact_pulls(c, outputs) for c in mx.children(node)))
    if not isinstance(node, mx.Hadamard):
        return node
    for shares, bracket in permutations(node.factors, 2):
        form = outputs.get(shares.tensor.name) if isinstance(shares, mx.Array) else None
        if isinstance(form, mx.Call) and form.name == "softmax" and isinstance(bracket, mx.Plus):
            pulled = _pull(bracket, shares, form)
            if pulled is not None:
                rest = tuple(f for f in node.factors if f not in (shares, bracket))
                return mx.Hadamard((pulled, *rest)) if rest else pulled
    return node


def _pull(bracket: mx.Plus, shares: mx.Node, softmax: mx.Call) -> mx.Node | None:
    """The product of softmax's shares with ``v - sum(v * shares)``, or with its negative."""
    for value, mean in permutations(bracket.terms, 2):
        v = mx.without_sign(value)
        expected = {mx.SumOver(mx.Hadamard(f), 0) for f in ((v, shares), (shares, v))}
        plain = mx.without_sign(mean)
        inner = plain.of if isinstance(plain, mx.Broadcast) else plain
        if len(bracket.terms) == 2 and inner in expected and mx.is_negative(value) != mx.is_negative(mean):
            call = mx.Call("softmax_pull", (*softmax.arguments, v))
            return mx.Scale(Integer(-1), call) if mx.is_negative(value) else call
    return None


def recognise(node: mx.Node) -> mx.Node:
    """Name softmax where it stands: exp(u) over its sum along the rows."""
    node = mx.rebuilt(node, tuple(recognise(c) for c in mx.children(node)))
    if isinstance(node, mx.Hadamard) and len(node.factors) == 2:
        for top, bottom in (node.factors, node.factors[::-1]):
            if _is_exp(top) and bottom == mx.Broadcast(mx.Power(mx.SumOver(top, 0), Integer(-1)), top.shape):
                return mx.Call("softmax", mx.children(top))
    return node


def shift_logs(node: mx.Node) -> mx.Node:
    """log(softmax(u)) as log_softmax(u), which subtracts the largest u before it exponentiates."""
    node = mx.rebuilt(node, tuple(shift_logs(c) for c in mx.children(node)))
    if isinstance(node, mx.Map) and node.function is log:
        (inner,) = node.arguments
        if isinstance(inner, mx.Call) and inner.name == "softmax":
            return mx.Call("log_softmax", inner.arguments)
    return node


def _is_exp(node: mx.Node) -> bool:
    return isinstance(node, mx.Map) and node.function is exp
