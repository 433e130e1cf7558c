"""Second and third derivatives, against HIPS autograd, which differentiates plain functions, and differences."""

from __future__ import annotations

import importlib
import itertools
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import autograd
import autograd.numpy as anp
import models
import numpy as np
import pytest
from autograd.misc.flatten import flatten
from helpers import Values, off, shape_of
from models import MODELS
from sympy import tanh
from test_every_pair import ELEMENTWISE, ERRORS, FUNCTIONS, targets

from derive import Derivation, Network, Statement, derive
from derive.calculus.evaluate import FLOATS, interpret
from derive.catalogue.losses import LOSSES
from derive.command.main import main
from derive.paper.notation import NOTATIONS
from derive.paper.text import text
from derive.text.errors import SpecError, StatementError

STAGES = ("forward", "error", "factor", "gradient")
SIZES = {"m": 5}


def hessian_vector(error: Any, parameters: Values, directions: Values) -> Values:
    """The product by autograd."""
    start, back = flatten(parameters)
    vector, _ = flatten(directions)
    found: Values = back(autograd.hessian_vector_product(lambda flat: error(back(flat)))(start, vector))
    return found


def interpreted(derivation: Derivation, values: Values, sizes: Any) -> Values:
    """The derivatives sought, by parameter, from the equations with indices."""
    program = derivation.program
    found = interpret(program, values, sizes, FLOATS, STAGES)
    return {s.target.about.name: np.asarray(found[s.target.name], float) for s in program.stage("gradient")}


def along(derivation: Derivation, draw: np.random.Generator) -> Values:
    """Directions, by the names of their tensors."""
    return {t.name: draw.normal(size=shape_of(t, SIZES)) for t in derivation.program.upstream}


# Every activation and every loss.


def pairs() -> list[tuple[str, str, str, str]]:
    """A hidden and an output activation, a loss and a notation; each activation and each loss is in one of them."""
    hidden, notations = itertools.cycle(ELEMENTWISE), itertools.cycle(NOTATIONS)
    losses = [(loss, (entry.activations or ("tanh",))[0]) for loss, entry in LOSSES.items()]
    more = [("mse", "tanh")] * max(0, len(ELEMENTWISE) - len(losses))
    return [(next(hidden), out, loss, next(notations)) for loss, out in losses + more]


@pytest.mark.parametrize("hidden, output, loss, notation", pairs())
@pytest.mark.sampled(5)
def test_each_activation_and_each_loss_with_autograd(hidden: str, output: str, loss: str, notation: str) -> None:
    network = Network((3, 4, 2), activation=(hidden, output), loss=loss, notation=notation, bias="separate")
    derivation, draw = derive(network, order=2), np.random.default_rng(3)
    learned = {t.name: draw.normal(size=shape_of(t, SIZES)) for t in derivation.program.parameters}
    x, y = draw.normal(size=(3, 5)), targets(loss, draw, 2, 5)
    v = along(derivation, draw)

    def error(parameters: Any) -> Any:
        a = x
        for layer, name in enumerate((hidden, output), start=1):
            a = FUNCTIONS[name](anp, parameters[f"W{layer}"] @ a + parameters[f"b{layer}"][:, None])
        return ERRORS[loss](anp, y, a)

    expected = hessian_vector(error, learned, {name: v[f"v_{name}"] for name in learned})
    found = interpreted(derivation, {**learned, **v, "X": x, "Y": y}, SIZES)
    largest = max(np.max(np.abs(e)) for e in expected.values())
    for name, product in found.items():
        assert np.max(np.abs(product - expected[name])) < 1e-10 * largest, name


# Models of the literature, by the generated code.


def compared(name: str, product: Callable[..., Values] = hessian_vector) -> None:
    from test_models import drawn, samples_last

    stated = MODELS[name]()
    derivation = derive(stated.statement, order=2)
    assert derivation.first is not None
    (data, learned), draw = drawn(derivation.first, stated), np.random.default_rng(2)
    directions = {n: draw.normal(size=np.shape(value)) for n, value in learned.items()}
    expected = product(lambda p: stated.error(**data, **p), learned, directions)
    tensors = {t.name: t for t in derivation.program.inputs}
    values = {n: samples_last(tensors[n], np.asarray(value)) for n, value in data.items()}
    values |= {**learned, **{f"v_{n}": value for n, value in directions.items()}}
    sizes = {**stated.sizes, "m": 11}
    largest = max(np.max(np.abs(e)) for e in expected.values())
    for n, found in interpreted(derivation, values, sizes).items():
        assert np.max(np.abs(found - np.reshape(expected[n], found.shape))) < 1e-10 * largest, n


@pytest.fixture(autouse=True)
def _models(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.syspath_prepend(root / "tests" / "end_to_end")


@pytest.mark.parametrize("name", ["layer_norm", "conv2d_plain", "max_pooling", "embedding"])
def test_models_with_autograd(name: str) -> None:
    compared(name)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.slow
def test_every_model_with_autograd(name: str) -> None:
    compared(name)


@pytest.mark.parametrize("name", ["layer_norm", "attention", "conv2d_plain", "lstm"])
@pytest.mark.slow
def test_models_with_jax_forward_over_reverse(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    jax = pytest.importorskip("jax")
    special = pytest.importorskip("jax.scipy.special")
    jax.config.update("jax_enable_x64", True)
    for name_, its_own in (("np", jax.numpy), ("special", special)):
        monkeypatch.setattr(models, name_, its_own)

    def product(error: Any, parameters: Values, directions: Values) -> Values:
        given = ({n: jax.numpy.asarray(v) for n, v in group.items()} for group in (parameters, directions))
        _, found = jax.jvp(jax.grad(error), *((group,) for group in given))
        return {n: np.asarray(value) for n, value in found.items()}

    compared(name, product)


@pytest.mark.parametrize("name", ["max_pooling", "noisy_or", "lstm", "attention"])
@pytest.mark.sampled(4)
def test_the_code_of_models_is_checked(name: str) -> None:
    """Overlapping windows with a maximum are added up, not joined; products over an index have second derivatives."""
    assert derive(MODELS[name]().statement, order=2).check().passed


def test_a_document_with_the_place_of_a_maximum() -> None:
    derivation = derive(MODELS["max_pooling"]().statement, order=2)
    assert "is the place of the maximum; of equal values, the first counts" in derivation.markdown()
    with pytest.raises(StatementError, match="a text of equations cannot say where a maximum or minimum"):
        derivation.equations()


# Third derivatives, and what has none.


def test_the_third_order_against_differences_of_the_second() -> None:
    network = Network((2, 3, 1), activation=("tanh", "identity"))
    second, third, draw = derive(network, order=2), derive(network, order=3), np.random.default_rng(4)
    values = {t.name: draw.normal(size=shape_of(t, SIZES)) for t in (*third.program.inputs, *third.program.parameters)}
    step, learned = 1e-6, [t.name for t in third.program.parameters]

    def product(sign: int) -> Values:
        moved = {name: values[name] + sign * step * values[f"w_{name}"] for name in learned}
        return interpreted(second, {**values, **moved}, SIZES)

    above, below = product(1), product(-1)
    for name, found in interpreted(third, values, SIZES).items():
        assert off(found, (above[name] - below[name]) / 2 / step) < 1e-7, name


def one_unit(error: Any) -> Statement:
    s = Statement()
    n = s.size("n", 3)
    x, y, W, b, j = s.input("x", n), s.target("y"), s.parameter("W", n), s.parameter("b"), s.index("j", n)
    o = s.define("o", (), s.sum(tanh(W[j]) * x[j], j) + b)
    s.error(error(y, o))
    return s


def test_second_derivatives_that_are_0() -> None:
    derivation = derive(one_unit(lambda y, o: y - o), order=2)
    assert derivation.check().passed
    assert "dE_v_db = np.full((1, 1), 0" in derivation.numpy("core")
    assert r"\frac{\partial E_v}{\partial b} &= 0" in derivation.markdown()
    with pytest.raises(SpecError, match="no path leads from b to E_v: its derivative is 0"):
        derivation.explain("b")


def test_an_error_that_is_linear_in_its_parameters() -> None:
    s = Statement()
    x, w = s.input("x"), s.parameter("w")
    o = s.define("o", (), w * x)
    s.error(o)
    with pytest.raises(StatementError, match="the gradients of E do not depend on the parameters"):
        derive(s, order=2)


def test_what_cannot_be_derived_again() -> None:
    s = Statement()
    x, w = s.input("x"), s.parameter("w")
    s.backward(s.define("o", (), tanh(w * x)))
    with pytest.raises(StatementError, match="a layer alone is not derived again"):
        derive(s, order=2)
    with pytest.raises(SpecError, match="order is 4, where 1, 2 or 3 is expected"):
        derive(Network((2, 1)), order=4)
    with pytest.raises(StatementError, match="derivatives of order 3 are the last"):
        derive(Network((2, 1)), order=3).statement()


# Statements of derivations.


def test_a_gradient_penalty_is_stated_with_the_gradient() -> None:
    s = Statement()
    n, h = s.size("n", 3), s.size("h", 4)
    x, y, W, V = s.input("x", n, gradient=True), s.target("y"), s.parameter("W", h, n), s.parameter("V", h)
    i, j = s.indices("i j", h, n)
    a = s.define("a", i, tanh(s.sum(W[i, j] * x[j], j)))
    s.error((y - s.define("o", (), s.sum(V[i] * a[i], i))) ** 2)
    again = derive(s).statement()
    again.error(again["E"] + again.samples**2 * again.sum(again["dE_dx"][j] ** 2, j) / 10)
    derivation, draw = derive(again), np.random.default_rng(5)
    assert [t.name for t in derivation.forward.predictions] == ["o"]
    program = derivation.program
    values = {t.name: draw.normal(size=shape_of(t, SIZES)) for t in (*program.inputs, *program.parameters)}

    def error(p: Any) -> Any:
        def of(x: Any) -> Any:
            return anp.sum((values["y"] - p["V"] @ anp.tanh(p["W"] @ x)) ** 2)

        slope = autograd.grad(of)(values["x"])
        return of(values["x"]) / 5 + anp.sum(slope**2) / 5 / 10

    expected = autograd.grad(error)({name: values[name] for name in ("W", "V")})
    for name, found in interpreted(derivation, values, SIZES).items():
        assert off(found, expected[name]) < 1e-10, name
    with pytest.raises(StatementError, match="there is no tensor 'dE_dz'"):
        again["dE_dz"]


def test_names_do_not_collide() -> None:
    """The factors of tensors called a and a_ have different names, and so have those of two derivations."""
    s = Statement()
    x, w = s.input("x"), s.parameter("w", 3)
    i = s.index("i", 3)
    taken = s.define("Psi_a", i, tanh(w[i] * x))
    a = s.define("a", i, tanh(w[i] * taken[i]))
    more = s.define("a_", i, tanh(w[i] * a[i]) + a[i] ** 2)
    s.error(s.sum(more[i] ** 2 * taken[i], i))
    assert derive(s).check().passed
    program = derive(Network((3, 4, 2)), order=2).program
    names = [s.target.name for s in program.stage("factor")]
    assert names == ["Phi_Psi_z1", "Phi_Psi_z2", "Phi_z2", "Phi_z1"]
    assert {"Psi_z2", "dE_dW1"} < {s.target.name for s in program.stage("forward")}


# Products with the Jacobian, the Gauss-Newton matrix, and gradients of single samples.


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The package of a classifier with a penalty, a trainer and data."""
    folder = tmp_path_factory.mktemp("second")
    layers, functions = (3, 4, 3), ("tanh", "softmax")
    derive(Network(layers, functions, "cross_entropy", name="classified", l2=0.1), order=2).write(folder)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        module = importlib.import_module("classified")
    finally:
        sys.path.remove(str(folder))
    draw = np.random.default_rng(7)
    trainer = module.Trainer(seed=1)
    yield module, trainer, draw.normal(size=(6, 3)), np.eye(3)[draw.integers(0, 3, 6)]
    for name in [n for n in sys.modules if n.partition(".")[0] == "classified"]:
        del sys.modules[name]


def test_products_of_the_hessian_against_differences(classifier: Any) -> None:
    module, trainer, X, Y = classifier
    draw = np.random.default_rng(6)
    V = {name: draw.normal(size=value.shape) for name, value in trainer.parameters.items()}

    def slopes(sign: int) -> Values:
        moved = {n: value + sign * 1e-6 * V[n] for n, value in trainer.parameters.items()}
        found: Values = module.gradients(moved, X.T, Y.T)
        return found

    above, below, found = slopes(1), slopes(-1), trainer.hessian_product(V, X, Y)
    for name in V:
        assert off(found[name], (above[name] - below[name]) / 2e-6) < 1e-7, name
    operator = trainer.hessian_operator(X, Y)
    assert np.allclose(operator @ trainer.flat(V), trainer.flat(found), rtol=1e-12)
    matrix = operator @ np.eye(operator.shape[0])
    assert np.allclose(matrix, matrix.T, rtol=1e-11, atol=1e-14)


def test_directions_that_do_not_fit(classifier: Any) -> None:
    _, trainer, X, Y = classifier
    V = trainer.parameters
    with pytest.raises(ValueError, match="V must be a dict of arrays with the names W1, b1, W2, b2, not W1"):
        trainer.hessian_product({"W1": V["W1"]}, X, Y)
    with pytest.raises(ValueError, match=r'V\["b2"\] has the shape \(2,\), not \(3, 1\)'):
        trainer.gauss_newton_product({**V, "b2": np.ones(2)}, X, Y)
    with pytest.raises(ValueError, match="the vector has 2 entries, not 31"):
        trainer.shaped(np.ones(2))
    with pytest.raises(NotImplementedError, match="there are no equations of third_product, only hessian_product, jac"):
        trainer.third_product(V, V, X, Y)


def test_the_gauss_newton_product_with_an_explicit_jacobian(classifier: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a softmax with the cross-entropy, before the softmax: the second derivatives there are diag(p) - p pᵀ."""
    _, trainer, X, Y = classifier
    learned = trainer.parameters
    units = np.eye(sum(value.size for value in learned.values()))
    found = np.array([trainer.flat(trainer.gauss_newton_product(trainer.shaped(e), X, Y)) for e in units])

    start, back = flatten(dict(learned))
    order = flatten({n: trainer.shaped(np.arange(len(units)))[n] for n in learned})[0].astype(int)
    jacobian = np.empty((18, len(units)))
    jacobian[:, order] = autograd.jacobian(lambda flat: outputs_of(back(flat), X))(start)
    shares = trainer.predict(X)
    middle = np.zeros((18, 18))
    for u, p in enumerate(shares):
        middle[3 * u : 3 * u + 3, 3 * u : 3 * u + 3] = (np.diag(p) - np.outer(p, p)) / len(X)
    penalty = trainer.flat({n: np.full(v.shape, 0.1 * (n[0] == "W")) for n, v in learned.items()})
    assert off(found, jacobian.T @ middle @ jacobian + np.diag(penalty)) < 1e-12
    assert np.linalg.eigvalsh(found)[0] > -1e-14
    assert off(trainer.flat(trainer.gauss_newton_diagonal(X, Y)), np.diag(found)) < 1e-13
    assert trainer.gauss_newton_traces(X, Y).sum() == pytest.approx(np.trace(found) - penalty.sum(), rel=1e-13)
    monkeypatch.setattr(
        trainer, "products", {n: m for n, m in trainer.products.items() if n != "gauss_newton_diagonal"}
    )
    assert off(trainer.flat(trainer.gauss_newton_diagonal(X, Y)), np.diag(found)) < 1e-13
    estimate = trainer.flat(trainer.gauss_newton_diagonal(X, Y, draws=400, seed=1))
    assert off(estimate, np.diag(found)) < 0.2


def outputs_of(p: Any, X: Any) -> Any:
    return anp.ravel((p["W2"] @ anp.tanh(p["W1"] @ X.T + p["b1"]) + p["b2"]).T)


def test_gradients_of_single_samples_against_a_loop(classifier: Any) -> None:
    module, trainer, X, Y = classifier
    learned, each = trainer.parameters, trainer.per_sample_gradients(X, Y)
    for u in range(len(X)):
        slopes = module.gradients(learned, X[u : u + 1].T, Y[u : u + 1].T)
        for name, value in learned.items():
            assert off(each[name][u], slopes[name] - 0.1 * value * (name[0] == "W")) < 1e-13, name
    squares = sum(np.sum(slopes.reshape(len(X), -1) ** 2, axis=1) for slopes in each.values())
    assert off(trainer.per_sample_norms(X, Y), np.sqrt(squares)) < 1e-14
    V = {name: np.cos(value) for name, value in learned.items()}
    products = sum(np.sum((each[name] * V[name]).reshape(len(X), -1), axis=1) for name in V)
    assert off(trainer.inner_products(V, X, Y), products) < 1e-14


def test_both_orders_of_multiplying_the_chain() -> None:
    """Forward mode and backward mode are one matrix and its transpose."""
    derivation, draw = derive(Network((3, 4, 2), activation="tanh")).jacobian(), np.random.default_rng(8)
    program = derivation.program
    values = {t.name: draw.normal(size=shape_of(t, SIZES)) for t in program.inputs}
    found = interpret(program, values, SIZES, FLOATS, STAGES)
    along = sum(np.sum(found[f"dE_dv_{n}"] * values[f"v_{n}"]) for n in ("W1", "b1", "W2", "b2"))
    assert along == pytest.approx(np.sum(found["a2_v"] * values["u_a2"]), rel=1e-12)
    moved = {n: values[n] + 1e-30j * values[f"v_{n}"] for n in ("W1", "b1", "W2", "b2")}
    a = np.tanh(moved["W1"] @ values["X"] + moved["b1"][:, None])
    expected = np.tanh(moved["W2"] @ a + moved["b2"][:, None]).imag / 1e-30
    assert off(np.asarray(found["a2_v"], float), expected) < 1e-12


@pytest.mark.parametrize("name", ["embedding", "noisy_or", "conv2d_plain", "layer_norm", "lstm"])
@pytest.mark.sampled(5)
def test_what_is_beside_the_hessian_is_checked(name: str) -> None:
    derivations = derive(MODELS[name]().statement).beside()
    products = ["jacobian_product", "gauss_newton_product", "gauss_newton_diagonal", "inner_products"]
    assert [d.product for d in derivations] == products
    assert all(d.check().passed for d in derivations if name != "lstm" or d.product != "gauss_newton_diagonal")


@pytest.mark.parametrize("name", ["temperature", "gaussian_heads", "layer_norm", "max_pooling", "elman"])
@pytest.mark.sampled(5)
def test_the_diagonal_of_models_is_checked(name: str) -> None:
    """Parameters that the error reads beside the outputs, several outputs, a recurrence."""
    report = derive(MODELS[name]().statement).gauss_newton_diagonal().check()
    assert report.passed and report.diagonal is not None and report.diagonal < 1e-13


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.slow
def test_the_diagonal_of_every_model_is_checked(name: str) -> None:
    derivation = derive(MODELS[name]().statement)
    try:
        found = derivation.gauss_newton_diagonal()
    except StatementError as problem:
        assert re.search("samples|the Gauss-Newton matrix is 0", str(problem))
    else:
        assert found.check().passed


def test_a_wrong_diagonal_is_reported() -> None:
    report = derive(Network((2, 2))).gauss_newton_diagonal().check()
    assert report.passed
    wrong = replace(report, diagonal=1e-3)
    assert not wrong.passed and wrong.faults == ("the diagonal is off by 1.0e-03 from the complex step",)


def test_the_diagonal_in_equations() -> None:
    """The entries of a layer share what they have in common, and a penalty is a term."""
    network = Network((2, 3, 3), ("tanh", "softmax"), "cross_entropy", l2=0.1)
    derivation = derive(network).gauss_newton_diagonal()
    said = {s.target.name: str(text_of(derivation, s)) for s in derivation.program.stage("forward")}
    assert said["Q_z2"] == "1/m (1 − ŷ) ⊙ ŷ"
    assert said["D_b2"] == "Q⁽²⁾_z cᵀ" and said["D_W2"].endswith("+ λ")
    assert [n for n in said if n[0] in "JHQ"] == ["J_z1", "Q_z1", "Q_z2"]


def text_of(derivation: Derivation, statement: Any) -> str:
    return text(derivation.page.array(statement.form))


def test_an_error_that_is_linear_in_the_outputs_has_no_gauss_newton_matrix() -> None:
    derivation = derive(Network((2, 3, 1), activation="identity", loss="mae"))
    for found in (derivation.gauss_newton, derivation.gauss_newton_diagonal):
        with pytest.raises(StatementError, match="the Gauss-Newton matrix is 0: E has no second derivatives with"):
            found()
    assert [d.product for d in derivation.beside()] == ["jacobian_product", "inner_products"]


def test_parameters_that_the_error_takes_for_constants(root: Path) -> None:
    """The targets of Q-learning are computed by the network itself, and not differentiated."""
    derivation = derive(Statement.from_file(root / "examples" / "q_learning.eq"))
    assert [d.product for d in derivation.beside()][1:3] == ["gauss_newton_product", "gauss_newton_diagonal"]


def test_a_large_network_is_checked_with_small_layers() -> None:
    """It is cut at the tensors of the same names."""
    derivation = derive(Network((300, 70, 5)))
    report = derivation.gauss_newton(at=["a1"]).check()
    assert report.layers == (5, 4, 3) and report.passed and "(with layers of 5-4-3 units)" in report.line()


def test_the_strength_of_a_penalty_has_its_letter() -> None:
    second = derive(Network((2, 2), l2=0.1), order=2)
    assert any("λ" in text(second.page.array(s.form)) for s in second.program.stage("forward"))


def test_gradients_of_data_with_numbers_have_different_signs() -> None:
    """Where the parameters W1 and W2 are data, their numbers are labels."""
    derivation = derive(Network((2, 2, 1), l2=0.1)).gauss_newton_diagonal()
    signs = derivation.page.signs.of
    assert len({text(signs[n].about) for n in ("dE_dW1", "dE_dW2")}) == 2


def test_what_does_not_lead_to_the_error_is_cut_off() -> None:
    """An energy is predicted beside the forces, which alone the error reads."""
    assert derive(MODELS["forces"]().statement).gauss_newton().product == "gauss_newton_product"


def test_coupled_samples_have_no_gradients_of_their_own() -> None:
    derivation = derive(MODELS["batch_norm"]().statement)
    with pytest.raises(StatementError, match="adds up samples: there are no gradients of single samples"):
        derivation.per_sample()
    with pytest.raises(StatementError, match="coupled, so that there are no equations of the diagonal of the Gauss"):
        derivation.gauss_newton_diagonal()


def test_equations_are_cut_at_tensors_between_the_parameters_and_the_error() -> None:
    with pytest.raises(StatementError, match=r"X is no tensor between the parameters and the error: cut .* z1, a1"):
        derive(Network((3, 4, 2))).gauss_newton(at=["X"])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    how = ["--order", "2", "--format", "md", "--output", str(tmp_path)]
    assert main(["network", "--layers", "2,1", "--name", "net", *how]) == 0
    assert "# The product of the Hessian and a vector in a 2-1 network" in (tmp_path / "net/derivation.md").read_text()
    assert "order = 2" in (tmp_path / "net/network.toml").read_text()
    assert main(["check", str(tmp_path / "net")]) == 0
    (tmp_path / "own.eq").write_text("input x\ntarget y\nparameter w\no = tanh(w * x)\nE = (y - o)**2\n")
    assert main(["equations", str(tmp_path / "own.eq"), *how]) == 0
    assert "option order = 2" in (tmp_path / "own/equations.eq").read_text()
    assert main(["equations", str(tmp_path / "own/equations.eq"), *how[2:], "--check"]) == 0
    capsys.readouterr()
    assert main(["network", "--layers", "2,1", "--order", "two"]) == 2
    assert capsys.readouterr().err == "derive: order is 'two', where 1, 2 or 3 is expected\n"
