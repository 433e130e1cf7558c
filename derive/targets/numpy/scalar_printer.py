"""Formulas as arithmetic on Python's own numbers: whole numbers with a point, squares as products."""

from __future__ import annotations

from fractions import Fraction
from functools import singledispatch

from sympy import Add, E, Expr, Integer, Mul, Pow, Rational, Symbol, exp, log, pi, tanh

from derive.arrays.stable import log1p
from derive.calculus.reading_order import fraction, is_decimal, reading_order, subtracted
from derive.targets.numpy.printer import ATOM, PRODUCT, UNARY, Code, abs_term, factors, joined, power, python_number

#: The functions that Python's math module has, by their names there.
MATH = {exp: "exp", log: "log", log1p: "log1p", tanh: "tanh"}


@singledispatch
def arithmetic(expression: Expr) -> Code:
    """Python's code of a formula; the functions of ``MATH`` go by their names alone."""
    raise NotImplementedError(f"no arithmetic for {type(expression).__name__}: {expression}")


@arithmetic.register
def _(expression: Rational) -> Code:
    """With a point, so that Python need not convert it at every step."""
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
    return joined((term, arithmetic(abs_term(term))) for term in reading_order(expression.args))


@arithmetic.register
def _(expression: Mul) -> Code:
    if subtracted(expression):
        return Code(f"-{arithmetic(-expression).at(PRODUCT)}", UNARY)
    top, bottom = fraction(expression, decimals=True)
    if bottom != 1:
        return Code(f"{arithmetic(top).at(PRODUCT)} / {arithmetic(bottom).at(UNARY)}", PRODUCT)
    return Code(" * ".join(arithmetic(f).at(UNARY) for f in factors(top)), PRODUCT)


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
