"""Short forms of derivatives: tensors for their right sides, sums that are zero, sums in their stated form."""

from __future__ import annotations

import networks
import pytest
from helpers import axis, define, summed
from sympy import KroneckerDelta, Rational, sqrt

from derive.api import derive
from derive.calculus.chain_rule import Chains, chains
from derive.calculus.deltas import renumbered
from derive.calculus.index import SAMPLE_AXIS, Axis, total
from derive.calculus.short_forms import ShortForms, distributed
from derive.statement.statement import Statement


def chained(name: str) -> Chains:
    return chains(networks.NETWORKS[name]().refreshed())


def local(found: Chains, of: str, wrt: str):
    return next(e for e in found.edges[of] if e.wrt.name == wrt)


def test_the_derivative_of_layer_norm_has_three_terms_with_the_normalised_values_by_name():
    """dn_i/dz_j = ([i = j] - 1/5 - n_i n_j / 5) / s."""
    edge = local(chained("layer_norm"), "n", "z")
    scale = next(f for f in edge.equation.expression.args if f.is_Pow)
    (i, u), (j, w) = edge.of_indices, edge.wrt_indices
    n, same = edge.of, KroneckerDelta(u, w)
    expected = scale * same * (KroneckerDelta(i, j) - Rational(1, 5) - n[i, u] * n[j, u] / 5)
    assert renumbered((edge.value - expected).expand()) == 0


def test_the_variance_does_not_change_with_the_mean():
    """The deviations from the mean sum to zero, so no chain leads through that derivative, which is still shown."""
    found = chained("batch_norm")
    assert [(e.of.name, e.wrt.name, e.value) for e in found.vanishing] == [("v", "mu", 0)]
    assert [e.wrt.name for e in found.edges["v"]] == ["z"]


def centred(units: Axis):
    """The equations of a mean and of the deviations from it, over units or over samples."""
    s = Statement()
    z = s.input("z", units)
    mu = define(s, "mu", (SAMPLE_AXIS,), lambda u: summed(s, units, lambda j: z[j, u]) / units.extent)
    c = define(s, "c", z.axes, lambda i, u: z[i, u] - mu[u,])
    return s, c, mu


@pytest.mark.parametrize("units", [5, "n"])
def test_deviations_from_a_mean_that_is_a_tensor_sum_to_zero(units):
    s, c, mu = centred(axis(units))
    i, u = s.supply.several(c.axes)
    short = ShortForms(tuple(s._equations))
    assert short.without_zero_sums(3 + mu[u,] * total(c[i, u], i)) == 3
    for kept in (total(c[i, u] ** 2, i), total(c[i, u] + 1, i)):
        assert short.without_zero_sums(kept) == kept


@pytest.mark.parametrize("depth", [1, 6])
def test_deviations_from_the_mean_of_a_sum_of_sums_sum_to_zero(depth):
    """The mean is put in before what it is the mean of: a residual stream is itself a sum, of any length."""
    units, s = axis(5), Statement()
    stream = s.input("x", units)
    for n in range(depth):
        added, before = s.input(f"w{n}", units), stream
        stream = define(s, f"z{n}", before.axes, lambda j, u, a=added, b=before: b[j, u] + a[j, u])
    mu = define(s, "mu", (SAMPLE_AXIS,), lambda u: summed(s, units, lambda j: stream[j, u]) / 5)
    i, u = s.supply.several(stream.axes)
    short = ShortForms(tuple(s._equations)).about({stream.name, "mu"})
    assert short.without_zero_sums(total(stream[i, u] - mu[u,], i)) == 0
    kept = total(before[i, u] - mu[u,], i)
    assert short.without_zero_sums(kept) == kept


def test_deviations_from_a_mean_without_indices_sum_to_zero():
    s = Statement()
    a = s.parameter("a", 5)
    i = s.index("i", 5)
    mu = s.define("mu", (), s.mean(a[i], i))
    short = ShortForms(tuple(s._equations))
    assert short.without_zero_sums(s.sum(a[i] - mu, i)) == 0


def test_a_sum_of_a_sum_is_distributed():
    s, c, _ = centred(axis(5))
    i, u = s.supply.several(c.axes)
    j = s.supply.fresh(axis(5))
    inner = total(c[j, u], j)
    assert distributed(total(c[i, u] - inner / 5, i)) == 0


def test_a_denominator_is_written_as_it_is_stated():
    s, _, mu = centred(axis(5))
    r = define(s, "r", (SAMPLE_AXIS,), lambda u: mu[u,] / sqrt(mu[u,] + Rational(1, 1000)))
    short = ShortForms(tuple(s._equations))
    (u,) = s.supply.several(r.axes)
    found = short.with_tensors(3 * mu[u,] / (2 * mu[u,] + Rational(1, 500)))
    assert found == Rational(3, 2) * r[u,] / sqrt(mu[u,] + Rational(1, 1000))


def test_no_division_is_introduced():
    """n = g c / s is not put in where g is no factor: n / g would divide by a parameter."""
    found = chained("batch_norm")
    assert not local(found, "n", "g").value.has(found.forward.tensors["n"].symbol)


def test_a_mean_of_a_residual_layer_is_found_however_long_the_stream_is():
    """The mean is put in before what it reads, which is a sum of sums itself."""
    text = """
        size n = 4
        input x[n], s[n]
        target y[n]
        parameter W[n, n], p[n]
        c[i] = s[i] + x[i]
        e[i] = c[i] + p[i]
        w[i] = sum(W[i, j] * e[j], j)
        z[i] = w[i] + e[i]
        mu = mean(z[i], i)
        v = mean((z[i] - mu)**2, i)
        o[i] = (z[i] - mu) / sqrt(v + 1)
        E = sum((y[i] - o[i])**2, i)
    """
    found = chains(Statement(text).forward_pass().refreshed())
    assert [(e.of.name, e.wrt.name) for e in found.vanishing] == [("v", "mu")]


BEFORE_A_MEAN = {
    "a bias of each unit": "b[h]\nz[i] = sum(W[i, j] * x[j], j) + b[i]\nc[i] = z[i] - mean(z[i, u], u)\n",
    "a mean with a name": "b\nz[i] = sum(W[i, j] * x[j], j) + b\nmu = mean(z[i], i)\nc[i] = z[i] - mu\n",
    "a normalisation": "b[h]\nz[i] = sum(W[i, j] * x[j], j) + b[i]\nmu[i] = mean(z[i, u], u)\n"
    "v[i] = mean((z[i, u] - mu[i])**2, u)\nc[i] = (z[i] - mu[i]) / sqrt(v[i] + 1e-5)\n",
}


@pytest.mark.parametrize("name", BEFORE_A_MEAN)
def test_the_gradient_of_what_a_mean_takes_away_is_0(name):
    head = "size n = 3, h = 4\ninput x[n]\ntarget y[h]\nparameter W[h, n], g[h], s[h], "
    error = "E = mean((y[i] - tanh(g[i] * c[i] + s[i]))**2, i)"
    program = derive(Statement(head + BEFORE_A_MEAN[name] + error)).program
    assert [s.target.name for s in program.stage("gradient") if s.equation.expression == 0] == ["dE_db"]
