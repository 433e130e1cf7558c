"""A formula of real numbers as calls of NumPy that write where they are told, one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
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
    cos,
    cosh,
    cse,
    erf,
    exp,
    floor,
    log,
    sign,
    tanh,
    together,
    true,
)

from derive.arrays.stable import E_LESS_ONE, E_NEAR, E_POWER, log1p, stable_form
from derive.calculus.functions import Elementwise, X
from derive.targets.numpy.fast.instructions import Instruction, call

_COMPARED = {Gt: "greater", Ge: "greater_equal", Lt: "less", Le: "less_equal"}

_OPPOSITE = {"greater": "less_equal", "greater_equal": "less", "less": "greater_equal", "less_equal": "greater"}


#: What overflows, or loses digits, as it stands.
_GROWING = (exp, cosh, log, erf)


class expm1(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """exp(x) - 1, exact for small x."""

    nargs = 1


#: The functions of SymPy that one call of NumPy computes.
UFUNCS = {
    exp: "exp",
    log: "log",
    log1p: "log1p",
    expm1: "expm1",
    tanh: "tanh",
    Abs: "absolute",
    sign: "sign",
    cos: "cos",
    floor: "floor",
}


class NotStraight(ValueError):
    """A formula, or a statement, that has no form here; the message says which."""


# Which of its equal forms a function is computed by.


def is_straight(function: Any) -> bool:
    """Whether NumPy has calls for all that a function is made of."""
    if not (isinstance(function, type) and issubclass(function, Elementwise)):
        return function in UFUNCS
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


def calls(expression: Expr) -> int:
    """How many calls a formula takes, once its shared parts are computed once."""
    shared, (rest,) = cse([expression])
    return sum(_calls(e) for e in [*(e for _, e in shared), rest])


def _calls(expression: Expr) -> int:
    if not expression.args or expression.is_number:
        return 0
    inside = sum(_calls(a) for a in expression.args if isinstance(a, Expr))
    if isinstance(expression, Add | Mul):
        return inside + len(expression.args) - 1 + (isinstance(expression, Add) and all(map(_minus, expression.args)))
    if isinstance(expression, Piecewise):
        return sum(3 + _calls(v) for v, _ in expression.args)
    return inside + 1


def _minus(term: Expr) -> bool:
    return bool(term.could_extract_minus_sign())


# Calls.


@dataclass
class Calls:
    """Writes calls into ``lines``; buffers and constants are asked for by name.

    ``constant`` names the array of a number; ``scratch`` names a new array as large as what
    is computed, ``mask`` one of booleans, ``full`` one that holds a number everywhere.
    ``apart`` says that a call must not write over its own operand (NumPy is slow at that for a single entry).
    """

    lines: list[Instruction]
    constant: Callable[[Expr], str]
    scratch: Callable[[], str]
    mask: Callable[[], str]
    full: Callable[[Expr], str]
    used: set[str]
    numbers: str = ""
    apart: bool = False
    spare: list[str] = field(default_factory=list)

    def write(self, expression: Expr, operands: Mapping[Symbol, str], into: str) -> None:
        """Write the calls that compute ``expression`` of ``operands`` into the array ``into``.

        Raises NotStraight if it holds a function that NumPy does not have.
        """
        shared, (rest,) = cse([expression], symbols=(Symbol(f"_s{n}", real=True) for n in range(1000)))
        known = dict(operands)
        busy = set(operands.values())
        back: dict[Any, Any] = {}
        for symbol, taken_out in shared:
            part = taken_out.xreplace(back)
            if not isinstance(part, Expr) or not part.free_symbols & known.keys():
                back[symbol] = part
                continue
            place = self._free(busy)
            self._value(part, known, place, busy)
            known[symbol] = place
            busy.add(place)
        self._final(rest.xreplace(back), known, into, busy)

    def _free(self, busy: set[str]) -> str:
        for name in self.spare:
            if name not in busy:
                return name
        self.spare.append(self.scratch())
        return self.spare[-1]

    def _final(self, expression: Expr, known: Mapping[Symbol, str], into: str, busy: set[str]) -> None:
        place = self._value(expression, known, into, busy)
        if place != into:
            self._call("copyto", into, place)

    def _call(self, function: str, *arguments: str) -> None:
        self.used.add(function)
        self.lines.append(call(function, *arguments, numbers=self.numbers))

    def _value(self, expression: Expr, known: Mapping[Symbol, str], into: str, busy: set[str]) -> str:
        """Compute into ``into``, and return where the value is: there, or in an operand or a constant."""
        if isinstance(expression, Symbol) and expression in known:
            return known[expression]
        if not expression.free_symbols & known.keys():
            return self.constant(expression)
        step = self._step(expression, known)
        *inner, last = step
        reserved = set(busy)
        places = []
        for part in inner:
            if self._is_leaf(part, known):
                found = self._value(part, known, into, reserved)
            else:
                apart = into in reserved or self.apart
                found = self._value(part, known, self._free(reserved | {into}) if apart else into, reserved)
            places.append(found)
            reserved.add(found)
        last(places, into)
        return into

    def _is_leaf(self, part: Expr, known: Mapping[Symbol, str]) -> bool:
        return isinstance(part, Symbol) or not part.free_symbols & known.keys()

    def _step(self, expression: Expr, known: Mapping[Symbol, str]) -> list[Any]:
        """The operands of the outermost call, and what writes it."""

        def one(name: str) -> Callable[[list[str], str], None]:
            return lambda places, into: self._call(name, *places, into)

        if isinstance(expression, Add):
            return self._sum(expression, one)
        if isinstance(expression, Mul):
            return self._product(expression, known, one)
        if isinstance(expression, Pow):
            return self._power(expression, one)
        if isinstance(expression, Max | Min):
            return self._extreme(expression, one)
        if isinstance(expression, Piecewise):
            return self._choice(expression)
        name = UFUNCS.get(type(expression), "")
        if not name:
            raise NotStraight(f"{type(expression).__name__} is no function of NumPy")
        return [expression.args[0], one(name)]

    def _extreme(self, expression: Expr, one: Callable[[str], Any]) -> list[Any]:
        """The larger or smaller of two: NumPy's fmax is many times faster than maximum, with a full array above all."""
        name = "fmax" if isinstance(expression, Max) else "fmin"
        first, *rest = sorted(expression.args, key=lambda a: (a.is_number, str(a)))
        other = rest[0] if len(rest) == 1 else expression.func(*rest)
        if not other.is_number:
            return [first, other, one(name)]
        return [first, lambda places, into: self._call(name, places[0], self.full(other), into)]

    def _sum(self, expression: Expr, one: Callable[[str], Any]) -> list[Any]:
        terms = sorted(expression.args, key=lambda t: (_minus(t), -len(t.args), str(t)))
        *rest, last = terms
        first = Add(*rest, evaluate=False) if len(rest) > 1 else rest[0]
        if _minus(first) and len(rest) == 1:
            return [Add(*(-t for t in terms)), one("negative")]
        return [first, -last, one("subtract")] if _minus(last) else [first, last, one("add")]

    def _product(self, expression: Expr, known: Mapping[Symbol, str], one: Callable[[str], Any]) -> list[Any]:
        number, rest = expression.as_coeff_Mul()
        if number == -1:
            return [rest, one("negative")]
        top: list[Expr] = []
        bottom: list[Expr] = []
        for factor in Mul.make_args(expression):
            over = isinstance(factor, Pow) and factor.exp.is_number and factor.exp.is_negative
            (bottom if over and factor.free_symbols & known.keys() else top).append(factor)
        if bottom:
            below = Mul(*(1 / f for f in bottom))
            if not top:
                return [Integer(1), below, one("divide")]
            return [Mul(*top), below, one("divide")]
        constants = [f for f in top if not f.free_symbols & known.keys()]
        arrays = sorted((f for f in top if f not in constants), key=lambda f: (-f.count_ops(), str(f)))
        parts = [*arrays, *([Mul(*constants)] if constants else [])]
        *first, last = parts
        return [Mul(*first, evaluate=False) if len(first) > 1 else first[0], last, one("multiply")]

    def _power(self, expression: Expr, one: Callable[[str], Any]) -> list[Any]:
        base, exponent = expression.as_base_exp()
        if isinstance(expression, exp):
            return [expression.args[0], one("exp")]
        if exponent.is_number and exponent.is_negative:
            return [Integer(1), base**-exponent, one("divide")]
        if exponent == Rational(1, 2):
            return [base, one("sqrt")]
        if exponent == 2:
            return [base, one("square")]
        if exponent.is_Integer and exponent <= 4:
            return [base ** (exponent - 1), base, one("multiply")]
        return [base, exponent, one("power")]

    def _choice(self, expression: Expr) -> list[Any]:
        """The last value first, then each one before it where its condition holds."""
        (value, condition), *rest = expression.args
        if condition == true:
            return [value, lambda places, into: self._call("copyto", into, places[0]) if places[0] != into else None]
        if type(condition) not in _COMPARED:
            raise NotStraight(f"the condition {condition} is no comparison")
        compared = _COMPARED[type(condition)]
        other = Piecewise(*rest) if rest else Integer(0)
        if value == 1 and other == 0:

            def masked(places: list[str], into: str) -> None:
                mask = self.mask()
                self._call(compared, *places, mask)
                self._call("copyto", into, mask)

            return [condition.lhs, condition.rhs, masked]

        def chosen(places: list[str], into: str) -> None:
            left, right, here, there = places
            mask = self.mask()
            kept, test = (there, compared) if here != into else (here, _OPPOSITE[compared])
            self._call(test, left, right, mask)
            if kept != into:
                self._call("copyto", into, kept)
            self.used.add("copyto")
            other = there if here == into else here
            self.lines.append(call("copyto", into, other, numbers=self.numbers, where_=mask))

        return [condition.lhs, condition.rhs, value, other, chosen]
