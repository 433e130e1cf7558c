"""The line ``running``: what it refuses, and blocks whose statistics are over the samples and the places."""

from __future__ import annotations

from fractions import Fraction

import pytest

from derive import Network, Statement, StatementError, derive

START = "size n = 3\ninput x[n]\ntarget y[n]\nparameter w[n]\nz[i] = w[i] * x[i]\nmu[i] = mean(z[i, u], u)\n"
ERROR = "E = mean((y[i] - z[i] + mu[i])**2, i)"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("running z", "there is no running average of z, which has a value for each sample: take its mean over"),
        ("running w", "w has no equation, so that there is no running average of it"),
        ("running nu", "nu is no tensor stated before"),
        ("c[i] = w[i]**2\nrunning c", "there is no running average of c, which reads no samples"),
        ("t[i] = mean(y[i, u], u)\nrunning t", "there is no running average of t, which depends on a target"),
        ("running mu, mu", "the running average of mu is stated twice"),
        ("running mu momentum 0", "the momentum of mu is 0: give a number above 0, 1 at most"),
        ("running mu momentum 1.5", "the momentum of mu is 1.5: give a number above 0, 1 at most"),
        ("running mu of z", "there is no running average of z, which has a value for each sample"),
        ("running mu of nu", "nu is no tensor stated before"),
        ("t = mean(mu[i], i)\nrunning mu of t", "the running average of t cannot stand for mu: their axes differ"),
        ("running mu momentum n", "the momentum"),
        ("running mu = w", "w has axes: read its entries"),
    ],
)
def test_what_is_wrong_is_said(lines: str, said: str) -> None:
    with pytest.raises(StatementError, match=said.replace("(", r"\(")):
        Statement(f"{START}{lines}\n{ERROR}")


def test_a_size_that_only_data_have_is_refused() -> None:
    text = "size n\ninput x[n]\ntarget y\nparameter w\nmu[i] = mean(x[i, u], u)\nrunning mu\n"
    with pytest.raises(StatementError, match="the running average of mu has the size n, which no parameter has"):
        derive(Statement(f"{text}q = w * sum(x[i] * mu[i], i)\nE = (y - q)**2"))


def test_nothing_is_kept_where_nothing_is_learned() -> None:
    s = Statement(name="fixed")
    x, i, u = s.input("x", 3, gradient=True), s.index("i", 3), s.sample("u")
    mu = s.define("mu", i, s.mean(x[i, u], u))
    q = s.define("q", i, x[i] - mu[i])
    s.running(mu)
    s.error(s.mean(q[i] ** 2, i))
    with pytest.raises(StatementError, match="there is nothing to learn"):
        derive(s)


def test_a_text_is_read_again() -> None:
    text = (
        f"{START}v[i] = mean((z[i, u] - mu[i])**2, u)\nrunning mu momentum 0.01\nrunning v = 1\n{ERROR} + mean(v[i], i)"
    )
    forward = Statement(text).forward_pass()
    assert [(r.name, r.momentum, r.start) for r in forward.running] == [
        ("mu", Fraction("0.01"), 0),
        ("v", Fraction("0.1"), 1),
    ]
    written = derive(Statement(text)).equations()
    assert "running mu momentum 0.01\nrunning v = 1\n" in written
    assert derive(Statement(written)).equations() == written


def test_a_layer_alone_keeps_nothing() -> None:
    layer = derive(Statement("use batch_norm\ninput x[3]\no = batch_norm(x, 3)\nbackward o"))
    assert not layer.program.states
    assert "running" not in layer.equations()


def test_places_count_as_samples() -> None:
    """As in PyTorch, whose BatchNorm1d takes the mean of (N, C, L) over N and L."""
    text = "use batch_norm\nsize T = 4, n = 3\ninput x[T, n]\ntarget y[T, n]\no = batch_norm(x, n)\n"
    written = derive(Statement(f"{text}E = mean((y[t, i] - o[t, i])**2, t, i)")).equations()
    assert "mu[i] = mean(x[t, i, u], u, t)\n" in written
    assert "v[i] = mean((x[t, i, u] - mu[i])**2, u, t)\n" in written
    assert "o[t, i] = (x[t, i] - mu[i])" in written


def test_places_that_are_reduced_stand_beside_those_that_are_not() -> None:
    text = "size T = 4, n = 3\ninput x[T, n]\nparameter w[n]\nz[t, i] = w[i] * x[t, i]\n"
    block = "block c(x)\n  q[i] = x[i] - mean(x[i, u] * x[i], u)\nend\n"
    written = derive(Statement(f"{text}{block}o = c(z)\nE = mean(o[t, i]**2, t, i)")).equations()
    assert "o[t, i, u] = z[t, i, u] - mean(z[t, i, u] * z[t_u, i, v], v, t_u)" in written


def test_a_softmax_over_samples_that_are_reduced_is_over_the_places_too() -> None:
    text = "size T = 4, n = 3\ninput x[T, n]\nparameter w[n]\nz[t, i] = w[i] * x[t, i]\n"
    block = "block c(x)\n  q[i] = x[i] * sum(softmax(x[i, u], u) * x[i, u], u)\nend\n"
    written = derive(Statement(f"{text}{block}o = c(z)\nE = mean(o[t, i]**2, t, i)")).equations()
    assert "sum(z[t_u, i, v] * exp(z[t_u, i, v]) / sum(exp(z[j, i, s]), s, j), v, t_u)" in written


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_names_in_layers_do_not_collide_with_those_of_the_step(optimizer: str) -> None:
    derivation = derive(Network([3, "batch_norm", 2], optimizer=optimizer))
    assert [kept.name for kept in derivation.forward.running] == [{"momentum": "mu1"}.get(optimizer, "mu"), "v"]


def test_documents_print_the_averages() -> None:
    text = derive(Statement(f"{START}running mu momentum 0.01\n{ERROR}")).markdown()
    assert r"r_\mu &\leftarrow \frac{1}{100}\,\mu + \frac{99}{100}\, r_\mu" in text
    assert "is a running average over the batches, starting with" in text
    assert "A prediction reads" in text
