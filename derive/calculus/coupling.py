"""Test whether the prediction for one sample depends on the other samples of its batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sympy import Dummy, Expr, Indexed, Sum

from derive.calculus.index import SAMPLES, Equation, Index, Tensor, symbols_read
from derive.calculus.program import Program


def coupling(program: Program) -> str:
    """Describe what couples the samples in the prediction; an empty string if nothing does."""
    for equation in _way(program):
        why = coupled(equation, program.tensors)
        if why:
            return f"{equation.target.name} {why}"
    return ""


def _way(program: Program) -> list[Equation]:
    """The equations that the prediction depends on, in order."""
    wanted = {program.predicted}
    found: list[Equation] = []
    for statement in reversed(program.stage("forward")):
        if statement.target.name in wanted:
            wanted |= set(symbols_read(statement.equation.expression))
            found.append(statement.equation)
    return found[::-1]


def coupled(equation: Equation, tensors: dict[str, Tensor]) -> str:
    """Describe how an equation reads other samples; an empty string if it does not."""
    own = [i for i in equation.indices if i.axis.sample]
    if len(own) > 1:
        return "has an entry for each pair of samples"
    if any(_over_samples(node) for node in equation.expression.atoms(Sum)):
        return "is a sum over the samples"
    return of_others(equation.expression, own, tensors)


def of_others(expression: Expr, own: list[Index], tensors: dict[str, Tensor]) -> str:
    """Describe how an expression without sums over samples reads others than its own; an empty string if none."""
    if any(index not in own for index in _reads(expression, tensors)):
        return "reads a sample by its number"
    if expression.has(SAMPLES):
        return "depends on how many samples there are"
    if _outside(expression) & set(own):
        return "depends on the number of the sample"
    return ""


def _over_samples(node: Sum) -> bool:
    return any(limit[0].axis.sample for limit in node.limits)


def _reads(expression: Expr, tensors: dict[str, Tensor]) -> Iterator[Expr]:
    """The index expressions at the sample axes of the tensors that are read."""
    for entry in expression.atoms(Indexed):
        axes = tensors[entry.base.label.name].axes
        yield from (index for index, axis in zip(entry.indices, axes, strict=True) if axis.sample)


def _outside(expression: Expr) -> set[Index]:
    """The indices that are used as numbers and not only to select entries."""
    entries: Iterable[Expr] = expression.atoms(Indexed)
    return set(expression.xreplace({entry: Dummy() for entry in entries}).atoms(Index))
