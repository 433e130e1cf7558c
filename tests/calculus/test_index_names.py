"""Renaming never captures an index, whatever the names of the indices and their order."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from helpers import TINY, load, off, real, stored
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Expr, Sum, tanh

from derive.api import derive
from derive.calculus.evaluate import interpret
from derive.calculus.forward import ForwardPass
from derive.calculus.index import (
    SAMPLE_AXIS,
    SAMPLES,
    Axis,
    Equation,
    Index,
    IndexSupply,
    Tensor,
    put,
    refreshed,
    total,
)

UNITS, S = Axis(3), SAMPLE_AXIS
X, Y = Tensor("X", "input", (UNITS, S)), Tensor("Y", "target", (UNITS, S))
W, V, W1 = Tensor("w", "bias", (UNITS,)), Tensor("V", "weight", (UNITS, UNITS)), Tensor("b", "bias", (UNITS,))
A, Z, H, E = (
    Tensor("a", "a", (UNITS, S)),
    Tensor("z", "z", (UNITS, S)),
    Tensor("h", "h", (UNITS, S)),
    Tensor("E", "error"),
)

#: Names that supplies of the project hand out, names of users, and one of a tensor.
NAMES = ("i00001", "i00002", "i00003", "i00004", "i00005", "i", "j", "k", "m", "w", "tied00001", "entry00001")


def statement(names: dict[str, str]) -> ForwardPass:
    """A pass whose sums read free indices beside their own: pairs of units, a square weight, a shadowed index."""
    i, j, k, u, v = (Index(names[n], S if n in "uv" else UNITS) for n in "ijkuv")
    pairs = total(V[i, j] * X[i, u] * X[j, u] + W[i,] * X[i, u] * X[j, u], j)
    inner = total(V[j, k] * tanh(total(V[j, i] * A[i, u], i)) * A[k, u], k)
    equations = (
        Equation(A, (i, u), pairs),
        Equation(Z, (j, u), inner + total(V[j, i] * A[i, u], i) + W1[j,]),
        Equation(H, (k, v), Z[k, v] + tanh(Z[k, v])),
        Equation(E, (), total((Y[j, v] - H[j, v]) ** 2, j, v) / SAMPLES),
    )
    return ForwardPass(equations, (X, Y), (W, V, W1), IndexSupply())


def values(seed: int = 0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {t.name: generator.normal(size=[3 if a is UNITS else 2 for a in t.axes]) / 2 for t in (X, Y, W, V, W1)}


def by_hand(v: dict[str, np.ndarray]) -> complex:
    """The error of ``statement`` in NumPy, typed by a person; it is complex where the values are."""
    x, w, big, b = v["X"], v["w"], v["V"], v["b"]
    a = np.zeros((3, 2), complex)
    for i in range(3):
        for j in range(3):
            a[i] += big[i, j] * x[i] * x[j] + w[i] * x[i] * x[j]
    z = np.tanh(big @ a) * (big @ a) + big @ a + b[:, None]
    return complex(np.sum((v["Y"] - z - np.tanh(z)) ** 2) / 2)


@functools.cache
def slope_by_hand(name: str) -> np.ndarray:
    """The derivative of ``by_hand`` with respect to a parameter, by the complex step."""
    slopes = np.empty(values()[name].shape)
    for position in np.ndindex(slopes.shape):
        moved = {n: value.astype(complex) for n, value in values().items()}
        moved[name][position] += TINY * 1j
        slopes[position] = by_hand(moved).imag / TINY
    return slopes


@settings(max_examples=25, deadline=None)
@given(st.permutations(NAMES))
def test_indices_of_every_name_give_the_right_error_and_gradients(drawn):
    names = dict(zip("ijkuv", drawn, strict=False))
    d = derive(statement(names))
    v = values()
    found = interpret(d.program, {k: n.astype(complex) for k, n in v.items()}, {"m": 2})
    assert real(found["E"]) == pytest.approx(by_hand(v).real, rel=1e-13)
    for p in d.program.parameters:
        assert off(real(found[f"dE_d{p.name}"]), slope_by_hand(p.name)) < 1e-12


def test_the_module_computes_what_was_stated_with_indices_of_the_callers_own_supply():
    own = IndexSupply()
    i, j, k = own.several((UNITS,) * 3)
    u, v = own.several((S, S))
    d = derive(statement(dict(zip("ijkuv", (s.name for s in (i, j, k, u, v)), strict=True))))
    drawn = values()
    parameters = {p.name: stored(p, drawn[p.name]) for p in d.program.parameters}
    assert load(d.numpy()).error(parameters, drawn["X"], drawn["Y"]) == pytest.approx(by_hand(drawn).real, rel=1e-13)


def test_a_fresh_bound_index_does_not_meet_a_free_one():
    """The sum over j of w_i x_i x_j does not become the sum over i of w_i x_i squared."""
    own = IndexSupply()
    i, u = own.fresh(UNITS), own.fresh(S)
    j = own.fresh(UNITS)
    for supply in (IndexSupply(), IndexSupply("i"), IndexSupply(taken=["i00002"])):
        found = refreshed(Equation(A, (i, u), total(W[i,] * X[i, u] * X[j, u], j)), supply)
        free, sample = found.indices
        (bound,) = found.expression.atoms(Sum).pop().limits[0][:1]
        assert len({free, sample, bound}) == 3
        assert found.expression == total(W[free,] * X[free, sample] * X[bound, sample], bound)


def test_a_square_weight_does_not_become_its_diagonal():
    own = IndexSupply()
    i, u, j = own.fresh(UNITS), own.fresh(S), own.fresh(UNITS)
    found = refreshed(Equation(Z, (i, u), total(V[i, j] * A[j, u], j)), IndexSupply())
    entries = [e for e in found.expression.atoms(type(V[i, j])) if e.base.label == V.symbol]
    assert len(set(entries[0].indices)) == 2


def test_an_index_that_is_bound_inside_is_another_one_there():
    i, u = Index("i", UNITS), Index("u", S)
    inner = total(V[i, i] * X[i, u], i)  # the i of the sum, not that of the left side
    found = refreshed(Equation(A, (i, u), X[i, u] * inner), IndexSupply())
    (bound,) = found.expression.atoms(Sum).pop().limits[0][:1]
    assert bound != found.indices[0] and found.expression.has(V[bound, bound])


INDICES = [Index(name, UNITS) for name in "ijk"]


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> Expr:
    """Products and sums of entries, with sums that may shadow each other."""
    if depth == 0 or draw(st.booleans()):
        i, j = draw(st.sampled_from(INDICES)), draw(st.sampled_from(INDICES))
        return draw(st.sampled_from([W[i,], V[i, j], W1[j,]]))
    left, right = draw(expressions(depth - 1)), draw(expressions(depth - 1))
    made = draw(st.sampled_from([left * right, left + right, tanh(left) + right]))
    return total(made, draw(st.sampled_from(INDICES))) if draw(st.booleans()) else made


def evaluated(expression: Expr, at: dict[Index, int], v: dict[str, np.ndarray]) -> float:
    """A reference evaluator: an index is bound by the innermost sum around it."""
    if isinstance(expression, Sum):
        indices = [limit[0] for limit in expression.limits]
        assert len(indices) == 1
        return sum(evaluated(expression.function, {**at, indices[0]: n}, v) for n in (1, 2, 3))
    if expression.is_Number:
        return float(expression)
    if hasattr(expression, "base") and hasattr(expression, "indices"):
        return float(v[str(expression.base.label)][tuple(at[i] - 1 for i in expression.indices)])
    parts = [evaluated(a, at, v) for a in expression.args]
    kind = type(expression).__name__
    return {"Add": sum, "Mul": np.prod, "Pow": lambda p: p[0] ** p[1], "tanh": lambda p: np.tanh(p[0])}[kind](parts)


@settings(max_examples=300, deadline=None)
@given(expressions(), st.permutations(INDICES), st.sampled_from(["i", "j", "i0000"]))
def test_substitution_and_renaming_keep_the_value(expression, order, prefix):
    v = values()
    put_in = dict(zip(INDICES, order, strict=True))
    at = dict(zip(INDICES, (1, 2, 3), strict=True))
    moved = {old: at[new] for old, new in put_in.items()}
    assert evaluated(put(expression, put_in), at, v) == pytest.approx(evaluated(expression, moved, v), rel=1e-12)
    cube = Tensor("t", "t", (UNITS,) * 3)
    again = refreshed(Equation(cube, tuple(INDICES), expression), IndexSupply(prefix))
    fresh = dict(zip(again.indices, (1, 2, 3), strict=True))
    assert evaluated(again.expression, fresh, v) == pytest.approx(evaluated(expression, at, v), rel=1e-12)


def test_numbers_are_put_in_without_touching_a_sum_over_the_same_index():
    i, j = INDICES[:2]
    assert put(W[i,] + total(W[i,], i), {i: j}) == W[j,] + total(W[i,], i)
