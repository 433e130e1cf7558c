"""Four ways to one gradient: generated module, index interpreter, entry-wise SymPy, complex step; and autograd.

The three oracles beside the interpreter share a forward pass written here from
scratch, over any arithmetic: NumPy's complex numbers, SymPy's symbols, autograd's boxes.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any, NamedTuple

import autograd
import autograd.numpy as anp
import mpmath
import numpy as np
import pytest
import sympy
from helpers import Array, Values, derivation, given_and_learned, interpreted, module_of, off, real, stored

from derive.paper.notation import NOTATIONS

EXACT, DIFFERENCE = 1e-12, 1e-6
LAYERS, SMALL = (3, 5, 4, 2), (2, 3, 2)
HIDDEN = ("identity", "sigmoid", "tanh", "relu", "softplus")
LOSSES = ("mse", "half_mse", "sse", "half_sse")
FITS = [(out, loss) for loss in LOSSES for out in (*HIDDEN, "softmax")]
FITS += [("sigmoid", "binary_cross_entropy"), ("softmax", "cross_entropy")]


class Case(NamedTuple):
    """A network and how it is written."""

    activations: tuple[str, ...]
    loss: str
    bias: str
    notation: str

    def __str__(self) -> str:
        return "-".join((*self.activations, *self[1:]))

    def arguments(self, layers: tuple[int | str, ...]) -> tuple[Any, ...]:
        names = (self.activations[0],) * (len(layers) - 2) + self.activations[1:]
        return layers, names, self.loss, self.bias, self.notation


def cases() -> list[Case]:
    """Every output activation with every loss that fits, every hidden activation with every loss.

    Biases and notations take turns, so that each meets each.
    """
    ways = itertools.cycle(itertools.product(("separate", "augmented", "none"), NOTATIONS))
    pairs = [(HIDDEN[n % 5], *fit) for n, fit in enumerate(FITS)]
    seen = {(hidden, loss) for hidden, _, loss in pairs}
    outputs = {"binary_cross_entropy": "sigmoid", "cross_entropy": "softmax"}
    for hidden, loss in itertools.product(HIDDEN, (*LOSSES, *outputs)):
        if (hidden, loss) not in seen:
            pairs.append((hidden, outputs.get(loss, "tanh"), loss))
    return [Case((hidden, out), loss, *next(ways)) for hidden, out, loss in pairs]


CASES = cases()


def test_every_pair_is_covered():
    assert {(c.activations[1], c.loss) for c in CASES} == set(FITS)
    losses = {loss for _, loss in FITS}
    assert {(c.activations[0], c.loss) for c in CASES} == set(itertools.product(HIDDEN, losses))
    assert len({(c.bias, c.notation) for c in CASES}) == 12


class Symbolic:
    """SymPy's functions over NumPy's arrays of symbols."""

    exp, log, tanh = (np.vectorize(f, otypes=[object]) for f in (sympy.exp, sympy.log, sympy.tanh))
    sum, vstack = staticmethod(np.sum), staticmethod(np.vstack)
    ones = staticmethod(lambda shape: np.full(shape, sympy.Integer(1)))


def relu(lib: Any, z: Any) -> Any:
    if lib is Symbolic:
        return np.vectorize(lambda v: sympy.Piecewise((v, v > 0), (0, True)), otypes=[object])(z)
    return z * (lib.real(z) > 0)


# The forward pass from scratch; ``lib`` is numpy, autograd.numpy or Symbolic.

FUNCTIONS = {
    "identity": lambda lib, z: z,
    "sigmoid": lambda lib, z: 1 / (1 + lib.exp(-z)),
    "tanh": lambda lib, z: lib.tanh(z),
    "relu": relu,
    "softplus": lambda lib, z: lib.log(1 + lib.exp(z)),
    "softmax": lambda lib, z: lib.exp(z) / lib.sum(lib.exp(z), axis=0),
}


def loss_of(lib: Any, loss: str, y: Any, guess: Any) -> Any:
    """The error of a batch."""
    outputs, m = y.shape
    if loss == "cross_entropy":
        return -lib.sum(y * lib.log(guess)) / m
    if loss == "binary_cross_entropy":
        return -lib.sum(y * lib.log(guess) + (1 - y) * lib.log(1 - guess)) / m
    scale = {"mse": 1 / (m * outputs), "half_mse": 1 / (2 * m), "sse": 1, "half_sse": 1 / 2}
    if lib is Symbolic:
        scale = {n: sympy.nsimplify(s) for n, s in scale.items()}
    return scale[loss] * lib.sum((y - guess) ** 2)


def forward(lib: Any, case: Case, parameters: dict[str, Any], x: Any, y: Any) -> Any:
    """The error, from the parameters as the generated module stores them."""
    depth = sum(name.startswith("W") for name in parameters)
    names = (case.activations[0],) * (depth - 1) + case.activations[1:]
    a = x
    for layer, name in enumerate(names, start=1):
        w = parameters[f"W{layer}"]
        if case.bias == "augmented":
            z = w @ lib.vstack([lib.ones((1, a.shape[1])), a])
        else:
            z = w @ a + (parameters[f"b{layer}"] if case.bias == "separate" else 0)
        a = FUNCTIONS[name](lib, z)
    return loss_of(lib, case.loss, y, a)


class Point(NamedTuple):
    """A case at random numbers: what the module takes, and what the interpreter made of it."""

    parameters: Values
    x: Array
    y: Array
    gradients: Values
    error: float


@functools.cache
def point(case: Case, layers: tuple[int | str, ...], m: int) -> Point:
    program = derivation(*case.arguments(layers)).program
    widths = dict(zip("nhqk", LAYERS, strict=True)) if isinstance(layers[0], str) else {}
    for seed in range(100):
        values, sizes = given_and_learned(program, m, seed, **widths)
        for p in program.parameters:  # so small that the plain logarithms of the oracles keep their digits
            values[p.name] *= 0.5
        found = interpreted(program, values, sizes)
        kinks = [np.min(np.abs(real(v))) for n, v in found.items() if n.startswith("z")]
        if "relu" not in case.activations or (min(kinks) > 1e-3 and alive(found)):
            break
    parameters = {p.name: stored(p, values[p.name]) for p in program.parameters}
    slopes = {p.name: stored(p, real(found[f"dE_d{p.name}"])) for p in program.parameters}
    return Point(parameters, values["X"], values["Y"], slopes, float(found["E"][()].real))


def alive(found: Values) -> bool:
    """Whether some unit of every layer is above zero, so that there is a gradient to compare."""
    return all(np.any(real(found[n]) > 0) for n in found if n.startswith("z"))


def same(found: dict[str, Array], expected: dict[str, Array], tolerance: float = EXACT) -> None:
    assert list(found) == list(expected)
    for name in expected:
        if np.any(expected[name]):
            assert off(found[name], expected[name]) < tolerance, name
        else:
            assert not np.any(found[name]), name


@pytest.mark.parametrize("m", [1, 7])
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.sampled(14)
def test_module_agrees_with_the_interpreter(case, m):
    at = point(case, LAYERS, m)
    module = module_of(*case.arguments(LAYERS))
    same(module.gradients(at.parameters, at.x, at.y), at.gradients)
    assert module.error(at.parameters, at.x, at.y) == pytest.approx(at.error, rel=EXACT)


def moved_error(case: Case, at: Point, name: str, position: tuple[int, ...], step: complex) -> complex:
    moved = at.parameters[name].astype(complex)
    moved[position] += step
    return complex(forward(np, case, {**at.parameters, name: moved}, at.x, at.y))


@pytest.mark.parametrize("m", [1, 7])
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.sampled(14)
def test_module_agrees_with_complex_step_and_central_differences(case, m):
    at = point(case, LAYERS, m)
    found = module_of(*case.arguments(LAYERS)).gradients(at.parameters, at.x, at.y)
    exact = {n: np.empty_like(v) for n, v in at.parameters.items()}
    central = {n: np.empty_like(v) for n, v in at.parameters.items()}
    for name, value in at.parameters.items():
        for position in np.ndindex(value.shape):
            exact[name][position] = moved_error(case, at, name, position, 1e-20j).imag / 1e-20
            up, down = (moved_error(case, at, name, position, s * 1e-5).real for s in (1, -1))
            central[name][position] = (up - down) / 2e-5
    same(found, exact)
    largest = max(np.max(np.abs(v)) for v in exact.values())
    for name in exact:
        assert np.max(np.abs(found[name] - central[name])) < DIFFERENCE * largest, name


@pytest.mark.parametrize("m", [1, 7])
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.sampled(14)
def test_module_agrees_with_autograd(case, m):
    at = point(case, LAYERS, m)
    module = module_of(*case.arguments(LAYERS))
    found = module.gradients(at.parameters, at.x, at.y)
    same(found, autograd.grad(lambda p: forward(anp, case, p, at.x, at.y))(at.parameters))
    error = forward(anp, case, at.parameters, at.x, at.y)
    assert module.error(at.parameters, at.x, at.y) == pytest.approx(error, rel=EXACT)


@pytest.mark.parametrize(("case", "m"), [(c, 2 if n % 7 == 0 else 1) for n, c in enumerate(CASES)], ids=str)
@pytest.mark.sampled(14)
def test_module_agrees_with_sympy_entry_by_entry(case, m):
    """The error written out in numbers of units and samples, differentiated by one entry at a time."""
    at = point(case, SMALL, m)
    symbols = {n: named(n, v.shape) for n, v in at.parameters.items()}
    error = forward(Symbolic, case, symbols, exact_numbers(at.x), exact_numbers(at.y))
    entries = [s for v in symbols.values() for s in v.flat]
    slopes = sympy.lambdify(entries, [error.diff(s) for s in entries], "mpmath", cse=True)
    with mpmath.workdps(30):
        numbers = slopes(*(mpmath.mpf(float(v)) for p in at.parameters.values() for v in p.flat))
    cuts = np.cumsum([v.size for v in symbols.values()])[:-1]
    parts = np.split(np.array([float(n) for n in numbers]), cuts)
    expected = {n: p.reshape(symbols[n].shape) for n, p in zip(symbols, parts, strict=True)}
    same(module_of(*case.arguments(SMALL)).gradients(at.parameters, at.x, at.y), expected)


def named(name: str, shape: tuple[int, ...]) -> Array:
    return np.array([sympy.Symbol(f"{name}_{i}", real=True) for i in range(int(np.prod(shape)))]).reshape(shape)


def exact_numbers(values: Array) -> Array:
    return np.vectorize(sympy.Rational, otypes=[object])(values)


@pytest.mark.parametrize("case", CASES[::5], ids=str)
@pytest.mark.sampled(4)
def test_named_widths(case):
    """One module for any widths computes what the module for these widths computes."""
    at, same_widths = point(case, ("n", "h", "q", "k"), 7), point(case, LAYERS, 7)
    module = module_of(*case.arguments(("n", "h", "q", "k")))
    found = module.gradients(at.parameters, at.x, at.y)
    same(found, at.gradients)
    assert {n: v.shape for n, v in found.items()} == {n: v.shape for n, v in same_widths.parameters.items()}
    other = module_of(*case.arguments(LAYERS)).gradients(at.parameters, at.x, at.y)
    same(found, other, 1e-15)


@pytest.mark.parametrize("layers", [(2, 1), (1, 1), (3, 1), (1, 4, 1)])
@pytest.mark.parametrize("bias", ["separate", "augmented", "none"])
@pytest.mark.sampled(10)
def test_widths_of_one(layers, bias):
    case = Case(("tanh", "sigmoid"), "half_mse", bias, "delta")
    arguments = (layers, ("tanh",) * (len(layers) - 2) + ("sigmoid",), *case[1:])
    program = derivation(*arguments).program
    for m in (1, 4):
        values, sizes = given_and_learned(program, m, seed=m)
        values["Y"] = np.random.default_rng(m).uniform(size=values["Y"].shape)
        parameters = {p.name: stored(p, values[p.name]) for p in program.parameters}
        found = module_of(*arguments).gradients(parameters, values["X"], values["Y"])
        expected = autograd.grad(lambda p, x=values["X"], y=values["Y"]: forward(anp, case, p, x, y))(parameters)
        same(found, expected)
        index = interpreted(program, values, sizes)
        same(found, {p.name: stored(p, real(index[f"dE_d{p.name}"])) for p in program.parameters})
