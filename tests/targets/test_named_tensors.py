"""The check compares every named tensor and function of a module with the equations."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import altered, apply, axis, closed, define, dense, derivation, load, squares, summed
from networks import INPUTS, MORE, NETWORKS, OUTPUTS, S, begun
from sympy import Rational, exp, sqrt, tanh

from derive.api import Derivation, derive
from derive.calculus.index import SAMPLES, total
from derive.statement.network import Network
from derive.targets import verify
from derive.targets.compare import cases
from derive.targets.names import code_names
from derive.targets.verify import GradientReport, check_rendered, loaded
from derive.text.errors import ModuleError, SecondRenderingError

PLAIN = ((3, 4, 2), "tanh")
LEARNING = {"optimizer": "adam", "l2": 0.01, "clip": 1, "schedule": "cosine(steps=100,warm_up=10)"}


def checked(d: Derivation, *changes: str) -> GradientReport:
    """The report on the module of a derivation with pieces of its text replaced: old, new, old, new."""
    return check_rendered(altered(d.numpy_target.rendered, *changes), d.program, d.notation)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(10)
def test_every_tensor_of_a_stated_network_is_compared_and_right(name):
    d = derive(NETWORKS[name]())
    report = d.check()
    assert report.passed, report.line()
    # a tensor that only stood between others may have been put into them, such as the powers of a softmax
    core = d.numpy_target.rendered.equations
    computed = [s for s in d.program.statements if f"# ({s.number})" in core]
    assert report.tensors.tensors == len(computed) >= len(d.program.statements) - 4


@pytest.mark.parametrize("layers", [(3, 4, 4, 1), "n,h,k"])
def test_the_tensors_of_an_optimizer_are_compared_too(layers):
    d = derivation(layers, "sigmoid", "mse", **LEARNING)
    assert d.check().passed
    on_the_way = [s for s in d.program.stage("update") if s.target.role != "updated"]  # seen in what they change
    assert d.check().tensors.tensors == len(d.program.statements) - len(on_the_way)
    assert {"rate", "square_norm", "mean_W1_next", "W1_next"} <= {s.target.name for s in d.program.statements}


def test_a_forward_line_that_keeps_the_gradients_consistent_is_found():
    """The gradients are those of the error that the module computes, which is another one."""
    report = checked(derivation(*PLAIN), "Y_hat = tanh(Z2)", "Y_hat = -tanh(Z2)")
    assert report.right and not report.passed
    assert "Y_hat, equation (5), is off by 2.0e+00" in report.line()
    assert "gradients right" in report.line()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    return Y_hat\n", "    return X[:2]\n", "Y_hat from forward()"),
        ("return self._predict(X)\n", "return np.asarray(X)[:, :2]\n", "Y_hat from Trainer.predict()"),
        ('"A1": A1,', '"A1": Z1,', "A1"),
        ('learning_rate * slopes["b1"]', '1.0000001 * learning_rate * slopes["b1"]', "b1"),
    ],
)
def test_the_named_tensors_are_the_computed_ones(old, new, said):
    report = checked(derivation(*PLAIN), old, new)
    assert not report.passed and said in report.line()


def test_a_function_is_compared_with_its_definition_where_no_example_goes():
    """The branch for large numbers of sigmoid: the examples stay below."""
    d = derivation((3, 4, 1))
    right = "result: Array = e / (1 + e) ** 2"
    wrong = "result: Array = np.where(np.abs(x) > 60, 0, e / (1 + e) ** 2)"
    report = checked(d, right, wrong)
    assert not report.passed and report.function[0] == "sigmoid_prime"
    assert "sigmoid_prime is off by 1.0e+00 from its definition" in report.line()
    assert report.right and not report.tensors.wrong


def test_both_cases_of_clipping_are_covered():
    d = derivation((3, 4, 1), "sigmoid", "mse", clip=1)
    for wrong in ("CLIP / min(CLIP, math.sqrt(square_norm))", "CLIP / max(CLIP, 1.01 * math.sqrt(square_norm))"):
        assert not checked(d, "CLIP / max(CLIP, math.sqrt(square_norm))", wrong).passed
    second = "CLIP / max(CLIP, math.sqrt(square_norm.item()))"
    report = checked(d, second, "CLIP / max(CLIP, 1.01 * math.sqrt(square_norm.item()))")
    assert not report.passed and "the two renderings of a step differ" in report.line()


def test_a_schedule_is_checked_before_during_and_after_its_change():
    d = derivation((3, 4, 1), "sigmoid", "mse", schedule="cosine(steps=100,warm_up=10)")
    module: Any = loaded(d.numpy_target.rendered.linked)
    steps = {
        float(c.point.state["step"].item()) for c in cases(module, d.program, code_names(d.program, d.notation).tensors)
    }
    assert min(steps) < 10 and max(steps) > 110 and any(10 < step < 110 for step in steps)


def residual_blocks(count: int) -> Any:
    """So many residual blocks, one after the other; the inner layer of each is narrower."""
    units, more = axis(5), axis(4)
    s, x, y = begun()
    h = apply(s, "h0", "tanh", dense(s, "z0", s.parameter("W0", units, axis(3)), x))
    for block in range(1, count + 1):
        down, up = s.parameter(f"U{block}", more, units), s.parameter(f"V{block}", units, more)
        r = dense(s, f"r{block}", up, apply(s, f"f{block}", "tanh", dense(s, f"z{block}", down, h)))
        h = define(s, f"h{block}", h.axes, lambda i, u, h=h, r=r: h[i, u] + r[i, u])
    return closed(s, squares(s, y, dense(s, "o", s.parameter("W", axis(2), units), h)))


@pytest.mark.parametrize("count", [30, pytest.param(60, marks=pytest.mark.slow)])
def test_rounding_amplified_by_depth_is_not_an_error(count):
    """At this learning rate the network diverges, and what is rounding after a step is no longer after five."""
    report = derive(residual_blocks(count)).check()
    assert report.passed, report.line()
    assert report.renderings < 1e-12


@pytest.mark.parametrize("count", [2, 12])
def test_a_wrong_second_rendering_is_reported_as_such(count):
    d = derive(residual_blocks(count))
    first = next(row for row in d.numpy_target.rendered.linked.split("\n") if ".dot(" in row and row.endswith("# (2)"))
    wrong = checked(d, first, f"{first}\n            z0 *= 1.000001")
    assert wrong.right and not wrong.passed
    assert "gradients right" in wrong.line() and "the two renderings of a step differ by" in wrong.line()


def with_changes(d: Derivation, old: str, new: str) -> Derivation:
    """The same derivation with another module."""
    other = Derivation(d.network, d.notation, d.forward, d.chains, d.factors, d.program)
    other.numpy_target.__dict__["rendered"] = altered(d.numpy_target.rendered, old, new)
    return other


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Z2 = W2 @ A1 + b2", "Z2 = W2 @ A1 + 1.T", r"does not parse: equation \(4\): "),
        ("Psi1 = (W2.T @ Psi2)", "Psi1 = (W2 @ Psi2)", r"does not run: equation \(9\): ValueError"),
        ("Y_hat = tanh(Z2)", "Y_hat = -tanh(Z2)", r"Y_hat, equation \(5\), is off by 2.0e\+00"),
        ("dE_dW1 = Psi1 @ X.T", "dE_dW1 = -Psi1 @ X.T", "gradients WRONG"),
    ],
)
def test_a_wrong_module_is_refused(old, new, said):
    d = derivation(*PLAIN)
    with pytest.raises(ModuleError, match=said):
        with_changes(d, old, new).numpy()


def test_a_document_does_not_need_the_second_rendering_to_run():
    d = derivation(*PLAIN)
    broken = with_changes(d, "line=straight_line,", "line=None,")
    assert broken.latex() == d.latex()
    with pytest.raises(ModuleError, match="the two renderings of a step differ by nan"):
        broken.numpy()


def test_a_document_does_not_need_a_second_rendering_that_cannot_be_made(monkeypatch):
    d = derive(Network(*PLAIN))
    expected = d.latex()

    def fails(*_: Any) -> None:
        raise IndexError("no such row")

    monkeypatch.setattr("derive.targets.numpy.equations.steps_context", fails)
    other = derive(Network(*PLAIN))
    with pytest.raises(SecondRenderingError, match="cannot be made: IndexError: no such row"):
        other.numpy()
    assert "_steps.py" not in other.numpy_target.readable.files
    assert other.document().parts
    assert [p.name for p in other.document().parts] == [p.name for p in d.document().parts]
    assert expected


def test_the_check_is_run_once(monkeypatch):
    d = derive(Network(*PLAIN))
    counted: list[int] = []
    monkeypatch.setattr(verify, "check_gradients", lambda *a, f=verify.check_gradients: counted.append(1) or f(*a))
    d.check()
    d.numpy()
    d.latex()
    assert counted == [1]


def test_a_step_that_leaves_little_of_a_parameter_is_right():
    """With E = ... + c**2 and a learning rate of 1/2, c less its step is what rounding leaves."""
    s, x, y = begun()
    c, z = s.parameter("c"), dense(s, "z", s.parameter("W", OUTPUTS, INPUTS), x)
    h = define(s, "h", z.axes, lambda i, u: z[i, u] * c[()] / 10**7, role="prediction")
    made = derive(closed(s, squares(s, y, h) + c[()] ** 2))
    assert made.check().passed


@pytest.mark.parametrize("scale", (1, 10, 100))
def test_rounding_errors_of_a_zero_gradient_are_accepted(scale):
    """A bias that moves every sample alike moves no share of a sample: its gradient is what rounding leaves of 0."""
    s, x, y = begun()
    before = dense(s, "before", s.parameter("V", MORE, INPUTS), x, s.parameter("b", MORE))
    z = dense(s, "z", s.parameter("W", OUTPUTS, MORE), before)
    power = define(s, "power", z.axes, lambda i, u: exp(scale * z[i, u]))
    whole = define(s, "whole", (OUTPUTS,), lambda i: summed(s, S, lambda u: power[i, u]))
    share = define(s, "share", z.axes, lambda i, u: power[i, u] / whole[i,], role="prediction")
    report = derive(closed(s, squares(s, y, share))).check()
    assert report.passed, report.line()


def test_a_gradient_of_zero_up_to_rounding_is_accepted():
    """For pre-activations of 1,000 the slope of tanh is far below what floats leave of 1 - tanh(z)**2."""
    s, x, y = begun()
    o = dense(s, "o", s.parameter("W", OUTPUTS, INPUTS), x)
    large = define(s, "large", o.axes, lambda i, u: 1000 * o[i, u], role="prediction")
    i, u = s.supply.several(y.axes)
    report = derive(closed(s, total(1 / (1 + tanh(y[i, u] - large[i, u]) ** 2), i, u) / SAMPLES)).check()
    assert report.passed, report.line()


def test_rounding_errors_of_a_zero_gradient_are_accepted_for_every_example():
    """What is the same for all samples is 0 less its mean; a small divisor magnifies what rounding leaves of it."""
    s, x, y = begun()
    a, w = s.parameter("a", INPUTS), s.parameter("W", OUTPUTS, INPUTS)
    same = define(s, "same", x.axes, lambda i, u: a[i,] ** 2 + a[i,])
    mean = define(s, "mean", (INPUTS,), lambda i: summed(s, S, lambda u: same[i, u]) / SAMPLES)
    less = define(s, "less", x.axes, lambda i, u: same[i, u] - mean[i,])
    spread = define(s, "spread", (INPUTS,), lambda i: summed(s, S, lambda u: less[i, u] ** 2) / SAMPLES)
    normal = define(s, "normal", x.axes, lambda i, u: less[i, u] / sqrt(spread[i,] + Rational(1, 10**5)))
    scaled = define(s, "scaled", x.axes, lambda i, u: normal[i, u] + x[i, u])
    module: Any = load(derive(closed(s, squares(s, y, dense(s, "o", w, scaled)))).numpy_target.rendered.source)
    worst = [module.check_gradients(*module.example(7, seed))["a"][0] for seed in range(300)]
    assert max(worst) < 1e-12
