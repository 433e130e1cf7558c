"""Validate a forward pass and bring it into normal form.

``check`` rejects statements that a later stage cannot handle, with messages in the user's own names.
``normal`` removes differences of notation: the order of the inputs, floats, symbols without assumptions.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol

from sympy import (
    Add,
    E,
    Expr,
    Float,
    Indexed,
    Integer,
    KroneckerDelta,
    Mul,
    Pow,
    Rational,
    Sum,
    Symbol,
    nan,
    pi,
    preorder_traversal,
    sympify,
    zoo,
)

from derive.calculus.functions import (
    IN_DEFINITIONS,
    KNOWN_IN_DEFINITIONS,
    SCALAR_FUNCTIONS,
    Elementwise,
    X,
    with_fractions,
)
from derive.calculus.index import SAMPLE_AXIS, SAMPLES, Axis, Equation, Index, IndexSupply, Tensor, refreshed, within
from derive.calculus.prediction import prediction_of
from derive.calculus.promises import SumsToOne
from derive.calculus.roles import STATED, Role
from derive.text.errors import StatementError
from derive.text.user_text import listed, shown

_NODES = (Add, Mul, Pow, Sum, Indexed, KroneckerDelta, Rational, Elementwise, *SCALAR_FUNCTIONS)
_KNOWN = "sums, products, powers, exp, log, tanh and elementwise functions"

#: The names of some node types in messages.
_CALLED = {"ImaginaryUnit": "the imaginary unit", "Abs": "Abs, as which SymPy also writes the root of a square"}

#: The range of numbers in an equation: they must be representable in float64.
_LEAST, _MOST = Fraction(1, 10**300), Fraction(10**300)
_LONGEST = 40
#: The longest name of a tensor.
_LONGEST_NAME = 100


class Stated(Protocol):
    """The interface of a forward pass."""

    @property
    def equations(self) -> tuple[Equation, ...]:
        """The equations in the order of computation, the error last."""

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors that come with the data."""

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """The tensors that are learned."""

    @property
    def promises(self) -> tuple[SumsToOne, ...]:
        """The promises about the data."""

    @property
    def constants(self) -> Mapping[str, Fraction]:
        """Scalars with fixed values, by name."""

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name."""


def check(forward: Stated) -> None:
    """Raise StatementError, in the user's own names, for a statement that cannot be derived, printed and run."""
    _Checks(forward).run()


def normal(forward: Stated) -> dict[str, Any]:
    """Return the parts with the input before the target, exact numbers, the tensors' symbols and new indices."""
    names = {i.name for e in forward.equations for i in _indices(e)}
    supply = IndexSupply(taken=names | set(forward.tensors))
    return {
        "equations": tuple(refreshed(exact(e, forward), supply) for e in forward.equations),
        "inputs": tuple(sorted(map(_plain, forward.inputs), key=lambda t: t.role == Role.TARGET)),
        "parameters": tuple(map(_plain, forward.parameters)),
        "constants": {name: _fraction(value) for name, value in forward.constants.items()},
        "supply": supply,
    }


def exact(equation: Equation, forward: Stated) -> Equation:
    """Return the equation with fractions for floats and each name as its symbol."""
    right, symbols, extents = sympify(equation.expression), _symbols(forward), _extents(forward)
    plain = (s for s in right.atoms(Symbol) if not isinstance(s, Index) and s not in extents)
    named = {s: symbols[s.name] for s in plain}
    return replace(equation, target=_plain(equation.target), expression=with_fractions(right).xreplace(named))


def _plain(tensor: Tensor) -> Tensor:
    """Return the tensor without a role that is reserved for derived tensors."""
    return tensor if tensor.role in STATED else replace(tensor, role=Role.PLAIN.value)


def _extents(forward: Stated) -> set[Symbol]:
    """The symbolic widths and the number of samples."""
    return {s for t in forward.tensors.values() for a in t.axes for s in a.extent.free_symbols}


def _symbols(forward: Stated) -> dict[str, Symbol]:
    """The symbol of every name that an equation may read."""
    extents = {s.name: s for s in _extents(forward)}
    constants = {name: Tensor(name, "constant").symbol for name in forward.constants}
    return {**extents, **constants, **{name: t.symbol for name, t in forward.tensors.items()}}


def _indices(equation: Equation) -> set[Index]:
    found: set[Index] = sympify(equation.expression).atoms(Index)
    return found | set(equation.indices)


def _fraction(value: Any) -> Fraction:
    """Convert a constant to the fraction that its decimals denote: 0.1 becomes 1/10."""
    if isinstance(value, Rational):
        return Fraction(value.p, value.q)
    if isinstance(value, numbers.Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    return Fraction(str(value))


def _text(thing: object) -> str:
    """Format an expression for a message, shortened if it is long."""
    text = str(thing)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _unfit(node: Expr, values: Mapping[Symbol, Float]) -> str:
    """Describe why an expression with the given values is no float64 number; empty if it is one."""
    try:
        value = node.xreplace(values)
        if value.is_extended_real is not True or not value.is_finite:
            return "has no value"
        small, large = bool(value and abs(value) < _LEAST), bool(abs(value) > _MOST)
    except (ValueError, OverflowError):  # too many digits even for mpmath
        small, large = False, True
    return f"is too {'small' if small else 'large'} for a number of float64" if small or large else ""


def _called(node: Any) -> str:
    """The name of a node in a message."""
    name = str(node) if node.is_Atom else type(node).__name__
    return _CALLED.get(type(node).__name__, name)


def _kind(value: object) -> str:
    """Describe a value of a wrong type: a number or a string by its value, anything else by its type."""
    if isinstance(value, str | bool | int | float) or value is None:
        return shown(value)
    return _article(type(value).__name__)


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOUaeio' else 'a'} {name}"


class _Checks:
    """The checks of one forward pass, from its parts to the whole."""

    def __init__(self, forward: Stated) -> None:
        self.forward = forward

    def run(self) -> None:
        """Run all checks; the first failure raises."""
        self._parts()
        self._names()
        self._data()
        self._constants()
        for tensor in self.forward.tensors.values():
            self._axes(tensor)
        self._extents()
        known = {t.name for t in self.forward.inputs + self.forward.parameters}
        for equation in self.forward.equations:
            self._equation(equation, known)
            known.add(equation.target.name)
        self._ends()

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        return self.forward.tensors

    # Parts.

    def _parts(self) -> None:
        if not isinstance(self.forward.constants, Mapping):
            kind = _kind(self.forward.constants)
            raise StatementError(f"the constants are {kind}, where a dict of numbers by their names is expected")
        for promise in self.forward.promises if isinstance(self.forward.promises, tuple) else (None,):
            if not isinstance(promise, SumsToOne):
                kind = _kind(self.forward.promises if promise is None else promise)
                raise StatementError(f"the promises hold {kind}, where a tuple of SumsToOne is expected")
        for kind, wanted in (("equations", Equation), ("inputs", Tensor), ("parameters", Tensor)):
            parts = getattr(self.forward, kind)
            if not isinstance(parts, tuple):
                raise StatementError(f"the {kind} are {_kind(parts)}, where a tuple of {wanted.__name__} is expected")
            odd = [part for part in parts if not isinstance(part, wanted)]
            if odd:
                raise StatementError(f"the {kind} hold {_kind(odd[0])}, where {_article(wanted.__name__)} is expected")
            if not parts:
                why = {"equations": "nothing is stated", "parameters": "there is nothing to learn"}
                raise StatementError(f"there are no {kind}: {why.get(kind, 'an input and a target are needed')}")
        for equation in self.forward.equations:
            if not isinstance(equation.target, Tensor):
                raise StatementError(
                    f"an equation has {_kind(equation.target)} as its target, where a Tensor is expected"
                )
        for tensor in (*self.forward.inputs, *self.forward.parameters, *(e.target for e in self.forward.equations)):
            if not isinstance(tensor.name, str) or not tensor.name.isidentifier():
                raise StatementError(f"{shown(tensor.name)} is not a name of a tensor: use letters, digits and _")
            if len(tensor.name) > _LONGEST_NAME:
                where = f"{shown(tensor.name)} has {len(tensor.name)} characters"
                raise StatementError(f"{where}: give the tensor a name of at most {_LONGEST_NAME}")
            if not isinstance(tensor.role, str):
                raise StatementError(f"the role of {tensor.name} is {_kind(tensor.role)}, where a text is expected")
            if not isinstance(tensor.axes, tuple):
                raise StatementError(
                    f"the axes of {tensor.name} are {_kind(tensor.axes)}, where a tuple of Axis is expected"
                )
            for place, axis in enumerate(tensor.axes, 1):
                if not isinstance(axis, Axis):
                    raise StatementError(f"axis {place} of {tensor.name} is {_kind(axis)}, where an Axis is expected")

    def _names(self) -> None:
        """Check that every name has one meaning."""
        meaning: dict[str, str] = {}
        inputs, parameters = self.forward.inputs, self.forward.parameters
        stated = [(t.name, "an input") for t in inputs] + [(t.name, "a parameter") for t in parameters]
        stated += [(e.target.name, "a tensor with an equation") for e in self.forward.equations]
        stated += [(name, "a constant") for name in self.forward.constants]
        for name, what in stated:
            if name in meaning and meaning[name] != what:
                raise StatementError(f"{name} is {meaning[name]} and {what}: give one of them another name")
            if name in meaning:
                raise StatementError(f"{name} is stated twice: give one of them another name")
            meaning[name] = what

    def _data(self) -> None:
        """Check that there is one input and one target, both with axes of units and samples."""
        for role in ("input", "target"):
            found = [t.name for t in self.forward.inputs if t.role == role]
            if not found:
                raise StatementError(f"no tensor among the inputs has the role {role!r}, and one is needed")
            if len(found) > 1:
                raise StatementError(f"{listed(found)} have the role {role!r}, but only one tensor can have it")
        for tensor in self.forward.inputs:
            if not tensor.is_data:
                raise StatementError(f"the input {tensor.name} has the role {tensor.role!r}: it is 'input' or 'target'")
            if [a.sample for a in tensor.axes] != [False, True]:
                raise StatementError(
                    f"the {tensor.role} {tensor.name} must have two axes, its units and then the samples"
                )
        for tensor in self.forward.parameters:
            if any(a.sample for a in tensor.axes):
                raise StatementError(
                    f"the parameter {tensor.name} has an axis of samples, but is the same for all of them"
                )
        for promise in self.forward.promises:
            if promise.tensor not in self.forward.inputs or promise.tensor.role != Role.TARGET or promise.axis != 0:
                (target,) = (t.name for t in self.forward.inputs if t.role == Role.TARGET)
                raise StatementError(
                    f"{promise.tensor.name} is promised to sum to 1 over its axis {promise.axis}: that can only be "
                    f"promised of the target, {target}, over its units (axis 0)"
                )

    def _constants(self) -> None:
        for name, value in self.forward.constants.items():
            number = not isinstance(value, bool) and isinstance(value, numbers.Real | Rational)
            if not isinstance(name, str) or not name.isidentifier():
                raise StatementError(f"{shown(name)} is not a name of a constant: use letters, digits and _")
            if not number or not math.isfinite(value):
                raise StatementError(f"the constant {name} is {shown(value)}, where a finite number is expected")
            self._size_of(_fraction(value), f"the constant {name}")

    def _size_of(self, value: Fraction, where: str) -> None:
        if value and not _LEAST <= abs(value) <= _MOST:
            raise StatementError(
                f"{where} is {_text(value)}, too {'large' if abs(value) > 1 else 'small'} for a number of float64"
            )

    # Axes.

    def _axes(self, tensor: Tensor) -> None:
        if len(tensor.axes) > 2:
            raise StatementError(f"{tensor.name} has {len(tensor.axes)} axes, but at most two are supported")
        for number, axis in enumerate(tensor.axes, 1):
            extent, where = axis.extent, f"axis {number} of {tensor.name}"
            if not isinstance(extent, Expr):
                raise StatementError(
                    f"{where} has the extent {_kind(extent)}, where an integer or a symbol is expected"
                )
            if axis.sample or SAMPLES in extent.free_symbols:
                if axis != SAMPLE_AXIS:
                    raise StatementError(f"{where} is along the samples: use SAMPLE_AXIS for it")
                continue
            if not isinstance(axis.start, int):
                raise StatementError(f"{where} counts from {_kind(axis.start)}, where an integer is expected")
            whole, symbols = extent.as_coeff_Add()
            if not whole.is_Integer or (not symbols.is_Symbol and symbols != 0):
                raise StatementError(
                    f"{where} has the extent {_text(extent)}, where an integer, a symbol n or n + 1 is expected"
                )
            if symbols == 0 and whole < 1:
                raise StatementError(f"{where} has the extent {whole}, where at least 1 is expected")
            if symbols != 0 and not (symbols.is_integer and symbols.is_positive):
                made = f"Symbol({symbols.name!r}, integer=True, positive=True)"
                raise StatementError(f"{where} has the extent {symbols.name}, which must be a positive integer: {made}")

    def _extents(self) -> None:
        """Check that a symbolic width has a unique name and is the extent of a parameter's axis."""
        read = {s.name for p in self.forward.parameters for a in p.axes for s in a.extent.free_symbols}
        for tensor in self.tensors.values():
            for symbol in (s for a in tensor.axes if not a.sample for s in a.extent.free_symbols):
                name = symbol.name
                if name in self.forward.constants or symbol != Symbol(name, integer=True, positive=True):
                    raise StatementError(
                        f"{name} is a width of {tensor.name} and something else: give one another name"
                    )
                if name not in read:
                    raise StatementError(
                        f"the width {name} of {tensor.name} stands on no axis of a parameter, so its value is not known"
                    )

    # Equations.

    def _equation(self, equation: Equation, known: set[str]) -> None:
        target, right = equation.target, self._right(equation)
        where = f"the equation of {target.name}"
        indices = equation.indices
        for index in indices if isinstance(indices, tuple) else (indices,):
            if not isinstance(index, Index):
                raise StatementError(f"{where} has {_kind(index)} on its left, where an Index is expected")
        if len(indices) != len(target.axes) or len(set(indices)) != len(indices):
            raise StatementError(f"{where} needs {len(target.axes)} different indices on its left, one for each axis")
        for number, (index, axis) in enumerate(zip(indices, target.axes, strict=True), 1):
            if index.axis != axis:
                raise StatementError(
                    f"{where} has the index {index} on its left, which does not run over axis {number}"
                )
        for tensor_name in _read_names(right, _extents(self.forward)):
            if tensor_name == target.name:
                raise StatementError(f"{where} reads {tensor_name} itself")
            if tensor_name in self.tensors and tensor_name not in known:
                raise StatementError(f"{where} reads {tensor_name}, which is stated after it")
        self._node(right, where, frozenset(indices))
        self._constant_parts(right, where)
        for name in (n for n, value in self.forward.constants.items() if value == 0):
            named = {s: Integer(0) for s in right.atoms(Symbol) if s.name == name}
            if right.xreplace(named).has(nan, zoo):
                raise StatementError(f"{where} has no value, as the constant {name} is 0")

    def _constant_parts(self, right: Expr, where: str) -> None:
        """Check subexpressions of constants and numbers only, such as c**90, which are computed separately."""
        values = {Symbol(n, real=True): Float(str(float(v))) for n, v in self.forward.constants.items() if v}
        plain = right.xreplace({s: Symbol(s.name, real=True) for s in right.atoms(Symbol) if not isinstance(s, Index)})
        for node in preorder_traversal(plain):
            alone = (
                isinstance(node, (Pow, *SCALAR_FUNCTIONS)) and node.free_symbols and node.free_symbols <= set(values)
            )
            if alone and not node.has(Elementwise):
                problem = _unfit(node, values)
                if problem:
                    raise StatementError(f"{node} in {where} {problem}")

    def _right(self, equation: Equation) -> Expr:
        name, value = equation.target.name, equation.expression
        if isinstance(value, str | bool) or not isinstance(value, Expr | int | float | Fraction):
            raise StatementError(
                f"the equation of {name} has {_kind(value)} on its right, where an expression is expected"
            )
        return sympify(value)

    def _node(self, node: Any, where: str, bound: frozenset[Index]) -> None:
        """Check an expression recursively; ``bound`` are the indices that may occur in it."""
        if isinstance(node, Index):
            raise StatementError(f"{where} reads the index {node} as a number; an index can only count entries")
        if isinstance(node, Sum):
            self._sum(node, where, bound)
        elif isinstance(node, Indexed):
            self._entry(node, where, bound)
        elif isinstance(node, KroneckerDelta):
            self._positions(node.args, str(node), where, bound)
        elif isinstance(node, Symbol):
            self._scalar(node, where)
        elif isinstance(node, Rational | Float):
            self._number(node, where)
        elif node is pi or node is E:
            return
        elif not isinstance(node, _NODES):
            raise StatementError(f"{where} holds {_called(node)}, which is not known; known are {_KNOWN}")
        else:
            if isinstance(node, Elementwise):
                self._function(type(node), where)
            if isinstance(node, Pow) and node.exp.has(Indexed):
                raise StatementError(f"{where} has an entry in an exponent: write a**b as exp(b*log(a))")
            for argument in node.args:
                self._node(argument, where, bound)

    def _function(self, function: Any, where: str) -> None:
        """Check the definition of an elementwise function."""
        title, definition = function.title, function.definition
        if not isinstance(title, str) or not title.isidentifier():
            raise StatementError(f"{where} has a function called {shown(title)}: use letters, digits and _")
        where = f"the function {title} in {where}"
        for node in preorder_traversal(definition):
            if isinstance(node, Elementwise):
                raise StatementError(f"{where} is defined by {node.title}: write its formula there")
            if isinstance(node, Rational | Float):
                self._number(node, where)
            elif node is not pi and node is not E and not isinstance(node, (*IN_DEFINITIONS, Symbol)):
                raise StatementError(f"{where} is defined by {_called(node)}; known are {KNOWN_IN_DEFINITIONS}")
        loose = sorted(s.name for s in definition.free_symbols - {X, *function.others})
        if loose:
            raise StatementError(
                f"{where} is defined by {loose[0]}: its only argument is X of derive.calculus.functions"
            )
        if X not in definition.free_symbols:
            raise StatementError(f"{where} is the same for every X: write the number itself")

    def _number(self, node: Any, where: str) -> None:
        if isinstance(node, Float) and not node.is_finite:
            raise StatementError(f"{where} holds {node}, which is no number")
        value = Rational(str(node)) if isinstance(node, Float) else node
        self._size_of(Fraction(value.p, value.q), f"a number in {where}")

    def _sum(self, node: Any, where: str, bound: frozenset[Index]) -> None:
        inner = set(bound)
        for index, first, last in (
            tuple(limit) if len(limit) == 3 else (limit[0], None, None) for limit in node.limits
        ):
            if not isinstance(index, Index):
                raise StatementError(f"{where} sums over {index}, which is not an Index")
            if (first, last) != (index.axis.start, index.axis.stop):
                raise StatementError(f"{where} sums over a part of the axis of {index}: a sum runs over a whole axis")
            inner.add(index)
        self._node(node.function, where, frozenset(inner))

    def _entry(self, node: Any, where: str, bound: frozenset[Index]) -> None:
        name = str(node.base.label)
        if name not in self.tensors:
            raise StatementError(f"{where} reads {name}, which is not stated")
        axes = self.tensors[name].axes
        if len(node.indices) != len(axes):
            raise StatementError(f"{where} reads {_text(node)}, but {name} has {_count(len(axes), 'axis', 'axes')}")
        self._positions(node.indices, _text(node), where, bound)
        for number, (index, axis) in enumerate(zip(node.indices, axes, strict=True), 1):
            if isinstance(index, Index) and not within(index.axis, axis):
                raise StatementError(f"{where} reads {_text(node)}, but {index} runs beyond axis {number} of {name}")
            if isinstance(index, Index) and index.axis.sample != axis.sample:
                raise StatementError(
                    f"{where} reads {_text(node)}, but {index} and axis {number} of {name} differ in kind"
                )
            if isinstance(index, Integer):
                raise StatementError(
                    f"{where} reads {_text(node)}: reading a single entry is not supported, only a whole axis"
                )
        if len(set(node.indices)) != len(node.indices):
            raise StatementError(f"{where} reads {_text(node)}: reading a diagonal is not supported")

    def _positions(self, indices: Iterable[Any], text: str, where: str, bound: frozenset[Index]) -> None:
        for index in indices:
            if not isinstance(index, Index | Integer):
                raise StatementError(f"{where} reads {text}, but {_text(index)} is not a plain index")
            if isinstance(index, Index) and index not in bound:
                raise StatementError(f"{where} reads {text}, but {index} is neither on its left nor summed over")

    def _scalar(self, node: Any, where: str) -> None:
        name, tensors = node.name, self.tensors
        if node in _extents(self.forward):
            return
        if name in tensors and tensors[name].axes:
            raise StatementError(
                f"{where} reads {name} without indices, but it has {_count(len(tensors[name].axes), 'axis', 'axes')}"
            )
        if name not in _symbols(self.forward):
            raise StatementError(f"{where} reads {name}, which is not stated")

    # The whole.

    def _ends(self) -> None:
        error = self.forward.equations[-1].target
        if error.axes:
            raise StatementError(f"the last equation, that of {error.name}, must be one number: it is the error")
        if not set(_read_names(self._right(self.forward.equations[-1]), _extents(self.forward))) & set(self.tensors):
            raise StatementError(f"the error, {error.name}, reads no tensor: state how it depends on the prediction")
        prediction_of([exact(e, self.forward) for e in self.forward.equations], self.forward.inputs)


def _count(number: int, one: str, several: str) -> str:
    return f"{number or 'no'} {one if number == 1 else several}"


def _read_names(expression: Expr, extents: set[Symbol]) -> Iterator[str]:
    for node in preorder_traversal(expression):
        if isinstance(node, Symbol) and not isinstance(node, Index) and node not in extents:
            yield node.name
