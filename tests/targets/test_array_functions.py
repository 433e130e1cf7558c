"""The functions of arrays that generated modules contain, against loops."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import exp

from derive.arrays.stable import stable_form
from derive.calculus.functions import X
from derive.targets.numpy.array_functions import (
    contracted,
    first_largest,
    product_of_others,
    scattered,
    spread,
    strided,
)
from derive.targets.numpy.function_code import body

TERMS = [((4, 1),), ((3, 2),), ((3, -1),), ((2, 2), (3, 1)), ((3, 1), (2, -2)), ((2, 1), (2, 2), (3, 1))]


@pytest.mark.parametrize("first", [-3, -1, 0, 2, 9])
@pytest.mark.parametrize("terms", TERMS)
def test_strided_reads_zeros_outside(terms, first):
    a = np.random.default_rng(0).normal(size=(2, 6, 3))
    found = strided(a, 1, first, *terms)
    lengths = tuple(length for length, _ in terms)
    assert found.shape == (2, *lengths, 3)
    for place in np.ndindex(lengths):
        n = first + sum(step * i for (_, step), i in zip(terms, place, strict=True))
        expected = a[:, n] if 0 <= n < 6 else np.zeros((2, 3))
        assert np.array_equal(found[(slice(None), *place)], expected)


@pytest.mark.parametrize("first", [-3, -1, 0, 2, 9])
@pytest.mark.parametrize("terms", TERMS)
def test_spread_is_the_adjoint_of_strided(terms, first):
    """<spread(b), a> = <b, strided(a)> for all a and b."""
    generator = np.random.default_rng(1)
    a = generator.normal(size=(2, 6))
    windows = strided(a, 1, first, *terms)
    b = generator.normal(size=windows.shape)
    added = spread(b, 6, first, *(step for _, step in terms))
    assert added.shape == a.shape
    assert np.isclose(np.sum(added * a), np.sum(b * windows), rtol=1e-12, atol=1e-14)


def test_spread_and_strided_take_complex_numbers():
    a = np.arange(6.0) + 1j
    assert np.array_equal(spread(strided(a, 0, 0, (6, 1)), 6, 0, 1), a)


def test_scattered_adds_what_has_the_same_place():
    a = np.arange(12.0).reshape(2, 2, 3)
    places = np.array([[3, 0], [3, 3]])
    assert np.array_equal(scattered(a, places, 4), [a[0, 1], np.zeros(3), np.zeros(3), a[0, 0] + a[1, 0] + a[1, 1]])


def test_product_of_others_divides_by_no_factor():
    a = np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 5.0], [7.0, 2.0, 1.0]])
    assert np.array_equal(product_of_others(a, 1), [[0, 6, 0], [0, 0, 0], [2, 7, 14]])
    assert np.array_equal(product_of_others(a, 0), product_of_others(a.T, 1).T)
    assert np.array_equal(product_of_others(a[2:], 0, 1), [[2, 7, 14]])
    assert np.array_equal(product_of_others(np.array([4.0]), 0), [1])


def test_first_largest_is_at_one_place_at_a_tie():
    a = np.array([[1.0, 3.0, 3.0], [3.0, 0.0, 1.0]])
    assert np.array_equal(first_largest(a, 1), [[0, 1, 0], [1, 0, 0]])
    assert np.array_equal(first_largest(a, 0, 1), [[0, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize("subscripts", ["abc,adec->adbe", "abcd,abed->aceb", "ab,bc->ac", "bac,bad->bcd"])
def test_contracted_is_einsum(subscripts):
    sizes = dict(zip("abcde", (2, 3, 4, 5, 6), strict=True))
    generator = np.random.default_rng(2)
    one, other = (generator.normal(size=[sizes[n] for n in names]) for names in subscripts.split("->")[0].split(","))
    assert np.allclose(contracted(subscripts, one, other), np.einsum(subscripts, one, other), rtol=1e-13, atol=1e-14)


def test_strided_keeps_the_order_in_memory():
    a = np.moveaxis(np.arange(24.0).reshape(4, 2, 3), 0, 1)
    assert strided(a, 1, -1, (4, 1))[:, 2].flags.c_contiguous


def test_a_function_of_a_power_of_e_takes_a_complex_step_at_zero_in_both_directions():
    space: dict = {"np": np, "Array": object}
    exec("\n    ".join(("def f(x):", *body(stable_form(1 / (1 + exp(-X)))))), space)
    for step in (1e-20, -1e-20):
        assert space["f"](np.array([1j * step])).imag / step == 0.25
