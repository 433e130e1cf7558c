"""Checks of the equations of a forward pass: their indices, and every node of their right sides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from sympy import (
    Add,
    And,
    E,
    Expr,
    Float,
    Indexed,
    Integer,
    KroneckerDelta,
    Max,
    Min,
    Mul,
    Or,
    Piecewise,
    Pow,
    Rational,
    Sum,
    Symbol,
    nan,
    pi,
    preorder_traversal,
    sympify,
    true,
    zoo,
)

from derive.calculus.affine import affine, misses
from derive.calculus.cases import Cases
from derive.calculus.extremes import Extreme, Selected
from derive.calculus.functions import (
    COMPARISONS,
    SCALAR_FUNCTIONS,
    Elementwise,
    X,
    called,
    check_formula,
    instead,
)
from derive.calculus.index import Axis, Equation, Index, Tensor, symbols_read, within
from derive.calculus.positive import Positivity
from derive.calculus.products import ProductOver
from derive.calculus.promises import Promise
from derive.calculus.tensor_checks import LEAST, LONGEST, MOST, check_size, expect
from derive.text.errors import StatementError
from derive.text.user_text import cut, shown

_COMPUTED: tuple[Any, ...] = (Pow, *SCALAR_FUNCTIONS)
_NODES: tuple[Any, ...] = (Add, Mul, Max, Min, Elementwise, *_COMPUTED)


class EquationChecks:
    """The checks of equations that read the ``tensors``, which have passed ``check_tensors``, and the ``constants``.

    The ``promises`` say which tensors are positive; so do the equations that have been checked.
    """

    def __init__(
        self, constants: Mapping[str, Fraction], tensors: Iterable[Tensor] = (), promises: Collection[Promise] = ()
    ) -> None:
        self.constants = constants
        self.positivity = Positivity(promises, constants)
        self.tensors: dict[str, Tensor] = {}
        #: The names of tensors that are read outside their axes, where a recurrence begins.
        self.recurring: set[str] = set()
        self.extents: set[Symbol] = set()
        for tensor in tensors:
            self.add(tensor)

    def add(self, tensor: Tensor) -> None:
        """Let the equations that are checked from now on read a tensor."""
        self.tensors[tensor.name] = tensor
        self.extents |= {s for axis in tensor.axes for s in axis.extent.free_symbols}

    def check(self, equation: Equation, known: Collection[str]) -> None:
        """Check one equation; ``known`` are the tensors that it may read. Raises StatementError."""
        target, right = equation.target, _right(equation)
        where = f"the equation of {target.name}"
        indices = equation.indices
        for index in indices if isinstance(indices, tuple) else (indices,):
            expect(index, Index, f"an index on the left of {where} is", "an Index")
        if len(indices) != len(target.axes) or len(set(indices)) != len(indices):
            raise StatementError(f"{where} needs {len(target.axes)} different indices on its left, one for each axis")
        for number, (index, axis) in enumerate(zip(indices, target.axes, strict=True), 1):
            if index.axis != axis:
                raise StatementError(
                    f"{where} has the index {index} on its left, which does not run over axis {number}"
                )
        for name in self.names_read(equation):
            if name == target.name and name not in known:
                raise StatementError(f"{where} reads {name} itself")
            if name in self.tensors and name not in known:
                raise StatementError(f"{where} reads {name}, which is stated after it")
        self._node(right, where, frozenset(indices))
        self._constant_parts(right, where)
        for name in (n for n, value in self.constants.items() if value == 0):
            if right.xreplace({s: Integer(0) for s in right.atoms(Symbol) if s.name == name}).has(nan, zoo):
                raise StatementError(f"{where} has no value, because the constant {name} is 0")
        self.positivity.add(equation)

    def names_read(self, equation: Equation) -> Iterator[str]:
        """The names of tensors and constants on the right side."""
        for node in preorder_traversal(_right(equation)):
            if isinstance(node, Symbol) and not isinstance(node, Index) and node not in self.extents:
                yield node.name

    def _reads_tensor(self, expression: Expr) -> bool:
        return any(name in self.tensors for name in symbols_read(expression))

    @property
    def _constant_values(self) -> dict[Symbol, Float]:
        return {Symbol(n, real=True): Float(str(float(v))) for n, v in self.constants.items() if v}

    def _constant_parts(self, right: Expr, where: str) -> None:
        """Check subexpressions of constants and numbers only, such as c**90, which are computed separately."""
        values = self._constant_values
        if not {s.name for s in values}.intersection(symbols_read(right)):
            return
        plain = right.xreplace({s: Symbol(s.name, real=True) for s in right.atoms(Symbol) if not isinstance(s, Index)})
        for node in preorder_traversal(plain):
            alone = isinstance(node, _COMPUTED) and node.free_symbols <= set(values)
            if alone and node.free_symbols and not node.has(Elementwise):
                problem = _out_of_range(node, values)
                if problem:
                    raise StatementError(f"{node} in {where} {problem}")

    def _node(self, node: Any, where: str, bound: frozenset[Index]) -> None:
        """Check an expression recursively; ``bound`` are the indices that may occur in it."""
        if isinstance(node, Index):
            raise StatementError(f"{where} reads the index {node} as a number: an index can only select entries")
        if isinstance(node, Sum | Extreme | ProductOver):
            self._sum(node, where, bound)
        elif isinstance(node, Indexed):
            self._entry(node, where, bound)
        elif isinstance(node, Piecewise | Cases):
            self._cases(node, where, bound)
        elif isinstance(node, KroneckerDelta | Selected):
            self._places(node, where, bound)
        elif isinstance(node, Symbol):
            self._scalar(node, where)
        elif isinstance(node, Rational | Float):
            _check_number(node, where)
        elif node is pi or node is E:
            return
        elif not isinstance(node, _NODES):
            raise StatementError(f"{where} contains {called(node)}, which is not supported: {instead(node)}")
        else:
            if isinstance(node, Elementwise):
                _check_function(type(node), where, self.constants)
            if isinstance(node, Pow) and self._reads_tensor(node.exp) and not self.positivity.holds(node.base):
                base = cut(str(node.base), LONGEST)
                raise StatementError(
                    f"{where} has an entry in the exponent of {base}, which may be negative: promise that its entries "
                    "are positive, before this equation, or take a base that is, such as exp(z[i])"
                )
            for argument in node.args:
                self._node(argument, where, bound)

    def _sum(self, node: Any, where: str, bound: frozenset[Index]) -> None:
        inner = set(bound)
        for index, *limits in node.limits:
            if not isinstance(index, Index):
                raise StatementError(f"{where} sums over {index}, which is not an Index")
            if limits != [index.axis.start, index.axis.stop]:
                raise StatementError(f"{where} sums over a part of the axis of {index}: a sum runs over a whole axis")
            inner.add(index)
        self._node(node.function, where, frozenset(inner))

    def _places(self, node: Any, where: str, bound: frozenset[Index]) -> None:
        """Check a comparison of places: of indices, of entries that number places, or of the place of an extreme."""
        places = node.places if isinstance(node, Selected) else node.args
        if isinstance(node, Selected):
            self._sum(node.extreme, where, bound)
        for entry in (place for place in places if isinstance(place, Indexed)):
            self._entry(entry, where, bound)
        _check_positions((p for p in places if not isinstance(p, Indexed)), str(node), where, bound)

    def _cases(self, node: Any, where: str, bound: frozenset[Index]) -> None:
        for value, condition in node.args:
            self._node(value, where, bound)
            self._condition(condition, where, bound)
        if node.args[-1].cond != true:
            raise StatementError(
                f"{where} has no value where no condition of its Piecewise holds: add a last case (value, True)"
            )

    def _condition(self, condition: Any, where: str, bound: frozenset[Index]) -> None:
        if isinstance(condition, And | Or):
            for part in condition.args:
                self._condition(part, where, bound)
        elif isinstance(condition, COMPARISONS):
            for side in condition.args:
                self._node(side, where, bound)
        elif condition != true:
            text = cut(str(condition), LONGEST)
            raise StatementError(f"{where} has the condition {text}: conditions are written with <, <=, > and >=")

    def _entry(self, node: Any, where: str, bound: frozenset[Index]) -> None:
        name = str(node.base.label)
        if name not in self.tensors:
            raise StatementError(f"{where} reads {name}, which is not stated")
        axes = self.tensors[name].axes
        if bound.issuperset(node.indices) and tuple(index.axis for index in node.indices) == axes:
            return
        reading = f"{where} reads {cut(str(node), LONGEST)}"
        if len(node.indices) != len(axes):
            raise StatementError(f"{reading}, but {name} has {_counted_axes(axes)}")
        for index in node.indices:
            if isinstance(index, Indexed):
                self._entry(index, where, bound)
        plain = [index for index in node.indices if not isinstance(index, Indexed)]
        _check_positions(plain, cut(str(node), LONGEST), where, bound)
        for number, (index, axis) in enumerate(zip(node.indices, axes, strict=True), 1):
            if isinstance(index, Indexed):
                self._chosen(index, axis, f"{reading}, but", f"axis {number} of {name}")
                continue
            if isinstance(index, Index) and not within(index.axis, axis):
                raise StatementError(f"{reading}, but {index} runs beyond axis {number} of {name}")
            if misses(index, axis) and name not in self.recurring:
                entries = f"which has the entries {axis.start} to {axis.stop}"
                raise StatementError(f"{reading}, but {index} is never on axis {number} of {name}, {entries}")
            over_samples = any(i.axis.sample for i in index.atoms(Index))
            if over_samples != axis.sample or (over_samples and not isinstance(index, Index)):
                runs = f"the samples as {index}" if over_samples else "units"
                has = "samples, one by one" if axis.sample else "units"
                raise StatementError(f"{reading}, but {index} runs over {runs} and axis {number} of {name} over {has}")

    def _chosen(self, entry: Any, axis: Axis, reading: str, where: str) -> None:
        """Check an entry that is used as an index: it must number the places of the axis."""
        places = self.tensors[entry.base.label.name].places
        if places is None:
            raise StatementError(f"{reading} {entry} is a real number and numbers no places: declare them")
        if not within(places, axis):
            raise StatementError(f"{reading} {entry} runs beyond {where}")

    def _scalar(self, node: Any, where: str) -> None:
        name, tensors = node.name, self.tensors
        if node in self.extents:
            return
        if name in tensors and tensors[name].axes:
            raise StatementError(
                f"{where} reads {name} without indices, but it has {_counted_axes(tensors[name].axes)}"
            )
        if name not in tensors and name not in self.constants and name not in {s.name for s in self.extents}:
            raise StatementError(f"{where} reads {name}, which is not stated")


def _right(equation: Equation) -> Expr:
    """The right side as an expression. Raises StatementError if it is anything else."""
    name, value = equation.target.name, equation.expression
    wanted = Expr if isinstance(value, bool) else Expr | int | float | Fraction
    expect(value, wanted, f"the right side of the equation of {name} is", "an expression")
    return sympify(value)


def _check_function(function: Any, where: str, constants: Collection[str]) -> None:
    """Check the definition of an elementwise function."""
    title, definition = function.title, function.definition
    if not isinstance(title, str) or not title.isidentifier():
        raise StatementError(f"{where} has a function named {shown(title)}: use letters, digits and _")
    what = f"the function {title} in {where}"
    for node in preorder_traversal(definition):
        if isinstance(node, Elementwise):
            raise StatementError(f"{what} is defined by {node.title}: write its formula there")
        if isinstance(node, Rational | Float):
            _check_number(node, what)
    check_formula(definition, what)
    loose = sorted({s.name for s in definition.free_symbols - {X, *function.others}} - {*constants})
    if loose:
        raise StatementError(
            f"{what} is defined by {loose[0]}, which is no constant: "
            "its arguments are X of derive.calculus.functions and the symbols in `others`"
        )
    if X not in definition.free_symbols:
        raise StatementError(f"{what} is the same for every X: write the number itself")


def _check_number(node: Any, where: str) -> None:
    if isinstance(node, Float) and not node.is_finite:
        raise StatementError(f"{where} contains {node}, where a finite number is expected")
    value = Rational(str(node)) if isinstance(node, Float) else node
    check_size(Fraction(value.p, value.q), f"a number in {where}")


def _check_positions(indices: Iterable[Any], text: str, where: str, bound: frozenset[Index]) -> None:
    for index in indices:
        if affine(index) is None:
            raise StatementError(
                f"{where} reads {text}, but {cut(str(index), LONGEST)} is no index: use indices, integers, and sums of "
                "them with whole factors, such as 2*i + j - 1"
            )
        for own in sorted(index.atoms(Index) - bound, key=str):
            raise StatementError(f"{where} reads {text}, but {own} is neither on its left nor summed over")


def _out_of_range(node: Expr, values: Mapping[Symbol, Float]) -> str:
    """Say why an expression with the given values is no float64 number; empty if it is one."""
    try:
        value = node.xreplace(values)
        if value.is_extended_real is not True or not value.is_finite:
            return "has no value"
        small, large = bool(value and abs(value) < LEAST), bool(abs(value) > MOST)
    except (ValueError, OverflowError):  # too many digits even for mpmath
        small, large = False, True
    return f"is too {'small' if small else 'large'} for float64" if small or large else ""


def _counted_axes(axes: tuple[Any, ...]) -> str:
    return f"{len(axes) or 'no'} {'axis' if len(axes) == 1 else 'axes'}"
