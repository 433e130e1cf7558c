"""The functions that the equations call: elementwise ones, those along an axis, and those missing in NumPy."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

from sympy import Symbol, erf
from sympy import erfc as sympy_erfc

from derive.arrays import matrix as mx
from derive.arrays.stable import erfc, form_of, log1p, log1p_ratio
from derive.calculus.functions import X
from derive.paper.boxes import Typesetter
from derive.paper.notation import PSI
from derive.paper.page import Page
from derive.paper.text import text
from derive.targets.fold import folded
from derive.targets.numpy import array_functions
from derive.targets.numpy.along_code import called_in, function_along, with_those_called
from derive.targets.numpy.code import STEP
from derive.targets.numpy.evaluator import functions_in, ignored
from derive.targets.numpy.formula_printer import scalar
from derive.targets.numpy.function_bodies import words
from derive.targets.numpy.function_code import body
from derive.targets.numpy.library import Library
from derive.targets.numpy.statements import Statements, code_form

#: The number of characters on one line of a docstring.
DOCSTRING = 77
#: The minus sign of formulas, which code checkers report as a confusable hyphen.
MINUS = "−"

#: Functions of the module that NumPy lacks, by name, each with its SymPy classes.
_SPECIAL = {"erf": (erf,), "erfc": (erfc, sympy_erfc), "log1p": (log1p,), "log1p_ratio": (log1p_ratio,)}


def helpers(statements: Statements) -> Iterator[dict[str, Any]]:
    """Yield the context of each function: the elementwise functions, then the functions that they and others call."""
    for function, number in statements.numbers.items():
        yield _elementwise(function, number, statements)
    values = [form_of(function).value for function in statements.numbers]
    forms = [code_form(s) for s in statements.computed]
    applied = {f for form in forms for f in functions_in(form)} - {log1p}  # the library has a log1p of real numbers
    for name, kinds in _SPECIAL.items():
        if applied & {*kinds} or any(value.has(*kinds) for value in values):
            yield {"call": name, "slope": _slope_of_erf(name) if erf in kinds or erfc in kinds else ""}
    calls = {name for form in forms for name in called_in(form)}
    for name in sorted(with_those_called(calls)):
        yield _along(name, statements.library)
    for name in _array_functions(statements):
        yield {"call": name, "source": inspect.getsource(getattr(array_functions, name)).rstrip()}


def _array_functions(statements: Statements) -> Iterator[str]:
    """The names of the functions of ``array_functions`` that the equations without a matrix form call."""
    printer = statements.printer()
    formulas = [form for s in statements.computed if isinstance(form := code_form(s), mx.Formula)]
    called = words(printer.code(form).text for form in formulas)
    return (name for name in array_functions.NAMES if name in called)


def _elementwise(function: Any, number: int, statements: Statements) -> dict[str, Any]:
    form, constants, library = form_of(function), statements.program.constants, statements.library
    return {
        "call": None,
        "function": function,
        "name": statements.functions[function],
        "signature": ", ".join(f"{s}: {'float' if s.name in constants else 'Array'}" for s in (X, *function.others)),
        "what": _as_docstring(f"{described(function)}."),
        "overflows": "" if library.traced else ignored(function.definition, form),
        "lines": folded(body(form, f"  # ({number})", library), STEP),
    }


def _along(name: str, library: Library) -> dict[str, Any]:
    code = function_along(name, library)
    return {
        "call": None,
        "name": name,
        "signature": ", ".join(f"{a}: Array" for a in code.arguments),
        "what": _as_docstring(code.what),
        "overflows": "",
        "lines": folded(code.lines, STEP),
    }


def _slope_of_erf(name: str) -> str:
    """The derivative of erf or erfc at the real part of x, computed by SymPy."""
    slope = (erf(X) if name == "erf" else 1 - erf(X)).diff(X)
    return scalar(slope.xreplace({X: Symbol(f"{X}.real", real=True)})).text


def _as_docstring(text: str) -> str:
    """Wrap a sentence; its formula moves to a paragraph of its own if both do not fit on one line."""
    if len(text) <= DOCSTRING:
        return text
    words, _, formula = text.partition(": ")
    if not formula:
        return "\n    ".join(textwrap.wrap(text, DOCSTRING))
    rest = "\n    ".join(textwrap.wrap(formula, DOCSTRING))
    return f"{words}.\n\n    {rest}"


def described(function: Any) -> str:
    """Describe an elementwise function, for its docstring."""
    if function.summary:
        return str(function.summary).replace(MINUS, "-")
    formula = text(Page(Typesetter(PSI.times), PSI, {}).formula(function.definition)).replace(MINUS, "-")
    if function.order:
        wrt = "".join(f" with respect to {variable}" for variable in function.wrt)
        which = ("", "second ", "third ", "fourth ")[function.order - 1]
        return f"The {which}derivative of {function.origin}{wrt}: {formula}"
    if function.role == "loss":
        return f"What the loss {function.label} does to one entry: {formula}"
    return f"The activation{'' if function.label == function.title else f' {function.label}'}: {formula}"
