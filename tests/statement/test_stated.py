"""A statement: what its equations become, what it refuses in one sentence, and the files that are made from it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import load, off
from sympy import Piecewise, exp, log, sign, sqrt, tanh

from derive import SAMPLE_AXIS, ForwardPass, Network, SpecError, Statement, StatementError, derive
from derive.calculus.index import SAMPLES, total
from derive.files.seals import edited
from derive.statement.quantities import SAME_SAMPLE
from derive.targets.verify import check_gradients, loaded
from derive.worked.example import work
from derive.worked.given import Numbers, settled


def begun(**options):
    """A statement with data, three parameters and an index for each size."""
    s = Statement(**options)
    n, h, k = s.size("n", 3), s.size("h", 5), s.size("k", 2)
    x, y = s.input("x", n), s.target("y", k)
    W, b, V = s.parameter("W", h, n), s.parameter("b", h), s.parameter("V", k, h)
    j, i, r = s.indices("j i r", n, h, k)
    return SimpleNamespace(**{name: value for name, value in locals().items() if name != "options"})


def two_layers(**options):
    """A statement of two layers of sigmoid, with the mean squared error."""
    g = begun(**options)
    s, i, j, r = g.s, g.i, g.j, g.r
    z = s.define("z", i, s.sum(g.W[i, j] * g.x[j], j) + g.b[i])
    a = s.define("a", i, s.apply("sigmoid", z[i]))
    o = s.define("o", r, s.apply("sigmoid", s.sum(g.V[r, i] * a[i], i)))
    s.error(s.mean((g.y[r] - o[r]) ** 2, r))
    return s


def equations(statement):
    """The right sides of the equations by the names of the tensors."""
    return {e.target.name: e.expression for e in statement.forward_pass().equations}


# What the equations become.


def test_a_statement_has_the_gradients_of_the_same_network():
    stated = load(derive(two_layers()).numpy())
    network = load(derive(Network((3, 5, 2), bias="augmented")).numpy())
    choose = np.random.default_rng(1)
    W, b, V = choose.normal(size=(5, 3)), choose.normal(size=(5, 1)), choose.normal(size=(2, 5))
    X, Y = choose.normal(size=(3, 7)), choose.uniform(size=(2, 7))
    own = {"W": W, "b": b, "V": V}
    of_layers = {"W1": np.hstack([b, W]), "W2": np.hstack([np.zeros((2, 1)), V])}
    found, expected = (m.NETWORK.differentiated(p, X, Y) for m, p in ((stated, own), (network, of_layers)))
    assert off(np.hstack([found["b"], found["W"]]), expected["W1"]) < 1e-14
    assert off(found["V"], expected["W2"][:, 1:]) < 1e-14


def test_a_tensor_that_reads_the_same_sample_has_an_axis_of_samples():
    g = begun()
    z = g.s.define("z", g.i, g.s.sum(g.W[g.i, g.j] * g.x[g.j], g.j))
    c = g.s.define("c", g.i, g.b[g.i] ** 2)
    t = g.s.define("t", (), g.s.sum(z[g.i], g.i))
    assert [q.tensor.axes[-1].sample for q in (z, c, t)] == [True, False, True]
    assert (z[g.i].indices[-1], t * 2) == (SAME_SAMPLE, 2 * t[()])


def test_an_index_of_samples_couples_them():
    g = begun()
    s, u, v = g.s, g.s.sample("u"), g.s.sample("v")
    z = s.define("z", g.i, s.sum(g.W[g.i, g.j] * g.x[g.j], g.j))
    mu = s.define("mu", g.i, s.mean(z[g.i, u], u))
    scores = s.define("q", u, s.sum(z[g.i, u] * z[g.i], g.i))
    p = s.define("p", u, exp(scores[u]) / s.sum(exp(scores[v]), v))
    assert mu.tensor.axes == (g.i.axis,)
    assert scores.tensor.axes == p.tensor.axes == (SAMPLE_AXIS, SAMPLE_AXIS)
    mixed = s.define("c", g.i, z[g.i] - mu[g.i] + s.sum(p[u] * z[g.i, u], u))
    a = s.define("a", g.i, tanh(mixed[g.i] + g.b[g.i]))
    o = s.define("o", g.r, s.sum(g.V[g.r, g.i] * a[g.i], g.i))
    s.error(s.sum((g.y[g.r] - o[g.r]) ** 2, g.r))
    assert equations(s)["mu"] == total(z[g.i, u], u) / SAMPLES
    derive(s).check().require()


def test_the_error_is_averaged_where_it_reads_the_same_sample():
    g = begun()
    s, i, j, r, u = g.s, g.i, g.j, g.r, g.s.sample("u")
    o = s.define("o", r, s.sum(g.V[r, i] * g.b[i], i) + g.y[r])
    squares = (o[r] - g.y[r]) ** 2
    of_u = (o[r, u] - g.y[r, u]) ** 2
    weights = s.sum(g.W[i, j] ** 2, i, j)
    s.error(s.sum(squares, r) / 2 + weights / 3 + s.sum(of_u, r, u) / s.samples)
    assert equations(s)["E"] == (
        total(squares, r, SAME_SAMPLE) / (2 * SAMPLES) + weights / 3 + total(of_u, r, u) / SAMPLES
    )


def test_sizes_are_numbers_in_formulas():
    s = Statement()
    n, k = s.size("n"), s.size("k", 4)
    assert (str(2 / n), str(n + k), -k, k**2, k - 1, 1 - k, 12 / k) == ("2/n", "n + 4", -4, 16, 3, -3, 3)
    assert (repr(n), repr(k), sqrt(k)) == ("n", "k = 4", 2)


def test_a_size_may_stay_a_name():
    s = Statement()
    n, k = s.size("n"), s.size("k")
    x, y, W = s.input("x", n), s.target("y", k), s.parameter("W", k, n)
    i, j = s.indices("i j", k, n)
    o = s.define("o", i, s.sum(W[i, j] * x[j], j) / sqrt(n))
    s.error(s.mean((y[i] - o[i]) ** 2, i))
    derive(s).check().require()


def test_constants_keep_their_names():
    g = begun()
    eps = g.s.constant("eps", 1e-5)
    z = g.s.define("z", g.i, g.s.sum(g.W[g.i, g.j] * g.x[g.j], g.j) * (1 + eps) + g.b[g.i])
    o = g.s.define("o", g.r, g.s.sum(g.V[g.r, g.i] * tanh(z[g.i]), g.i))
    g.s.error(g.s.mean((g.y[g.r] - o[g.r]) ** 2, g.r))
    assert g.s.forward_pass().constants == {"eps": Fraction(1, 100000)}
    assert "EPS = 1e-5" in derive(g.s).numpy("core")


def test_activations_with_options_have_names_of_their_own():
    s, i = Statement(), None
    h = s.size("h", 2)
    b, i = s.parameter("b", h), s.index("i", h)
    functions = [s.apply(text, b[i]).func.title for text in ("ELU", "elu(alpha=1)", "elu(alpha=1.4)", "tanh")]
    assert functions == ["elu", "elu", "elu_alpha_1_4", "tanh"]


def test_starts_are_names_numbers_and_arrays():
    s = Statement()
    h, n = s.size("h", 2), s.size("n", 3)
    s.parameter("W", h, n, start="Xavier uniform")
    s.parameter("g", h, start=1)
    s.parameter("c", start=np.float32(0.1))
    s.parameter("d", h, start=np.array(2))
    s.parameter("M", h, n, start=np.arange(6).reshape(2, 3))
    x, y, i, j = s.input("x", n), s.target("y", h), s.index("i", h), s.index("j", n)
    s.error(s.sum((y[i] - s.sum(x[j], j)) ** 2, i))
    assert s.forward_pass().starts == {
        "W": "glorot_uniform",
        "g": 1,
        "c": Fraction(repr(float(np.float32(0.1)))),
        "d": 2,
        "M": ((0, 1, 2), (3, 4, 5)),
    }


def test_data_may_have_no_samples_or_number_the_entries_of_a_size():
    s = Statement()
    t, v = s.size("T", 4), s.size("V", 9)
    A, word = s.input("A", t, t, samples=False), s.input("word", t, values=v)
    assert [a.sample for a in A.tensor.axes] == [False, False]
    assert (word.tensor.places, word.tensor.axes[-1].sample) == (v.axis, True)


def test_what_is_predicted_is_named():
    g = begun()
    s = g.s
    mu = s.define("mu", g.r, s.sum(g.V[g.r, g.i] * g.b[g.i], g.i) + s.sum(g.W[g.i, g.j] * g.x[g.j], g.i, g.j))
    v = s.define("v", g.r, mu[g.r] ** 2)
    s.error(s.sum(v[g.r] + (g.y[g.r] - mu[g.r]) ** 2 * exp(-v[g.r]), g.r))
    assert derive(s).program.outputs == ("mu", "v")
    s.output(v, mu)
    assert derive(s).program.outputs == ("v", "mu")


# Names.


@pytest.mark.parametrize(
    "name",
    ["lambda", "math", "tanh", "E", "m", "\u03b1", "self", "values", "learning_rate", "W_next", "Psi_z", "True"],
)
def test_a_tensor_may_have_any_name(name):
    s = Statement()
    n, k = s.size("n", 3), s.size("k", 2)
    x, y, W = s.input("x", n), s.target("y", k), s.parameter(name, k, n)
    i, j = s.indices("lambda_ E1", k, n)
    z = s.define("z", i, s.sum(W[i, j] * x[j], j))
    s.error(s.mean((y[i] - tanh(z[i])) ** 2, i))
    derivation = derive(s)
    derivation.check().require()
    assert derivation.latex() and derivation.html() and derivation.markdown()


def test_the_error_has_another_name_where_E_is_taken():
    s = Statement()
    x, y, E = s.input("x", 3), s.target("y", 2), s.parameter("E", 2, 3)
    i, j = s.indices("i j", 2, 3)
    s.error(s.mean((y[i] - s.sum(E[i, j] * x[j], j)) ** 2, i))
    assert [e.target.name for e in s.forward_pass().equations] == ["L"]


def test_a_derivative_is_stated_once_by_equations_that_have_names_of_their_own():
    g = begun()
    s, i, j = g.s, g.i, g.j
    a = s.define("a", i, tanh(s.sum(g.W[i, j] * g.x[j], j)))
    u = s.define("u", (), s.sum(g.b[i] * a[i], i))
    s.parameter("u_x2", 1)
    first = s.diff(u, g.x)
    assert s.diff(u, g.x).tensor == first.tensor and repr(first) == "u_x[n, samples]"
    assert repr(s.diff(first, g.x)) == "u_xx[n, n, samples]" and repr(s.diff(a, g.W)) == "a_W[i, h, n, samples]"
    assert [e.target.name for e in s._equations] == ["a", "u", "a_x", "u_x", "a_xx", "u_xx", "a_W"]


def test_documents_write_derivatives_with_subscripts():
    s = Statement()
    x, w, i = s.input("x"), s.parameter("w", 3, start=1), s.index("i", 3)
    u = s.define("u", (), s.sum(tanh(w[i] * x), i))
    s.error((s.diff(s.diff(u, x), x) + u) ** 2)
    derivation = derive(s)
    text = derivation.markdown()
    assert r"u_{xx} &= " in text and "A tensor as a subscript, as in {math}`u_x`, denotes the derivative" in text
    assert r"\Psi_{u_{xx}}" in text and "derivative in the equations, stated as `u_xx`" in text
    assert derivation.svg()


def test_an_index_may_be_named_again_and_what_failed_may_be_stated_again():
    g = begun()
    assert g.s.index("i", g.k).axis == g.k.axis
    with pytest.raises(StatementError):
        g.s.parameter("c", g.h, start=[1])
    with pytest.raises(StatementError):
        g.s.define("z", g.i, g.W[g.i, g.j])
    assert (g.s.parameter("c", g.h).name, g.s.define("z", g.i, g.b[g.i]).name) == ("c", "z")


# Refusals.

REFUSED = {
    's.size("n")': "n is a size already: choose another name, such as n2",
    's.parameter("x")': "x is an input already: choose another name, such as x2",
    's.index("W", h)': "W is a parameter already: choose another name, such as W2",
    's.sample("i")': "i is an index already: choose another name, such as i2",
    's.define("y", i, b[i])': "y is a target already: choose another name, such as y2",
    's.size("m")': "m is the number of samples: choose another name, such as M",
    's.size("2q", 1)': "'2q' is not a name: use letters, digits and _, not a digit first, 100 at most",
    's.size("q", 0)': "the size q is 0, where a whole number of at least 1 is expected",
    's.size("q", True)': "the size q is True, where a whole number of at least 1 is expected",
    's.index("p", 2.5)': "the index p has the size 2.5: give one that s.size returns, or a whole number",
    's.indices("p q", h, n, k)': "the indices p and q have 3 sizes: give one for each, or one",
    's.input("word", "n")': "axis 1 of word has the size 'n': give one that s.size returns, or a whole number",
    's.input("word", n, values="n")': "the values of word has the size 'n': give one that s.size returns",
    's.constant("c", "1")': "the constant c is '1', where a finite number is expected",
    's.parameter("g", h, start="he")': "the start of g: unknown initialisation 'he': there are ",
    's.parameter("g", h, start=[1, 2])': "the start of g is an array of shape (2,), but g has (5,)",
    's.parameter("g", h, n, start=[[1, 2, 3], [4]])': "the start of g is no array, since its rows have ",
    's.parameter("g", k, start=["a", 1])': "an entry of the start of g is 'a', where a finite number is expected",
    's.parameter("g", k, start={1: 2})': "the start of g is {1: 2}, where a finite number is expected",
    's.parameter("g", k, start=[1, float("nan")])': "an entry of the start of g is nan, where a finite number is ",
    "W[i]": "W[i] has 1 index, but W is read with 2 indices, for h, n",
    "x[j, u, u]": "x[j, u, u] has 3 indices, but x is read with 1 index, for n, or one more for the sample",
    "W[j, i]": "W[j, i] reads beyond axis 2 of W, n: i runs from 1 to 5, and that axis from 1 to 3",
    "x[j, j]": "x[j, j] has j as the index of the sample: x is read with 1 index, for n, or one more for the sample",
    "b[u]": "b[u] has the sample u where the index of axis 1 of b, h is expected",
    "b['i']": "an index of b[i] is 'i', where a formula is expected, such as W[i, j]*x[j]",
    "b + 1": "b has no indices, but b is read with 1 index, for h",
    "tanh(x)": "x has no indices, but x is read with 1 index, for n, or one more for the sample",
    "s.sum(b[i])": "the sum of b[i] has no index: name those that it runs over, such as i",
    "s.sum(b[i], j)": "the sum over j reads nothing at j: for equal terms, multiply",
    's.define("z", i, b[i] ** tanh(b[i]))': "the equation of z has an entry in the exponent of b[i], which may ",
    's.define("z", i, (1 - exp(b[i])) ** b[i])': "the equation of z has an entry in the exponent of 1 - exp(b[i]), ",
    "s.prod(b[i], j)": "the product over j reads nothing at j: for equal terms, multiply",
    "s.sum(b[i], 3)": "the sum over 3 needs an index, as s.index or s.sample return it",
    's.sum("b[i]", i)': "the argument of the sum is 'b[i]', where a formula is expected, such as W[i, j]*x[j]",
    's.apply("softmax", b[i])': "softmax mixes the entries of a tensor: write its formula, such as exp(z[i])/s.sum(",
    's.apply("tahn", b[i])': "unknown activation 'tahn': did you mean tanh",
    's.define("z", 3, b[i])': "the equation of z has 3 on its left, where an index is expected, as s.index returns it",
    's.define("z", (i, i), b[i])': "the equation of z has an index twice on its left",
    's.define("z", i, None)': "the right side of the equation of z is None, where a formula is expected, such as ",
    's.define("z", i, W[i, j] * x[j])': "the equation of z reads W[i, j], but j is neither on its left nor summed over",
    's.define("z", i, b[i] / s.size("w"))': "the equation of z reads the size w, which no tensor stated before has",
    's.define("z", (j, u), x[j] + 1)': "the equation of z has the sample u on its left, but reads the same sample: "
    "leave u out, or write it as the last index of what is read",
    "s.error(y[r])": "the equation of E reads y[r, same sample], but r is neither on its left nor summed over",
    "s.output(x)": "the output x[n, samples] has no equation, so that nothing is predicted by it",
    's.input("word", n, values=n, gradient=True)': "word has no gradient, because its entries are whole numbers: ",
    's.promise_mask(s.input("q", n, gradient=True))': "q has a gradient, so its entries change one by one, and cannot ",
    "s.diff(x, W)": "the derivative of x[n, samples] is of no use: it has no equation",
    's.diff(s.define("z", i, b[i] ** 2), j)': "a derivative is with respect to an input or a parameter, not to j",
    's.diff(s.define("z", i, b[i] ** 2), x)': "z does not depend on x: it has no derivative to state",
    's.diff(s.define("z", (), s.max(x[j], j)), x)': "the equation of z has a maximum or minimum over an index, whose ",
    's.diff(s.define("z", (), s.prod(x[j], j)), x)': "the equation of z has a product over an index, whose derivative ",
    's.diff(s.define("z", j, s.sum(x[j, u], u)), x)': "the equation of z combines samples of x: a derivative with ",
    "s.promise_mask(3)": "a promise about 3 is of no use: promise something about data or parameters",
    "s.promise_sums_to_one(y, over=j)": "no axis of y is one that j runs over: y[k, samples] has others",
    "s.promise_sums_to_one(y), s.promise_mask(y)": "y is promised to sum to 1 and to be 0 or 1: promise ",
    "derive(s)": "the statement has no error: state what learning makes small with s.error(...)",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_stated_is_refused_where_it_is_written(text):
    g = begun()
    known = {
        **vars(g),
        "u": g.s.sample("u"),
        "tanh": tanh,
        "exp": exp,
        "derive": derive,
    }
    with pytest.raises((StatementError, TypeError)) as refused:
        eval(text, known)
    assert str(refused.value).startswith(REFUSED[text])


def with_gradient(**options):
    """A statement with an input whose gradient is derived."""
    s = Statement(**options)
    n, k = s.size("n", 3), s.size("k", 2)
    x, y, W = s.input("x", n, gradient=True), s.target("y", k), s.parameter("W", k, n)
    i, j = s.indices("i j", k, n)
    o = s.define("o", i, tanh(s.sum(W[i, j] * x[j], j)))
    s.error(s.mean((y[i] - o[i]) ** 2, i))
    return s


def test_the_gradient_of_an_input_is_a_function_that_no_step_calls():
    derivation = derive(with_gradient(optimizer="adam", clip=1.0))
    module = load(derivation.numpy())
    own, X, Y = module.example(samples=4)
    found = module.input_gradients(own, X, Y)
    expected = -downhill(own["W"], X, Y)
    assert list(found) == ["x"] and off(found["x"], expected) < 1e-14
    assert list(module.gradients(own, X, Y)) == ["W"]
    assert "input_gradients" not in derivation.numpy("core").partition("def update")[2]
    assert set(derivation.check().parameters) == {"W", "x"}
    assert "x[2]" in derivation.explain("x[2]") and "input_gradients" in derivation.markdown()


def downhill(W, X, Y):
    """The negative derivative of the mean squared error of tanh(W X) with respect to X."""
    o = np.tanh(W @ X)
    return W.T @ ((Y - o) * (1 - o**2)) / X.shape[1]


def test_a_wrong_gradient_of_an_input_is_found():
    source = derive(with_gradient()).numpy_target.rendered.linked
    assert check_gradients(loaded(source), None).right
    assert not check_gradients(loaded(source.replace("dE_dx = ", "dE_dx = 2 * ")), None).right


def test_cases_may_stand_in_reductions_in_sums_and_in_conditions():
    """SymPy takes cases out of a reduction together with its index, and compares them by a node of its own."""
    g = begun()
    s, i, j, r = g.s, g.i, g.j, g.r
    t = s.define("t", r, s.sum(s.max(Piecewise((g.W[i, j] * g.x[j], g.x[j] > 0), (g.b[i], True)), j) * g.V[r, i], i))
    u = Piecewise((2 * t[r], t[r] > 0), (t[r] / 2, True))
    o = s.define("o", r, Piecewise((u, u > 1), (tanh(u), True)))
    s.error(s.mean((g.y[r] - o[r]) ** 2, r))
    derive(s).check().require()


def test_a_promise_names_its_axis_by_number_where_two_have_one_size():
    text = """
        size k = 3
        input p[k, k]
        target y[3]
        parameter w[k]
        promise sums_to_one p over axis 2
        q[i] = sum(p[i, j] * w[j], j)
        E = sum((q[i] - y[i])**2, i)
    """
    s = Statement(text)
    assert [promise.axis for promise in s.forward_pass().promises] == [1]
    assert "promise sums_to_one p over axis 2" in derive(s).equations()
    with pytest.raises(StatementError, match="no axis of p is number 5"):
        Statement(text.replace("axis 2", "axis 5"))


def test_a_parameter_that_only_a_sign_reads_is_refused():
    g = begun()
    z = g.s.define("z", g.r, sign(g.s.sum(g.V[g.r, g.i] * g.b[g.i], g.i)) + g.s.sum(g.W[g.i, g.j] * g.x[g.j], g.i, g.j))
    g.s.error(g.s.mean((g.y[g.r] - z[g.r]) ** 2, g.r))
    with pytest.raises(StatementError, match="has the derivative 0 with respect to the parameters b and V, wherever"):
        derive(g.s)


def test_an_input_that_the_error_does_not_read_has_no_gradient():
    s = with_gradient()
    s.input("q", gradient=True)
    with pytest.raises(StatementError, match="the error does not depend on the input q: leave it out"):
        derive(s)
    with pytest.raises(StatementError, match="z has no gradient: only an input of real numbers has one"):
        derive(replace(with_gradient().forward_pass(), sought=("z",)))


def test_the_error_is_stated_once():
    s = two_layers()
    with pytest.raises(StatementError, match="the error is stated already, as E: add the terms up in one"):
        s.error(0)


# Promises.


@pytest.mark.parametrize("promise", ["promise_positive", "promise_probabilities"])
def test_a_worked_example_draws_numbers_that_keep_what_is_promised(promise):
    s = Statement()
    n, k = s.size("n", 3), s.size("k", 2)
    x, y, W, w = s.input("x", n), s.target("y", k), s.parameter("W", k, n), s.parameter("w", n, start=0.5)
    i, j = s.indices("i j", k, n)
    o = s.define("o", i, s.sum(W[i, j] * x[j] * log(w[j]), j))
    s.error(s.mean((y[i] - o[i]) ** 2, i))
    getattr(s, promise)(w)
    derivation = derive(s)
    for seed in range(3):
        start = settled(Numbers({"seed": seed}), derivation)
        assert not derivation.forward.promises[0].broken(start.parameters["w"]).any()


def test_numbers_that_break_a_promise_are_refused():
    g = begun()
    g.s.promise_mask(g.y)
    o = g.s.define("o", g.r, g.s.sum(g.V[g.r, g.i] * (g.s.sum(g.W[g.i, g.j] * g.x[g.j], g.j) + g.b[g.i]), g.i))
    g.s.error(g.s.mean((g.y[g.r] - o[g.r]) ** 2, g.r))
    with pytest.raises(SpecError, match=r"y has the entry 0\.5, but its entries are promised to be 0 or 1"):
        settled(Numbers({"x": [[1, 2, 3]], "y": [[0, 0.5]]}), derive(g.s))


def test_targets_that_sum_to_one_shorten_the_backward_pass():
    def softmax(promise):
        s = Statement()
        n, k = s.size("n", 3), s.size("k", 4)
        x, y, W = s.input("x", n), s.target("y", k), s.parameter("W", k, n)
        i, r, j = s.indices("i r j", k, k, n)
        z = s.define("z", i, s.sum(W[i, j] * x[j], j))
        p = s.define("p", i, exp(z[i]) / s.sum(exp(z[r]), r))
        s.error(-s.sum(y[i] * log(p[i]), i))
        if promise:
            s.promise_sums_to_one(y, over=i)
        return derive(s)

    plain, promised = softmax(False), softmax(True)
    assert (plain.targets, promised.targets) == ("real", "classes")
    assert [d.summary()[-1].strip() for d in (plain, promised)][1] == "Ψ_z = 1/m (p − y)"
    assert plain.summary() != promised.summary()
    promised.check().require()


# How it learns, what it is called, and its files.


def test_the_options_are_those_of_a_network():
    options = {"optimizer": "Adam(beta1=0.8)", "l2": 0.01, "clip": 1.0, "schedule": "cosine(steps=9)"}
    derivation, network = derive(two_layers(**options)), Network((3, 5, 2), **options)
    assert derivation.descent == network.descent
    assert derivation.description == (
        "A network defined by its forward equations. The network is trained with Adam(beta1=0.8), with an L2 penalty "
        "of strength 0.01, gradients clipped at norm 1, and the schedule cosine(steps=9)."
    )
    assert derivation.program.statements[-1].stage == "update" and "R" in derivation.program.tensors
    derivation.check().require()
    for wrong in ({"optimizer": "adma"}, {"l2": -1}, {"name": "my net"}):
        with pytest.raises(SpecError) as refused:
            Network((3, 1), **wrong)
        with pytest.raises(SpecError, match=str(refused.value)[:20]):
            Statement(**wrong)


def test_the_name_of_a_number_of_the_step_is_refused():
    with pytest.raises(StatementError, match="R is the L2 penalty already: choose another name, such as R2"):
        Statement(l2=0.1).parameter("R")
    with pytest.raises(StatementError, match="beta1 is a number of the step already"):
        Statement(optimizer="adam").parameter("beta1")


def test_a_statement_is_written_to_files(tmp_path):
    folder = derive(two_layers(name="mine", optimizer="momentum")).write(tmp_path)
    assert folder == tmp_path / "mine"
    assert not (folder / "network.toml").exists()
    texts = {p.name: p.read_text(encoding="utf-8") for p in folder.iterdir() if p.is_file()}
    assert all(edited(text) is False for text in texts.values())
    assert "change equations.eq and run derive again" in texts["trainer.py"]
    assert not any("network.toml" in text for name, text in texts.items() if name != "_runtime.py")
    checked = subprocess.run([sys.executable, "-m", "mine"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "The gradients are right." in checked.stdout


def test_equal_statements_have_equal_digests():
    digests = [derive(two_layers(**o)).digest for o in ({}, {}, {"optimizer": "adam"})]
    assert digests[0] == digests[1] != digests[2]
    assert isinstance(two_layers().forward_pass(), ForwardPass)


def test_a_worked_example_has_any_data_in_rows_and_columns():
    s = Statement()
    n, h, k = s.size("n", 3), s.size("h", 2), s.size("k", 4)
    A, x, z = s.input("A", h, n, samples=False), s.input("x", n), s.input("z")
    word, y, label = s.input("word", values=k), s.target("y", h), s.target("label", values=h)
    W, C, i, j = s.parameter("W", h, n), s.parameter("C", k, h), *s.indices("i j", h, n)
    o = s.define("o", i, s.sum(A[i, j] * W[i, j] * x[j], j) * z + C[word, i])
    s.error(s.sum((y[i] - o[i]) ** 2, i) + o[label])
    s.promise_mask(A)
    derivation = derive(s)
    given = {"word": [4, 1, 4], "z": [1, 2, 3], "steps": 2, "rounds": 3}
    example = work(derivation, Numbers(given))
    assert example.samples == 3 and {"A", "x", "y", "label", "W", "C"} == {*example.start.drawn}
    assert not derivation.forward.promises[0].broken(example.start.data["A"]).any()
    assert np.array_equal(example.start.data["word"], [[4, 1, 4]])
    for step in example.steps:
        assert max(float(m.difference.max()) for m in step.measured.values()) < 1e-6
    for wrong, said in (
        ({"word": [5, 1]}, "word has the entry 5, where whole numbers from 1 to 4 are expected"),
        ({"label": [1.5, 1]}, r"label has the entry 1\.5, where whole numbers from 1 to 2 are expected"),
        ({"z": [1, 2], "x": [[1, 2, 3]]}, "x has 1 sample and z has 2: give the same number for both"),
    ):
        with pytest.raises(SpecError, match=said):
            settled(Numbers(wrong), derivation)
    assert derivation.latex(numbers="seed:1") and derivation.explain("C[1,2]")


def test_what_a_recurrence_begins_with_is_read_in_the_error_and_at_its_place():
    statement = Statement("""
        size T, d = 3
        input x[T, d]
        target y[T, d]
        recurrent h[T, d]
        parameter g[d]
        h[0, i] = g[i]
        c[i] = h[0, i]**2
        h[t, i] = tanh(x[t, i] + h[t - 1, i] + c[i])
        E = sum((y[t, i] - h[t - 1, i])**2, t, i) + sum(h[0, i], i)
    """)
    written = {e.target.name: str(e.expression) for e in statement.forward_pass().equations}
    assert written["c"] == "g[i]**2"
    assert "KroneckerDelta(1, t)*g[i]" in written["E"] and "Sum(g[i], (i, 1, 3))" in written["E"]
