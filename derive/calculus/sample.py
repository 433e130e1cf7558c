"""Specialise a program to a single sample by dropping the sample index."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sympy import Expr, Integer, KroneckerDelta, Sum

from derive.calculus.deltas import tidy
from derive.calculus.index import SAMPLES, Axis, Equation, Index, Tensor
from derive.calculus.program import Assign, Passage, Program
from derive.calculus.rules import Reason


def one_sample(program: Program) -> Program:
    """Return the program for a batch of one, without the sample index."""
    alone: dict[Expr, Expr] = {SAMPLES: Integer(1)}

    def axis(a: Axis) -> Axis:
        return Axis(a.extent.xreplace(alone), a.start, a.sample)

    def tensor(t: Tensor) -> Tensor:
        about = None if t.about is None else tensor(t.about)
        return replace(t, axes=tuple(axis(a) for a in t.axes), about=about)

    def index(i: Index) -> Index:
        return Index(i.name, axis(i.axis))

    def equation(e: Equation) -> Equation:
        renamed = {i: index(i) for i in e.expression.atoms(Index) | set(e.indices)}
        right = tidy(e.expression.xreplace({**alone, **renamed}))
        return Equation(tensor(e.target), tuple(index(i) for i in e.indices), right, e.note)

    def step(r: Reason) -> Reason:
        return Reason(r.rules, alone_in(r.value))

    def passage(p: Passage) -> Passage:
        name = None if p.name is None else tensor(p.name)
        return Passage(tensor(p.tensor), tuple(map(index, p.indices)), p.edges, tuple(map(step, p.reasons)), name)

    changed = {
        "inputs": tuple(tensor(t) for t in program.inputs),
        "parameters": tuple(tensor(t) for t in program.parameters),
        "statements": tuple(Assign(s.number, s.stage, equation(s.equation)) for s in program.statements),
        "common": program.common.xreplace(alone),
        "passages": tuple(passage(p) for p in program.passages),
    }
    return Program(**{**program.parts, **changed})


def single_index(index: Expr) -> Any:
    """Replace a sample index by its single value."""
    if isinstance(index, Index) and index.axis.sample:
        return Index(index.name, Axis(Integer(1), index.axis.start, True))
    return index


def alone_in(expression: Expr) -> Expr:
    """Specialise an expression to one sample; a delta of two sample indices becomes one."""
    value = expression.xreplace({SAMPLES: Integer(1), **{i: single_index(i) for i in expression.atoms(Index)}})
    if value.has(KroneckerDelta):
        value = value.replace(_is_trivial_delta, lambda _: Integer(1))
    return value.replace(_is_single, lambda total: total.function) if value.has(Sum) else value


def _is_single(node: Expr) -> bool:
    """Whether a sum has a single term."""
    return isinstance(node, Sum) and all(limit[0].axis.extent == 1 for limit in node.limits)


def _is_trivial_delta(node: Expr) -> bool:
    single = [isinstance(a, Index) and a.axis.extent == 1 for a in node.args]
    return isinstance(node, KroneckerDelta) and (all(single) or node.args[0] == node.args[1])
