"""Texts that mean what they read as: names, default values and numbers, each beside a text written out in full."""

from __future__ import annotations

import time

import pytest

from derive import Statement, StatementError, derive

DATA = "size T = 4, n = 3, h = 5\ninput x[T, n]\ntarget y[T, n]\n"
ERROR = "\nE = mean((y[t, k] - o[t, k])**2, t, k)"
NUMBERS = "size n = 3\ninput x[n]\ntarget y\nparameter W[n], c\no = sum(W[i] * x[i], i) + c\n"


def equations(text: str) -> list[str]:
    forward = Statement(text).forward_pass()
    return [f"{e.target.name} = {e.expression}" for e in forward.equations]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (  # a default value that is another argument
            "block f(x, n, h=n)\n parameter W[h, n]\n o[i] = sum(W[i, j] * x[j], j)\nend\n"
            "parameter A[T, h]\no[t, k] = x[t, k]\nz = f(A, h)",
            "parameter A[T, h], W[h, h]\no[t, k] = x[t, k]\nz[t, i] = sum(W[i, j] * A[t, j], j)",
        ),
        (  # a default value is that of the text, whatever the block around has of that name
            "constant c = 2\nblock f(x, d=c)\n o[i] = d * x[i]\nend\n"
            "block g(x)\n constant c = 3\n u[i] = c * x[i]\n o = f(u)\nend\no = g(x)",
            "constant c = 2, c1 = 3\nu[t, i] = c1 * x[t, i]\no[t, i] = c * u[t, i]",
        ),
        (  # an index of a block is its own, also if the text has a tensor of that name
            "parameter i\nblock f(x)\n o[i] = 2 * x[i]\nend\no = f(x)",
            "parameter p\no[t, i] = 2 * x[t, i]",
        ),
        (  # an argument by its name
            "block f(x)\n o[i] = 2 * x[i]\nend\nblock g(x)\n o = f(x=x)\nend\no = g(x=x)",
            "o[t, i] = 2 * x[t, i]",
        ),
        (  # a reduction as an argument
            "block f(x, g)\n o[i] = x[i] * g(x[j], j)\nend\no = f(x, mean)",
            "o[t, i] = x[t, i] * mean(x[t, j], j)",
        ),
    ],
)
def test_blocks_mean_what_they_read_as(text, plain):
    assert equations(DATA + text + ERROR) == equations(DATA + plain + ERROR)


def test_an_index_of_the_text_is_its_own_also_if_a_block_has_a_tensor_of_that_name():
    text = DATA + "block f(x)\n t[p] = 2 * x[p]\n o[r] = t[r]\nend\no = f(x)" + ERROR
    assert equations(text)[2:] == equations(text.replace("t[p]", "u[p]").replace("t[r]", "u[r]"))[2:] != []


@pytest.mark.parametrize("end", ["\r", "\r\n"])
def test_lines_may_end_in_any_way(end):
    text = NUMBERS + "# a note\nE = (y -\n  o)**2"
    assert equations(text.replace("\n", end)) == equations(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("function max(a, b) = a * b\nE = max(o, y)", "max is a function of the language"),
        ("function log(a) = a * 2\nE = log(o)", "log is a function of the language"),
        ("function f(a, a) = a\nE = f(o, y)", "f has two arguments a"),
        ("block f(a, a)\n u = a\nend\nE = o", "the block f has two arguments a"),
        ("block f(a, b=c, c=2)\n u = a * b * c\nend\nE = o", "reads c, an argument that does not stand before it"),
        ("block f(a)\n u = a**2\n return a\nend\nz = f(o)\nE = z", "a is no tensor that the block f states"),
        ("block f(a)\n u = a**2\n return u, u\nend\nz, v = f(o)\nE = z", "u is returned twice"),
        ("block f(a)\n q = a**2\n u = 2 * q\nend\nz = f(o)\nE = z + q", "q is not stated: declare it"),
        ("block tanh(a)\n u = a**2\nend\nz = tanh(o)\nE = z + tanh(o) * 2", "tanh is a function of the language"),
        ("function f(a) = sum(a, i in 3)\nE = f(o)", "the formula of a function has no indices"),
        ("size k = 4 from 1/2\nE = o", "the first entry is a whole number"),
        ("size N, k = 4 from N\nE = o", "the first entry is a whole number"),
        ("E = sum(W[i] * x[i], i, i)", "sum runs over i twice"),
        ("E = o * [1]", "an array stands here"),
        ("E = (o, 1)", "a comma stands between"),
        ("E = o \\", "has no place in a formula"),
        ("E = o * asin(2)", "this has no real value"),
        ("E = o * sqrt(-2)", "this has no real value"),
        ("E = o * log(0)", "this has no real value"),
        ("E = o * exp(1000000000 * log(3))", "exp of a number beyond 1000"),
        ("E = o * 3**(1000000000 * log(5) / log(3))", "the exponent is beyond 1000"),
        ("E = o * (pi**1000)**1000", "too large"),
    ],
)
def test_what_means_nothing_is_refused_at_once(text, said):
    began = time.perf_counter()
    with pytest.raises(StatementError) as caught:
        Statement(NUMBERS + text).forward_pass()
    assert said in str(caught.value) and time.perf_counter() - began < 1


def test_functions_of_numbers_alone_are_numbers():
    text = "function f(a, b) = a * b\nE = (y - o)**2 + max(relu(pi), c) + min(f(2, 3), c)"
    assert "Max(pi, c)" in equations(NUMBERS + text)[-1] and "Min(6, c)" in equations(NUMBERS + text)[-1]


def test_an_activation_may_stand_in_a_case():
    text = NUMBERS + "E = (y - o)**2 + sum(where(pi < o, x[i], elu(x[i] * o)) * W[i], i)"
    derive(Statement(text)).check().require()


def test_a_text_tells_functions_apart_that_have_one_name_or_that_of_another():
    from sympy import exp, pi

    from derive.calculus.functions import X, elementwise

    s = Statement()
    n = s.size("in", 3)
    x, y, W, number = s.input("x", n), s.target("and", n), s.parameter("for", n, n), s.constant("pi", 2)
    i, j = s.indices("i j", n, n)
    one, two, three, four = (elementwise(*f) for f in [("f", X**2), ("f", X**3), ("exp", X + X**2), ("relu", X / 2)])
    z = s.define("if", i, s.sum(W[i, j] * one(x[j]), j) + two(x[i]) + three(x[i]) + exp(x[i]))
    s.error(s.mean((y[i] - number * pi * four(z[i])) ** 2, i))
    text = derive(s).equations()
    assert derive(Statement(text)).equations() == text
    assert equations(text) == [
        "if_ = exp(x[i, same sample]) + exp1(x[i, same sample]) + f1(x[i, same sample])"
        " + Sum(f(x[j, same sample])*for_[i, j], (j, 1, 3))",
        "E = Sum((-pi*pi_*relu(if_[i, same sample]) + and_[i, same sample])**2, (i, 1, 3), (same sample, 1, m))/(3*m)",
    ]
    assert "function relu(x) = x / 2" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("z_i = \\éo(b_i)", "the character latin small letter e with acute has no place"),
        ("z_i = \\\x01(b_i)", "the character '\\x01' has no place"),
        ("p = 0 w_1, L = -y \\log p", "the equation of L takes the logarithm of p, which is always 0"),
    ],
)
def test_latex_with_strange_signs_is_refused(text, said):
    with pytest.raises(StatementError) as caught:
        Statement.from_latex(text, "input x[3]\ntarget y\nparameter w[3]").forward_pass().refreshed()
    assert said in str(caught.value)


def test_a_file_of_blocks_means_the_same_whatever_the_text_has(tmp_path):
    (tmp_path / "one.eq").write_text("use two\nblock f(x)\n o = g(x)\nend\n")
    (tmp_path / "two.eq").write_text("use one\nblock g(x)\n o[i] = x[i]**2\nend\n")
    (tmp_path / "net.eq").write_text(f"use one\n{DATA}block g(x)\n o[i] = x[i] + 1\nend\no = f(x){ERROR}")
    found = Statement.from_file(tmp_path / "net.eq").forward_pass().equations[0]
    assert str(found.expression) == "x[t, i, same sample]**2"
    (tmp_path / "net.eq").write_text(f"use one, two\n{DATA}block g(x)\n o[i] = x[i] + 1\nend\no = f(x){ERROR}")
    with pytest.raises(StatementError, match=r"two has a block g, and there is one here"):
        Statement.from_file(tmp_path / "net.eq")
    (tmp_path / "three.eq").mkdir()
    (tmp_path / "net.eq").write_text(f"use three\n{DATA}o = f(x){ERROR}")
    with pytest.raises(StatementError, match=r"there is no file three\.eq: put"):
        Statement.from_file(tmp_path / "net.eq")


def test_a_block_reads_what_the_text_shares():
    text = NUMBERS + "block f(a)\n u = tanh(a * c)\nend\nq = f(o)\nz = f(q)\nE = (y - z)**2"
    assert equations(text)[-3:-1] == equations(NUMBERS + "q = tanh(o * c)\nz = tanh(q * c)\nE = (y - z)**2")[-3:-1]
