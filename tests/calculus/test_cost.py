"""Counts of multiplications and divisions."""

from __future__ import annotations

from itertools import pairwise

import networks
import pytest
from sympy import Symbol, symbols

from derive import Network, derive
from derive.calculus.cost import _within, multiplications, multiplications_by_chain
from derive.calculus.index import SAMPLES, Axis, Index, Tensor, total

x, y, z = symbols("x y z")


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        (x * y, 1),
        (x / y, 1),
        (1 / y, 1),
        (1 / (y * z), 2),
        (x / (y * z), 2),
        (x**3, 2),
        (x**-2, 2),
        (-x, 0),
        (2 * x, 1),
    ],
)
def test_one_formula(expression, count):
    assert _within(expression) == count


@pytest.mark.parametrize("bias", ["separate", "augmented", "none"])
@pytest.mark.parametrize(
    ("layers", "options"),
    [((3, 4, 4, 1), {}), ((3, 4, 3), {"activation": ("tanh", "softmax"), "loss": "cross_entropy"}), ((3, 1), {})],
)
def test_a_penalty_takes_one_multiplication_of_a_batch_for_each_weight_that_is_no_bias(layers, options, bias):
    """It reads no data, so it is no work for a sample."""
    weights = sum(a * b for a, b in pairwise(layers))
    plain, with_penalty = (derive(Network(layers, bias=bias, l2=l2, **options)) for l2 in (0, 0.01))
    for stages in (("forward", "error"), ("factor", "gradient")):
        assert multiplications(plain.single, *stages) == multiplications(with_penalty.single, *stages)
    assert multiplications_by_chain(plain.chains) == multiplications_by_chain(with_penalty.chains)
    batch = [multiplications(d.program, "factor", "gradient") for d in (plain, with_penalty)]
    alone = [multiplications_by_chain(d.chains, batch=True) for d in (plain, with_penalty)]
    assert batch[1] - batch[0] == alone[1] - alone[0] == weights


@pytest.mark.parametrize("layers", [(3, 4, 4, 1), ("n", "h", "k"), (2, 1)])
def test_a_product_with_the_constant_1_and_a_penalty_are_no_work_for_a_sample(layers):
    plain, prepended, penalised = (
        derive(Network(layers, **options)) for options in ({}, {"bias": "augmented"}, {"l2": 0.01})
    )
    for stages in (("forward", "error"), ("factor", "gradient")):
        assert multiplications(plain.single, *stages) == multiplications(prepended.single, *stages)
    assert multiplications(plain.single, "error") == multiplications(penalised.single, "error")
    assert multiplications_by_chain(prepended.chains).is_polynomial()


@pytest.mark.parametrize(
    ("name", "forward", "backward"),
    [
        # z 15; mean 1; the same in the variance 1, its squares 5, its mean 1; quotient 5; gain 5; o 10; loss 2.
        # Psi_o 2; Psi_n 10; Psi_z: Psi g 5, its mean 5 + 1, with u 10 and 10, the root 7, quotient 5; W 15, g 5, V 10.
        ("layer_norm_with_gain", 45, 85),
        # z 12; quotients 4; loss 4. dE_dp 4; Psi_z: the sum 4, then 4 products; W 12.
        ("softmax_in_steps", 20, 24),
    ],
)
def test_a_sum_that_is_the_same_for_all_entries_is_counted_once(name, forward, backward):
    single = derive(networks.NETWORKS[name]()).single
    assert multiplications(single, "forward", "error") == forward
    assert multiplications(single, "factor", "gradient") == backward


def test_the_chains_of_a_batch_lead_through_all_its_samples():
    found = derive(networks.NETWORKS["batch_norm"]())
    alone = multiplications_by_chain(found.chains, batch=True)
    assert alone.as_poly(SAMPLES).degree() == 2  # by way of the mean and the variance
    assert multiplications(found.program, "factor", "gradient").as_poly(SAMPLES).degree() == 1


def test_numbers_and_widths_are_multiplied_once_for_all_entries():
    i, size = Index("i", Axis(3)), Symbol("n", integer=True, positive=True)
    a = Tensor("a", "tensor", (Axis(3),))
    assert _within(2 / size * a[i,]) == 1 + 3
    assert _within(a[i,] / (size * SAMPLES)) == 1 + 3


def test_a_formula_is_counted_for_the_indices_that_it_has():
    i, j, k = (Index(n, Axis(size)) for n, size in (("i", 3), ("j", 5), ("k", 7)))
    a, b, c = (Tensor(n, "tensor", (Axis(size),)) for n, size in (("a", 3), ("b", 5), ("c", 7)))
    inner = total(b[j,] * c[k,], k)
    assert _within(a[i,] * total(b[j,] ** 2, j)) == 3 + 5
    assert _within(a[i,] * total(inner, j)) == 3 + 5 * 7
    assert _within(a[i,] * total(b[j,] * total(c[k,] ** 2, k), j)) == 3 + 5 + 7
