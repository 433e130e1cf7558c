"""Formulas of real numbers: which of its equal forms a function is computed by, and its spelling as calls of NumPy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from math import prod
from typing import Any

from sympy import (
    Abs,
    Add,
    Dummy,
    Expr,
    Function,
    Ge,
    Gt,
    Integer,
    Le,
    Lt,
    Max,
    Min,
    Mul,
    Piecewise,
    Poly,
    Pow,
    Rational,
    Symbol,
    cancel,
    erf,
    exp,
    floor,
    log,
    sign,
    together,
    true,
)

from derive.arrays import matrix as mx
from derive.arrays.stable import E_LESS_ONE, E_NEAR, E_POWER, log1p, stable_form
from derive.calculus.functions import CALLS, Elementwise, X

_COMPARED = {Gt: "greater", Ge: "greater_equal", Lt: "less", Le: "less_equal"}
#: What overflows, or loses digits, as it stands.
_GROWING = (*(f for f, call in CALLS.items() if call.grows), log, erf)


class expm1(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """exp(x) - 1, exact for small x."""

    nargs = 1


#: The functions of SymPy that one call of NumPy computes.
UFUNCS = {
    **{f: call.numpy for f, call in CALLS.items() if f is exp or not call.grows},
    log1p: "log1p",
    expm1: "expm1",
    Abs: "absolute",
    sign: "sign",
    floor: "floor",
}


class NotStraight(ValueError):
    """A formula, or a statement, that has no form here; the message says which."""


# Which of its equal forms a function is computed by.


def is_straight(function: Any) -> bool:
    """Whether NumPy has calls for all that a function is made of."""
    if not (isinstance(function, type) and issubclass(function, Elementwise)):
        return function in (*UFUNCS, Max, Min)
    expression: Expr = computed(function)  # type: ignore[arg-type]
    made_of = expression.atoms(Function, Max, Min)
    return all(isinstance(f, (*UFUNCS, Piecewise, Max, Min)) for f in made_of)


@cache
def computed(function: Any) -> Expr:
    """The cheapest form of an elementwise function that is right for every number, in ``X``.

    The rest of the step needs it to a few units of the last digit of its largest values,
    not of each value: what is shared with the readable rendering is only that.
    """
    definition = function.definition
    hinge = _hinge(definition)
    if hinge is not None:
        return hinge
    if not function.order and (not definition.has(*_GROWING) or _may_overflow_unharmed(definition)):
        return definition
    form = function.form or stable_form(definition)
    if form.rate is None:
        return form.value
    exponent = -form.rate * Abs(form.inner)
    power = exp(exponent)
    near = Piecewise((power, Abs(X) < 1), (1, true))
    return form.value.xreplace({E_POWER: power, E_LESS_ONE: expm1(exponent), E_NEAR: near})


def _may_overflow_unharmed(definition: Expr) -> bool:
    """Whether c/(a + b*t), t = exp(r*x), a and b of one sign: nothing cancels, and t = inf gives the limit 0."""
    t = Dummy("t", positive=True)
    rates = {cancel(e.args[0] / X) for e in definition.atoms(exp)}
    if len(rates) != 1 or not all(r.is_Rational for r in rates):
        return False
    top, bottom = together(definition.xreplace({e: t for e in definition.atoms(exp)})).as_numer_denom()
    if top.free_symbols or bottom.free_symbols != {t} or not bottom.is_polynomial(t):
        return False
    return len({c.is_positive for c in Poly(bottom, t).coeffs()}) == 1


def _hinge(definition: Expr) -> Expr | None:
    """``b(x) + k*max(x - c, 0)`` for two lines that meet at c."""
    if not isinstance(definition, Piecewise) or len(definition.args) != 2:
        return None
    (above, condition), (below, rest) = definition.args
    if rest != true or not isinstance(condition, Gt | Ge) or condition.lhs != X:
        return None
    slope = cancel((above - below) / (X - condition.rhs))
    if not slope.is_number or not slope.is_positive:
        return None
    return below + slope * Max(X - condition.rhs, 0)


# A node as a formula of what it is made of, entry by entry.


def is_named(function: Any) -> bool:
    """Whether a function is one of ours, with a definition, and not SymPy's own."""
    return isinstance(function, type) and issubclass(function, Elementwise)


def applied(function: Any, *arguments: Expr) -> Expr:
    """The formula of a function of these arguments."""
    if not is_named(function):
        return function(*arguments)
    return computed(function).xreplace(dict(zip((X, *function.others), arguments, strict=True)))


def entrywise(
    node: mx.Node,
    leaf: Callable[[mx.Node], Any],
    number: Callable[[Expr], Any],
    factor: Callable[[Expr], Any],
    apply: Callable[..., Any],
) -> Any:
    """The formula of a node: ``leaf`` gives that of what is no function entry by entry, the others their parts."""

    def build(n: mx.Node) -> Any:
        if isinstance(n, mx.Hadamard):
            return prod(build(f) for f in n.factors)
        if isinstance(n, mx.Plus):
            return sum(build(t) for t in n.terms)
        if isinstance(n, mx.Scale):
            return factor(n.factor) * build(n.of)
        if isinstance(n, mx.Number):
            return number(n.value)
        if isinstance(n, mx.Power):
            return build(n.base) ** number(n.exponent)
        if isinstance(n, mx.Map) and is_straight(n.function):
            return apply(n.function, *map(build, n.arguments))
        return leaf(n)

    return build(node)


# Calls.


class Spelling:
    """Spells formulas as calls of NumPy, one within the other.

    ``operands`` are the arrays in code, by the symbols that stand for them; ``constant`` names
    the array of a number, ``scratch`` an array for what is computed on the way; where there is
    none, it gives no name. What must be a line of its own comes into ``lines``, and the
    functions that are called into ``used``. With ``apart``, no call writes over its own operand
    (which NumPy is slow at for a single entry).
    """

    def __init__(
        self,
        operands: Mapping[Symbol, str],
        constant: Callable[[Expr], str],
        scratch: Callable[..., str],
        lines: Callable[[str], None],
        used: set[str],
        apart: bool,
    ) -> None:
        self.operands = operands
        self.constant = constant
        self.scratch = scratch
        self.lines = lines
        self.used = used
        self.apart = apart

    def code(self, expression: Expr, into: str = "", later: Collection[str] = ()) -> str:
        """A formula as code; a statement that writes its value into an array, if that is given.

        What is computed ``later``, before the value is read, may use arrays for what is computed on the way.
        """
        if isinstance(expression, Symbol) and expression in self.operands:
            return self._put(self.operands[expression], into)
        if not self._reads(expression):
            return self._put(self.constant(expression), into)
        if isinstance(expression, Piecewise):
            return self._choice(expression, into, later)
        name, arguments = self._call(expression)
        self.used.add(name)
        nested = [a for a in arguments if self._reads(a) and not isinstance(a, Symbol | Piecewise)]
        others = {s for a in arguments if a not in nested[:1] for s in a.free_symbols} & self.operands.keys()
        free = into and not self.apart and not any(into in self.operands[s] for s in others)
        behind = [self._operands(arguments[n:]) for n in range(1, len(arguments) + 1)]
        places = [
            self._place(a, into if free and a == nested[0] else "", after) if a in nested else ""
            for a, after in zip(arguments, behind, strict=True)
        ]
        inner = map(self.code, arguments, places, behind)
        return f"{name}({', '.join([*inner, *([into] if into else [])])})"

    def _operands(self, expressions: Iterable[Expr]) -> list[str]:
        """The code of the operands of expressions."""
        return [self.operands[s] for e in expressions for s in e.free_symbols & self.operands.keys()]

    def _place(self, part: Expr, place: str, later: Collection[str]) -> str:
        """The array of a part of a formula, which nothing that is computed later writes over."""
        found = self.scratch(part, place)
        while found and any(found in code for code in later):
            found = self.scratch(part)
        return found

    def _reads(self, expression: Expr) -> bool:
        return not self.operands.keys().isdisjoint(expression.free_symbols)

    @staticmethod
    def _put(value: str, into: str) -> str:
        return f"{into}[...] = {value}" if into else value

    def _call(self, expression: Expr) -> tuple[str, list[Expr]]:
        """The outermost call, and what it is a function of."""
        if isinstance(expression, Add):
            return self._sum(expression)
        if isinstance(expression, Mul):
            return self._product(expression)
        if isinstance(expression, Pow):
            return self._power(*expression.as_base_exp())
        if isinstance(expression, Max | Min):  # fmax is many times faster than maximum in some versions of NumPy
            first, *rest = sorted(expression.args, key=lambda a: (a.is_number, str(a)))
            return "fmax" if isinstance(expression, Max) else "fmin", [first, expression.func(*rest)]
        if type(expression) not in UFUNCS:
            raise NotStraight(f"{type(expression).__name__} is no function of NumPy")
        return UFUNCS[type(expression)], [expression.args[0]]

    def _sum(self, expression: Expr) -> tuple[str, list[Expr]]:
        terms = sorted(expression.args, key=lambda t: (_is_minus(t), -len(t.args), str(t)))
        *rest, last = terms
        if all(map(_is_minus, terms)):
            return "negative", [Add(*(-t for t in terms))]
        first = Add(*rest, evaluate=False) if len(rest) > 1 else rest[0]
        return ("subtract", [first, -last]) if _is_minus(last) else ("add", [first, last])

    def _product(self, expression: Expr) -> tuple[str, list[Expr]]:
        numbers = [f for f in Mul.make_args(expression) if not self._reads(f)]
        others = [f for f in Mul.make_args(expression) if self._reads(f)]
        bottom = [f for f in others if isinstance(f, Pow) and f.exp.is_number and f.exp.is_negative]
        top = sorted((f for f in others if f not in bottom), key=lambda f: (-f.count_ops(), str(f)))
        if bottom:
            return "divide", [Mul(*numbers, *top), Mul(*(1 / f for f in bottom))]
        if numbers == [-1]:
            return "negative", [Mul(*top)]
        *first, last = [*top, *([Mul(*numbers)] if numbers else [])]
        return "multiply", [Mul(*first, evaluate=False) if len(first) > 1 else first[0], last]

    def _power(self, base: Expr, exponent: Expr) -> tuple[str, list[Expr]]:
        if exponent.is_number and exponent.is_negative:
            return "divide", [Integer(1), base**-exponent]
        if exponent in (Rational(1, 2), 2):
            return "square" if exponent == 2 else "sqrt", [base]
        if exponent.is_Integer and exponent <= 4:
            return "multiply", [base ** (exponent - 1), base]
        return "power", [base, exponent]

    def _choice(self, expression: Piecewise, into: str, later: Collection[str]) -> str:
        """Where a condition holds, one value, and elsewhere the other."""
        (value, condition), *rest = expression.args
        if condition == true:
            return self.code(value, into)
        if type(condition) not in _COMPARED or condition.has(Piecewise):
            raise NotStraight(f"the condition {condition} is no comparison")
        compared = _COMPARED[type(condition)]
        self.used.add(compared)
        sides = f"{self.code(condition.lhs)}, {self.code(condition.rhs)}"
        other = Piecewise(*rest) if rest else Integer(0)
        is_condition = value == 1 and other == 0
        # what is no condition is computed by lines before all operands
        place = self._place(expression, "", later if is_condition else self.operands.values())
        if is_condition and (into or place):
            return f"{compared}({sides}, {into or place})"
        if not place:
            self.used.add("where")
            return self._put(f"where({compared}({sides}), {self.code(value)}, {self.code(other)})", into)
        self.used.add("copyto")
        self.lines(self.code(other, place))
        self.lines(f"copyto({place}, {self.code(value)}, where={compared}({sides}))")
        return self._put(place, into)


def _is_minus(term: Expr) -> bool:
    return bool(term.could_extract_minus_sign())
