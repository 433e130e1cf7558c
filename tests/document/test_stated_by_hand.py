"""Equations as documents print them: of networks stated by hand, and of layers that are not dense."""

from __future__ import annotations

from collections.abc import Iterator

import networks
import pytest
from helpers import axis, closed, define, dense, derivation, squares, summed
from sympy import Expr, Rational, sqrt

from derive import SAMPLE_AXIS, SAMPLES, ForwardPass, Statement, derive
from derive.api import Derivation
from derive.document.blocks import Block, Display, Fold
from derive.document.document import document
from derive.document.view import View
from derive.formats.terminal import terminal
from derive.paper.text import text


def batch_norm_with_gain() -> ForwardPass:
    """Batch normalisation, stated as one equation."""
    s, x, y = networks.begun()
    z, g = dense(s, "z", s.parameter("W", networks.UNITS, networks.INPUTS), x), s.parameter("g", networks.UNITS)

    def deviation(i: Expr, u: Expr) -> Expr:
        return z[i, u] - summed(s, SAMPLE_AXIS, lambda v: z[i, v]) / SAMPLES

    def formula(i: Expr, u: Expr) -> Expr:
        variance = summed(s, SAMPLE_AXIS, lambda v: deviation(i, v) ** 2) / SAMPLES
        return g[i,] * deviation(i, u) / sqrt(variance + Rational(1, 1000))

    n = define(s, "n", z.axes, formula)
    return closed(s, squares(s, y, dense(s, "o", s.parameter("V", networks.OUTPUTS, networks.UNITS), n)))


def displays(blocks: tuple[Block, ...]) -> Iterator[Display]:
    for block in blocks:
        if isinstance(block, Display):
            yield block
        elif isinstance(block, Fold):
            yield from displays(block.blocks)


def equations(found: Derivation, part: str, detail: str = "full") -> list[str]:
    """The displayed equations of a part as text; the left side of a step is that of the equation before it."""
    lines, left = [], ""
    for shown in (b for p in document(View(found, detail), (part,)).parts for b in displays(p.blocks)):
        for item in shown.items:
            left = text(item.left) or left
            lines.append(f"{left} = {' '.join(text(box) for box in item.right)}")
    return lines


def by_hand(name: str, part: str, detail: str = "full") -> list[str]:
    return equations(derive(networks.NETWORKS[name]()), part, detail)


@pytest.mark.parametrize("detail", ["brief", "full"])
def test_a_named_function_of_columns_is_stated_with_indices(detail):
    lines = equations(derivation((3, 4, 2), "tanh,softmax", "cross_entropy"), "forward", detail)
    assert lines.count("ŷ_i = e^(z⁽²⁾_i)/(Σ_j e^(z⁽²⁾_j))") == 1


@pytest.mark.parametrize("notation", ["psi", "xbar"])
def test_the_derivative_of_stacked_rows_is_one_delta(notation):
    """The rows are defined by cases, so that no sum may appear in their derivative."""
    lines = equations(derivation((3, 4, 2), bias="augmented", notation=notation), "chain")
    slopes = [line for line in lines if line.startswith("∂x̄⁽¹⁾") and "/∂a⁽¹⁾_j = " in line]
    assert [line.partition(" = ")[2] for line in slopes] == ["[i = j]"]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "layer_norm",
            [
                "n_i = (z_i − 1/5 Σ_p z_p)/√(1/5 Σ_k (z_k − 1/5 Σ_j z_j)² + 0.001)",
                "h_i = g_i n_i  + b_i",
            ],
        ),
        ("layer_norm_in_steps", ["n_j = c_j/√(v + 0.001)"]),
        ("scalar_parameters", ["h_i = tanh(t z_i)  + c"]),
        ("bias_and_square", ["E = Σ_i (y_i − z_i)²  + Σ_j (b_j)² (1 + (z_j)²)"]),
    ],
)
def test_what_is_added_to_every_entry_stands_last(name, lines):
    shown = by_hand(name, "forward")
    assert [line for line in lines if line not in shown] == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "layer_norm",
            "Ψ_zi = (Ψ_hi g_i − 1/5 Σ_p Ψ_hp g_p − 1/5 n_i Σ_p Ψ_hp g_p n_p)/√(1/5 Σ_k (z_k − 1/5 Σ_j z_j)² + 0.001)",
        ),
        ("layer_norm_in_steps", "Ψ_cj = (Ψ_nj − 1/5 n_j Σ_i Ψ_ni n_i)/√(v + 0.001)"),
        ("layer_norm_in_steps", "Ψ_zj = ∂E/∂z_j  = Σ_i ∂E/∂c_i ∂c_i/∂z_j  + ∂E/∂μ ∂μ/∂z_j"),
        ("layer_norm_in_steps", "Ψ_zj = Ψ_cj  − 1/5 Σ_i Ψ_ci"),
    ],
)
def test_the_derivatives_of_layer_norm_are_written_with_means_and_normalised_values(name, line):
    assert line in by_hand(name, "pattern")


@pytest.mark.parametrize("name", ["layer_norm", "layer_norm_in_steps", "batch_norm"])
def test_the_small_constant_of_a_normalisation_stays_as_it_is_stated(name):
    """Numbers are moved neither into the root nor out of it."""
    for part in ("chain", "pattern", "matrices"):
        for line in by_hand(name, part):
            assert "√10" not in line and "1/40" not in line and "1/200" not in line


@pytest.mark.parametrize(
    ("name", "part", "line"),
    [
        (
            "attention",
            "chain",
            "∂E/∂Q_ij = Σ_rΣ_νΣ_ρΣ_μ∂E/∂o_rν ∂o_rν/∂pρν ∂pρν/∂scμν ∂scμν/∂q_iμ ∂q_iμ/∂Q_ij",
        ),
        ("attention", "chain", "∂pμν/∂scρν = pμν [μ = ρ]  − pμν pρν"),
        ("attention", "pattern", "Ψ_scμν = pμν (Ψ_pμν − Σ_ρ Ψ_pρν pρν)"),
        ("attention", "pattern", "Ψ_viμ = ∂E/∂v_iμ  = Σ_r Σ_ν ∂E/∂o_rν ∂o_rν/∂v_iμ"),
        ("batch_norm", "chain", "∂v_i/∂z_jν = 2/m (z_iν − μ_i) [i = j]"),
        ("batch_norm", "chain", "∂v_i/∂μ_j = 0"),
        ("batch_norm", "pattern", "∂E/∂μ_i = −(g_i Σ_ν Ψ_niν)/√(v_i + 0.001)"),
        ("batch_norm", "pattern", "Ψ_niν = f′(n_iν) Σ_p V_pi Ψ_opν"),
    ],
)
def test_where_samples_are_coupled_every_step_has_their_indices(name, part, line):
    assert line in by_hand(name, part)


@pytest.mark.parametrize("detail", ["brief", "full", "exhaustive"])
@pytest.mark.parametrize("name", ["attention", "batch_norm"])
def test_no_sentence_speaks_of_one_sample_where_samples_are_coupled(name, detail):
    parts = ("forward", "chain", "pattern", "values", "matrices", "loop")
    page = derive(networks.NETWORKS[name]()).markdown(only=parts, detail=detail)
    words = page.replace("from one sample to another", "")
    assert "one sample" not in words and "single sample" not in words


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (
            lambda: derive(networks.layer_norm()),
            "Ψ_z = 1/√(mean((z − mean(z))⊙²) + 0.001) (Ψ_h ⊙ g − mean(Ψ_h ⊙ g) − mean(Ψ_h ⊙ g ⊙ n) n)",
        ),
        (lambda: derive(networks.layer_norm_in_steps()), "Ψ_c = 1/√(v + 0.001) (Ψ_n − mean(Ψ_n ⊙ n) n)"),
        (
            lambda: derive(networks.layer_norm_with_gain()),
            "Ψ_z = 1/√(mean((z − mean(z))⊙²) + 0.001) (Ψ_n ⊙ g − mean(Ψ_n ⊙ g) − mean(Ψ_n ⊙ g ⊙ u) u)",
        ),
        (
            lambda: derive(networks.batch_norm()),
            "Ψ_zi = g_i/√(v_i + 0.001) Ψ_ni"
            " − 1/(v_i + 0.001) mean(Ψ_ni ⊙ n_i) (z_i − μ_i) − g_i/√(v_i + 0.001) mean(Ψ_ni)",
        ),
        (
            lambda: derive(batch_norm_with_gain()),
            "Ψ_zi = g_i/√(mean((z_i − mean(z_i))⊙²) + 0.001) (Ψ_ni − mean(Ψ_ni) − mean(Ψ_ni ⊙ u_i) u_i)",
        ),
        (lambda: derive(networks.softmax_in_steps()), "Ψ_z = p ⊙ (Ψ_p − ⟨Ψ_p, p⟩)"),
        (lambda: derivation((3, 4, 2), "tanh,softmax", "half_mse"), "Ψ⁽²⁾ = ŷ ⊙ (ŷ − y − ⟨ŷ − y, ŷ⟩)"),
    ],
    ids=[
        "LayerNorm",
        "LayerNorm in steps",
        "LayerNorm with gain",
        "BatchNorm",
        "BatchNorm with gain",
        "softmax in steps",
        "softmax",
    ],
)
def test_factors_with_sums_over_their_own_layer_are_written_with_means_and_inner_products(found, line):
    assert line in equations(found(), "pattern")


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "layer_norm_with_gain",
            ["n_i = g_i u_i  + b_i", "u_i = (z_i − 1/5 Σ_p z_p)/√(1/5 Σ_k (z_k − 1/5 Σ_j z_j)² + 0.001)"],
        ),
        ("scaled_scores", ["u_t = 1/√5 Σ_i K_ti q_i", "p_t = e^(u_t)/(Σ_r e^(u_r))"]),
    ],
)
@pytest.mark.parametrize("detail", ["brief", "full"])
def test_a_part_that_the_derivatives_repeat_is_named_and_explained(name, lines, detail):
    found = derive(networks.NETWORKS[name]())
    page = found.markdown(only=("forward",), detail=detail)
    assert page.count("stands for a part of the equation of") == 1
    assert detail == "brief" or [line for line in lines if line not in equations(found, "forward")] == []


@pytest.mark.parametrize("name", ["attention", "batch_norm"])
def test_what_sharing_saves_is_said_of_a_batch_where_samples_are_coupled(name):
    page = derive(networks.NETWORKS[name]()).markdown(only=("pattern",))
    assert page.count("For a batch, in terms of the number of samples, multiplying out every chain takes") == 1
    assert "The gradients of the batch follow:" in page


def test_scores_in_one_equation_share_a_factor():
    shown = by_hand("scaled_scores", "pattern")
    assert "Ψ_ut = p_t (Ψ_pt − Σ_r Ψ_pr p_r)" in shown
    assert {"∂E/∂K_ti = 1/√5 Ψ_ut q_i", "Ψ_qi = 1/√5 Σ_t K_ti Ψ_ut"} <= {*shown}


@pytest.mark.parametrize("layers", [(3, 4, 2), (3, 4, 1), ("n", "h", "k")])
def test_factors_of_dense_layers_have_no_form_with_means_and_inner_products(layers):
    assert not any("⟨" in line or "mean" in line for line in equations(derivation(layers), "pattern"))


def test_a_tensor_may_have_the_name_of_a_width():
    s, x, y = networks.begun(axis("n"))
    n = dense(s, "n", s.parameter("W", networks.OUTPUTS, axis("n")), x)
    assert "svg" in derive(closed(s, squares(s, y, n))).svg()


def test_an_error_that_does_not_add_up_is_written_for_a_batch():
    s = Statement()
    x, y, w, u = s.input("x"), s.target("y"), s.parameter("w"), s.sample("u")
    o = s.define("o", (), w[()] * x[()])
    s.error(sqrt(s.mean((y[u] - o[u]) ** 2, u)))
    lines = " ".join(terminal(derive(s).document(only=("forward", "chain"))).split())
    assert "E combines samples" in lines and "for one sample" not in lines.lower()
    assert "mean over the samples" not in lines
