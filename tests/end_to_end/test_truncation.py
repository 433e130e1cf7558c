"""Truncated back-propagation through time, beside plain loops whose states are cut from the past."""

from __future__ import annotations

import numpy as np
import pytest
import recurrences
from autograd import grad
from autograd.tracer import getval
from helpers import load, off
from reading import check_page
from test_models import STAGES, compared, drawn, samples_last

from derive import Network, SpecError, Statement, StatementError, derive
from derive.calculus.evaluate import FLOATS, interpret

STEPS = 7
WINDOWS = [1, 2, 3, STEPS, 10]
#: Two directions, also read three steps away, and what the second one begins with.
BOTH = """
size T = 7, h = 2
input x[T, h]
target y[T, h]
recurrent f[T, h], g[T, h]
parameter W[h, h], R[h, h], V[h, h], e[h]
f[t, i] = tanh(x[t, i] + sum(W[i, r] * f[t - 1, r], r) + sum(R[i, r] * f[t - 3, r], r))
g[T + 1, i] = e[i]
g[t, i] = tanh(f[t, i] + sum(V[i, r] * g[t + 1, r], r))
E = mean((y[t, i] - g[t, i])**2, t, i)
"""
ELMAN = """
size T, n = 2, h = 3
input x[T, n]
target y[T, h]
recurrent s[T, h]
parameter W[h, n], U[h, h], first[h]
s[0, i] = first[i]
s[t, i] = tanh(sum(W[i, j] * x[t, j], j) + sum(U[i, r] * s[t - 1, r], r))
E = mean((y[t, i] - s[t, i])**2, t, i)
"""


def in_windows(steps):
    """What computes the states after each step, which at the beginning of a window are numbers without a history."""

    def run(x, step, *state):
        found = []
        for number, value in enumerate(recurrences.steps_of(x)):
            state = tuple(map(getval, state)) if number and number % steps == 0 else state
            state = step(value, *state)
            found.append(state)
        return found

    return run


def agrees(derivation, error, sizes):
    """Whether the gradients of the program are those of an error, of data and parameters with samples as rows."""
    stated = recurrences.Model(None, error, sizes=sizes)
    data, parameters = drawn(derivation, stated)
    program = derivation.program
    tensors = {t.name: t for t in (*program.inputs, *program.parameters)}
    values = {n: samples_last(tensors[n], np.asarray(v)) for n, v in {**data, **parameters}.items()}
    found = interpret(program, values, {**sizes, "m": 11}, FLOATS, STAGES)
    expected = grad(lambda p: error(**data, **p))(parameters)
    slopes = {s.target.about.name: found[s.target.name] for s in program.stage("gradient")}
    return all(off(np.reshape(slopes[n], np.shape(e)), e) < 1e-10 for n, e in expected.items())


@pytest.mark.parametrize("steps", WINDOWS)
@pytest.mark.parametrize("name", ["elman", "lstm"])
@pytest.mark.sampled(3)
def test_gradients_are_those_of_a_loop_that_is_cut(name, steps, monkeypatch):
    monkeypatch.setattr(recurrences, "run", in_windows(steps))
    model = recurrences.stated(name, STEPS, truncate=steps)
    assert agrees(derive(model.statement), model.error, model.sizes)


@pytest.mark.parametrize("steps", WINDOWS)
@pytest.mark.parametrize("name", sorted({*recurrences.RECURRENCES} - {"linear_recurrence", "ode_network"}))
@pytest.mark.slow
def test_five_computations_agree_with_autograd(name, steps, monkeypatch):
    monkeypatch.setattr(recurrences, "run", in_windows(steps))
    compared(recurrences.stated(name, STEPS, truncate=steps))


def cut_on_both_sides(steps):
    """The error of ``BOTH``, with windows of steps."""

    def error(x, y, W, R, V, e):
        f, g, zero = list[np.ndarray](), dict[int, np.ndarray](), 0 * x[:, 0]

        def read(states, at, now, far):
            inside = now // steps == far // steps
            return states[at] if inside else getval(states[at])

        for t in range(STEPS):
            one, three = (read(f, t - lag, t, t - lag) if t >= lag else zero for lag in (1, 3))
            f.append(recurrences.np.tanh(x[:, t] + one @ W.T + three @ R.T))
        for t in reversed(range(STEPS)):
            after = e if t == STEPS - 1 else read(g, t + 1, STEPS - 1 - t, STEPS - 2 - t)
            g[t] = recurrences.np.tanh(f[t] + after @ V.T)
        return recurrences.per_step(y, [g[t] for t in range(STEPS)])

    return error


@pytest.mark.parametrize("steps", [2, 1, 3, 4, STEPS])
@pytest.mark.sampled(5)
def test_windows_are_counted_from_where_a_recurrence_begins(steps):
    assert agrees(derive(Statement(BOTH), truncate=steps), cut_on_both_sides(steps), {})


@pytest.mark.parametrize("steps", [2, STEPS])
def test_the_text_has_the_option_and_is_read_back(steps):
    stated = derive(Statement(BOTH), truncate=steps)
    text = stated.equations()
    assert f"option truncate = {steps}\n" in text and "kappa" not in text
    again = derive(Statement(text))
    assert again.equations() == text and again.summary() == stated.summary()
    whole = derive(Statement(BOTH)).summary()
    assert (stated.summary()[2:] == whole[2:]) is (steps == STEPS)


def test_windows_may_be_stated_by_equations():
    text = ELMAN.replace("s[T, h]", "s[T, h], p[T, h]").replace("s[t - 1, r]", "p[t - 1, r]").replace("s[0", "p[0")
    text += "kappa[t in T] = 1 - sum(delta(t, 3*q), q in T)\n"
    text += "p[t, i] = kappa[t]*s[t, i] + stop_gradient((1 - kappa[t])*s[t, i])\n"
    *lines, error, first, second = text.strip().split("\n")
    factors = derive(Statement("\n".join([*lines, first, second, error]))).summary()[2:]
    assert factors == derive(Statement(ELMAN), truncate=3).summary()[2:]


@pytest.mark.parametrize("steps", [0, -1, 2.5, True, "x", "1e3", "9" * 99])
def test_other_numbers_are_refused(steps):
    with pytest.raises(SpecError, match="where a number of steps, a whole number of at least 1, is expected"):
        derive(Statement(ELMAN), truncate=steps)


@pytest.mark.parametrize(
    "stated", [Network([3, 1]), Statement("input x\ntarget y\nparameter w\no = w*x\nE = (y - o)**2")]
)
def test_without_a_recurrence_there_is_nothing_to_cut(stated):
    with pytest.raises(
        StatementError, match="truncate is about recurrences, and the equations have none: leave it out"
    ):
        derive(stated, truncate=4)


@pytest.mark.parametrize(
    ("size", "steps", "windows"), [("T", 20, 2), ("T = 99", 5, None), ("T = 99", 40, 2), ("T", 2, None)]
)
@pytest.mark.sampled(2)
def test_the_check_crosses_a_border(size, steps, windows):
    report = derive(Statement(ELMAN.replace("size T", f"size {size}")), truncate=steps).check()
    assert report.passed and report.windows == windows and report.steps == (7 if "99" in size else None)
    assert (f"windows of {windows} steps" in report.line()) is (windows is not None)


def test_a_stream_goes_on_across_windows():
    module = load(derive(Statement(ELMAN), truncate=2).numpy("core"))
    x, state, own = np.random.default_rng(0).normal(size=(3, 5, 2)), {}, module.initial_parameters(0)
    found = [module.stream(own, part, state) for part in np.split(x, [1, 4], axis=1)]
    assert off(np.concatenate(found, axis=1), module.forward(own, x, {})) < 1e-14


def test_a_document_says_what_is_cut():
    derivation = derive(Statement(ELMAN), truncate=20)
    told = derivation.markdown(only=("forward", "chain", "pattern"))
    for words in (
        "Back-propagation through time is truncated (Williams and Peng 1990): the steps are cut into windows of 20",
        "{math}`\\kappa` is 0 at the last step of each full window, and 1 elsewhere.",
        "{math}`\\check{s}` has the values of {math}`s`.",
        "pass any number of steps of a window",
        "what all later steps of the same window contribute",
        "They go on within windows only: {math}`\\kappa_t` is 0 where a window ends.",
        "run the rest of the forward pass with the values of {math}`\\bar{s}` kept",
    ):
        assert words in told
    assert "the number of paths grows" not in told
    assert "cut into windows of 20" in " ".join(derivation.explain("U[1,2]").split())


@pytest.mark.parametrize(
    ("name", "steps"),
    [("elman", 2), ("elman", 1), ("lstm", 2), ("bidirectional", 1), ("bidirectional", 2), ("second_order_lag", 2)],
)
@pytest.mark.sampled(6)
def test_pages_are_read_back(name, steps):
    assert check_page(derive(recurrences.stated(name, 3, truncate=steps).statement)) > 15


def test_beside_the_gradients_there_are_products_and_samples():
    assert [len(d.program.sought) for d in derive(Statement(ELMAN), truncate=2).beside()] == [3, 0, 1, 1]


@pytest.mark.slow
@pytest.mark.parametrize(("size", "windows"), [("T", 2), ("T = 30", None)])
def test_what_is_derived_again_keeps_the_windows(size, windows):
    second = derive(Statement(ELMAN.replace("size T", f"size {size}")), truncate=5, order=2)
    assert second.check().passed and second.check().windows == windows
    beside = second.origin.beside()
    assert len(beside) == 4 and all(d.check().passed for d in beside)
