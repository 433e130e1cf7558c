"""Formulas of a text as expressions of SymPy: indices get the axes that they run over, names their meaning."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from sympy import Add, And, Expr, Integer, Max, Min, Mul, Not, Or, Piecewise, Rational, exp, log, pi, sqrt

from derive.calculus.cases import Cases
from derive.calculus.functions import SCALAR_FUNCTIONS, STOP, Elementwise, X
from derive.calculus.index import SAMPLE_AXIS, Axis, Index, delta
from derive.catalogue.activations import ACTIVATIONS, activation
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
from derive.text.known import canonical, misspelled
from derive.text.source import Misread, Place
from derive.text.user_text import cut, listed

if TYPE_CHECKING:
    from derive.statement.stated import StatementBuilder

MAX_BITS, MAX_EXPONENT = 4_000, 1_000
#: The greatest logarithm of a number that is no fraction; SymPy computes larger ones digit by digit.
MAX_LOGARITHM = 1_000


def stopped(value: Expr) -> Expr:
    """A value that is taken for a constant."""
    return value if value.is_number else STOP(value)


#: The functions of one number, by their names in a text.
ELEMENTARY: dict[str, Callable[[Expr], Expr]] = {
    **{f.__name__.lower(): f for f in SCALAR_FUNCTIONS},
    "sqrt": sqrt,
    "stop_gradient": stopped,
    **{other: next(f for f in SCALAR_FUNCTIONS if f.__name__ == name) for other, name in (
        ("ln", "log"), ("arcsin", "asin"), ("arccos", "acos"), ("arctan", "atan"),
        ("arcsinh", "asinh"), ("arccosh", "acosh"), ("arctanh", "atanh"),
    )},
}  # fmt: skip
#: What reduces a formula over indices; a maximum and a minimum of several formulas are no reductions.
REDUCTIONS = ("sum", "mean", "max", "min", "prod", "logsumexp")
#: What is normalised over an index that stays free.
NORMALISED = ("softmax", "log_softmax")
_KNOWN = (*REDUCTIONS, *NORMALISED, "where", "delta", "diff")
#: What no other function can be called.
RESERVED = frozenset((*ELEMENTARY, *_KNOWN, "pi"))


class Unsound(Exception):
    """A name is read whose declaration has an error of its own, so that nothing more needs to be said."""


@dataclass
class Variable:
    """An index of a formula, the axis that it runs over, and the place that says so."""

    name: str
    place: Place
    axis: Axis | None = None
    said: str = ""
    hint: Axis | None = None

    @property
    def index(self) -> Index:
        """The index."""
        assert self.axis is not None
        return Index(self.name, self.axis)


Scope = Mapping[str, Variable]


class Meanings(ABC):
    """What names mean in a frame; the builder of a statement has them."""

    statement: StatementBuilder

    @abstractmethod
    def value(self, name: str) -> Any:
        """A tensor, a constant, a size, a function or a number, or None. Raises Unsound."""

    def own(self, name: str) -> Any:
        """The same for a name that is declared where the formula stands; an index may have any other name."""
        return self.value(name)

    @abstractmethod
    def function(self, name: str) -> str:
        """The name of a function that an argument of a block may stand for."""

    def block(self, name: str) -> str:
        """How a block of this name is used; nothing if there is none."""
        return ""

    @abstractmethod
    def leading(self, name: str) -> tuple[str, ...]:
        """The indices that a tensor is read with besides those that are written."""

    @abstractmethod
    def size(self, node: Node) -> Size | int:
        """A size."""

    @abstractmethod
    def names(self) -> list[str]:
        """All names, for suggestions."""


class Formula:
    """One formula: first the axes of its indices are found, then the expression is built."""

    def __init__(self, meanings: Meanings, scope: dict[str, Variable]) -> None:
        self.meanings, self.scope = meanings, scope
        self.bound: dict[int, list[Variable]] = {}
        self.leads: set[str] = set()
        #: The places over which a reduction over the samples runs in a block that is applied at each place.
        self.places: dict[str, Variable] = {}
        self.reducing: list[Variable] = []
        #: Those of all reductions, by the names of the indices of the places.
        self.reduced: list[tuple[str, Variable]] = []

    # The axes of indices.

    def infer(self, node: Node, scope: Scope) -> None:
        """Find the axes of all indices in a formula."""
        if isinstance(node, Read):
            self._infer_read(node, scope)
        elif isinstance(node, Name):
            if node.name not in scope:
                self.leads |= {*self.meanings.leading(node.name)}
        elif isinstance(node, Call) and node.name == "diff":
            self._infer_entry(node, *self._slope(node), scope)
        elif isinstance(node, Call) and self.reduces(node):
            body, *indices = node.arguments
            variables = [self._variable(index, node.name) for index in indices]
            twice = [v for n, v in enumerate(variables) if v.name in {other.name for other in variables[:n]}]
            if twice:
                raise Misread(twice[0].place, f"{node.name} runs over {twice[0].name} twice")
            if self._called(node) in NORMALISED:
                for variable in variables:
                    if variable.name not in scope:
                        raise self._free(variable.name, variable.place)
                inner = dict(scope)
                self.bound[id(node)] = [scope[v.name] for v in variables]
            else:
                inner = {**scope, **{v.name: v for v in variables}}
                self.bound[id(node)] = variables
                self.reducing += variables
            self.infer(body, inner)
            own = [p for v in self.bound[id(node)] for p in self.places if p.startswith(f"{v.name} ")]
            self.bound[id(node)] += [self.places[p] for p in own]
            if self._called(node) not in NORMALISED:
                self.places = {p: v for p, v in self.places.items() if p not in own}
            for variable in self.bound[id(node)]:
                if self._called(node) not in NORMALISED:
                    self.require(variable)
        else:
            if isinstance(node, Call):
                self._check_function(node)
            for part in parts(node):
                self.infer(part, scope)

    def reduces(self, node: Call) -> bool:
        """Whether a call runs over indices: its other arguments then are names that mean nothing else."""
        name = self._called(node)
        if name not in (*REDUCTIONS, *NORMALISED) or len(node.arguments) < 2:
            return False
        return name not in ("max", "min") or all(
            isinstance(a, Over) or (isinstance(a, Name) and self.meanings.own(a.name) is None)
            for a in node.arguments[1:]
        )

    def _called(self, node: Call) -> str:
        """The name of the function that is called: that of another one for an argument of a block."""
        name = self.meanings.function(node.name)
        return name if name in RESERVED or node.name not in RESERVED else node.name

    def _check_function(self, node: Call) -> None:
        """Raise Misread for a function that is not known."""
        name, meaning = self._called(node), self.meanings.value(node.name)
        if meaning is None and len(node.arguments) > 1 and (hint := self.meanings.block(node.name)):
            raise Misread(node.place, hint)
        if name in ELEMENTARY or name in _KNOWN or canonical(name, ACTIVATIONS) or callable(self.meanings.value(name)):
            return
        if callable(meaning) and not isinstance(meaning, Expr):  # a function of the text, in a block of a file
            return
        if meaning is not None:
            what = described(meaning)
            raise Misread(node.place, f"{node.name} is {what} and no function: entries are read as {node.name}[i]")
        meant = misspelled(name, [*ELEMENTARY, *_KNOWN, *ACTIVATIONS, *self.meanings.names()])
        hint = f"did you mean {meant}?" if meant else "state it with function, or write its formula"
        raise Misread(node.place, f"there is no function {cut(name, 40)}: {hint}")

    def require(self, variable: Variable) -> None:
        """Raise Misread for an index of which nothing says what it runs over."""
        variable.axis = variable.axis or variable.hint
        if variable.axis is None:
            raise Misread(
                variable.place,
                f"nothing says what {variable.name} runs over: write its size, such as {variable.name} in n",
            )

    def _variable(self, node: Node, what: str) -> Variable:
        if isinstance(node, Over):
            if isinstance(node.size, Name) and self.meanings.value(node.size.name) is self.meanings.statement.samples:
                return Variable(node.index, node.place, SAMPLE_AXIS, "its declaration")
            size = self.meanings.size(node.size)
            axis = size.axis if isinstance(size, Size) else Axis(Integer(size))
            return Variable(node.index, node.place, axis, "its declaration")
        if not isinstance(node, Name):
            raise Misread(node.place, f"{what} runs over indices, such as {what}(W[i, j], i, j)")
        found = self.meanings.own(node.name)
        if found is not None:
            raise Misread(node.place, f"{node.name} is {described(found)} and no index")
        return self.declared(Variable(node.name, node.place))

    def declared(self, variable: Variable) -> Variable:
        """An index with the size that an index line gives it, if any."""
        return variable

    def _infer_read(self, node: Read, scope: Scope) -> None:
        tensor = self.meanings.value(node.name)
        if tensor is None:
            raise self._unknown(node.name, node.place)
        if not isinstance(tensor, Entries):
            raise Misread(node.place, f"{node.name} is {described(tensor)} and has no entries")
        self._infer_entry(node, tensor, node.indices, scope)

    def _infer_entry(self, node: Read | Call, tensor: Entries, indices: tuple[Node, ...], scope: Scope) -> None:
        """Find the axes of the indices with which a tensor is read."""
        leading = self.meanings.leading(node.name)
        axes = tensor.axes[len(leading) :]
        reduced = self._reduced_sample(tensor, indices, len(axes), scope)
        for name, axis in zip(leading, tensor.axes, strict=False):
            if reduced:
                place = Variable(f"{name}_{reduced}", node.place, axis, "the block")
                if self.places.setdefault(f"{reduced} {name}", place) is place:
                    self.reduced.append((name, place))
            else:
                self.leads.add(name)
        names = (s.name for s in tensor.sizes[len(leading) :])
        sizes = ["the samples" if axis.sample else next(names) for axis in axes]
        by_sample = bool(axes) and axes[-1].sample
        if len(axes) - len(indices) not in (0, int(by_sample)):
            wanted = len(axes) - by_sample
            number = (
                f"{wanted} {'index' if wanted == 1 else 'indices'}, for {listed(sizes[:wanted])}"
                if wanted
                else "no index"
            )
            raise Misread(node.place, f"{node.name} is read with {len(indices)}, where it has {number}")
        for index, axis, size in zip(indices, axes, sizes, strict=False):
            self._infer_index(index, axis, f"{size} in {node.name}", scope, tensor.recurs)

    def _reduced_sample(self, tensor: Entries, indices: tuple[Node, ...], axes: int, scope: Scope) -> str:
        """The index of samples with which a tensor is read if a reduction runs over it; empty otherwise."""
        last = indices[-1] if indices and len(indices) == axes and tensor.axes[-1].sample else None
        if not isinstance(last, Name):
            return ""
        return last.name if any(v is scope.get(last.name) for v in self.reducing) else ""

    def _slope(self, node: Call) -> tuple[Entries, tuple[Node, ...]]:
        """The tensor that ``diff(u[i], x[j])`` reads, and the indices."""
        first, second = self._several(node, 2, "diff(u[i], x[j])")
        if isinstance(first, Call) and first.name == "diff":
            of, indices = self._slope(first)
        else:
            of, indices = self._whole(first)
        wrt, more = self._whole(second)
        try:
            return self.meanings.statement.diff(of, wrt), (*indices, *more)
        except StatementError as problem:
            raise Misread(node.place, str(problem)) from None

    def _whole(self, node: Node) -> tuple[Entries, tuple[Node, ...]]:
        """A tensor and the indices with which it is read."""
        tensor = self.meanings.value(node.name) if isinstance(node, Read | Name) else None
        if not isinstance(tensor, Entries) or not isinstance(node, Read | Name):
            raise Misread(node.place, "diff takes an entry of a tensor and one of an input or a parameter")
        if isinstance(node, Name):
            self._check_whole(node, tensor)
        return tensor, node.indices if isinstance(node, Read) else ()

    def _check_whole(self, node: Name, tensor: Entries) -> None:
        """Raise Misread for a tensor that has axes and is read without indices."""
        number = sum(not a.sample for a in tensor.axes) - len(self.meanings.leading(node.name))
        if number > 0:
            sides = ", ".join("ijklpqr"[:number])
            raise Misread(node.place, f"{node.name} has axes: read its entries, such as {node.name}[{sides}]")

    def _infer_index(self, node: Node, axis: Axis, said: str, scope: Scope, recurs: bool = False) -> None:
        if isinstance(node, Name):
            variable = scope.get(node.name)
            if variable is not None:
                self._unify(variable, node, axis, said)
                return
            if self.meanings.value(node.name) is None:
                raise self._free(node.name, node.place)
        if isinstance(node, Read):
            self._infer_read(node, scope)
            return
        if isinstance(node, Call | Comparison | Both | Power | Array | Over):
            raise Misread(node.place, "an index is a name, a whole number, or a sum of them, such as 2*i + j - 1")
        for part in parts(node):
            if isinstance(part, Name):
                if recurs and part.name in scope:  # a place before that of the step
                    scope[part.name].hint = axis
                if part.name not in scope and self.meanings.value(part.name) is None:
                    raise self._free(part.name, part.place)
            elif not isinstance(part, Number):
                self._infer_index(part, axis, said, scope, recurs)

    def _unify(self, variable: Variable, node: Name, axis: Axis, said: str) -> None:
        if variable.axis is None:
            variable.axis, variable.said = axis, f"{said} (line {node.place.line}, column {node.place.column})"
            return
        if variable.axis.sample != axis.sample:
            raise Misread(node.place, f"{node.name} runs over {said} here, but over {variable.said} before")
        if axis != variable.axis and variable.said != "its declaration":
            before = _sized(variable.said, variable.axis)
            raise Misread(
                node.place,
                f"{node.name} runs over {_sized(said, axis)} here, but over {before} before; for a part of an axis "
                f"write the size, such as {node.name} in n",
            )

    def _free(self, name: str, place: Place) -> Misread:
        return Misread(place, f"{name} is an index neither on the left nor of a reduction: write sum(..., {name})")

    def _unknown(self, name: str, place: Place) -> Misread:
        if name in self.meanings.names():
            return Misread(
                place,
                f"{name} is not stated before this line: move its equation up, or, for a recurrence, declare its axes "
                f"before, such as recurrent {name}[T, n]",
            )
        meant = misspelled(name, [known for known in self.meanings.names() if known != name])
        hint = f"did you mean {meant}?" if meant else "declare it, or state its equation, in a line before this one"
        return Misread(place, f"{name} is not stated: {hint}")

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
            if node.name in (*ELEMENTARY, *_KNOWN) or canonical(node.name, ACTIVATIONS):
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

    def _several(self, node: Call, number: int, example: str, options: bool = False) -> tuple[Node, ...]:
        if len(node.arguments) != number or (node.options and not options):
            raise Misread(node.place, f"{node.name} has {number} argument{'s' * (number > 1)}: write {example}")
        return node.arguments

    def _reduced(self, node: Call, scope: Scope) -> Expr:
        s, variables = self.meanings.statement, self.bound[id(node)]
        if node.options:
            raise Misread(node.place, f"{node.name} has no options")
        inner = {**scope, **{v.name: v for v in variables}}
        body = self.operand(node.arguments[0], inner)
        indices = [v.index for v in variables]
        unread = [v for v in variables if v.index not in body.free_symbols]
        if unread:
            raise Misread(unread[0].place, f"{node.name} runs over {unread[0].name}, which the formula does not read")
        name = self._called(node)
        if name in NORMALISED or name == "logsumexp":
            powers = self._exponential(body, node)
            if name == "softmax":
                return powers / s.sum(powers, *indices)
            summed = ELEMENTARY["log"](s.sum(powers, *indices))
            return summed if name == "logsumexp" else body - summed
        reduced: Expr = getattr(s, name)(body, *indices)
        return reduced

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


class Definition(Formula):
    """The formula of a function: activations are their formulas there, and cases SymPy's own."""

    def applied(self, text: str, argument: Expr) -> Expr:
        """The formula of an activation."""
        found = activation(text)
        if found.formula is None:
            raise SpecError(f"{text} mixes the entries of a tensor, and cannot be in the formula of a function")
        return found.formula.xreplace({X: argument})

    def cases(self, condition: Any, then: Expr, otherwise: Expr) -> Expr:
        """A formula with two cases; of conditions that are joined, each makes a case."""
        if isinstance(condition, And | Or):
            first, *others = sorted(condition.args, key=lambda part: (not isinstance(part, And | Or), str(part)))
            further = self.cases(condition.func(*others), then, otherwise)
            if isinstance(first, And | Or):
                both = isinstance(condition, And)
                return self.cases(first, further, otherwise) if both else self.cases(first, then, further)
            head = (otherwise, Not(first)) if isinstance(condition, And) else (then, first)
            return _cases(*head, further)
        return _cases(then, condition, otherwise)

    def chosen(self, name: str, values: list[Expr]) -> Expr:
        """A maximum or a minimum as cases, of which the first applies among equal values, and numbers come first."""
        first, *others = sorted(values, key=lambda value: not value.is_number)
        for other in others:
            first = _of_two(name, first, other)
        return first

    def _unknown(self, name: str, place: Place) -> Misread:
        return Misread(place, f"{name} has no meaning in this formula, which reads {listed(self.meanings.names())}")


def _of_two(name: str, first: Expr, other: Expr) -> Expr:
    """The larger or the smaller of two formulas, case by case."""
    if isinstance(first, Piecewise):
        return Piecewise(*((_of_two(name, value, other), condition) for value, condition in first.args))
    if isinstance(other, Piecewise):
        return Piecewise(*((_of_two(name, first, value), condition) for value, condition in other.args))
    return _cases(first, first >= other if name == "max" else first <= other, other)


def _cases(value: Expr, condition: Any, otherwise: Expr) -> Expr:
    """Two cases; those of the second follow in one list, unless SymPy would join equal values by an ``or``."""
    inner = isinstance(otherwise, Piecewise) and otherwise.args[0][0] != value
    return Piecewise((value, condition), *(otherwise.args if inner else ((otherwise, True),)))


def is_function(name: str) -> bool:
    """Whether a name is that of a function of one number."""
    return name in ELEMENTARY or (name in ACTIVATIONS and ACTIVATIONS[name].formula is not None)


def numbered(applied: Expr) -> Expr:
    """A function of entries as it is, and the value of one of numbers alone, which SymPy could not compare."""
    if not applied.is_number or not isinstance(applied, Elementwise):
        return applied
    return applied.definition.xreplace(dict(zip((X, *applied.others), applied.args, strict=True))).doit()


def described(value: Any) -> str:
    """What a name means, for a message."""
    if isinstance(value, Entries):
        return "a tensor"
    if isinstance(value, Size):
        return "a size"
    return "a function" if callable(value) and not isinstance(value, Expr) else "a number"


def _sized(said: str, axis: Axis) -> str:
    start = "" if axis.start == 1 else f" from {axis.start}"
    return said if axis.sample else f"{said}, which has {axis.extent} entries{start},"
