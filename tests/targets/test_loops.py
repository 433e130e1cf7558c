"""Plain loops, from the index form alone, compute what the interpreter and the NumPy module compute."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from helpers import (
    Values,
    axis,
    closed,
    define,
    derivation,
    given_and_learned,
    index_form,
    load,
    off,
    random_values,
    squares,
    stored,
    summed,
)
from networks import NETWORKS
from sympy import Expr

from derive.calculus.evaluate import FLOATS, interpret
from derive.calculus.forward import ForwardPass
from derive.calculus.program import STAGES, Program
from derive.learning.optimizers import LEARNING_RATE, OPTIMIZERS
from derive.statement.statement import Statement
from derive.targets.loops.loops import evaluate, source

DENSE = {
    "sigmoid": ((3, 4, 2),),
    "relu": ((3, 4, 2), "relu", "mae"),
    "gelu": ((2, 3, 2), "gelu", "huber"),
    "softmax": ((3, 4, 3), "tanh,softmax", "cross_entropy"),
    "augmented": ((3, 2, 2), "softplus", "log_cosh", "augmented"),
}


def compared(program: Program, values: Values, sizes: dict[str, int]) -> Values:
    """What the loops compute; every tensor is that of the interpreter."""
    values = {**values, LEARNING_RATE.name: np.array(0.1)}
    expected = interpret(program, values, sizes, FLOATS, STAGES)
    found = evaluate(program, values, sizes, STAGES)
    for statement in program.statements:
        name = statement.target.name
        assert off(found[name], expected[name]) < 1e-12, name
    return found


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(10)
def test_loops_compute_what_the_equations_say(name):
    program = index_form(NETWORKS[name]())
    compared(program, *given_and_learned(program, 3, seed=len(name)))


def three_axes() -> ForwardPass:
    """A weight of three axes: every output is a bilinear form of the inputs."""
    s = Statement()
    units, outputs = axis(3), axis(2)
    x, y = s.input("X", units), s.target("Y", outputs)
    w = s.parameter("W", outputs, units, units)

    def twice(i: Expr, u: Expr) -> Expr:
        return summed(s, units, lambda j: summed(s, units, lambda k: w[i, j, k] * x[j, u] * x[k, u]))

    return closed(s, squares(s, y, define(s, "o", y.axes, twice, role="prediction")))


def interactions() -> ForwardPass:
    """Half the square of a sum less the sum of squares, in one equation: its gradient has no array form."""
    s = Statement()
    units, factors = axis(3), axis(2)
    x, y = s.input("X", units), s.target("Y", axis(1))
    v = s.parameter("V", units, factors)

    def less_squares(f: Expr, u: Expr) -> Expr:
        whole = summed(s, units, lambda j: v[j, f] * x[j, u])
        return whole**2 - summed(s, units, lambda j: v[j, f] ** 2 * x[j, u] ** 2)

    pairs: Callable[[Expr, Expr], Expr] = lambda _, u: summed(s, factors, lambda f: less_squares(f, u)) / 2  # noqa: E731
    return closed(s, squares(s, y, define(s, "o", y.axes, pairs, role="prediction")))


@pytest.mark.parametrize("stated", [three_axes, interactions])
def test_loops_need_no_array_form(stated):
    program = index_form(stated())
    compared(program, *given_and_learned(program, 3))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.sampled(4)
def test_loops_take_the_steps_of_every_optimizer(optimizer):
    program = derivation((2, 3, 2), optimizer=optimizer).program
    values, sizes = given_and_learned(program, 3)
    states = random_values(program.states, sizes, seed=1)
    compared(program, {**values, **{name: np.abs(value) + 1 for name, value in states.items()}}, sizes)


@pytest.mark.parametrize("name", DENSE)
@pytest.mark.sampled(2)
def test_the_numpy_module_computes_what_loops_compute(name):
    d = derivation(*DENSE[name])
    values, sizes = given_and_learned(d.program, 3)
    found, module = compared(d.program, values, sizes), load(d.numpy())
    x, y = d.program.inputs
    parameters = {p.name: stored(p, values[p.name]) for p in d.program.parameters}
    for p, slope in module.gradients(parameters, values[x.name], values[y.name]).items():
        tensor = next(t for t in d.program.parameters if t.name == p)
        assert off(slope, stored(tensor, found[f"dE_d{p}"])) < 1e-12


def test_loops_name_their_equations_and_need_no_numpy():
    program = derivation((2, 3, 1)).program
    text = source(program, STAGES)
    numbers = [int(line.rpartition("# (")[2][:-1]) for line in text.splitlines() if "  # (" in line]
    assert numbers == [s.number for s in program.statements]
    assert [line for line in text.splitlines() if "import" in line] == ["import math"]
