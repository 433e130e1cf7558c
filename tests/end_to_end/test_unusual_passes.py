"""Forward passes as users state them: data under other names, a gain, a temperature, one unit, named widths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers import apply, axis, closed, define, dense, load, squares, summed
from reading import Differs, check_page
from sympy import Add, Rational, exp, sqrt

from derive import SAMPLE_AXIS, SAMPLES, derive
from derive.paper.vectors import Vectors
from derive.statement.statement import Statement

INPUTS = axis(3)


def named(x="X", y="Y", error="E"):
    """One layer, with these names of the data and of the loss."""
    s = Statement()
    data, targets = s.input(x, INPUTS), s.target(y, axis(4))
    a = apply(s, "A", "tanh", dense(s, "z", s.parameter("W", axis(4), INPUTS), data))
    s.error(squares(s, targets, a), error)
    return s.forward_pass()


def normalised(width):
    """Batch normalisation in one equation, with a gain."""
    s = Statement()
    units = axis(width)
    x, y = s.input("X", INPUTS), s.target("Y", units)
    z, g = dense(s, "z", s.parameter("W", units, INPUTS), x), s.parameter("g", units)

    def mean(i):
        return summed(s, SAMPLE_AXIS, lambda u: z[i, u]) / SAMPLES

    def variance(i):
        return summed(s, SAMPLE_AXIS, lambda u: (z[i, u] - mean(i)) ** 2) / SAMPLES

    n = define(s, "n", z.axes, lambda i, u: g[i,] * (z[i, u] - mean(i)) / sqrt(variance(i) + Rational(1, 1000)))
    return closed(s, squares(s, y, n))


def temperature(role):
    """A softmax with a learned temperature, a scalar of this role."""
    s = Statement()
    units = axis(4)
    x, y = s.input("X", INPUTS), s.target("Y", units)
    z, t = dense(s, "z", s.parameter("W", units, INPUTS), x), s.parameter("tau")
    s._parameters[-1] = replace(t.tensor, role=role)
    e = define(s, "q", z.axes, lambda i, u: exp(z[i, u] / t[()]))
    return closed(s, squares(s, y, define(s, "p", z.axes, lambda i, u: e[i, u] / summed(s, units, lambda j: e[j, u]))))


@pytest.mark.parametrize("names", [{"x": "U"}, {"y": "T"}, {"x": "m"}, {"error": "m"}, {"error": "eta"}])
@pytest.mark.sampled(2)
def test_the_data_and_the_loss_may_have_any_name(names):
    derivation = derive(named(**names))
    derivation.check()
    for write in (derivation.latex, derivation.html, derivation.notebook):
        assert write(numbers="seed:1")


@pytest.mark.parametrize("width", [4, "k"])
def test_a_nested_normalisation_has_documents(width):
    derivation = derive(normalised(width))
    derivation.check()
    assert derivation.latex() and derivation.markdown() and derivation.html()


def test_one_unit_of_coupled_samples_has_no_index():
    s = Statement()
    x, y = s.input("X", INPUTS), s.target("Y", axis(1))
    z = dense(s, "z", s.parameter("W", axis(1), INPUTS), x)
    mu = define(s, "mu", (axis(1),), lambda i: summed(s, SAMPLE_AXIS, lambda u: z[i, u]) / SAMPLES)
    derivation = derive(closed(s, squares(s, y, define(s, "c", z.axes, lambda i, u: z[i, u] - mu[i,]))))
    assert check_page(derivation) > 20
    assert "[1 = 1]" not in derivation.latex(detail="exhaustive")


@pytest.mark.parametrize("role", ["weight", "gain", "bias"])
def test_a_learned_scalar_starts_where_its_quotient_is_finite(role):
    derivation = derive(temperature(role))
    page = derivation.latex(detail="exhaustive")
    assert "intermediate value, stated as \\texttt{tau}" not in page
    started = load(derivation.numpy()).initial_parameters(0)
    assert np.all(started["tau"] != 0)


def test_gains_start_at_one_and_biases_at_zero():
    source = derive(normalised(4)).numpy()
    assert "factors such as gains are one" in source
    assert np.array_equal(load(source).initial_parameters(0)["g"], np.ones((4, 1)))


@pytest.mark.parametrize("width", [4, "k"])
def test_vectors_over_samples_hold(width):
    found = derive(normalised(width))
    assert "vectors over the samples of the batch, one for each unit" in found.latex(only="pattern")
    assert check_page(found) > 20


def test_vectors_over_samples_without_one_of_their_terms_are_refused(monkeypatch):
    write = Vectors.formula

    def short(self, e):
        return write(self, Add(*e.args[1:]) if e.is_Add and len(e.args) > 2 else e)

    monkeypatch.setattr(Vectors, "formula", short)
    with pytest.raises(Differs, match="mean"):
        check_page(derive(normalised(4)))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_windows_that_read_an_entry_several_times_are_counted(dtype):
    """The gradient of a sum over windows of a parameter counts the windows of each entry."""
    s = Statement()
    w, v, x, y = s.parameter("w", 6), s.parameter("v", 6), s.input("x"), s.target("y")
    p, k = s.indices("p k", 3)
    r = s.define("r", (), s.sum(w[2 * p + k - 2], p, k) + 3 * s.sum(v[p + k], p, k))
    s.error((y - s.define("o", (), r * x)) ** 2)
    derivation = derive(s)
    assert derivation.check().passed
    module = load(derivation.numpy())
    parameters, *data = module.example()
    slopes = module.gradients({n: a.astype(dtype) for n, a in parameters.items()}, *(d.astype(dtype) for d in data))
    assert {a.dtype for a in slopes.values()} == {np.dtype(dtype)}
    assert np.allclose(slopes["w"] / slopes["w"][0], [[1], [1], [2], [1], [2], [1]])
    assert np.allclose(slopes["v"] / slopes["v"][1], [[0], [1], [2], [3], [2], [1]])


def test_a_tensor_may_have_the_name_of_the_number_of_samples():
    text = """
        size n = 3, k = 2
        input x[n, k]
        target y[k]
        parameter W[k, k, n]
        m[i, p in k] = sum(W[i, r, j] * x[j, r + p - 1], j, r)
        q[i] = mean(m[i, p], p)
        E = sum((y[i] - q[i])**2, i)
    """
    derive(Statement(text)).check().require()


def test_an_entry_of_an_axis_with_one_entry_is_read_on_paper_and_in_code():
    s = Statement("input x[3]\n target y\n parameter W[1, 3]\n q[i] = tanh(sum(W[i, j] * x[j], j))\n E = (y - q[1])**2")
    derivation = derive(s)
    assert any(line.startswith("Ψ_q") for line in derivation.summary())
    derivation.check().require()
