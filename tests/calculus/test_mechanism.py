"""Derivations of networks that are stated as forward equations only."""

import functools
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from helpers import (
    Array,
    Values,
    axis,
    closed,
    complex_step,
    define,
    dense,
    given_and_learned,
    index_form,
    interpreted,
    load,
    off,
    real,
    squares,
    stored,
)
from networks import NETWORKS, random_network
from sympy import Expr, Mul, Rational, simplify

from derive.api import Derivation, derive
from derive.calculus.evaluate import Interpreter
from derive.calculus.forward import ForwardPass
from derive.calculus.index import SAMPLES, Equation, Tensor, symbols_read, total
from derive.calculus.program import Program
from derive.calculus.rules import PROMISE
from derive.calculus.stepwise import InOrder
from derive.statement.statement import Statement

TOLERANCE = 1e-12
SAMPLE_COUNT = 3


@functools.cache
def stated(name: str) -> Program:
    return index_form(NETWORKS[name]())


@functools.cache
def values_of(name: str) -> tuple[Values, dict[str, int], Values]:
    """Return random values for a network, their sizes, and the interpreter's value of every tensor."""
    values, sizes = given_and_learned(stated(name), SAMPLE_COUNT, seed=len(name))
    return values, sizes, interpreted(stated(name), values, sizes)


@functools.cache
def derived(name: str) -> Derivation:
    return derive(NETWORKS[name]())


@functools.cache
def generated(name: str) -> ModuleType:
    return load(derived(name).numpy())


def arguments(program: Program, values: Values) -> tuple[Values, Array, Array]:
    """Return parameters, inputs and targets as the generated module takes them."""
    x, y = program.inputs
    return {p.name: stored(p, values[p.name]) for p in program.parameters}, values[x.name], values[y.name]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(10)
def test_the_index_form_is_the_derivative(name):
    program, (values, sizes, found) = stated(name), values_of(name)
    for p in program.parameters:
        assert off(real(found[f"dE_d{p.name}"]), complex_step(program, values, sizes, p.name)) < TOLERANCE, p.name


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(10)
def test_every_factor_is_the_derivative_it_names(name):
    """Psi_t is dE/dt, the total derivative of the error with respect to each entry of t."""
    program, (values, sizes, found) = stated(name), values_of(name)
    for statement in program.stage("factor"):
        slope = slope_at(program, values, sizes, statement.target.about.name)
        assert off(real(found[statement.target.name]), slope) < TOLERANCE, statement.target.name


def slope_at(program: Program, values: Values, sizes: dict[str, int], name: str) -> Array:
    """Return dE/d(an inner tensor) by the complex step, with later equations reevaluated."""
    forward = program.stage("forward", "error")
    cut = next(n for n, s in enumerate(forward) if s.target.name == name) + 1
    start = {n: v.astype(object) for n, v in values.items()}
    first = Interpreter(start, sizes, program.tensors).run(s.equation for s in forward[:cut])
    slopes = np.empty(first[name].shape)
    for position in np.ndindex(slopes.shape):
        moved = {**first, name: first[name].copy()}
        moved[name][position] += 1e-20j
        end = Interpreter(moved, sizes, program.tensors).run(s.equation for s in forward[cut:])
        slopes[position] = end["E"][()].imag / 1e-20
    return slopes


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(10)
def test_the_generated_module_computes_the_index_form(name):
    program, (values, _, found) = derived(name).program, values_of(name)
    inputs = arguments(program, values)
    gradients = generated(name).gradients(*inputs)
    assert list(gradients) == [p.name for p in program.parameters]
    for p in program.parameters:
        assert off(gradients[p.name], stored(p, real(found[f"dE_d{p.name}"]))) < TOLERANCE, p.name


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(10)
def test_the_generated_module_computes_the_error(name):
    program, (values, _, found) = derived(name).program, values_of(name)
    error = generated(name).error(*arguments(program, values))
    assert isinstance(error, float)
    assert error == pytest.approx(found["E"][()].real, rel=TOLERANCE)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(10)
def test_the_generated_module_passes_its_own_check(name):
    report = derived(name).check()
    assert report.passed, report.table()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(10)
def test_one_sample_is_a_batch_too(name):
    program = derived(name).program
    values, sizes = given_and_learned(program, 1, seed=5)
    gradients = generated(name).gradients(*arguments(program, values))
    found = interpreted(program, values, sizes)
    for p in program.parameters:
        expected = stored(p, real(found[f"dE_d{p.name}"]))
        if name != "batch_norm":  # of one sample nothing is left after the mean
            assert off(gradients[p.name], expected) < TOLERANCE, p.name


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(10)
def test_an_update_steps_against_the_gradient(name):
    program, (values, _, _) = derived(name).program, values_of(name)
    parameters, x, y = arguments(program, values)
    before = {n: v.copy() for n, v in parameters.items()}
    gradients = generated(name).gradients(parameters, x, y)
    error = generated(name).error(parameters, x, y)
    assert generated(name).update(parameters, x, y, 0.01) == pytest.approx(error, rel=1e-15)
    for n, w in parameters.items():
        assert off(w, before[n] - 0.01 * gradients[n]) < 1e-15


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(10)
def test_the_derivation_can_be_written_down(name):
    text = derived(name).latex()
    assert all(f"\\tag{{{s.number}}}" in text for s in derived(name).program.stage("factor", "gradient"))


@pytest.mark.parametrize("notation", ["bracket", "delta"])
@pytest.mark.parametrize("name", ["residual", "tied_with_bias", "softmax_cross_entropy", "layer_norm_in_steps"])
@pytest.mark.sampled(4)
def test_every_notation_computes_the_same(name, notation):
    program, (values, _, found) = derived(name).program, values_of(name)
    module = load(derive(NETWORKS[name](), notation).numpy())
    gradients = module.gradients(*arguments(program, values))
    for p in program.parameters:
        assert off(gradients[p.name], stored(p, real(found[f"dE_d{p.name}"]))) < TOLERANCE, p.name


def factor(name: str, about: str) -> Equation:
    """Return the equation of dE/d(about)."""
    return next(s.equation for s in stated(name).stage("factor") if s.target.about.name == about)


def test_softmax_with_cross_entropy_has_gradient_a_minus_y():
    equation = factor("softmax_cross_entropy", "z1")
    y, p = (stated("softmax_cross_entropy").tensors[n][equation.indices] for n in ("Y", "p"))
    assert simplify(equation.expression - (p - y) / SAMPLES) == 0
    assert equation.expression.count_ops() == ((p - y) / SAMPLES).count_ops()


def test_target_sums_are_used_only_if_declared():
    """Without the declaration that targets sum to one, the sum of Y remains."""
    program = index_form(replace(NETWORKS["softmax_cross_entropy"](), promises=()))
    values, sizes = given_and_learned(program, SAMPLE_COUNT)
    values["Y"] *= 1.7
    found = interpreted(program, values, sizes)
    assert off(real(found["dE_dW1"]), complex_step(program, values, sizes, "W1")) < TOLERANCE


def test_a_residual_connection_adds_both_paths():
    equation = factor("residual", "z1")
    assert {"Psi_h2", "Psi_z2", "W2"} <= set(symbols_read(equation.expression))


def test_a_tied_weight_gets_the_sum_over_its_places():
    gradient = next(s.equation for s in stated("tied").stage("gradient") if s.target.name == "dE_dW")
    assert {"Psi_z2", "h1", "Psi_z3", "h2"} <= set(symbols_read(gradient.expression))


def test_a_penalty_adds_lambda_w():
    statement = next(s for s in stated("penalty").stage("gradient") if s.target.name == "dE_dU")
    w = stated("penalty").tensors["U"][statement.equation.indices]
    assert statement.equation.expression.coeff(w) == Rational(3, 100)


def test_layer_norm_is_the_same_in_one_equation_and_in_several():
    values, sizes, _ = values_of("layer_norm")
    one, several = (interpreted(stated(n), values, sizes) for n in ("layer_norm", "layer_norm_in_steps"))
    for p in stated("layer_norm").parameters:
        assert off(real(one[f"dE_d{p.name}"]), real(several[f"dE_d{p.name}"])) < TOLERANCE


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(6)
def test_every_step_of_a_derivation_has_the_same_value(name):
    """The steps of a local derivative are equal for all its entries, those of dE/d(tensor) for all of its."""
    found = derived(name)
    values, sizes, _ = values_of(name)
    machine = Interpreter(interpreted(found.program, values, sizes), sizes, found.program.tensors)
    edges = [*(e for edges in found.chains.edges.values() for e in edges), *found.chains.vanishing]
    steps = [((*e.of_indices, *e.wrt_indices), e.reasons) for e in edges]
    steps += [(p.indices, p.reasons) for p in found.program.passages if not _promised(p.reasons)]
    for indices, reasons in steps:
        target = Tensor("step", "step", tuple(i.axis for i in indices))
        first, *others = (real(machine.tensor(Equation(target, indices, multiplied(r.value)))) for r in reasons)
        for other in others:
            assert np.allclose(other, first, rtol=TOLERANCE, atol=TOLERANCE), reasons


def multiplied(expression: Expr) -> Expr:
    """The expression with products that keep their order as SymPy's products."""
    return expression.replace(lambda e: isinstance(e, InOrder), lambda e: Mul(*e.args))


def _promised(reasons):
    return any(PROMISE in reason.rules for reason in reasons)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.sampled(3)
def test_random_networks(seed):
    forward = random_network(seed)
    d = derive(forward)
    values, sizes = given_and_learned(d.program, 2, seed)
    found = interpreted(d.program, values, sizes)
    gradients = load(d.numpy()).gradients(*arguments(d.program, values))
    for p in d.program.parameters:
        expected = complex_step(d.program, values, sizes, p.name)
        assert off(real(found[f"dE_d{p.name}"]), expected) < TOLERANCE, p.name
        assert off(gradients[p.name], stored(p, expected)) < TOLERANCE, p.name


def test_three_axes_have_a_right_index_form():
    """A bilinear layer with several outputs."""

    def forward() -> ForwardPass:
        s = Statement()
        x, y = s.input("X", axis(3)), s.target("Y", axis(2))
        h, k = (
            dense(s, "h", s.parameter("U", axis(5), axis(3)), x),
            dense(s, "k", s.parameter("V", axis(4), axis(3)), x),
        )
        t = s.parameter("T", axis(2), axis(5), axis(4))

        def form(i: Expr, u: Expr) -> Expr:
            p, q = s.supply.several(t.axes[1:])
            return total(t[i, p, q] * h[p, u] * k[q, u], p, q)

        return closed(s, squares(s, y, define(s, "o", y.axes, form)))

    program = index_form(forward())
    values, sizes = given_and_learned(program, 2)
    found = interpreted(program, values, sizes)
    for p in program.parameters:
        assert off(real(found[f"dE_d{p.name}"]), complex_step(program, values, sizes, p.name)) < TOLERANCE
