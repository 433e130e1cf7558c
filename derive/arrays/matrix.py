"""The matrix form: a small closed set of operations on two-dimensional arrays.

Rows are units, columns are samples; a vector is a matrix with one column (one
entry per unit) or one row (one entry per sample), and a number has one of each.
Every node has a shape and raises ShapeError for operands that do not match.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cached_property
from typing import Any

from sympy import Expr, Integer

from derive.arrays.lift_named import lift_named
from derive.arrays.named import Named
from derive.calculus.index import Equation, Tensor
from derive.calculus.reading_order import subtracted
from derive.record import record

Shape = tuple[Expr, Expr]
ONE = Integer(1)


class ShapeError(ValueError):
    """The shapes of operands do not match; the message names the operation."""


@record
class Node:
    """Base class of the operations; the printers handle every subclass."""

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        raise NotImplementedError(f"{type(self).__name__} has no shape")

    @property
    def parts(self) -> tuple[Any, ...]:
        """The values of the fields, in order."""
        return tuple(getattr(self, field.name) for field in fields(self))

    @cached_property
    def _children(self) -> tuple[Node, ...]:
        """The operands."""
        found: list[Node] = []
        for value in self.parts:
            if isinstance(value, Node):
                found.append(value)
            elif isinstance(value, tuple):
                found.extend(v for v in value if isinstance(v, Node))
        return tuple(found)

    @cached_property
    def _reads(self) -> frozenset[str]:
        """Names of the tensors that the node reads."""
        numbers = (value for value in self.parts if isinstance(value, Expr))
        own = {s.name for number in numbers for s in number.free_symbols if not s.is_integer}  # extents are integers
        return frozenset(own).union(*(child._reads for child in self._children))


@record
class Array(Node):
    """A stored tensor: samples are columns, and a vector of units is a column."""

    tensor: Tensor

    @cached_property
    def _reads(self) -> frozenset[str]:
        """The name of the tensor."""
        return frozenset({self.tensor.name})

    @property
    def shape(self) -> Any:
        """Rows and columns of the stored array; all sides of an array of three or more axes."""
        axes = self.tensor.stored_axes
        if len(axes) == 1:
            return (ONE, axes[0].extent) if axes[0].sample else (axes[0].extent, ONE)
        return tuple(axis.extent for axis in axes) or (ONE, ONE)


@record
class Number(Node):
    """A number, possibly in terms of extents (``1/m``)."""

    value: Expr

    @property
    def shape(self) -> Shape:
        """(1, 1)."""
        return ONE, ONE


@record
class Transpose(Node):
    """The transpose."""

    of: Node

    @property
    def shape(self) -> Shape:
        """Rows and columns swapped."""
        rows, columns = self.of.shape
        return columns, rows


@record
class Product(Node):
    """The matrix product."""

    left: Node
    right: Node

    def __post_init__(self) -> None:
        if self.left.shape[1] != self.right.shape[0]:
            raise ShapeError(f"matrix product of {self.left.shape} and {self.right.shape}")

    @property
    def shape(self) -> Shape:
        """Rows of the left, columns of the right."""
        return self.left.shape[0], self.right.shape[1]


@record
class Hadamard(Node):
    """The elementwise product; all operands have the same shape."""

    factors: tuple[Node, ...]

    def __post_init__(self) -> None:
        _same(self.factors, "elementwise product")

    @property
    def shape(self) -> Shape:
        """The shape of every factor."""
        return self.factors[0].shape


@record
class Plus(Node):
    """The elementwise sum; all operands have the same shape."""

    terms: tuple[Node, ...]

    def __post_init__(self) -> None:
        _same(self.terms, "sum")

    @property
    def shape(self) -> Shape:
        """The shape of every term."""
        return self.terms[0].shape


@record
class Scale(Node):
    """A scalar, such as the learning rate, times a matrix."""

    factor: Expr
    of: Node

    @property
    def shape(self) -> Shape:
        """The shape of the matrix."""
        return self.of.shape


@record
class Map(Node):
    """An elementwise function; all arguments have the same shape."""

    function: Any
    arguments: tuple[Node, ...]

    def __post_init__(self) -> None:
        _same(self.arguments, "function")

    @property
    def shape(self) -> Shape:
        """The shape of every argument."""
        return self.arguments[0].shape


@record
class Call(Node):
    """A named function of whole arrays whose result has the shape of the first."""

    name: str
    arguments: tuple[Node, ...]

    @property
    def shape(self) -> Shape:
        """The shape of the first argument."""
        return self.arguments[0].shape


@record
class Fold(Call):
    """A named function of whole arrays that reduces the first to one row (``axis`` 0) or one column (1)."""

    axis: int

    @property
    def shape(self) -> Shape:
        """The shape with length 1 along the axis."""
        return _folded(self.arguments[0].shape, self.axis)


@record
class Largest(Node):
    """The maximum of each column (``axis`` 0) or row (1), kept two-dimensional."""

    of: Node
    axis: int

    @property
    def shape(self) -> Shape:
        """The shape with length 1 along the axis."""
        return _folded(self.of.shape, self.axis)


@record
class Choice(Node):
    """Selects the first operand where ``condition`` holds and the second elsewhere, as ``numpy.where``."""

    condition: Node
    this: Node
    that: Node

    def __post_init__(self) -> None:
        _same((self.condition, self.this, self.that), "choice")

    @property
    def shape(self) -> Shape:
        """The shape of each operand."""
        return self.condition.shape


@record
class Compare(Node):
    """The condition ``left sign right``; ``sign`` is ``>``, ``>=``, ``<`` or ``<=``."""

    sign: str
    left: Node
    right: Node

    def __post_init__(self) -> None:
        _same((self.left, self.right), "comparison")

    @property
    def shape(self) -> Shape:
        """The shape of both sides."""
        return self.left.shape


@record
class Connect(Node):
    """Conditions joined by ``word``, ``and`` or ``or``."""

    word: str
    conditions: tuple[Node, ...]

    def __post_init__(self) -> None:
        _same(self.conditions, "condition")

    @property
    def shape(self) -> Shape:
        """The shape of every condition."""
        return self.conditions[0].shape


@record
class IsLargest(Node):
    """The condition that ``of`` is the maximum of its column (``axis`` 0) or row (1)."""

    of: Node
    axis: int

    @property
    def shape(self) -> Shape:
        """The shape of the operand."""
        return self.of.shape


@record
class IsNotZero(Node):
    """The condition that an entry is not 0."""

    of: Node

    @property
    def shape(self) -> Shape:
        """The shape of the operand."""
        return self.of.shape


@record
class Power(Node):
    """An elementwise power."""

    base: Node
    exponent: Expr

    @property
    def shape(self) -> Shape:
        """The shape of the base."""
        return self.base.shape


@record
class SumOver(Node):
    """The sum over the rows (``axis`` 0), the columns (1, or -1 as the last axis) or both (None), with all axes."""

    of: Node
    axis: int | None

    @property
    def shape(self) -> Shape:
        """The shape with length 1 along the axis that is summed."""
        rows, columns = self.of.shape
        return (ONE if self.axis in (0, None) else rows, ONE if self.axis in (1, -1, None) else columns)


@record
class Broadcast(Node):
    """A vector or a number repeated until it has ``full`` rows and columns."""

    of: Node
    full: Shape

    def __post_init__(self) -> None:
        for have, want in zip(self.of.shape, self.full, strict=True):
            if have not in (want, 1):
                raise ShapeError(f"cannot repeat {self.of.shape} to {self.full}")

    @property
    def shape(self) -> Shape:
        """The full shape."""
        return self.full


@record
class Repeat(Node):
    """An explicitly repeated array, for operations that do not broadcast."""

    of: Node
    full: Shape

    @property
    def shape(self) -> Shape:
        """The full shape."""
        return self.full


@record
class Part(Node):
    """A slice of ``count`` rows (``axis`` 0) or columns (1), starting at position ``first`` (from 0)."""

    of: Node
    axis: int
    first: int
    count: Expr

    @property
    def shape(self) -> Shape:
        """The shape with length ``count`` along the axis."""
        rows, columns = self.of.shape
        return (self.count, columns) if self.axis == 0 else (rows, self.count)


@record
class Stack(Node):
    """Vertically stacked blocks, as ``numpy.vstack``."""

    blocks: tuple[Node, ...]

    def __post_init__(self) -> None:
        if len({b.shape[1] for b in self.blocks}) != 1:
            raise ShapeError(f"stacked blocks of {[b.shape for b in self.blocks]}")

    @property
    def shape(self) -> Shape:
        """Rows of all blocks, columns of each."""
        return sum((b.shape[0] for b in self.blocks), Integer(0)), self.blocks[0].shape[1]


@record
class Beside(Node):
    """Horizontally stacked blocks, as ``numpy.hstack``."""

    blocks: tuple[Node, ...]

    def __post_init__(self) -> None:
        if len({b.shape[0] for b in self.blocks}) != 1:
            raise ShapeError(f"blocks beside one another of {[b.shape for b in self.blocks]}")

    @property
    def shape(self) -> Shape:
        """Rows of each block, columns of all."""
        return self.blocks[0].shape[0], sum((b.shape[1] for b in self.blocks), Integer(0))


@record
class Einsum(Node):
    """The general contraction, with ``subscripts`` as in ``numpy.einsum``, e.g. ``ij,jk,jk->ik``.

    ``Z`` denotes a side of length one of an operand; the result has none.
    """

    subscripts: str
    operands: tuple[Node, ...]
    full: Shape

    @property
    def shape(self) -> Shape:
        """The full shape."""
        return self.full


@record
class Formula(Node):
    """An equation without a matrix form, as it is in index form; ``given`` are the tensors that it reads.

    It is computed with one array axis for each index, and printed with its indices.
    """

    equation: Equation
    given: tuple[Tensor, ...]

    @cached_property
    def _reads(self) -> frozenset[str]:
        """The names of the tensors that the equation reads."""
        return frozenset(t.name for t in self.given)

    @cached_property
    def named(self) -> Named:
        """The right side with named axes. Raises NamedError if there is no such form."""
        return lift_named(self.equation, {t.name: t for t in self.given})

    @property
    def shape(self) -> Any:
        """The shape of the array of the target."""
        return Array(self.equation.target).shape


def _folded(shape: Shape, axis: int) -> Shape:
    rows, columns = shape
    return (ONE, columns) if axis == 0 else (rows, ONE)


def _same(nodes: tuple[Node, ...], operation: str) -> None:
    if len({n.shape for n in nodes}) != 1:
        raise ShapeError(f"{operation} of {', '.join(str(n.shape) for n in nodes)}")


def children(node: Node) -> tuple[Node, ...]:
    """The operands of a node."""
    return node._children


def rebuilt(node: Node, new: tuple[Node, ...]) -> Node:
    """Return the node with new operands, in the order of ``children``."""
    if all(one is other for one, other in zip(new, node._children, strict=True)):
        return node
    queue = iter(new)

    def replaced(part: Any) -> Any:
        if isinstance(part, tuple):
            return tuple(next(queue) if isinstance(p, Node) else p for p in part)
        return next(queue) if isinstance(part, Node) else part

    return type(node)(*map(replaced, node.parts))


def arrays_read(node: Node) -> frozenset[str]:
    """Names of the tensors that a node reads."""
    return node._reads


def is_negative(node: Node) -> bool:
    """Whether a term is subtracted rather than added."""
    if isinstance(node, Broadcast):
        return is_negative(node.of)
    value = node.factor if isinstance(node, Scale) else node.value if isinstance(node, Number) else None
    return value is not None and subtracted(value)


def without_sign(node: Node) -> Node:
    """A term without its minus sign."""
    if not is_negative(node):
        return node
    if isinstance(node, Broadcast):
        return Broadcast(without_sign(node.of), node.full)
    if isinstance(node, Scale):
        return node.of if node.factor == -1 else Scale(-node.factor, node.of)
    assert isinstance(node, Number)
    return Number(-node.value)


def divides(node: Node) -> bool:
    """Whether a factor of an elementwise product belongs in the denominator."""
    inner = node.of if isinstance(node, Broadcast) else node
    return isinstance(inner, Power) and bool(inner.exponent.is_negative)


def inverse(node: Node) -> Node:
    """The denominator of a factor that ``divides``."""
    if isinstance(node, Broadcast):
        return Broadcast(inverse(node.of), node.full)
    assert isinstance(node, Power)
    return node.base if node.exponent == -1 else Power(node.base, -node.exponent)


def walk(node: Node) -> list[Node]:
    """Return a node and all its descendants, each before its children, in the order in which they are read."""
    found, stack = [], [node]
    while stack:
        node = stack.pop()
        found.append(node)
        stack += reversed(children(node))
    return found
