"""Equality of expressions in index form, by their values modulo a prime."""

from __future__ import annotations

from typing import Any

import pytest
from sympy import Expr, Indexed, IndexedBase, Piecewise, Symbol, exp, log, sqrt, tanh

from derive.arrays.along import NODES
from derive.arrays.equal import equal
from derive.calculus.functions import X, elementwise
from derive.calculus.index import Axis, Index, total

ROWS, COLUMNS = Axis(4), Axis(Symbol("n", integer=True, positive=True))
i, j, k = (Index(name, ROWS) for name in "ijk")
u, v = (Index(name, COLUMNS) for name in "uv")
c = Symbol("c", real=True)
SOFTMAX, LOG_SUM_EXP = NODES["softmax"], NODES["log_sum_exp"]


def a(*indices: Any) -> Expr:
    return Indexed(IndexedBase(Symbol("a", real=True)), *indices)


def b(*indices: Any) -> Expr:
    return Indexed(IndexedBase(Symbol("b", real=True)), *indices)


RAMP = elementwise("ramp", Piecewise((X, X > 0), (0, True)))
OTHER = elementwise("ramp", Piecewise((X, X > 1), (0, True)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((a(i) + b(i)) ** 2, a(i) ** 2 + 2 * a(i) * b(i) + b(i) ** 2),
        (total(a(j) * b(j, u), j), total(a(k) * b(k, u), k)),
        (total(a(j) + b(j), j), total(a(j), j) + total(b(k), k)),
        (total(c * a(j), j), c * total(a(j), j)),
        (total(total(a(j) * b(k), j), k), total(a(i), i) * total(b(i), i)),
        (total(c + a(v), v), Symbol("n", integer=True, positive=True) * c + total(a(v), v)),
        (exp(a(i) - 2 * c), exp(a(i)) / exp(c) ** 2),
        (a(i) / (a(i) * b(i) + a(i) * c), 1 / (b(i) + c)),
        (SOFTMAX((a(j) + c) ** 2, j), SOFTMAX(a(j) ** 2 + 2 * c * a(j) + c**2, j)),
        (LOG_SUM_EXP(a(j, u), j), LOG_SUM_EXP(a(k, u), k)),
        (RAMP(a(i) * 2), RAMP(a(i) + a(i))),
    ],
    ids=str,
)
def test_equal(one, other):
    assert equal(one, other)
    assert not equal(one, other + 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (a(i), a(j)),
        (a(i, j), a(j, i)),
        (a(i), b(i)),
        (a(1), a(2)),
        (total(a(j) * b(j), j), total(a(j), j) * total(b(j), j)),
        (total(a(j, i), j), total(a(i, j), j)),
        (SOFTMAX(a(j), j), SOFTMAX(a(k), k)),
        (SOFTMAX(a(j, i), j), SOFTMAX(a(j, k), j)),
        (tanh(a(i)), log(a(i))),
        (sqrt(a(i)), a(i)),
        (RAMP(a(i)), OTHER(a(i))),
        (a(i) ** 2, a(i) ** 3),
    ],
    ids=str,
)
def test_not_equal(one, other):
    assert not equal(one, other)
