"""The LaTeX reader of the tests: accepted and refused input."""

from __future__ import annotations

import ast
from pathlib import Path

import latex_reader as lr
import pytest
from latex_reader import Apply, Dots, Function, Number, Partial, Plus, Symbol, Times, Unreadable, formula


def w(*indices: str, layer: int | None = None) -> Symbol:
    return Symbol("w", layer, indices)


#: The range of a letter below the sign of a maximum.
RANGE = (("k", Number(1), Number(3)),)


@pytest.mark.parametrize(
    ("latex", "tree"),
    [
        (r"{}^{(2)}w_{ij}", w("i", "j", layer=2)),
        (r"w_{ij}^{[2]}", w("i", "j", layer=2)),
        (r"{}^{(2)}w_{i}^{j}", Symbol("w", 2, ("i", "j"), raised=True)),
        (r"{}^{(2)}w^{j}_{i}", Symbol("w", 2, ("i", "j"), raised=True)),
        (r"w^{(2)}_{ij}", w("i", "j", layer=2)),
        (r"{}^{(0)}\bar{x}_{0}", Symbol(r"\bar{x}", 0, ("0",))),
        (r"w_{11}", w("11")),
        (r"w_{10, 2}", Symbol("w", None, ("10", "2"), commas=True)),
        (r"a_{j}^{[2](\mu)}", Symbol("a", 2, ("j",), r"\mu")),
        (r"y_{j}^{\mu}", Symbol("y", None, ("j",), r"\mu")),
        (r"W^{[2]T}", Symbol("W", 2, transposed=True)),
        (r"{}^{(3)}W_{\setminus 0}^{\mathsf{T}}", Symbol("W", 3, transposed=True, without_biases=True)),
        (r"dz^{[1]}", Symbol("dz", 1)),
        (r"d\, z", Times((Symbol("d"), Symbol("z")))),
        ("[i = j]", lr.Kronecker("i", "j")),
        ("[i = 0]", lr.Kronecker("i", "0")),
        ("[p = 2j + k - 1]", lr.Bracket((Symbol("p"),), formula("2j + k - 1"))),
        (r"x_{i, 2j + k - 1}", Symbol("x", None, ("i", "2j + k - 1"), commas=True)),
        (r"\Psi_{z i, 2j}", Symbol(r"\Psi", None, ("z", "i", "2j"), commas=True)),
        (r"C_{w_{t}^{\mu}, i}", Symbol("C", None, (r"w_{t}^{\mu}", "i"), commas=True)),
        (r"\max_{1 \le k \le 3} x_{k}", lr.Extreme("max", RANGE, Symbol("x", None, ("k",)))),
        (
            r"[(p, q) = \operatorname*{arg\,min}_{1 \le k \le 3} x]",
            lr.Bracket((Symbol("p"), Symbol("q")), lr.Extreme("argmin", RANGE, Symbol("x"))),
        ),
        (r"\delta_{ij}", Symbol(r"\delta", None, ("i", "j"))),
        ("{}^{(2)}w_{i}^{j}", Symbol("w", 2, ("i", "j"), raised=True)),
        ("{}^{(2)}w^{j}_{i}", Symbol("w", 2, ("i", "j"), raised=True)),
        (r"1\,260\,268", lr.Number(1260268)),
        (r"\delta_{j}^{(2)}", Symbol(r"\delta", 2, ("j",))),
        (r"f'(h)", Apply(Function("f", 1), (Symbol("h"),))),
        (r"f_{2}'(h)", Apply(Function("f", 1, "2"), (Symbol("h"),))),
        (r"g'^{[2]}(z^{[2]})", Apply(Function("g", 1, None, 2), (Symbol("z", 2),))),
        (r"\mathrm{soft\_plus}(x)", Apply(Function("soft_plus"), (Symbol("x"),))),
        (r"f\, (x)", Times((Symbol("f"), Symbol("x")))),
        (r"f(x)^{2}", lr.Power(Apply(Function("f"), (Symbol("x"),)), Number(2))),
        (r"e^{-x}", lr.Exp(Plus(((-1, Symbol("x")),)))),
        (r"(x)^{\odot2}", lr.Power(Symbol("x"), Number(2), entrywise=True)),
        (r"\mathbf{1}^{\mathsf{T}}", lr.Ones(transposed=True)),
        (r"\frac{\partial E}{\partial w_{i}}", Partial(Symbol("E"), w("i"))),
        (r"\partial E / \partial w_{i}", Partial(Symbol("E"), w("i"))),
        (r"\Delta w_{i}", lr.Change(w("i"))),
        (r"\textcolor{red}{\bigl(}x\textcolor{red}{\bigr)}", Symbol("x")),
        (r"\left(\textcolor{red}{x}\right)\, y", Times((Symbol("x"), Symbol("y")))),
        (r"a + \cdots + b", Plus(((1, Symbol("a")), (1, Dots()), (1, Symbol("b"))))),
        (r"1.25", Number(1.25)),
        (r"h_{1}", Symbol("h", None, ("1",))),
        (r"\underbrace{x}_{3 \times m}", lr.Braced(Symbol("x"), (Number(3), Symbol("m")))),
        (r"\underbrace{x}_{\text{the inputs}}", lr.Braced(Symbol("x"))),
    ],
)
def test_accepted_input(latex: str, tree: lr.Node) -> None:
    assert formula(latex) == tree


def test_a_sum_reaches_to_the_next_term() -> None:
    tree = formula(r"\sum_{j=1}^{3} w_{j}\, x_{j} + b")
    body = Times((w("j"), Symbol("x", None, ("j",))))
    assert tree == Plus(((1, lr.Sum("j", Number(1), Number(3), body)), (1, Symbol("b"))))


def test_a_product_binds_tighter_than_the_entrywise_one() -> None:
    product = Times((Symbol("W", transposed=True), Symbol("z")))
    assert formula(r"W^{T}\, z \odot x") == lr.Entrywise((product, Symbol("x")), (False, False))
    assert formula(r"x \oslash y") == lr.Entrywise((Symbol("x"), Symbol("y")), (False, True))


@pytest.mark.parametrize(
    "latex",
    [
        "",
        "x +",
        "(x",
        "x)",
        "x'",
        r"\unknown",
        r"\sum_{j=1} x_{j}",
        r"\sum x",
        r"\frac{x}{}",
        r"\frac{\partial E}{w}",
        r"\tanh x",
        r"\begin{array}{c} x \end{array}",
        r"x_{i}_{j}",
        r"z^{[1][2]}",
        r"x_{i+}",
        r"\max_{k} x_{k}",
        r"[k = \operatorname*{arg\,med}_{1 \le r \le 3} x_{r}]",
        r"\begin{cases} 1 & \text{sometimes} \end{cases}",
        "x , y",
        r"\text{words}",
        r"{}^{a}x",
    ],
)
def test_refused_input(latex: str) -> None:
    with pytest.raises(Unreadable):
        formula(latex)


def sources(latex: str) -> list[str]:
    return [e.source for e in lr.equations(latex)]


def test_rows_become_equations_again() -> None:
    document = r"""
    \subsection*{One}
    Words. % a comment with \[ in it
    \begin{align*}
    a &= b \tag{1} \\
     &= c \quad \text{\small (a rule)} \\
    d &= e\, f \\
    &\quad + g && \text{by (3)} \\
    &\qquad \text{\small (more words)} \\
    h &= \begin{cases} 1 & i = 0 \\ 2 & i \ge 1 \end{cases} \\[2pt]
    \vdots & \\
    W &\leftarrow W - x & k &= l
    \end{align*}
    """
    assert sources(document) == [
        "a = b = c",
        r"d = e\, f\, + g",
        r"h = \begin{cases} 1 & i = 0 \\ 2 & i \ge 1 \end{cases}",
        r"\vdots",
        r"W \leftarrow W - x",
        "k = l",
    ]
    assert [e.number for e in lr.equations(document)][:2] == ["1", None]
    assert {e.section for e in lr.equations(document)} == {"One"}


@pytest.mark.parametrize(
    "display",
    [
        r"\[ a = b \]",
        "$$ a = b $$",
        r"\begin{equation} a = b \label{x} \end{equation}",
        r"\begin{gather*} a = b \end{gather*}",
        r"\begin{equation*}\begin{aligned} a &= b \end{aligned}\end{equation*}",
        r"\begin{alignat*}{2} a &= b \end{alignat*}",
        r"in the text $a = b$ and $a$",
    ],
)
def test_every_kind_of_display_is_found(display: str) -> None:
    assert sources(display) == ["a = b"]


@pytest.mark.parametrize(
    "document",
    [
        r"\begin{flalign} a &= b \end{flalign}",
        r"\begin{math} a = b \end{math}",
        r"\begin{align*} &= b \end{align*}",
        r"\begin{align*} a &= \end{align*}",
        "a dollar $ alone",
    ],
)
def test_a_display_that_cannot_be_taken_apart_is_refused(document: str) -> None:
    with pytest.raises(Unreadable):
        lr.equations(document)


def test_code_and_drawings_are_not_formulas() -> None:
    assert sources(r"\begin{verbatim}$a = b$\end{verbatim}\begin{tikzpicture}\node{$c = d$};\end{tikzpicture}") == []


def test_the_reader_knows_nothing_of_the_program() -> None:
    tree = ast.parse(Path(lr.__file__).read_text(encoding="utf-8"))
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    imported |= {str(n.module) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert imported == {
        "__future__",
        "contextlib",
        "contextvars",
        "math",
        "re",
        "collections.abc",
        "dataclasses",
        "typing",
    }


# Macros.


@pytest.mark.parametrize(
    ("definition", "formula", "plain"),
    [
        (r"\providecommand{\lay}[2]{{}^{(#1)}#2}", r"\lay{2}{w}_{ij}", r"{}^{(2)}w_{ij}"),
        (
            r"\newcommand{\lay}[2]{{}^{(#1)}#2}\newcommand{\layi}[3]{\lay{#1}{{#2_{#3}{}}}}",
            r"\layi{2}{w}{ij}",
            r"{}^{(2)}w_{ij}",
        ),
        (r"\newcommand\lay[2]{#2^{[#1]}}", r"d\lay{1}{W}", r"dW^{[1]}"),
        (r"\newcommand{\tran}{\mathsf{T}}", r"W^{\tran}\, x", r"W^{\mathsf{T}}\, x"),
        (r"\newcommand{\slope}[2]{\partial #1/\partial #2}", r"\slope{E}{w}", r"\partial E/\partial w"),
        (r"\newcommand{\had}{\odot}\newcommand{\pair}[2]{#1\had#2}", r"\pair{a}{b}", r"a\odot b"),
        (r"\providecommand{\a}{x}\providecommand{\a}{y}", r"\a", "x"),
        (r"\newcommand{\raised}[1]{\Delta#1}", r"\raised w", r"\Delta w"),
    ],
)
def test_a_macro_is_read_as_what_it_is_defined_as(definition: str, formula: str, plain: str) -> None:
    (read,) = lr.equations(rf"{definition} \[ z = {formula} \]")
    (meant,) = lr.equations(rf"\[ z = {plain} \]")
    assert [lr.read(side) for side in read.sides] == [lr.read(side) for side in meant.sides]


def test_a_macro_that_is_defined_by_itself_is_refused() -> None:
    with pytest.raises(Unreadable, match="by itself"):
        lr.equations(r"\newcommand{\a}{\a + 1} \[ x = \a \]")


def test_a_matrix_with_aligned_columns() -> None:
    definition = r"\newcommand{\nums}[1]{\left[\begin{array}{@{}*{10}{r}}#1\end{array}\hskip-\arraycolsep\right]}"
    (read,) = lr.equations(definition + r" \[ x = \nums{1 & 2 \\ -3 & 4} \]")
    (meant,) = lr.equations(r"\[ x = \begin{bmatrix} 1 & 2 \\ -3 & 4 \end{bmatrix} \]")
    assert [t.text for t in read.sides[1]] == [t.text for t in meant.sides[1]]


def test_reasons_in_the_place_of_a_number_and_rows_that_stay_together() -> None:
    rows = r"x &= 1 \tag*{why $y$} \\* &= 2 \tag{3} \derivetag{so $y$} \\ z &= 4"
    first, second = lr.equations(rf"\begin{{align*}} {rows} \end{{align*}}")
    assert (first.number, second.number) == ("3", None)
    assert [lr.read(side) for side in first.sides] == [Symbol("x"), Number(1), Number(2)]
    with pytest.raises(Unreadable, match="two numbers"):
        lr.equations(r"\begin{align*} x &= 1 \tag{1} \tag{2} \end{align*}")
