"""NumPy code of formulas of arrays and numbers, one function for each type of node."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from fractions import Fraction
from functools import partial, reduce, singledispatch
from typing import Any

from sympy import (
    Abs,
    Add,
    And,
    E,
    Expr,
    Function,
    Ge,
    Gt,
    Le,
    Lt,
    Max,
    Min,
    Mul,
    Or,
    Piecewise,
    Pow,
    Rational,
    Symbol,
    default_sort_key,
    erf,
    floor,
    oo,
    pi,
    preorder_traversal,
    sign,
)
from sympy import erfc as sympy_erfc

from derive.arrays.stable import E_LESS_ONE, E_NEAR, E_POWER, erfc, log1p, log1p_ratio
from derive.calculus.cases import Cases
from derive.calculus.functions import CALLS, Elementwise, X
from derive.calculus.reading_order import fraction, is_decimal, reading_order, subtracted
from derive.targets.numpy.code import ATOM, PRODUCT, UNARY, Code, joined, power, python_number
from derive.targets.numpy.library import NUMPY, Library

#: The symbols in the small terms of a rearranged form.
SMALL = (E_POWER, E_LESS_ONE, E_NEAR)
#: X in a comparison of NumPy, which orders complex numbers by their real and then by their imaginary parts.
ORDERED = Symbol(X.name, extended_real=True)


@singledispatch
def scalar(expression: Expr, library: Library = NUMPY) -> Code:
    """Return the code of a formula for an array library; its symbols are arrays or Python numbers.

    Raises NotImplementedError for a type of node without code.
    """
    raise NotImplementedError(f"no NumPy code for {type(expression).__name__}: {expression}")


@scalar.register
def _(expression: Rational, library: Library = NUMPY) -> Code:
    if expression.q == 1:
        return Code(str(expression.p), *((ATOM, True) if expression.p >= 0 else (UNARY, False)))
    if is_decimal(expression):
        return python_number(Fraction(expression.p, expression.q))
    return Code(f"{expression.p} / {expression.q}", PRODUCT)


@scalar.register
def _(expression: Symbol, library: Library = NUMPY) -> Code:
    return Code(expression.name, plain=True)


@scalar.register
def _(expression: Add, library: Library = NUMPY) -> Code:
    # small terms come last, so that they are not lost before the large terms have cancelled
    terms = reading_order(expression.args)
    if expression.has(*SMALL, X):
        terms.sort(key=lambda t: (t.has(*SMALL), not t.is_number))
    return signed_sum(terms, _with(library))


def _with(library: Library) -> Callable[[Expr], Code]:
    """The code of formulas for a library."""
    return partial(scalar, library=library)


def signed_sum(terms: Iterable[Expr], printed: Callable[[Expr], Code]) -> Code:
    """Return the sum of terms that are ``printed`` without their signs."""
    return joined((subtracted(t), printed(-t if subtracted(t) else t)) for t in terms)


@scalar.register
def _(expression: Mul, library: Library = NUMPY) -> Code:
    return product(expression, _with(library))


def product(expression: Mul, printed: Callable[[Expr], Code]) -> Code:
    """Return a product, or a quotient, of factors that are ``printed``: numbers first, sums last."""
    if subtracted(expression):
        return Code(f"-{printed(-expression).at(PRODUCT)}", UNARY)
    top, bottom = fraction(expression, decimals=True)
    if bottom != 1:
        return Code(f"{printed(top).at(PRODUCT)} / {printed(bottom).at(UNARY)}", PRODUCT)
    factors = sorted(top.as_ordered_factors(), key=lambda f: (not f.is_number, isinstance(f, Add)))
    return Code(" * ".join(printed(f).at(UNARY) for f in factors), PRODUCT)


@scalar.register
def _(expression: Pow, library: Library = NUMPY) -> Code:
    if is_root(expression):
        module = "math" if expression.is_number else library.name
        return Code(f"{module}.sqrt({scalar(expression.base, library).text})")
    if expression.exp == -1:
        return Code(f"1 / {scalar(expression.base, library).at(UNARY)}", PRODUCT)
    if expression.exp.is_negative:
        return Code(f"1 / {scalar(expression.base**-expression.exp, library).at(UNARY)}", PRODUCT)
    return power(scalar(expression.base, library), scalar(expression.exp, library), UNARY)


def _called(expression: Expr, library: Library = NUMPY) -> Code:
    """A call of NumPy, or of ``math`` for a number: a NumPy number would turn float32 arrays into float64."""
    name = type(expression).__name__
    function = f"math.{name}" if expression.is_number else f"{library.name}.{CALLS[type(expression)].numpy}"
    return Code(f"{function}({scalar(expression.args[0], library).text})")


for _function in CALLS:
    scalar.register(_function, _called)


@scalar.register(erf)
@scalar.register(erfc)
@scalar.register(sympy_erfc)
@scalar.register(log1p)
@scalar.register(log1p_ratio)
def _(expression: Expr, library: Library = NUMPY) -> Code:
    of_number = expression.is_number and not isinstance(expression, log1p_ratio)  # the functions in code are of arrays
    return Code(f"{'math.' * of_number}{type(expression).__name__}({scalar(expression.args[0], library).text})")


@scalar.register(type(pi))
def _(expression: Expr, library: Library = NUMPY) -> Code:
    return Code("math.pi")


@scalar.register(type(E))
def _(expression: Expr, library: Library = NUMPY) -> Code:
    return Code("math.e")


@scalar.register
def _(expression: Abs, library: Library = NUMPY) -> Code:
    """Choose by the real part: the complex step needs the derivative, which ``np.abs`` of a complex number loses."""
    return absolute(scalar(expression.args[0], library), library)


def absolute(inner: Code, library: Library) -> Code:
    """The absolute value of an array."""
    if not library.complex_steps:
        return Code(f"{library.name}.abs({inner.text})")
    return Code(f"{library.name}.where({inner.at(ATOM)}.real >= 0, {inner.text}, -{inner.at(UNARY)})")


def extreme_of(function: Any, codes: Iterable[Code], library: Library) -> Code:
    """The larger or the smaller of several arrays, entry by entry."""
    name = f"{library.name}.{'maximum' if function is Max else 'minimum'}"
    return reduce(lambda one, other: Code(f"{name}({one.text}, {other.text})"), codes)


@scalar.register
def _(expression: sign, library: Library = NUMPY) -> Code:
    return sign_of(scalar(expression.args[0], library), library)


def sign_of(inner: Code, library: Library) -> Code:
    """The sign of an array."""
    code = f"{inner.at(ATOM)}.real" if library.complex_steps else inner.text
    return Code(f"{library.name}.sign({code})")


# Numbers computed once per step are Python numbers: a NumPy number would turn float32 arrays into float64.


class PythonRoot(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """The square root of a Python number."""


class PythonCall(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """A function of a Python number, by its name in the module ``math``."""


class EntryCall(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """An elementwise function, by its name in the module, which takes arrays."""


class PythonEntry(EntryCall):
    """The same of Python numbers, as a Python number."""


#: The functions of Python's module ``math``, by their names there.
_MATH = {f: f.__name__ for f in (*CALLS, erf, sympy_erfc)} | {Abs: "fabs"}


def with_python(expression: Expr, arrays: Container[str], functions: Mapping[Any, str]) -> Expr:
    """Return a formula with functions of Python in the place of those of NumPy where they read no arrays.

    ``functions`` are the names of elementwise functions.
    """

    def of_numbers(node: Expr) -> bool:
        return not any(s.name in arrays for s in node.free_symbols)

    def turned(node: Expr) -> Expr:
        if is_root(node) and of_numbers(node):
            return PythonRoot(turned(node.base))
        arguments = [turned(a) for a in node.args]
        if isinstance(node, Elementwise):
            return (PythonEntry if of_numbers(node) else EntryCall)(Symbol(functions[type(node)]), *arguments)
        if type(node) in _MATH and of_numbers(node):  # before SymPy sees its argument changed: erfc(-x) is 2 - erfc(x)
            return PythonCall(Symbol(_MATH[type(node)]), *arguments)
        return node if arguments == [*node.args] else node.func(*arguments)

    return turned(expression)


def is_root(expression: Expr) -> bool:
    """Return whether a formula is a square root."""
    return isinstance(expression, Pow) and expression.exp == Rational(1, 2)


@scalar.register
def _(expression: PythonRoot, library: Library = NUMPY) -> Code:
    return Code(f"math.sqrt({scalar(expression.args[0], library).text})")


@scalar.register(PythonCall)
@scalar.register(floor)
def _(expression: Expr, library: Library = NUMPY) -> Code:
    name = "floor" if isinstance(expression, floor) else expression.args[0]
    module = library.name if library.traced and isinstance(expression, floor) else "math"
    return Code(f"{module}.{name}({scalar(expression.args[-1], library).text})")


@scalar.register
def _(expression: EntryCall, library: Library = NUMPY) -> Code:
    name, *arguments = expression.args
    return Code(f"{name}({', '.join(scalar(a, library).text for a in arguments)})")


@scalar.register
def _(expression: PythonEntry, library: Library = NUMPY) -> Code:
    name, *arguments = expression.args
    listed = ", ".join(f"{library.name}.array({scalar(a, library).text})" for a in arguments)
    return Code(f"{name}({listed})" if library.traced else f"float({name}({listed}))")


@scalar.register
def _(expression: Cases, library: Library = NUMPY) -> Code:
    """The cases of a number, as a conditional expression of Python."""
    *cases, (last, _) = expression.args
    text = scalar(last, library).text
    for value, condition in reversed(cases):
        this, where = scalar(value, library).text, _condition(condition, library)
        text = f"{library.name}.where({where}, {this}, {text})" if library.traced else f"{this} if {where} else {text}"
    return Code(text if library.traced else f"({text})")


@scalar.register(Max)
@scalar.register(Min)
def _(expression: Expr, library: Library = NUMPY) -> Code:
    codes = [scalar(a, library) for a in reading_order(expression.args)]
    if library.traced:
        return extreme_of(type(expression), codes, library)
    listed = ", ".join(code.text for code in codes)
    return Code(f"{type(expression).__name__.lower()}({listed})")


@scalar.register
def _(expression: Piecewise, library: Library = NUMPY) -> Code:
    if any(_is_array(value) for value, _ in expression.args):
        return _choice(expression, library)
    *cases, (last, _) = expression.args  # numbers alone would make int64 or float64
    text = library.number(scalar(last, library).text, f"{X}.dtype")
    for value, condition in reversed(cases):
        text = f"{library.name}.where({_condition(condition, library)}, {scalar(value, library).text}, {text})"
    return Code(f"{text}.{library.cast}({X}.dtype)")


def _choice(expression: Piecewise, library: Library) -> Code:
    """Nested calls of ``where``."""
    (value, condition), *rest = expression.args
    other = scalar(Piecewise(*rest), library)  # the value itself if it is the last
    return Code(f"{library.name}.where({_condition(condition, library)}, {scalar(value, library).text}, {other.text})")


def _is_array(value: Expr) -> bool:
    """Whether the value of a formula is an array, not a number."""
    return any(isinstance(node, Symbol) for node in preorder_traversal(value))


def _condition(condition: Any, library: Library) -> str:
    if isinstance(condition, And | Or):
        sign = " & " if isinstance(condition, And) else " | "
        return sign.join(f"({_condition(c, library)})" for c in sorted(condition.args, key=default_sort_key))
    if X in condition.rhs.free_symbols:  # SymPy sorts the sides by their names
        condition = condition.reversed
    signs = {Gt: ">", Ge: ">=", Lt: "<", Le: "<="}
    return f"{_real(condition.lhs, library)} {signs[type(condition)]} {_real(condition.rhs, library)}"


def _real(side: Expr, library: Library) -> str:
    """The real part of one side of a comparison, so that a complex step takes the same branch."""
    if isinstance(side, Abs):
        return f"{library.name}.abs({_real(side.args[0], library)})"
    code = scalar(side, library)
    return code.text if side.is_number or side == ORDERED or not library.complex_steps else f"{code.at(ATOM)}.real"


@scalar.register(type(-oo))
def _(expression: Expr, library: Library = NUMPY) -> Code:
    return Code("-math.inf", UNARY)
