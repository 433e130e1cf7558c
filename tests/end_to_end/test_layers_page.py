"""docs/layers.md: it is what its script writes, and every published equation on it is the tensor beside it.

The published equations are written with NumPy here, independently of the program, on the values of its forward pass.
Samples are the last axis. The derivatives with respect to outputs are given, so that each has one for each sample.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable

import numpy as np
import pytest
from conftest import ROOT
from helpers import Array, Values, off, shape_of
from markdown_flavours import github_markdown_problems
from web import chromium_fixture, mathjax_fixture  # noqa: F401

from derive.targets.loops.loops import evaluate

PAGE = ROOT / "docs" / "layers.md"
SAMPLES = 7
STAGES = ("forward", "error", "factor", "gradient")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("layers_page", ROOT / "docs" / "layers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def values_of(script, layer: str) -> Values:
    """The values of all tensors of a layer, for random data, parameters and given derivatives."""
    program, draw = script.view(layer).derivation.program, np.random.default_rng(5)
    given = {t.name: draw.normal(size=shape_of(t, {"m": SAMPLES})) for t in (*program.inputs, *program.parameters)}
    if "p" in script.view(layer).derivation.program.tensors:  # shares
        given["y"] = np.exp(given["y"]) / np.exp(given["y"]).sum(axis=0)
    sizes = {"m": SAMPLES}
    return {**given, **evaluate(program, given, sizes, STAGES)}


# The page.


def test_the_page_is_what_the_script_writes(script):
    assert script.page() == PAGE.read_text(encoding="utf-8"), "run: python docs/layers.py"


def test_github_shows_it():
    assert github_markdown_problems(PAGE.read_text(encoding="utf-8")) == []


def test_mathjax_typesets_it_as_github_does(mathjax):
    from markdown_flavours import formulas_in_markdown

    assert mathjax(formulas_in_markdown(PAGE.read_text(encoding="utf-8"), "github"), github=True) == []


# The published equations.


def softmax(v: Values) -> Values:
    """Martins and Astudillo: p ⊙ (v - mean of v under p)."""
    p, given = v["a"], v["dE_da"]
    return {"dE_dz": p * (given - np.sum(p * given, axis=0))}


def softmax_cross_entropy(v: Values) -> Values:
    """Bishop, with the mean over the samples."""
    return {"dE_dz": (v["p"] - v["y"]) / SAMPLES}


def layer_norm(v: Values) -> Values:
    """Karpathy, and the sums over the samples of a batch."""
    given, x = v["dE_dy"], v["x"]
    rstd = 1 / np.sqrt(np.var(x, axis=0) + 1e-5)
    norm = (x - np.mean(x, axis=0)) * rstd
    dnorm = given * v["gamma"][:, None]
    dx = (dnorm - np.mean(dnorm, axis=0) - norm * np.mean(dnorm * norm, axis=0)) * rstd
    return {"Psi_n": dnorm, "Psi_x": dx, "dE_dgamma": np.sum(given * norm, axis=1), "dE_dbeta": np.sum(given, axis=1)}


def batch_norm(v: Values) -> Values:
    """Ioffe and Szegedy, all six, with the term that is 0."""
    x, given, mu, var = v["x"], v["dE_dy"], np.mean(v["x"], axis=1), np.var(v["x"], axis=1) + 1e-5
    deviation = x - mu[:, None]
    hat = deviation / np.sqrt(var)[:, None]
    of_hat = given * v["gamma"][:, None]
    of_variance = np.sum(of_hat * deviation * (-1 / 2) * var[:, None] ** (-3 / 2), axis=1)
    redundant = of_variance * np.sum(-2 * deviation, axis=1) / SAMPLES
    assert np.max(np.abs(redundant)) < 1e-14
    of_mean = np.sum(of_hat * -1 / np.sqrt(var)[:, None], axis=1) + redundant
    of_x = of_hat / np.sqrt(var)[:, None] + of_variance[:, None] * 2 * deviation / SAMPLES + of_mean[:, None] / SAMPLES
    sums = {"dE_dgamma": np.sum(given * hat, axis=1), "dE_dbeta": np.sum(given, axis=1)}
    return {"Psi_n": of_hat, "Psi_v": of_variance, "Psi_mu": of_mean, "dE_dx": of_x, **sums}


def attention(v: Values) -> Values:
    """Dao et al., sample by sample."""
    found: dict[str, list[Array]] = {}
    for u in range(SAMPLES):
        Q, K, V, dO = (v[name][..., u] for name in ("Q", "K", "V", "dE_dO"))
        S = Q @ K.T / np.sqrt(3)
        P = np.exp(S) / np.sum(np.exp(S), axis=1, keepdims=True)
        dP = dO @ V.T
        dS = P * (dP - np.sum(P * dP, axis=1, keepdims=True))
        results = {"dE_dV": P.T @ dO, "Psi_P": dP, "Psi_S": dS, "dE_dQ": dS @ K, "dE_dK": dS.T @ Q}
        for name, value in results.items():
            found.setdefault(name, []).append(value / np.sqrt(3) if name in ("dE_dQ", "dE_dK") else value)
    return {name: np.stack(value, axis=-1) for name, value in found.items()}


def rms_norm(v: Values) -> Values:
    """Zhang and Sennrich, with the matrix R of each sample."""
    a, given, x = v["W"] @ v["x"], v["dE_dy"], v["x"]
    n, rms = len(a), np.sqrt(np.mean(a**2, axis=0))
    of_a = np.empty_like(a)
    for u in range(SAMPLES):
        R = (np.eye(n) - np.outer(a[:, u], a[:, u]) / (n * rms[u] ** 2)) / rms[u]
        of_a[:, u] = R @ (v["g"] * given[:, u])
    sums = {"dE_db": np.sum(given, axis=1), "dE_dg": np.sum(given * a / rms, axis=1), "dE_dW": of_a @ x.T}
    return {"Psi_a": of_a, **sums}


def dense(v: Values) -> Values:
    """Nielsen: BP1 to BP4."""
    sigma = 1 / (1 + np.exp(-(v["W"] @ v["x"] + v["b"][:, None])))
    delta = v["dE_da"] * sigma * (1 - sigma)
    return {"Psi_z": delta, "dE_dW": delta @ v["x"].T, "dE_db": np.sum(delta, axis=1), "dE_dx": v["W"].T @ delta}


def conv1d(v: Values) -> Values:
    """Goodfellow, Bengio and Courville: each position of the kernel is one slice of the input."""
    x, K, G = v["x"], v["K"], v["dE_dy"]
    of_kernel, of_input = np.zeros_like(K), np.zeros_like(x)
    for k in range(K.shape[2]):
        part = slice(k, k + G.shape[1])
        of_kernel[:, :, k] = np.einsum("imu,jmu->ij", G, x[:, part])
        of_input[:, part] += np.einsum("ij,imu->jmu", K[:, :, k], G)
    return {"dE_dK": of_kernel, "dE_dx": of_input}


def recurrent(v: Values) -> Values:
    """Goodfellow, Bengio and Courville: 10.20 to 10.28, from the last step to the first."""
    h, given, steps = v["s"], v["dE_do"], len(v["x"])
    of_h, slope = np.zeros((steps + 1, *h.shape[1:])), 1 - h**2
    for t in reversed(range(steps)):
        later = v["W"].T @ (slope[t + 1] * of_h[t + 1]) if t + 1 < steps else 0
        of_h[t] = later + v["V"].T @ given[t]
    of_a, before = slope * of_h[:-1], np.concatenate([np.zeros_like(h[:1]), h[:-1]])
    over = ((0, 2), (0, 2))
    return {
        "Psi_a": of_a,
        "dE_dc": given.sum((0, 2)),
        "dE_db": of_a.sum((0, 2)),
        "dE_dV": np.tensordot(given, h, over),
        "dE_dW": np.tensordot(of_a, before, over),
        "dE_dU": np.tensordot(of_a, v["x"], over),
    }


def lstm(v: Values) -> Values:
    """Greff et al., from the last step to the first."""
    steps, c, y, o, x = len(v["x"]), v["c"], v["y"], v["o"], v["x"]
    nothing = np.zeros_like(c[0])
    slope = {g: v[g] * (1 - v[g]) for g in "ifo"} | {"z": 1 - v["z"] ** 2}
    delta = {name: [nothing] * (steps + 1) for name in ("y", "c", *"zifo")}
    peephole = {g: v[name][:, None] for g, name in (("i", "p_i"), ("f", "p_f"), ("o", "p_o"))}
    for t in reversed(range(steps)):
        later = {name: found[t + 1] for name, found in delta.items()}
        dy = v["dE_dout"][t] + sum(v[f"R_{g}"].T @ later[g] for g in "zifo")
        do = dy * np.tanh(c[t]) * slope["o"][t]
        dc = dy * o[t] * (1 - np.tanh(c[t]) ** 2) + peephole["o"] * do
        dc += peephole["i"] * later["i"] + peephole["f"] * later["f"]
        dc += later["c"] * (v["f"][t + 1] if t + 1 < steps else 0)
        df = dc * (c[t - 1] if t else 0) * slope["f"][t]
        di, dz = dc * v["z"][t] * slope["i"][t], dc * v["i"][t] * slope["z"][t]
        for name, value in zip(("y", "c", *"zifo"), (dy, dc, dz, di, df, do), strict=True):
            delta[name][t] = value
    found = {name: np.stack(values) for name, values in delta.items()}
    over, now = ((0, 2), (0, 2)), {name: value[:-1] for name, value in found.items()}
    return {
        "Psi_y": now["y"],
        "Psi_c": now["c"],
        **{f"Psi_{g}_bar": now[g] for g in "zifo"},
        "dE_dx": np.stack([sum(v[f"W_{g}"].T @ now[g][t] for g in "zifo") for t in range(steps)]),
        "dE_dW_z": np.tensordot(now["z"], x, over),
        "dE_dR_z": np.tensordot(found["z"][1:], y, over),
        "dE_db_z": now["z"].sum((0, 2)),
        "dE_dp_i": (c * found["i"][1:]).sum((0, 2)),
        "dE_dp_f": (c * found["f"][1:]).sum((0, 2)),
        "dE_dp_o": (c * now["o"]).sum((0, 2)),
    }


PUBLISHED: dict[str, Callable[[Values], Values]] = {
    f.__name__: f
    for f in (
        softmax,
        softmax_cross_entropy,
        layer_norm,
        batch_norm,
        attention,
        rms_norm,
        recurrent,
        lstm,
        dense,
        conv1d,
    )
}


@pytest.mark.parametrize("layer", PUBLISHED)
def test_every_published_equation_is_the_tensor_beside_it(script, layer):
    values = values_of(script, layer)
    published = PUBLISHED[layer](values)
    shown = set(re.findall(rf'ours\("{layer}", "(\w+)"\)', PAGE.with_suffix(".md.jinja").read_text(encoding="utf-8")))
    assert shown == set(published)
    for name, expected in published.items():
        assert off(values[name], expected) < 1e-12, name


@pytest.mark.parametrize("layer", [*PUBLISHED, "shifted"])
def test_the_code_of_every_layer_passes_its_check(script, layer):
    script.view(layer).derivation.check().require()


# The two that are not the gradient.


def numerical(f: Callable[[Array], float], x: Array) -> Array:
    """The derivatives of a function by a complex step."""
    steps = (np.where(np.arange(x.size) == i, 1e-20j, 0) for i in range(x.size))
    return np.array([np.imag(f(x + step)) / 1e-20 for step in steps])


def test_a_softmax_has_no_derivative_of_each_entry_alone(script):
    values = values_of(script, "softmax")
    z, p, given = (values[name][:, 0] for name in ("z", "a", "dE_da"))
    expected = numerical(lambda x: np.sum(given * np.exp(x) / np.sum(np.exp(x))), z)
    of_the_question = np.zeros(4)
    for i in range(4):
        for j in range(4):
            of_the_question[i] = p[i] * (1 - z[i]) if i == j else -p[i] * z[j]
    for wrong in (given * of_the_question, given * p * (1 - p)):
        assert off(wrong, expected) > 0.1
        assert abs(np.sum(wrong)) > 0.1
    assert off(values["dE_dz"][:, 0], expected) < 1e-12
    assert abs(np.sum(expected)) < 1e-14


def test_a_bias_before_the_mean_is_subtracted_has_no_gradient(script):
    values = values_of(script, "shifted")
    x, b, given = values["x"], values["b"], values["dE_dn"]
    (expected,) = numerical(lambda b: np.sum(given * (x + b - np.mean(x + b))), np.atleast_1d(b))
    assert abs(expected) < 1e-14
    assert abs(values["dE_db"]) < 1e-14
    assert abs(np.sum(given)) > 0.1  # what is left if the mean is taken for a constant
