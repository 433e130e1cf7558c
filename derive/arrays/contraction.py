"""Sums of products of factors with two sides: elementwise products, sums over an axis, matrix products, einsum.

The rules, in the order in which they are tried: factors with equal index sets become an
elementwise product; an index bound in one factor becomes a sum over that axis; an index bound in
two factors becomes a matrix product, transposed as needed; anything else is an einsum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sympy import Expr, Integer

from derive.arrays import matrix as mx
from derive.calculus.index import Index
from derive.record import record

Side = Index | None


class LiftError(ValueError):
    """A term has no matrix form; the message names it."""


@record
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
        full = (extent_of(row), extent_of(column))
        return self.node if self.node.shape == full else mx.Broadcast(self.node, full)


@record
class Piece:
    """A factor that can be oriented with any of its indices along the rows; ``text`` names it in errors."""

    indices: frozenset[Index]
    lay: Callable[[Side, Side], Lifted]
    text: str = ""


def sides_of(indices: tuple[Index, ...]) -> tuple[Side, Side]:
    """Which index runs along the rows and which along the columns of a stored tensor."""
    if len(indices) == 1:
        return (None, indices[0]) if indices[0].axis.sample else (indices[0], None)
    return (indices[0], indices[1]) if indices else (None, None)


def extent_of(side: Side) -> Expr:
    """Return the length of a side; 1 without an index."""
    return Integer(1) if side is None else side.axis.extent


def spread_alike(
    laid: Iterable[Lifted], row: Side, column: Side, *needed: Index
) -> tuple[tuple[mx.Node, ...], Side, Side]:
    """Repeat nodes to a common shape; return them with the indices of their rows and columns.

    The sides are those of ``row`` and ``column`` that any of the nodes has, or that are ``needed``.
    """
    laid = tuple(laid)
    present = frozenset(needed).union(*(p.indices for p in laid))
    sides = (row if row in present else None, column if column in present else None)
    return tuple(p.spread(*sides) for p in laid), *sides


def contracted(bound: tuple[Index, ...], pieces: list[Piece]) -> list[Piece]:
    """Eliminate the bound indices one by one; return pieces whose product is the sum. Raises LiftError."""
    left = [b for b in bound if any(b in p.indices for p in pieces)]
    while left:
        index = next((b for b in left if _simple(b, pieces)), left[0])
        pieces = _eliminate(index, left, pieces)
        left = [b for b in left if any(b in p.indices for p in pieces)]
    return pieces


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
    return hadamard(pieces, row, column).spread(row, column)


def _matrix_product(index: Index, inside: list[Piece], others: frozenset[Index]) -> Piece:
    first, second = sorted(others, key=str)

    def lay(row: Side, column: Side) -> Lifted:
        left = [p for p in inside if row in p.indices]
        right = [p for p in inside if row not in p.indices]
        return Lifted(mx.Product(_full(left, row, index), _full(right, index, column)), row, column)

    return Piece(frozenset({first, second}), lay)


def hadamard(pieces: list[Piece], row: Side, column: Side) -> Lifted:
    """The elementwise product of pieces oriented along the same sides."""
    laid = [p.lay(row, column) for p in pieces]
    if len(laid) == 1:
        return laid[0]
    laid.sort(key=lambda p: (isinstance(p.node, mx.Choice), not isinstance(p.node, mx.Product)))  # cases come last
    nodes, *sides = spread_alike(laid, row, column)
    return Lifted(mx.Hadamard(nodes), *sides)


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
        laid = [p.lay(*sides_of(tuple(sorted(p.indices, key=lambda i: (i.axis.sample, str(i)))))) for p in pieces]
        inputs = ["".join("Z" if i is None else letters[i] for i in (p.row, p.column)) for p in laid]
        out_row, out_column = (row if row in free else None, column if column in free else None)
        output = "".join(letters[i] for i in (out_row, out_column) if i is not None)
        full = (extent_of(out_row), extent_of(out_column))
        return Lifted(
            mx.Einsum(f"{','.join(inputs)}->{output}", tuple(p.node for p in laid), full), out_row, out_column
        )

    return Piece(free, lay)
