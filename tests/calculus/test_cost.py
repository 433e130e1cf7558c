"""Counts of multiplications and divisions."""

from __future__ import annotations

from itertools import pairwise

import pytest
from sympy import symbols

from derive import Network, derive
from derive.calculus.cost import _within, multiplications, multiplications_by_chain

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
def test_a_penalty_takes_one_multiplication_for_each_weight_that_is_no_bias(layers, options, bias):
    weights = sum(a * b for a, b in pairwise(layers))
    plain, with_penalty = (derive(Network(layers, bias=bias, l2=l2, **options)) for l2 in (0, 0.01))
    shared = [multiplications(d.single, "factor", "gradient") for d in (plain, with_penalty)]
    alone = [multiplications_by_chain(d.chains) for d in (plain, with_penalty)]
    assert shared[1] - shared[0] == alone[1] - alone[0] == weights


@pytest.mark.parametrize("layers", [(3, 4, 4, 1), ("n", "h", "k"), (2, 1)])
def test_a_product_with_the_constant_1_and_a_penalty_are_no_work_for_a_sample(layers):
    plain, prepended, penalised = (
        derive(Network(layers, **options)) for options in ({}, {"bias": "augmented"}, {"l2": 0.01})
    )
    for stages in (("forward", "error"), ("factor", "gradient")):
        assert multiplications(plain.single, *stages) == multiplications(prepended.single, *stages)
    assert multiplications(plain.single, "error") == multiplications(penalised.single, "error")
    assert multiplications_by_chain(prepended.chains).is_polynomial()
