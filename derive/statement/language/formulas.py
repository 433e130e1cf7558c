"""Formulas of a text as expressions of SymPy: indices get the axes that they run over, names their meaning."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from sympy import Add, And, Expr, Integer, Max, Min, Mul, Or, Rational, exp, log, pi

from derive.calculus.cases import Cases
from derive.calculus.functions import Elementwise, X
from derive.calculus.index import Index, delta
from derive.catalogue.activations import ACTIVATIONS
from derive.statement.language.axes import Axes
from derive.statement.language.meanings import (
    ELEMENTARY,
    KNOWN,
    NORMALISED,
    REDUCTIONS,
    Scope,
    described,
)
from derive.statement.language.syntax import (
    Array,
    Both,
    Call,
    Chain,
    Comparison,
    Name,
    Negative,
    Node,
    Number,
    Over,
    Power,
    Read,
    parts,
)
from derive.statement.quantities import Entries, Size
from derive.text.entry_text import number_text
from derive.text.errors import SpecError, StatementError
from derive.text.known import canonical
from derive.text.source import Misread

if TYPE_CHECKING:
    from derive.statement.stated import StatementBuilder

MAX_BITS, MAX_EXPONENT = 4_000, 1_000
#: The greatest logarithm of a number that is no fraction; SymPy computes larger ones digit by digit.
MAX_LOGARITHM = 1_000


class Formula(Axes):
    """One formula: first the axes of its indices are found, then the expression is built."""

    # The expression.

    def lettered(self, expression: Any) -> Any:
        """An expression with the letters of the places for those that a reduction runs over, where these are free."""
        new = {v.index: Index(name, v.index.axis) for name, v in self.reduced if name not in self.leads}
        return expression.xreplace(new)

    def build(self, node: Node, scope: Scope) -> Any:
        """Build the expression of a formula whose indices have axes."""
        return _BUILT[type(node)](self, node, scope)

    def _number(self, node: Number, scope: Scope) -> Expr:
        return Rational(node.value.numerator, node.value.denominator)

    def _name(self, node: Name, scope: Scope) -> Expr:
        if node.name in scope:
            raise Misread(node.place, f"the index {node.name} stands as a number: an index can only select entries")
        found = self.meanings.value(node.name)
        if found is None:
            if node.name == "pi":
                return pi
            if node.name in (*ELEMENTARY, *KNOWN) or canonical(node.name, ACTIVATIONS):
                raise Misread(node.place, f"{node.name} is a function and needs an argument, such as {node.name}(z[i])")
            raise self._unknown(node.name, node.place)
        if isinstance(found, Entries):
            self._check_whole(node, found)
            leading = tuple(scope[i].index for i in self.meanings.leading(node.name))
            return found[leading]
        if isinstance(found, Size):
            return found._sympy_()
        if isinstance(found, Expr | int):
            return found
        raise Misread(node.place, f"{node.name} is {described(found)}, where a number is expected")

    def _read(self, node: Read, scope: Scope) -> Expr:
        tensor = self.meanings.value(node.name)
        names = self.meanings.leading(node.name)
        if reduced := self._reduced_sample(tensor, node.indices, len(tensor.axes) - len(names), scope):
            names = tuple(f"{name}_{reduced}" for name in names)
        leading = tuple(scope[i].index for i in names)
        return tensor[(*leading, *(self.position(i, scope) for i in node.indices))]

    def position(self, node: Node, scope: Scope) -> Expr:
        """An index expression."""
        if isinstance(node, Name) and node.name in scope:
            return scope[node.name].index
        if isinstance(node, Number):
            if node.value.denominator != 1:
                raise Misread(node.place, f"{number_text(node.value)} is no index: indices are whole numbers")
            return Integer(node.value.numerator)
        if isinstance(node, Negative):
            return -self.position(node.operand, scope)
        if isinstance(node, Chain):
            found = self.position(node.first, scope)
            for sign, operand, place in node.rest:
                if sign == "/":
                    raise Misread(place, "an index is not divided: write it with whole factors, such as 2*i + j - 1")
                value = self.position(operand, scope)
                found = found * value if sign == "*" else found + value if sign == "+" else found - value
            return found
        return self.build(node, scope)

    def _negative(self, node: Negative, scope: Scope) -> Expr:
        return -self.build(node.operand, scope)

    def _chain(self, node: Chain, scope: Scope) -> Expr:
        operands = [self.operand(node.first, scope)]
        for sign, operand, place in node.rest:
            value = self.operand(operand, scope)
            if sign == "/" and value == 0:
                raise Misread(place, "this divides by 0")
            operands.append(1 / value if sign == "/" else -value if sign == "-" else value)
        # All at once: SymPy multiplies a number into a sum where there are two factors only.
        return (Add if node.rest[0][0] in "+-" else Mul)(*operands)

    def operand(self, node: Node, scope: Scope) -> Expr:
        """A formula that is a number."""
        if isinstance(node, Comparison | Both | Over):
            raise Misread(node.place, "a condition stands here, where a number is expected: write where(a > b, c, d)")
        return self.build(node, scope)

    def _power(self, node: Power, scope: Scope) -> Expr:
        base, exponent = self.operand(node.base, scope), self.operand(node.exponent, scope)
        if exponent.is_comparable and abs(exponent) > MAX_EXPONENT:
            raise Misread(node.place, f"the exponent is beyond {MAX_EXPONENT}")
        if base.is_Rational and exponent.is_Rational:
            if max(abs(base.p), base.q).bit_length() * abs(exponent) > MAX_BITS:
                raise Misread(node.place, "this number has too many digits")
            if base == 0 and exponent < 0:
                raise Misread(node.place, "this divides by 0")
        elif (
            base.is_comparable
            and exponent.is_comparable
            and base != 0
            and abs(exponent * log(abs(base))) > MAX_LOGARITHM
        ):
            raise Misread(node.place, "this number is too large, or too near 0")
        return self._real(base**exponent, node)

    def _exponential(self, argument: Expr, node: Call) -> Expr:
        """The exponential, of which SymPy computes powers of numbers: of exp(n*log(3)), for instance."""
        if any(term.is_comparable and abs(term) > MAX_LOGARITHM for term in Add.make_args(argument)):
            raise Misread(node.place, f"{node.name} of a number beyond {MAX_LOGARITHM} is too large, or too near 0")
        return exp(argument)

    def _real(self, value: Expr, node: Node) -> Expr:
        """A value that is real and finite, as far as it is a number."""
        if value.is_number and (value.is_extended_real is False or value.is_finite is False):
            raise Misread(node.place, "this has no real value")
        return value

    def condition(self, node: Node, scope: Scope) -> Any:
        """A condition."""
        if isinstance(node, Both):
            return (And if node.word == "and" else Or)(*(self.condition(part, scope) for part in node.parts))
        if not isinstance(node, Comparison):
            raise Misread(node.place, "a condition is expected here, such as z[i] > 0")
        sides = [self.operand(side, scope) for side in node.sides]
        compared = [_COMPARED[s](a, b) for s, a, b in zip(node.signs, sides, sides[1:], strict=False)]
        return And(*compared)

    def _call(self, node: Call, scope: Scope) -> Expr:
        s = self.meanings.statement
        if self.reduces(node):
            return self._reduced(node, scope)
        if node.name == "diff":
            tensor, indices = self._slope(node)
            return tensor[tuple(self.position(i, scope) for i in indices)]
        called = self.meanings.value(node.name)
        name = self._called(node)
        if name == "where":
            condition, then, otherwise = self._several(node, 3, "where(condition, a, b)")
            return self.cases(
                self.condition(condition, scope), self.operand(then, scope), self.operand(otherwise, scope)
            )
        if name in ("max", "min") and len(node.arguments) > 1:
            return self.chosen(name, [self.operand(a, scope) for a in node.arguments])
        if name == "delta":
            left, right = self._several(node, 2, "delta(i, j)")
            return delta(self.position(left, scope), self.position(right, scope))
        if name in (*REDUCTIONS, *NORMALISED):
            raise Misread(node.place, f"{name} needs a formula and an index, such as {name}(z[i], i)")
        if called is None and name != node.name:
            called = self.meanings.value(name)
        if callable(called) and not isinstance(called, Expr):
            return called(node, [self.operand(a, scope) for a in node.arguments])
        if name in ELEMENTARY:
            (argument,) = self._several(node, 1, f"{name}(z[i])")
            value = self.operand(argument, scope)
            return self._real(self._exponential(value, node) if name == "exp" else ELEMENTARY[name](value), node)
        return self._activation(node, name, scope, s)

    def cases(self, condition: Any, then: Expr, otherwise: Expr) -> Expr:
        """A formula with two cases."""
        return Cases((then, condition), (otherwise, True))

    def chosen(self, name: str, values: list[Expr]) -> Expr:
        """The maximum or the minimum of several formulas."""
        return (Max if name == "max" else Min)(*values)

    def _activation(self, node: Call, name: str, scope: Scope, s: StatementBuilder) -> Expr:

        (argument,) = node.arguments if len(node.arguments) == 1 else self._several(node, 1, f"{name}(z[i])", True)
        values = []
        for option, value in node.options:
            self.infer(value, {})
            number = self.operand(value, {})
            if not number.is_Rational:
                raise Misread(value.place, f"the option {option} is a number")
            values.append(f"{option}={number_text(Fraction(number.p, number.q))}")
        text = f"{name}({', '.join(values)})" if values else name
        try:
            return self.applied(text, self.operand(argument, scope))
        except (SpecError, StatementError) as problem:
            raise Misread(node.place, str(problem)) from None

    def applied(self, text: str, argument: Expr) -> Expr:
        """An activation of the catalogue, of a formula."""
        applied = self.meanings.statement.apply(text, argument)
        return numbered(applied)

    def _reduced(self, node: Call, scope: Scope) -> Expr:
        s, variables = self.meanings.statement, self.bound[id(node)]
        if node.options:
            raise Misread(node.place, f"{node.name} has no options")
        inner = {**scope, **{v.name: v for v in variables}}
        body = self.operand(node.arguments[0], inner)
        indices = [v.index for v in variables]
        unread = [v for v in variables if v.index not in body.free_symbols]
        for variable in unread:
            if not self._reads(node.arguments[0], variable.name):
                raise Misread(variable.place, f"{node.name} runs over {variable.name}, which the formula does not read")
        equal = Mul(*(v.index.axis.extent for v in unread))  # the number of terms that the formula makes equal
        indices = [v.index for v in variables if v not in unread]

        def over(what: str, value: Expr) -> Expr:
            return getattr(s, what)(value, *indices) if indices else value

        name = self._called(node)
        if name in NORMALISED or name == "logsumexp":
            powers = self._exponential(body, node)
            if name == "softmax":
                return powers / (equal * over("sum", powers))
            summed = ELEMENTARY["log"](equal * over("sum", powers))
            return summed if name == "logsumexp" else body - summed
        reduced = over(name, body)
        return equal * reduced if name == "sum" else reduced**equal if name == "prod" else reduced

    def _reads(self, node: Node, name: str) -> bool:
        """Whether a formula reads an index as it is written, before terms cancel."""
        if isinstance(node, Name):
            return node.name == name
        if isinstance(node, Call) and self.reduces(node) and self._called(node) not in NORMALISED:
            bound = {
                i.name if isinstance(i, Name) else i.index for i in node.arguments[1:] if isinstance(i, Name | Over)
            }
            return name not in bound and self._reads(node.arguments[0], name)
        return any(self._reads(part, name) for part in parts(node))

    def _condition(self, node: Node, scope: Scope) -> Any:
        raise Misread(node.place, "a condition stands here, where a number is expected: write where(a > b, c, d)")

    def _no_number(self, node: Node, scope: Scope) -> Any:
        raise Misread(
            node.place, "an array stands here, where a number is expected: declare a parameter that starts with it"
        )


_BUILT: dict[type, Callable[[Formula, Any, Scope], Any]] = {
    Number: Formula._number,
    Name: Formula._name,
    Read: Formula._read,
    Negative: Formula._negative,
    Chain: Formula._chain,
    Power: Formula._power,
    Call: Formula._call,
    Comparison: Formula._condition,
    Both: Formula._condition,
    Over: Formula._condition,
    Array: Formula._no_number,
}
_COMPARED: dict[str, Callable[[Expr, Expr], Any]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def numbered(applied: Expr) -> Expr:
    """A function of entries as it is, and the value of one of numbers alone, which SymPy could not compare."""
    if not applied.is_number or not isinstance(applied, Elementwise):
        return applied
    return applied.definition.xreplace(dict(zip((X, *applied.others), applied.args, strict=True))).doit()
