"""The interpreter of the index form: it is the oracle, so it is checked against arithmetic done by hand."""

import cmath

import mpmath
import numpy as np
import pytest
from helpers import axis, derivation, given_and_learned
from sympy import Integer, Piecewise, Rational, Symbol, exp, gamma, log, sqrt, tanh

from derive.calculus.evaluate import Arithmetic, Interpreter, interpret
from derive.calculus.functions import X, derivative, elementwise
from derive.calculus.index import Axis, Equation, Index, Tensor, delta, total

ROW, COLUMN = Index("i", axis(2)), Index("j", axis(3))
ZERO = Index("o", Axis(Integer(4), start=0))
N = Index("n", axis("n"))
W = Tensor("W", "weight", (axis(2), axis(3)))
V = Tensor("v", "v", (axis(3),))
AUGMENTED = Tensor("x", "augmented", (ZERO.axis,))
NAMED = Tensor("u", "u", (axis("n"),))
SCALAR = Tensor("t", "t")
TENSORS = {t.name: t for t in (W, V, AUGMENTED, NAMED, SCALAR)}
VALUES = {
    "W": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
    "v": np.array([7.0, 8.0, 9.0]),
    "x": np.array([1.0, 10.0, 20.0, 30.0]),
    "u": np.array([0.5, 0.25]),
    "t": np.array(-1.5),
}


def machine(**options) -> Interpreter:
    return Interpreter(dict(VALUES), {"n": 2, "m": 4}, TENSORS, **options)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (W[ROW, COLUMN], 6),
        (total(W[ROW, COLUMN] * V[COLUMN,], COLUMN), 4 * 7 + 5 * 8 + 6 * 9),
        (total(W[ROW, COLUMN], ROW, COLUMN), 21),
        (total(Integer(1), COLUMN), 3),
        (AUGMENTED[Integer(0),] + AUGMENTED[Integer(3),], 31),
        (total(AUGMENTED[ZERO,], ZERO), 61),
        (total(delta(COLUMN, ZERO) * AUGMENTED[ZERO,], ZERO), 30),
        (delta(ROW, COLUMN), 0),
        (delta(ROW, Integer(2)), 1),
        (total(NAMED[N,], N), 0.75),
        (Symbol("n", integer=True, positive=True) / Symbol("m", integer=True, positive=True), 0.5),
        (SCALAR[()] ** 2, 2.25),
        (Rational(1, 3) * V[COLUMN,], 3),
        (1 / V[COLUMN,], 1 / 9),
        (sqrt(V[COLUMN,]), 3),
        (Piecewise((V[COLUMN,], V[COLUMN,] > 8), (0, True)), 9),
        (Piecewise((V[COLUMN,], V[COLUMN,] > 9), (-1, True)), -1),
        (Piecewise((1, V[COLUMN,] >= 9), (2, True)), 1),
        (exp(SCALAR[()]), cmath.exp(-1.5)),
        (log(V[COLUMN,]) + tanh(SCALAR[()]), cmath.log(9) + cmath.tanh(-1.5)),
        (elementwise("cube", X**3)(SCALAR[()]), -3.375),
        (derivative(elementwise("cube", X**3))(SCALAR[()]), 6.75),
        (elementwise("apart", X - Symbol("y"), others=(Symbol("y"),))(V[COLUMN,], SCALAR[()]), 10.5),
    ],
)
def test_by_hand(expression, expected):
    assert machine().number(expression, {ROW: 2, COLUMN: 3}) == pytest.approx(expected, rel=1e-15)


def test_the_entries_of_an_equation_lie_in_the_order_of_its_indices():
    out = Tensor("out", "out", (axis(3), axis(2)))
    found = machine().tensor(Equation(out, (COLUMN, ROW), W[ROW, COLUMN]))
    assert found.shape == (3, 2)
    assert np.array_equal(found.astype(complex), VALUES["W"].T)


def test_equations_are_run_in_turn():
    first, second = Tensor("p", "p", (axis(3),)), Tensor("E", "error")
    tensors = {**TENSORS, "p": first}
    engine = Interpreter(dict(VALUES), {}, tensors)
    found = engine.run(
        [Equation(first, (COLUMN,), 2 * V[COLUMN,]), Equation(second, (), total(first[COLUMN,], COLUMN))]
    )
    assert found["E"][()] == 48


def test_a_complex_number_carries_a_derivative_through():
    values = {**VALUES, "v": VALUES["v"] + 1e-20j * np.array([0, 1, 0])}
    found = Interpreter(values, {}, TENSORS).number(total(tanh(V[COLUMN,] / 10) * W[ROW, COLUMN], COLUMN), {ROW: 1})
    assert found.imag / 1e-20 == pytest.approx(2 * (1 - np.tanh(0.8) ** 2) / 10, rel=1e-14)


def test_mpmath_carries_as_many_digits_as_wanted():
    exact = Arithmetic(mpmath, mpmath.mpf)
    with mpmath.workdps(50):
        third = machine(arithmetic=exact).number(Rational(1, 3), {})
        assert mpmath.almosteq(third * 3, 1, rel_eps=mpmath.mpf(10) ** -49)
        assert mpmath.almosteq(machine(arithmetic=exact).number(exp(Integer(1)) ** 2, {}), mpmath.e**2)


@pytest.mark.parametrize("expression", [gamma(V[COLUMN,]), total(gamma(V[COLUMN,]), COLUMN)])
def test_unknown_nodes_are_refused_by_name(expression):
    with pytest.raises(NotImplementedError, match="gamma"):
        machine().number(expression, {COLUMN: 1})


def test_no_case_holds():
    with pytest.raises(ValueError, match="no case"):
        machine().number(Piecewise((1, V[COLUMN,] > 100)), {COLUMN: 1})


def test_given_values_are_kept():
    program = derivation((3, 4, 2)).program
    values, sizes = given_and_learned(program, 2)
    before = {n: v.copy() for n, v in values.items()}
    found = interpret(program, values, sizes)
    assert set(values) == set(before) and all(np.array_equal(values[n], before[n]) for n in before)
    assert found["Psi_z1"].shape == (4, 2)


def test_only_the_stages_asked_for_are_run():
    program = derivation((3, 4, 2)).program
    values, sizes = given_and_learned(program, 2)
    assert "Psi_z1" not in interpret(program, values, sizes, stages=("forward", "error"))


def test_a_forward_pass_by_hand():
    """tanh(W x + b) of two units, one sample, half the squared error."""
    program = derivation((2, 2), "tanh", "half_mse").program
    values = {
        "X": np.array([[0.5], [-1.0]]),
        "Y": np.array([[0.25], [0.75]]),
        "W1": np.array([[0.1, 0.2], [0.3, 0.4]]),
        "b1": np.array([0.05, -0.05]),
    }
    found = interpret(program, values, {"m": 1})
    out = np.tanh([0.1 * 0.5 - 0.2 + 0.05, 0.3 * 0.5 - 0.4 - 0.05])
    psi = (out - [0.25, 0.75]) * (1 - out**2)
    assert np.allclose(found["E"][()].real, 0.5 * np.sum((out - [0.25, 0.75]) ** 2), rtol=1e-15)
    assert np.allclose(found["dE_db1"].astype(complex), psi, rtol=1e-14)
    assert np.allclose(found["dE_dW1"].astype(complex), np.outer(psi, [0.5, -1.0]), rtol=1e-14)
