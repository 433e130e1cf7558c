"""The matrix form of a formula: one function for each type of node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import singledispatch
from typing import Any

from sympy import (
    Add,
    And,
    Expr,
    Function,
    Indexed,
    Integer,
    Max,
    Min,
    Mul,
    NumberSymbol,
    Or,
    Pow,
    Sum,
    Symbol,
    default_sort_key,
    sympify,
    true,
)
from sympy import Number as SympyNumber

from derive.arrays import matrix as mx
from derive.arrays.along import Along, Choice, Largest, Less, Where, name_along
from derive.arrays.contraction import Lifted, LiftError, Piece, Side, contracted, hadamard, sides_of, spread_alike
from derive.arrays.stable import log1p
from derive.calculus.cases import Cases
from derive.calculus.deltas import tidy
from derive.calculus.functions import SCALAR_FUNCTIONS, Elementwise
from derive.calculus.index import Index, Tensor, symbols_read, within
from derive.calculus.reading_order import reading_order

#: The functions that are applied to arrays entry by entry.
_MAPPED: tuple[Any, ...] = (Elementwise, *SCALAR_FUNCTIONS, log1p)


def _free(expression: Expr) -> frozenset[Index]:
    """The free indices of an expression."""
    return frozenset(s for s in expression.free_symbols if isinstance(s, Index))


def _is_plain_number(expression: Expr, tensors: Mapping[str, Tensor]) -> bool:
    """Whether a formula reads no array: only constants, sizes and numbers of the step."""
    read = [tensors.get(name) for name in symbols_read(expression)]
    return not expression.has(Indexed, Sum) and all(tensor is None or tensor.is_number for tensor in read)


def _is_computed(factor: Expr, tensors: Mapping[str, Tensor]) -> bool:
    """Whether a factor without indices is a function of a parameter, which is an array of one entry."""
    functions = factor.atoms(Function, Cases, Max, Min) | {p for p in factor.atoms(Pow) if not p.exp.is_Integer}
    return any(not _is_plain_number(f, tensors) for f in functions)


def lay(expression: Expr, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    """Return the matrix form of a formula, with the rows and the columns that it depends on.

    Raises LiftError if it has another free index, or a node without a matrix form.
    """
    expression = sympify(expression)
    stray = _free(expression) - {row, column}
    if stray:
        raise LiftError(f"{expression} has the index {min(map(str, stray))} in addition to its rows and columns")
    if isinstance(expression, Function | Pow) and _is_plain_number(expression, tensors):
        return Lifted(mx.Number(expression))
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
    tensor = None if expression.is_integer else tensors.get(expression.name)  # a size may have the name of a tensor
    return Lifted(mx.Number(expression) if tensor is None or tensor.is_number else mx.Array(tensor))


@_node.register
def _(expression: Indexed, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    tensor = tensors[expression.base.label.name]
    node: mx.Node = mx.Array(tensor)
    if len(tensor.axes) > 2 or len(_free(expression)) != len(expression.indices) or not _all_plain(expression):
        raise LiftError(f"{expression} has no matrix form: it needs one or two different indices")
    own = tuple(expression.indices)
    for axis, (index, wide) in enumerate(zip(own, tensor.axes, strict=True)):
        if not within(index.axis, wide):
            raise LiftError(f"{expression} reaches beyond {tensor.name}, whose axis {axis} is {wide.extent} long")
        if index.axis != wide:
            side = axis if len(own) == 2 else int(wide.sample)
            node = mx.Part(node, side, index.axis.start - wide.start, index.axis.extent)
    own_row, own_column = sides_of(own)
    if own_row in (row, None) and own_column in (column, None):
        return Lifted(node, own_row, own_column)
    return Lifted(mx.Transpose(node), own_column, own_row)


def _all_plain(entry: Indexed) -> bool:
    return all(isinstance(index, Index) for index in entry.indices)


@_node.register
def _(expression: Add, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    pulled = tidy(expression)
    number, rest = pulled.as_coeff_Mul()
    if isinstance(rest, Add) and not number.is_Integer and any(abs(t.as_coeff_Mul()[0]) != 1 for t in rest.args):
        pulled = Add(*(number * term for term in rest.args))  # 1/1000 + v/5, and not (1 + 200 v)/1000
    if isinstance(pulled, Mul):
        return _product(Mul.make_args(pulled), row, column, tensors)
    nodes, *sides = _alike(reading_order(pulled.args), row, column, tensors)
    return Lifted(mx.Plus(nodes), *sides)


@_node.register
def _(expression: Mul, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    return _product(Mul.make_args(expression), row, column, tensors)


@_node.register
def _(expression: Sum, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    return _product((expression,), row, column, tensors)


@_node.register
def _(expression: Pow, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    if _free(expression.exp):
        raise LiftError(f"an index in an exponent has no matrix form: {expression}")
    base = lay(expression.base, row, column, tensors)
    return Lifted(mx.Power(base.node, expression.exp), base.row, base.column)


@_node.register(Max)
@_node.register(Min)
def _(expression: Expr, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    nodes, *sides = _alike(expression.args, row, column, tensors)
    return Lifted(mx.Map(type(expression), nodes), *sides)


@_node.register
def _(expression: Cases, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    if expression.args[-1].cond != true:
        raise LiftError(f"{expression} has no last case")
    read = dict.fromkeys(side for value, condition in expression.args for side in (value, *_sides(condition)))
    nodes, *sides = _alike(read, row, column, tensors)
    known = dict(zip(read, nodes, strict=True))
    *cases, (last, _) = expression.args
    chosen = known[last]
    for value, condition in reversed(cases):
        chosen = mx.Choice(_condition(condition, known), known[value], chosen)
    return Lifted(chosen, *sides)


def _sides(condition: Any) -> Iterator[Expr]:
    """The sides of the comparisons in a condition."""
    if isinstance(condition, And | Or):
        for part in condition.args:
            yield from _sides(part)
    elif condition != true:
        yield from condition.args


def _condition(condition: Any, known: Mapping[Expr, mx.Node]) -> mx.Node:
    """A condition, given the nodes of the sides of its comparisons."""
    if isinstance(condition, And | Or):
        parts = sorted(condition.args, key=default_sort_key)
        return mx.Connect(type(condition).__name__.lower(), tuple(_condition(part, known) for part in parts))
    return mx.Compare(condition.rel_op, known[condition.lhs], known[condition.rhs])


@_node.register
def _(expression: Function, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    if not isinstance(expression, _MAPPED):
        raise LiftError(f"no matrix form is known for the function {type(expression).__name__}: {expression}")
    nodes, *sides = _alike(expression.args, row, column, tensors)
    return Lifted(mx.Map(type(expression), nodes), *sides)


@_node.register
def _(expression: Along, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    *values, k = expression.args
    if expression.rule.reduces:
        return _fold(expression, row, column, tensors)
    nodes, *sides = _alike(values, row, column, tensors, k)
    return Lifted(mx.Call(name_along(expression.rule.title, int(k == column)), nodes), *sides)


def _fold(expression: Along, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    *values, k = expression.args
    free = _free(expression)
    if len(free) > 1:
        raise LiftError(f"{expression} has the indices {sorted(map(str, free))} in addition to the one it reduces")
    axis = int(row in free or (not free and k.axis.sample))
    row, column = (row if free else None, k) if axis else (k, column if free else None)
    nodes, *found = _alike(values, row, column, tensors, k)
    found[axis] = None
    return Lifted(mx.Fold(name_along(expression.rule.title, axis), nodes, axis), *found)


@_node.register
def _(expression: Largest, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    k = expression.limits[0][0]
    axis = int(row in _free(expression))
    row, column = (row, k) if axis else (k, column)
    (of,), *found = _alike([expression.function], row, column, tensors, k)
    found[axis] = None
    return Lifted(mx.Largest(of, axis), *found)


@_node.register
def _(expression: Choice, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    compared, k, this, that = expression.args
    (of, one, other), *sides = _alike((compared, this, that), row, column, tensors, k)
    return Lifted(mx.Choice(mx.IsLargest(of, int(k == column)), one, other), *sides)


@_node.register
def _(expression: Where, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    (of, one, other), *sides = _alike(expression.args, row, column, tensors)
    return Lifted(mx.Choice(mx.IsNotZero(of), one, other), *sides)


@_node.register
def _(expression: Less, row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    value, compared, k = expression.args
    (of, z), *sides = _alike((value, compared), row, column, tensors, k)
    axis = int(k == column)
    zero = mx.Broadcast(mx.Number(Integer(0)), of.shape)
    at_largest = mx.Largest(z, axis) if of == z else mx.SumOver(mx.Choice(mx.IsLargest(z, axis), of, zero), axis)
    return Lifted(mx.Plus((of, mx.Broadcast(mx.Scale(Integer(-1), at_largest), of.shape))), *sides)


def _alike(
    values: Iterable[Expr], row: Side, column: Side, tensors: Mapping[str, Tensor], *needed: Index
) -> tuple[tuple[mx.Node, ...], Side, Side]:
    """Orient expressions along the same sides, which include the indices ``needed``."""
    return spread_alike((lay(v, row, column, tensors) for v in values), row, column, *needed)


def _product(factors: Iterable[Expr], row: Side, column: Side, tensors: Mapping[str, Tensor]) -> Lifted:
    scale, pieces = _gathered(factors, tensors)
    lifted = hadamard(pieces, row, column) if pieces else Lifted(mx.Number(Integer(1)))
    if scale == 1:
        return lifted
    node = mx.Number(scale) if not pieces else mx.Scale(scale, lifted.node)
    return Lifted(node, lifted.row, lifted.column)


def _gathered(factors: Iterable[Expr], tensors: Mapping[str, Tensor]) -> tuple[Expr, list[Piece]]:
    """Return the numerical coefficient of a product and its other factors, without the bound indices of sums."""
    scale, pieces = Integer(1), []
    for factor in factors:
        if isinstance(factor, Sum):
            bound = tuple(limit[0] for limit in factor.limits)
            inner_scale, inner = _gathered(Mul.make_args(tidy(factor.function)), tensors)
            read = frozenset[Index]().union(*(p.indices for p in inner))
            scale *= Mul(inner_scale, *(index.axis.extent for index in bound if index not in read))
            pieces += contracted(bound, inner)
        elif _free(factor) or factor.has(Indexed, Sum) or _is_computed(factor, tensors):
            pieces.append(_piece(factor, tensors))
        else:
            scale *= factor
    return scale, pieces


def _piece(factor: Expr, tensors: Mapping[str, Tensor]) -> Piece:
    return Piece(_free(factor), lambda row, column: lay(factor, row, column, tensors), str(factor))
