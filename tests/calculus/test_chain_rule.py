"""One local derivative per equation and tensor, and the chains they form."""

import itertools
import random

import pytest
from helpers import (
    axis,
    closed,
    complex_step,
    define,
    dense,
    derivation,
    given_and_learned,
    index_form,
    interpreted,
    off,
    real,
    squares,
)
from networks import NETWORKS, begun, residual
from sympy import Integer, KroneckerDelta, Sum, exp

from derive.api import derive
from derive.arrays.contraction import LiftError
from derive.calculus.chain_rule import LocalDerivative, chains, local_derivative, put_in
from derive.calculus.deltas import contract
from derive.calculus.evaluate import Interpreter
from derive.calculus.forward import ForwardPass
from derive.calculus.functions import elementwise
from derive.calculus.index import SAMPLE_AXIS, Equation, Index, IndexSupply, Tensor, total
from derive.catalogue.activations import ACTIVATIONS

TINY = 1e-20
TANH = elementwise("tanh", ACTIVATIONS["tanh"].formula)


def test_the_summed_index_is_not_captured():
    """d/dW_pq of sum_j W_ij x_j is delta_ip x_q, not the sum of all x."""
    supply, i = IndexSupply("t"), Index("i", axis(2))
    w, x = Tensor("W", "weight", (axis(2), axis(3))), Tensor("x", "input", (axis(3),))
    j = supply.fresh(axis(3))
    z = Equation(Tensor("z", "z", (axis(2),)), (i,), total(w[i, j] * x[j,], j))
    found = local_derivative(z, w, supply)
    p, q = found.wrt_indices
    assert found.value == KroneckerDelta(i, p) * x[q,]


def test_the_derivative_of_a_sum_of_products_keeps_the_other_factor():
    supply, i, k = IndexSupply("t"), Index("i", axis(2)), Index("k", axis(3))
    w, x = Tensor("W", "weight", (axis(2), axis(3))), Tensor("x", "input", (axis(3),))
    z = Equation(Tensor("z", "z", (axis(2),)), (i,), total(w[i, k] * x[k,], k))
    found = local_derivative(z, x, supply)
    assert found.value == w[i, found.wrt_indices[0]]


def test_a_square_under_a_sum():
    supply, k = IndexSupply("t"), Index("k", axis(3))
    x = Tensor("x", "x", (axis(3),))
    found = local_derivative(Equation(Tensor("E", "error"), (), total(x[k,] ** 2, k)), x, supply)
    assert found.value == 2 * x[found.wrt_indices]


def test_a_tensor_that_occurs_twice_gives_both_terms():
    supply, i, k = IndexSupply("t"), Index("i", axis(3)), Index("k", axis(3))
    x = Tensor("x", "x", (axis(3),))
    z = Equation(Tensor("z", "z", (axis(3),)), (i,), x[i,] * total(x[k,], k))
    found = local_derivative(z, x, supply)
    (p,) = found.wrt_indices
    assert (found.value - KroneckerDelta(i, p) * total(x[k,], k) - x[i,]).expand() == 0


def test_softmax_is_differentiated_in_terms_of_its_output():
    derivations = [derivation((3, 4, 2), "tanh,softmax", loss) for loss in ("mse", "cross_entropy")]
    for d in derivations:
        (edge,) = d.chains.into(d.forward.tensors["z2"])
        assert not edge.value.has(exp) and not edge.value.has(Sum)
        assert edge.value.has(d.forward.tensors["a2"].symbol)


def test_the_delta_between_two_indices_is_found():
    d = derivation((3, 4, 2), "tanh")
    (activation,) = d.chains.into(d.forward.tensors["z1"])
    assert activation.tied == dict(zip(activation.of_indices, activation.wrt_indices, strict=True))
    (weight,) = d.chains.into(d.forward.tensors["W1"])
    assert weight.tied == {weight.of_indices[0]: weight.wrt_indices[0]}


def numeric(forward: ForwardPass, edge: LocalDerivative) -> float:
    """The largest difference of a local derivative from the complex step on its one equation."""
    program = index_form(forward)
    values, sizes = given_and_learned(program, 2, seed=3)
    known = interpreted(program, values, sizes, stages=("forward", "error"))
    machine = Interpreter(known, sizes, program.tensors)
    ranges = [machine.places(i) for i in (*edge.of_indices, *edge.wrt_indices)]
    worst = 0.0
    chosen = list(itertools.product(*ranges))
    for numbers in random.Random(0).sample(chosen, min(len(chosen), 60)):
        at = dict(zip((*edge.of_indices, *edge.wrt_indices), numbers, strict=True))
        moved = {**known, edge.wrt.name: known[edge.wrt.name].astype(complex)}
        where = tuple(at[i] - i.axis.start for i in edge.wrt_indices)
        moved[edge.wrt.name][where] += TINY * 1j
        step = Interpreter(moved, sizes, program.tensors).number(edge.equation.expression, at).imag / TINY
        worst = max(worst, abs(complex(machine.number(edge.value, at)).real - step) / max(1, abs(step)))
    return worst


@pytest.mark.parametrize("name", ["residual", "tied_with_bias", "softmax_in_steps", "layer_norm", "attention"])
@pytest.mark.sampled(3)
def test_every_local_derivative_is_the_slope_of_its_equation(name):
    forward = NETWORKS[name]()
    edges = [e for es in chains(forward).edges.values() for e in es]
    for edge in edges:
        assert numeric(forward, edge) < 1e-12, f"d{edge.of.name}/d{edge.wrt.name}"


def path_names(forward: ForwardPass, parameter: str) -> list[list[str]]:
    found = chains(forward)
    return [[e.wrt.name for e in path] for path in found.paths(forward.tensors[parameter])]


def test_a_plain_network_has_one_chain_per_parameter():
    forward = derivation((3, 5, 4, 2)).forward
    assert path_names(forward, "W1") == [["a3", "z3", "a2", "z2", "a1", "z1", "W1"]]
    assert path_names(forward, "b3") == [["a3", "z3", "b3"]]


def test_a_residual_connection_makes_two_chains():
    found = path_names(residual(), "W1")
    assert sorted(map(len, found)) == [5, 7]
    assert all(p[:2] == ["o", "h2"] and p[-2:] == ["z1", "W1"] for p in found)


def test_a_tied_weight_has_a_chain_for_each_place():
    assert len(path_names(NETWORKS["tied"](), "W")) == 2
    assert len(path_names(NETWORKS["recurrence"](), "U")) == 3


def test_every_tensor_comes_after_all_that_depend_on_it():
    found = chains(NETWORKS["recurrence"]())
    order = [t.name for t in found.tensors]
    assert order[0] == "E" and len(order) == len(set(order))
    for edges in found.edges.values():
        for edge in edges:
            assert order.index(edge.of.name) < order.index(edge.wrt.name)


def test_unread_tensors_are_on_no_chain():
    s, x, y = begun()
    w = s.parameter("W", axis(2), axis(3))
    z = dense(s, "z", w, x)
    define(s, "aside", z.axes, lambda i, u: z[i, u] ** 2)
    found = chains(closed(s, squares(s, y, z)))
    assert "aside" not in found.edges and list(found.edges) == ["E", "z"]


def test_a_parameter_without_influence_is_refused_by_name():
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", axis(2), axis(3)), x)
    s.parameter("idle", axis(2))
    with pytest.raises(ValueError, match="idle"):
        chains(closed(s, squares(s, y, z)))


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda e: e[1:], "z1"),
        (lambda e: (e[0], *e), "z1 is stated twice"),
        (lambda e: (e[1], e[0], *e[2:]), "z1"),
        (lambda e: e[:-1], "must be one number"),
    ],
)
def test_an_invalid_forward_pass_is_refused(spoil, named):
    whole = NETWORKS["residual"]()
    broken = ForwardPass(spoil(whole.equations), whole.inputs, whole.parameters, whole.supply)
    with pytest.raises(ValueError, match=named):
        derive(broken)


def test_the_chain_rule_sums_over_the_entries_between():
    supply = IndexSupply("t")
    h, w = Tensor("h", "h", (axis(4),)), Tensor("W", "W", (axis(2), axis(4)))
    i, k, outer = Index("i", axis(2)), Index("k", axis(4)), Index("o", axis(2))
    psi = Tensor("psi", "psi", (axis(2),))
    edge = local_derivative(Equation(Tensor("z", "z", (axis(2),)), (i,), total(w[i, k] * h[k,], k)), h, supply)
    found = contract(put_in(psi[outer,], (outer,), edge), supply, over=edge.of_indices)
    assert found == total(psi[i,] * w[i, edge.wrt_indices[0]], i)


def reused() -> tuple[ForwardPass, list[str]]:
    """A network whose equations all use the same letters, as one writes them."""
    n, h, k = axis(3), axis(5), axis(2)
    x, y = Tensor("X", "input", (n, SAMPLE_AXIS)), Tensor("Y", "target", (k, SAMPLE_AXIS))
    w1, w2, w3 = (Tensor(f"W{i}", "weight", a) for i, a in enumerate([(h, n), (h, h), (k, h)], 1))
    i, j, q, p, u = (Index(*a) for a in (("i", h), ("j", h), ("q", n), ("p", k), ("u", SAMPLE_AXIS)))
    z1, a1, z2, a2 = (Tensor(t, t, (h, SAMPLE_AXIS)) for t in ("z1", "a1", "z2", "a2"))
    o = Tensor("o", "o", (k, SAMPLE_AXIS))
    equations = (
        Equation(z1, (i, u), total(w1[i, q] * x[q, u], q)),
        Equation(a1, (i, u), TANH(z1[i, u])),
        Equation(z2, (i, u), total(w2[i, j] * a1[j, u], j)),
        Equation(a2, (i, u), TANH(z2[i, u])),
        Equation(o, (p, u), total(w3[p, i] * a2[i, u], i)),
        Equation(Tensor("E", "error"), (), total((y[p, u] - o[p, u]) ** 2, p, u)),
    )
    return ForwardPass(equations, (x, y), (w1, w2, w3), IndexSupply()), ["W1", "W2", "W3"]


def test_letters_that_several_equations_use_are_not_captured():
    """Refused with a sentence, or right; never captured in silence."""
    forward, names = reused()
    try:
        program = derive(forward).program
    except ValueError as refused:
        assert not isinstance(refused, LiftError), refused
        return
    values, sizes = given_and_learned(program, 2)
    found = interpreted(program, values, sizes)
    for name in names:
        assert off(real(found[f"dE_d{name}"]), complex_step(program, values, sizes, name)) < 1e-12


def test_a_second_supply_of_indices_is_not_captured():
    """A supply that starts anew hands out letters that the equations use already."""
    stated = residual()
    forward = ForwardPass(stated.equations, stated.inputs, stated.parameters, IndexSupply())
    try:
        program = derive(forward).program
    except ValueError as refused:
        assert not isinstance(refused, LiftError), refused
        return
    values, sizes = given_and_learned(program, 2)
    found = interpreted(program, values, sizes)
    for p in program.parameters:
        assert off(real(found[f"dE_d{p.name}"]), complex_step(program, values, sizes, p.name)) < 1e-12


def test_an_index_knows_its_axis():
    assert Index("i", axis(3)) == Index("i", axis(3))
    assert Index("i", axis(3)) != Index("i", axis(4))
    assert Index("i", axis(3)) != Index("i", axis("n"))


def test_a_tensor_refuses_a_wrong_number_of_indices():
    with pytest.raises(ValueError, match="W has 2 axes, not 1"):
        Tensor("W", "weight", (axis(2), axis(3)))[Integer(1),]
