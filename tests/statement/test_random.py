"""The line ``random``: what it refuses, and that it is written back; in Python it is ``s.random``."""

from __future__ import annotations

import pytest

from derive import Network, SpecError, Statement, StatementError, derive

START = "size n = 3, T\nconstant p = 0.25\ninput x[n]\ntarget y[n]\nparameter w[n]\n"
END = "\nz[i] = w[i] * M[i] * x[i] / (1 - p)\nE = mean((y[i] - z[i])**2, i)"


@pytest.mark.parametrize(
    ("line", "column", "said"),
    [
        ("random M[n]", 8, "what is random needs a distribution: write random M[n] ~ bernoulli(0.5) or normal(0, 0.1)"),
        ("random M[n] = 0.5", 8, "what is random needs a distribution: write random M[n] ~ bernoulli(0.5)"),
        ("random M[n] ~ bernoulli", 15, "bernoulli is no distribution with its numbers: write random M[n] ~"),
        ("random M[n] ~ bernouli(0.5)", 15, "M is random: bernouli is no distribution: did you mean bernoulli?"),
        ("random M[n] ~ cauchy(0)", 15, "cauchy is no distribution: write bernoulli(0.5) or normal(0, 0.1)"),
        ("random M[n] ~ bernoulli()", 15, "bernoulli needs the probability of 1, such as bernoulli(0.5), and none is"),
        ("random M[n] ~ normal(0.1)", 15, "normal needs the mean and the standard deviation, such as normal(0, 0.1)"),
        ("random M[n] ~ bernoulli(4*p)", 0, ""),
        (
            "random M[n] ~ bernoulli(5*p)",
            15,
            "bernoulli(1.25) is no distribution: the probability of 1 must be above 0",
        ),
        (
            "random M[n] ~ bernoulli(0)",
            15,
            "bernoulli(0) is no distribution: the probability of 1 must be above 0, and",
        ),
        (
            "random M[n] ~ normal(0, -1)",
            15,
            "normal(0, -1) is no distribution: the standard deviation must be at least 0",
        ),
        ("random M[n] ~ bernoulli(w)", 25, "w has axes: read its entries"),
        ("random M[n] ~ normal(0, 1), x[n] ~ normal(0, 1)", 29, "x is an input already"),
        ("random M[n] ~ bernoulli(0.5)\npromise mask M", 1, "M is random: its distribution says what its entries are"),
        ("random M[n] ~ bernoulli(0.5)\ngradient M", 10, "has no gradient on request: it is no input"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(line: str, column: int, said: str) -> None:
    if not column:
        Statement(START + line + END)
        return
    with pytest.raises(StatementError) as caught:
        Statement(START + line + END)
    where = f"line {6 + line.count(chr(10))}, column {column}: "
    assert str(caught.value).startswith(where) and said in str(caught.value)


def test_it_is_read_again() -> None:
    """In a block that is applied at each place, each place has a draw of its own."""
    text = (
        "option name = places\nuse dropout\nsize T = 2, n = 3\ninput x[T, n]\ntarget y[T, n]\nparameter w[n]\n"
        "random e ~ normal(1/3, 0.5), D[n] without samples ~ bernoulli(0.9)\n"
        "a[t, i] = e * D[i] * w[i] * x[t, i]\no = dropout(a, n, 0.2)\nE = mean((y[t, i] - o[t, i])**2, t, i)"
    )
    written = derive(Statement(text)).equations()
    assert "\nrandom e ~ normal(1/3, 0.5), D[n] without samples ~ bernoulli(0.9), M[T, n] ~ bernoulli(0.8)\n" in written
    assert derive(Statement(written)).equations() == written


def test_a_size_must_be_known_to_a_prediction() -> None:
    text = START.replace("y[n]", "y[n], u[T]") + "random M[n] ~ bernoulli(0.5), e[T] ~ normal(0, 1)" + END
    with pytest.raises(StatementError, match="the width T of e is that of no input and of no parameter"):
        derive(Statement(text + " + mean(e[t] * u[t], t)"))


def test_in_python() -> None:
    s = Statement(name="of_python")
    x, y, w, i = s.input("x", 3), s.target("y", 3), s.parameter("w", 3), s.index("i", 3)
    for wrong, said in (
        ({}, "none is given"),
        ({"cauchy": 1}, "cauchy is no distribution"),
        ({"bernoulli": 2}, "at most"),
    ):
        with pytest.raises(StatementError, match=said):
            s.random("M", 3, **wrong)
    M, e = s.random("M", 3, bernoulli=0.5), s.random("e", 3, normal=(0, 0.1))
    o = s.define("o", i, M[i] * w[i] * (x[i] + e[i]))
    s.error(s.mean((y[i] - o[i]) ** 2, i))
    assert "random M[3] ~ bernoulli(0.5), e[3] ~ normal(0, 0.1)" in derive(s).equations()


def test_the_rate_of_dropout() -> None:
    assert Network("4, dropout(rate=0), 2").widths == (4, 4, 2)
    with pytest.raises(SpecError, match=r"entry 2 is 'dropout\(rate=1\)': .* the probability of 1 must be above 0"):
        Network("4, dropout(rate=1), 2")


def test_a_document_says_what_is_random() -> None:
    text = derive(Network("4, 3, dropout, 2")).markdown(flavour="github").replace("$`", "").replace("`$", "")
    assert (
        "M is random: each entry is 1 with the probability 0.5, otherwise 0, and is drawn anew in each step for "
        "each sample; a prediction reads its mean, 0.5." in text
    )
    assert "random, drawn in each step: 1 with the probability 0.5, otherwise 0" in text
    assert "), draw M:" in text
