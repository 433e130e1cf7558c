"""Specialise a program to a single sample by dropping the sample index."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sympy import Expr, Integer, KroneckerDelta, Sum

from derive.calculus.deltas import tidy
from derive.calculus.form import reused
from derive.calculus.index import SAMPLES, Axis, Equation, Index, Tensor, by_name
from derive.calculus.program import Assign, Passage, Program
from derive.calculus.rules import Reason


def one_sample(program: Program) -> Program:
    """Return the program for a batch of one, without the sample index; ``alone`` specialises its passages."""
    changed = {
        "inputs": tuple(map(_tensor, program.inputs)),
        "parameters": tuple(map(_tensor, program.parameters)),
        "statements": tuple(Assign(s.number, s.stage, counted(s.equation)) for s in program.statements),
        "common": program.common.xreplace({SAMPLES: Integer(1)}),
    }
    return Program(**{**program.parts, **changed})


def counted(equation: Equation, samples: int = 1) -> Equation:
    """Return the equation for a batch of so many samples."""
    renamed = {
        i: _index(i, samples) for i in sorted(equation.expression.atoms(Index) | {*equation.indices}, key=by_name)
    }
    new = {SAMPLES: Integer(samples), **renamed}
    given = (counted, equation.expression, *new.values())
    right = reused(lambda: tidy(equation.expression.xreplace(new)), given)
    indices = tuple(_index(i, samples) for i in equation.indices)
    return Equation(_tensor(equation.target, samples), indices, right, equation.note)


def alone(passage: Passage) -> Passage:
    """Return the passage for one sample."""
    return replace(
        passage,
        tensor=_tensor(passage.tensor),
        indices=tuple(map(_index, passage.indices)),
        reasons=tuple(Reason(r.rules, alone_in(r.value)) for r in passage.reasons),
        name=passage.name and _tensor(passage.name),
    )


def _axis(axis: Axis, samples: int) -> Axis:
    return replace(axis, extent=axis.extent.xreplace({SAMPLES: Integer(samples)}))


def _tensor(tensor: Tensor, samples: int = 1) -> Tensor:
    axes = tuple(_axis(a, samples) for a in tensor.axes)
    return replace(tensor, axes=axes, about=tensor.about and _tensor(tensor.about, samples))


def _index(index: Index, samples: int = 1) -> Index:
    return Index(index.name, _axis(index.axis, samples))


def single_index(index: Expr) -> Any:
    """Replace a sample index by its single value."""
    if isinstance(index, Index) and index.axis.sample:
        return Index(index.name, Axis(Integer(1), index.axis.start, True))
    return index


def alone_in(expression: Expr) -> Expr:
    """Specialise an expression to one sample; a delta of two sample indices becomes one."""
    one = {SAMPLES: Integer(1), **{i: single_index(i) for i in sorted(expression.atoms(Index), key=by_name)}}
    return reused(lambda: without_single(expression.xreplace(one)), (alone_in, expression, *one.values()))


def without_single(expression: Expr) -> Expr:
    """Omit the deltas and the sums of axes with one entry."""
    value = expression
    if value.has(KroneckerDelta):
        value = value.replace(_is_trivial_delta, lambda _: Integer(1))
    return value.replace(_is_single, lambda total: total.function) if value.has(Sum) else value


def _is_single(node: Expr) -> bool:
    """Whether a sum has a single term."""
    return isinstance(node, Sum) and all(limit[0].axis.extent == 1 for limit in node.limits)


def _is_trivial_delta(node: Expr) -> bool:
    single = [isinstance(a, Index) and a.axis.extent == 1 for a in node.args]
    return isinstance(node, KroneckerDelta) and (all(single) or node.args[0] == node.args[1])
