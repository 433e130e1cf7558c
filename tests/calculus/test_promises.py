"""Promises: what they make of an expression, the numbers that are drawn, and the numbers that break them."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Abs, exp, log, sign, sqrt

from derive import Statement, derive
from derive.calculus.index import Axis, Equation, Index, Tensor, total
from derive.calculus.promises import LogSharesToOne, Mask, Positive, Probabilities, SumsToOne, kept, shares

UNITS, MORE = Axis(3), Axis(4)
ROW, COLUMN = Index("i", UNITS), Index("j", MORE)
W, V = Tensor("W", "weight", (UNITS, MORE)), Tensor("V", "weight", (UNITS, MORE))
ENTRY, OTHER = W[ROW, COLUMN], V[ROW, COLUMN]


@pytest.mark.parametrize(
    ("promise", "expression", "expected"),
    [
        (Positive(W), Abs(ENTRY) + sign(ENTRY) + Abs(OTHER) + sign(OTHER), ENTRY + 1 + Abs(OTHER) + sign(OTHER)),
        (Probabilities(W), Abs(ENTRY), ENTRY),
        (Mask(W), ENTRY**2 + sqrt(ENTRY) + Abs(ENTRY) + 1 / ENTRY + OTHER**2, 3 * ENTRY + 1 / ENTRY + OTHER**2),
        (SumsToOne(W, 1), total(ENTRY, COLUMN) + total(ENTRY, ROW), 1 + total(ENTRY, ROW)),
        (SumsToOne(W, 1), total(OTHER - 3 * ENTRY, COLUMN), total(OTHER, COLUMN) - 3),
        (SumsToOne(W, 1), total(OTHER * ENTRY, COLUMN), total(OTHER * ENTRY, COLUMN)),
        (LogSharesToOne(W, 1), total(exp(ENTRY) * OTHER + exp(ENTRY), COLUMN), total(exp(ENTRY) * OTHER, COLUMN) + 1),
    ],
)
def test_a_promise_shortens_what_it_is_about(promise, expression, expected):
    assert promise.rewrite(expression) == expected


@pytest.mark.parametrize("promise", [Positive(W), Probabilities(W), Mask(W), SumsToOne(W, 0), SumsToOne(W, 1)])
def test_drawn_numbers_keep_the_promise(promise):
    drawn = np.random.default_rng(2).uniform(size=(3, 4))
    assert not promise.broken(kept([promise], drawn)).any()
    assert promise.broken(drawn - 2).all()


def test_numbers_keep_two_promises():
    promises = [SumsToOne(W, 1), Probabilities(W)]
    drawn = kept(promises, np.random.default_rng(2).uniform(size=(3, 4)))
    assert not any(p.broken(drawn).any() for p in promises)


@pytest.mark.parametrize(
    ("error", "slope"),
    [
        ("-sum(((1 - a) * y[i] + a / k) * log(p[i]), i)", "p − a/3 + (a − 1) y"),  # the factor of a promised sum
        ("sum(t[i] * (log(t[i]) - log(p[i])), i)", "p − t"),  # a softmax sums to one, too
    ],
)
def test_sums_that_are_one_are_found(error, slope):
    text = f"""
        size n = 2, k = 3
        input x[n], l[k]
        target y[k]
        parameter W[k, n]
        constant a = 0.1
        promise sums_to_one y over k
        t[i] = softmax(l[i], i)
        z[i] = sum(W[i, j] * x[j], j)
        p[i] = softmax(z[i], i)
        E = {error}
    """
    derivation = derive(Statement(text))
    assert derivation.summary()[-1] == f"Ψ_z = 1/m ({slope})"
    derivation.check().require()


def test_the_exponentials_of_a_log_softmax_sum_to_one():
    other = Index("k", MORE)
    value = ENTRY - log(total(exp(W[ROW, other]), other))
    found = [*shares(Equation(V, (ROW, COLUMN), value))]
    assert [(type(p), p.axis) for p in found] == [(LogSharesToOne, 1)]
    assert not [*shares(Equation(V, (ROW, COLUMN), 2 * value))]
