"""The text language of forward equations: what it states, and what it refuses, with the place."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import MODELS
from sympy import Product, Sum

from derive import Derivation, Network, Statement, StatementError, derive
from derive.statement.language.write import equations_text
from derive.statement.specification import Learning

LAYER_NORM = """\
# LayerNorm between two dense layers
size      n = 3, h = 5, k = 2
input     x[n]
target    y[k]
parameter W[h, n], b[h] = 0, g[h] = 1, s[h] = 0, V[k, h] ~ glorot_uniform
constant  eps = 1e-5

z[i]  = sum(W[i, j] * x[j], j) + b[i]
mu    = sum(z[i], i) / h
v     = sum((z[i] - mu)**2, i) / h
a[i]  = tanh(g[i] * (z[i] - mu) / sqrt(v + eps) + s[i])
q[i]  = sum(V[i, j] * a[j], j)
E     = sum((y[i] - q[i])**2, i) / 2
"""
BLOCKS = """\
size T = 4, n = 3, h = 6
input x[T, n]
target y[T, n]
block dense(x, n, h, f)
  parameter W[h, n], b[h]
  z[i] = sum(W[i, j] * x[j], j) + b[i]
  a[i] = f(z[i])
end
block layer_norm(x, n, eps=1e-5)
  parameter g[n] = 1, b[n]
  mu = mean(x[i], i)
  v = mean((x[i] - mu)**2, i)
  o[i] = g[i] * (x[i] - mu) / sqrt(v + eps) + b[i]
end
block mixed(x, T, n, h)
  u = layer_norm(x, n)
  p[t, r] = softmax(sum(u[t, i] * u[r, i], i) / sqrt(n), r)
  c[t, i] = x[t, i] + sum(p[t, r] * u[r, i], r)
  d = dense(c, n, h, gelu)
  e = dense(d, h, n, identity)
  o[t, i] = c[t, i] + e[t, i]
end
o = repeat 2 mixed(x, T, n, h)
E = mean((y[t, i] - o[t, i])**2, t, i)
"""
#: Statements of a few lines, with which errors are tried.
HEAD = "size n = 3, k = 2\ninput x[n]\ntarget y[k]\nparameter W[k, n]\n"
END = "\nE = mean((y[i] - z[i])**2, i)"


def unsigned(statement: Statement) -> str:
    return equations_text(statement.forward_pass().refreshed(), Learning())


def test_a_text_and_the_same_lines_in_python():
    from sympy import sqrt, tanh

    s = Statement()
    n, h, k = s.size("n", 3), s.size("h", 5), s.size("k", 2)
    x, y = s.input("x", n), s.target("y", k)
    W, b, g = s.parameter("W", h, n), s.parameter("b", h, start=0), s.parameter("g", h, start=1)
    o, V = s.parameter("s", h, start=0), s.parameter("V", k, h, start="glorot_uniform")
    eps, (i, j) = s.constant("eps", 1e-5), s.indices("i j", h, n)
    z = s.define("z", i, s.sum(W[i, j] * x[j], j) + b[i])
    mu = s.define("mu", (), s.mean(z[i], i))
    v = s.define("v", (), s.mean((z[i] - mu) ** 2, i))
    a = s.define("a", i, tanh(g[i] * (z[i] - mu) / sqrt(v + eps) + o[i]))
    r, t = s.indices("r t", k, h)
    q = s.define("q", r, s.sum(V[r, t] * a[t], t))
    s.error(s.sum((y[r] - q[r]) ** 2, r) / 2)
    mine, read = s.forward_pass(), Statement(LAYER_NORM).forward_pass()
    assert (mine.inputs, mine.parameters, mine.constants, mine.starts) == (
        read.inputs,
        read.parameters,
        read.constants,
        read.starts,
    )
    assert derive(s).numpy("core") == derive(Statement(LAYER_NORM)).numpy("core")


def test_blocks_run_over_further_axes_and_follow_themselves():
    derivation = derive(Statement(BLOCKS))
    derivation.check().require()
    names = [p.name for p in derivation.forward.parameters]
    assert names == ["g1", "b1", "W1", "b2", "W2", "b3", "g2", "b4", "W3", "b5", "W4", "b6"]
    assert [str(a.extent) for a in derivation.forward.tensors["mu1"].axes] == ["4", "m"]


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.sampled(3)) for name in MODELS])
def test_the_text_of_a_statement_is_the_statement(name):
    forward = MODELS[name]().statement.forward_pass().refreshed()
    text = equations_text(forward, Learning())
    again = Statement(text).forward_pass().refreshed()
    assert [str(e.expression) for e in again.equations] == [str(e.expression) for e in forward.equations]
    assert again.inputs == forward.inputs and again.starts == forward.starts
    assert again.promises == forward.promises and again.constants == forward.constants


@pytest.mark.parametrize(
    "options",
    [
        {"layers": (3, 4, "k"), "activation": "elu(alpha=1.4),softmax", "loss": "cross_entropy", "optimizer": "adam"},
        {"layers": (3, 2), "bias": "augmented", "loss": "huber(delta=0.5)", "notation": "xbar", "l2": 0.01},
        {
            "layers": (2, 3, 1),
            "loss": "binary_cross_entropy",
            "initialisation": "he_normal",
            "schedule": "cosine(steps=9)",
        },
    ],
)
def test_the_text_of_a_network(options):
    derivation = derive(Network(**options))
    again = derive(Statement(derivation.equations()))
    assert again.equations() == derivation.equations()
    again.check().require()
    assert len(again.program.statements) == len(derivation.program.statements)


@pytest.mark.parametrize("options", [{}, {"bias": "augmented"}])
def test_the_text_says_the_penalty_once(options):
    network = Network((3, 2), l2=0.01, clip=1.0, **options)
    text = derive(network).equations()
    assert "option l2 = 0.01" in text and "option clip = 1.0" in text and " R" not in text
    again = Statement(text)
    assert again.learning.l2 == network.l2
    mine, read = ([*e.expression.atoms(Sum)] for e in (derive(s).forward.equations[0] for s in (network, again)))
    assert [[limit[1:] for limit in total.limits] for total in mine] == [[n[1:] for n in t.limits] for t in read]
    assert str(derive(again).forward.error.expression).count("R") == 1


@pytest.mark.parametrize("text", [LAYER_NORM, BLOCKS])
def test_what_is_written_is_read_again(text, tmp_path):
    folder = derive(Statement(text, name="mine")).write(tmp_path)
    again = Statement.from_file(folder / "equations.eq").forward_pass()
    assert str(again.equations) == str(Statement.from_file(folder / "equations.eq").forward_pass().equations)
    assert derive(Statement.from_file(folder / "equations.eq")).numpy("core") == derive(Statement(text)).numpy("core")


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        ("z[i] = sum(W[j, i] * x[j], j)", 24, "j runs over n in x, which has 3 entries, here, but over k in W"),
        ("z[i] = W[i, j] * x[j]", 13, "j is an index neither on the left nor of a reduction: write sum(..., j)"),
        ("z[i] = sum(W[i, j] * X[j], j)", 22, "X is not stated: did you mean x?"),
        (
            "z[i] = x[i] + z[i - 1]",
            15,
            "z is not stated before this line: move its equation up, or, for a recurrence, declare",
        ),
        ("z[i] = sigmod(sum(W[i, j] * x[j], j))", 8, "there is no function sigmod: did you mean sigmoid?"),
        ("z[i] = sum(W[i, j] * x, j)", 22, "x has axes: read its entries, such as x[i]"),
        ("z[i] = sum(W[i] * x[j], j)", 12, "W is read with 1, where it has 2 indices, for k and n"),
        ("z[i] = W(i, 1)", 8, "W is a tensor and no function: entries are read as W[i]"),
        ("z[i] = sum(W[i, j] * x[j], j)^2", 8, "^ is no power: write a**b"),
        ("z[i] == W[i, 1]", 1, "z[i] == W[i, 1] is no line of a text"),
        ("z[i] = sum(W[i, j] * x[j], j) / 0", 33, "this divides by 0"),
        ("z[i] = sum(W[i, j] * x[j], j", 11, "the bracket ( is not closed"),
        ("z[i] = W[i, 1])", 15, "the bracket ) closes none"),
        ("z[i] = W[i, 1)]", 14, "the bracket ) closes a [, which is opened in column 9"),
        ("z[i] = sum(W[i, :] * x[j], j)", 17, "a colon has no meaning in an index"),
        ("z[i] = i * W[i, 1]", 8, "the index i stands as a number: an index can only select entries"),
        ("z[i] = W[i, 1] if x > 0 else 0", 8, "if and else are not known: write where(condition, a, b)"),
        ("z[i] = W[i, 1] + (x[1] > 0)", 19, "a condition stands here, where a number is expected"),
        ("z[i] = sum(W[i, 1], j)", 21, "nothing says what j runs over: write its size, such as j in n"),
        ("z[i] = sum(W[i, 1])", 8, "sum needs a formula and an index, such as sum(z[i], i)"),
        ("z[i, i] = W[i, 1]", 6, "the index i stands twice on the left"),
        ("z[q] = x[1]", 3, "nothing says what q runs over"),
        ("z[i] = W[i, 1] @ x[1]", 8, "@ is no product here"),
        ("z[i] = exp(W[i, 1], 2)", 8, "exp has 1 argument: write exp(z[i])"),
        ("z[i] = elu(W[i, 1], alpha=y)", 27, "y has axes"),
        ("z[i] = elu(W[i, 1], beta=1)", 8, "activation 'elu(beta=1)': elu has no option 'beta'; it has alpha"),
        ("z[i] = diff(W[i, 1], x[1])", 8, "the derivative of W[k, n] is of no use: it has no equation"),
        ("z[i] = diff(x[1])", 8, "diff has 2 arguments: write diff(u[i], x[j])"),
        ("parameter W[n]", 11, "W is a parameter already: choose another name, such as W2"),
        ("parametr Q", 1, "parametr Q is no line of a text: did you mean parameter?"),
        ("input q[r]", 9, "r is no size: declare it, such as size r = 3"),
        ("size q = 0", 10, "the size is 0, where a whole number from 1"),
        ("constant c", 10, "the constant c has no value: write c = 0.1"),
        ("output q", 8, "q is no tensor stated before"),
        ("promise maks x", 9, "maks x is no promise: there are sums_to_one, probabilities, mask, positive"),
        ("option speed = 3", 8, "speed is no option"),
        ("option l2 = lots", 13, "l2 is 'lots', where a number such as 0.01 is expected"),
        ("use layer_nrm", 5, "there is no file layer_nrm.eq: did you mean layer_norm?"),
        ("z = dens(x, n)", 5, "there is no function dens"),
        ("z = dense(x, n)", 5, "dense is a layer of the catalogue: write use dense in a line before"),
        ("block dense(x, n)", 1, "the block dense has no end: write end in a line"),
        ("end", 1, "there is no block that could end here"),
    ],
)
def test_an_error_has_its_place(line, column, message):
    with pytest.raises(StatementError) as error:
        Statement(f"{HEAD}{line}{END if line.startswith('z') else ''}")
    lines = str(error.value).split("\n")
    assert lines[0].startswith(f"line 5, column {column}: {message}"), lines[0]
    assert lines[2].index("^") - lines[1].index(line.lstrip()[:3]) == column - 1
    assert len(lines) == 3, "one error"


def test_all_errors_are_told():
    with pytest.raises(StatementError) as error:
        Statement(HEAD + "z[i] = sum(W[i, j] * q[j], j)\nr[i] = s[i]\nparametr Q" + END)
    found = [line.partition(":")[0] for line in str(error.value).split("\n") if line.startswith("line")]
    assert found == ["line 5, column 22", "line 6, column 8", "line 7, column 1"]


HOSTILE = {
    "attribute": "z[i] = x.__class__[i]",
    "call": "z[i] = eval(W[i, 1])",
    "dunder": "z[i] = __import__(W[i, 1])",
    "lambda": "z[i] = (lambda q: q)(W[i, 1])",
    "comprehension": "z[i] = sum(W[i, j] * x[j] for j in n)",
    "text": "z[i] = sum(W[i, j] * x[j], 'j')",
    "walrus": "z[i] = (q := W[i, 1])",
    "star": "z[i] = sum(*W[i, j])",
    "two stars": "z[i] = exp(W[i, 1], **x)",
    "look-alike": "z[i] = sum(W[i, ј] * x[ј], ј)",
    "Greek look-alike": "z[i] = sum(W[i, ο] * x[ο], ο)",
    "control": "z[i] = W[i, 1]\x07",
    "null": "z[i] = \0W[i, 1]",
    "tower": "z[i] = W[i, 1] * 9**9**9**9",
    "power": "z[i] = W[i, 1]**99999999999",
    "brackets": "z[i] = " + "(" * 1000 + "W[i, 1]" + ")" * 1000,
    "minus": "z[i] = " + "-" * 3500 + "W[i, 1]",
    "powers": "z[i] = " + "W[i, 1]**" * 400 + "2",
    "long": "z[i] = " + "W[i, 1] + " * 600 + "2",
    "megabytes": "z[i] = W[i, 1]\n" * 200_000,
    "comment": "#" * 5_000_000,
    "infinite": "z[i] = W[i, 1] * 1e999999",
    "complex": "z[i] = W[i, 1] * 1j",
    "huge size": "size q = 99999999999999999999",
    "huge repeat": "block b(x)\n y[i] = x[i]\nend\nq = repeat 99999999 b(x)",
    "doubling": "block a0(x)\n y[i] = x[i]\nend\n"
    + "".join(f"block a{n + 1}(x)\n z = a{n}(x)\n y = a{n}(z)\nend\n" for n in range(30))
    + "z = a30(x)",
    "circle": "block a(x)\n y = a(x)\nend\nz = a(x)",
    "f-string": 'z[i] = f"{W}"',
    "await": "z[i] = await(W[i, 1])",
    "many names": "z[i] = " + " + ".join(f"q{n}" for n in range(600)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_refused_at_once(name):
    Statement(LAYER_NORM)  # imports are not part of it
    began = time.process_time()
    with pytest.raises(StatementError):
        Statement(HEAD + HOSTILE[name] + END)
    assert time.process_time() - began < 5, (
        "not in the time of the text's length"
    )  # milliseconds alone, more in a busy process


@pytest.mark.parametrize("line", ["gradient x", "backward o"])
def test_gradients_of_inputs_and_layers_alone_are_written_and_read_again(line):
    text = HEAD + "o[i] = tanh(sum(W[i, j] * x[j], j))\n"
    text += f"{line}\nE = mean((y[i] - o[i])**2, i)" if line == "gradient x" else line
    forward = Statement(text).forward_pass().refreshed()
    written = equations_text(forward, Learning())
    again = Statement(written).forward_pass().refreshed()
    assert line in written.splitlines()
    assert (again.sought, again.upstream, again.inputs) == (forward.sought, forward.upstream, forward.inputs)
    assert again.sought == ("x",) and len(again.upstream) == (line == "backward o")


def test_words_of_python_are_names():
    text = HEAD + "constant lambda = 0.1\nz[i] = sum(W[i, is] * x[is], is) * lambda" + END
    assert [e.target.name for e in Statement(text).forward_pass().equations] == ["z", "E"]


def test_a_name_of_the_step_may_be_an_index():
    text = "size n = 3\ninput x[n]\ntarget y\nparameter W[n]\nz = sum(W[step] * x[step], step)\nE = (y - z)**2"
    derive(Statement(text, optimizer="adam")).check().require()


WORDS = "size input target parameter constant index samples output option promise function use block end".split()
PARTS = "n h x[n] W[h, n] b[h] z[i] z[j] sum( exp( softmax( where( , i j ) ) [ ] = ~ + - * / ** 0 1e-5 < in".split(" ")
OTHERS = ["repeat 2", "dense(x, n, h, tanh)", "without samples", "\n", "\n", "\n", "λ", "?", "'", "\\"]
CHANGES = ["", "(", ")", "[", "]", ",", "=", "i", "**", " ", "\n", "é", "9"]


def refused_or_stated(text: str) -> None:
    try:
        Statement(text)
    except StatementError as error:
        assert "line" in str(error)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([*WORDS, *PARTS, *OTHERS]), max_size=40).map(" ".join))
def test_any_pieces_are_stated_or_refused(text):
    refused_or_stated(text)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_changed_text_is_stated_or_refused(data: Any):
    text = data.draw(st.sampled_from([LAYER_NORM, BLOCKS]))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 6))
        text = text[:at] + data.draw(st.sampled_from(CHANGES)) + text[at + cut :]
    refused_or_stated(text)


def test_eps_is_printed_as_the_letter_unless_another_number_has_it():
    assert r"\varepsilon" in derive(Statement(LAYER_NORM)).latex(detail="brief")
    assert r"\mathrm{eps}" in derive(Statement(LAYER_NORM, optimizer="adam")).latex(detail="brief")


def mixture(experts: str) -> Derivation:
    """A mixture of softmaxes that are numbered by these indices."""
    return derive(
        Statement(
            "size K = 2, L = 2\ninput g[2]\ntarget y[3]\n"
            f"parameter W[{experts.upper()}, 4, 2], w[3, 4], c[{experts.upper()}]\n"
            f"h[{experts}, i] = sum(W[{experts}, i, j] * g[j], j)\n"
            f"p[x] = sum(c[{experts}] * softmax(sum(h[{experts}, i] * w[x, i], i), x), {experts})\n"
            "E = sum((y[x] - p[x])**2, x)"
        )
    )


def test_the_softmaxes_that_an_equation_mixes_are_tensors_of_their_own():
    assert [s.target.name for s in mixture("k").program.stage("forward")] == ["h", "u", "d", "p"]


def test_a_sum_in_an_exponent_stays_a_sum():
    """SymPy's cancel writes exp(Σ f) as Π exp(f), for which there is no array form."""
    derivation = mixture("k, l")
    assert not any(s.equation.expression.has(Product) for s in derivation.program.statements)
    derivation.check().require()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("z[i] = w[i] * x[i]\nE = sum(z[i]^2, i)", "line 4, column 9: ^ is no power: write a**b"),
        ("z[i] = w[i] * x[i]\nE == sum(z[i]**2, i)", "line 4, column 1: E == sum"),
        ("use mine\nz = mine(x)\nE = sum(z[i]**2, i)", "line 3, column 5: "),
        ("use layer_norm\nz = layer_norm(x)\nE = sum(z[i]**2, i)", "line 4, column 5: the argument n is missing"),
        ("z[i] = w[i] * x[i]\nE = sum(diff(z[i], x)**2, i)", "line 4, column 20: x has axes: read its entries"),
        ("z = w[1] * x[4]\nE = z**2", "line 3, column 1: the equation of z reads x[4, same sample], but 4 is never on"),
    ],
)
def test_what_follows_from_an_error_is_no_second_one(lines, said):
    with pytest.raises(StatementError) as error:
        Statement(f"input x[3]\nparameter w[3]\n{lines}")
    assert str(error.value).startswith(said)
    assert str(error.value).count("\nline ") == 0
