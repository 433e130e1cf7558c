"""Elementwise functions with a name and a definition.

A derivation shows ``sigmoid`` and ``sigmoid_prime`` by name (f' is not expanded before
the reader has seen it), and SymPy must still be able to differentiate them. The
derivative of a named function is another named function, whose definition SymPy derives.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Any, ClassVar

from sympy import (
    ITE,
    Abs,
    Add,
    And,
    DiracDelta,
    Dummy,
    E,
    Expr,
    Float,
    Function,
    Ge,
    Gt,
    Le,
    Lt,
    Matrix,
    Max,
    Min,
    Mul,
    Piecewise,
    Poly,
    Pow,
    Rational,
    Rel,
    Symbol,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atanh,
    cancel,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    factor,
    factor_terms,
    log,
    pi,
    preorder_traversal,
    sign,
    sin,
    sinh,
    solve_linear_system,
    sympify,
    tan,
    tanh,
    together,
    true,
)
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import BooleanTrue

from derive.calculus.cases import Cases
from derive.record import record
from derive.text.errors import StatementError


@record
class Call:
    """How a function of one number is written in NumPy, LaTeX and text; mpmath shares SymPy's names.

    An empty ``text`` means SymPy's name. ``width`` is the width of the printed name in em. A function that
    ``grows`` overflows for large arguments. Stable forms rewrite an ``exponential`` function with exp.
    """

    numpy: str
    tex: str
    text: str
    width: float | None = None
    grows: bool = False
    exponential: bool = False


#: The SymPy functions that formulas may use and that a single NumPy call computes.
CALLS = {
    exp: Call("exp", r"\exp", "", grows=True, exponential=True),
    log: Call("log", r"\ln", "ln", 0.9, exponential=True),
    tanh: Call("tanh", r"\tanh", "", 2.2, exponential=True),
    cosh: Call("cosh", r"\cosh", "", 2.1, grows=True, exponential=True),
    sinh: Call("sinh", r"\sinh", "", 2.0, grows=True, exponential=True),
    asinh: Call("arcsinh", r"\operatorname{arsinh}", "arsinh", 2.9),
    sin: Call("sin", r"\sin", "", 1.3),
    cos: Call("cos", r"\cos", ""),
    atan: Call("arctan", r"\arctan", "arctan", 2.9),
    tan: Call("tan", r"\tan", ""),
    asin: Call("arcsin", r"\arcsin", "arcsin", 2.7),
    acos: Call("arccos", r"\arccos", "arccos", 2.9),
    acosh: Call("arccosh", r"\operatorname{arcosh}", "arcosh", 3.0),
    atanh: Call("arctanh", r"\operatorname{artanh}", "artanh", 3.0),
}
#: The functions of one number that equations may use, and the definitions of elementwise functions.
SCALAR_FUNCTIONS: tuple[Any, ...] = (*CALLS, Abs, erf, erfc, sign)
#: The comparisons in the conditions of a Piecewise.
COMPARISONS = (Gt, Ge, Lt, Le)
#: The node types that the formula of an elementwise function may contain.
IN_DEFINITIONS = (Add, Mul, Pow, *SCALAR_FUNCTIONS, Piecewise, ExprCondPair, *COMPARISONS, BooleanTrue)
_PLAIN = ", ".join(f.__name__ for f in CALLS if not f.__name__.startswith("a"))
_NAMED = f"arithmetic, {_PLAIN}, inverses such as asin, Abs, erf, erfc, sign"
KNOWN_IN_DEFINITIONS = f"{_NAMED} and Piecewise"
KNOWN_IN_EQUATIONS = f"{_NAMED}, Max, Min and Piecewise"
#: The variable in which every elementwise function is defined.
X = Symbol("x", real=True)
#: The variable that stands for a function's own value in ``output_form``.
A = Symbol("a", real=True)


class Elementwise(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """A function of a real number (and optional further arguments), applied entry by entry.

    ``title`` is its name in code, ``label`` its name in the catalogue, with options;
    ``role`` is ``activation``, ``loss`` or ``stopped``.
    """

    title: ClassVar[str]
    label: ClassVar[str]
    role: ClassVar[str] = "activation"
    definition: ClassVar[Expr]
    order: ClassVar[int] = 0
    wrt: ClassVar[tuple[Symbol, ...]] = ()
    origin: ClassVar[str]
    others: ClassVar[tuple[Symbol, ...]] = ()
    summary: ClassVar[str] = ""
    form: ClassVar[Any] = None
    tex: ClassVar[str] = ""

    def fdiff(self, argindex: int = 1) -> Expr:
        """Return the derivative by name, or its value if it is constant (called by SymPy)."""
        itself: Any = type(self)
        slope = derivative(itself, argindex - 1)
        return slope.definition if slope.definition.is_number else slope(*self.args)


#: The names of some node types in messages.
_CALLED = {"ImaginaryUnit": "the imaginary unit"}


def called(node: Any) -> str:
    """The name of a node in a message."""
    name = str(node) if node.is_Atom else type(node).__name__
    return _CALLED.get(type(node).__name__, name)


#: What replaces a function that cannot be learned through, by its name.
_INSTEAD = {
    "Heaviside": "write Piecewise((1, x > 0), (0, True)), through which nothing is learned",
    "DiracDelta": "it has no values",
    "floor": "its derivative is 0 or does not exist",
    "ceiling": "its derivative is 0 or does not exist",
    "gamma": "NumPy has no gamma function",
    "loggamma": "NumPy has no gamma function, and a log-likelihood can do without its constant terms",
}


def instead(node: Any) -> str:
    """What to use instead of a node that equations cannot have."""
    return _INSTEAD.get(type(node).__name__, f"use {KNOWN_IN_EQUATIONS}")


def check_formula(formula: Expr, where: str) -> None:
    """Raise StatementError if a formula contains a node that is not known, or has no value for some X."""
    for node in preorder_traversal(formula):
        if isinstance(node, Rel) and not isinstance(node, IN_DEFINITIONS):
            raise StatementError(f"{where} has the condition {node}: conditions are written with <, <=, > and >=")
        if node is not pi and node is not E and not isinstance(node, (*IN_DEFINITIONS, Rational, Float, Symbol)):
            raise StatementError(f"{where} is defined by {called(node)}; known are {KNOWN_IN_DEFINITIONS}")
        if isinstance(node, Piecewise) and node.args[-1].cond != true:
            raise StatementError(
                f"{where} has no value where no condition of its Piecewise holds: add a last case (value, True)"
            )


def slope_in(node: Expr, position: int) -> Expr:
    """Return the derivative of a function with respect to one of its arguments, counted from 0.

    That of a maximum or a minimum is 1 where the argument is chosen, and 0 elsewhere; among equal arguments the first
    is chosen, and numbers come first. That of |x| is 0 at 0, and that of sign(x) is 0 everywhere.

    >>> slope_in(Max(X, 0), 1)
    Piecewise((1, x > 0), (0, True))
    """
    if isinstance(node, Max | Min):
        over, not_below = (Gt, Ge) if isinstance(node, Max) else (Lt, Le)
        chosen, before, after = node.args[position], node.args[:position], node.args[position + 1 :]
        return Cases(
            (1, And(*(over(chosen, other) for other in before), *(not_below(chosen, other) for other in after))),
            (0, True),
        )
    return sympify(0) if isinstance(node, sign) else node.fdiff(position + 1)


@cache
def elementwise(
    title: str,
    definition: Expr,
    origin: str = "",
    order: int = 0,
    others: tuple[Symbol, ...] = (),
    summary: str = "",
    form: Any = None,
    role: str = "activation",
    label: str = "",
    wrt: tuple[Symbol, ...] = (),
    tex: str = "",
) -> Any:
    """Return the function called ``title`` that maps ``X`` (and ``others``) to ``definition``.

    If the function is a derivative, ``origin`` is the function, ``order`` the order of the derivative, and
    ``wrt`` lists the arguments other than ``X`` with respect to which it is one.
    ``summary`` describes a function that is neither an activation nor a derivative of one, and ``tex`` is how LaTeX
    writes its name, if it is not by its letters.
    """
    members = {
        "title": title,
        "label": label or title,
        "role": role,
        "definition": without_choices(with_fractions(sympify(definition))),
        "order": order,
        "wrt": wrt,
        "origin": origin or title,
        "others": others,
        "summary": summary,
        "form": form,
        "tex": tex,
        "nargs": 1 + len(others),
    }
    return type(title, (Elementwise,), members)


def with_constants(expression: Expr, constants: Mapping[str, Symbol]) -> Expr:
    """Make the constants that the definitions of elementwise functions read arguments of these functions."""

    def widened(applied: Any) -> Expr:
        function = type(applied)
        loose = sorted(function.definition.free_symbols - {X, *function.others}, key=str)
        named = {symbol: constants[symbol.name] for symbol in loose if symbol.name in constants}
        if not named:
            return applied
        others = (*function.others, *named.values())
        given = (function.summary, function.form, function.role, function.label, function.wrt, function.tex)
        definition = function.definition.xreplace(named)
        wider = elementwise(function.title, definition, function.origin, function.order, others, *given)
        return wider(*applied.args, *named.values())

    return expression.replace(lambda e: isinstance(e, Elementwise), widened) if constants else expression


def with_fractions(expression: Expr) -> Expr:
    """Replace floats by the fractions that their decimals denote: 0.1 becomes 1/10."""
    floats = {f: Rational(str(f)) for f in expression.atoms(Float) if f.is_finite}
    return expression.xreplace(floats) if floats else expression


def without_choices(expression: Expr) -> Expr:
    """Replace nested conditions (``ITE``) by ``and`` and ``or``."""
    return expression.replace(lambda e: isinstance(e, ITE), lambda e: e.to_nnf(simplify=False))


@cache
def derivative(function: Any, position: int = 0) -> Any:
    """Return the derivative of a named function with respect to an argument, itself a named function."""
    variable = (X, *function.others)[position]
    definition = sympify(0) if function is STOP else function.definition
    slope = definition.diff(variable).replace(DiracDelta, _nothing)  # the derivative of sign(x) is 0 here
    slope = _shortened(slope)
    title = f"{function.title}_{f'wrt_{variable}' if position else 'prime'}"
    kind = {"role": function.role, "label": function.label, "others": function.others, "tex": function.tex}
    wrt = (*function.wrt, *([variable] if position else ()))
    return elementwise(title, slope, function.origin, function.order + 1, wrt=wrt, **kind)


def differentiated(function: Any, slope: Any) -> Any:
    """Return the function whose derivative is ``slope``: ``function``, or one of its derivatives.

    >>> f = elementwise("f", X**3)
    >>> differentiated(f, derivative(derivative(f))).title
    'f_prime'
    """
    step = _slopes(function)
    if slope in step or slope.order <= function.order + 1:
        return function
    return next((g for g in (differentiated(f, slope) for f in step) if slope in _slopes(g)), function)


def _slopes(function: Any) -> list[Any]:
    return [derivative(function, position) for position in range(1 + len(function.others))]


def _nothing(*_: Expr) -> Expr:
    return sympify(0)


def _shortened(slope: Expr) -> Expr:
    """Shorten a derivative: write sinh as tanh*cosh, and combine terms with x*sign(x) = |x|."""
    slope = slope.xreplace({sinh(X): tanh(X) * cosh(X)})
    if not slope.has(Abs) or slope.has(Piecewise):
        return slope
    size = Dummy("size", positive=True)
    single = cancel(slope.xreplace({sign(X): size / X, Abs(X): size}))
    return slope if single.has(X) else factor(single).xreplace({size: Abs(X)})


def in_exponentials(definition: Expr) -> Expr:
    """Write a hyperbolic function of the variable alone with exponentials; return any other definition unchanged.

    >>> in_exponentials(tanh(X))
    (exp(x) - exp(-x))/(exp(x) + exp(-x))
    """
    return (
        definition.rewrite(exp)
        if isinstance(definition, sinh | cosh | tanh) and definition.args == (X,)
        else definition
    )


def kinks(function: Any) -> list[tuple[Expr, Expr]]:
    """Return the points where the derivative of a function jumps, each with the value assumed there.

    >>> kinks(elementwise("size", Abs(X)))
    [(0, 0)]
    """
    slope = derivative(function).definition
    return [
        (point, slope.subs(X, point))
        for point, before, after in borders(slope)
        if local(slope, before).subs(X, point) != local(slope, after).subs(X, point)
    ]


def borders(expression: Expr) -> list[tuple[Expr, Expr, Expr]]:
    """Return the points where a formula changes, each with a point before it and one after it."""
    found = {Rational(0)} if expression.has(Abs, sign) else set()
    for piecewise in expression.atoms(Piecewise):
        for _, condition in piecewise.args:
            if condition != true:
                found |= {condition.rhs} | ({-condition.rhs} if condition.lhs.has(Abs) else set())
    points = sorted(point for point in found if point.is_number)  # another one depends on another argument
    if not points:
        return []
    gaps = [points[0] - 1, *((a + b) / 2 for a, b in pairwise(points)), points[-1] + 1]
    return list(zip(points, gaps, gaps[1:], strict=False))


def local(expression: Expr, point: Expr) -> Expr:
    """Return the formula in a neighbourhood of ``point``, without cases, |x| and sign(x).

    ``point`` must not be one of the ``borders``.
    """
    side = 1 if point > 0 else -1

    def chosen(piecewise: Expr) -> Expr:
        return next(value for value, condition in piecewise.args if condition.subs(X, point) == true)

    plain = expression.replace(lambda e: isinstance(e, Piecewise), chosen)
    return plain.xreplace({Abs(X): side * X, sign(X): sympify(side)})


@cache
def output_form(function: Any) -> Expr | None:
    """Return a short p with f'(x) = p(f(x)) for all x, written in ``A``; None if none was found.

    The candidates are linear combinations of 1, f, f**2 and exp(-f). Both sides
    are rational in t = exp(x) (or a power of it). The coefficients solve the
    linear equations that make the difference the zero polynomial, which proves the identity.
    """
    slope = derivative(function).definition
    if slope.is_number:
        return slope
    if function.others or slope.has(Piecewise) or function.definition.has(Piecewise):
        return None
    t = Dummy("t", positive=True)
    value, target = (in_powers_of(e, t) for e in (function.definition, slope))
    if value is None or target is None:
        return None
    basis = {sympify(1): sympify(1), A: value, A**2: value**2, exp(-A): exp(-value)}
    return _fit({k: b for k, b in basis.items() if b.is_rational_function(t)}, target, t)


def steepest(function: Any) -> tuple[Expr, Expr] | None:
    """Return the value of f where f' is largest, and f' there, if f' is a quadratic of f; None otherwise.

    >>> steepest(elementwise("logistic", 1 / (1 + exp(-X))))
    (1/2, 1/4)
    """
    form = output_form(function)
    if form is None or not form.is_polynomial(A) or Poly(form, A).degree() != 2 or Poly(form, A).LC() >= 0:
        return None
    (top,) = Poly(form, A).diff().all_roots()
    return (top, form.xreplace({A: top})) if top.is_Rational else None


def in_powers_of(expression: Expr, t: Symbol) -> Expr | None:
    """Return ``expression`` with exp(x) written as t; None if it depends on x in another way."""
    rewritten = expression.rewrite(exp)
    result = rewritten.replace(
        lambda e: isinstance(e, exp) and e.args[0].has(X),
        lambda e: t ** cancel(e.args[0] / X),
    )
    return None if result.has(X) else result


def _fit(basis: dict[Expr, Expr], target: Expr, t: Symbol) -> Expr | None:
    """Return coefficients c with sum(c*b) equal to ``target`` identically in t."""
    if not target.is_rational_function(t):
        return None
    unknowns = [Dummy(f"c{n}") for n in range(len(basis))]
    combination = sum(c * b for c, b in zip(unknowns, basis.values(), strict=True)) - target
    numerator = together(combination).as_numer_denom()[0]
    rows = Poly(numerator, t).coeffs()
    none = dict.fromkeys(unknowns, sympify(0))
    system = Matrix([[r.coeff(c) for c in unknowns] + [-r.xreplace(none)] for r in rows])
    solution = solve_linear_system(system, *unknowns)
    if solution is None:
        return None
    values = [sympify(solution.get(c, 0)).xreplace(none) for c in unknowns]
    return factor_terms(sum(v * name for v, name in zip(values, basis, strict=True)))


#: The value of an argument, taken for a constant: the derivative of this function is 0.
STOP: Any = elementwise("sg", X, role="stopped", summary="The value, which gradients take for a constant")
