"""Kronecker deltas: contracted where that is right, kept where it is not, refused where it cannot be."""

from itertools import product

import numpy as np
import pytest
from helpers import axis
from sympy import Add, Expr, Integer, KroneckerDelta, Mul, Sum, Symbol, exp, symbols

from derive import Statement, derive
from derive.calculus.deltas import Term, contract, expand, tidy
from derive.calculus.evaluate import Interpreter
from derive.calculus.index import Axis, Index, IndexSupply, Tensor, delta, total

I3, J3, K3 = (Index(name, axis(3)) for name in "ijk")
WIDE = Index("w", Axis(Integer(4), start=0))
S = Index("s", axis(2))
A = Tensor("a", "a", (axis(3),))
B = Tensor("b", "b", (axis(3), axis(2)))
C = Tensor("c", "c", (WIDE.axis,))
c = Symbol("c0")


def summed(expression: Expr, *over: Index) -> Expr:
    return contract(expression, IndexSupply(), over=over)


def test_a_delta_under_a_sum_picks_one_entry():
    assert summed(delta(I3, J3) * A[J3,], J3) == A[I3,]


def test_of_two_indices_sympy_is_told_at_once_that_they_may_be_equal():
    """It would look for what it knows of their difference for each delta, and find nothing."""
    assert (I3 - I3, I3 - Integer(0)) == (0, I3)
    assert delta(I3, I3) == 1
    assert delta(I3, J3) == delta(J3, I3) == KroneckerDelta(I3, J3)
    difference = I3 - J3
    assert difference.is_zero is None
    assert set(difference._assumptions) == {*difference.default_assumptions, "zero"}
    assert I3 - J3 + J3 == I3


def test_without_a_sum_a_delta_stays():
    assert summed(delta(I3, J3) * A[J3,]) == delta(I3, J3) * A[J3,]


def test_each_delta_is_used_once():
    both = delta(I3, J3) * delta(J3, K3) * A[K3,]
    assert summed(both, J3, K3) == A[I3,]


def test_a_number_beyond_the_range_makes_the_term_zero():
    assert summed(delta(J3, Integer(4)) * A[J3,], J3) == 0
    assert summed(delta(J3, Integer(0)) * A[J3,], J3) == 0
    assert summed(delta(J3, Integer(3)) * A[J3,], J3) == A[Integer(3),]


def test_a_delta_whose_partner_may_leave_the_range_is_kept():
    """Summed over 1..3, delta(j, w) is zero for w = 0: replacing j by w would forget that."""
    kept = summed(delta(J3, WIDE) * A[J3,], J3)
    assert kept.has(KroneckerDelta) and kept.has(Sum)


def test_a_sum_over_the_wider_range_is_contracted():
    assert summed(delta(J3, WIDE) * C[WIDE,], WIDE) == C[J3,]


def test_named_extents_are_contracted_only_when_equal():
    n, h = (Index(name, axis(name)) for name in ("n", "h"))
    other = Index("o", axis("n"))
    assert summed(delta(n, other) * c, n) == c
    assert summed(delta(n, h) * c, n).has(KroneckerDelta)


def test_a_sum_over_an_absent_index_multiplies_by_its_extent():
    assert summed(A[I3,], J3) == 3 * A[I3,]
    assert summed(A[I3,], Index("n", axis("n"))) == Symbol("n", integer=True, positive=True) * A[I3,]


def test_equal_names_of_bound_indices_do_not_mix():
    """(sum_j delta(i,j) a_j) * (sum_j delta(k,j) a_j) is a_i a_k."""
    left, right = (total(delta(free, J3) * A[J3,], J3) for free in (I3, K3))
    assert contract(Mul(left, right), IndexSupply()) == A[I3,] * A[K3,]


def test_nested_sums_are_opened_as_far_as_a_delta_stands():
    inner = total(B[J3, S], S)
    assert contract(total(delta(I3, J3) * inner, J3), IndexSupply()) == total(B[I3, S], S)


@pytest.mark.parametrize("wrap", [exp, lambda e: (1 + e) ** 2, lambda e: 1 / (1 + e)])
def test_a_delta_inside_a_function_stays_as_the_author_wrote_it(wrap):
    assert contract(wrap(delta(I3, J3)), IndexSupply(), over=(J3,)) == total(wrap(delta(I3, J3)), J3)


def test_expand_splits_sums_of_products():
    terms = expand((A[I3,] + delta(I3, J3)) * (1 + delta(I3, K3)), IndexSupply())
    assert len(terms) == 4
    assert all(isinstance(t, Term) and not t.bound for t in terms)


def value(expression: Expr, at: dict[Index, int]) -> complex:
    """An expression over A, B and C, each entry a number of its own."""
    tensors = {"a": A, "b": B, "c": C}
    generator = np.random.default_rng(7)
    values = {n: generator.normal(size=[int(x.extent) for x in t.axes]) for n, t in tensors.items()}
    return Interpreter(values, {}, tensors).number(expression, at)


EXPRESSIONS = {
    "two deltas": delta(I3, J3) * delta(J3, K3) * A[J3,],
    "a sum of terms": (delta(I3, J3) + A[J3,]) * (delta(J3, K3) - 2 * B[J3, S]),
    "a delta and a sum": delta(J3, K3) * total(B[J3, S] * A[J3,], S) + A[K3,],
    "a wide index": delta(WIDE, J3) * C[WIDE,] + delta(WIDE, Integer(0)),
    "numbers": delta(J3, Integer(2)) * B[J3, S] + delta(J3, Integer(5)),
    "nested": total(delta(I3, J3) * total(delta(J3, K3) * A[K3,], K3), J3) * A[I3,],
}


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.parametrize("over", [(), (J3,), (J3, K3), (WIDE,), (S, J3)])
def test_contraction_changes_no_value(name, over):
    expression = EXPRESSIONS[name]
    free = [i for i in (I3, J3, K3, WIDE, S) if i not in over]
    found = summed(expression, *over)
    expected = total(expression, *over) if over else expression
    for numbers in product(*(range(i.axis.start, int(i.axis.stop) + 1) for i in free)):
        at = dict(zip(free, numbers, strict=True))
        assert value(found, at) == pytest.approx(value(expected, at), rel=1e-14)


x, y = symbols("x y")


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (-2 * (x - y), 2 * (y - x)),
        (-2 * (y - x) / 3, Mul(2, x - y) / 3),
        (x * y - x, x * (y - 1)),
        (-x * y, -x * y),
    ],
)
def test_tidy_leaves_no_minus_before_a_difference(given, written):
    assert tidy(given).expand() == given.expand() == written.expand()
    outside = [f for f in Mul.make_args(tidy(given)) if f.is_number]
    assert not any(isinstance(f, Add) for f in Mul.make_args(tidy(given))) or all(f > 0 for f in outside)


@pytest.mark.parametrize("count", [3, "n"])
def test_tidy_leaves_no_sum_of_ones(count):
    """What SymPy pulls out of a sum must not leave the sum of 1 behind, which has no indices to lift."""
    j = Index("j", axis(count))
    a = Tensor("a", "a", (j.axis,))
    for spread in (total(c + a[j,], j) * c, total(c * a[j,] + c, j), total(c, j) * a[j,]):
        sums = tidy(spread).atoms(Sum)
        assert not any(s.function.is_number for s in sums), tidy(spread)


def test_a_delta_of_an_index_with_a_single_place_is_known():
    one = Index("one", axis(1))
    assert summed(delta(one, Integer(1)) * A[I3,]) == A[I3,]
    assert summed(delta(one, Integer(2)) * A[I3,]) == 0


@pytest.mark.parametrize(
    ("place", "size", "contracted"), [("p + 2*r - 4", 6, True), ("2*p + r - 2", 3, False), ("p + r - 1", 6, True)]
)
def test_the_delta_of_a_dilation_is_contracted_and_that_of_a_stride_kept(place, size, contracted):
    """What takes the place of an index reads few entries in vain, or too many."""
    s = Statement(f"""
        size q = {size}
        input x[6]
        target y
        parameter K[3]
        o[p in q] = sum(K[r] * x[{place}], r)
        E = sum((y - o[p])**2, p)
        gradient x
    """)
    slope = next(st for st in derive(s).program.stage("gradient") if st.target.name == "dE_dx")
    assert slope.equation.expression.has(KroneckerDelta) != contracted


def test_the_place_in_a_delta_stays_a_sum():
    """Its terms may have a factor in common, which is none of the terms that are summed."""
    i, j = Index("i", axis(9)), Index("j", axis(9))
    spread = total(delta(i, 4 * j + 2), j)
    assert tidy(1 - spread) == 1 - spread
