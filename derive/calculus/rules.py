"""Names of the differentiation rules, recorded for each differentiated equation."""

from __future__ import annotations

from sympy import Add, Expr, Function, Indexed, Max, Min, Mul, Piecewise, Pow, Sum, Symbol, exp, log

from derive.calculus.cases import Cases
from derive.calculus.extremes import Largest, Smallest
from derive.calculus.functions import STOP, Elementwise
from derive.calculus.products import ProductOver
from derive.record import record

FACTOR = "constant factor"
SUMS = "sum rule"
PRODUCT = "product rule"
QUOTIENT = "quotient rule"
POWER = "power rule"
ACTIVATION = "derivative of the activation"
OF_LOSS = "derivative of the function of the loss"
LOGARITHM = "derivative of the logarithm"
EXPONENTIAL = "derivative of the exponential"
FUNCTION = "derivative of the function"
LARGEST = "derivative of the maximum"
SMALLEST = "derivative of the minimum"
CASES = "case by case"
INDEPENDENCE = "entries are independent"
CONSTANT = "taken for a constant"
COLLAPSE = "all other terms are 0"
OWN_VALUE = "by definition"
ZERO_SUM = "zero sum omitted"
STATED = "equations of the forward pass substituted"
CHAIN = "chain rule"
LOCAL = "local derivatives substituted"
FACTORED = "common factors moved out of the sum"
REARRANGED = "simplified"
ONE_FRACTION = "common denominator"
EQUAL_SUMS = "equal sums combined"
PROMISE = "the targets of a sample sum to one"
PLUGGED = "derivative of the activation substituted"
CANCELLED = "cancelled"
NAMED = "by definition"


@record
class Reason:
    """A step of a derivation: the rules applied and the resulting expression."""

    rules: tuple[str, ...]
    value: Expr


def rules_of(expression: Expr, symbol: Symbol) -> tuple[str, ...]:
    """List the rules used to differentiate an expression with respect to entries of ``symbol``, in order.

    The rules of sums and of constant factors are named only where there are no others.
    """
    found: dict[str, None] = {}
    _collect(expression, symbol, found)
    if QUOTIENT in found:  # it says where the others are used
        return (QUOTIENT,)
    telling = [rule for rule in found if rule not in (FACTOR, SUMS)]
    return tuple(telling or ([SUMS] if SUMS in found else found))


def _collect(expression: Expr, symbol: Symbol, found: dict[str, None]) -> None:
    if isinstance(expression, Indexed) or expression == symbol:
        return
    parts = [value for value, _ in expression.args] if isinstance(expression, Cases | Piecewise) else expression.args
    touched = [a for a in parts if isinstance(a, Expr) and a.has(symbol)]
    if not touched:
        return
    found[_rule(expression, touched)] = None
    if isinstance(expression, STOP):
        return
    for part in touched:
        _collect(part, symbol, found)


def _rule(expression: Expr, touched: list[Expr]) -> str:
    if isinstance(expression, Mul):
        divided = any(isinstance(f, Pow) and f.exp.is_negative for f in touched)
        return FACTOR if len(touched) == 1 else QUOTIENT if divided else PRODUCT
    if isinstance(expression, STOP):
        return CONSTANT
    if isinstance(expression, Elementwise) and expression.role == "loss":
        return OF_LOSS
    if isinstance(expression, Pow) and expression.exp in touched:
        return EXPONENTIAL
    for kinds, rule in _RULES:
        if isinstance(expression, kinds):
            return rule
    raise NotImplementedError(f"no rule is known for {type(expression).__name__}: {expression}")


_RULES: tuple[tuple[tuple[type, ...], str], ...] = (
    ((Add, Sum), SUMS),
    ((ProductOver,), PRODUCT),
    ((Pow,), POWER),
    ((Elementwise,), ACTIVATION),
    ((log,), LOGARITHM),
    ((exp,), EXPONENTIAL),
    ((Largest,), LARGEST),
    ((Smallest,), SMALLEST),
    ((Cases, Piecewise, Max, Min), CASES),
    ((Function,), FUNCTION),
)
