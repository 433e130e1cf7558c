"""Translate the index form to the matrix form.

The rules, in the order in which they are tried: factors with equal index sets
become an elementwise product; an index bound in one factor becomes a sum over
that axis; an index bound in two factors becomes a matrix product, transposed as
needed; anything else is an einsum. A term that cannot be lifted raises LiftError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import singledispatch

from sympy import (
    Add,
    Expr,
    Function,
    Indexed,
    Integer,
    KroneckerDelta,
    Mul,
    NumberSymbol,
    Pow,
    Sum,
    Symbol,
    sympify,
)
from sympy import Number as SympyNumber

from derive.arrays import matrix as mx
from derive.arrays.along import Along, Choice, Largest, Less, name_along
from derive.arrays.exact import recognise
from derive.arrays.stable import log1p
from derive.calculus.deltas import tidy
from derive.calculus.functions import SCALAR_FUNCTIONS, Elementwise
from derive.calculus.index import Equation, Index, Tensor, lettered, symbols_read, within
from derive.calculus.program import Assign, Program
from derive.calculus.reading_order import reading_order

Side = Index | None


class LiftError(ValueError):
    """A term has no matrix form; the message names it."""


@dataclass(frozen=True)
class Lifted:
    """A node with the indices of its rows and its columns (None: a single row or column)."""

    node: mx.Node
    row: Side = None
    column: Side = None

    @property
    def indices(self) -> frozenset[Index]:
        """The indices of the rows and the columns."""
        return frozenset(i for i in (self.row, self.column) if i is not None)

    def spread(self, row: Side, column: Side) -> mx.Node:
        """Repeat the node along missing sides."""
        full = (_extent(row), _extent(column))
        return self.node if self.node.shape == full else mx.Broadcast(self.node, full)


@dataclass(frozen=True)
class Piece:
    """A factor that can be oriented with any of its indices along the rows; ``text`` names it in errors."""

    indices: frozenset[Index]
    lay: Callable[[Side, Side], Lifted]
    text: str = ""


def lift(equation: Equation, tensors: Mapping[str, Tensor]) -> mx.Node:
    """Return the matrix form of an equation's right side, in the shape of its left side.

    Raises LiftError, naming the term, or ShapeError.
    """
    row, column = _sides(equation.indices)
    if len(equation.indices) > 2:
        raise LiftError(f"{equation.target.name} has more than two axes")
    right = equation.expression
    if not equation.indices and _reads_numbers(right, tensors):
        return mx.Number(right)
    if right.has(KroneckerDelta):
        return _stacked(right, row, column, tensors)
    return _lay(right, row, column, tensors).spread(row, column)


def _reads_numbers(right: Expr, tensors: Mapping[str, Tensor]) -> bool:
    """Whether a formula reads only plain numbers that are given or computed once per step."""
    read = [tensors[name] for name in symbols_read(right) if name in tensors]
    return bool(read) and not right.has(Indexed, Sum) and all(t.is_number for t in read)


@dataclass(frozen=True)
class ArrayAssign(Assign):
    """A statement with the array form of its right side."""

    form: mx.Node


@dataclass(frozen=True)
class ArrayProgram(Program):
    """A program whose statements have an array form."""

    statements: tuple[ArrayAssign, ...]

    def stage(self, *names: str) -> tuple[ArrayAssign, ...]:
        """The statements of the given stages, in order."""
        return tuple(s for s in self.statements if s.stage in names)


def lift_program(program: Program) -> ArrayProgram:
    """Add the array form to every statement of a program and check all shapes.

    Raises LiftError, naming the tensor, for a statement without an array form.
    """
    tensors = program.tensors
    lifted = []
    for statement in program.statements:
        form = recognise(_lifted(statement.equation, tensors))
        made = ArrayAssign(statement.number, statement.stage, statement.equation, form)
        _check_shape(made)
        lifted.append(made)
    return ArrayProgram(**{**program.parts, "statements": tuple(lifted)})


def _lifted(equation: Equation, tensors: Mapping[str, Tensor]) -> mx.Node:
    """The matrix form; errors name the tensor and use letters for indices."""
    try:
        return lift(equation, tensors)
    except (LiftError, mx.ShapeError):
        try:
            lift(lettered(equation), tensors)
        except (LiftError, mx.ShapeError) as readable:
            problem = readable
        raise LiftError(f"{equation.target.name} has no array form: {problem}") from None


def _check_shape(statement: ArrayAssign) -> None:
    expected = mx.Array(statement.target).shape
    if statement.form.shape != expected:
        raise LiftError(
            f"({statement.number}) {statement.target.name} is {expected}, its right side {statement.form.shape}"
        )


def _sides(indices: tuple[Index, ...]) -> tuple[Side, Side]:
    """Which index runs along the rows and which along the columns of a stored tensor."""
    if len(indices) == 1:
        return (None, indices[0]) if indices[0].axis.sample else (indices[0], None)
    return (indices[0], indices[1]) if indices else (None, None)


def _extent(side: Side) -> Expr:
    return Integer(1) if side is None else side.axis.extent


def _bound_free(expression: Expr) -> frozenset[Index]:
    """The free indices of an expression."""
    return frozenset(s for s in expression.free_symbols if isinstance(s, Index))


def _lay(expression: Expr, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    expression = sympify(expression)
    stray = _bound_free(expression) - {row, column}
    if stray:
        raise LiftError(f"{expression} has the index {min(map(str, stray))} in addition to its rows and columns")
    return _node(expression, row, column, tensors)


@singledispatch
def _node(expression: Expr, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    raise LiftError(f"no matrix form is known for {type(expression).__name__}: {expression}")


@_node.register(SympyNumber)
@_node.register(NumberSymbol)
def _(expression: Expr, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    return Lifted(mx.Number(expression))


@_node.register
def _(expression: Symbol, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    if isinstance(expression, Index):
        raise LiftError(f"the index {expression} is used as a number, which has no matrix form")
    tensor = tensors.get(expression.name)
    return Lifted(mx.Number(expression) if tensor is None or tensor.is_number else mx.Array(tensor))


@_node.register
def _(expression: Indexed, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    tensor = tensors[expression.base.label.name]
    node: mx.Node = mx.Array(tensor)
    if len(tensor.axes) > 2 or len(_bound_free(expression)) != len(expression.indices):
        raise LiftError(f"{expression} has no matrix form: it needs one or two different indices")
    own = tuple(expression.indices)
    for axis, (index, wide) in enumerate(zip(own, tensor.axes, strict=True)):
        if not within(index.axis, wide):
            raise LiftError(f"{expression} reaches beyond {tensor.name}, whose axis {axis} is {wide.extent} long")
        if index.axis != wide:
            side = axis if len(own) == 2 else int(wide.sample)
            node = mx.Part(node, side, index.axis.start - wide.start, index.axis.extent)
    own_row, own_column = _sides(own)
    if own_row in (row, None) and own_column in (column, None):
        return Lifted(node, own_row, own_column)
    return Lifted(mx.Transpose(node), own_column, own_row)


@_node.register
def _(expression: Add, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    pulled = tidy(expression)
    if isinstance(pulled, Mul):
        return _product(Mul.make_args(pulled), (), row, column, tensors)
    pieces = [_lay(term, row, column, tensors) for term in reading_order(pulled.args)]
    present = frozenset().union(*(p.indices for p in pieces))
    sides = (row if row in present else None, column if column in present else None)
    return Lifted(mx.Plus(tuple(p.spread(*sides) for p in pieces)), *sides)


@_node.register
def _(expression: Mul, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    return _product(Mul.make_args(expression), (), row, column, tensors)


@_node.register
def _(expression: Sum, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    return _product((expression,), (), row, column, tensors)


@_node.register
def _(expression: Pow, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    if _bound_free(expression.exp):
        raise LiftError(f"an index in an exponent has no matrix form: {expression}")
    base = _lay(expression.base, row, column, tensors)
    return Lifted(mx.Power(base.node, expression.exp), base.row, base.column)


@_node.register
def _(expression: Function, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    if not isinstance(expression, (Elementwise, *SCALAR_FUNCTIONS, log1p)):
        raise LiftError(f"no matrix form is known for the function {type(expression).__name__}: {expression}")
    laid = [_lay(a, row, column, tensors) for a in expression.args]
    present = frozenset().union(*(p.indices for p in laid))
    sides = (row if row in present else None, column if column in present else None)
    return Lifted(mx.Map(type(expression), tuple(p.spread(*sides) for p in laid)), *sides)


@_node.register
def _(expression: Along, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    *values, k = expression.args
    if expression.rule.reduces:
        return _fold(expression, row, column, tensors)
    laid = _alike(values, row, column, tensors, k)
    axis = int(k == column)
    return Lifted(mx.Call(name_along(expression.rule.title, axis), laid.nodes), laid.row, laid.column)


def _fold(expression: Along, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    *values, k = expression.args
    free = _bound_free(expression)
    if len(free) > 1:
        raise LiftError(f"{expression} has the indices {sorted(map(str, free))} in addition to the one it reduces")
    along_column = row in free or (not free and k.axis.sample)
    sides = (row if free else None, k) if along_column else (k, column if free else None)
    laid = _alike(values, sides[0], sides[1], tensors, k)
    axis = int(along_column)
    node = mx.Fold(name_along(expression.rule.title, axis), laid.nodes, axis)
    return Lifted(node, None if axis == 0 else laid.row, None if axis == 1 else laid.column)


@dataclass(frozen=True)
class _Alike:
    """Operands of the same shape, with the indices of their rows and columns."""

    nodes: tuple[mx.Node, ...]
    row: Side
    column: Side


def _alike(values: Iterable[Expr], row: Side, column: Side, tensors: Mapping[str, Tensor], *needed: Index) -> _Alike:
    """Orient expressions along the same sides, which include the indices ``needed``."""
    laid = [_lay(v, row, column, tensors) for v in values]
    present = frozenset(needed).union(*(p.indices for p in laid))
    sides = (row if row in present else None, column if column in present else None)
    return _Alike(tuple(p.spread(*sides) for p in laid), *sides)


@_node.register
def _(expression: Largest, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    k = expression.limits[0][0]
    along_column = row in _bound_free(expression)
    sides = (row, k) if along_column else (k, column)
    laid = _alike([expression.function], sides[0], sides[1], tensors, k)
    axis = int(along_column)
    node = mx.Largest(laid.nodes[0], axis)
    return Lifted(node, None if axis == 0 else laid.row, None if axis == 1 else laid.column)


@_node.register
def _(expression: Choice, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    compared, k, this, that = expression.args
    laid = _alike((compared, this, that), row, column, tensors, k)
    of, one, other = laid.nodes
    return Lifted(mx.Choice(mx.IsLargest(of, int(k == column)), one, other), laid.row, laid.column)


@_node.register
def _(expression: Less, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    value, compared, k = expression.args
    laid = _alike((value, compared), row, column, tensors, k)
    of, z = laid.nodes
    axis = int(k == column)
    zero = mx.Broadcast(mx.Number(Integer(0)), of.shape)
    at_largest = mx.Largest(z, axis) if of == z else mx.SumOver(mx.Choice(mx.IsLargest(z, axis), of, zero), axis)
    return Lifted(mx.Plus((of, mx.Broadcast(mx.Scale(Integer(-1), at_largest), of.shape))), laid.row, laid.column)


def _product(
    factors: Iterable[Expr], bound: tuple[Index, ...], row: Side, column: Side, tensors: Mapping[str, Tensor]
) -> Lifted:
    """Lift a product of factors, summed over ``bound`` and over the bound indices of factors that are sums."""
    scale, pieces = Integer(1), []
    for factor in factors:
        if isinstance(factor, Sum) and not set(bound) & {limit[0] for limit in factor.limits}:
            summed = tuple(limit[0] for limit in factor.limits)
            inner = _summed(Mul.make_args(tidy(factor.function)), summed, tensors)
            scale *= inner[0]
            pieces += inner[1]
        elif not _bound_free(factor) and not factor.atoms(Indexed) and not factor.has(Sum):
            scale *= factor
        else:
            pieces.append(_piece(factor, tensors))
    lifted = _hadamard(pieces, row, column) if pieces else Lifted(mx.Number(Integer(1)))
    if scale == 1:
        return lifted
    node = mx.Number(scale) if not pieces else mx.Scale(scale, lifted.node)
    return Lifted(node, lifted.row, lifted.column)


def _piece(factor: Expr, tensors: Mapping[str, Tensor]) -> Piece:
    return Piece(_bound_free(factor), lambda row, column: _lay(factor, row, column, tensors), str(factor))


def _summed(
    factors: tuple[Expr, ...], bound: tuple[Index, ...], tensors: Mapping[str, Tensor]
) -> tuple[Expr, list[Piece]]:
    """Eliminate the bound indices one by one; return the numerical coefficient and the remaining pieces."""
    scale, pieces = Integer(1), []
    for factor in factors:
        if isinstance(factor, Sum):
            inner_scale, inner = _summed(
                Mul.make_args(tidy(factor.function)), tuple(limit[0] for limit in factor.limits), tensors
            )
            scale *= inner_scale
            pieces += inner
        elif _bound_free(factor) or factor.has(Indexed):
            pieces.append(_piece(factor, tensors))
        else:
            scale *= factor
    read = frozenset[Index]().union(*(p.indices for p in pieces))
    left = [b for b in bound if b in read]
    for idle in set(bound) - read:  # no factor reads it, so all terms are equal
        scale *= idle.axis.extent
    while left:
        index = next((b for b in left if _simple(b, pieces)), left[0])
        pieces = _eliminate(index, left, pieces)
        left = [b for b in left if any(b in p.indices for p in pieces)]
    return scale, pieces


def _touching(index: Index, pieces: list[Piece]) -> frozenset[Index]:
    found = frozenset[Index]().union(*(p.indices for p in pieces if index in p.indices))
    return found - {index}


def _simple(index: Index, pieces: list[Piece]) -> bool:
    return len(_touching(index, pieces)) <= 1 or _two_sided(index, pieces)


def _two_sided(index: Index, pieces: list[Piece]) -> bool:
    return len(_touching(index, pieces)) == 2 and all(len(p.indices) <= 2 for p in pieces if index in p.indices)


def _eliminate(index: Index, bound: list[Index], pieces: list[Piece]) -> list[Piece]:
    """Sum the product of the pieces with ``index`` over that index."""
    inside = [p for p in pieces if index in p.indices]
    others = _touching(index, pieces)
    rest = [p for p in pieces if index not in p.indices]
    other = next(iter(others), None)
    if len(others) == 1 and other in bound and len(bound) == 2:
        inside += [p for p in rest if other in p.indices]
        if all(p.indices <= set(bound) for p in inside):
            return [*(p for p in rest if other not in p.indices), _sum_all(index, other, inside)]
        inside = [p for p in pieces if index in p.indices]
    if len(others) <= 1:
        return [*rest, _sum_one(index, inside, other)]
    if _two_sided(index, pieces):
        return [*rest, _matrix_product(index, inside, others)]
    return [_einsum(bound, pieces)]


def _sum_all(a: Index, b: Side, inside: list[Piece]) -> Piece:
    row, column = (b, a) if a.axis.sample else (a, b)
    return Piece(frozenset(), lambda _r, _c: Lifted(mx.SumOver(_full(inside, row, column), None)))


def _sum_one(index: Index, inside: list[Piece], other: Side) -> Piece:
    """A sum over an axis, or a matrix-vector product if there is a vector over that axis alone."""
    matrices = [p for p in inside if len(p.indices) == 2]
    vectors = [p for p in inside if len(p.indices) == 1]

    def lay(row: Side, column: Side) -> Lifted:
        if other is not None and other == column:
            return Lifted(_summed_rows(matrices, vectors, index, column), None, column)
        return Lifted(_summed_columns(matrices, vectors, index, other), other, None)

    return Piece(frozenset({other} if other else ()), lay)


def _summed_rows(matrices: list[Piece], vectors: list[Piece], index: Index, column: Side) -> mx.Node:
    """Sum over the rows, whose index is ``index``; the result is a row."""
    if matrices and vectors:
        return mx.Product(_full(vectors, None, index), _full(matrices, index, column))
    return mx.SumOver(_full(matrices + vectors, index, column), 0)


def _summed_columns(matrices: list[Piece], vectors: list[Piece], index: Index, row: Side) -> mx.Node:
    """Sum over the columns, whose index is ``index`` (over the rows if there is no other); the result is a column."""
    if matrices and vectors:
        return mx.Product(_full(matrices, row, index), _full(vectors, index, None))
    if index.axis.sample or row is not None:
        return mx.SumOver(_full(matrices + vectors, row, index), 1)
    return mx.SumOver(_full(vectors, index, None), 0)


def _full(pieces: list[Piece], row: Side, column: Side) -> mx.Node:
    return _hadamard(pieces, row, column).spread(row, column)


def _matrix_product(index: Index, inside: list[Piece], others: frozenset[Index]) -> Piece:
    first, second = sorted(others, key=str)

    def lay(row: Side, column: Side) -> Lifted:
        left = [p for p in inside if row in p.indices]
        right = [p for p in inside if row not in p.indices]
        return Lifted(mx.Product(_full(left, row, index), _full(right, index, column)), row, column)

    return Piece(frozenset({first, second}), lay)


def _hadamard(pieces: list[Piece], row: Side, column: Side) -> Lifted:
    """The elementwise product of pieces oriented along the same sides."""
    laid = [p.lay(row, column) for p in pieces]
    if len(laid) == 1:
        return laid[0]
    present = frozenset().union(*(p.indices for p in laid))
    sides = (row if row in present else None, column if column in present else None)
    laid.sort(key=lambda p: not isinstance(p.node, mx.Product))
    return Lifted(mx.Hadamard(tuple(p.spread(*sides) for p in laid)), *sides)


def _einsum(bound: list[Index], pieces: list[Piece]) -> Piece:
    """The general contraction of all pieces over all remaining bound indices."""
    for piece in pieces:
        if len(piece.indices) > 2:
            raise LiftError(f"{piece.text or 'a product'} has more than two indices, so it has no matrix form")
    names = sorted({i for p in pieces for i in p.indices}, key=str)
    letters = dict(zip(names, "abcdefghijklmnopqrstuvwxyz", strict=False))
    free = frozenset(names) - set(bound)
    if len(free) > 2 or len(names) > len(letters):
        raise LiftError(f"a product with the free indices {sorted(map(str, free))} has no matrix form")

    def lay(row: Side, column: Side) -> Lifted:
        laid = [p.lay(*_pair(p.indices)) for p in pieces]
        inputs = ["".join("Z" if i is None else letters[i] for i in (p.row, p.column)) for p in laid]
        out_row, out_column = (row if row in free else None, column if column in free else None)
        output = "".join(letters[i] for i in (out_row, out_column) if i is not None)
        full = (_extent(out_row), _extent(out_column))
        return Lifted(
            mx.Einsum(f"{','.join(inputs)}->{output}", tuple(p.node for p in laid), full), out_row, out_column
        )

    return Piece(free, lay)


def _pair(indices: frozenset[Index]) -> tuple[Side, Side]:
    ordered = sorted(indices, key=lambda i: (i.axis.sample, str(i)))
    if len(ordered) == 1:
        return (None, ordered[0]) if ordered[0].axis.sample else (ordered[0], None)
    return (ordered[0], ordered[1]) if ordered else (None, None)


def _stacked(right: Expr, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> mx.Node:
    """Turn rows given piecewise into blocks; add the terms that fill only some of the columns."""
    parts = [t for t in Add.make_args(right) if column is not None and fills_columns(t, column)]
    if not parts:
        return _stack(right, row, column, tensors)
    blocks = [_columns(term, row, column, tensors) for term in parts]
    rest = Add(*(t for t in Add.make_args(right) if t not in parts))
    if rest == 0:
        return mx.Plus(tuple(blocks)) if len(blocks) > 1 else blocks[0]
    first = _lay(rest, row, column, tensors).spread(row, column)
    return mx.Plus((*(first.terms if isinstance(first, mx.Plus) else (first,)), *blocks))


def fills_columns(term: Expr, column: Index) -> bool:
    """Whether a delta selects the term's columns: factor * sum over j of delta(column, j) * entries."""
    found = [f for f in Mul.make_args(term) if isinstance(f, Sum) and len(f.limits) == 1]
    return len(found) == 1 and KroneckerDelta(column, found[0].limits[0][0]) in Mul.make_args(found[0].function)


def _columns(term: Expr, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> mx.Node:
    """The columns that a term fills, next to zeros for the other columns."""
    assert column is not None
    (picked,) = (f for f in Mul.make_args(term) if isinstance(f, Sum))
    inner: Index = picked.limits[0][0]
    chosen = KroneckerDelta(column, inner)
    body = Mul(*(f for f in (*Mul.make_args(term), *Mul.make_args(picked.function)) if f not in (picked, chosen)))
    before = inner.axis.start - column.axis.start
    after = column.axis.stop - inner.axis.stop
    zero = [mx.Broadcast(mx.Number(Integer(0)), (_extent(row), Integer(n))) for n in (before, after) if n != 0]
    if before < 0 or after != 0 or len(zero) > 1:
        raise LiftError(f"{term} fills columns that are not the last ones of its rows")
    laid = _lay(body, row, inner, tensors).spread(row, inner)
    return mx.Beside((*zero, laid)) if zero else laid


def _stack(right: Expr, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> mx.Node:
    """Turn rows given piecewise into vertically stacked blocks."""
    if row is None:
        raise LiftError(f"{right} gives rows piecewise, but has none")
    blocks = []
    for _, extent, body, inner in row_blocks(right, row):
        laid = _lay(body, inner, column, tensors).node
        full = (extent, _extent(column))
        blocks.append(laid if laid.shape == full else mx.Broadcast(laid, full))
    return mx.Stack(tuple(blocks))


def gives_rows(equation: Equation) -> bool:
    """Whether an equation defines its rows piecewise."""
    rows = equation.indices[:1]
    return any(row in delta.args for delta in equation.expression.atoms(KroneckerDelta) for row in rows)


def row_blocks(expression: Expr, row: Index) -> list[tuple[int, Expr, Expr, Side]]:
    """Split an expression with deltas into blocks of rows, from the first row on.

    Each block is (number of its first row, number of rows, content, row index or None).
    Raises LiftError unless the blocks fill every row exactly once.
    """
    blocks = sorted((_block(term, row) for term in Add.make_args(expression)), key=lambda b: b[0])
    position: Expr = Integer(row.axis.start)
    for first, extent, _, _ in blocks:
        if first != position:
            raise LiftError(f"the rows of {expression} are not filled one after the other")
        position += extent
    if position != row.axis.start + row.axis.extent:
        raise LiftError(f"the rows of {expression} are not all filled")
    return blocks


def _block(term: Expr, row: Index) -> tuple[int, Expr, Expr, Side]:
    inner: Side = None
    if isinstance(term, Sum) and len(term.limits) == 1:
        inner = term.limits[0][0]
        term = term.function
    deltas = [f for f in Mul.make_args(term) if isinstance(f, KroneckerDelta) and row in f.args]
    if len(deltas) != 1:
        raise LiftError(f"a KroneckerDelta can only select the rows that a term fills, and {term} has none that does")
    other = next(a for a in deltas[0].args if a != row)
    body = Mul(*(f for f in Mul.make_args(term) if f != deltas[0]))
    if body.has(KroneckerDelta) or (inner is not None and other != inner):
        raise LiftError(f"a KroneckerDelta can only select the rows that a term fills, and {term} has none that does")
    if inner is None:
        return int(other), Integer(1), body, None
    return inner.axis.start, inner.axis.extent, body, inner
