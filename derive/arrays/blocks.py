"""Equations with deltas: rows given piecewise, and terms that fill only some of the columns."""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Add, Expr, Integer, KroneckerDelta, Mul, Sum

from derive.arrays import matrix as mx
from derive.arrays.contraction import LiftError, Side, extent_of
from derive.arrays.lift_terms import lay
from derive.calculus.index import Equation, Index, Tensor


def stacked(right: Expr, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> mx.Node:
    """Turn rows given piecewise into blocks; add the terms that fill only some of the columns."""
    parts = [t for t in Add.make_args(right) if column is not None and fills_columns(t, column)]
    if not parts:
        return _stack(right, row, column, tensors)
    blocks = [_columns(term, row, column, tensors) for term in parts]
    rest = Add(*(t for t in Add.make_args(right) if t not in parts))
    if rest == 0:
        return mx.Plus(tuple(blocks)) if len(blocks) > 1 else blocks[0]
    first = lay(rest, row, column, tensors).spread(row, column)
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
    zero = [mx.Broadcast(mx.Number(Integer(0)), (extent_of(row), Integer(n))) for n in (before, after) if n != 0]
    if before < 0 or after != 0 or len(zero) > 1:
        raise LiftError(f"{term} fills columns that are not the last ones of its rows")
    laid = lay(body, row, inner, tensors).spread(row, inner)
    return mx.Beside((*zero, laid)) if zero else laid


def _stack(right: Expr, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> mx.Node:
    """Turn rows given piecewise into vertically stacked blocks."""
    if row is None:
        raise LiftError(f"{right} gives its rows piecewise, but it has no rows")
    blocks = []
    for _, extent, body, inner in row_blocks(right, row):
        laid = lay(body, inner, column, tensors).node
        full = (extent, extent_of(column))
        blocks.append(laid if laid.shape == full else mx.Broadcast(laid, full))
    return mx.Stack(tuple(blocks))


def gives_rows(equation: Equation) -> bool:
    """Whether an equation defines its rows piecewise."""
    deltas = equation.expression.atoms(KroneckerDelta)
    if not any(row in delta.args for delta in deltas for row in equation.indices[:1]):
        return False
    try:
        return bool(row_blocks(equation.expression, equation.indices[0]))
    except LiftError:
        return False


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
    body = Mul(*(f for f in Mul.make_args(term) if f not in deltas))
    if len(deltas) != 1 or body.has(KroneckerDelta) or (inner is not None and inner not in deltas[0].args):
        raise LiftError(f"a KroneckerDelta can only select the rows that a term fills, and {term} has none that does")
    if inner is None:
        (first,) = (a for a in deltas[0].args if a != row)
        if not first.is_Integer:
            raise LiftError(f"{term} selects a row by {first}, which is no number")
        return int(first), Integer(1), body, None
    return inner.axis.start, inner.axis.extent, body, inner
