"""How a module takes its steps: fast where every statement has calls of its own, and with ``update`` where not."""

from __future__ import annotations

from collections.abc import Callable

import networks
import numpy as np
import pytest
from agreement import assert_right, declines
from helpers import apply, axis, closed, define, dense, derivation, load, squares, summed
from networks import INPUTS, MORE, OUTPUTS, S, begun
from sympy import Expr, Integer, Rational, Symbol, exp, log, sqrt
from test_every_pair import PAIRS, Pair

from derive.api import derive
from derive.arrays import matrix as mx
from derive.arrays.lift import ArrayAssign
from derive.calculus.forward import ForwardPass
from derive.calculus.functions import elementwise
from derive.calculus.index import SAMPLES, Tensor, total
from derive.calculus.promises import SumsToOne
from derive.catalogue.activations import ACTIVATIONS
from derive.statement.network import Network
from derive.statement.statement import Statement
from derive.targets.module_check import ModuleError, require_known
from derive.targets.numpy.fast.forms import can_wait
from derive.targets.numpy.formula_printer import scalar
from derive.targets.numpy.function_bodies import Bodies
from derive.targets.numpy.scalar_printer import arithmetic
from derive.text.entry_text import base_name

Form = Callable[[Expr, Expr], Expr]
LEARNED_NUMBERS: dict[str, Form] = {
    "c z": lambda c, z: c * z,
    "z / c": lambda c, z: z / c,
    "z exp(c)": lambda c, z: z * exp(c),
    "(1 + z^2)^c": lambda c, z: (1 + z**2) ** c,
    "c + z": lambda c, z: c + z,
}


def with_a_learned_number(form: Form, output: str) -> ForwardPass:
    """One layer, a number that is learned, and softmax with cross-entropy or sigmoid with its own; or squares."""
    s, x, y = begun(outputs=MORE)
    c = s.parameter("c")
    z = dense(s, "z", s.parameter("W", MORE, INPUTS), x)
    i, u = s.supply.several(y.axes)
    if output == "squares":
        return closed(s, total((y[i, u] - form(c[()], z[i, u])) ** 2, i, u) / SAMPLES)
    if output == "sigmoid":
        sigmoid = elementwise("sigmoid", ACTIVATIONS["sigmoid"].formula)
        p = define(s, "p", z.axes, lambda i, u: sigmoid(form(c[()], z[i, u])))
        return closed(s, -total(y[i, u] * log(p[i, u]) + (1 - y[i, u]) * log(1 - p[i, u]), i, u) / SAMPLES)
    q = define(s, "q", z.axes, lambda i, u: form(c[()], z[i, u]))
    p = define(s, "p", z.axes, lambda i, u: exp(q[i, u]) / summed(s, MORE, lambda j: exp(q[j, u])))
    return closed(s, -total(y[i, u] * log(p[i, u]), i, u) / SAMPLES, promises=(SumsToOne(y.tensor),))


@pytest.mark.parametrize(
    ("form", "output"),  # what is added to all pre-activations of a softmax changes nothing
    [(f, o) for f in LEARNED_NUMBERS for o in ("softmax", "sigmoid", "squares") if (f, o) != ("c + z", "softmax")],
)
@pytest.mark.sampled(4)
def test_the_history_is_that_of_the_steps_where_a_number_in_the_error_is_learned(form: str, output: str) -> None:
    assert_right(with_a_learned_number(LEARNED_NUMBERS[form], output), positive=("c",))


def test_late_errors_read_only_stored_arrays() -> None:
    units, c, r, fixed = axis(4), Symbol("c", real=True), Symbol("R", real=True), Symbol("k", real=True)
    a, w = mx.Array(Tensor("a", "a", (units, S))), mx.Array(Tensor("w", "weight", (units, axis(2))))

    def may(form: mx.Node) -> bool:
        return can_wait(form, [fixed], [r])

    assert may(mx.Scale(fixed / SAMPLES, mx.SumOver(mx.Power(a, Integer(2)), None)))
    assert may(mx.Plus((mx.SumOver(a, None), mx.Number(r))))
    assert not may(mx.Scale(c, mx.SumOver(a, None)))
    assert not may(mx.Plus((mx.SumOver(a, None), mx.Number(c**2))))
    for inner in (mx.Scale(c, a), mx.Power(a, c), mx.Plus((a, mx.Broadcast(mx.Number(c), a.shape))), w, mx.Scale(r, a)):
        assert not may(mx.SumOver(inner, None))


DECLINED = """attention batch_norm bias_and_square bilinear constant_units error_per_sample layer_norm
    layer_norm_in_steps layer_norm_with_gain learned_loss_weights linear_error low_rank outer_product pairs_of_samples
    penalty_of_biases product_of_parameters scalar_parameters scaled_scores steepness sum_of_units
    symmetric_weight""".split()


@pytest.mark.parametrize("name", networks.NETWORKS)
@pytest.mark.sampled(10)
def test_a_module_is_whole_without_the_second_rendering(name: str) -> None:
    source = " ".join(derive(networks.NETWORKS[name]()).numpy().split())
    assert ("def straight_line(" not in source) == (name in DECLINED)
    assert ("There is no faster rendering of a step for these equations: " in source) == (name in DECLINED)


@pytest.mark.parametrize("name", ["linear_error", "inputs_as_targets"])
def test_what_is_stored_is_not_overwritten(name: str) -> None:
    """A factor that copies a parameter, which the update changes, and two terms of the error that share scratch."""
    derive(networks.NETWORKS[name]()).check().require()


@pytest.mark.parametrize("seed", [1080, 1099, 1338])
def test_a_product_that_is_read_twice_has_an_array_of_its_own(seed: int) -> None:
    derive(networks.random_network(seed)).check().require()


#: Losses that mix the outputs of a sample, so that an equation has no matrix form: `fit` uses `update`.
WITHOUT = ("gaussian_nll", "laplace_nll", "crammer_singer", "weston_watkins", "cosine")
FAST = [pair for pair in PAIRS if base_name(pair.loss) not in WITHOUT]


def assert_fast(pair: Pair) -> None:
    found = derivation((2, 3, 2), (pair.hidden, pair.output), pair.loss, pair.bias, pair.notation)
    assert "def straight_line(" in found.numpy()


@pytest.mark.parametrize("pair", FAST[::5], ids=str)
@pytest.mark.sampled(10)
def test_every_stated_network_has_a_second_rendering(pair: Pair) -> None:
    assert_fast(pair)


@pytest.mark.slow
@pytest.mark.parametrize("pair", FAST, ids=str)
def test_every_combination_has_a_second_rendering(pair: Pair) -> None:
    assert_fast(pair)


WAYS = [
    {"optimizer": "adam", "l2": 0.01, "clip": 1, "schedule": "cosine(steps=100, warm_up=3)"},
    {"optimizer": "nesterov", "l2": 0.1, "bias": "augmented"},
    {"optimizer": "adagrad", "clip": 0.1, "bias": "none"},
    {"optimizer": "rmsprop", "schedule": "step(every=3)"},
    {"optimizer": "adamw", "schedule": "warm_up(steps=5)", "notation": "delta"},
    {"optimizer": "momentum", "notation": "bracket", "bias": "augmented"},
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: str(way["optimizer"]))
@pytest.mark.parametrize("layers", [(3, 2), ("n", "add", 2), (3, 4, 4, 2), (150, 70, 2)])
@pytest.mark.sampled(10)
def test_every_learning_option_has_a_second_rendering(way: dict[str, object], layers: tuple[int | str, ...]) -> None:
    activation = ",".join(["gelu"] * (len(layers) - 2) + ["softmax"])
    source = derive(Network(layers, activation, "cross_entropy", **way)).numpy()
    assert "def straight_line(" in source


# Numbers and operators.


def with_a_constant(value: Expr) -> ForwardPass:
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)
    return closed(
        s, squares(s, y, define(s, "h", z.axes, lambda i, u: z[i, u] * value + 1 / (1 + value * z[i, u] ** 2)))
    )


@pytest.mark.parametrize(
    "value", ["1/100000", "3/10000000", "1/3", "1234567890123456/1000000000000000", "1000", "-7/2"]
)
def test_a_constant_of_any_size_is_printed_from_its_value(value: str) -> None:
    assert_right(with_a_constant(Rational(value)))


@pytest.mark.parametrize("slope", ["0.00001", "1e-9", "1/3"])
def test_an_option_of_any_size_is_printed_from_its_value(slope: str) -> None:
    module = load(derive(Network((2, 3, 1), f"leaky_relu(slope={slope})")).numpy())
    assert module.FAST_STEPS.of_one is not None
    assert module.check_steps(*module.example()) < 1e-12


def test_arithmetic_is_printed_from_the_expression() -> None:
    x, y = Symbol("x", real=True), Symbol("y", real=True)
    printed = {
        x**2: "x * x",
        1 / x**2: "1.0 / (x * x)",
        y / x**2: "y / (x * x)",
        (x + 1) ** 2: "(x + 1.0) ** 2",
        x**3: "x**3",
        Rational(1, 100000) * x: "1e-5 * x",
        x / 3: "x / 3.0",
        exp(2 * x): "exp(2.0 * x)",
    }
    for expression, text in printed.items():
        assert arithmetic(expression).text in (text, text.replace("x + 1.0", "1.0 + x"))
        values = {"x": 1.7, "y": 0.3, "exp": np.exp}
        right = float(expression.subs({x: 1.7, y: 0.3}))
        assert eval(arithmetic(expression).text, values) == pytest.approx(right, rel=1e-15)


def test_a_long_decimal_is_a_quotient_that_keeps_its_parentheses() -> None:
    value = Rational(12345678901234567890123456789012345678901, 10**41)
    x = Symbol("x", real=True)
    code = scalar(1 / (x + value)).text
    assert eval(code, {"x": 2.0}) == pytest.approx(float(1 / (2 + value)), rel=1e-15)


def layer_norm(eps: Expr) -> ForwardPass:
    """Normalised over the units, with the number that keeps the root from 0."""
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)
    n = OUTPUTS.extent

    def mean(u: Expr) -> Expr:
        return summed(s, OUTPUTS, lambda j: z[j, u]) / n

    def variance(u: Expr) -> Expr:
        return summed(s, OUTPUTS, lambda j: (z[j, u] - mean(u)) ** 2) / n

    o = define(s, "o", z.axes, lambda i, u: (z[i, u] - mean(u)) / sqrt(variance(u) + eps))
    g = s.parameter("g", OUTPUTS)
    return closed(s, squares(s, y, define(s, "h", z.axes, lambda i, u: g[i,] * o[i, u])))


def sums_of_units() -> ForwardPass:
    """t_i is the sum over j of h_j, the same for every unit."""
    s, x, y = begun()
    h = dense(s, "h", s.parameter("W", MORE, INPUTS), x)
    return closed(s, squares(s, y, define(s, "t", y.axes, lambda i, u: summed(s, MORE, lambda j: h[j, u]))))


def sums_of_a_weight() -> ForwardPass:
    """The error reads the sums of the rows of a weight."""
    s, x, y = begun()
    w = s.parameter("W", OUTPUTS, INPUTS)
    z = dense(s, "z", w, x)
    i, u = s.supply.several(y.axes)
    return closed(s, squares(s, y, z) + total(z[i, u] ** 2 * summed(s, INPUTS, lambda j: w[i, j]), i, u) / SAMPLES)


def softmax_of_rows(samples: bool) -> ForwardPass:
    """Softmax along the rows: of a weight, or of scores between samples."""
    s, x, y = begun()
    v = dense(s, "v", s.parameter("V", OUTPUTS, INPUTS), x)
    over = S if samples else OUTPUTS
    if samples:
        q = dense(s, "q", s.parameter("Q", MORE, INPUTS), x)
        scores = define(s, "sc", (S, S), lambda t, u: summed(s, MORE, lambda i: q[i, t] * q[i, u]))
    else:
        scores = s.parameter("M", OUTPUTS, OUTPUTS)
    p = define(s, "p", (over, over), lambda i, j: exp(scores[i, j]) / summed(s, over, lambda k: exp(scores[i, k])))
    if samples:
        return closed(s, squares(s, y, define(s, "o", y.axes, lambda i, u: summed(s, S, lambda t: v[i, t] * p[u, t]))))
    return closed(
        s, squares(s, y, define(s, "o", y.axes, lambda i, u: summed(s, OUTPUTS, lambda j: p[i, j] * v[j, u])))
    )


def constant_gradient() -> ForwardPass:
    """A learned number whose gradient reads nothing."""
    s, x, y = begun()
    t = s.parameter("t")
    return closed(s, squares(s, y, dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)) + 3 * t[()])


STATED = {
    "eps": lambda: layer_norm(Rational(1, 100000)),
    "sums of units": sums_of_units,
    "sums of a weight": sums_of_a_weight,
    "softmax of rows": lambda: softmax_of_rows(samples=False),
    "softmax between samples": lambda: softmax_of_rows(samples=True),
    "constant gradient": constant_gradient,
}


@pytest.mark.parametrize("name", STATED)
def test_statements_without_a_fast_form_are_computed_correctly(name: str) -> None:
    assert declines(assert_right(STATED[name]()))


def test_a_constant_gradient_has_the_type_of_the_parameters() -> None:
    module = load(derive(constant_gradient()).numpy())
    parameters, x, y = module.example()
    single = {n: v.astype(np.float32) for n, v in parameters.items()}
    found = module.gradients(single, x.astype(np.float32), y.astype(np.float32))
    assert {v.dtype for v in found.values()} == {np.dtype(np.float32)}


# Every module is checked before it is handed out.


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "def f(x):\n    return x.y + 1.T  # (3)\n",
            r"equation \(3\): the generated module does not parse: return x.y",
        ),
        (
            "def f(x):\n    a = b  # (12)\n    return a\n",
            r"equation \(12\): .* reads b, which is not defined",
        ),
        ("def f(x):\n    def g():\n        return h\n    return g\n", "line 3: .* reads h"),
        ("A = [n for n in B]\n", "line 1: .* reads B"),
    ],
)
def test_a_module_with_undefined_names_is_an_internal_error(source: str, message: str) -> None:
    with pytest.raises(ModuleError, match=message):
        require_known(source, ())


def test_a_module_without_undefined_names_is_accepted() -> None:
    inner = "    def g():\n        return y\n    y = [z for z in x if p]\n    return g\n"
    source = f"import os.path as p\n\ndef f(x: T):\n{inner}"
    assert require_known(source, {"T", "y"}) == {"T"}


def test_numpy_returns_no_module_with_undefined_names(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = lambda self, s: (f"{self.statements.name(s.target)} = nowhere  # ({s.number})",)  # noqa: E731
    monkeypatch.setattr("derive.targets.numpy.function_bodies.Bodies.lines", broken)
    with pytest.raises(ModuleError, match=r"internal error in equation \(\d+\): the generated module reads nowhere"):
        derive(networks.tied()).numpy()


def test_a_value_that_is_read_too_early_is_refused_by_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def early(self: Bodies, s: ArrayAssign) -> tuple[str]:
        name = self.statements.name(s.target)
        return (f"{name} = {name}  # ({s.number})",)

    monkeypatch.setattr("derive.targets.numpy.function_bodies.Bodies.lines", early)
    with pytest.raises(ModuleError, match=r"does not run: equation \(\d+\): UnboundLocalError: .*'\w+'"):
        derive(networks.tied()).numpy()


def test_statements_of_one_name_do_not_fail() -> None:
    s = Statement()
    x, y = s.input("X", INPUTS), s.target("Y", OUTPUTS)
    w, b = s.parameter("W", MORE, INPUTS), s.parameter("b", MORE)
    h = apply(s, "W_b", "tanh", dense(s, "b_1", w, x, b))
    assert not declines(assert_right(closed(s, squares(s, y, dense(s, "X_1", s.parameter("W_b_1", OUTPUTS, MORE), h)))))


@pytest.mark.parametrize("samples", [1, 4])
def test_a_norm_whose_square_is_beyond_float32_is_clipped(samples):
    """In both renderings: an update of length learning rate times limit, not of 0."""
    module = load(derive(Network((2, 1), "identity", "mse", clip=1.0)).numpy())
    X, Y = np.full((samples, 2), 1e10, np.float32), np.full((samples, 1), 1e12, np.float32)
    trainer = module.Trainer(seed=1, dtype=np.float32)
    start = {name: value.copy() for name, value in trainer.parameters.items()}
    trainer.fit(X, Y, epochs=1, learning_rate=0.1)
    beside = {name: value.copy() for name, value in start.items()}
    module.update(beside, X.T, Y.T, 0.1)
    for after in (trainer.parameters, beside):
        moved = np.concatenate([(after[name] - start[name]).ravel() for name in start])
        assert np.linalg.norm(moved) == pytest.approx(0.1, rel=1e-5)
