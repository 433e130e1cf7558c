"""Affine indices: their ranges, and the values at which two of them are equal."""

from __future__ import annotations

import pytest
from sympy import Integer, Sum, Symbol

from derive.calculus.affine import affine, lies_on, misses, solved
from derive.calculus.deltas import contract
from derive.calculus.index import Axis, Index, IndexSupply, Tensor, delta

P, K, Q = Index("p", Axis(4)), Index("k", Axis(3)), Index("q", Axis(6))
N = Axis(Symbol("n", integer=True, positive=True))


@pytest.mark.parametrize(
    ("place", "least", "greatest"),
    [(P, 1, 4), (2 * P - K + 1, 0, 8), (2 * (P + K - 1), 2, 12), (Integer(3), 3, 3), (5 - P, 1, 4)],
)
def test_the_range_of_an_index(place, least, greatest):
    form = affine(place)
    assert (form.least, form.greatest) == (least, greatest)


@pytest.mark.parametrize("place", [P * K, P / 2, Symbol("x") * P, P**2])
def test_what_is_no_affine_index(place):
    assert affine(place) is None


def test_what_lies_on_an_axis_and_what_misses_it():
    n = Index("n", N)
    assert lies_on(P + K - 1, Axis(6)) and not lies_on(P + K, Axis(6))
    assert misses(P + 6, Axis(6)) and not misses(P + 5, Axis(6))
    assert lies_on(n, N) and not lies_on(n + 1, N) and misses(n - N.extent, N)


def test_the_value_at_which_two_indices_are_equal():
    assert solved(P + K - 1, Q, P) == Q - K + 1
    assert solved(Q, 2 * P + K, K) == Q - 2 * P
    assert solved(Q, 2 * P + K, P) is None


def test_a_correlation_is_found_where_a_factor_is_zero_outside():
    """The sum over p of y_p d(p + k - 1, q) is y_(q - k + 1), because y is 0 outside its range."""
    y = Tensor("y", "y", (P.axis,))
    term = y[P,] * delta(P + K - 1, Q)
    assert contract(term, IndexSupply(), (P,), {"y": y.axes}) == y[Q - K + 1,]
    assert contract(term, IndexSupply(), (P,)).has(Sum)  # nothing is known of y


def test_a_delta_stays_where_a_step_is_not_one():
    y, w = Tensor("y", "y", (P.axis,)), Tensor("w", "w", (K.axis,))
    ranges = {"y": y.axes, "w": w.axes}
    assert contract(y[P,] * w[K,] * delta(2 * P + K, Q), IndexSupply(), (P, K), ranges).has(delta(2 * P + K, Q).func)


def test_an_entry_of_an_integer_tensor_is_put_in_for_an_index():
    table, word = Tensor("C", "C", (Q.axis,)), Tensor("w", "w", (P.axis,), places=Q.axis)
    assert contract(table[Q,] * delta(word[P,], Q), IndexSupply(), (Q,)) == table[word[P,],]
