"""Every name in a generated module is handed out once, whatever the tensors, widths and constants are called."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator

import networks
import numpy as np
import pytest
from agreement import assert_right, declines
from helpers import apply, axis, closed, define, dense, derivation, load, squares
from sympy import log, tanh

from derive.api import derive
from derive.calculus.forward import ForwardPass
from derive.calculus.functions import elementwise
from derive.calculus.index import SAMPLES, total
from derive.catalogue.activations import ACTIVATIONS
from derive.statement.statement import Statement
from derive.targets.names import MODULE, PYTHON, SHARED, Names, identifier

ROLES = ("x", "y", "W", "b", "z", "h", "V", "o")


def two_layers(names: dict[str, str], widths: tuple[int | str, ...] = (3, 5, 2)) -> ForwardPass:
    """Two dense layers of which every tensor is called as ``names`` say, by its role here."""
    called = {**{role: f"qq_{role}" for role in ROLES}, **names}
    inputs, units, outputs = map(axis, widths)
    s = Statement()
    x, y = s.input(called["x"], inputs), s.target(called["y"], outputs)
    w, b = s.parameter(called["W"], units, inputs), s.parameter(called["b"], units)
    v = s.parameter(called["V"], outputs, units)
    h = apply(s, called["h"], "tanh", dense(s, called["z"], w, x, b, role="plain"), role="plain")
    return closed(s, squares(s, y, dense(s, called["o"], v, h, role="plain")))


def all_called(names: list[str]) -> ForwardPass:
    """The same with as many of its tensors called so as there are names."""
    return two_layers(dict(zip(ROLES, names, strict=False)))


HOSTILE = [
    ["lambda", "class", "np", "math", "m", "state", "dtype", "parameters"],
    ["tanh", "X", "Y", "é", "Ψ", "values", "learning_rate", "None"],
    ["h_2", "_", "__", "_1", "_s0", "_0", "_c0", "_t0"],
    ["e\u0301", "\u00e9", "W_b", "W", "b", "__class__", "_forward", "__name__"],
    ["softmax", "erf", "sum", "float", "forward", "Trainer", "copy", "self"],
    ["dE_dqq_V", "Psi_qq_z", "qq_V_next", "qq_x_1", "difference", "slope_of_qq_z", "results_1", "sources_1"],
    ["lambda", "lambda_", "lambda_2", "np_", "np", "m_", "m", "E_"],
    ["NETWORK", "FAST_STEPS", "Network", "TrainerBase", "Line", "Steps", "report", "values"],
    ["straight_line", "steps_of_one", "Trainer", "example", "main", "kinks", "START", "side_by_side"],
    ["tanh_prime", "tanh", "t1", "c1", "one", "two", "mask", "given"],
]


@pytest.mark.parametrize("names", HOSTILE, ids=lambda n: " ".join(n[:2]))
@pytest.mark.sampled(2)
def test_tensors_may_be_called_anything(names: list[str]) -> None:
    module = assert_right(all_called(names))
    assert not declines(module)
    assert list(module.initial_parameters()) == [names[2], names[3], names[6]]


@pytest.mark.parametrize("names", [["qq_W_1_1", "t5", "c1", "c2", "append", "rows", "exp", "log"]])
def test_scalars_get_names_too(names: list[str]) -> None:
    module = assert_right(all_called(names))
    assert module.FAST_STEPS.of_one is not None


@pytest.mark.parametrize(
    "widths",
    [
        ("add", "np", "lambda"),
        ("absolute", "n", "X"),
        ("samples", "rows", "slots"),
        ("self", "dtype", "seed"),
        ("qq_W", "é", "t1"),
        ("NETWORK", "Network", "report"),
        ("values", "Line", "FAST_STEPS"),
    ],
)
def test_widths_may_be_called_anything(widths: tuple[str, ...]) -> None:
    module = assert_right(two_layers({}, widths))
    sizes = module.Trainer(module.example()[0])
    assert sizes.parameters["qq_W"].shape == (4, 3)


CONSTANTS = [
    ("lam",),
    ("lam", "LAM"),
    ("x", "y"),
    ("io", "np"),
    ("lambda", "é"),
    ("learning_rate", "l2"),
    ("one", "_c0"),
    ("NETWORK", "FAST_STEPS"),
    ("Line", "values"),
    ("network", "fast_steps"),
]


@pytest.mark.parametrize("names", CONSTANTS)
def test_constants_may_be_called_anything(names: tuple[str, ...]) -> None:
    s, x, y = networks.begun()
    first, *others = (s.constant(name, n + 1.5) for n, name in enumerate(names))
    last = [first, *others][-1]
    z = dense(s, "z", s.parameter("W", networks.OUTPUTS, networks.INPUTS), x)
    h = define(s, "h", z.axes, lambda i, u: first * z[i, u] + last)
    module = assert_right(closed(s, first * squares(s, y, h)))
    assert not declines(module)


# What the templates use is declared.


def scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for inner in table.get_children():
        yield from scopes(inner)


@pytest.mark.parametrize("widths", [(3, 5, 2), ("qq_n", "qq_k", "qq_l")])
@pytest.mark.parametrize("fast", [True, False])
def test_every_name_used_by_the_templates_is_reserved(widths: tuple[int | str, ...], fast: bool) -> None:
    stated = two_layers({"o": "qq_o"}, widths) if fast else networks.layer_norm()
    table = symtable.symtable(derive(stated).numpy(), "trainer.py", "exec")
    known = SHARED | MODULE | PYTHON | {"tanh", "tanh_prime"}
    defined = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    assert {n for n in defined if not n.startswith("_")} <= known
    ours = [
        t for t in scopes(table) if t.get_name() in ("forward", "error", "gradients", "update", "initial_parameters")
    ]
    ours += [t for t in scopes(table) if any(s.get_name().startswith("qq_") for s in t.get_symbols())]
    beyond = {
        "straight_line",
        "straight_line_of_one",
        "steps_of_one",
        "load",
        "store",
        "set_rate",
        "take",
        "measure",
    }
    for scope in ours:
        if fast and scope.get_type() == "function" and scope.get_name() not in beyond:
            own = scope.get_parameters() if scope.get_name() == "__init__" else scope.get_identifiers()
            found = {n for n in own if not n.startswith(("_", "qq_", "dE_d", "Psi", "E"))}
            assert found - {"name", "value", "part", "w", "fans", "shape", "limit"} <= known, scope.get_name()


def words(source: str, *functions: str) -> list[str]:
    """The names that some functions of a module use."""
    bodies = [n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.name in functions]
    nodes = [n for body in bodies for n in ast.walk(body)]
    found = {n.id for n in nodes if isinstance(n, ast.Name)} | {n.arg for n in nodes if isinstance(n, ast.arg)}
    return sorted(n for n in found if not n.startswith("_"))


FUNCTIONS = ("forward", "error", "gradients", "update", "straight_line", "steps_of_one", "initial_parameters")


def used() -> list[list[str]]:
    """All names in the functions of a module, as many at a time as there are tensors."""
    names = words(derive(two_layers({})).numpy(), *FUNCTIONS)
    names = [n for n in names if n != "E"]
    return [names[first : first + len(ROLES)] for first in range(0, len(names), len(ROLES))]


@pytest.mark.parametrize("names", used(), ids=lambda n: n[0])
@pytest.mark.sampled(10)
def test_a_tensor_may_have_any_name_used_in_the_module(names: list[str]) -> None:
    assert not declines(assert_right(all_called(names)))


# Functions.


def softplus_ratio(heads: bool) -> ForwardPass:
    """E = 1/m sum of y/sd with sd = softplus(v); with two heads, the Gaussian error."""
    s, x, y = networks.begun()
    softplus = elementwise("softplus", ACTIVATIONS["softplus"].formula)
    v = dense(s, "v", s.parameter("V", networks.OUTPUTS, networks.INPUTS), x)
    sd = define(s, "sd", v.axes, lambda i, u: softplus(v[i, u]))
    i, u = s.supply.several(y.axes)
    if not heads:
        return closed(s, total(y[i, u] / sd[i, u], i, u) / SAMPLES)
    mu = dense(s, "mu", s.parameter("W", networks.OUTPUTS, networks.INPUTS), x, role="prediction")
    return closed(s, total(log(sd[i, u]) + (y[i, u] - mu[i, u]) ** 2 / (2 * sd[i, u] ** 2), i, u) / SAMPLES)


@pytest.mark.parametrize("heads", [False, True])
def test_no_two_functions_have_one_name(heads: bool) -> None:
    source = derive(softplus_ratio(heads)).numpy()
    defined = [n.name for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)]
    assert len(defined) == len(set(defined))
    assert_right(softplus_ratio(heads))


def test_two_definitions_of_one_name_give_the_right_error() -> None:
    s = Statement()
    x, y = s.input("X", axis(1)), s.target("Y", axis(1))
    softplus = elementwise("softplus", ACTIVATIONS["softplus"].formula)
    v = dense(s, "v", s.parameter("W", axis(1), axis(1)), x)
    sd = define(s, "sd", v.axes, lambda i, u: softplus(v[i, u]))
    i, u = s.supply.several(y.axes)
    module = load(derive(closed(s, total(y[i, u] / sd[i, u], i, u) / SAMPLES)).numpy())
    assert module.error({"W": np.zeros((1, 1))}, np.ones((1, 1)), np.ones((1, 1))) == pytest.approx(
        1 / np.log(2), rel=1e-14
    )


def test_the_numbered_lines_have_the_names_of_the_data() -> None:
    source = derive(two_layers({"x": "rain", "y": "flow"})).numpy()
    assert "def forward(parameters: Parameters, rain: Array, values: Parameters)" in source
    with pytest.raises(ValueError, match=r"flow has shape"):
        module = load(source)
        parameters, x, y = module.example()
        module.error(parameters, x, y.T)


# The allocator.


def test_a_name_is_handed_out_once() -> None:
    names = Names({"np"})
    found = [names.fresh(n) for n in ("np", "np", "np_", "lambda", "W", "W", "W_2", "e\u0301", "\u00e9")]
    assert found == ["np_", "np_2", "np__2", "lambda_", "W", "W_2", "W_2_2", "é", "é_2"]
    assert len(set(found)) == len(found)


def test_names_available_unchanged_are_assigned_first() -> None:
    assert Names({"np"}).several({"a": "np", "b": "np_"}) == {"a": "np_2", "b": "np_"}


@pytest.mark.parametrize("text", ["", "1", "_", "a b", "ſ", "ﬁ", "x²", "\u00b5", "日本", "-", "a.b"])
def test_anything_becomes_an_identifier(text: str) -> None:
    found = identifier(text)
    assert found.isidentifier()
    assert not found.startswith("_")
    exec(f"{found} = 1", scope := {})
    assert found in scope


def test_names_follow_the_notation() -> None:
    source = derivation((3, 4, 1)).numpy()
    assert all(f"    {name} = " in source for name in ("Z1", "A1", "Y_hat", "Psi1", "dE_dW1"))


def test_a_tensor_may_have_the_letter_of_the_number_of_samples() -> None:
    s = Statement(notation="delta")  # its shared factors are scaled by 1/m
    t, n, h = s.size("t", 2), s.size("n", 3), s.size("h", 4)
    x, y, W, V = s.input("x", t, n), s.target("y", t), s.parameter("W", h, n), s.parameter("V", h)
    p, i, j = s.indices("p i j", t, h, n)
    z = s.define("z", (p, i), s.sum(W[i, j] * x[p, j], j))
    m = s.define("m", i, s.mean(tanh(z[p, i]), p))
    o = s.define("o", p, s.sum(V[i] * m[i] * z[p, i], i))
    s.error(s.mean((y[p] - o[p]) ** 2, p))
    derived = derive(s)
    derived.check().require()
    assert "{math}`N` samples" in derived.markdown(only=("forward",))
