"""NumPy: one function per node of the matrix form, and one per node of a stable form.

``*``, ``/`` and ``@`` bind alike in Python, so an operand that holds one of
them is put in parentheses wherever the order could be read in another way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import singledispatch, singledispatchmethod
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
    Integer,
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
    cos,
    default_sort_key,
    erf,
    floor,
    oo,
    pi,
    preorder_traversal,
    sign,
    true,
)

from derive.arrays import matrix as mx
from derive.arrays.stable import E_LESS_ONE, E_NEAR, E_POWER, erfc, log1p, log1p_ratio
from derive.calculus.functions import CALLS, Elementwise, X
from derive.calculus.reading_order import fraction, is_decimal, reading_order, subtracted
from derive.targets.names import renamed
from derive.text.entry_text import decimal_text

COMPARISON, SUM, PRODUCT, UNARY, POWER, ATOM = range(6)

#: What the small terms of a rearranged form are made of.
SMALL = (E_POWER, E_LESS_ONE, E_NEAR)


@dataclass(frozen=True)
class Code:
    """Python source, how tightly its outermost operation binds, and whether it is a name or a number and no more."""

    text: str
    binds: int = ATOM
    plain: bool = False

    def at(self, level: int) -> str:
        """The source, in parentheses if it binds less tightly than ``level``."""
        return self.text if self.binds >= level else f"({self.text})"


def quoted(name: str) -> str:
    r"""A name as a string of Python.

    >>> print(quoted("W1"), quoted('a"b'))
    "W1" "a\"b"
    """
    return json.dumps(name, ensure_ascii=False)


def python_number(value: Fraction) -> Code:
    """A fraction as Python computes it: a decimal, or a quotient of whole numbers.

    >>> [python_number(Fraction(t)).text for t in ("0.25", "1/3", "1e-8")]
    ['0.25', '1 / 3', '1e-8']
    """
    decimal = decimal_text(value)
    if decimal is None:
        return Code(f"{value.numerator} / {value.denominator}", PRODUCT)
    return Code(decimal, *((ATOM, True) if value >= 0 else (UNARY, False)))


@singledispatch
def scalar(expression: Expr) -> Code:
    """NumPy code of a scalar expression; ``x`` and ``e`` are arrays."""
    raise NotImplementedError(f"no NumPy code for {type(expression).__name__}: {expression}")


@scalar.register
def _(expression: Rational) -> Code:
    if expression.q == 1:
        return Code(str(expression.p), *((ATOM, True) if expression.p >= 0 else (UNARY, False)))
    if is_decimal(expression):
        return python_number(Fraction(expression.p, expression.q))
    return Code(f"{expression.p} / {expression.q}", PRODUCT)


@scalar.register
def _(expression: Symbol) -> Code:
    return Code(expression.name, plain=True)


@scalar.register
def _(expression: Add) -> Code:
    # what is small is added last, so that it is not lost before the large terms have cancelled
    terms = reading_order(expression.args)
    if expression.has(*SMALL, X):
        terms.sort(key=lambda t: (t.has(*SMALL), not t.is_number))
    return joined((t, scalar(abs_term(t))) for t in terms)


def abs_term(term: Expr) -> Expr:
    """The term without its minus sign."""
    return -term if subtracted(term) else term


def joined(terms: Iterable[tuple[Any, Code]]) -> Code:
    """Terms, printed without their signs, as a sum."""
    text = ""
    for term, code in terms:
        negative = term.negative if isinstance(term, _Sign) else subtracted(term)
        if text:
            text += f" {'-' if negative else '+'} {code.at(PRODUCT)}"
        else:
            text = f"-{code.at(UNARY)}" if negative else code.at(SUM)
    return Code(text, SUM)


@scalar.register
def _(expression: Mul) -> Code:
    if subtracted(expression):
        return Code(f"-{scalar(-expression).at(PRODUCT)}", UNARY)
    top, bottom = fraction(expression, decimals=True)
    if bottom != 1:
        return Code(f"{scalar(top).at(PRODUCT)} / {scalar(bottom).at(UNARY)}", PRODUCT)
    return Code(" * ".join(scalar(f).at(UNARY) for f in factors(top)), PRODUCT)


def factors(expression: Expr) -> list[Expr]:
    """Numbers first, sums last, as one writes a product."""
    return sorted(expression.as_ordered_factors(), key=lambda f: (not f.is_number, isinstance(f, Add)))


@scalar.register
def _(expression: Pow) -> Code:
    if _is_root(expression):
        library = "math" if expression.is_number else "np"
        return Code(f"{library}.sqrt({scalar(expression.base).text})")
    if expression.exp == -1:
        return Code(f"1 / {scalar(expression.base).at(UNARY)}", PRODUCT)
    if expression.exp.is_negative:
        return Code(f"1 / {scalar(expression.base**-expression.exp).at(UNARY)}", PRODUCT)
    return power(scalar(expression.base), scalar(expression.exp), UNARY)


def power(base: Code, exponent: Code, binds: int = ATOM) -> Code:
    """A power; its sign has no spaces between names and numbers, as formatters write it."""
    sign_ = "**" if base.plain and exponent.plain else " ** "
    return Code(f"{base.at(ATOM)}{sign_}{exponent.at(binds)}", POWER)


def _called(expression: Expr) -> Code:
    """One call; of a number by Python, since a number of NumPy's would make float64 of float32."""
    name = type(expression).__name__
    function = f"math.{name}" if expression.is_number else f"np.{CALLS[type(expression)].numpy}"
    return Code(f"{function}({scalar(expression.args[0]).text})")


for _function in CALLS:
    scalar.register(_function, _called)


@scalar.register(erf)
@scalar.register(erfc)
@scalar.register(log1p)
@scalar.register(log1p_ratio)
def _(expression: Expr) -> Code:
    return Code(f"{type(expression).__name__}({scalar(expression.args[0]).text})")


@scalar.register(type(pi))
def _(expression: Expr) -> Code:
    return Code("math.pi")


@scalar.register(type(E))
def _(expression: Expr) -> Code:
    return Code("math.e")


@scalar.register
def _(expression: Abs) -> Code:
    """A choice by the real part: NumPy's own of a complex number has no complex step."""
    inner = scalar(expression.args[0])
    return Code(f"np.where({inner.at(ATOM)}.real >= 0, {inner.text}, -{inner.at(UNARY)})")


@scalar.register
def _(expression: sign) -> Code:
    return Code(f"np.sign({scalar(expression.args[0]).at(ATOM)}.real)")


# What is computed once a step are numbers of Python's: one of NumPy's would make float64 of float32.


class _Root(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """The square root of a number of Python's."""


class _Cosine(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """The cosine of a number of Python's."""


def _is_root(expression: Expr) -> bool:
    return isinstance(expression, Pow) and expression.exp == Rational(1, 2)


@scalar.register
def _(expression: _Root) -> Code:
    return Code(f"math.sqrt({scalar(expression.args[0]).text})")


@scalar.register(_Cosine)
@scalar.register(floor)
def _(expression: Expr) -> Code:
    name = "floor" if isinstance(expression, floor) else "cos"
    return Code(f"math.{name}({scalar(expression.args[0]).text})")


@scalar.register(Max)
@scalar.register(Min)
def _(expression: Expr) -> Code:
    listed = ", ".join(scalar(a).text for a in reading_order(expression.args))
    return Code(f"{type(expression).__name__.lower()}({listed})")


@scalar.register
def _(expression: Piecewise) -> Code:
    if any(_is_array(value) for value, _ in expression.args):
        return _choice(expression, scalar)
    return Code(f"{_choice(expression, _choice).text}.astype({X}.dtype)")  # numbers alone would make int64 or float64


def _choice(expression: Expr, otherwise: Callable[..., Code] | None = None) -> Code:
    """Nested choices; ``otherwise`` prints what is left after the first."""
    if not isinstance(expression, Piecewise):
        return scalar(expression)
    (value, condition), *rest = expression.args
    if condition == true:
        return scalar(value)
    other = (otherwise or _choice)(Piecewise(*rest))
    return Code(f"np.where({_condition(condition)}, {scalar(value).text}, {other.text})")


def _is_array(value: Expr) -> bool:
    """Whether a formula is computed with an array: a choice between numbers is none."""
    return any(isinstance(node, Symbol) for node in preorder_traversal(value))


def _condition(condition: Any) -> str:
    if isinstance(condition, And | Or):
        sign = " & " if isinstance(condition, And) else " | "
        return sign.join(f"({_condition(c)})" for c in sorted(condition.args, key=default_sort_key))
    signs = {Gt: ">", Ge: ">=", Lt: "<", Le: "<="}
    return f"{_real(condition.lhs)} {signs[type(condition)]} {_real(condition.rhs)}"


def _real(side: Expr) -> str:
    """A comparison looks at the real part, so that a complex step takes the same branch."""
    if isinstance(side, Abs):
        return f"np.abs({_real(side.args[0])})"
    code = scalar(side)
    return code.text if side.is_number else f"{code.at(ATOM)}.real"


@scalar.register(type(-oo))
def _(expression: Expr) -> Code:
    return Code("-math.inf", UNARY)


@dataclass(frozen=True)
class NumPyPrinter:
    """Prints the matrix form; ``names`` are those of the tensors in code, ``widths`` and ``functions`` theirs."""

    names: Mapping[str, str]
    widths: Mapping[Symbol, str]
    functions: Mapping[Any, str]

    @singledispatchmethod
    def code(self, node: mx.Node) -> Code:
        """NumPy code of a node."""
        raise NotImplementedError(f"no NumPy code for {type(node).__name__}")

    @code.register
    def _(self, node: mx.Array) -> Code:
        return Code(self.names[node.tensor.name], plain=True)

    def _scalar(self, number: Expr) -> Code:
        """A number that may read scalars and widths by their names."""
        named = renamed(number, self.names, self.widths).replace(_is_root, lambda e: _Root(e.base))
        return scalar(named.replace(cos, _Cosine))

    def _sides(self, node: mx.Repeat | mx.Broadcast | mx.Einsum) -> str:
        return ", ".join(self._scalar(side).text for side in node.full)

    @code.register
    def _(self, node: mx.Number) -> Code:
        return self._scalar(node.value)

    @code.register
    def _(self, node: mx.Transpose) -> Code:
        return Code(f"{self.code(node.of).at(ATOM)}.T")

    @code.register
    def _(self, node: mx.Product) -> Code:
        left = self.code(node.left)
        first = left.text if isinstance(node.left, mx.Product) else left.at(UNARY)
        return Code(f"{first} @ {self.code(node.right).at(UNARY)}", PRODUCT)

    @code.register
    def _(self, node: mx.Hadamard) -> Code:
        over = [f for f in node.factors if mx.divides(f)]
        top = [self.code(f).at(UNARY) for f in node.factors if f not in over]
        text = " * ".join(top) or "1"
        for factor in over:
            text += f" / {self.code(mx.inverse(factor)).at(UNARY)}"
        return Code(text, PRODUCT)

    @code.register
    def _(self, node: mx.Plus) -> Code:
        return joined((_Sign(mx.is_negative(t)), self.code(mx.without_sign(t))) for t in node.terms)

    @code.register
    def _(self, node: mx.Scale) -> Code:
        if subtracted(node.factor):
            return Code(f"-{self.code(mx.Scale(-node.factor, node.of)).at(PRODUCT)}", UNARY)
        top, bottom = fraction(node.factor)
        of = self.code(node.of)
        inner = of.at(PRODUCT)
        if bottom != 1 and top != 1:
            over = f"{self._scalar(top).at(PRODUCT)} / {self._scalar(bottom).at(UNARY)}"
            return Code(f"{over} * {self._grouped(node.of)}", PRODUCT)
        if bottom != 1:
            return Code(f"{inner} / {self._scalar(bottom).at(UNARY)}", PRODUCT)
        return of if top == 1 else Code(f"{self._scalar(top).at(PRODUCT)} * {self._grouped(node.of)}", PRODUCT)

    def _grouped(self, node: mx.Node) -> str:
        """A right operand of ``*``: a matrix product there must stand in parentheses."""
        return self.code(node).at(UNARY if isinstance(node, mx.Product) else PRODUCT)

    @code.register
    def _(self, node: mx.Map) -> Code:
        arguments = ", ".join(self.code(a).text for a in node.arguments)
        if isinstance(node.function, type) and issubclass(node.function, Elementwise):
            return Code(f"{self.functions[node.function]}({arguments})")
        return Code(f"np.{node.function.__name__}({arguments})")

    @code.register
    def _(self, node: mx.Call) -> Code:
        return Code(f"{node.name}({', '.join(self.code(a).text for a in node.arguments)})")

    @code.register
    def _(self, node: mx.Power) -> Code:
        if node.exponent == -1:
            return Code(f"1 / {self.code(node.base).at(UNARY)}", PRODUCT)
        if node.exponent == Rational(1, 2):
            return Code(f"np.sqrt({self.code(node.base).text})")
        return power(self.code(node.base), self._scalar(node.exponent))

    @code.register
    def _(self, node: mx.SumOver) -> Code:
        inner = self.code(node.of).text
        return Code(f"np.sum({inner})" if node.axis is None else f"np.sum({inner}, axis={node.axis}, keepdims=True)")

    @code.register
    def _(self, node: mx.Largest) -> Code:
        """NumPy orders complex numbers by their real parts, so that a complex step takes the same one."""
        return Code(f"np.max({self.code(node.of).text}, axis={node.axis}, keepdims=True)")

    @code.register
    def _(self, node: mx.IsLargest) -> Code:
        of = self.code(node.of)
        places = f"np.arange({of.at(ATOM)}.shape[{node.axis}]){'[:, None]' if node.axis == 0 else ''}"
        return Code(f"np.argmax({of.text}, axis={node.axis}, keepdims=True) == {places}", COMPARISON)

    @code.register
    def _(self, node: mx.Choice) -> Code:
        return Code(f"np.where({', '.join(self.code(c).text for c in (node.condition, node.this, node.that))})")

    @code.register
    def _(self, node: mx.Broadcast) -> Code:
        return self.code(node.of)

    @code.register
    def _(self, node: mx.Repeat) -> Code:
        value, sides = self.code(node.of).text, self._sides(node)
        if not mx.arrays_read(node.of):  # a number of Python has no type that its array could have
            return Code(f"np.full(({sides}), {value}, next(iter(parameters.values())).dtype)")
        return Code(f"np.broadcast_to({value}, ({sides}))")

    @code.register
    def _(self, node: mx.Part) -> Code:
        whole = node.of.shape[node.axis]
        last = "" if node.first + node.count == whole else self._scalar(node.first + node.count).text
        first = self._scalar(Integer(node.first)).text if node.first else ""
        where = f"{first}:{last}" if node.axis == 0 else f":, {first}:{last}"
        return Code(f"{self.code(node.of).at(ATOM)}[{where}]")

    @code.register
    def _(self, node: mx.Stack) -> Code:
        return Code(f"np.vstack([{self._blocks(node.blocks)}])")

    def _blocks(self, blocks: tuple[mx.Node, ...]) -> str:
        """Blocks with commas between them; those of one number have the type of the first array in the others."""
        arrays = (self.names[n.tensor.name] for block in blocks for n in mx.walk(block) if isinstance(n, mx.Array))
        kind = next(arrays, "")
        return ", ".join(self._block(b, f", {kind}.dtype" if kind else "") for b in blocks)

    def _block(self, node: mx.Node, kind: str) -> str:
        if isinstance(node, mx.Broadcast) and isinstance(node.of, mx.Number):
            value = self.code(node.of).text
            filled = {Integer(0): "np.zeros", Integer(1): "np.ones"}.get(node.of.value)
            shape = f"({self._sides(node)})"
            return f"{filled}({shape}{kind})" if filled else f"np.full({shape}, {value}{kind})"
        return self.code(node).text

    @code.register
    def _(self, node: mx.Beside) -> Code:
        return Code(f"np.hstack([{self._blocks(node.blocks)}])")

    @code.register
    def _(self, node: mx.Einsum) -> Code:
        operands = ", ".join(self.code(o).text for o in node.operands)
        return Code(f'np.einsum("{node.subscripts}", {operands}).reshape({self._sides(node)})')


@dataclass(frozen=True)
class _Sign:
    negative: bool
