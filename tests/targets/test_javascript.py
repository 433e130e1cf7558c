"""JavaScript, from the index form alone, computes what the interpreter computes: in QuickJS, and in Chromium."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import quickjs
from helpers import (
    Array,
    Values,
    axis,
    closed,
    define,
    dense,
    derivation,
    given_and_learned,
    index_form,
    off,
    random_values,
    squares,
)
from networks import NETWORKS
from sympy import Rational, acos, acosh, asin, atanh, erf, erfc, log, pi
from test_every_pair import PAIRS
from web import chromium_fixture  # noqa: F401

from derive.api import derive
from derive.calculus.chain_rule import chains
from derive.calculus.evaluate import FLOATS, Interpreter, interpret
from derive.calculus.functions import CALLS, X, elementwise
from derive.calculus.index import Tensor
from derive.calculus.program import STAGES, Program
from derive.learning.optimizers import LEARNING_RATE, OPTIMIZERS
from derive.statement.statement import Statement
from derive.targets.js.js import source
from derive.targets.loops.loops import evaluate

RUN = "(text, sizes) => { const values = JSON.parse(text); derived.run(values, sizes); return JSON.stringify(values); }"


def as_text(program: Program, values: Values) -> str:
    """The given numbers as the script takes them, with the constants of the program."""
    nested = {name: counted(program.tensors[name], value) for name, value in values.items()}
    return json.dumps({**{name: float(c) for name, c in program.constants.items()}, **nested})


def counted(tensor: Tensor, value: Array, depth: int = 0) -> Any:
    """Entries with the indices of the equations: a place that is not counted is empty."""
    if depth == len(tensor.axes):
        return float(value)
    return [None] * tensor.axes[depth].start + [counted(tensor, v, depth + 1) for v in value]


def array(tensor: Tensor, entries: Any, depth: int = 0) -> Array:
    if depth == len(tensor.axes):
        return np.array(entries)
    return np.array([array(tensor, e, depth + 1) for e in entries[tensor.axes[depth].start :]])


def in_quickjs(script: str, text: str, sizes: dict[str, int]) -> Any:
    context = quickjs.Context()
    context.set_max_stack_size(2**20)
    context.eval(script)
    return json.loads(context.eval(f"({RUN})({json.dumps(text)}, {json.dumps(sizes)})"))


def compared(program: Program, values: Values, sizes: dict[str, int], run: Any = in_quickjs) -> None:
    """Every tensor is that of the interpreter."""
    values = {**values, LEARNING_RATE.name: np.array(0.1)}
    expected = interpret(program, values, sizes, FLOATS, STAGES)
    found = run(source(program, {"run": STAGES}), as_text(program, values), sizes)
    for statement in program.statements:
        name = statement.target.name
        assert off(array(statement.target, found[name]), expected[name]) < 1e-12, name


@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.sampled(12)
def test_every_activation_with_every_loss(pair):
    program = derivation((2, 3, 2), (pair.hidden, pair.output), *pair[2:]).program
    compared(program, *given_and_learned(program, 3, seed=len(pair.output)))


@pytest.mark.parametrize("layers", [(1, 1), (3, 4, 4, 1), (2, 1, 3, 2), ("n", "h", "k")])
def test_layouts(layers):
    program = derivation(layers).program
    compared(program, *given_and_learned(program, 2, n=3, h=2, k=2))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(10)
def test_networks_stated_by_their_equations(name):
    program = index_form(NETWORKS[name]())
    compared(program, *given_and_learned(program, 3, seed=len(name)))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.sampled(4)
def test_the_steps_of_every_optimizer(optimizer):
    program = derivation((2, 3, 2), optimizer=optimizer, l2=0.1, clip=0.5, schedule="cosine(steps=9)").program
    values, sizes = given_and_learned(program, 3)
    states = random_values(program.states, sizes, seed=1)
    compared(program, {**values, **{name: np.abs(value) + 1 for name, value in states.items()}}, sizes)


def with_function(name: str) -> Program:
    """A statement with one elementwise function."""
    inside = {f: 1 + X**2 for f in (log, acosh)} | {f: X / (1 + X**2) for f in (asin, acos, atanh)}
    formulas = {f.__name__: f(inside.get(f, X)) for f in (*CALLS, erf, erfc)}
    applied = elementwise(f"trial_{name}", formulas[name] * pi / 3 + Rational(1, 7))
    s = Statement()
    x, y, w = s.input("X", axis(1)), s.target("Y", axis(1)), s.parameter("W", axis(1), axis(1))
    z = dense(s, "z", w, x, role="preactivation")
    return index_form(closed(s, squares(s, y, define(s, "a", z.axes, lambda *i: applied(z[i]), role="prediction"))))


@pytest.mark.parametrize("name", [f.__name__ for f in (*CALLS, erf, erfc)])
def test_functions(name):
    program = with_function(name)
    for size in (1e-8, 0.3, -1.0, 2.9, -6.5, 30.0):
        given = {"X": [[size]], "Y": [[0.5]], "W": [[1.0]]}
        compared(program, {n: np.array(v) for n, v in given.items()}, {"m": 1})


def test_local_derivatives():
    d = derivation((2, 3, 2), ("tanh", "softmax"), "cross_entropy")
    values, sizes = given_and_learned(d.program, 1)
    edges = [edge for found in chains(d.forward).edges.values() for edge in found]
    context = quickjs.Context()
    context.eval(source(d.program, {"run": ("forward", "error")}, edges))
    context.eval(f"const values = JSON.parse({json.dumps(as_text(d.program, values))}), sizes = {{m: 1}}")
    context.eval("derived.run(values, sizes)")
    machine = Interpreter(interpret(d.program, values, sizes, FLOATS), sizes, d.program.tensors, FLOATS)
    for edge in edges:
        of, wrt = ([1] * len(tensor.axes) for tensor in (edge.of, edge.wrt))
        at = dict(zip((*edge.of_indices, *edge.wrt_indices), (*of, *wrt), strict=True))
        found = context.eval(f'derived.slopes["{edge.of.name}/{edge.wrt.name}"](values, sizes, {of}, {wrt})')
        assert found == pytest.approx(float(machine.number(edge.value, at)), rel=1e-12)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.sampled(40)
def test_chromium_computes_the_same(pair, chromium):
    program, page = derivation((2, 3, 2), (pair.hidden, pair.output), *pair[2:]).program, chromium.new_page()

    def run(script: str, text: str, sizes: dict[str, int]) -> Any:
        return json.loads(page.evaluate(f"given => {{{script} return ({RUN})(...given);}}", [text, sizes]))

    compared(program, *given_and_learned(program, 3), run)
    page.close()


@pytest.mark.parametrize("predicting", [False, True])
def test_running_averages_and_what_is_stopped(predicting):
    text = """
    input x[3]
    target y[2]
    parameter W[2, 3], g[2] = 1
    z[i] = sum(W[i, j] * x[j], j)
    mu[i] = mean(z[i, u], u)
    running mu momentum 0.3
    q[i] = g[i] * tanh(z[i] - mu[i]) + stop_gradient(abs(z[i]))
    E = sum((y[i] - q[i])**2, i)
    """
    program = derive(Statement(text)).program
    program = program.predicting if predicting else program
    values, sizes = given_and_learned(program, 3)
    states = random_values(program.states, sizes, seed=1)
    compared(program, {**values, **states}, sizes)
    loops = evaluate(program, {**values, **states, LEARNING_RATE.name: np.array(0.1)}, sizes, STAGES)
    expected = interpret(program, {**values, **states, LEARNING_RATE.name: np.array(0.1)}, sizes, FLOATS, STAGES)
    assert all(off(loops[name], value) < 1e-12 for name, value in expected.items())
