"""Every output activation with every loss that fits: four ways to the same gradients, in small networks.

Generated module, index interpreter, complex step and autograd. The forward passes of the
last two are written here from scratch; nothing of the catalogue's formulas is used.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any, NamedTuple

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from autograd.scipy.special import erf as autograd_erf
from helpers import Array, Values, derivation, forwarded, interpreted, module_of, off, real, stored

from derive.catalogue.activations import ACTIVATIONS
from derive.catalogue.losses import LOSSES, loss
from derive.paper.notation import NOTATIONS
from derive.text.entry_text import base_name, option_values

LAYERS, SAMPLES = (2, 3, 2), 3
BIASES = ("separate", "augmented", "none")
ELEMENTWISE = [name for name, entry in ACTIVATIONS.items() if entry.elementwise]
WITH_OPTIONS = ("elu(alpha=1.4)", "leaky_relu(slope=1/3)")


class Pair(NamedTuple):
    """A network: its hidden and its output activation, its loss, its bias and notation."""

    hidden: str
    output: str
    loss: str
    bias: str
    notation: str

    def __str__(self) -> str:
        return "-".join(self)


def pairs() -> list[Pair]:
    """Each pair of output and loss once; hidden activations, biases and notations take turns."""
    hidden = itertools.cycle((*ELEMENTWISE, WITH_OPTIONS[0]))
    ways = itertools.cycle(itertools.product(BIASES, NOTATIONS))
    outputs = [*ACTIVATIONS, *WITH_OPTIONS]
    fits = [(out, name) for name, entry in LOSSES.items() for out in entry.activations or outputs]
    fits += [(out, "huber(delta=0.3)") for out in ("identity", "softmax", "gelu")]
    fits += [("tanh", "quantile(tau=[0.2, 0.7])"), ("softplus", "tweedie(power=1.2)"), ("softmax", "focal(gamma=1.5)")]
    return [Pair(next(hidden), *fit, *next(ways)) for fit in fits]


PAIRS = pairs()


def test_every_entry_of_the_catalogues_is_covered():
    assert {p.output for p in PAIRS} >= set(ACTIVATIONS)
    assert {p.hidden for p in PAIRS} >= set(ELEMENTWISE)
    assert {base_name(p.loss) for p in PAIRS} >= set(LOSSES)


# The functions from scratch, over NumPy's complex numbers or autograd's boxes.


def size(lib: Any, z: Any) -> Any:
    return lib.where(lib.real(z) >= 0, z, -z)


def erf(lib: Any, z: Any) -> Any:
    """Of a complex number to the first order in its imaginary part."""
    if lib is anp:
        return autograd_erf(z)
    slope = 2 / math.sqrt(math.pi) * np.exp(-(z.real**2))
    return np.vectorize(math.erf)(z.real) + 1j * z.imag * slope


def elu(lib: Any, z: Any, alpha: float = 1.0, scale: float = 1.0) -> Any:
    above = lib.real(z) > 0
    return scale * lib.where(above, z, alpha * (lib.exp(lib.where(above, 0, z)) - 1))


def between(lib: Any, z: Any, low: float, high: float) -> Any:
    return lib.where(lib.real(z) <= low, low, lib.where(lib.real(z) < high, z, high))


def logistic(lib: Any, z: Any) -> Any:
    return 1 / (1 + lib.exp(-z))


FUNCTIONS = {
    "identity": lambda lib, z: z,
    "sigmoid": logistic,
    "tanh": lambda lib, z: lib.tanh(z),
    "softsign": lambda lib, z: z / (1 + size(lib, z)),
    "hard_tanh": lambda lib, z: between(lib, z, -1, 1),
    "relu": lambda lib, z: lib.where(lib.real(z) > 0, z, 0),
    "relu6": lambda lib, z: between(lib, z, 0, 6),
    "leaky_relu": lambda lib, z, slope=0.01: lib.where(lib.real(z) > 0, z, slope * z),
    "elu": elu,
    "selu": lambda lib, z: elu(lib, z, 1.6732632423543772, 1.0507009873554805),
    "softplus": lambda lib, z: lib.log(1 + lib.exp(z)),
    "gelu": lambda lib, z: z * (1 + erf(lib, z / math.sqrt(2))) / 2,
    "gelu_tanh": lambda lib, z: z * logistic(lib, 2 * math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)),
    "silu": lambda lib, z: z * logistic(lib, z),
    "mish": lambda lib, z: z * lib.tanh(lib.log(1 + lib.exp(z))),
    "exponential": lambda lib, z: lib.exp(z),
    "softmax": lambda lib, z: lib.exp(z) / lib.sum(lib.exp(z), axis=0),
}


def huber(lib: Any, d: Any, delta: float = 1.0) -> Any:
    return lib.where(lib.real(size(lib, d)) <= delta, d**2 / 2, delta * (size(lib, d) - delta / 2))


def squares(lib: Any, y: Any, a: Any) -> Any:
    return lib.sum((y - a) ** 2)


def hinge(lib: Any, y: Any, a: Any) -> Any:
    return lib.where(lib.real(1 - y * a) > 0, 1 - y * a, 0)


def positive(lib: Any, v: Any) -> Any:
    return lib.where(lib.real(v) > 0, v, 0)


def pinball(lib: Any, y: Any, a: Any, *shares: float) -> Any:
    taus = np.repeat(shares or (0.5,), len(y))[:, None]
    d = lib.concatenate([y] * (len(a) // len(y))) - a
    return _mean(taus * positive(lib, d) + (1 - taus) * positive(lib, -d))


def focal(lib: Any, y: Any, a: Any, gamma: float = 2.0) -> Any:
    return y * (1 - a) ** gamma * lib.log(a)


def scaled(lib: Any, y: Any, a: Any, power: int) -> Any:
    """Likelihoods with a scale: of the size of what is missed, or half its square."""
    middle, width = a[: len(y)], a[len(y) :]
    return _mean(width + (size(lib, y - middle) * lib.exp(-width)) ** power / power)


def tweedie(lib: Any, y: Any, a: Any, p: float = 1.5) -> Any:
    return 2 * _mean(y ** (2 - p) / (1 - p) / (2 - p) - y * a ** (1 - p) / (1 - p) + a ** (2 - p) / (2 - p))


def ordinal(lib: Any, y: Any, a: Any) -> Any:
    after = np.cumsum(y[::-1], axis=0)[::-1][1:]
    return -lib.sum(after * lib.log(a) + (1 - after) * lib.log(1 - a)) / y.shape[1]


def crammer_singer(lib: Any, y: Any, a: Any) -> Any:
    v = 1 + a - y
    top = lib.where(lib.real(v) >= lib.max(lib.real(v), axis=0), v, 0)
    return (lib.sum(top) - lib.sum(y * a)) / y.shape[1]


def cosine(lib: Any, y: Any, a: Any) -> Any:
    lengths = lib.sqrt(lib.sum(y * y, axis=0) * lib.sum(a * a, axis=0))
    return lib.sum(1 - lib.sum(y * a, axis=0) / lengths) / y.shape[1]


def _mean(values: Any) -> Any:
    rows, samples = values.shape
    return anp.sum(values) / rows / samples


ERRORS = {
    "mse": lambda lib, y, a: squares(lib, y, a) / y.size,
    "half_mse": lambda lib, y, a: squares(lib, y, a) / 2 / y.shape[1],
    "sse": squares,
    "half_sse": lambda lib, y, a: squares(lib, y, a) / 2,
    "mae": lambda lib, y, a: _mean(size(lib, a - y)),
    "huber": lambda lib, y, a, *delta: _mean(huber(lib, a - y, *delta)),
    "log_cosh": lambda lib, y, a: _mean(lib.log(lib.cosh(a - y))),
    "hinge": lambda lib, y, a: _mean(hinge(lib, y, a)),
    "squared_hinge": lambda lib, y, a: _mean(hinge(lib, y, a) ** 2),
    "binary_cross_entropy": lambda lib, y, a: -lib.sum(y * lib.log(a) + (1 - y) * lib.log(1 - a)) / y.shape[1],
    "cross_entropy": lambda lib, y, a: -lib.sum(y * lib.log(a)) / y.shape[1],
    "kl_divergence": lambda lib, y, a: lib.sum(y * lib.log(y / a)) / y.shape[1],
    "poisson": lambda lib, y, a: _mean(a - y * lib.log(a)),
    "quantile": pinball,
    "gaussian_nll": lambda lib, y, a: scaled(lib, y, a, 2),
    "laplace_nll": lambda lib, y, a: scaled(lib, y, a, 1),
    "gamma": lambda lib, y, a: 2 * _mean(lib.log(a / y) + y / a - 1),
    "tweedie": tweedie,
    "binary_focal": lambda lib, y, a, *gamma: (
        -lib.sum(focal(lib, y, a, *gamma) + focal(lib, 1 - y, 1 - a, *gamma)) / y.shape[1]
    ),
    "focal": lambda lib, y, a, *gamma: -lib.sum(focal(lib, y, a, *gamma)) / y.shape[1],
    "label_smoothing": lambda lib, y, a: -lib.sum((0.9 * y + 0.1 / len(y)) * lib.log(a)) / y.shape[1],
    "ordinal": ordinal,
    "crammer_singer": crammer_singer,
    "weston_watkins": lambda lib, y, a: lib.sum((1 - y) * positive(lib, 1 + a - lib.sum(y * a, axis=0))) / y.shape[1],
    "cosine": cosine,
}


def error(lib: Any, pair: Pair, parameters: Any, x: Array, y: Array) -> Any:
    """The error of a batch, from the parameters as the generated module stores them."""
    a = x
    for layer, text in enumerate((pair.hidden, pair.output), start=1):
        if pair.bias == "augmented":
            a = lib.vstack([lib.ones((1, a.shape[1])), a])
        z = parameters[f"W{layer}"] @ a + (parameters[f"b{layer}"] if pair.bias == "separate" else 0)
        a = FUNCTIONS[base_name(text)](lib, z, *map(float, option_values(text)))
    return ERRORS[base_name(pair.loss)](lib, y, a, *_options(pair.loss))


def _options(text: str) -> list[float]:
    """The values of the options, those of an option with several one after the other."""
    found = [value if isinstance(value, tuple) else (value,) for value in loss(text).values.values()]
    return [float(number) for values in found for number in values] if "(" in text else []


# A point at which nothing is near a kink.

TARGETS = {
    "real": lambda g, shape: g.normal(size=shape),
    "unit": lambda g, shape: g.uniform(0.1, 0.9, size=shape),
    "classes": lambda g, shape: g.dirichlet(np.ones(shape[0]), size=shape[1]).T,
    "signs": lambda g, shape: g.choice([-1.0, 1.0], size=shape),
    "counts": lambda g, shape: g.poisson(3, size=shape).astype(float),
    "positive": lambda g, shape: g.uniform(0.5, 1.5, size=shape),
}


def targets(name: str, generator: np.random.Generator, outputs: int, samples: int) -> Array:
    """Targets of a loss for a number of outputs."""
    stated = loss(name)
    drawn: Array = TARGETS[stated.targets](generator, (stated.targets_for(outputs), samples))
    return drawn


KINKS = (-1.0, 0.0, 1.0, 6.0)


class Point(NamedTuple):
    """Numbers for a pair: the parameters, the data, and what the interpreter made of them."""

    parameters: Values
    x: Array
    y: Array
    gradients: Values
    error: float


@functools.cache
def point(pair: Pair) -> Point:
    program = derivation(LAYERS, (pair.hidden, pair.output), *pair[2:]).program
    for seed in itertools.count():
        generator = np.random.default_rng(seed)
        shapes = {t.name: [int(a.extent.subs("m", SAMPLES)) for a in t.axes] for t in program.parameters}
        values = {name: generator.normal(size=shape) for name, shape in shapes.items()}
        values |= {"X": generator.normal(size=(LAYERS[0], SAMPLES))}
        values |= {"Y": targets(pair.loss, generator, LAYERS[-1], SAMPLES)}
        found = interpreted(program, values, {"m": SAMPLES})
        near = [np.min(np.abs(real(v) - k)) for n, v in found.items() if n.startswith("z") for k in KINKS]
        output = real(found["a2"])
        if loss(pair.loss).is_plain:
            near += [np.min(np.abs(np.abs(output - values["Y"]) - k)) for k in (0.0, 0.3, 1.0)]
            near += [np.min(np.abs(1 - values["Y"] * output))]
        slopes = {p.name: stored(p, real(found[f"dE_d{p.name}"])) for p in program.parameters}
        if np.isfinite(found["E"]) and min(near) > 1e-3 and all(np.any(s) for s in slopes.values()):
            break
    parameters = {p.name: stored(p, values[p.name]) for p in program.parameters}
    return Point(parameters, values["X"], values["Y"], slopes, float(found["E"][()].real))


def complex_step(pair: Pair, at: Point, name: str) -> Array:
    slopes = np.empty_like(at.parameters[name])
    for position in np.ndindex(slopes.shape):
        moved = {n: v.astype(complex) for n, v in at.parameters.items()}
        moved[name][position] += 1e-30j
        slopes[position] = error(np, pair, moved, at.x.astype(complex), at.y).imag / 1e-30
    return slopes


@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.sampled(22)
def test_four_ways_to_the_same_gradients(pair):
    at = point(pair)
    module = module_of(LAYERS, (pair.hidden, pair.output), *pair[2:])
    found = module.gradients(at.parameters, at.x, at.y)
    traced = autograd.grad(lambda p: error(anp, pair, p, at.x, at.y))(at.parameters)
    for name, slopes in found.items():
        assert off(slopes, at.gradients[name]) < 1e-12, f"the interpreter's {name}"
        assert off(slopes, complex_step(pair, at, name)) < 1e-12, f"the complex step of {name}"
        assert off(slopes, traced[name]) < 1e-12, f"autograd's {name}"
    assert module.error(at.parameters, at.x, at.y) == pytest.approx(at.error, rel=1e-12)
    assert at.error == pytest.approx(error(np, pair, at.parameters, at.x, at.y), rel=1e-12)


@pytest.mark.parametrize("pair", PAIRS[::5], ids=str)
@pytest.mark.sampled(14)
def test_the_module_checks_itself_by_the_complex_step(pair):
    at = point(pair)
    module = module_of(LAYERS, (pair.hidden, pair.output), *pair[2:])
    report = module.check_gradients(at.parameters, at.x, at.y)
    assert all(exact <= 1e-12 and central <= 1e-6 for exact, central in report.values())


@pytest.mark.parametrize("pair", PAIRS[::3], ids=str)
@pytest.mark.sampled(14)
def test_float32_stays_float32(pair):
    """No constant makes float64 of it, and it is as right as float32 can be."""
    at = point(pair)
    module = module_of(LAYERS, (pair.hidden, pair.output), *pair[2:])
    parameters = {name: value.astype(np.float32) for name, value in at.parameters.items()}
    x, y = at.x.astype(np.float32), at.y.astype(np.float32)
    values = forwarded(module, parameters, x)
    slopes = module.NETWORK.gradients(parameters, x, y, values)
    computed = [*values.values(), np.asarray(module.NETWORK.error(parameters, x, y, values)), *slopes.values()]
    assert {array.dtype for array in computed} == {np.dtype(np.float32)}
    for name, slope in slopes.items():
        assert off(slope, at.gradients[name]) < 1e-4, name
