"""Cases, maxima, absolute values and all elementary functions, stated directly in equations."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from helpers import (
    axis,
    closed,
    complex_step,
    define,
    dense,
    given_and_learned,
    index_form,
    interpreted,
    load,
    off,
    real,
    squares,
    summed,
)
from reading import check_page
from sympy import (
    Abs,
    And,
    Expr,
    Max,
    Min,
    Or,
    Piecewise,
    Rational,
    Symbol,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atanh,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    log,
    sign,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
)

from derive.api import derive
from derive.calculus.forward import ForwardPass
from derive.calculus.functions import X, elementwise
from derive.calculus.index import SAMPLE_AXIS, SAMPLES, total
from derive.statement.quantities import Entries
from derive.statement.statement import Statement
from derive.targets.loops.loops import evaluate

N, H, K = axis(3), axis(4), axis(2)
S = SAMPLE_AXIS
EPS, SLOPE, BETA = (Symbol(name, real=True) for name in ("eps", "slope", "beta"))
PRELU = elementwise("prelu", Piecewise((X, X > 0), (SLOPE * X, True)), others=(SLOPE,))
SWISH = elementwise("swish", X / (1 + exp(-BETA * X)), others=(BETA,))
LEAKY = elementwise("leaky", Piecewise((X, X > EPS), (EPS * X, True)))

#: Of two layers beside each other.
OF_TWO: dict[str, Callable[[Expr, Expr], Expr]] = {
    "Max": Max,
    "Min": Min,
    "Abs": lambda z, w: Abs(z - w),
    "of three": lambda z, w: Max(z, w, Rational(1, 10)) + Min(z, w, z * w),
    "three cases": lambda z, w: Piecewise((z * w, z > w + 1), (w, z >= 0), (z**2, True)),
    "and, or": lambda z, w: Piecewise(
        (z * w, And(z > 0, w > 0)), (w, Or(And(z < -1, w < 0), z > 2)), (Max(z, w), True)
    ),
    "in a product": lambda z, w: tanh(Max(z, w)) * Piecewise((exp(-z), z > 0), (1, True)),
    "in a root": lambda z, w: sqrt(1 + Piecewise((z, z > w), (w, True)) ** 2),
    "a constant": lambda z, w: Max(z, EPS * w) + Piecewise((sqrt(EPS + z**2), w > EPS), (cos(EPS) * z, True)),
    "its definition reads a constant": lambda z, w: LEAKY(z) - w,
}
#: Of one layer.
OF_ONE: dict[str, Callable[[Expr], Expr]] = {
    "max(0, z)": lambda z: Max(z, 0),
    "sign": lambda z: z * sign(z),
    **{f.__name__: f for f in (Abs, sin, cos, sinh, cosh, asinh, atan, erf, erfc, tanh)},
    **{f.__name__: lambda z, f=f: f(tanh(z) / 2) for f in (asin, acos, atanh, tan)},
    "acosh": lambda z: acosh(2 + z**2),
    "log": lambda z: log(2 + z**2),
}
#: Of one layer and a parameter with an entry for each unit.
LEARNED: dict[str, Callable[[Expr, Expr], Expr]] = {
    "PReLU": lambda z, a: Piecewise((z, z > 0), (a * z, True)),
    "a threshold": lambda z, a: Piecewise((z - a, z > a), (0, True)),
    "prelu": PRELU,
    "swish": SWISH,
}


def layered(layer: Callable[[Statement, Entries, Entries], Entries]) -> ForwardPass:
    """Two dense layers, what ``layer`` makes of them and the input, and a dense layer."""
    s = Statement()
    s.constant("eps", Fraction(1, 100))
    x, y = s.input("x", N.extent), s.target("y", K.extent)
    z = dense(s, "z", s.parameter("W", H.extent, N.extent), x, s.parameter("b", H.extent))
    a = layer(s, z, x)
    g = dense(s, "g", s.parameter("V", K.extent, H.extent), a)
    return closed(s, squares(s, y, g))


def of_two(formula: Callable[[Expr, Expr], Expr]) -> ForwardPass:
    def layer(s: Statement, z: Entries, x: Entries) -> Entries:
        w = dense(s, "w", s.parameter("U", H.extent, N.extent), x, s.parameter("c", H.extent))
        return define(s, "a", z.axes, lambda i, u: formula(z[i, u], w[i, u]))

    return layered(layer)


def of_one(formula: Callable[[Expr], Expr]) -> ForwardPass:
    return layered(lambda s, z, _: define(s, "a", z.axes, lambda i, u: formula(z[i, u])))


def learned(formula: Callable[[Expr, Expr], Expr]) -> ForwardPass:
    def layer(s: Statement, z: Entries, _: Entries) -> Entries:
        t = s.parameter("t", H.extent)
        return define(s, "a", z.axes, lambda i, u: formula(z[i, u], t[i,]))

    return layered(layer)


def in_one_equation(formula: Callable[[Expr], Expr]) -> ForwardPass:
    """``q = f(W x + b)``."""
    s = Statement()
    x, y = s.input("x", N.extent), s.target("y", K.extent)
    w, b = s.parameter("W", K.extent, N.extent), s.parameter("b", K.extent)
    q = define(s, "q", y.axes, lambda i, u: formula(summed(s, N, lambda j: w[i, j] * x[j, u]) + b[i,]))
    return closed(s, squares(s, y, q))


def of_an_error() -> ForwardPass:
    """A hinge, an absolute error, cases in a sum, a penalty of absolute values."""
    s = Statement()
    x, y, v = s.input("x", N.extent), s.target("y", K.extent), s.parameter("V", K.extent, N.extent)
    g = dense(s, "g", v, x)
    k, u = s.supply.several(y.axes)
    i, j = s.supply.several(v.axes)
    cases = Piecewise((g[k, u] ** 2, g[k, u] > y[k, u]), (2 * g[k, u], True))
    term = Max(0, 1 - y[k, u] * g[k, u]) + 2 * Abs(y[k, u] - g[k, u]) + cases
    return closed(s, total(term, k, u) / SAMPLES + total(Abs(v[i, j]), i, j) / 10)


def in_sums() -> ForwardPass:
    """Maxima of weights in a sum, of a sum over units, and cases that a number of each sample decides."""
    s = Statement()
    x, y, v, b = (
        s.input("x", N.extent),
        s.target("y", K.extent),
        s.parameter("V", K.extent, N.extent),
        s.parameter("b", K.extent),
    )
    q = define(s, "q", (K, S), lambda i, u: b[i,] + summed(s, N, lambda j: Max(v[i, j], 0) * x[j, u]))
    r = define(s, "r", (S,), lambda u: summed(s, K, lambda i: Max(q[i, u], b[i,])))
    p = define(s, "p", (K, S), lambda i, u: Piecewise((q[i, u], r[u,] > 0), (2 * q[i, u], True)))
    return closed(s, squares(s, y, p))


PASSES: dict[str, Callable[[], ForwardPass]] = {
    **{f"{name} of two": lambda f=f: of_two(f) for name, f in OF_TWO.items()},
    **{f"{name} of one": lambda f=f: of_one(f) for name, f in OF_ONE.items()},
    **{f"{name}, learned": lambda f=f: learned(f) for name, f in LEARNED.items()},
    "max of a sum": lambda: in_one_equation(lambda z: Max(z, 0)),
    "cases of a sum": lambda: in_one_equation(lambda z: Piecewise((z, z > 0), (z**2 / 3, True))),
    "sin of a sum": lambda: in_one_equation(sin),
    "an error": of_an_error,
    "sums": in_sums,
}


@pytest.mark.parametrize("name", PASSES)
def test_the_gradients_are_those_of_the_complex_step(name: str) -> None:
    program = index_form(PASSES[name]().refreshed())
    values, sizes = given_and_learned(program, 5, seed=1)
    found, loops = interpreted(program, values, sizes), evaluate(program, values, sizes)
    for parameter in program.parameters:
        slope = f"dE_d{parameter.name}"
        assert off(real(found[slope]), complex_step(program, values, sizes, parameter.name)) < 1e-12
        assert off(loops[slope], real(found[slope])) < 1e-12


@pytest.mark.parametrize("name", PASSES)
@pytest.mark.sampled(4)
def test_the_module_is_right_and_the_page_is_read_back(name: str) -> None:
    derivation = derive(PASSES[name]())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = derivation.check()
    assert report.passed, report.line()
    for text in (derivation.latex(), derivation.html(), derivation.markdown(), derivation.notebook()):
        assert "Heaviside" not in str(text) and "DiracDelta" not in str(text)
    check_page(derivation, 1)


@pytest.mark.parametrize("name", ["PReLU, learned", "three cases of two", "a constant of two"])
def test_numbers_of_single_precision_stay_so(name: str) -> None:
    module: Any = load(derive(PASSES[name]()).numpy())
    generator = np.random.default_rng(0)
    X, Y = generator.normal(size=(6, 3)), generator.normal(size=(6, 2))
    trainer = module.Trainer(seed=0, dtype="float32").fit(X, Y, epochs=2, progress=False)
    assert {value.dtype for value in trainer.parameters.values()} == {np.dtype("float32")}
    slopes = module.gradients(trainer.parameters, X.T.astype("float32"), Y.T.astype("float32"))
    assert {value.dtype for value in slopes.values()} == {np.dtype("float32")}


def test_the_slope_of_a_learned_slope_is_the_negative_part() -> None:
    """With a for each unit, dE/da = sum over the samples of Psi_a min(z, 0)."""
    module: Any = load(derive(PASSES["PReLU, learned"]()).numpy())
    parameters, X, Y = module.example(seed=3)[:3]
    values: dict[str, Any] = {}
    module.NETWORK.forward(parameters, X, values)
    module.NETWORK.error(parameters, X, Y, values)
    slopes = module.NETWORK.gradients(parameters, X, Y, values)
    expected = np.sum(values["Psi_a"] * np.minimum(values["z"], 0), axis=1, keepdims=True)
    assert off(slopes["t"], expected) < 1e-14


def test_kinks_are_where_a_condition_changes() -> None:
    module: Any = load(derive(PASSES["three cases of two"]()).numpy())
    parameters, X, Y = module.example(seed=3)[:3]
    values: dict[str, Any] = {}
    module.NETWORK.forward(parameters, X, values)
    sides = module.NETWORK.kinks(parameters, X, Y, values)
    z, w = values["z"], values["w"]
    assert {tuple(np.sign(v).ravel()) for v in (z - w - 1, z)} <= {tuple(np.abs(1) * s.ravel()) for s in sides} | {
        tuple(-s.ravel()) for s in sides
    }
