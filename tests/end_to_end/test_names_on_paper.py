"""Names are the user's: every tensor of a forward pass has a sign of its own, in every format, and the page is true."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import which

import latex_reader as lr
import networks
import pytest
from helpers import apply, axis, closed, define, dense, index_form, of_layer, squares, summed
from latex_reader import Unreadable
from reading import check_document, check_index_form, check_page
from sympy import exp
from test_reading_back import Differs

from derive import derive
from derive.calculus.forward import ForwardPass
from derive.calculus.index import SAMPLE_AXIS, SAMPLES, Tensor, total
from derive.calculus.normal_form import exact, normal
from derive.paper import symbols
from derive.paper.latex import latex
from derive.paper.mathml import mathml
from derive.paper.notation import NOTATIONS
from derive.paper.page_of import page_for
from derive.paper.signs import role_sign
from derive.paper.spelling import upright
from derive.paper.text import text
from derive.statement.statement import Statement

S = SAMPLE_AXIS
INPUTS, UNITS, OUTPUTS = axis(3), axis(4), axis(2)


def named(**called: str) -> Callable[[], ForwardPass]:
    """Two layers, their tensors called as one likes."""
    names = {n: called.get(n, n) for n in ("X", "Y", "W", "b", "z", "h", "V", "c", "o", "E")}

    def state() -> ForwardPass:
        s = Statement()
        x, y = s.input(names["X"], INPUTS), s.target(names["Y"], OUTPUTS)
        w, b = s.parameter(names["W"], UNITS, INPUTS), s.parameter(names["b"], UNITS)
        h = apply(s, names["h"], "tanh", dense(s, names["z"], w, x, b))
        v, c = s.parameter(names["V"], OUTPUTS, UNITS), s.parameter(names["c"], OUTPUTS)
        stated = closed(s, squares(s, y, dense(s, names["o"], v, h, c)))
        error = stated.equations[-1]
        target = Tensor(names["E"], "error")
        return ForwardPass(
            (*stated.equations[:-1], type(error)(target, (), error.expression, "error")),
            stated.inputs,
            stated.parameters,
            stated.supply,
        )

    return state


def three_inputs() -> ForwardPass:
    """A gate on three inputs, each with a weight of its own."""
    s = Statement()
    given = [s.input(n, INPUTS) for n in ("Xa", "Xb", "Xc")]
    t = s.target("T", OUTPUTS)
    w = s.parameter("W", OUTPUTS, INPUTS)

    def formula(i: object, u: object) -> object:
        return sum(summed(s, INPUTS, lambda j, x=x: w[i, j] * x[j, u]) for x in given)

    return closed(s, squares(s, t, apply(s, "o", "sigmoid", define(s, "z", (OUTPUTS, S), formula))))


def two_heads() -> ForwardPass:
    """A mean and a spread, both predictions by their role, each with its own name."""
    s = Statement()
    x, y = s.input("X", INPUTS), s.target("T", OUTPUTS)
    mu = dense(s, "mu", s.parameter("W_mu", OUTPUTS, INPUTS), x, role="prediction", layer=2)
    spread = dense(s, "rho", s.parameter("W_rho", OUTPUTS, INPUTS), x, layer=2)
    i, u = s.supply.several(y.axes)
    square = exp(-2 * spread[i, u]) * (y[i, u] - mu[i, u]) ** 2 / 2
    return closed(s, total(square + spread[i, u], i, u) / SAMPLES)


def like_widths() -> ForwardPass:
    """Widths n and h, and tensors that are called n and h."""
    s = Statement()
    n, h = axis("n"), axis("h")
    x, y = s.input("X", n), s.target("Y", OUTPUTS)
    hidden = apply(s, "a", "tanh", dense(s, "z", s.parameter("h", h, n), x))
    return closed(s, squares(s, y, dense(s, "o", s.parameter("N", OUTPUTS, h), hidden)))


def scalars(*names: str) -> Callable[[], ForwardPass]:
    """A steepness and an offset that all units share, called as one likes."""

    def state() -> ForwardPass:
        s = Statement()
        x, y = s.input("X", INPUTS), s.target("Y", OUTPUTS)
        z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)
        t, c = (s.parameter(n) for n in names)
        o = define(s, "o", z.axes, lambda i, u: t[()] ** 2 * z[i, u] + exp(c[()]))
        return closed(s, squares(s, y, o))

    return state


def numbered() -> ForwardPass:
    """Layers that are called as in a plain network, and beside them a vector x and a weight w2."""
    s = Statement()
    x, y = s.input("X", INPUTS), s.target("Y", OUTPUTS)
    z = dense(s, "z1", of_layer(s, 1, "W1", UNITS, INPUTS), x, s.parameter("x", UNITS), role="preactivation", layer=1)
    a = apply(s, "a1", "tanh", z, role="activation", layer=1)
    w, other = of_layer(s, 2, "W2", OUTPUTS, UNITS), s.parameter("w2", OUTPUTS)
    z = dense(s, "z2", w, a, other, role="preactivation", layer=2)
    return closed(s, squares(s, y, apply(s, "a2", "sigmoid", z, role="prediction", layer=2)))


UNUSUAL: dict[str, Callable[[], ForwardPass]] = {
    "target T, input Q": named(X="Q", Y="T"),
    "Greek": named(W="alpha", b="sigma_2", z="theta", h="phi", V="Psi", c="eta", o="mu"),
    "Unicode": named(W="é", b="Ψ", z="θ", h="ŷ", V="Ω", c="ñ", o="λ"),
    "words of Python": named(W="lambda", b="class", z="np", h="def", V="in"),
    "indices": named(W="i", b="j", z="k", h="m", V="E2", c="u", o="mu"),
    "one letter, both cases": named(W="W", b="w", z="B", h="b", V="v", c="V", o="x"),
    "underscores": named(W="W_in", b="b_in", z="z_", h="h_1", V="h1", c="_c", o="o_i"),
    "functions": named(W="f", b="g", z="sum", h="ln", V="tanh", c="e", o="d"),
    "signs": named(W="delta", b="pi", z="Delta", h="sigma", V="ell", c="Sigma", o="max"),
    "another error": named(E="L", W="E", b="dW", z="dz"),
    "an error with a long name": named(E="loss"),
    "letters of a plain network": named(W="z", b="a", z="b", h="x", V="y", c="w", o="A"),
    "samples": named(b="mu", c="nu", z="rho", h="tau"),
    "all letters": named(W="i", b="j", z="k", h="p", V="q", c="r", o="s", X="t", Y="u", E="v"),
    "two heads": two_heads,
    "like widths": like_widths,
    "scalars": scalars("e", "pi"),
    "more scalars": scalars("m", "eta"),
    "numbers of a step": scalars("mu", "beta1"),
    "numbered": numbered,
}


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("name", UNUSUAL)
@pytest.mark.sampled(14)
def test_a_page_with_unusual_names_is_true(name: str, notation: str) -> None:
    assert check_page(derive(UNUSUAL[name](), notation)) > 20


@pytest.mark.parametrize("name", networks.NETWORKS)
@pytest.mark.sampled(10)
def test_the_page_of_a_forward_pass_is_true(name: str) -> None:
    assert check_page(derive(networks.NETWORKS[name]())) > 15


@pytest.mark.parametrize("name", ["gating", "batch_norm", "attention", "low_rank", "softmax_cross_entropy"])
@pytest.mark.parametrize("notation", ["bracket", "delta"])
@pytest.mark.sampled(4)
def test_the_page_of_a_forward_pass_is_true_in_every_notation(name: str, notation: str) -> None:
    assert check_page(derive(networks.NETWORKS[name](), notation)) > 15


@pytest.mark.parametrize("notation", NOTATIONS)
def test_each_of_several_inputs_has_its_name(notation: str) -> None:
    stated = three_inputs()
    forward = replace(stated, **normal(stated, exact(stated)))
    program = index_form(forward, notation)
    assert check_index_form(program, forward, notation) > 5
    page = page_for(program, NOTATIONS[notation])
    shown = [latex(page.symbol(t, whole=True)) for t in forward.inputs]
    assert shown == [r"\mathrm{Xa}", r"\mathrm{Xb}", r"\mathrm{Xc}", "T"]


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("name", [*UNUSUAL, *networks.NETWORKS])
@pytest.mark.sampled(14)
def test_no_two_tensors_share_a_sign_in_any_format(name: str, notation: str) -> None:
    program = index_form((UNUSUAL | networks.NETWORKS)[name]().refreshed(), notation)
    page = page_for(program, NOTATIONS[notation])
    tensors = [t for t in program.tensors.values() if t.role != "updated"]
    for write in (latex, mathml, text):
        found: dict[str, str] = {}
        for tensor in tensors:
            sign = page.sign(tensor)
            for base in {sign.entry, sign.one, sign.batch}:
                box = page.scripts(
                    type(sign)(base, base, base, sign.number), False, page.labelled(sign, sign.about), None
                )
                box = page.symbol(tensor, whole=True) if tensor.role == "gradient" else box
                assert found.setdefault(write(box), tensor.name) == tensor.name


# ---------------------------------------------------------------- what the reader notices


def _all_by_role(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every tensor has the letters of its role, whatever it is called."""
    before = symbols.Symbols.sign
    known = ("input", "target", "weight", "bias")

    def sign(page: symbols.Symbols, tensor: Tensor) -> object:
        by_role = tensor.role in known and bool(page.signs.of)
        return role_sign(page.typesetter, page.notation, tensor, page.one_layer) if by_role else before(page, tensor)

    monkeypatch.setattr(symbols.Symbols, "sign", sign)


@pytest.mark.parametrize(
    "name", ["target T, input Q", "words of Python", "Greek", "one letter, both cases", "numbered"]
)
def test_a_page_that_loses_names_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    derivation = derive(UNUSUAL[name]())
    _all_by_role(monkeypatch)
    with pytest.raises((Unreadable, Differs)):
        check_page(derivation)


def test_inputs_that_are_all_written_alike_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = three_inputs()
    forward = replace(stated, **normal(stated, exact(stated)))
    _all_by_role(monkeypatch)
    with pytest.raises((Unreadable, Differs)):
        check_index_form(index_form(forward), forward)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("target T, input Q", "T_{", "Q_{"),
        ("target T, input Q", "Q_{", "X_{"),
        ("one letter, both cases", "W_{", "w_{"),
        ("Greek", r"\theta_{", r"\phi_{"),
        ("words of Python", r"\mathrm{np}", r"\mathrm{def}"),
        ("two heads", r"\rho", r"\mu"),
        ("numbered", "{}^{(2)}w", "{}^{(2)}W"),
    ],
)
def test_a_name_in_the_place_of_another_is_noticed(name: str, right: str, wrong: str) -> None:
    derivation = derive(UNUSUAL[name]())
    document = lr.unfolded(derivation.latex(only=("notation", "forward", "pattern")))
    assert right in document
    facts = derivation.program, derivation.forward, "psi"
    check_document(document, *facts)
    with pytest.raises((Unreadable, Differs)):
        check_document(document.replace(right, wrong), *facts)


# ---------------------------------------------------------------- letters


@pytest.mark.parametrize(
    ("name", "tex", "plain"),
    [
        ("U", "U", "U"),
        ("alpha", r"\alpha", "α"),
        ("sigma_2", r"{}^{(2)}\sigma", "σ⁽²⁾"),
        ("h1", "{}^{(1)}h", "h⁽¹⁾"),
        ("é", r"\acute{e}", "é"),
        ("θ", r"\theta", "θ"),
        ("W_out", r"W_{\mathrm{out}}", "W_out"),
        ("W_xh2", r"{}^{(2)}W_{\mathrm{xh}}", "W⁽²⁾_xh"),
        ("h_tilde_a_b", r"\tilde{h}_{\mathrm{a}, \mathrm{b}}", "h̃_(a, b)"),
        ("log_var", r"\mathrm{log\_var}", "log_var"),
        ("zg", r"\mathrm{zg}", "zg"),
        ("m", "m", "m"),
        ("mean", r"\mathrm{mean}", "mean"),
        ("sigmoid", r"\mathrm{sigmoid}", "sigmoid"),
        ("tanh", r"\mathrm{tanh\_}", "tanh_"),  # the function is on the page
        ("eta", r"\mathrm{eta}", "eta"),
    ],
)
def test_a_name_is_written_as_itself(name: str, tex: str, plain: str) -> None:
    program = index_form(named(W=name)().refreshed())
    box = page_for(program, NOTATIONS["psi"]).symbol(program.parameters[0], whole=True)
    assert (latex(box), text(box)) == (tex, plain)


def test_no_index_has_the_letter_of_a_tensor() -> None:
    program = index_form(named(W="i", b="j", z="k")().refreshed())
    page = page_for(program, NOTATIONS["psi"])
    first = page.lettered(program.statements[0].equation)
    assert not {"i", "j", "k"} & set(first.letters.values())


def test_the_immediate_slope_of_the_error_is_told_from_the_whole_one() -> None:
    document = lr.unfolded(derive(networks.NETWORKS["loss_of_two_layers"]()).latex(only=("chain", "pattern")))
    assert r"\frac{\partial^{+} E}{\partial h_{i}}" in document
    assert r"\frac{\partial E}{\partial h_{i}}" in document


def test_a_tensor_of_two_samples_shows_both() -> None:
    program = index_form(networks.NETWORKS["attention"]().refreshed())
    statement = next(s for s in program.statements if s.target.name == "sc")
    page = page_for(program, NOTATIONS["psi"]).lettered(statement.equation)
    assert latex(page.symbol(statement.target, statement.equation.indices)) == r"\mathrm{sc}^{\mu\nu}"


def test_characters_without_a_latex_command_are_spelled() -> None:
    assert upright("a%b#c$d&e{f}") == r"a\%b\#c\$d\&e\{f\}"
    assert upright("ςçß层") == "sigmacssu5C42" or upright("层") == "u5C42"


@pytest.mark.skipif(which("pdflatex") is None, reason="needs pdflatex")
def test_pages_with_unusual_names_compile(tmp_path: Path) -> None:
    called = ("é", "Ψ", "θ_max", "W_pct", "ç", "层", "Å")
    states = [named(**dict(zip("WbzhVco", called, strict=True))), *UNUSUAL.values()]
    bodies = []
    for state in states:
        derivation = derive(state())
        bodies.append(derivation.latex(only=("notation", "forward", "pattern")))
    head = "\\documentclass{article}\\usepackage{amsmath,xcolor}\\begin{document}\n"
    (tmp_path / "all.tex").write_text(head + "\n".join(bodies) + "\n\\end{document}\n", encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "all.tex"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]


def test_the_layers_at_a_glance_are_those_that_are_stated() -> None:
    document = lr.unfolded(derive(named()()).latex(only=("glance",)))
    for sign in ("z_{i}", "h_{i}", "o_{i}"):
        assert rf"${sign} =" in document or rf"{sign} =" in document


@pytest.mark.parametrize("function", ["gelu_tanh", "gelu"])
@pytest.mark.parametrize("name", ["sigmoid", "sigma_2", "sigma", "pi"])
def test_a_tensor_is_not_printed_as_a_function_or_a_number_is(name, function):
    s, x, y = networks.begun()
    z = dense(s, name, s.parameter("W", networks.OUTPUTS, networks.INPUTS), x)
    h = apply(s, "h", "sigmoid", apply(s, "g", function, z))
    o = define(s, "o", h.axes, lambda i, u: h[i, u] + z[i, u], role="prediction")
    assert check_page(derive(closed(s, squares(s, y, o)))) > 20


def test_a_prediction_has_its_row_under_its_own_name():
    s, x, y = networks.begun()
    z = dense(s, "z", s.parameter("W", networks.OUTPUTS, networks.INPUTS), x)
    p = define(s, "sigmoid", z.axes, lambda i, u: z[i, u], role="prediction")
    assert r"\mathrm{sigmoid}$ & outputs of the network &" in derive(closed(s, squares(s, y, p))).latex()


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("sum", r"\mathrm{sum\_} = 3$ & constant, stated as \texttt{sum} &"),
        ("Ψ", r"\mathrm{Psi} = 3$ & constant, stated as $\mathrm{\Psi}$ &"),
        ("clip", r"\mathrm{clip} = 3$ & constant &"),
    ],
)
def test_a_constant_of_a_forward_pass_has_its_name_and_no_meaning_of_an_option(name, row):
    s, x, y = networks.begun()
    z = dense(s, "z", s.parameter("W", networks.OUTPUTS, networks.INPUTS), x)
    three = s.constant(name, 3)
    made = derive(
        closed(s, squares(s, y, define(s, "o", z.axes, lambda i, u: z[i, u] ** 2 + three, role="prediction")))
    )
    assert row in made.latex(only="notation")
    check_page(made)


def test_the_number_of_data_is_no_layer_and_labels_stand_before_indices() -> None:
    stated = (
        "input x1[3], x2[3], time\ntarget y\nparameter W[2, 3], W_h[2, 3], v[2]\n"
        "z1[i] = sum(W[i, j] * x1[j], j) + v[i] * time\nz2[i] = sum(W_h[i, j] * x2[j], j)\n"
        "u = sum(tanh(z1[i]) * z2[i], i)\nE = (y - u)**2 + diff(diff(u, time), time)**2"
    )
    shown = derive(Statement(stated)).latex(only="forward")
    for sign in (
        "x_{1, j}",
        r"\layi{1}{z}{i} &=",
        r"W_{\mathrm{h}, ij}",
        "W_{ij}",
        r"u_{\mathrm{time}, \mathrm{time}} &=",
    ):
        assert sign in shown
