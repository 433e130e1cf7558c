"""Translate the index form to the matrix form, equation by equation, where there is one."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import cast

from sympy import Expr, Indexed, KroneckerDelta, Sum

from derive.arrays import matrix as mx
from derive.arrays.blocks import stacked
from derive.arrays.contraction import LiftError, sides_of
from derive.arrays.exact import recognise
from derive.arrays.lift_terms import lay
from derive.arrays.named import NamedError
from derive.calculus.form import of_axes, reused
from derive.calculus.index import Equation, Tensor, symbols_read
from derive.calculus.program import Assign, Program
from derive.record import record


def lift(equation: Equation, tensors: Mapping[str, Tensor]) -> mx.Node:
    """Return the matrix form of an equation's right side, in the shape of its left side.

    Raises LiftError, naming the term, or ShapeError.
    """
    row, column = sides_of(equation.indices)
    if len(equation.indices) > 2:
        raise LiftError(f"{equation.target.name} has more than two axes")
    right = equation.expression
    if not equation.indices and _reads_numbers(right, tensors):
        return mx.Number(right)
    if right.has(KroneckerDelta):
        return stacked(right, row, column, tensors)
    return lay(right, row, column, tensors).spread(row, column)


def _reads_numbers(right: Expr, tensors: Mapping[str, Tensor]) -> bool:
    """Whether a formula reads only plain numbers that are given or computed once per step."""
    read = [tensors[name] for name in symbols_read(right) if name in tensors]
    return bool(read) and not right.has(Indexed, Sum) and all(t.is_number for t in read)


@record
class ArrayAssign(Assign):
    """A statement with the array form of its right side."""

    form: mx.Node


@record
class ArrayProgram(Program):
    """A program whose statements have an array form."""

    statements: tuple[ArrayAssign, ...]

    def stage(self, *names: str) -> tuple[ArrayAssign, ...]:
        """The statements of the given stages, in order."""
        return cast(tuple[ArrayAssign, ...], super().stage(*names))


def lift_program(program: Program) -> ArrayProgram:
    """Add the array form to every statement of a program and check all shapes."""
    tensors = program.tensors
    lifted = []
    for statement in program.statements:
        made = ArrayAssign(statement.number, statement.stage, statement.equation, formed(statement.equation, tensors))
        _check_shape(made)
        lifted.append(made)
    return ArrayProgram(**{**program.parts, "statements": tuple(lifted)})


def formed(equation: Equation, tensors: Mapping[str, Tensor]) -> mx.Node:
    """Return the matrix form of an equation's right side, or else the equation itself as a ``Formula``."""
    read = {n: tensors[n] for n in symbols_read(equation.expression) if n in tensors}
    read[equation.target.name] = equation.target

    def kind(name: str) -> Hashable:
        tensor = read.get(name)
        return tensor and (of_axes(tensor.axes), tensor.stored.role, tensor.places)

    return reused(lambda: _formed(equation, tensors), (formed, equation), kind, tensors=read)


def _formed(equation: Equation, tensors: Mapping[str, Tensor]) -> mx.Node:
    try:
        return recognise(lift(equation, tensors))
    except (LiftError, mx.ShapeError):
        read = (tensors[name] for name in symbols_read(equation.expression) if name in tensors)
        return mx.Formula(equation, tuple(read))


def has_array_form(equation: Equation, tensors: Mapping[str, Tensor]) -> bool:
    """Whether an equation has a matrix form, or an array form with named axes."""
    form = formed(equation, tensors)
    try:
        return not isinstance(form, mx.Formula) or form.named is not None
    except NamedError:
        return False


def _check_shape(statement: ArrayAssign) -> None:
    if isinstance(statement.form, mx.Formula):
        return
    expected = mx.Array(statement.target).shape
    if statement.form.shape != expected:
        raise LiftError(
            f"({statement.number}) {statement.target.name} is {expected}, its right side {statement.form.shape}"
        )
