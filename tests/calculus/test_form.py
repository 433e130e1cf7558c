"""The form of formulas up to names: equal for layers that are alike, and for nothing else; what is found is reused."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import pytest
from sympy import Abs, Expr, IndexedBase, KroneckerDelta, Mul, Symbol, exp, tanh
from sympy.core.cache import clear_cache

from derive import Network, Statement, derive
from derive.arrays import stability
from derive.arrays.stability import Stability
from derive.arrays.trial import Trial
from derive.calculus import form
from derive.calculus.evaluate import Arithmetic
from derive.calculus.form import form_of, of_axes
from derive.calculus.index import Axis, Equation, Index, Tensor, renamed, total
from derive.calculus.program import Assign, Program
from derive.targets.numpy.evaluator import NumPyEvaluator


def _of(program: Program, name: str) -> Assign:
    return next(s for s in program.statements if s.target.name == name)


def _form(program: Program, name: str, **others: Tensor) -> Hashable:
    tensors = {**program.tensors, **others}
    return form_of(
        (_of(program, name).equation,), lambda n: n in tensors and (of_axes(tensors[n].axes), tensors[n].role)
    )[0]


def residual(blocks: int) -> Statement:
    """Blocks of one form, a = a + tanh(W a + b), with a softmax whose scores are a part."""
    s = Statement()
    n, h = s.size("n", 3), s.size("h", 4)
    x, y, U = s.input("x", n), s.target("y", h), s.parameter("U", h, n)
    i, j, r, c = s.indices("i j r c", h, h, n, h)
    a = s.define("a0", i, s.sum(U[i, r] * x[r], r))
    for k in range(1, blocks + 1):
        W, b = s.parameter(f"W{k}", h, h), s.parameter(f"b{k}", h)
        a = s.define(f"a{k}", i, a[i] + tanh(s.sum(W[i, j] * a[j], j) + b[i]))
    p = s.define("p", i, exp(a[i] / 2) / s.sum(exp(a[c] / 2), c))
    s.error(s.mean((y[i] - p[i]) ** 2, i))
    return s


class _Nothing(dict[Any, Any]):
    def get(self, key: Any, default: Any = None) -> Any:
        return default


def test_layers_that_are_alike_have_one_form() -> None:
    program = derive(Network(layers=(4,) * 13)).program
    for prefix in ("z", "a", "Psi_z", "dE_dW", "dE_db"):
        forms = {_form(program, f"{prefix}{layer}") for layer in range(2, 9)}
        assert len(forms) == 1, prefix


def test_the_order_of_the_names_is_part_of_the_form() -> None:
    """Between layers 9 and 10 the order of W9 and W10, and so that in which SymPy sorts, changes."""
    program = derive(Network(layers=(4,) * 13)).program
    psi = {layer: _form(program, f"Psi_z{layer}") for layer in (8, 9, 10)}
    assert psi[8] != psi[9]
    assert psi[8] == psi[10]


@pytest.mark.parametrize("change", [{"role": "input"}, {"axes": (Axis(5), Axis(4))}])
def test_the_tensors_are_part_of_the_form(change: dict[str, Any]) -> None:
    program = derive(Network(layers=(4, 4, 4))).program
    assert _form(program, "z2") != _form(program, "z2", W2=replace(program.tensors["W2"], **change))


def test_another_width_or_function_is_another_form() -> None:
    wide = derive(Network(layers=(4, 4, 5, 4), activation=("sigmoid", "sigmoid", "tanh"))).program
    assert _form(wide, "z1") != _form(wide, "z2")
    assert _form(wide, "a2") != _form(wide, "a3")


def test_the_name_of_a_size_is_part_of_the_form() -> None:
    """Axes of the same length are equal, but documents choose the letters of indices by their names."""
    i, j = (Index("i", Axis(4, name=name)) for name in "nh")
    assert form_of((i,), lambda _: None)[0] != form_of((j,), lambda _: None)[0]


def test_a_number_is_no_symbol() -> None:
    """Of a, b and c, c has the place 2: c a^2 and 2 a^2 have different forms, and different derivatives."""
    s = Statement()
    n = s.size("n", 3)
    x, y, a, b = s.input("x", n), s.target("y", n), s.parameter("a", n), s.parameter("b", n)
    c, i = s.constant("c", 5), s.index("i", n)
    u = s.define("u", i, c * a[i] ** 2 + c * b[i])
    v = s.define("v", i, 2 * a[i] ** 2 + c * b[i])
    o = s.define("o", i, x[i] * u[i] + v[i])
    s.error(s.mean((y[i] - o[i]) ** 2, i))
    edges = derive(s).chains.edges
    by_a = {of: next(edge.value for edge in edges[of] if edge.wrt.name == "a") for of in "uv"}
    assert by_a["u"].has(Symbol("c", real=True))
    assert not by_a["v"].has(Symbol("c", real=True))


def test_what_is_reused_is_what_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    known = derive(residual(2))
    texts = known.latex(), known.numpy()
    monkeypatch.setattr(form, "_FOUND", _Nothing())
    alone = derive(residual(2))
    assert (alone.latex(), alone.numpy()) == texts


def _of_sizes(first: str, second: str) -> Statement:
    s = Statement()
    n, h = s.size(first, 4), s.size(second, 4)
    x, y, W, (i, j) = s.input("x", n), s.target("y", h), s.parameter("W", h, n), s.indices("i j", h, n)
    z = s.define("z", i, s.sum(W[i, j] * x[j], j))
    s.error(s.mean((y[i] - z[i]) ** 2, i))
    return s


def test_nothing_depends_on_what_was_derived_before() -> None:
    """Sizes of one length with their names exchanged: SymPy, too, keeps what is equal."""
    clear_cache()
    form.forget()
    text = derive(_of_sizes("h", "n")).latex()
    clear_cache()
    form.forget()
    derive(_of_sizes("n", "h")).latex()
    assert derive(_of_sizes("h", "n")).latex() == text


def test_more_layers_have_no_more_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    def forms(blocks: int) -> int:
        monkeypatch.setattr(form, "_FOUND", {})
        derive(residual(blocks))
        return len(form._FOUND)

    assert forms(9) == forms(6)


def test_a_layer_takes_the_same_trials_and_numbers_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    sample, array, counts = Trial._sample, Arithmetic.array, {"sample": 0, "array": 0}

    def counted_sample(self: Trial, scale: float) -> Any:
        counts["sample"] += 1
        return sample(self, scale)

    def counted_array(self: Arithmetic, values: Any) -> Any:
        counts["array"] += 1
        return array(self, values)

    monkeypatch.setattr(Trial, "_sample", counted_sample)
    monkeypatch.setattr(Arithmetic, "array", counted_array)
    measured = []
    for blocks in (4, 6, 8):
        counts.update(sample=0, array=0)
        derive(residual(blocks)).check()
        measured.append(dict(counts))
    for what in ("sample", "array"):
        four, six, eight = (m[what] for m in measured)
        assert eight - six <= 2 * (six - four)


_AXIS = Axis(4)
_A, _B = Index("a", _AXIS), Index("b", _AXIS)
_X, _Y = IndexedBase(Symbol("x", real=True)), IndexedBase(Symbol("y", real=True))


@pytest.mark.parametrize("new", ["cd", "ba", "aa", "z0"])
@pytest.mark.parametrize(
    "expression",
    [
        _X[_A] - _X[_B] + 2 * _Y[_A],
        tanh(_X[_A] - _X[_B]) * exp(_X[_B]) / _Y[_A],
        (_X[_A] - _X[_B]) ** 2 + Abs(_X[_B] - _Y[_A]),
        KroneckerDelta(_A, _B) * total(_X[k := Index("k", _AXIS)] * _Y[_A], k),
    ],
)
def test_symbols_are_replaced_as_sympy_does(expression: Expr, new: str) -> None:
    names = {_A: Index(new[0], _AXIS), _B: Index(new[1], _AXIS)}
    found, expected = renamed(expression, names), expression.xreplace(names)
    assert found == expected
    assert str(found) == str(expected)
    assert found.is_positive == expected.is_positive
    assert hash(found) == hash(expected)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "gelu", "softplus"])
@pytest.mark.parametrize("loss", ["mse", "log_cosh"])
def test_what_is_computed_is_the_same_where_every_statement_is_looked_at(activation: str, loss: str) -> None:
    program = derive(Network(layers=(3, 4, 4, 4, 4, 2), activation=activation, loss=loss)).program
    known, alone = Stability(program, NumPyEvaluator()), Stability(program, NumPyEvaluator())
    vars(alone)["_known"] = _NoForms()
    for statement in program.statements:
        if statement.stage != "update":
            assert known.computed(statement) == alone.computed(statement)
    assert len(known._known) < len(program.statements)


def softmaxes(blocks: int) -> Statement:
    """Blocks a = softmax(W a) with a mean mu, whose name begins like the number of samples m."""
    s = Statement()
    h = s.size("h", 4)
    a, y, (i, j, c) = s.input("x", h), s.target("y", h), s.indices("i j c", h, h, h)
    for k in range(1, blocks + 1):
        W = s.parameter(f"W{k}", h, h)
        mu = s.define(f"mu{k}", (), s.mean(a[i], i))
        z = s.define(f"z{k}", i, s.sum(W[i, j] * (a[j] - mu), j))
        a = s.define(f"a{k}", i, exp(z[i]) / s.sum(exp(z[c]), c))
    s.error(s.mean((y[i] - a[i]) ** 2, i))
    return s


def test_a_stable_form_is_sought_once_for_all_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    sought, better = list[str](), stability.better

    def counted(given: Any, stated: Equation, *others: Any) -> Any:
        sought.append(stated.target.name)
        return better(given, stated, *others)

    monkeypatch.setattr(stability, "better", counted)
    known = derive(softmaxes(7))
    code, of_seven = known.numpy_target.rendered.core, len(sought)
    assert derive(softmaxes(4)).numpy_target.rendered.core != code
    assert len(sought) == 2 * of_seven
    for name in ("a2", "a7"):  # each block has its own names in the form that was found for another one
        assert f"z{name[1:]}" in next(line for line in code.splitlines() if line.strip().startswith(f"{name} = "))


@pytest.mark.parametrize(
    ("names", "others", "same"),
    [
        (("m", "mu1"), ("m", "mu2"), True),
        (("m", "mA1"), ("m", "mu2"), False),
        (("m", "m_1"), ("m", "m1"), False),
        (("m", "m1"), ("m", "m27"), True),
    ],
)
def test_what_follows_a_name_counts_as_far_as_it_orders_texts(
    names: tuple[str, str], others: tuple[str, str], same: bool
) -> None:
    forms = [form_of((Mul(*map(Symbol, pair)),), lambda _: None)[0] for pair in (names, others)]
    assert (forms[0] == forms[1]) is same


class _NoForms(dict[Any, Any]):
    def __contains__(self, item: object) -> bool:
        return False
