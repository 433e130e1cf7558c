"""The vectorised interpreter agrees with a reference that loops over entries."""

from __future__ import annotations

import time

import mpmath
import numpy as np
import pytest
from entry_by_entry import EntryByEntry
from helpers import axis, derivation, given_and_learned, off
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sympy import Abs, Expr, Integer, Max, Min, Piecewise, Rational, Symbol, cosh, exp, log, sign, sqrt, tanh

from derive.calculus.evaluate import FLOATS, Arithmetic, Interpreter, interpret
from derive.calculus.functions import X, elementwise
from derive.calculus.index import Axis, Equation, Index, Tensor, delta, total

ROW, COLUMN = axis(2), Axis(Integer(3), start=0)
#: Names that collide: an index of the same name over each axis, free and bound.
INDICES = [Index(name, over) for name in "ijk" for over in (ROW, COLUMN)]
A, B = Tensor("A", "A", (ROW, COLUMN)), Tensor("B", "B", (ROW, ROW))
C, T = Tensor("C", "C", (COLUMN,)), Tensor("T", "T")
TENSORS = {t.name: t for t in (A, B, C, T)}
DRAW = np.random.default_rng(3)
VALUES = {t.name: DRAW.normal(size=[int(a.extent) for a in t.axes]) for t in TENSORS.values()}
LEAK = elementwise("leak", Piecewise((X, X > 0), (X / 10, True)))
GAP = elementwise("gap", X - Symbol("y"), others=(Symbol("y"),))


def over(wanted: Axis) -> st.SearchStrategy[Index]:
    return st.sampled_from([i for i in INDICES if i.axis == wanted])


ENTRIES = st.one_of(
    st.builds(lambda i, j: A[i, j], over(ROW), over(COLUMN)),
    st.builds(lambda i, j: B[i, j], over(ROW), over(ROW)),
    st.builds(lambda j: C[j,], over(COLUMN)),
)
LEAVES = st.one_of(
    ENTRIES,
    st.builds(lambda i, j: delta(i, j), st.sampled_from(INDICES), st.sampled_from(INDICES)),
    st.sampled_from([T[()], C[Integer(0),], Rational(1, 3), Integer(2), Symbol("m", integer=True, positive=True)]),
)


def deeper(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    return st.one_of(
        # SymPy puts the conditions of a case in a case together, in ways that no equation has
        st.builds(lambda a, b, c: Piecewise((a + 3, c > 0), (2 * b - 1, c <= -1), (5 - a * b, True)), *[ENTRIES] * 3),
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(lambda a, b: a * b, inner, inner),
        st.builds(lambda a, i: total(a, i), inner, st.sampled_from(INDICES)),
        st.builds(lambda a, i, j: total(a, i, j) if i != j else a, inner, *[st.sampled_from(INDICES)] * 2),
        st.builds(lambda a, f: f(a), inner, st.sampled_from([tanh, LEAK, lambda a: a**2, sign_of, size_of, root_of])),
        st.builds(GAP, inner, inner),
        st.builds(lambda a, b: Max(a, b) - 2 * Min(a, b), ENTRIES, ENTRIES),
    )


def sign_of(a: Expr) -> Expr:
    return elementwise("side", sign(X))(a)


def size_of(a: Expr) -> Expr:
    return elementwise("size", Abs(X) + log(cosh(X / 9)))(a)


def root_of(a: Expr) -> Expr:
    return exp(-sqrt(a**2 + 1))


@settings(max_examples=300, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.recursive(LEAVES, deeper, max_leaves=6), st.permutations(INDICES))
def test_both_interpreters_agree_on_any_expression(expression, order):
    """Free indices are those of the equation, and inner sums reuse their names."""
    free = tuple(i for i in order if expression.has(i))
    target = Tensor("R", "R", tuple(i.axis for i in free))
    equation = Equation(target, free, expression)
    expected = EntryByEntry(VALUES, {"m": 4}, TENSORS).tensor(equation).astype(complex)
    found = Interpreter(dict(VALUES), {"m": 4}, TENSORS).tensor(equation)
    assert found.shape == expected.shape
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert np.allclose(
        Interpreter(dict(VALUES), {"m": 4}, TENSORS, FLOATS).tensor(equation), expected.real, 1e-12, 1e-12
    )


U, V = Index("i", ROW), Index("j", COLUMN)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (total(A[U, V] * total(A[U, V], U), V), lambda a: [sum(a[i] * a.sum(0)) for i in range(2)]),
        (total(total(B[U, U], U) * A[U, V], V), lambda a: VALUES["B"].trace() * a.sum(1)),
        (total(total(B[U, U], U), U) * A[U, V], lambda a: None),
    ],
)
def test_an_inner_sum_shadows_an_outer_index_and_a_free_one(expression, expected):
    free = (U, V) if expected(VALUES["A"]) is None else (U,)
    target = Tensor("R", "R", tuple(i.axis for i in free))
    found = Interpreter(dict(VALUES), {}, TENSORS, FLOATS).tensor(Equation(target, free, expression))
    wanted = 2 * VALUES["B"].trace() * VALUES["A"] if len(free) == 2 else expected(VALUES["A"])
    assert np.allclose(found, wanted, rtol=1e-14)


def test_a_case_is_computed_only_where_it_holds():
    """A case may be undefined elsewhere: mpmath would raise."""
    share = Tensor("s", "s", (axis(3),))
    k = Index("k", axis(3))
    safe = Piecewise((share[k,] * log(share[k,]), share[k,] > 0), (1 / (1 - share[k,]), True))
    values = {"s": np.array([0.0, 0.5, -1.0])}
    for arithmetic in (FLOATS, Arithmetic(), Arithmetic(mpmath, mpmath.mpf)):
        found = Interpreter(values, {}, {"s": share}, arithmetic).tensor(Equation(share, (k,), safe))
        assert np.allclose(found.astype(complex).real, [1, 0.5 * np.log(0.5), 0.5], rtol=1e-15)


def test_what_is_read_outside_a_tensor_is_zero_and_not_counted_from_the_end():
    one = Tensor("q", "q", (axis(3),))
    k = Index("k", axis(3))
    found = Interpreter({"q": np.arange(1.0, 4)}, {}, {"q": one}).tensor(Equation(one, (k,), one[2 * k - 3,]))
    assert [*found] == [0, 1, 3]


def test_it_is_fast():
    """A network of 64-32-10 in milliseconds."""
    program = derivation((64, 32, 10), ("tanh", "softmax"), "cross_entropy").program
    values, sizes = given_and_learned(program, 7)
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        interpret(program, values, sizes, FLOATS)
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.2


def test_many_digits_agree_with_floats_on_a_network():
    program = derivation((3, 5, 2), ("gelu", "sigmoid"), "binary_cross_entropy").program
    values, sizes = given_and_learned(program, 2)
    with mpmath.workdps(40):
        exact = interpret(program, values, sizes, Arithmetic(mpmath, mpmath.mpf))
    for name, value in interpret(program, values, sizes, FLOATS).items():
        assert off(value, exact[name].astype(float)) < 1e-13, name
