"""What documents say of recurrences, against the unrolled network, and in numbers."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from conftest import ROOT

from derive import Statement, derive
from derive.calculus.cost import scalar_chains as count_chains
from derive.calculus.evaluate import FLOATS, Interpreter, interpret
from derive.calculus.one_step import OneStep
from derive.calculus.recurrence import recurrences
from derive.calculus.unrolled import Unrolled
from derive.drawing import draw
from derive.drawing.graph import graph_of
from derive.drawing.scene import pieces
from derive.drawing.unrolled import unrolled as draw_steps
from derive.paper.text import text as plain
from derive.text.errors import SpecError
from derive.worked.through_steps import arriving, matrices

ELMAN = """
size      T, n = 2, h = 3, k = 2
input     x[T, n]
target    y[T, k]
recurrent a[T, h]
parameter U[h, n], R[h, h], V[k, h], first[h]

a[0, i] = first[i]
z[t, i] = sum(U[i, j] * x[t, j], j) + sum(R[i, j] * a[t - 1, j], j)
a[t, i] = tanh(z[t, i])
q[t, o] = sum(V[o, i] * a[t, i], i)
E = mean((y[t, o] - q[t, o])**2, t, o)
"""

#: Two tensors that steps read, with what they begin with; also an LSTM has two.
TWO_STATES = """
size      T = 4, n = 2, h = 3
input     x[T, n]
target    y[h]
recurrent a[T, h], c[T, h]
parameter U[h, n], R[h, h], S[h, h], first[h], second[h]

a[0, i] = first[i]
c[0, i] = second[i]
f[t, i] = sigmoid(sum(U[i, j] * x[t, j], j) + sum(R[i, j] * a[t - 1, j], j))
c[t, i] = f[t, i] * c[t - 1, i] + sum(S[i, j] * a[t - 1, j], j)
a[t, i] = f[t, i] * tanh(c[t, i])
E = mean((y[i] - a[T, i])**2, i)
"""


@pytest.fixture(scope="module")
def elman():
    """The simple recurrent network."""
    return derive(Statement(ELMAN))


def unrolled(steps: int) -> str:
    """The same network as one equation after the other, without a recurrence."""
    lines = [f"input {', '.join(f'x{t}[2]' for t in range(1, steps + 1))}"]
    lines += [f"target {', '.join(f'y{t}[2]' for t in range(1, steps + 1))}"]
    lines += ["parameter U[3, 2], R[3, 3], V[2, 3], a0[3]"]
    for t in range(1, steps + 1):
        lines += [f"z{t}[i] = sum(U[i, j] * x{t}[j], j) + sum(R[i, j] * a{t - 1}[j], j)", f"a{t}[i] = tanh(z{t}[i])"]
        lines += [f"q{t}[o] = sum(V[o, i] * a{t}[i], i)"]
    losses = (f"sum((y{t}[o] - q{t}[o])**2, o)" for t in range(1, steps + 1))
    return "\n".join([*lines, f"E = {' + '.join(losses)}"])


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_paths_are_those_of_the_unrolled_network(elman, steps):
    plain = derive(Statement(unrolled(steps))).chains
    counted = Unrolled(elman.chains, steps)
    for name, other in (("U", "U"), ("R", "R"), ("V", "V"), ("first", "a0")):
        here, there = (c.forward.tensors[n] for c, n in ((elman.chains, name), (plain, other)))
        assert counted.paths(here) == sum(1 for _ in plain.paths(there))
        assert counted.paths(here, scalar=True) == count_chains(plain, there)


def test_a_path_that_reads_what_is_outside_does_not_count():
    chains = derive(Statement.from_file(ROOT / "examples" / "gru.eq")).chains
    weight = chains.forward.tensors["U_u"]
    assert [Unrolled(chains, steps).paths(weight) for steps in (1, 2)] == [0, 1]


@pytest.mark.parametrize("text", [ELMAN, TWO_STATES], ids=["one state", "two states"])
def test_the_derivatives_of_steps_are_those_of_a_beginning(text):
    """The product of the matrices of all steps is how the last one depends on what the recurrence begins with."""
    program = derive(Statement(text)).program
    steps, sizes = 4, {"m": 1, "T": 4}
    generator = np.random.default_rng(0)
    given = {}
    for tensor in (*program.inputs, *program.parameters):
        shape = [int(a.extent.xreplace({s: sizes[s.name] for s in a.extent.free_symbols})) for a in tensor.axes]
        given[tensor.name] = generator.normal(size=shape)
    (recurrence,) = recurrences([s.equation for s in program.stage("forward")])
    step = OneStep(recurrence, derive(Statement(text)).forward.supply)
    machine = Interpreter(interpret(program, given, sizes, FLOATS, ("forward",)), sizes, program.tensors, FLOATS)
    names = [place.tensor.name for place in step.earlier]
    begins = {"a": "first", "c": "second"}
    columns = []
    for name in names:
        for n in range(3):
            moved = {k: v + 0j for k, v in given.items()}
            moved[begins[name]][n] += 1e-30j
            after = interpret(program, moved, sizes, stages=("forward",))
            columns.append(np.concatenate([after[of][steps - 1, :, 0].imag / 1e-30 for of in names]))
    whole = np.array(columns).T
    found = np.eye(len(columns))
    for matrix in matrices(step, machine):
        found = matrix @ found
    assert np.allclose(found, whole, rtol=1e-10, atol=1e-14)
    assert list(arriving(step, machine)) == [3, 2, 1]


def test_the_chain_rule_is_folded(elman):
    text = elman.markdown(only=("chain", "pattern"))
    assert not re.search(r"paths? leads? from the weight", text)  # there is any number of them
    assert r"\frac{\partial E}{\partial R_{21}} = \sum_{t=1}^T\frac{\partial E}{\partial z_{t2}}" in text
    assert r"&= R_{ij}\, (1 - (a_{ti})^2)" in text
    assert "| 1 | 3 | 6 | 10 | 15 |" in text
    assert "#D73A31" not in text  # no factor in red: each chain continues from one
    assert "In {math}`\\Psi_{zti}`, the terms with {math}`\\Psi_{z, t + 1, j}` come from the next step" in text


def test_beside_other_paths_a_direct_derivative_has_a_sign_of_its_own():
    text = derive(Statement.from_file(ROOT / "examples" / "ode_network.eq")).markdown(only=("chain",))
    assert r"\frac{\partial^{+} s_{ti}}{\partial s_{jk}} &=" in text
    assert r"\frac{\partial^{+} s_{ti}}{\partial s_{t - 1, j}}" in text


def test_a_recurrence_without_parameters_has_the_chains_of_a_plain_network():
    text = derive(Statement.from_file(ROOT / "examples" / "echo_state.eq")).markdown(only=("chain", "pattern"))
    assert "pass any number of steps" not in text
    assert "step to the next" not in text


def test_one_step_in_matrices(elman):
    text = elman.markdown(only=("matrices",))
    for line in (
        r"a_0 &= \mathrm{first}\,\mathbf{1}^\mathsf{T}",
        r"z_t &= R\, a_{t - 1} + U\, x_t",
        r"\Psi_{z, t} &= (1 - (a_t)^{\odot2}) \odot (V^\mathsf{T}\,\Psi_{q, t} + R^\mathsf{T}\,\Psi_{z, t + 1})",
        r"\frac{\partial E}{\partial U} &= \sum_{t=1}^T\,\Psi_{z, t}\, x_t^\mathsf{T}",
    ):
        assert line in text


def test_the_algorithm_has_loops_over_the_steps(elman):
    text = elman.markdown(only=("loop",))
    assert "for {math}`t = 1`, ..., {math}`T`:" in text
    assert "for {math}`t = T`, ..., 1:" in text
    assert "`z_given` and `Psi_z_given` hold what a loop reads" in text


def test_the_story_adds_up():
    told = derive(Statement.from_file(ROOT / "examples" / "ode_network.eq")).explain("W[2,1]")
    assert "W_21 → z_t2 → ⋯ → E" in told
    total = re.search(r"and the sum is\s+∂E/∂W_21 = (\S+)", told)[1]
    assert re.search(r"the equations\s+(\S+)\n", told)[1] == total
    assert "largest singular value" in told


def test_arrows_back_keep_clear_of_labels(elman):
    parts = draw(elman).parts
    (back,) = (s for s in parts.strokes if s.reads in graph_of(elman.forward).back)
    frames = [label.bounds for label in parts.labels if not label.inside]
    for (x0, y0), *_, (x1, y1) in pieces(back):
        for left, top, right, bottom in frames:
            assert max(x0, x1) < left or min(x0, x1) > right or max(y0, y1) < top or min(y0, y1) > bottom
    carried = [label for label in parts.labels if label.quiet]
    assert ["".join(map(plain, label.runs)) for label in carried] == ["t − 1"]


def test_the_code_of_a_loop_is_one_cell(elman):
    cells = [c for c in json.loads(elman.notebook())["cells"] if c["cell_type"] == "code"]
    names: dict[str, object] = {"__name__": "notebook"}
    for cell in cells[: 1 + next(n for n, c in enumerate(cells) if c["id"] == "run-step")]:
        exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    source = "".join("".join(c["source"]) for c in cells)
    assert source.count("for t in range(T):") == source.count("for t in reversed(range(T)):") == 1
    assert {*names["slopes"]} == {"U", "R", "V", "first"}


def test_units_as_many_as_steps_are_no_steps():
    alike, other = (derive(Statement(ELMAN.replace("T,", f"T = {steps},", 1))) for steps in (3, 4))
    counted = [Unrolled(d.chains, 0).paths(d.forward.tensors["R"]) for d in (alike, other)]
    assert counted == [6, 10]
    assert draw_steps(alike) is not None
    assert "largest singular value" in alike.explain("R[2,1]")


def test_a_stopped_recurrence_has_no_product_of_jacobians():
    stopped = "size T = 3\ninput x[T]\ntarget y\nrecurrent s[T]\nparameter a, b\n"
    stopped += "s[t] = tanh(a*x[t] + b*stop_gradient(s[t-1]))\nE = (y - s[T])**2"
    told = derive(Statement(stopped)).explain("b")
    assert "singular value" not in told
    assert "From the parameter b, one path leads to the loss" in told
    assert "pass any number of steps" not in derive(Statement(stopped)).markdown(only=("chain",))


def test_coupled_samples_have_no_product_of_jacobians():
    text = "size T = 3\ninput x[T]\ntarget y\nrecurrent s[T]\nparameter a\nu[t] = tanh(a*s[t-1] + x[t])\n"
    text += "s[t] = u[t] - mean(u[t, o], o)\nE = (y - s[T])**2"
    derivation = derive(Statement(text))
    assert "singular value" not in derivation.markdown(numbers="seed:1", only=("numbers",))


WEIGHT_OF_A_STEP = """
size T, n = 2
input x[T, n]
target y
recurrent s[T]
parameter a[n], w[T]
s[t] = sigmoid(sum(a[j]*x[t, j], j) + w[t]*s[t-LAG])
E = (y - s[T])**2
"""


@pytest.mark.parametrize("lag", [1, 2])
def test_sentences_of_steps_are_true(lag):
    derivation = derive(Statement(WEIGHT_OF_A_STEP.replace("LAG", str(lag)).replace("T,", "T = 4,", 1)))
    told = " ".join(derivation.explain("w[3]").split())
    assert "paths through the tensors" not in told  # each entry has a number of its own
    text = derivation.markdown(only=("chain", "pattern"))
    assert "The parameters are the same at each step" not in text
    assert "come from the same step" not in text  # but from [t = 4]
    assert ("come from the next step" if lag == 1 else "come from 2 steps later") in text
    assert ("{math}`t = 4`, the former" if lag == 1 else "{math}`t = 4` and the step before, the former") in text


def test_a_number_of_steps_is_asked_for():
    with pytest.raises(SpecError, match=r"give T a number, such as size T = 5"):
        derive(Statement(ELMAN)).markdown(numbers="seed:1")


def test_numbers_put_in_are_those_that_a_recurrence_begins_with():
    text = ELMAN.replace("T,", "T = 3,", 1).replace("V[k, h], first[h]", "V[k, h], first[h] = 0.5")
    told = derive(Statement(text)).explain("R[2,1]")
    assert "Ψ_z12 a_01 + Ψ_z22 a_11" in told
    assert re.search(r"^  1 +\S+ +0\.5 ", told, re.MULTILINE)


def test_paths_of_any_number_of_steps_are_counted_without_a_recurrence():
    """A parameter that a single step reads does not keep those of the others from being counted."""
    text = "size T\ninput x[T]\ntarget y[T]\nparameter a, b\no[t] = tanh(a*x[t] + b*delta(t, 1))\n"
    told = derive(Statement(text + "E = mean((y[t] - o[t])**2, t)")).explain("a")
    assert "T paths lead to the loss" in told
