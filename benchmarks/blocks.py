"""What more blocks of one form cost: `python benchmarks/blocks.py`.

A block that is repeated is derived once. Each stage is timed for more and more blocks, in CPU time, in one process, and
with nothing known from before; as in the command, Python does not search its memory for cycles of garbage.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable, Sequence
from time import process_time
from typing import Any

from sympy import exp, sqrt, tanh
from sympy.core.cache import clear_cache

from derive import Derivation, Statement, derive
from derive.calculus import form

#: The numbers of blocks: times are compared with those of the second.
BLOCKS = (1, 5, 30)
STAGES: dict[str, Callable[[Derivation], Any]] = {
    "numpy": Derivation.numpy,
    "latex": Derivation.latex,
    "markdown": Derivation.markdown,
}


def dense(blocks: int) -> Statement:
    """Layers of one width."""
    s = Statement(name="dense")
    h = s.size("h", 4)
    (a, y), (i, j) = (s.input("x", h), s.target("y", h)), s.indices("i j", h, h)
    for n in range(1, blocks + 1):
        W, b = s.parameter(f"W{n}", h, h), s.parameter(f"b{n}", h)
        z = s.define(f"z{n}", i, s.sum(W[i, j] * a[j], j) + b[i])
        a = s.define(f"a{n}", i, tanh(z[i]))
    s.error(s.mean((y[i] - a[i]) ** 2, i))
    return s


def residual(blocks: int) -> Statement:
    """Blocks a = a + tanh(W a + b)."""
    s = Statement(name="residual")
    n, h = s.size("n", 3), s.size("h", 4)
    x, y, U, (i, j, r) = s.input("x", n), s.target("y", h), s.parameter("U", h, n), s.indices("i j r", h, h, n)
    a = s.define("a0", i, s.sum(U[i, r] * x[r], r))
    for k in range(1, blocks + 1):
        W, b = s.parameter(f"W{k}", h, h), s.parameter(f"b{k}", h)
        a = s.define(f"a{k}", i, a[i] + tanh(s.sum(W[i, j] * a[j], j) + b[i]))
    s.error(s.mean((y[i] - a[i]) ** 2, i))
    return s


def transformer(blocks: int) -> Statement:
    """Pre-norm blocks of one head."""
    s = Statement(name="transformer")
    T, d, h = s.size("T", 4), s.size("d", 4), s.size("h", 6)
    a, y, eps = s.input("x", T, d), s.target("y", T, d), s.constant("eps", 1e-5)
    t, r, w, i, j, f = s.indices("t r w i j f", T, T, T, d, d, h)

    def norm(name: str) -> Any:
        g, b = s.parameter(f"g{name}", d, start=1), s.parameter(f"o{name}", d)
        mu = s.define(f"mu{name}", t, s.mean(a[t, i], i))
        v = s.define(f"v{name}", t, s.mean((a[t, i] - mu[t]) ** 2, i))
        return s.define(f"n{name}", (t, i), g[i] * (a[t, i] - mu[t]) / sqrt(v[t] + eps) + b[i])

    for k in range(1, blocks + 1):
        Q, K, V, R = (s.parameter(f"W{letter}{k}", d, d) for letter in "QKVR")
        n = norm(f"A{k}")
        q, key, c = (
            s.define(f"{name}{k}", (t, i), s.sum(W[i, j] * n[t, j], j)) for name, W in (("q", Q), ("k", K), ("c", V))
        )
        e = s.define(f"s{k}", (t, r), s.sum(q[t, i] * key[r, i], i) / sqrt(d))
        p = s.define(f"p{k}", (t, r), exp(e[t, r]) / s.sum(exp(e[t, w]), w))
        o = s.define(f"h{k}", (t, i), s.sum(p[t, r] * c[r, i], r))
        a = s.define(f"u{k}", (t, i), a[t, i] + s.sum(R[i, j] * o[t, j], j))
        n = norm(f"M{k}")
        F, b, G = s.parameter(f"F{k}", h, d), s.parameter(f"bF{k}", h), s.parameter(f"G{k}", d, h)
        m = s.define(f"m{k}", (t, f), s.apply("gelu", s.sum(F[f, j] * n[t, j], j) + b[f]))
        a = s.define(f"a{k}", (t, i), a[t, i] + s.sum(G[i, f] * m[t, f], f))
    s.error(s.mean((y[t, i] - a[t, i]) ** 2, t, i))
    return s


def seconds(state: Callable[[int], Statement], blocks: int) -> list[float]:
    """The time of each stage, the derivation first."""
    statement = state(blocks)
    clear_cache()
    form.forget()
    gc.collect()
    times, start = [], process_time()
    derivation = derive(statement)
    for stage in (None, *STAGES.values()):
        if stage is not None:
            start = process_time()
            stage(derivation)
        times.append(process_time() - start)
    return times


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; nothing is asserted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--blocks", default=",".join(map(str, BLOCKS)), help="numbers of blocks (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured; the least counts")
    options = parser.parse_args(arguments)
    numbers = [int(number) for number in options.blocks.split(",")]
    gc.disable()
    seconds(dense, 1)  # what is computed once for all
    print(f"{'seconds':<26}" + "".join(f"{name:>10}" for name in ("derive", *STAGES)))
    for state in (dense, residual, transformer):
        measured = {}
        for number in numbers:
            rounds = [seconds(state, number) for _ in range(options.rounds)]
            measured[number] = [min(times) for times in zip(*rounds, strict=True)]
            print(f"{f'{state.__name__} {number}':<26}" + "".join(f"{t:10.2f}" for t in measured[number]), flush=True)
        for number in numbers[2:]:
            grown = [a / b for a, b in zip(measured[number], measured[numbers[1]], strict=True)]
            print(f"{f'{number} / {numbers[1]} blocks':<26}" + "".join(f"{ratio:10.2f}" for ratio in grown))


if __name__ == "__main__":
    main()
