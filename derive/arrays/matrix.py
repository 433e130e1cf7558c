"""The matrix form: a small closed set of operations on two-dimensional arrays.

Rows are units, columns are samples; a vector is a matrix with one column (one
entry per unit) or one row (one entry per sample), and a number has one of each.
Every node knows its shape and refuses operands that do not fit.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from sympy import Expr, Integer

from derive.calculus.index import Tensor
from derive.calculus.reading_order import subtracted

Shape = tuple[Expr, Expr]
ONE = Integer(1)


class ShapeError(ValueError):
    """Operands whose shapes do not fit, named with the operation."""


@dataclass(frozen=True)
class Node:
    """Base of the closed set; the printers know every subclass."""

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        raise NotImplementedError(f"{type(self).__name__} has no shape")

    @property
    def parts(self) -> tuple[Any, ...]:
        """The values of the fields, in their order."""
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
        """Names of the tensors that it reads."""
        numbers = (value for value in self.parts if isinstance(value, Expr))
        own = {s.name for number in numbers for s in number.free_symbols if not s.is_integer}  # extents are integers
        return frozenset(own).union(*(child._reads for child in self._children))


@dataclass(frozen=True)
class Array(Node):
    """A tensor as it is stored: the sample axis is the columns, a vector of units a column."""

    tensor: Tensor

    @cached_property
    def _reads(self) -> frozenset[str]:
        """Its own name."""
        return frozenset({self.tensor.name})

    @property
    def shape(self) -> Shape:
        """Rows and columns of the stored array."""
        axes = self.tensor.axes
        if len(axes) > 2:
            raise ShapeError(f"{self.tensor.name} has {len(axes)} axes; the matrix form has two")
        if len(axes) == 1:
            return (ONE, axes[0].extent) if axes[0].sample else (axes[0].extent, ONE)
        return (axes[0].extent, axes[1].extent) if axes else (ONE, ONE)


@dataclass(frozen=True)
class Number(Node):
    """A number, possibly in terms of extents (``1/m``)."""

    value: Expr

    @property
    def shape(self) -> Shape:
        """One by one."""
        return ONE, ONE


@dataclass(frozen=True)
class Transpose(Node):
    """The transpose."""

    of: Node

    @property
    def shape(self) -> Shape:
        """Rows and columns swapped."""
        rows, columns = self.of.shape
        return columns, rows


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Hadamard(Node):
    """The product entry by entry; all operands have the same shape."""

    factors: tuple[Node, ...]

    def __post_init__(self) -> None:
        _same(self.factors, "entry-wise product")

    @property
    def shape(self) -> Shape:
        """That of every factor."""
        return self.factors[0].shape


@dataclass(frozen=True)
class Plus(Node):
    """The sum entry by entry; all operands have the same shape."""

    terms: tuple[Node, ...]

    def __post_init__(self) -> None:
        _same(self.terms, "sum")

    @property
    def shape(self) -> Shape:
        """That of every term."""
        return self.terms[0].shape


@dataclass(frozen=True)
class Scale(Node):
    """A number (or a scalar such as the learning rate) times a matrix."""

    factor: Expr
    of: Node

    @property
    def shape(self) -> Shape:
        """That of the matrix."""
        return self.of.shape


@dataclass(frozen=True)
class Map(Node):
    """A function of real numbers, entry by entry; all arguments have the same shape."""

    function: Any
    arguments: tuple[Node, ...]

    def __post_init__(self) -> None:
        _same(self.arguments, "function")

    @property
    def shape(self) -> Shape:
        """That of every argument."""
        return self.arguments[0].shape


@dataclass(frozen=True)
class Call(Node):
    """A named function of whole arrays whose result has the shape of the first."""

    name: str
    arguments: tuple[Node, ...]

    @property
    def shape(self) -> Shape:
        """That of the first argument."""
        return self.arguments[0].shape


@dataclass(frozen=True)
class Fold(Call):
    """A named function of whole arrays that leaves one row (``axis`` 0) or one column (1) of the first."""

    axis: int

    @property
    def shape(self) -> Shape:
        """One along the axis."""
        return _folded(self.arguments[0].shape, self.axis)


@dataclass(frozen=True)
class Largest(Node):
    """The largest entry of each column (``axis`` 0) or row (1), kept two-dimensional."""

    of: Node
    axis: int

    @property
    def shape(self) -> Shape:
        """One along the axis."""
        return _folded(self.of.shape, self.axis)


@dataclass(frozen=True)
class Choice(Node):
    """The one where ``condition`` holds, the other elsewhere."""

    condition: Node
    this: Node
    that: Node

    def __post_init__(self) -> None:
        _same((self.condition, self.this, self.that), "choice")

    @property
    def shape(self) -> Shape:
        """That of each operand."""
        return self.condition.shape


@dataclass(frozen=True)
class IsLargest(Node):
    """Where ``of`` is the largest entry of its column (``axis`` 0) or row (1): the condition of a choice."""

    of: Node
    axis: int

    @property
    def shape(self) -> Shape:
        """That of the operand."""
        return self.of.shape


@dataclass(frozen=True)
class Power(Node):
    """A power, entry by entry."""

    base: Node
    exponent: Expr

    @property
    def shape(self) -> Shape:
        """That of the base."""
        return self.base.shape


@dataclass(frozen=True)
class SumOver(Node):
    """The sum over the rows (``axis`` 0), the columns (1) or both (None), kept two-dimensional."""

    of: Node
    axis: int | None

    @property
    def shape(self) -> Shape:
        """One along the axis that is summed."""
        rows, columns = self.of.shape
        return (ONE if self.axis in (0, None) else rows, ONE if self.axis in (1, None) else columns)


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Repeat(Node):
    """The same as an array of its full size: for what does not repeat its operands by itself."""

    of: Node
    full: Shape

    @property
    def shape(self) -> Shape:
        """The full shape."""
        return self.full


@dataclass(frozen=True)
class Part(Node):
    """``count`` rows (``axis`` 0) or columns (1), from position ``first`` (counted from 0)."""

    of: Node
    axis: int
    first: int
    count: Expr

    @property
    def shape(self) -> Shape:
        """``count`` along the axis."""
        rows, columns = self.of.shape
        return (self.count, columns) if self.axis == 0 else (rows, self.count)


@dataclass(frozen=True)
class Stack(Node):
    """Blocks of rows, one below the other."""

    blocks: tuple[Node, ...]

    def __post_init__(self) -> None:
        if len({b.shape[1] for b in self.blocks}) != 1:
            raise ShapeError(f"stacked blocks of {[b.shape for b in self.blocks]}")

    @property
    def shape(self) -> Shape:
        """Rows added up."""
        return sum((b.shape[0] for b in self.blocks), Integer(0)), self.blocks[0].shape[1]


@dataclass(frozen=True)
class Beside(Node):
    """Blocks of columns, one beside the other."""

    blocks: tuple[Node, ...]

    def __post_init__(self) -> None:
        if len({b.shape[0] for b in self.blocks}) != 1:
            raise ShapeError(f"blocks beside one another of {[b.shape for b in self.blocks]}")

    @property
    def shape(self) -> Shape:
        """Columns added up."""
        return self.blocks[0].shape[0], sum((b.shape[1] for b in self.blocks), Integer(0))


@dataclass(frozen=True)
class Einsum(Node):
    """The general contraction: ``subscripts`` as in Einstein's convention, e.g. ``ij,jk,jk->ik``.

    ``Z`` stands for a side of length one of an operand; the result has none.
    """

    subscripts: str
    operands: tuple[Node, ...]
    full: Shape

    @property
    def shape(self) -> Shape:
        """As stated."""
        return self.full


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
    """The same node over other operands, given in the order of ``children``."""
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
    """Whether a factor of an entry-wise product is written below the line."""
    inner = node.of if isinstance(node, Broadcast) else node
    return isinstance(inner, Power) and bool(inner.exponent.is_negative)


def inverse(node: Node) -> Node:
    """What stands below the line for a factor that ``divides``."""
    if isinstance(node, Broadcast):
        return Broadcast(inverse(node.of), node.full)
    assert isinstance(node, Power)
    return node.base if node.exponent == -1 else Power(node.base, -node.exponent)


def walk(node: Node) -> list[Node]:
    """A formula in matrix form and all formulas in it."""
    found, stack = [], [node]
    while stack:
        node = stack.pop()
        found.append(node)
        stack += children(node)
    return found
