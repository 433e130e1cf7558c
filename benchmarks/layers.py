"""What the generated code of layers costs beside NumPy written by hand: `python benchmarks/layers.py`.

Each layer is stated alone, at a usual size. Its error and all its gradients are computed by the generated functions
and by careful code written by hand, which must agree. The two take turns on one thread, and their least CPU times are
compared.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sympy import Integer, exp, sqrt

from derive import Derivation, Statement, derive

Arrays = dict[str, Any]
#: A statement, and a function of its parameters and data that returns the error and the gradients.
Layer = tuple[Statement, Callable[..., tuple[float, Arrays]]]


def layer_norm() -> Layer:
    """Normalise 256 features of 64 tokens, with gain and offset."""
    s = Statement()
    x, y = s.input("x", 64, 256), s.target("y", 64, 256)
    g, b = s.parameter("g", 256), s.parameter("b", 256)
    t, i = s.index("t", 64), s.index("i", 256)
    mu = s.define("mu", t, s.mean(x[t, i], i))
    c = s.define("c", (t, i), x[t, i] - mu[t])
    v = s.define("v", t, s.mean(c[t, i] ** 2, i))
    n = s.define("n", (t, i), c[t, i] / sqrt(v[t] + Integer(1) / 100000))
    o = s.define("o", (t, i), g[i] * n[t, i] + b[i])
    s.error(s.sum((y[t, i] - o[t, i]) ** 2, t, i))

    def by_hand(parameters: Arrays, x: Any, y: Any) -> tuple[float, Arrays]:
        g, b = parameters["g"][:, 0], parameters["b"][:, 0]
        c = x - x.mean(axis=2, keepdims=True)
        n = c / np.sqrt((c**2).mean(axis=2, keepdims=True) + 1e-5)
        d = g * n + b - y
        psi = 2 / len(x) * d
        return np.sum(d**2) / len(x), {
            "g": np.einsum("uti,uti->i", psi, n)[:, None],
            "b": psi.sum(axis=(0, 1))[:, None],
        }

    return s, by_hand


def attention() -> Layer:
    """Causal attention of 4 heads over 128 tokens with 128 features."""
    s = Statement()
    T, D, N, A = s.size("T", 128), s.size("D", 128), s.size("N", 4), s.size("A", 32)
    x, M, y = s.input("x", T, D), s.input("M", T, T, samples=False), s.target("y", T, D)
    s.promise_mask(M)
    wq, wk, wv = (s.parameter(name, N, A, D) for name in ("Wq", "Wk", "Wv"))
    w = s.parameter("O", D, N, A)
    t, r, u = s.indices("t r u", T)
    d, h, a = s.index("d", D), s.index("h", N), s.index("a", A)
    q, k, v = (s.define(n, (t, h, a), s.sum(W[h, a, d] * x[t, d], d)) for n, W in zip("qkv", (wq, wk, wv), strict=True))
    z = s.define("z", (h, t, r), s.sum(q[t, h, a] * k[r, h, a], a) / sqrt(32))
    p = s.define("p", (h, t, r), M[t, r] * exp(z[h, t, r]) / s.sum(M[t, u] * exp(z[h, t, u]), u))
    c = s.define("c", (t, h, a), s.sum(p[h, t, r] * v[r, h, a], r))
    o = s.define("o", (t, d), s.sum(w[d, h, a] * c[t, h, a], h, a))
    s.error(s.sum((y[t, d] - o[t, d]) ** 2, t, d))

    def by_hand(parameters: Arrays, x: Any, M: Any, y: Any) -> tuple[float, Arrays]:
        (m, steps, _), mask = x.shape, M != 0
        flat = x.reshape(-1, 128)
        q, k, v = (
            (flat @ parameters[name].reshape(128, 128).T).reshape(m, steps, 4, 32).transpose(0, 2, 1, 3)
            for name in ("Wq", "Wk", "Wv")
        )
        z = np.where(mask, q @ k.transpose(0, 1, 3, 2) / np.sqrt(32), -np.inf)
        p = np.exp(z - z.max(axis=3, keepdims=True))
        p /= p.sum(axis=3, keepdims=True)
        c = (p @ v).transpose(0, 2, 1, 3).reshape(-1, 128)
        w = parameters["O"].reshape(128, 128)
        d = c @ w.T - y.reshape(-1, 128)
        psi = 2 / m * d
        psi_c = (psi @ w).reshape(m, steps, 4, 32).transpose(0, 2, 1, 3)
        psi_p = psi_c @ v.transpose(0, 1, 3, 2)
        psi_z = p * (psi_p - (p * psi_p).sum(axis=3, keepdims=True)) / np.sqrt(32)
        slopes = (psi_z @ k, psi_z.transpose(0, 1, 3, 2) @ q, p.transpose(0, 1, 3, 2) @ psi_c)
        found = {
            name: (s.transpose(0, 2, 1, 3).reshape(-1, 128).T @ flat).reshape(4, 32, 128)
            for name, s in zip(("Wq", "Wk", "Wv"), slopes, strict=True)
        }
        return np.sum(d**2) / m, {**found, "O": (psi.T @ c).reshape(128, 4, 32)}

    return s, by_hand


def conv2d() -> Layer:
    """16 kernels of 3 x 3 over 8 channels of 28 x 28, padded."""
    s = Statement()
    C, K, H, R = s.size("C", 8), s.size("K", 16), s.size("H", 28), s.size("R", 3)
    x, y = s.input("x", C, H, H), s.target("y", K, H, H)
    w, b = s.parameter("W", K, C, R, R), s.parameter("b", K)
    k, c = s.index("k", K), s.index("c", C)
    i, j = s.indices("i j", H)
    p, q = s.indices("p q", R)
    o = s.define("o", (k, i, j), s.sum(w[k, c, p, q] * x[c, i + p - 2, j + q - 2], c, p, q) + b[k])
    s.error(s.sum((y[k, i, j] - o[k, i, j]) ** 2, k, i, j))

    def by_hand(parameters: Arrays, x: Any, y: Any) -> tuple[float, Arrays]:
        m = len(x)
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
        columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(m * 784, 72)
        out = columns @ parameters["W"].reshape(16, 72).T + parameters["b"][:, 0]
        d = out - y.transpose(0, 2, 3, 1).reshape(-1, 16)
        psi = 2 / m * d
        return np.sum(d**2) / m, {
            "W": (psi.T @ columns).reshape(16, 8, 3, 3),
            "b": psi.sum(axis=0)[:, None],
        }

    return s, by_hand


def embedding() -> Layer:
    """64 words of a vocabulary of 5,000, with 64 features each."""
    s = Statement()
    V, T, D = s.size("V", 5000), s.size("T", 64), s.size("D", 64)
    word, y = s.input("word", T, values=V), s.target("y", T, D)
    table = s.parameter("C", V, D)
    t, i = s.index("t", T), s.index("i", D)
    e = s.define("e", (t, i), table[word[t], i])
    s.error(s.sum((y[t, i] - e[t, i]) ** 2, t, i))

    def by_hand(parameters: Arrays, word: Any, y: Any) -> tuple[float, Arrays]:
        m, places = word.shape[1], word.T - 1
        d = parameters["C"][places] - y
        slope = np.zeros_like(parameters["C"])
        np.add.at(slope, places, 2 / m * d)
        return np.sum(d**2) / m, {"C": slope}

    return s, by_hand


def sigmoid(z: Any) -> Any:
    """Return the sigmoid, plainly: it warns at z = -1000."""
    return 1 / (1 + np.exp(-z))


def elman() -> Layer:
    """A recurrent layer of 128 units over 100 steps of 64 features."""
    statement = Statement("""
        size T = 100, n = 64, h = 128
        input x[T, n]
        target y[T, h]
        recurrent s[T, h]
        parameter W[h, n], U[h, h], b[h]
        z[t, i] = sum(W[i, j] * x[t, j], j) + sum(U[i, r] * s[t - 1, r], r) + b[i]
        s[t, i] = tanh(z[t, i])
        E = sum((y[t, i] - s[t, i])**2, t, i)
    """)

    def by_hand(parameters: Arrays, x: Any, y: Any) -> tuple[float, Arrays]:
        W, U, b = parameters["W"], parameters["U"], parameters["b"][:, 0]
        x, y = x.transpose(1, 0, 2), y.transpose(1, 0, 2)
        steps, samples, units = y.shape
        s = np.zeros((steps + 1, samples, units))
        given, turned = x @ W.T + b, U.T.copy()
        for t in range(steps):
            s[t + 1] = np.tanh(given[t] + s[t] @ turned)
        off = s[1:] - y
        psi, slope, back = 2 / samples * off, 1 - s[1:] ** 2, np.zeros((samples, units))
        for t in reversed(range(steps)):
            psi[t] = (psi[t] + back) * slope[t]
            back = psi[t] @ U
        over = ((0, 1), (0, 1))
        return np.sum(off**2) / samples, {
            "W": np.tensordot(psi, x, over),
            "U": np.tensordot(psi, s[:-1], over),
            "b": psi.sum((0, 1))[:, None],
        }

    return statement, by_hand


def lstm() -> Layer:
    """Long short-term memory of 128 units over 100 steps of 64 features."""
    sums = "".join(
        f"z{g}[t, i] = sum(W{g}[i, j] * x[t, j], j) + sum(U{g}[i, r] * s[t - 1, r], r) + b{g}[i]\n" for g in "figo"
    )
    parameters = ", ".join(f"W{g}[h, n], U{g}[h, h], b{g}[h]" for g in "figo")
    statement = Statement(f"""
size T = 100, n = 64, h = 128
input x[T, n]
target y[T, h]
recurrent c[T, h], s[T, h]
parameter {parameters}
{sums}
f[t, i] = sigmoid(zf[t, i])
e[t, i] = sigmoid(zi[t, i])
g[t, i] = tanh(zg[t, i])
c[t, i] = f[t, i] * c[t - 1, i] + e[t, i] * g[t, i]
o[t, i] = sigmoid(zo[t, i])
s[t, i] = o[t, i] * tanh(c[t, i])
E = sum((y[t, i] - s[t, i])**2, t, i)
""")

    def by_hand(parameters: Arrays, x: Any, y: Any) -> tuple[float, Arrays]:
        W, U, b = (np.concatenate([parameters[f"{name}{g}"] for g in "figo"]) for name in "WUb")
        x, y = np.ascontiguousarray(x.transpose(1, 0, 2)), y.transpose(1, 0, 2)
        steps, samples, h = y.shape
        s, c, kept = np.zeros((steps + 1, samples, h)), np.zeros((steps + 1, samples, h)), []
        given, turned = x @ W.T + b[:, 0], np.ascontiguousarray(U.T)
        for t in range(steps):
            z = given[t] + s[t] @ turned
            f, i, o = sigmoid(z[:, :h]), sigmoid(z[:, h : 2 * h]), sigmoid(z[:, 3 * h :])
            g = np.tanh(z[:, 2 * h : 3 * h])
            c[t + 1] = f * c[t] + i * g
            a = np.tanh(c[t + 1])
            s[t + 1] = o * a
            kept.append((f, i, g, o, a))
        off = s[1:] - y
        psi, direct = np.empty((steps, samples, 4 * h)), 2 / samples * off
        of_s, of_c = np.zeros((samples, h)), np.zeros((samples, h))
        for t in reversed(range(steps)):
            f, i, g, o, a = kept[t]
            of_s = direct[t] + of_s
            of_c = of_c + of_s * o * (1 - a**2)
            psi[t, :, :h], psi[t, :, h : 2 * h] = of_c * c[t] * f * (1 - f), of_c * g * i * (1 - i)
            psi[t, :, 2 * h : 3 * h], psi[t, :, 3 * h :] = of_c * i * (1 - g**2), of_s * a * o * (1 - o)
            of_s, of_c = psi[t] @ U, of_c * f
        over = ((0, 1), (0, 1))
        slopes = {
            "W": np.tensordot(psi, x, over),
            "U": np.tensordot(psi, s[:-1], over),
            "b": psi.sum((0, 1))[:, None],
        }
        parts = {
            f"{name}{g}": part for name, v in slopes.items() for g, part in zip("figo", np.split(v, 4), strict=True)
        }
        return np.sum(off**2) / samples, parts

    return statement, by_hand


def gru() -> Layer:
    """A gated recurrent unit of 128 units over 100 steps of 64 features."""
    parameters = ", ".join(f"W{g}[h, n], U{g}[h, h], b{g}[h]" for g in "urc")
    given = {g: f"sum(W{g}[i, j] * x[t, j], j) + b{g}[i]" for g in "urc"}
    statement = Statement(f"""
size T = 100, n = 64, h = 128
input x[T, n]
target y[T, h]
recurrent s[T, h]
parameter {parameters}
u[t, i] = sigmoid({given["u"]} + sum(Uu[i, p] * s[t - 1, p], p))
r[t, i] = sigmoid({given["r"]} + sum(Ur[i, p] * s[t - 1, p], p))
c[t, i] = tanh({given["c"]} + sum(Uc[i, p] * r[t, p] * s[t - 1, p], p))
s[t, i] = u[t, i] * s[t - 1, i] + (1 - u[t, i]) * c[t, i]
E = sum((y[t, i] - s[t, i])**2, t, i)
""")

    def by_hand(parameters: Arrays, x: Any, y: Any) -> tuple[float, Arrays]:
        W, b = (np.concatenate([parameters[f"{name}{g}"] for g in "urc"]) for name in "Wb")
        U, V = np.concatenate([parameters["Uu"], parameters["Ur"]]), parameters["Uc"]
        x, y = np.ascontiguousarray(x.transpose(1, 0, 2)), y.transpose(1, 0, 2)
        steps, samples, h = y.shape
        s, gates = np.zeros((steps + 1, samples, h)), np.empty((steps, samples, 2 * h))
        given, turned, across = x @ W.T + b[:, 0], np.ascontiguousarray(U.T), np.ascontiguousarray(V.T)
        seen, c = np.empty((steps, samples, h)), np.empty((steps, samples, h))
        for t in range(steps):
            gates[t] = sigmoid(given[t, :, : 2 * h] + s[t] @ turned)
            u = gates[t, :, :h]
            seen[t] = gates[t, :, h:] * s[t]
            c[t] = np.tanh(given[t, :, 2 * h :] + seen[t] @ across)
            s[t + 1] = u * s[t] + (1 - u) * c[t]
        off = s[1:] - y
        psi, direct, of_s = np.empty((steps, samples, 3 * h)), 2 / samples * off, np.zeros((samples, h))
        for t in reversed(range(steps)):
            of_s = direct[t] + of_s
            u, r = gates[t, :, :h], gates[t, :, h:]
            psi[t, :, 2 * h :] = of_s * (1 - u) * (1 - c[t] ** 2)
            of_seen = psi[t, :, 2 * h :] @ V
            psi[t, :, :h] = of_s * (s[t] - c[t]) * u * (1 - u)
            psi[t, :, h : 2 * h] = of_seen * s[t] * r * (1 - r)
            of_s = of_s * u + of_seen * r + psi[t, :, : 2 * h] @ U
        over = ((0, 1), (0, 1))
        W, b = np.tensordot(psi, x, over), psi.sum((0, 1))[:, None]
        U, V = np.tensordot(psi[..., : 2 * h], s[:-1], over), np.tensordot(psi[..., 2 * h :], seen, over)
        found = (("W", np.split(W, 3)), ("U", (*np.split(U, 2), V)), ("b", np.split(b, 3)))
        return np.sum(off**2) / samples, {
            f"{name}{g}": part for name, parts in found for g, part in zip("urc", parts, strict=True)
        }

    return statement, by_hand


LAYERS = {f.__name__: f for f in (layer_norm, attention, conv2d, embedding, elman, lstm, gru)}


def drawn(derivation: Derivation, samples: int) -> tuple[Arrays, list[Any]]:
    """Random parameters and data, as the functions take them."""
    choose = np.random.default_rng(0)
    arrays: Arrays = {}
    for tensor in (*derivation.program.inputs, *derivation.program.parameters):
        shape = [samples if a.sample else int(a.extent) for a in tensor.stored_axes]
        if tensor.places is not None:
            arrays[tensor.name] = choose.integers(1, int(tensor.places.extent) + 1, shape)
        elif tensor.name == "M":
            arrays[tensor.name] = np.tril(np.ones(shape))
        else:
            arrays[tensor.name] = choose.normal(size=shape if len(shape) > 1 else (*shape, 1)) / 8
    names = [t.name for t in derivation.program.parameters]
    return {n: arrays[n] for n in names}, [arrays[t.name] for t in derivation.program.inputs]


def compare(name: str, samples: int, rounds: int) -> None:
    """Print the times of one layer and their ratio."""
    statement, by_hand = LAYERS[name]()
    derivation = derive(statement)
    network = derivation.numpy_target.module.NETWORK
    parameters, data = drawn(derivation, samples)
    inputs = [v for t, v in zip(derivation.program.inputs, data, strict=True) if t.role == "input"]

    def ours(parameters: Arrays, *data: Any) -> tuple[float, Arrays]:
        values: Arrays = {}
        network.forward(parameters, *inputs, values)
        return float(network.error(parameters, *data, values)), network.gradients(parameters, *data, values)

    one, other = ours(parameters, *data), by_hand(parameters, *data)
    assert np.isclose(one[0], other[0], rtol=1e-10)
    assert all(np.allclose(one[1][n], other[1][n], rtol=1e-8, atol=1e-10) for n in parameters)
    best = {ours: float("inf"), by_hand: float("inf")}
    for _ in range(rounds):
        for function in best:
            start = time.thread_time()
            function(parameters, *data)
            best[function] = min(best[function], time.thread_time() - start)
    mine, hand = (1000 * best[f] for f in (ours, by_hand))
    print(f"{name:12} {mine:8.2f} ms, by hand {hand:8.2f} ms, ratio {mine / hand:.2f} (goal 1.2)")


def main() -> None:
    """Compare all layers, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(LAYERS), help="layers, separated by commas")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":  # read when NumPy is loaded
        threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **threads})
    for name in options.only.split(","):
        compare(name, options.samples, options.rounds)


if __name__ == "__main__":
    main()
