"""Python code of formulas of numbers: integers with a point, squares as products."""

from __future__ import annotations

from fractions import Fraction
from functools import singledispatch

from sympy import Add, E, Expr, Integer, Mul, Pow, Rational, Symbol, exp, log, pi, tanh

from derive.arrays.stable import log1p
from derive.calculus.reading_order import is_decimal, reading_order
from derive.targets.numpy.code import ATOM, PRODUCT, UNARY, Code, power, python_number
from derive.targets.numpy.formula_printer import product, signed_sum

#: The functions of Python's math module, with their names there.
MATH = {exp: "exp", log: "log", log1p: "log1p", tanh: "tanh"}


@singledispatch
def arithmetic(expression: Expr) -> Code:
    """Return the Python code of a formula; functions of ``MATH`` are called by their names alone.

    Raises NotImplementedError for a type of node without code.
    """
    raise NotImplementedError(f"no arithmetic for {type(expression).__name__}: {expression}")


@arithmetic.register
def _(expression: Rational) -> Code:
    """A float literal, so that Python does not convert an integer at every step."""
    if expression.q != 1 and is_decimal(expression):
        return python_number(Fraction(expression.p, expression.q))
    if expression.q != 1:
        return Code(f"{expression.p}.0 / {expression.q}.0", PRODUCT)
    return Code(f"{expression.p}.0", *((ATOM, True) if expression.p >= 0 else (UNARY, False)))


@arithmetic.register
def _(expression: Symbol) -> Code:
    return Code(expression.name, plain=True)


@arithmetic.register(type(pi))
def _(expression: Expr) -> Code:
    return Code("math.pi")


@arithmetic.register(type(E))
def _(expression: Expr) -> Code:
    return Code("math.e")


@arithmetic.register
def _(expression: Add) -> Code:
    return signed_sum(reading_order(expression.args), arithmetic)


@arithmetic.register
def _(expression: Mul) -> Code:
    return product(expression, arithmetic)


@arithmetic.register
def _(expression: Pow) -> Code:
    base, exponent = expression.as_base_exp()
    if exponent == Rational(1, 2):
        return Code(f"math.sqrt({arithmetic(base).text})")
    if exponent.is_negative:
        return Code(f"1.0 / {arithmetic(base**-exponent).at(UNARY)}", PRODUCT)
    if exponent == 2 and isinstance(base, Symbol):
        return Code(f"{base.name} * {base.name}", PRODUCT)
    whole = isinstance(exponent, Integer)
    return power(arithmetic(base), Code(str(exponent), plain=True) if whole else arithmetic(exponent), UNARY)


@arithmetic.register(exp)
@arithmetic.register(log)
@arithmetic.register(log1p)
@arithmetic.register(tanh)
def _(expression: Expr) -> Code:
    return Code(f"{MATH[type(expression)]}({arithmetic(expression.args[0]).text})")
