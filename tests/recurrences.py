"""The recurrences of examples/, each beside a plain loop over its steps, which HIPS autograd differentiates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd.numpy as np
from conftest import ROOT
from models import Model, sigmoid

from derive import Statement

RECURRENCES: dict[str, Callable[..., Any]] = {}


def recurrence(error: Callable[..., Any]) -> Callable[..., Any]:
    """Enter the error of an example in the table."""
    RECURRENCES[error.__name__] = error
    return error


def stated(name: str, steps: int, **options: Any) -> Model:
    """An example with a number of steps."""
    text = (ROOT / "examples" / f"{name}.eq").read_text(encoding="utf-8")
    fixed = "size      T = "
    known = fixed in text
    if known:
        start = text.index(fixed) + len(fixed)
        text = f"{text[:start]}{steps}{text[start + 1 :]}"
    return Model(Statement(text, **options), RECURRENCES[name], sizes={} if known else {"T": steps})


def steps_of(x: Any) -> list[Any]:
    """The steps of a sequence, samples first."""
    return [x[:, t] for t in range(x.shape[1])]


def per_step(y: Any, found: list[Any]) -> Any:
    """The mean of the squares over samples, steps and units."""
    return np.mean((y - np.stack(found, axis=1)) ** 2)


def run(x: Any, step: Callable[..., Any], *state: Any) -> list[Any]:
    """The states after each step."""
    found = []
    for value in steps_of(x):
        state = step(value, *state)
        found.append(state)
    return found


def plain(W: Any, U: Any, b: Any) -> Callable[..., Any]:
    """A step of a simple recurrent layer."""
    return lambda x, s: (np.tanh(x @ W.T + s @ U.T + b),)


def zeros(x: Any, units: int) -> Any:
    """A state of zeros."""
    return np.zeros((len(x), units))


@recurrence
def elman(x, y, W, U, b, first, V):
    found = run(x, plain(W, U, b), zeros(x, len(b)) + first)
    return per_step(y, [s @ V.T for (s,) in found]) * y.shape[-1] / 2


@recurrence
def lstm(x, y, W, U, b):
    def step(x, s, c):
        z = [x @ W[g].T + s @ U[g].T + b[g] for g in range(4)]
        c = sigmoid(z[0]) * c + sigmoid(z[1]) * np.tanh(z[2])
        return sigmoid(z[3]) * np.tanh(c), c

    *_, (last, _) = run(x, step, zeros(x, y.shape[1]), zeros(x, y.shape[1]))
    return np.mean((y - last) ** 2)


@recurrence
def lstm_peephole(x, y, W_i, U_i, p_i, W_f, U_f, p_f, b_f, W_o, U_o, p_o, W_g, U_g):
    def step(x, s, c):
        g = sigmoid(x @ W_i.T + s @ U_i.T + p_i * c)
        f = sigmoid(x @ W_f.T + s @ U_f.T + p_f * c + b_f)
        c = f * c + g * np.tanh(x @ W_g.T + s @ U_g.T)
        return sigmoid(x @ W_o.T + s @ U_o.T + p_o * c) * np.tanh(c), c

    return per_step(y, [s for s, _ in run(x, step, zeros(x, len(b_f)), zeros(x, len(b_f)))])


@recurrence
def gru(x, y, W_u, U_u, b_u, W_r, U_r, b_r, W, U, b, V):
    def step(x, s):
        u, r = sigmoid(x @ W_u.T + s @ U_u.T + b_u), sigmoid(x @ W_r.T + s @ U_r.T + b_r)
        return (u * s + (1 - u) * np.tanh(x @ W.T + (r * s) @ U.T + b),)

    return per_step(y, [s @ V.T for (s,) in run(x, step, zeros(x, len(b)))])


@recurrence
def gru_reset_after(x, y, W_u, U_u, b_u, W_r, U_r, b_r, W, U, b, d):
    def step(x, s):
        u, r = sigmoid(x @ W_u.T + s @ U_u.T + b_u), sigmoid(x @ W_r.T + s @ U_r.T + b_r)
        return (u * s + (1 - u) * np.tanh(x @ W.T + b + r * (s @ U.T + d)),)

    return per_step(y, [s for (s,) in run(x, step, zeros(x, len(b)))])


@recurrence
def bidirectional(x, y, Wf, Uf, cf, Wb, Ub, cb, V):
    there = run(x, plain(Wf, Uf, cf), zeros(x, len(cf)))
    back = run(x[:, ::-1], plain(Wb, Ub, cb), zeros(x, len(cb)))[::-1]
    return per_step(y, [f @ V[0].T + b @ V[1].T for (f,), (b,) in zip(there, back, strict=True)])


@recurrence
def stacked_recurrence(x, y, W, U, b, V, R, c):
    lower = np.stack([s for (s,) in run(x, plain(W, U, b), zeros(x, len(b)))], axis=1)
    *_, (last,) = run(lower, plain(V, R, c), zeros(x, len(c)))
    return np.mean((y - last) ** 2)


@recurrence
def linear_recurrence(x, y, a, B, C, first):
    """The closed form: the state after t steps is a sum of powers of a."""
    steps = x.shape[1]
    states = [a ** (t + 1) * first + sum(a ** (t - r) * (x[:, r] @ B.T) for r in range(t + 1)) for t in range(steps)]
    return per_step(y, [s @ C.T for s in states])


@recurrence
def character_lstm(c, y, C, W, U, b, V, a):
    def step(x, s, cell):
        z = [x @ W[k].T + s @ U[k].T + b[k] for k in range(4)]
        cell = sigmoid(z[0]) * cell + sigmoid(z[1]) * np.tanh(z[2])
        return sigmoid(z[3]) * np.tanh(cell), cell

    units, rows = U.shape[-1], np.arange(len(c))
    states = run(C[c - 1], step, zeros(c, units), zeros(c, units))
    outputs = [s @ V.T + a for s, _ in states]
    terms = [np.log(np.sum(np.exp(q), axis=1)) - q[rows, y[:, t] - 1] for t, q in enumerate(outputs)]
    return np.mean(np.stack(terms))


@recurrence
def echo_state(x, W, R, y, V, b):
    found = run(x, plain(W, R, np.zeros(len(R))), zeros(x, len(R)))
    return per_step(y, [s @ V.T + b for (s,) in found])


@recurrence
def second_order_lag(x, y, W, U, V, b):
    def step(x, s, before):
        return np.tanh(x @ W.T + s @ U.T + before @ V.T + b), s

    return per_step(y, [s for s, _ in run(x, step, zeros(x, len(b)), zeros(x, len(b)))])


@recurrence
def ode_network(x, y, W, b):
    for _ in range(ode_network.steps):
        x = x + 0.125 * np.tanh(x @ W.T + b)
    return np.sum((y - x) ** 2) / len(x)
