"""The program: single assignment, definition before use, numbers, and the scale of the factors."""

from dataclasses import replace

import pytest
from helpers import apply, axis, closed, define, dense, derivation, given_and_learned, interpreted, off, real, squares
from networks import NETWORKS
from sympy import Integer, Sum, Symbol

from derive.api import derive
from derive.calculus.deltas import renumbered
from derive.calculus.index import SAMPLES, Index, symbols_read
from derive.calculus.program import STAGES, Program
from derive.learning.optimizers import LEARNING_RATE
from derive.paper.notation import NOTATIONS
from derive.statement.statement import Statement


def changed(program: Program, position: int, **fields) -> Program:
    statements = list(program.statements)
    statements[position] = replace(statements[position], **fields)
    return replace(program, statements=tuple(statements))


@pytest.fixture
def program() -> Program:
    return derivation((3, 5, 4, 2), "tanh").program


def test_statements_are_in_topological_order(program):
    program.check()
    stages = [s.stage for s in program.statements]
    assert stages == sorted(stages, key=STAGES.index)


def test_a_second_assignment_is_refused(program):
    twice = replace(program, statements=(*program.statements, program.statements[0]))
    with pytest.raises(ValueError, match="assigns z1 a second time"):
        twice.check()


def test_an_assignment_to_a_parameter_is_refused(program):
    with pytest.raises(ValueError, match="assigns X a second time"):
        changed(program, 0, equation=replace(program.statements[0].equation, target=program.inputs[0])).check()


@pytest.mark.parametrize("position", [1, 5, 8])
def test_use_before_definition_is_refused(program, position):
    statements = list(program.statements)
    statements[position - 1], statements[position] = statements[position], statements[position - 1]
    with pytest.raises(ValueError, match="before it is computed"):
        replace(program, statements=tuple(statements)).check()


def test_reading_what_is_never_computed_is_refused(program):
    wrong = replace(program.statements[3].equation, expression=Symbol("ghost", real=True))
    with pytest.raises(ValueError, match="ghost"):
        changed(program, 3, equation=wrong).check()


def test_a_free_index_on_the_right_is_refused(program):
    equation = program.statements[1].equation
    loose = Index("loose", equation.indices[0].axis)
    wrong = replace(equation, expression=equation.expression.xreplace({equation.indices[0]: loose}))
    with pytest.raises(ValueError, match="loose"):
        changed(program, 1, equation=wrong).check()


def test_an_index_over_another_axis_is_refused(program):
    equation = program.statements[1].equation
    other = Index("other", axis(17))
    wrong = replace(equation, indices=(other, equation.indices[1]))
    with pytest.raises(ValueError, match="other"):
        changed(
            program, 1, equation=replace(wrong, expression=equation.expression.xreplace({equation.indices[0]: other}))
        ).check()


def numbered(p: Program) -> list[int]:
    """The numbers of the formulas; updates of several parameters are one formula."""
    return sorted([d.number for d in p.definitions] + [*dict.fromkeys(s.number for s in p.statements)])


@pytest.mark.parametrize("name", ["residual", "tied", "softmax_cross_entropy", "recurrence", "gating"])
def test_every_number_is_given_once(name):
    found = numbered(derive(NETWORKS[name]()).program)
    assert found == list(range(1, len(found) + 1))


@pytest.mark.parametrize("activation", ["sigmoid", "identity", "sigmoid,tanh,softplus", "relu,relu,softmax"])
@pytest.mark.parametrize("notation", NOTATIONS)
def test_every_number_of_a_network_is_given_once(activation, notation):
    p = derivation((3, 5, 4, 2), activation, "mse", "augmented", notation).program
    assert numbered(p) == list(range(1, len(numbered(p)) + 1))
    assert [s.number for s in p.statements] == sorted(s.number for s in p.statements)


@pytest.mark.parametrize("bias", ["separate", "augmented", "none"])
@pytest.mark.parametrize(("notation", "scale"), [("psi", 1), ("bracket", 5), ("delta", -5)])
def test_the_scale_of_the_factors(notation, scale, bias):
    """In bracket and delta notation the mean over the samples is taken last; delta points downhill."""
    plain, other = (derivation((3, 4, 2), "tanh", "half_mse", bias, n).program for n in ("psi", notation))
    values, sizes = given_and_learned(plain, 5)
    one, two = (interpreted(p, values, sizes) for p in (plain, other))
    for factor in ("Psi_z2", "Psi_z1"):
        assert off(real(two[factor]), scale * real(one[factor])) < 1e-14
    for p in plain.parameters:
        assert off(real(two[f"dE_d{p.name}"]), real(one[f"dE_d{p.name}"])) < 1e-14
    assert other.common == {1: Integer(1), 5: 1 / SAMPLES, -5: -1 / SAMPLES}[scale]


@pytest.mark.parametrize("notation", NOTATIONS)
def test_a_sum_of_errors_has_no_mean_to_take(notation):
    p = derivation((3, 4, 2), "tanh", "sse", "separate", notation).program
    assert SAMPLES not in p.common.free_symbols
    assert all(not s.equation.expression.has(SAMPLES) for s in p.stage("factor"))


def test_factors_that_are_equal_are_one():
    """Two sums of the same two tensors have the same derivative: it is named once."""
    s = Statement()
    x, y = s.input("X", axis(3)), s.target("Y", axis(2))
    one, other = (
        dense(s, n, s.parameter(w, axis(2), axis(3)), x, s.parameter(b, axis(2))) for n, w, b in ("pUb", "qVc")
    )
    out = define(s, "o", one.axes, lambda i, u: one[i, u] + other[i, u])
    program = derive(closed(s, squares(s, y, out))).program
    factors = program.stage("factor")
    assert [f.target.about.name for f in factors] in (["o"], ["q"], ["p"])
    values, sizes = given_and_learned(program, 2)
    assert off(*(real(interpreted(program, values, sizes)[f"dE_d{n}"]) for n in "UV")) == 0


def test_every_parameter_is_updated_from_its_gradient(program):
    after = program.stage("update")
    assert [s.target.about for s in after] == list(program.parameters)
    for statement in after:
        name = statement.target.about.name
        assert symbols_read(statement.equation.expression) == sorted([name, f"dE_d{name}", LEARNING_RATE.name])


def test_names_of_widths_are_known_without_the_batch():
    p = derivation("n,h,k", "tanh").program
    assert {s.name for s in p.extents} == {"n", "h", "k"}


def test_two_tensors_with_one_name_in_code_are_not_mixed_up():
    """Two branches of one layer: if they were written alike, one would overwrite the other."""
    s = Statement()
    x, y = s.input("X", axis(3)), s.target("Y", axis(2))
    branches = []
    for name, f in (("g", "sigmoid"), ("h", "tanh")):
        z = dense(s, f"z{name}", s.parameter(f"U{name}", axis(5), axis(3)), x, role="preactivation", layer=1)
        branches.append(apply(s, name, f, z, role="activation", layer=1))
    g, h = branches
    product = define(s, "p", g.axes, lambda i, u: g[i, u] * h[i, u])
    out = dense(s, "o", s.parameter("W", axis(2), axis(5)), product)
    forward = closed(s, squares(s, y, out))
    try:
        derived = derive(forward)
        report = derived.check()
    except ValueError as refused:
        assert "1" in str(refused)
        return
    assert report.passed, report.line()


@pytest.mark.parametrize("name", ["residual", "layer_norm", "recurrence", "attention"])
def test_no_sum_stands_in_another_over_the_same_index(name):
    for statement in derive(NETWORKS[name]()).program.statements:
        for outer in statement.equation.expression.atoms(Sum):
            inner = {limit[0] for s in outer.function.atoms(Sum) for limit in s.limits}
            assert not {limit[0] for limit in outer.limits} & inner, statement.equation


def backward_of(text: str) -> dict[str, str]:
    """The equations of the backward pass of a text by the names of their tensors, with indices i, j, ... in order."""
    program = derive(Statement(text)).program
    found = [s for stage in ("factor", "gradient") for s in program.stage(stage)]
    return {s.target.name: str(renumbered(s.equation.expression)) for s in found}


SOFTMAX = "size n = 3, k = 4\ninput x[n]\ntarget y[k]\nparameter W[k, n]\nz[i] = sum(W[i, j] * x[j], j)\n"


def test_a_factor_that_the_next_one_reads_at_two_places_is_named_if_it_is_a_sum():
    """Those of a softmax are: the next one has a_i (Psi_i - sum of Psi_j a_j)."""
    hidden = SOFTMAX + "parameter V[k, k]\na[i] = softmax(z[i], i)\no[i] = sum(V[i, j] * a[j], j)\n"
    found = backward_of(hidden + "E = sum((y[i] - o[i])**2, i)")
    assert [*found] == ["Psi_o", "Psi_a", "Psi_z", "dE_dW", "dE_dV"]
    assert found["Psi_z"].count("Psi_a") == 2 and "V" not in found["Psi_z"]


def test_a_factor_that_the_next_one_reads_once_is_not_named():
    text = SOFTMAX + "parameter V[k, k]\na[i] = tanh(z[i])\no[i] = sum(V[i, j] * a[j], j)\n"
    assert [*backward_of(text + "E = sum((y[i] - o[i])**2, i)")] == ["Psi_o", "Psi_z", "dE_dW", "dE_dV"]


def test_a_quotient_that_cancels_in_what_follows_is_not_named():
    """The y/p of a cross-entropy, with the p of the softmax of what is sought."""
    softmax = "size k = 4\ninput z[k]\ngradient z\ntarget y[k]\np[i] = softmax(z[i], i)\n"
    found = backward_of(softmax + "E = -sum(y[i] * log(p[i]), i)\npromise sums_to_one y over k")
    assert [*found] == ["dE_dz"]
    assert "y" in found["dE_dz"] and "p[" in found["dE_dz"] and "/p" not in found["dE_dz"]


def test_a_root_with_a_number_in_front_is_recognised_in_its_derivative():
    """SymPy writes sqrt(mean(x**2)) as 1/2 sqrt(sum(x**2)) of four entries."""
    found = backward_of("size n = 4\ninput x[n]\nr = sqrt(mean(x[i]**2, i))\ny[i] = x[i] / r\nbackward y")
    assert "sqrt" not in found["dE_dx"] and "r[" in found["dE_dx"]
