"""The backward pass of a layer alone, from given derivatives: its numbers, its documents, and what it refuses."""

from __future__ import annotations

import json

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from helpers import load, off
from sympy import exp, sqrt, tanh

from derive import Edition, SpecError, Statement, StatementError, derive


def layer_norm(**options):
    s = Statement(**options)
    h = s.size("h", 4)
    x, gamma, beta = s.input("x", h), s.parameter("gamma", h, start=1), s.parameter("beta", h)
    i = s.index("i", h)
    mu = s.define("mu", (), s.mean(x[i], i))
    v = s.define("v", (), s.mean((x[i] - mu) ** 2, i))
    y = s.define("y", i, gamma[i] * (x[i] - mu) / sqrt(v + s.constant("eps", 1e-5)) + beta[i])
    s.backward(y)

    def forward(x, gamma, beta):
        return (gamma * (x - anp.mean(x, 0)) / anp.sqrt(anp.var(x, 0) + 1e-5) + beta,)

    return s, forward


def softmax():
    s = Statement()
    k = s.size("k", 3)
    z, (i, j) = s.input("z", k), s.indices("i j", k)
    s.backward(s.define("p", i, exp(z[i]) / s.sum(exp(z[j]), j)))
    return s, lambda z: (anp.exp(z) / anp.sum(anp.exp(z), 0),)


def batch_norm():
    s = Statement()
    h = s.size("h", 4)
    x, g, i, u = s.input("x", h), s.parameter("g", h, start=1), s.index("i", h), s.sample("u")
    mu = s.define("mu", i, s.mean(x[i, u], u))
    v = s.define("v", i, s.mean((x[i, u] - mu[i]) ** 2, u))
    s.backward(s.define("y", i, g[i] * (x[i] - mu[i]) / sqrt(v[i] + s.constant("eps", 1e-5))))

    def forward(x, g):
        centred = x - anp.mean(x, 1, keepdims=True)
        return (g * centred / anp.sqrt(anp.var(x, 1, keepdims=True) + 1e-5),)

    return s, forward


def cell():
    """Two outputs, of a recurrent cell; the new state is read by the output, so that a copy of it is given."""
    s = Statement()
    n, h = s.size("n", 3), s.size("h", 2)
    x, c, W, U = s.input("x", n), s.input("c", h), s.parameter("W", h, n), s.parameter("U", h, n)
    i, j = s.indices("i j", h, n)
    f = s.define("f", i, s.apply("sigmoid", s.sum(W[i, j] * x[j], j)))
    new = s.define("new", i, f[i] * c[i] + (1 - f[i]) * tanh(s.sum(U[i, j] * x[j], j)))
    s.backward(s.define("o", i, tanh(new[i])), s.define("out", i, new[i]))

    def forward(x, c, W, U):
        f = 1 / (1 + anp.exp(-W @ x))
        new = f * c + (1 - f) * anp.tanh(U @ x)
        return anp.tanh(new), new

    return s, forward


LAYERS = {made.__name__: made for made in (layer_norm, softmax, batch_norm, cell)}


@pytest.mark.parametrize("name", LAYERS)
def test_the_derivatives_are_those_of_autograd(name):
    statement, forward = LAYERS[name]()
    derivation = derive(statement)
    module, program, draw = load(derivation.numpy()), derivation.program, np.random.default_rng(1)
    shapes = {t.name: [7 if a.sample else int(a.extent) for a in t.axes] for t in program.given if t.axes}
    drawn = {name: draw.normal(size=shape if len(shape) > 1 else (*shape, 1)) for name, shape in shapes.items()}
    parameters = {t.name: drawn[t.name] for t in program.parameters}
    given, inputs = program.upstream, [t for t in program.inputs if t.about is None]

    def error(variables):
        return sum(anp.sum(drawn[t.name] * y) for t, y in zip(given, forward(**variables), strict=True))

    values = {}
    module.forward(parameters, *(drawn[t.name] for t in inputs), values)
    found = module.backward(parameters, *(drawn[t.name] for t in program.inputs), values)
    expected = grad(error)({name: value for name, value in drawn.items() if name in {*found}})
    assert {*found} == {*parameters, *(t.name for t in inputs)}
    assert all(off(found[name], slope) < 1e-10 for name, slope in expected.items())


def test_documents_write_what_is_given_as_a_derivative():
    derivation = derive(layer_norm()[0])
    for text in (derivation.markdown(detail=d) for d in ("brief", "full", "exhaustive")):
        assert r"Given {math}`\frac{\partial E}{\partial y}`, the derivative of a loss" in text
        assert "dE_dy" not in text and "learning rate" not in text
    text = derivation.markdown()
    assert "(8)" in text and "(9)" not in text  # the error and the updates have no place
    assert r"{math}`\frac{\partial E}{\partial y}` | given: the derivative of {math}`E`" in text
    story = derivation.explain("x[2]")
    assert "∂E/∂x_2 = ∂E/∂y_2 ∂y_2/∂x_2" in story and "∂E/∂y_2 = ∂E/∂y_2" not in story


def test_the_cells_of_the_notebook_run():
    cells = json.loads(derive(softmax()[0]).notebook())["cells"]
    exec("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"), {})


def test_the_folder_has_the_layer_and_no_trainer(tmp_path):
    folder = derive(layer_norm(name="norm")[0]).write(tmp_path, edition=Edition("md"))
    assert {p.name for p in folder.iterdir()} == {"derivation.md", "equations.eq", "layer.py", "network.svg", "parts"}


def test_what_needs_training_is_refused_in_one_sentence():
    derivation = derive(layer_norm()[0])
    for refused, said in (
        (lambda: derivation.markdown(numbers=3), "numbers are for a network that is trained"),
        (lambda: derivation.markdown(exercises=True), "exercises are for a network that is trained"),
        (lambda: derivation.markdown(only="loop"), "only names loop, but a layer alone is not trained"),
        (lambda: derivation.notebook(exercise=True), "flavour exercise is for a network that is trained"),
        (lambda: derivation.numpy("predict"), "form predict is for a network"),
        (lambda: derive(layer_norm(l2=0.1, clip=1.0)[0]), "takes no step: leave out l2 and clip"),
    ):
        with pytest.raises((SpecError, StatementError), match=said):
            refused()


def test_what_is_given_is_an_output_that_no_other_equation_reads():
    s = Statement()
    x, i = s.input("x", 3), s.index("i", 3)
    with pytest.raises(StatementError, match=r"s.backward names no tensor"):
        s.backward()
    with pytest.raises(StatementError, match=r"the output x\[3, samples\] has no equation"):
        s.backward(x)
    y = s.define("y", i, tanh(x[i]))
    z = s.define("z", i, y[i] ** 2)
    with pytest.raises(StatementError, match="the equation of z reads y, whose derivative is given: define a copy"):
        s.backward(y, z)
    s.error(s.sum(z[i], i))
    with pytest.raises(StatementError, match="the error is stated, as E: leave out"):
        s.backward(z)
