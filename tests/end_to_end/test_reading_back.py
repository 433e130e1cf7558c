"""Every displayed equation is read back from the LaTeX, evaluated at random values, and compared.

Nothing here asks the program what is right. ``latex_reader`` reads the page; the values of
the symbols come from the forward pass below, written once more in NumPy; a derivative is
that forward pass moved by a complex step; a shared factor is what the page defines it to
be. A printer that loses a prime, a transpose or an index is caught: the second half of
this file breaks the page in many ways and asks that each is noticed.
"""

from __future__ import annotations

import cmath
import contextlib
import functools
import itertools
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property, reduce
from typing import Any

import latex_reader as lr
import numpy as np
import pytest
from latex_reader import Equation, Symbol, Unreadable

from derive import Network, derive
from derive.catalogue.losses import loss
from derive.paper import characters
from derive.paper import latex as latex_printer
from derive.paper.characters import BESIDE, BETWEEN
from derive.paper.notation import NOTATIONS, Notation
from derive.paper.page import Page

Array = np.ndarray[Any, Any]
TINY = 1e-30
TOLERANCE = 1e-9
#: What rounding leaves where everything around is zero.
FLOOR = 1e-15
RATE = 0.37
#: Free indices are enumerated in full up to here, and sampled beyond.
MOST = 60


class NoNumber(Exception):
    """An equation that has no value in floats at the numbers that are put in."""


class Elided(Exception):
    """An equation with dots that stand for something irregular."""


# ---------------------------------------------------------------- the network, in numbers


@dataclass(frozen=True)
class Axis:
    """The values of an index; ``single``: it has one, known beforehand, so that it is not written."""

    start: int
    stop: int
    single: bool

    def __len__(self) -> int:
        return self.stop - self.start + 1


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def _softmax(z: Array) -> Array:
    return np.exp(z) / np.exp(z).sum(axis=0)


def _size_of(z: Array) -> Array:
    return np.where(z.real >= 0, z, -z)


def _erf(z: Array) -> Array:
    """Of a complex number to the first order in its imaginary part."""
    z = np.asarray(z, dtype=complex)
    return np.vectorize(math.erf)(z.real) + 2 / math.sqrt(math.pi) * np.exp(-(z.real**2)) * 1j * z.imag


def _elu(z: Array, alpha: float = 1.0, scale: float = 1.0) -> Array:
    return scale * np.where(z.real > 0, z, alpha * (np.exp(z) - 1))


ACTIVATIONS: Mapping[str, Callable[..., Array]] = {
    "identity": lambda z: z,
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "softsign": lambda z: z / (1 + _size_of(z)),
    "hard_tanh": lambda z: np.where(z.real <= -1, -1, np.where(z.real < 1, z, 1)),
    "relu": lambda z: np.where(z.real > 0, z, 0),
    "relu6": lambda z: np.where(z.real <= 0, 0, np.where(z.real < 6, z, 6)),
    "leaky_relu": lambda z, slope=0.01: np.where(z.real > 0, z, slope * z),
    "elu": _elu,
    "selu": lambda z: _elu(z, 1.6732632423543772, 1.0507009873554805),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "gelu": lambda z: z / 2 * (1 + _erf(z / math.sqrt(2))),
    "gelu_tanh": lambda z: z / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))),
    "silu": lambda z: z * _sigmoid(z),
    "mish": lambda z: z * np.tanh(np.log(1 + np.exp(z))),
    "exponential": np.exp,
    "softmax": _softmax,
}


def activation_of(text: str) -> Callable[[Array], Array]:
    """An activation with its options, as in ``elu(alpha=1.4)``."""
    return functools.partial(ACTIVATIONS[text.partition("(")[0]], **_options(text))


def _options(text: str) -> dict[str, float]:
    pairs = (part.split("=") for part in text.partition("(")[2].rstrip(")").split(",") if part)
    return {name.strip(): float(Fraction(value.strip())) for name, value in pairs}


def _written_value(latex: str) -> float:
    r"""A number below a function's name, as in ``1.4``, ``\frac{1}{3}`` or ``2 \times 10^{-5}``."""
    factor, power, exponent = latex.rpartition("10^{")
    if power:
        return float(f"{factor.replace(chr(92) + 'times', '').strip() or 1}e{exponent.rstrip('}')}")
    return float(Fraction(latex.replace(r"\frac{", "").replace("}{", "/").replace("}", "")))


def _huber(y: Array, p: Array, delta: float = 1.0) -> Array:
    size = _size_of(p - y)
    return np.where(size.real <= delta, size**2 / 2, delta * (size - delta / 2)).mean()


def _short_of_margin(y: Array, p: Array) -> Array:
    return np.where((1 - y * p).real > 0, 1 - y * p, 0)


def _pinball(y: Array, p: Array, tau: float = 0.5) -> Array:
    return (tau * _positive(y - p) + (1 - tau) * _positive(p - y)).mean()


def _positive(x: Array) -> Array:
    return np.where(x.real > 0, x, 0)


def _tweedie(y: Array, p: Array, power: float = 1.5) -> Array:
    q = 2 - power
    return 2 * (y**q / (q - 1) / q - y * p ** (q - 1) / (q - 1) + p**q / q).mean()


def _focal(y: Array, p: Array, gamma: float = 2) -> Array:
    return -(y * (1 - p) ** gamma * np.log(p)).sum() / p.shape[1]


def _cosine(y: Array, p: Array) -> Array:
    return (1 - (y * p).sum(axis=0) / np.sqrt((y * y).sum(axis=0) * (p * p).sum(axis=0))).mean()


#: The error of a batch from its targets and outputs, which are (outputs, samples).
LOSSES: Mapping[str, Callable[..., Array]] = {
    "mae": lambda y, p: _size_of(p - y).mean(),
    "huber": _huber,
    "log_cosh": lambda y, p: np.log(np.cosh(p - y)).mean(),
    "hinge": lambda y, p: _short_of_margin(y, p).mean(),
    "squared_hinge": lambda y, p: (_short_of_margin(y, p) ** 2).mean(),
    "kl_divergence": lambda y, p: (y * np.log(y / p)).sum() / y.shape[1],
    "poisson": lambda y, p: (p - y * np.log(p)).mean(),
    "mse": lambda y, p: ((y - p) ** 2).mean(),
    "half_mse": lambda y, p: ((y - p) ** 2).sum() / 2 / y.shape[1],
    "sse": lambda y, p: ((y - p) ** 2).sum(),
    "half_sse": lambda y, p: ((y - p) ** 2).sum() / 2,
    "binary_cross_entropy": lambda y, p: -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum() / y.shape[1],
    "cross_entropy": lambda y, p: -(y * np.log(p)).sum() / y.shape[1],
    "quantile": _pinball,
    "gamma": lambda y, p: 2 * (np.log(p) - np.log(y) + y / p - 1).mean(),
    "tweedie": _tweedie,
    "binary_focal": lambda y, p, gamma=2: _focal(y, p, gamma) + _focal(1 - y, 1 - p, gamma),
    "focal": _focal,
    "label_smoothing": lambda y, p, smoothing=0.1: (
        -(((1 - smoothing) * y + smoothing / len(y)) * np.log(p)).sum() / y.shape[1]
    ),
    "weston_watkins": lambda y, p: ((1 - y) * _positive(1 + p - (y * p).sum(axis=0))).sum() / y.shape[1],
    "cosine": _cosine,
}


#: The names of activations as papers write them.
WRITTEN = {"relu": "ReLU", "relu6": "ReLU6", "leaky_relu": "LeakyReLU", "elu": "ELU", "selu": "SELU", "gelu": "GELU"}
WRITTEN |= {"gelu_tanh": "GELUTanh", "silu": "SiLU", "mish": "Mish", "hard_tanh": "HardTanh"}
BY_NAME = {WRITTEN.get(name, name): function for name, function in ACTIVATIONS.items()}

#: The functions that a reader knows by their names.
KNOWN: Mapping[str, Callable[[complex], complex]] = {
    "ln": cmath.log,
    "cosh": cmath.cosh,
    "sinh": cmath.sinh,
    "erf": lambda x: complex(_erf(x)),
    "erfc": lambda x: 1 - complex(_erf(x)),
    "sgn": lambda x: float(np.sign(x.real)),
    "sg": lambda x: x,
    **{name: getattr(cmath, name) for name in ("sin", "cos", "tan")},
    **{f"arc{name}": getattr(cmath, f"a{name}") for name in ("sin", "cos", "tan")},
    **{f"ar{name}": getattr(cmath, f"a{name}") for name in ("sinh", "cosh", "tanh")},
}

#: What takes a real part of several numbers, or of the entries of arrays.
_CHOSEN = {
    "max": lambda one, other: np.where(np.real(one) >= np.real(other), one, other),
    "min": lambda one, other: np.where(np.real(one) <= np.real(other), one, other),
}
_JOINED = {"and": np.logical_and, "or": np.logical_or}
_RELATIONS = {
    sign: lambda one, other, compare=compare: compare(np.real(one), np.real(other))
    for sign, compare in {
        "=": np.equal,
        ">": np.greater,
        "<": np.less,
        ">=": np.greater_equal,
        "<=": np.less_equal,
    }.items()
}


# ---------------------------------------------------------------- how it learns, in numbers

#: The options of each optimizer and schedule, with the letters and the defaults that they have.
OPTIONS: Mapping[str, Mapping[str, tuple[str, float]]] = {
    "momentum": {"mu": (r"\beta", 0.9)},
    "nesterov": {"mu": (r"\beta", 0.9)},
    "adagrad": {"epsilon": (r"\varepsilon", 1e-10)},
    "rmsprop": {"rho": (r"\rho", 0.9), "epsilon": (r"\varepsilon", 1e-8)},
    "adam": {"beta1": (r"\beta_1", 0.9), "beta2": (r"\beta_2", 0.999), "epsilon": (r"\varepsilon", 1e-8)},
    "step": {"every": ("T", 0), "factor": (r"\gamma", 0.1), "warm_up": ("T_0", 0)},
    "exponential": {"factor": (r"\gamma", 0), "warm_up": ("T_0", 0)},
    "cosine": {"steps": ("T", 0), "warm_up": ("T_0", 0)},
    "warm_up": {"steps": ("T", 0)},
}
OPTIONS = {**OPTIONS, "adamw": {**OPTIONS["adam"], "weight_decay": (r"\omega", 0.01)}}
#: How many steps have been taken in these numbers.
DONE = 6


def options(text: str) -> dict[str, float]:
    """The options of an entry with their values: ``adam(beta1=0.8)``."""
    name, _, inside = text.rstrip(")").partition("(")
    given = dict(part.strip().split("=") for part in inside.split(",") if part)
    known = OPTIONS.get(name, {})
    assert not set(given) - set(known)
    return {option: float(given.get(option, default)) for option, (_, default) in known.items()}


@dataclass(frozen=True)
class Learning:
    """One step of a network, from its gradients: what the literature says it is, in numbers."""

    network: Network
    gradients: Mapping[str, Array]
    parameters: Mapping[str, Array]

    @cached_property
    def numbers(self) -> dict[str, float]:
        """Every number that a step reads, by its letter."""
        found = {"t": DONE + 1.0}
        for text in (self.network.optimizer, self.network.schedule):
            known = OPTIONS.get(text.partition("(")[0], {})
            found |= {known[option][0]: value for option, value in options(text).items()}
        found |= {r"\lambda": self.network.l2, r"\lambda_1": self.network.l1, "C": self.network.clip or math.nan}
        found |= {f"{RATES[self.network.notation]}_t": self.rate}
        found |= {r"\Gamma": self.square_norm, r"\kappa": min(1.0, found["C"] / math.sqrt(self.square_norm))}
        return found | {f"c_{n}": 1 - found.get(rf"\beta_{n}", 0.0) ** (DONE + 1) for n in (1, 2)}

    @property
    def square_norm(self) -> float:
        return sum(float((g**2).sum()) for g in self.gradients.values())

    @property
    def rate(self) -> float:
        """The learning rate of step ``DONE + 1``."""
        name, n = self.network.schedule.partition("(")[0], options(self.network.schedule)
        warm_up = int(n.get("warm_up", 0))
        done = max(0, DONE - warm_up)
        share = {
            "constant": lambda: 1.0,
            "step": lambda: n["factor"] ** (done // n["every"]),
            "exponential": lambda: n["factor"] ** done,
            "cosine": lambda: 0.5 * (1 + math.cos(math.pi * min(1.0, done / n["steps"]))),
            "warm_up": lambda: min(1.0, (DONE + 1) / n["steps"]),
        }[name]()
        return RATE * share * (min(1.0, (DONE + 1) / warm_up) if warm_up else 1.0)

    def gradient(self, name: str) -> Array:
        """The gradient that the optimizer is given."""
        return self.gradients[name] * (self.numbers[r"\kappa"] if self.network.clip else 1.0)

    def kept(self, letter: str, name: str) -> Array:
        """What has been kept for a parameter before the step."""
        shape = self.parameters[name].shape
        drawn = np.random.default_rng([ord(letter.lower()), *name.encode()]).uniform(0.2, 1.5, shape)
        optimizer = self.network.optimizer.partition("(")[0]
        return drawn if letter.lower() == "sv"[optimizer not in ("adagrad", "momentum", "nesterov")] else drawn - 0.7

    def after(self, name: str) -> dict[str, Array]:
        """What is kept for a parameter after the step, by its letter, and the parameter itself under its name."""
        w, g, n, eta = self.parameters[name], self.gradient(name), options(self.network.optimizer), self.rate
        u, v, s = (self.kept(letter, name) for letter in "uvs")
        optimizer = self.network.optimizer.partition("(")[0]
        if optimizer == "sgd":
            return {"w": w - eta * g}
        if optimizer in ("momentum", "nesterov"):
            v = n["mu"] * v - eta * g
            return {"v": v, "w": w + v if optimizer == "momentum" else w + n["mu"] * v - eta * g}
        if optimizer == "adagrad":
            s = s + g**2
            return {"s": s, "w": w - eta * g / (np.sqrt(s) + n["epsilon"])}
        if optimizer == "rmsprop":
            v = n["rho"] * v + (1 - n["rho"]) * g**2
            return {"v": v, "w": w - eta * g / (np.sqrt(v) + n["epsilon"])}
        u, v = n["beta1"] * u + (1 - n["beta1"]) * g, n["beta2"] * v + (1 - n["beta2"]) * g**2
        u_hat, v_hat = (x / (1 - n[b] ** (DONE + 1)) for x, b in ((u, "beta1"), (v, "beta2")))
        return {"u": u, "v": v, "w": w - eta * (u_hat / (np.sqrt(v_hat) + n["epsilon"]) + n.get("weight_decay", 0) * w)}


@dataclass(frozen=True, eq=False)
class World:
    """A network with numbers put in: data, parameters, and what its forward pass makes of them.

    ``batch`` says whether arrays have a column for each sample; otherwise there is one sample.
    """

    network: Network
    widths: tuple[int, ...]
    given: Mapping[str, Array]
    batch: bool
    activation: tuple[str, ...]

    @property
    def depth(self) -> int:
        return len(self.widths) - 1

    @property
    def augmented(self) -> bool:
        return self.network.bias == "augmented"

    @property
    def samples(self) -> int:
        return int(self.given["x"].shape[1])

    def forward(self, moved: tuple[str, tuple[int, ...]] | None = None) -> dict[str, Array]:
        """All values; the entry ``moved`` is moved by a tiny imaginary step wherever it comes from."""
        found: dict[str, Array] = {}

        def put(name: str, value: Any) -> Array:
            found[name] = np.array(value, dtype=complex)
            if moved is not None and moved[0] == name:
                found[name][moved[1]] += TINY * 1j
            return found[name]

        a, y = put("x", self.given["x"]), put("y", self.given["y"])
        for layer, activation in enumerate(self.activation, start=1):
            w = put(f"w{layer}", self.given[f"w{layer}"])
            if self.augmented:
                a = put(f"bar{layer - 1}", np.vstack([np.ones((1, a.shape[1])), a]))
            z = w @ a
            if self.network.bias == "separate":
                z = z + put(f"b{layer}", self.given[f"b{layer}"])[:, None]
            a = put(f"a{layer}", activation_of(activation)(put(f"z{layer}", z)))
        error = LOSSES[self.network.loss.partition("(")[0]](y, a, **_options(self.network.loss))
        if self.network.l1 or self.network.l2:
            first = 1 if self.augmented else 0
            weights = [found[f"w{n}"][:, first:] for n in range(1, self.depth + 1)]
            sizes, squares = (sum(f(w).sum() for w in weights) for f in (_size_of, np.square))
            error = error + put("R", self.network.l1 * sizes + self.network.l2 / 2 * squares)
        put("E", error)
        return found

    @cached_property
    def learning(self) -> Learning:
        """A step from here."""
        names = [f"{kind}{n}" for n in range(1, self.depth + 1) for kind in "wb"]
        names = [name for name in names if name in self.values]
        parameters = {name: self.values[name] for name in names}
        return Learning(self.network, {name: self.gradient(name) for name in names}, parameters)

    @cached_property
    def values(self) -> dict[str, Array]:
        return {name: value.real for name, value in self.forward().items()}

    @cached_property
    def _slopes(self) -> dict[tuple[str, tuple[int, ...]], dict[str, Array]]:
        return {}

    def slopes(self, wrt: str, position: tuple[int, ...]) -> dict[str, Array]:
        """The derivatives of everything with respect to one entry."""
        key = wrt, position
        if key not in self._slopes:
            self._slopes[key] = {n: v.imag / TINY for n, v in self.forward(key).items()}
        return self._slopes[key]

    def slope(self, of: str, at: tuple[int, ...], wrt: str, position: tuple[int, ...]) -> float:
        """How one entry depends on another; Unreadable if the forward pass has them the other way round."""
        order = list(self.values)
        if order.index(of) <= order.index(wrt):
            raise Unreadable(f"{of} does not depend on {wrt}")
        return float(self.slopes(wrt, position)[of][at])

    def gradient(self, wrt: str) -> Array:
        """The derivative of the error with respect to all of an array."""
        shape = self.values[wrt].shape
        entries = [self.slope("E", (), wrt, position) for position in np.ndindex(shape)]
        return np.array(entries).reshape(shape)

    @cached_property
    def alone(self) -> tuple[World, ...]:
        """Each sample of the batch by itself."""
        parts = []
        for s in range(self.samples):
            data = {name: self.given[name][:, s : s + 1] for name in "xy"}
            parts.append(replace(self, given={**self.given, **data}, batch=False))
        return tuple(parts)

    @cached_property
    def smooth(self) -> World:
        """The same with activations whose slopes are never 0 or 1 by chance, for what holds for any activation."""
        others = {"relu": "softplus", "identity": "tanh", "relu6": "softplus", "hard_tanh": "tanh"}
        others |= {"elu": "softplus", "selu": "softplus", "leaky_relu": "softplus"}
        return replace(self, activation=tuple(others.get(a.partition("(")[0], a) for a in self.activation))


def world(network: Network, seed: int = 0) -> World:
    """Random data and parameters for a network; of seed 0 such that its relus, if any, let the first sample through."""
    if seed or "relu" not in network.activation:
        return _drawn(network, seed)
    return max((_drawn(network, 100 + n) for n in range(30)), key=_alive)


def _alive(drawn: World) -> int:
    values = drawn.alone[0].values
    return sum(int((values[f"z{n}"] > 0).sum()) for n, a in enumerate(drawn.activation, start=1) if a == "relu")


def _drawn(network: Network, seed: int) -> World:
    """A batch of a size that is no width of the network, and parameters."""
    names = dict.fromkeys(w for w in network.layers if isinstance(w, str))
    sizes = dict(zip(names, itertools.cycle((5, 4, 6, 3, 7))))
    widths = tuple(sizes.get(w, w) if isinstance(w, str) else w for w in network.layers)
    samples = next(n for n in itertools.count(2) if n not in widths and n - 1 not in widths)
    generator = np.random.default_rng(seed)
    stated = loss(network.loss)
    raw = generator.uniform(0.15, 0.85, size=(stated.targets_for(widths[-1]), samples))
    given = {"x": generator.normal(size=(widths[0], samples)), "y": raw}
    if stated.targets == "classes":
        given["y"] = raw / raw.sum(axis=0)
    if network.loss in ("hinge", "squared_hinge"):
        given["y"] = np.where(raw > 0.5, 1.0, -1.0)
    extra = 1 if network.bias == "augmented" else 0
    for layer, (before, units) in enumerate(itertools.pairwise(widths), start=1):
        given[f"w{layer}"] = generator.normal(size=(units, before + extra)) / np.sqrt(1 + before / 2)
        given[f"b{layer}"] = generator.normal(size=units) / 2
    return World(network, widths, given, True, network.activation)


# ---------------------------------------------------------------- what the letters mean

#: Roles whose letters the notations choose.
ROLES = ("input", "target", "error", "weight", "bias", "preactivation", "activation", "augmented", "factor")


def _letters(notation: Notation) -> dict[str, tuple[str, str]]:
    """Letter -> role, and where it may be used: with indices (e), for the array of one sample (1), of a batch (m)."""
    found = {"R": ("penalty", "e1m")}

    def add(role: str, before: str, entry: str, one: str, batch: str) -> None:
        for name, use in ((entry, "e"), (one, "1"), (batch, "m")):
            letter = characters.LETTERS[before + name].tex
            found[letter] = (role, found.get(letter, (role, ""))[1] + use)

    for role in (*ROLES, *["prediction"] * notation.has_prediction):
        of = notation.roles[role]
        add(role, "", of.entry, of.vector or of.entry, of.batch)
        if notation.derivative == "d" and role in ("weight", "bias"):
            add(f"{role} gradient", "d", of.entry, of.vector or of.entry, of.batch)
    return found


LETTERS = {name: _letters(notation) for name, notation in NOTATIONS.items()}
RATES = {name: characters.LETTERS[notation.rate].tex for name, notation in NOTATIONS.items()}
NAMES = {"input": "x", "target": "y", "preactivation": "z", "activation": "a", "weight": "w", "bias": "b"}
NAMES |= {"augmented": "bar", "weight gradient": "w", "bias gradient": "b"}
SAMPLED = ("input", "target", "prediction", "preactivation", "activation", "augmented", "factor")
UNLAYERED = ("input", "target", "prediction", "error", "penalty")
#: Those that are one number.
SCALAR = ("error", "penalty")


@dataclass(frozen=True)
class Meaning:
    """What a symbol stands for: an array of the forward pass, its axes in the order they are written."""

    role: str
    name: str
    layer: int
    axes: tuple[Axis, ...]
    uses: str
    swapped: bool = False
    raised: bool = False


@dataclass(frozen=True)
class Matrix:
    """A two-dimensional array; a ``free`` side has a length that has not been said (a column of ones)."""

    data: Array
    free: tuple[bool, bool] = (False, False)


Value = complex | Matrix


@dataclass(frozen=True)
class Book:
    """What a document defines: its functions and its shared factors."""

    network: Network
    functions: dict[lr.Function, tuple[str, lr.Node]] = field(default_factory=dict)
    factors: dict[int, tuple[Symbol, lr.Node]] = field(default_factory=dict)


class Reading:
    """Evaluates trees in a world, with the definitions of a book."""

    def __init__(self, book: Book, world: World) -> None:
        self.book, self.world = book, world
        self.notation = NOTATIONS[book.network.notation]
        self.letters = LETTERS[self.notation.name]
        names = {w: n for w, n in zip(book.network.layers, world.widths, strict=True) if isinstance(w, str)}
        plain = {w: n for w, n in names.items() if w not in self.letters}  # any other is written as an index of n
        self.sizes = {**plain, **{f"n_{w}": n for w, n in names.items()}, "m": world.samples}
        self.entrywise = False
        self.assigned: lr.Node | None = None
        self._factors: dict[int, Array] = {}
        self._meanings: dict[Symbol, Meaning] = {}
        self._placed: dict[Symbol, tuple[str | int, ...]] = {}
        self._uses: dict[int, tuple[lr.Node, list[tuple[str, Axis]]]] = {}

    # ------------------------------------------------------------ symbols

    def size(self, symbol: Symbol) -> int | None:
        """The width that a symbol names, if it names one."""
        name = "_".join((symbol.letter, *symbol.indices[:1]))
        plain = symbol.layer is None and symbol.sample is None and len(symbol.indices) < 2
        return self.sizes.get(name) if plain else None

    def number_of_step(self, symbol: Symbol) -> float | None:
        """The value of a symbol that stands for a number of the step, if it does."""
        name = "_".join((symbol.letter, *symbol.indices[:1]))
        plain = symbol.layer is None and symbol.sample is None and len(symbol.indices) < 2
        if not plain or self.size(symbol) is not None or symbol == Symbol(RATES[self.notation.name]):
            return None
        found = self.world.learning.numbers.get(name)
        if found is None or math.isnan(found):
            return None
        return found - 1 if name == "t" and self.assigned == symbol else found

    def meaning(self, symbol: Symbol) -> Meaning:
        """What a symbol stands for. Raises Unreadable if the notation has no such symbol."""
        if symbol not in self._meanings:
            self._meanings[symbol] = self._meaning(symbol)
        return self._meanings[symbol]

    def _meaning(self, symbol: Symbol) -> Meaning:
        if symbol.letter not in self.letters:
            raise Unreadable(f"{symbol.letter} means nothing in the notation {self.notation.name}")
        role, uses = self.letters[symbol.letter]
        layer = self._layer(symbol, role)
        prediction = role == "prediction"
        if role == "penalty" and not (self.world.network.l1 or self.world.network.l2):
            raise Unreadable("a penalty where there is none")
        name = {"error": "E", "penalty": "R", "prediction": f"a{self.world.depth}"}.get(role, NAMES.get(role, ""))
        numbered = f"{name}{layer}" if role not in UNLAYERED else name
        if role == "activation" and layer == 0:  # the inputs, as the loop over the layers writes them
            numbered = NAMES["input"]
        axes = self._axes(role, layer)
        swapped = self.notation.from_first and role.startswith("weight")
        placed, raised = axes[::-1] if swapped else axes, role.partition(" ")[0] in self.notation.raised
        return Meaning(role, name if prediction else numbered, layer, placed, uses, swapped, raised)

    def _layer(self, symbol: Symbol, role: str) -> int:
        depth = self.world.depth
        if role in UNLAYERED:
            if symbol.layer is not None:
                raise Unreadable(f"{symbol.letter} has no layer, but {symbol.layer} stands there")
            return 0 if role == "input" else depth
        layer = symbol.layer
        if layer is None and depth == 1 and not self.notation.numbered_alone:
            layer = 0 if role == "augmented" else 1
        lowest = 0 if role in ("augmented", "activation") else 1
        last = role != "augmented" and (role != "activation" or not self.notation.has_prediction)
        highest = depth if last else depth - 1
        if layer is None or not lowest <= layer <= highest:
            raise Unreadable(f"{symbol.letter} in layer {layer}")
        if role in ("augmented", "bias", "bias gradient") and (role == "augmented") != self.world.augmented:
            raise Unreadable(f"the network has no {role}")
        return layer

    def _axes(self, role: str, layer: int) -> tuple[Axis, ...]:
        units = self._units(layer)
        if role in SCALAR:
            return ()
        if role.startswith("weight"):
            return units, self._with_one(layer - 1) if self.world.augmented else self._units(layer - 1)
        return (self._with_one(layer),) if role == "augmented" else (units,)

    def _units(self, layer: int) -> Axis:
        return Axis(1, self.world.widths[layer], self.book.network.layers[layer] == 1)

    def _with_one(self, layer: int) -> Axis:
        return Axis(0, self.world.widths[layer], False)

    def placed(self, symbol: Symbol, meaning: Meaning) -> tuple[str | int, ...]:
        """What stands at each axis of a symbol with indices. Raises Unreadable if that is not clear."""
        if symbol not in self._placed:
            self._placed[symbol] = self._place(symbol, meaning)
        return self._placed[symbol]

    def _place(self, symbol: Symbol, meaning: Meaning) -> tuple[str | int, ...]:
        written = [a for a in meaning.axes if not a.single]
        if symbol.raised is not (meaning.raised and not meaning.axes[-1].single):
            raise Unreadable(f"the place of the indices of {symbol.letter}: {symbol.indices}")
        named = replace(symbol, indices=tuple(str(self.sizes.get(i, i)) for i in symbol.indices))
        found = []
        for items in _readings(named, len(written)):
            numbers = [(a, int(i)) for a, i in zip(written, items, strict=True) if i.isdigit()]
            if all(a.start <= n <= a.stop for a, n in numbers):
                found.append([int(i) if i.isdigit() else i for i in items])
        if len(found) != 1:
            raise Unreadable(f"the indices of {symbol.letter} can be read in {len(found)} ways: {symbol.indices}")
        queue = iter(found[0])
        return tuple(axis.start if axis.single else next(queue) for axis in meaning.axes)

    def position(self, symbol: Symbol, meaning: Meaning, env: Mapping[str, Any]) -> tuple[int, ...]:
        """The position of an entry in its array."""
        if "e" not in meaning.uses or symbol.transposed or symbol.without_biases:
            raise Unreadable(f"{symbol.letter} as an entry")
        units = []
        for item, axis in zip(self.placed(symbol, meaning), meaning.axes, strict=True):
            number = item if isinstance(item, int) else _bound(env, item)
            if not axis.start <= number <= axis.stop:
                raise Unreadable(f"{symbol.letter} has no entry {number}")
            units.append(number - axis.start)
        units = units[::-1] if meaning.swapped else units
        return (*units, *self._sample(symbol, meaning, env))

    def _sample(self, symbol: Symbol, meaning: Meaning, env: Mapping[str, Any]) -> tuple[int, ...]:
        if symbol.others:
            raise Unreadable("two upper indices")
        if meaning.role not in SAMPLED:
            if symbol.sample is not None:
                raise Unreadable(f"{symbol.letter} has no samples")
            return ()
        if symbol.sample is not None:
            if not self.world.batch:
                raise Unreadable(f"the sample {symbol.sample} where there is one sample only")
            return (_bound(env, symbol.sample) - 1,)
        if self.world.batch and "@sample" not in env:
            raise Unreadable(f"{symbol.letter} of which sample?")
        return (env.get("@sample", 0),)

    def array(self, name: str, meaning: Meaning) -> Array:
        """All entries of what a symbol stands for."""
        if meaning.role == "factor":
            return self.factor(meaning.layer)
        return self.world.gradient(name) if meaning.role.endswith("gradient") else self.world.values[name]

    def factor(self, layer: int) -> Array:
        """The entries of a shared factor, by its definition in the document."""
        if layer not in self._factors:
            if layer not in self.book.factors:
                raise Unreadable(f"the factor of layer {layer} is used and not defined")
            each = self.world.batch and self.notation.scale.per_sample
            count = self.world.samples
            readings = [Reading(self.book, w) for w in self.world.alone] if each else [self] * count
            columns = [r._defined(layer, 0 if each else s) for s, r in enumerate(readings)]
            self._factors[layer] = np.array(columns).T
        return self._factors[layer]

    def _defined(self, layer: int, sample: int) -> list[complex]:
        symbol, tree = self.book.factors[layer]
        letters = [i for i in symbol.indices if not i.isdigit()]
        before, self.entrywise = self.entrywise, True
        units = self.world.widths[layer]
        found = [self.number(tree, {**dict.fromkeys(letters, u), "@sample": sample}) for u in range(1, units + 1)]
        self.entrywise = before
        return found

    # ------------------------------------------------------------ evaluation

    def number(self, tree: lr.Node, env: Mapping[str, Any]) -> complex:
        """The value of a tree that is a number."""
        return _scalar(self.value(tree, env))

    def value(self, tree: lr.Node, env: Mapping[str, Any]) -> Value:
        """The value of a tree where indices (and arguments of functions) have the values ``env``."""
        method = getattr(self, f"_{type(tree).__name__.lower()}", None)
        if method is None:
            raise Unreadable(f"{type(tree).__name__} in a formula")
        found: Value = method(tree, env)
        return found

    def _number(self, tree: lr.Number, env: Mapping[str, Any]) -> Value:
        return tree.value

    def _symbol(self, tree: Symbol, env: Mapping[str, Any]) -> Value:
        if tree == Symbol(tree.letter) and f"@{tree.letter}" in env:
            found: complex = env[f"@{tree.letter}"]
            return found
        size = self.size(tree)
        if size is not None:
            return size
        if tree == Symbol(RATES[self.notation.name]):
            return RATE
        if tree == Symbol(r"\pi"):
            return math.pi
        number = self.number_of_step(tree)
        if number is not None:
            return number
        meaning = self.meaning(tree)
        if meaning.role in SCALAR:
            if tree != Symbol(meaning.name):
                raise Unreadable("the error with an index")
            return self.world.values[meaning.name][()]
        if self.entrywise:
            return self.array(meaning.name, meaning)[self.position(tree, meaning, env)]
        return self._whole(tree, meaning, env)

    def _whole(self, tree: Symbol, meaning: Meaning, env: Mapping[str, Any]) -> Matrix:
        """A symbol in a matrix equation: an array, or its column for one sample."""
        single = all(a.single for a in meaning.axes)
        if tree.indices or not (("m" if self.world.batch else "1") in meaning.uses or tree.sample or single):
            raise Unreadable(f"{tree.letter} as an array")
        data = self.array(meaning.name, meaning)
        if tree.sample is not None or "@sample" in env:
            (column,) = self._sample(tree, meaning, env) or (0,)
            data = data[:, column : column + 1]
        elif self.world.batch and meaning.role in SAMPLED and "m" not in meaning.uses:
            raise Unreadable(f"{tree.letter} of which sample?")
        data = data[:, None] if data.ndim == 1 else data
        if tree.without_biases:
            if not (meaning.role.startswith("weight") and self.world.augmented):
                raise Unreadable(f"{tree.letter} has no column 0")
            data = data[:, 1:]
        return Matrix(data.T if tree.transposed else data)

    def _kept(self, tree: lr.Kept, env: Mapping[str, Any]) -> Value:
        """What is kept for a parameter: after the step, but as it was before where it is assigned to itself."""
        meaning = self.meaning(tree.of)
        if meaning.role not in ("weight", "bias"):
            raise Unreadable(f"{tree.letter} of what is no parameter")
        letter, learning = tree.letter.lower(), self.world.learning
        if not self.entrywise and tree.letter.isupper() is not (meaning.role == "weight"):
            raise Unreadable(f"{tree.letter} of a {meaning.role}")
        if letter == "g":
            if not self.world.network.clip:
                raise Unreadable("a clipped gradient where none is clipped")
            data = learning.gradient(meaning.name)
        elif letter not in learning.after(meaning.name):
            raise Unreadable(f"{letter} is not kept")
        else:
            old = self.assigned == tree
            data = learning.kept(letter, meaning.name) if old else learning.after(meaning.name)[letter]
        if self.entrywise:
            if tree.letter.isupper():
                raise Unreadable(f"an entry of {tree.letter}")
            return complex(data[self.position(tree.of, meaning, env)])
        self._whole(tree.of, meaning, env)
        return Matrix(data[:, None] if data.ndim == 1 else data)

    def _root(self, tree: lr.Root, env: Mapping[str, Any]) -> Value:
        return _mapped(cmath.sqrt, self.value(tree.of, env))

    def _floor(self, tree: lr.Floor, env: Mapping[str, Any]) -> Value:
        return math.floor(self.number(tree.of, env).real)

    def _beside(self, tree: lr.Beside, env: Mapping[str, Any]) -> Value:
        blocks = [self.value(b, env) for b in tree.blocks]
        height = max(b.data.shape[0] for b in blocks if isinstance(b, Matrix))
        parts = [b.data if isinstance(b, Matrix) else np.full((height, 1), b) for b in blocks]
        return Matrix(np.hstack(parts))

    def _plus(self, tree: lr.Plus, env: Mapping[str, Any]) -> Value:
        terms: Sequence[tuple[int, lr.Node]] = tree.terms
        if _dotted(tree):
            through = [(sign, t) for sign, t in terms if Symbol("R") in lr.nodes(t)]
            terms = [pair for pair in terms if pair not in through]
            try:
                rest = self.chained(terms, env)
                return rest + sum(sign * self.number(t, env) for sign, t in through)
            except Elided:
                terms = [*self.expanded(terms), *through]
        values = [_times(sign, self.value(term, env)) for sign, term in terms]
        total = values[0]
        for value in values[1:]:
            total = self._added(total, value)
        return total

    def _added(self, left: Value, right: Value) -> Value:
        """A sum; a number is added to each entry, and a bias to each column where the notation says so."""
        if not isinstance(left, Matrix) or not isinstance(right, Matrix):
            return _mapped2(lambda a, b: a + b, left, right)
        columns = {side.data.shape[1] for side in (left, right)}
        if self.world.batch and not self.notation.ones and columns == {1, self.world.samples}:
            if left.data.shape[0] == right.data.shape[0]:
                return Matrix(left.data + right.data)
        return _mapped2(lambda a, b: a + b, left, right)

    def _times(self, tree: lr.Times, env: Mapping[str, Any]) -> Value:
        factors = _bridged(tree.factors)
        result = self.value(factors[0], env)
        for factor in factors[1:]:
            result = _times(result, self.value(factor, env))
        return result

    def _entrywise(self, tree: lr.Entrywise, env: Mapping[str, Any]) -> Value:
        result = self.value(tree.factors[0], env)
        for factor, divides in zip(tree.factors[1:], tree.divides[1:], strict=True):
            operation = (lambda a, b: a / b) if divides else (lambda a, b: a * b)
            result = _mapped2(operation, result, self.value(factor, env))
        return result

    def _power(self, tree: lr.Power, env: Mapping[str, Any]) -> Value:
        base, exponent = self.value(tree.base, env), _scalar(self.value(tree.exponent, env))
        if isinstance(base, Matrix) and base.data.size != 1 and not tree.entrywise:
            raise Unreadable("a power of an array")
        if not isinstance(base, Matrix) and tree.entrywise:
            raise Unreadable("an entry-wise power of a number")
        whole = int(exponent.real) if exponent == int(exponent.real) else exponent
        return _mapped(lambda x: x**whole, base)

    def _transposed(self, tree: lr.Transposed, env: Mapping[str, Any]) -> Value:
        inner = self.value(tree.of, env)
        if not isinstance(inner, Matrix):
            raise Unreadable("a number transposed")
        return Matrix(inner.data.T, inner.free[::-1])

    def _columns(self, tree: lr.Columns, env: Mapping[str, Any]) -> Value:
        inner = self.value(tree.of, env)
        if not isinstance(inner, Matrix):
            raise Unreadable("a number without its column 0")
        return Matrix(inner.data[:, 1:], inner.free)

    def _ratio(self, tree: lr.Ratio, env: Mapping[str, Any]) -> Value:
        bottom = self.number(tree.bottom, env)
        if not bottom:
            raise Unreadable("a fraction over zero")
        return self.number(tree.top, env) / bottom

    def _partial(self, tree: lr.Partial, env: Mapping[str, Any]) -> Value:
        if not (isinstance(tree.of, Symbol) and isinstance(tree.wrt, Symbol)):
            raise Unreadable("a derivative of what is no symbol")
        of, wrt = self.meaning(tree.of), self.meaning(tree.wrt)
        if "factor" in (of.role, wrt.role) or of.role.endswith("gradient") or wrt.role.endswith("gradient"):
            raise Unreadable("a derivative of a derivative")
        if self.entrywise:
            at, place = (
                () if m.role in SCALAR else self.position(x, m, env) for x, m in ((tree.of, of), (tree.wrt, wrt))
            )
            return self.world.slope(of.name, at, wrt.name, place)
        if of.role not in SCALAR and (self.world.batch or len(self.world.values[of.name]) != 1):
            raise Unreadable("the derivative of an array")
        if wrt.role in SCALAR:
            return self.world.slope(of.name, (), wrt.name, ())
        whole = self._whole(tree.wrt, wrt, env)
        at = () if of.role in SCALAR else (0, 0)
        slopes = [self.world.slope(of.name, at, wrt.name, p) for p in np.ndindex(self.world.values[wrt.name].shape)]
        return Matrix(np.array(slopes).reshape(whole.data.shape))

    def _slope(self, tree: lr.Slope, env: Mapping[str, Any]) -> Value:
        key = f"@{tree.wrt.letter}"
        if key not in env:
            raise Unreadable(f"the derivative with respect to {tree.wrt.letter}")
        return self.number(tree.of, {**env, key: env[key] + TINY * 1j}).imag / TINY

    def _sum(self, tree: lr.Sum, env: Mapping[str, Any]) -> Value:
        if tree.index in env:
            raise Unreadable(f"the sum over {tree.index} where {tree.index} has a value")
        if tree.start is None or tree.stop is None:
            over = self.range(tree.index, tree.body)
        elif not self._mentions(tree.index, tree.body):
            raise Unreadable(f"the sum over {tree.index}, which does not occur in it")
        else:
            start, stop = (_scalar(self.value(side, env)).real for side in (tree.start, tree.stop))
            over = range(int(start), int(stop) + 1)
            wholes = [range(a.start, a.stop + 1) for item, a in self.uses(tree.body) if item == tree.index]
            penalised = self.world.network.l1 or self.world.network.l2
            inside = [range(1, w.stop) for w in wholes if penalised and not w.start]
            if wholes and over not in (*wholes, *inside):
                raise Unreadable(f"the sum over {tree.index} from {over.start} to {over.stop - 1}")
        values = [self.value(tree.body, {**env, tree.index: n}) for n in over]
        total = values[0]
        for value in values[1:]:
            total = self._added(total, value)
        return total

    def _mentions(self, letter: str, tree: lr.Node) -> bool:
        if any(item == letter for item, _ in self.uses(tree)):
            return True
        return any(letter in (n.left, n.right) for n in lr.nodes(tree) if isinstance(n, lr.Kronecker))

    def range(self, letter: str, *trees: lr.Node) -> range:
        """The values of an index, by the places where it stands."""
        axes = [axis for tree in trees for item, axis in self.uses(tree) if item == letter]
        if not axes or len({a.stop for a in axes}) > 1:
            raise Unreadable(f"{letter} has {'no range' if not axes else 'several ranges'}")
        return range(max(a.start for a in axes), axes[0].stop + 1)

    def uses(self, tree: lr.Node) -> list[tuple[str, Axis]]:
        """Each letter that is an index, and the axis along which it runs."""
        if id(tree) not in self._uses:
            self._uses[id(tree)] = tree, list(self._found_uses(tree))
        return self._uses[id(tree)][1]

    def _found_uses(self, tree: lr.Node) -> Iterator[tuple[str, Axis]]:
        for node in lr.nodes(tree):
            named = isinstance(node, Symbol) and (self.size(node) or self.number_of_step(node)) is None
            if isinstance(node, Symbol) and named and node.letter in self.letters:
                meaning = self.meaning(node)
                if node.sample is not None:
                    yield node.sample, Axis(1, self.world.samples, False)
                if node.indices:
                    for item, axis in zip(self.placed(node, meaning), meaning.axes, strict=True):
                        if isinstance(item, str):
                            yield item, axis

    def _bars(self, tree: lr.Bars, env: Mapping[str, Any]) -> Value:
        return _mapped(lambda x: x if x.real >= 0 else -x, self.value(tree.of, env))

    def _exp(self, tree: lr.Exp, env: Mapping[str, Any]) -> Value:
        return _mapped(cmath.exp, self.value(tree.exponent, env))

    def _apply(self, tree: lr.Apply, env: Mapping[str, Any]) -> Value:
        values = [self.value(a, env) for a in tree.arguments]
        name = tree.function.name
        if name == "sum":
            (of,) = values
            return complex(of.data.sum()) if isinstance(of, Matrix) else of
        if name == "mean":
            return self._mean(*values)
        if name in ("max", "min"):
            return reduce(lambda one, other: _mapped2(_CHOSEN[name], one, other), values)
        if name == "softmax":
            (of,) = values
            if not isinstance(of, Matrix) or tree.function.primes:
                raise Unreadable("the softmax of a number")
            return Matrix(_softmax(of.data))
        (argument, *others) = tree.arguments
        layer = argument.layer if isinstance(argument, Symbol) else None
        if others:
            return self._of_several(tree.function, values)
        if tree.function.layer is not None and layer not in (None, tree.function.layer):
            raise Unreadable(f"{name} of several arguments, or of those of another layer")
        function = self.function(tree.function)
        if tree.function.primes:
            return _mapped(lambda x: function(x + TINY * 1j).imag / TINY, values[0])
        return _mapped(function, values[0])

    def _of_several(self, function: lr.Function, values: Sequence[Value]) -> Value:
        """A function that the document defines in several variables, or a derivative of it."""
        plain = replace(function, primes=0, wrt="")
        if plain not in self.book.functions or function.primes > 1:
            raise Unreadable(f"{plain} of several arguments")
        variables, body = self.book.functions[plain]
        names = [f"@{name}" for name in variables.split(",")]
        place = names.index(f"@{function.wrt}") if function.wrt else 0 if function.primes else None
        shape = next((v.data.shape for v in values if isinstance(v, Matrix) and v.data.size > 1), None)

        def value(numbers: Sequence[complex]) -> complex:
            moved = [n + TINY * 1j * (k == place) for k, n in enumerate(numbers)]
            found = self.number(body, dict(zip(names, moved, strict=True)))
            return found if place is None else found.imag / TINY

        if shape is None:
            return value([_scalar(v) for v in values])
        full = [np.broadcast_to(v.data if isinstance(v, Matrix) else v, shape) for v in values]
        return Matrix(np.array([value(n) for n in zip(*(a.flat for a in full), strict=True)]).reshape(shape))

    def _mean(self, of: Value) -> Value:
        if not isinstance(of, Matrix) or of.data.shape[1] != 1:
            raise Unreadable("the mean of what is no column")
        return complex(of.data.mean())

    def _inner(self, tree: lr.Inner, env: Mapping[str, Any]) -> Value:
        left, right = (self.value(side, env) for side in (tree.left, tree.right))
        columns = isinstance(left, Matrix) and isinstance(right, Matrix) and left.data.shape == right.data.shape
        if not columns or left.data.shape[1] != 1:
            raise Unreadable("an inner product of what are no columns of one length")
        return complex((left.data * right.data).sum())

    def function(self, function: lr.Function) -> Callable[[complex], complex]:
        """A function of one number: one of those that everybody knows, or one that the document defines."""
        if function.primes > 1:
            raise Unreadable("a second derivative")
        known = replace(function, primes=0)
        if function.name in BY_NAME and known.layer is None:
            values = [_written_value(known.number)] if known.number else []
            return lambda x: complex(BY_NAME[function.name](np.complex128(x), *values))
        if known == lr.Function(function.name) and function.name in KNOWN:
            return KNOWN[function.name]
        if known not in self.book.functions:
            raise Unreadable(f"{known} is used and not defined")
        variable, body = self.book.functions[known]
        return lambda x: self.number(body, {f"@{variable}": x})

    def _cases(self, tree: lr.Cases, env: Mapping[str, Any]) -> Value:
        for n, (value, condition) in enumerate(tree.rows):
            holds = True if condition is None else self._condition(condition, env)
            if isinstance(holds, Matrix) and holds.data.size > 1:  # entry by entry
                others = self._cases(lr.Cases(tree.rows[n + 1 :]), env)
                one = _mapped2(lambda c, v: np.where(c, v, 0), holds, self.value(value, env))
                return _mapped2(np.add, one, _mapped2(lambda c, v: np.where(c, 0, v), holds, others))
            if holds.data.item() if isinstance(holds, Matrix) else holds:
                return self.value(value, env)
        raise Unreadable("no case holds")

    def _condition(self, condition: lr.Condition, env: Mapping[str, Any]) -> Value | bool:
        """Whether a condition holds, for each entry of arrays."""
        joined = condition.relation in _JOINED
        side = self._condition if joined else self._compared
        left, right = (side(part, env) for part in (condition.left, condition.right))
        return _mapped2((_JOINED if joined else _RELATIONS)[condition.relation], left, right)

    def _compared(self, side: lr.Node, env: Mapping[str, Any]) -> Value:
        if isinstance(side, Symbol) and side == Symbol(side.letter) and side.letter in env:
            return float(env[side.letter])
        return _mapped(lambda x: x.real, self.value(side, env))

    def _stack(self, tree: lr.Stack, env: Mapping[str, Any]) -> Value:
        blocks = [self.value(b, env) for b in tree.blocks]
        parts = [b if isinstance(b, Matrix) else Matrix(np.array([[b]])) for b in blocks]
        width = max(p.data.shape[1] for p in parts)
        if any(p.data.shape[1] != width and not p.free[1] for p in parts):
            raise Unreadable("blocks of rows of different lengths")
        return Matrix(np.vstack([np.broadcast_to(p.data, (p.data.shape[0], width)) for p in parts]))

    def _braced(self, tree: lr.Braced, env: Mapping[str, Any]) -> Value:
        value = self.value(tree.of, env)
        if tree.shape is not None:
            shape = tuple(int(_scalar(self.value(side, env)).real) for side in tree.shape)
            return _of_shape(value, shape)
        if tree.same is not None:
            _compare([value, self.value(tree.same, env)], 0.0)
        return value

    def _ones(self, tree: lr.Ones, env: Mapping[str, Any]) -> Value:
        return Matrix(np.ones((1, 1)), (False, True) if tree.transposed else (True, False))

    def _kronecker(self, tree: lr.Kronecker, env: Mapping[str, Any]) -> Value:
        left, right = (int(i) if i.isdigit() else self.sizes.get(i) or _bound(env, i) for i in (tree.left, tree.right))
        return int(left == right)

    def _change(self, tree: lr.Change, env: Mapping[str, Any]) -> Value:
        return self._added(self.updated(tree.of, env), _times(-1, self.value(tree.of, env)))

    def learned(self, tree: lr.Node) -> bool:
        """Whether a tree is a parameter: one that is assigned to changes, anything else is only computed."""
        if not isinstance(tree, Symbol) or self.number_of_step(tree) is not None or tree == Symbol("t"):
            return False
        return self.meaning(tree).role in ("weight", "bias")

    def updated(self, tree: Symbol, env: Mapping[str, Any]) -> Value:
        """A parameter after a step, in which its gradient is found by moving it."""
        meaning = self.meaning(tree)
        if meaning.role not in ("weight", "bias"):
            raise Unreadable(f"{tree.letter} is no parameter")
        after = self.world.learning.after(meaning.name)["w"]
        if self.entrywise:
            return complex(after[self.position(tree, meaning, env)])
        before = self._whole(tree, meaning, env)
        return Matrix(after.reshape(before.data.shape), before.free)

    # ------------------------------------------------------------ dots in a sum

    def chained(self, terms: Sequence[tuple[int, lr.Node]], env: Mapping[str, Any]) -> complex:
        """Terms that are chains of derivatives through the same tensors, with dots: the sum over all such chains."""
        paths = [self._path(term) for _, term in terms if not isinstance(term, lr.Dots)]
        if any(sign < 0 for sign, _ in terms):
            raise Unreadable("a chain that is subtracted")
        if len(set(paths)) < len(paths) or len({tuple(n for n, _ in p) for p in paths}) > 1:
            raise Unreadable("chains that are the same, or of different tensors")
        smooth = self.world.smooth
        if not all(smooth.slope(*of, *wrt) for p in paths for of, wrt in itertools.pairwise(p)):
            raise Unreadable("a chain that is no chain")
        ends = {(p[0], p[-1]) for p in paths}
        shapes = {n: self.world.values[n].shape for n, _ in paths[0]}
        if len(ends) > 1 or not self._first_and_last(paths, shapes):
            raise Unreadable("chains between different ends, or not the first and the last of them")
        names = [n for n, _ in paths[0]]
        ((_, end),) = ends
        row = np.ones(1)
        for of, wrt in itertools.pairwise(names):
            columns = [end[1]] if wrt == end[0] else list(np.ndindex(shapes[wrt]))
            slopes = [np.ravel(self.world.slopes(wrt, c)[of]) for c in columns]
            row = row @ np.array(slopes).T
        return complex(row.item())

    def _path(self, term: lr.Node) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """The entries along a product of derivatives. Raises Elided if a term is something else."""
        factors = term.factors if isinstance(term, lr.Times) else (term,)
        if not all(isinstance(f, lr.Partial) for f in factors):
            raise Elided("dots between terms that are no chains")
        links = [(self._entry(f.of), self._entry(f.wrt)) for f in factors if isinstance(f, lr.Partial)]
        if any(a[1] != b[0] for a, b in itertools.pairwise(links)):
            raise Unreadable("a chain whose links do not meet")
        return (*(of for of, _ in links), links[-1][1])

    def _entry(self, tree: lr.Node) -> tuple[str, tuple[int, ...]]:
        if not isinstance(tree, Symbol):
            raise Unreadable("a derivative of what is no symbol")
        meaning = self.meaning(tree)
        return meaning.name, () if meaning.role in SCALAR else self.position(tree, meaning, {})

    def _first_and_last(self, paths: Sequence[Any], shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether no chain comes before the first nor after the last: they go through the outermost units."""
        inner = [n for n, (name, _) in enumerate(paths[0]) if n and n < len(paths[0]) - 1]
        moving = [n for n in inner if len({p[n] for p in paths}) > 1]
        first, last = ([p[n][1][0] for n in moving] for p in (paths[0], paths[-1]))
        tops = [shapes[paths[0][n][0]][0] - 1 for n in moving]
        lows = [1 if paths[0][n][0].startswith("bar") else 0 for n in moving]
        return first == lows and last == tops

    def expanded(self, terms: Sequence[tuple[int, lr.Node]]) -> list[tuple[int, lr.Node]]:
        """Terms with the dots between two of them filled in, one index counting up from one to the other."""
        found: list[tuple[int, lr.Node]] = []
        clear = [(sign, self._spelled(term)) for sign, term in terms]
        for n, (sign, term) in enumerate(clear):
            if not isinstance(term, lr.Dots):
                found.append((sign, term))
                continue
            if not 0 < n < len(clear) - 1:
                raise Elided("dots at an end")
            if sign != clear[n - 1][0]:
                raise Unreadable("dots with another sign than the term before them")
            found += _between(clear[:n], clear[n + 1])
        return found

    def _spelled(self, tree: Any) -> Any:
        """A tree in which every symbol has its indices apart, numbers as numbers."""
        if isinstance(tree, Symbol) and tree.indices and tree.letter in self.letters:
            meaning = self.meaning(tree)
            placed = zip(self.placed(tree, meaning), meaning.axes, strict=True)
            return replace(tree, indices=tuple(str(i) for i, axis in placed if not axis.single), commas=True)
        return _rebuilt(tree, self._spelled)


def _dotted(tree: lr.Node) -> bool:
    """Whether a side is a sum with dots between its terms."""
    return isinstance(tree, lr.Plus) and any(isinstance(t, lr.Dots) for _, t in tree.terms)


def _rebuilt(tree: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(tree, tuple):
        return tuple(change(part) for part in tree)
    if isinstance(tree, lr.Node):
        return type(tree)(**{name: change(value) for name, value in vars(tree).items()})
    return tree


def _between(before: Sequence[tuple[int, lr.Node]], after: tuple[int, lr.Node]) -> list[tuple[int, lr.Node]]:
    """The terms that dots stand for."""
    sign, last = before[-1]
    steps = set(_differences(last, after[1]))
    if len(steps) != 1 or sign != after[0]:
        raise Elided("dots between terms that differ in more than one index")
    ((low, high),) = steps
    if len(before) > 1 and _counted_up(last, after[1], low - 1, high) != before[-2][1]:
        raise Unreadable("dots after terms that do not count up")
    return [(sign, _counted_up(last, after[1], n, high)) for n in range(low + 1, high)]


def _differences(first: Any, last: Any) -> Iterator[tuple[int, int]]:
    """The numbers in which two trees differ. Raises Elided if they differ in anything else."""
    if first == last:
        return
    if isinstance(first, str) and isinstance(last, str) and first.isdigit() and last.isdigit():
        yield int(first), int(last)
    elif isinstance(first, tuple) and isinstance(last, tuple) and len(first) == len(last):
        for pair in zip(first, last, strict=True):
            yield from _differences(*pair)
    elif isinstance(first, lr.Node) and type(first) is type(last):
        for name in vars(first):
            yield from _differences(getattr(first, name), getattr(last, name))
    else:
        raise Elided("dots between terms of different form")


def _counted_up(first: Any, last: Any, number: int, high: int) -> Any:
    """The first tree with ``number`` wherever the two differ."""
    if first == last:
        return first
    if isinstance(first, str):
        return str(number)
    if isinstance(first, tuple):
        return tuple(_counted_up(a, b, number, high) for a, b in zip(first, last, strict=True))
    return type(first)(**{k: _counted_up(v, getattr(last, k), number, high) for k, v in vars(first).items()})


def _bridged(factors: Sequence[lr.Node]) -> list[lr.Node]:
    """Factors of a chain with its dots replaced by the derivative that leads over them."""
    found: list[lr.Node] = []
    for n, factor in enumerate(factors):
        if not isinstance(factor, lr.Dots):
            found.append(factor)
        elif 0 < n < len(factors) - 1:
            before, after = factors[n - 1], factors[n + 1]
            if not (isinstance(before, lr.Partial) and isinstance(after, lr.Partial)):
                raise Elided("dots between factors that are no derivatives")
            found.append(lr.Partial(before.wrt, after.of))
        elif n or len(factors) == 1:
            raise Elided("dots at the end of a product")
    return found


def _readings(symbol: Symbol, count: int) -> Iterator[tuple[str, ...]]:
    """The ways to read what stands below a symbol as so many indices."""
    if len(symbol.indices) == count:
        yield symbol.indices
    if not symbol.commas:
        apart = tuple(d for i in symbol.indices for d in (i if i.isdigit() else (i,)))
        if len(apart) == count and apart != symbol.indices:
            yield apart


def _bound(env: Mapping[str, Any], letter: str) -> int:
    if letter not in env:
        raise Unreadable(f"the index {letter} comes from nowhere")
    return int(env[letter])


def _scalar(value: Value) -> complex:
    if isinstance(value, Matrix):
        if value.data.size != 1 or any(value.free):
            raise Unreadable(f"an array of shape {value.data.shape} where a number should stand")
        return complex(value.data.item())
    return value


def _mapped(function: Callable[[complex], complex], value: Value) -> Value:
    """A function applied to a number, or to each entry."""
    try:
        if isinstance(value, Matrix):
            return Matrix(np.vectorize(function, otypes=[complex])(value.data), value.free)
        return function(value)
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise NoNumber(f"a value that is none: {error}") from None


def _mapped2(operation: Callable[[Any, Any], Any], left: Value, right: Value) -> Value:
    """An operation entry by entry: a number goes with anything, an array with one of its own shape."""
    try:
        if isinstance(left, Matrix) and isinstance(right, Matrix):
            return Matrix(operation(*_agreeing(left, right)), _both(left.free, right.free))
        if isinstance(left, Matrix):
            return Matrix(operation(left.data, right), left.free)
        if isinstance(right, Matrix):
            return Matrix(operation(left, right.data), right.free)
        found: complex = operation(left, right)
        return found
    except ZeroDivisionError as error:
        raise NoNumber(f"a value that is none: {error}") from None


def _both(left: tuple[bool, bool], right: tuple[bool, bool]) -> tuple[bool, bool]:
    return left[0] and right[0], left[1] and right[1]


def _agreeing(left: Matrix, right: Matrix) -> tuple[Array, Array]:
    for side in (0, 1):
        lengths = left.data.shape[side], right.data.shape[side]
        if lengths[0] != lengths[1] and not (left.free[side] or right.free[side]):
            raise Unreadable(f"shapes {left.data.shape} and {right.data.shape}")
    return left.data, right.data


def _times(left: Value, right: Value) -> Value:
    """A product of numbers, of a number and an array, of matrices."""
    if not (isinstance(left, Matrix) and isinstance(right, Matrix)):
        return _mapped2(lambda a, b: a * b, left, right)
    inner = left.data.shape[1], right.data.shape[0]
    free = left.free[0], right.free[1]
    if left.free[1] and right.free[0]:
        raise Unreadable("a product of ones of unknown length")
    if right.free[0]:
        return Matrix(left.data.sum(axis=1, keepdims=True) @ right.data, free)
    if left.free[1]:
        return Matrix(left.data @ right.data.sum(axis=0, keepdims=True), free)
    if inner[0] != inner[1]:
        raise Unreadable(f"a product of shapes {left.data.shape} and {right.data.shape}")
    return Matrix(left.data @ right.data, free)


def _of_shape(value: Value, shape: tuple[int, ...]) -> Value:
    """A value whose shape is as stated; ones are as long as stated."""
    if not isinstance(value, Matrix):
        if shape != (1, 1):
            raise Unreadable(f"a number with the shape {shape}")
        return value
    wrong = [s for s in (0, 1) if value.data.shape[s] != shape[s] and not value.free[s]]
    if wrong:
        raise Unreadable(f"the shape {value.data.shape} where {shape} is stated")
    return Matrix(np.broadcast_to(value.data, shape))


# ---------------------------------------------------------------- checking a document


class Differs(Exception):
    """An equation that does not hold."""


def _compare(values: Sequence[Value], largest: float) -> None:
    """Raise Differs if neighbours are not equal, relative to the largest value around; NoNumber if one is none."""
    for left, right in itertools.pairwise(values):
        if isinstance(left, Matrix) and isinstance(right, Matrix) and max(left.data.size, right.data.size) > 1:
            a, b = np.broadcast_arrays(*_agreeing(left, right))
        else:
            a, b = np.array(_scalar(left)), np.array(_scalar(right))
        size = max(largest, float(np.max(np.abs(a))), float(np.max(np.abs(b))))
        off = float(np.max(np.abs(a - b)))
        if not math.isfinite(off):
            raise NoNumber(f"{np.ravel(a)[:4]} and {np.ravel(b)[:4]} are not finite")
        if not off <= TOLERANCE * size + FLOOR:
            raise Differs(f"{np.ravel(a)[:4]} is not {np.ravel(b)[:4]}")


@dataclass(frozen=True)
class Report:
    """What became of the equations of a document."""

    checked: tuple[str, ...] = ()
    elided: tuple[str, ...] = ()
    wrong: tuple[tuple[str, str], ...] = ()


class Checker:
    """Checks the equations of one document in a world; of more than ``most`` entries, some at random."""

    most = MOST

    def __init__(self, equations: Sequence[Equation], world: World) -> None:
        self.equations, self.world = tuple(equations), world
        self.book = Book(world.network)
        for equation in self.equations:
            self._define(equation)
        self.readings = {"one": Reading(self.book, world.alone[0]), "batch": Reading(self.book, world)}
        self.smooth = Reading(self.book, world.alone[0].smooth)

    def report(self) -> Report:
        """Check every equation."""
        found: dict[str, list[Any]] = {"checked": [], "elided": [], "wrong": []}
        for equation, mode in zip(self.equations, modes(self.equations), strict=True):
            try:
                self.check(equation, mode)
                found["checked"].append(equation.source)
            except Elided:
                found["elided"].append(equation.source)
            except (Unreadable, Differs) as error:
                found["wrong"].append((equation.source, f"{type(error).__name__}: {error}"))
        return Report(**{key: tuple(value) for key, value in found.items()})

    # ------------------------------------------------------------ definitions

    def _define(self, equation: Equation) -> None:
        """Take over what an equation defines: a function, or a shared factor as a derivative of the error."""
        if set(equation.relations) - {"=", ":="} or not equation.relations:
            return
        try:
            sides = [lr.read(side) for side in equation.sides]
        except Unreadable:
            return
        first = sides[0]
        if isinstance(first, lr.Apply) and _argument(first) and not first.function.primes:
            own = [s for s in sides if isinstance(s, lr.Apply) and s.function.name in ("f", "g", r"\ell")]
            body = next((s for s in sides if s not in own), None)
            for side in own if body is not None else ():
                self.book.functions.setdefault(side.function, (_argument(side), body))
        letters = LETTERS[self.book.network.notation]
        if isinstance(first, Symbol) and letters.get(first.letter, ("",))[0] == "factor":
            body = next((s for s in sides[1:] if _is_definition(s)), None)
            layer = first.layer or (self.world.depth if self.world.depth == 1 else 0)
            if body is not None:
                self.book.factors.setdefault(layer, (first, body))

    # ------------------------------------------------------------ one equation

    def check(self, equation: Equation, mode: str = "") -> None:
        """Raise Unreadable, Differs or Elided if an equation is not right; in both modes if ``mode`` is empty."""
        if not equation.relations:
            counted = bool(re.search(r"The number of parameters is\s*$", equation.before))
            return self._check_list(lr.read_list(equation.sides[0]), counted)
        read = [lr.read(side) for side in equation.sides]
        for sides in self._of_each_parameter(equation, read):
            self._check_sides(equation, sides, mode)

    def _of_each_parameter(self, equation: Equation, sides: Sequence[lr.Node]) -> list[Sequence[lr.Node]]:
        """The sides for one parameter after the other, if a letter in them stands for any, by the words before them."""
        said = re.findall(r"[Ff]or each parameter array \$(\\?\w+)\$", equation.before)
        if not said or not {Symbol(said[-1]), Symbol(f"d{said[-1]}")} & set(lr.nodes(tuple(sides))):
            return [sides]
        return [[_of_one(side, said[-1], role, symbol) for side in sides] for role, symbol in self._parameters()]

    def _parameters(self) -> list[tuple[str, Symbol]]:
        """The role and the symbol of every parameter."""
        reading, found = self.readings["batch"], dict[str, tuple[str, Symbol]]()
        for letter, (role, uses) in LETTERS[self.book.network.notation].items():
            for layer in range(1, self.world.depth + 1) if role in ("weight", "bias") and "m" in uses else ():
                with contextlib.suppress(Unreadable):  # a bias of a network that has none
                    found[reading.meaning(Symbol(letter, layer)).name] = role, Symbol(letter, layer)
        assert found.keys() >= self.world.learning.parameters.keys()
        return [found[name] for name in self.world.learning.parameters]

    def _check_sides(self, equation: Equation, sides: Sequence[lr.Node], mode: str) -> None:
        variable = _variable(sides)
        if variable:
            return self._check_function(sides, variable)
        chains = list(itertools.takewhile(_only_derivatives, sides))
        if len(chains) > 1 and mode != "batch":  # those of a batch are checked below
            self._check_in(self.smooth, chains, equation.relations[: len(chains) - 1])
        failures, readable = [], False
        for name in (mode,) if mode else self.readings:
            try:
                self._check_in(self.readings[name], sides, equation.relations)
            except Unreadable as error:
                failures.append(f"{name}: {error}")
            else:
                if equation.relations == ("=",):
                    return
                readable = True
        if not readable:
            raise Unreadable("; ".join(failures))

    def _check_function(self, sides: Sequence[lr.Node], variable: str) -> None:
        for point in (-1.3, -0.4, 0.7, 1.9):
            reading = self.readings["one"]
            reading.entrywise = True
            at = {f"@{letter}": point + n / 3 for n, letter in enumerate(variable.split(","))}
            _compare([reading.value(side, at) for side in sides], 1.0)

    def _check_in(self, reading: Reading, sides: Sequence[lr.Node], relations: Sequence[str]) -> None:
        symbols = [n for n in lr.nodes(tuple(sides)) if isinstance(n, Symbol)]
        numbers = (reading.size, reading.number_of_step)
        reading.entrywise = any(s.indices and all(value(s) is None for value in numbers) for s in symbols)
        reading.assigned = sides[0] if set(relations) & {r"\leftarrow", r"\gets"} else None
        rows = []
        for env in self._enumerated(reading, sides):
            values: list[Value] = []
            for before, side in zip((None, *sides), sides, strict=False):
                if before is not None and _dotted(before) and _dotted(side):
                    self._same_terms(reading, before, side, env)
                    values.append(values[-1])
                else:
                    values.append(reading.value(side, env))
            if isinstance(reading.assigned, lr.Kept) or reading.assigned == Symbol("t"):
                reading.assigned, before = None, reading.assigned
                values[0] = reading.value(sides[0], env)
                reading.assigned = before
            for n, relation in enumerate(relations):
                if relation in (r"\leftarrow", r"\gets") and reading.learned(sides[n]):
                    values[n] = reading.updated(sides[n], env)
            rows.append(values)
        largest = max(_size(v) for values in rows for v in values)
        for values in rows:
            _compare(values, largest)

    def _same_terms(self, reading: Reading, before: lr.Node, side: lr.Node, env: Mapping[str, Any]) -> None:
        """Two sums with dots, one below the other: what is written is compared term by term."""
        assert isinstance(before, lr.Plus) and isinstance(side, lr.Plus)
        if len(before.terms) != len(side.terms):
            raise Differs("sums with dots that have different numbers of terms")
        for (sign, old), (other, new) in zip(before.terms, side.terms, strict=True):
            if isinstance(old, lr.Dots) and isinstance(new, lr.Dots) and sign == other:
                continue
            _compare([_times(sign, reading.value(old, env)), _times(other, reading.value(new, env))], 0.0)

    def _enumerated(self, reading: Reading, sides: Sequence[lr.Node]) -> Iterator[dict[str, int]]:
        """The values of the free indices: those of the first side, all or a sample of them."""
        letters = list(dict.fromkeys(item for item, _ in reading.uses(sides[0]) if item not in _summed(sides[0])))
        ranges = [reading.range(letter, sides[0]) for letter in letters]
        count = int(np.prod([len(r) for r in ranges], dtype=int))
        chosen = range(count)
        if count > self.most:
            chosen = sorted({0, count - 1, *np.random.default_rng(count).integers(count, size=self.most).tolist()})
        for number in chosen:
            places = np.unravel_index(number, [len(r) for r in ranges]) if ranges else ()
            yield {letter: r[int(p)] for letter, r, p in zip(letters, ranges, places, strict=True)}

    def _check_list(self, items: Sequence[lr.Node], counted: bool) -> None:
        """A row of dots; a number, which is that of the parameters if they are ``counted``; a list of all gradients."""
        if items == (lr.Dots(),):
            return
        reading = self.readings["one"]
        reading.entrywise = False
        names = [f"{kind}{n}" for n in range(1, self.world.depth + 1) for kind in "wb"]
        parameters = [n for n in names if n in self.world.values]
        symbols = [n for n in lr.nodes(tuple(items)) if isinstance(n, Symbol)]
        if all(reading.size(s) is not None for s in symbols):
            (item,) = items
            value = reading.value(item, {})
            _compare([value, sum(self.world.values[p].size for p in parameters) if counted else value], 1.0)
            return
        found = [self._sought(reading, item) for item in items if not isinstance(item, lr.Dots)]
        missing = set(parameters) - set(found) if len(found) == len(items) else set()
        if len(set(found)) < len(found) or missing or not set(found) <= set(parameters):
            raise Differs(f"gradients of {found} where {parameters} are learned")

    def _sought(self, reading: Reading, item: lr.Node) -> str:
        reading.value(item, {})
        of = item.wrt if isinstance(item, lr.Partial) else item
        if not isinstance(of, Symbol) or (of is item and not reading.meaning(of).role.endswith("gradient")):
            raise Unreadable("a list of what are no gradients")
        return reading.meaning(of).name


def _of_one(tree: Any, letter: str, role: str, symbol: Symbol) -> Any:
    """A tree with a parameter in the place of a letter that stands for any; what a vector keeps has a small letter."""
    if tree == Symbol(letter):
        return symbol
    if tree == Symbol(f"d{letter}"):
        return replace(symbol, letter=f"d{symbol.letter}")
    if isinstance(tree, lr.Kept) and tree.of == Symbol(letter):
        if not tree.letter.isupper():
            raise Unreadable(f"{tree.letter} of what may be a matrix")
        return lr.Kept(tree.letter if role == "weight" else tree.letter.lower(), symbol)
    return _rebuilt(tree, lambda part: _of_one(part, letter, role, symbol))


def _is_definition(side: lr.Node) -> bool:
    """Whether a side is a derivative of the error, or that with a sign."""
    if isinstance(side, lr.Plus) and len(side.terms) == 1:
        side = side.terms[0][1]
    return isinstance(side, lr.Partial) and side.of == Symbol("E")


def _argument(tree: lr.Apply) -> str:
    """The letters of a function's arguments, separated by commas, if they are nothing else."""
    letters = [argument.letter for argument in tree.arguments if isinstance(argument, Symbol)]
    return ",".join(letters) if [*tree.arguments] == [Symbol(letter) for letter in letters] else ""


def _variable(sides: Sequence[lr.Node]) -> str:
    """The variables of an equation between functions, which holds for all their values, separated by commas."""
    applied = [n for n in lr.nodes(sides[0]) if isinstance(n, lr.Apply)]
    symbols = {n for n in lr.nodes(tuple(sides)) if isinstance(n, Symbol)}
    letters = _argument(applied[0]).split(",") if applied else []
    return ",".join(letters) if letters and symbols == {Symbol(letter) for letter in letters} else ""


def _only_derivatives(tree: lr.Node) -> bool:
    """Whether a side is made of derivatives alone: the chain rule as it holds for any activation."""
    if isinstance(tree, lr.Partial):
        return True
    parts = [n for n in _children(tree) if not isinstance(n, lr.Dots)]
    return bool(parts) and all(_only_derivatives(n) for n in parts)


def _children(tree: lr.Node) -> list[lr.Node]:
    if isinstance(tree, lr.Plus):
        return [term for _, term in tree.terms]
    return [tree.body] if isinstance(tree, lr.Sum) else list(tree.factors) if isinstance(tree, lr.Times) else []


def _summed(tree: lr.Node) -> set[str]:
    return {n.index for n in lr.nodes(tree) if isinstance(n, lr.Sum)}


_MODES = {
    "one": re.compile(r"[Ff]or one sample"),
    "samples": re.compile(r"vectors over the samples"),
    "batch": re.compile(r"samples stand side by side|of the batch|of a batch|for each batch|for the batch|In matrices"),
}


def modes(equations: Sequence[Equation]) -> list[str]:
    """Whether each equation speaks of one sample, of a batch or of vectors over samples; '' where nothing says."""
    found: list[str] = []
    section, mode = "", ""
    for equation in equations:
        if equation.section != section:
            section, mode = equation.section, ""
        places = {name: match.start() for name, p in _MODES.items() if (match := p.search(equation.before))}
        mode = min(places, key=places.__getitem__) if places else mode
        found.append(mode)
    return found


def _size(value: Value) -> float:
    return float(np.max(np.abs(value.data))) if isinstance(value, Matrix) else abs(value)


def checked(latex: str, network: Network, seed: int = 0) -> Report:
    """Read a document back."""
    return Checker(lr.equations(latex), world(network, seed)).report()


# ---------------------------------------------------------------- every equation holds

#: Widths that are next to each other differ, but for what the cases are about.
NETWORKS: Mapping[str, tuple[Any, ...]] = {
    "deep": ((3, 4, 5, 2), ("tanh", "sigmoid", "sigmoid"), "half_mse"),
    "one output": ((3, 4, 1), "sigmoid", "mse"),
    "softmax": ((4, 3, 5), ("tanh", "softmax"), "cross_entropy"),
    "probabilities": ((2, 5, 3), ("softplus", "sigmoid"), "binary_cross_entropy", "augmented"),
    "augmented": ((3, 5, 2, 4), ("sigmoid", "relu", "identity"), "sse", "augmented"),
    "no bias": ((2, 4, 3), ("tanh", "identity"), "half_sse", "none"),
    "named": (("n", "h", "k"), ("sigmoid", "tanh"), "mse"),
    "one layer": ((3, 2), "sigmoid", "half_sse", "none"),
}
#: More, each in one notation.
MORE: Mapping[str, tuple[Any, ...]] = {
    "one unit": ((3, 1), "sigmoid", "half_sse", "none", "delta"),
    "one unit in brackets": ((3, 1), "tanh", "mse", "separate", "bracket"),
    "one of everything": ((1, 1, 1), "tanh", "mse", "separate", "psi"),
    "wide": ((3, 14, 12, 2), ("tanh", "relu", "softmax"), "cross_entropy", "separate", "psi"),
    "wide in brackets": ((12, 11, 1), ("tanh", "sigmoid"), "binary_cross_entropy", "separate", "bracket"),
    "six layers": ((2, 3, 2, 4, 3, 2, 3), "tanh", "mse", "separate", "psi"),
    "softmax and squares": ((3, 4, 3), ("relu", "softmax"), "mse", "augmented", "delta"),
    "named, augmented": (("n", "h_1", 3), ("softplus", "softmax"), "cross_entropy", "augmented", "bracket"),
    "narrow": ((3, 1, 4), ("tanh", "sigmoid"), "half_mse", "augmented", "psi"),
    "the same activation in six layers": ((2, 3, 2, 3, 2, 3, 2), "tanh", "mse", "none", "bracket"),
    "long, from one unit": ((1, 3, 2, 3, 2, 3, 2), "tanh", "mse", "none", "psi"),
    "a width with the letter of a value": (("h", 3), "sigmoid", "sse", "none", "delta"),
    "sizes": ((2, 4, 3, 2), ("selu", "elu(alpha=1.4)", "identity"), "mae", "separate", "psi"),
    "squared near zero": ((3, 4, 2), ("relu6", "gelu"), "huber(delta=0.3)", "augmented", "bracket"),
    "the logarithm of a cosine": (("n", "h", 2), ("gelu_tanh", "leaky_relu(slope=1/3)"), "log_cosh", "none", "delta"),
    "margins": ((2, 4, 3), ("mish", "tanh"), "hinge", "separate", "delta"),
    "squared margins": ((3, 4, 1), ("hard_tanh", "identity"), "squared_hinge", "separate", "bracket"),
    "counts": ((3, 2, 4), ("silu", "exponential"), "poisson", "augmented", "psi"),
    "softer counts": ((3, 4, 2), ("softsign", "softplus"), "poisson", "separate", "delta"),
    "divergence": ((3, 4, 3), ("elu", "softmax"), "kl_divergence", "separate", "psi"),
    "quantiles": ((3, 4, 2), ("tanh", "identity"), "quantile(tau=0.7)", "separate", "psi"),
    "positive numbers": ((2, 4, 3), ("tanh", "exponential"), "gamma", "separate", "bracket"),
    "amounts": ((3, 4, 2), ("tanh", "softplus"), "tweedie(power=1.2)", "separate", "psi"),
    "less weight": ((3, 4, 2), ("tanh", "sigmoid"), "binary_focal", "separate", "psi"),
    "less weight for classes": ((2, 4, 3), ("tanh", "softmax"), "focal(gamma=1.5)", "augmented", "delta"),
    "smoothed": ((2, 4, 3), ("tanh", "softmax"), "label_smoothing", "separate", "psi"),
    "all others": ((2, 4, 3), ("tanh", "identity"), "weston_watkins", "augmented", "delta"),
    "directions": ((2, 4, 3), ("tanh", "identity"), "cosine", "separate", "psi"),
    "two of a kind": ((3, 4, 3, 2), ("elu(alpha=1.4)", "elu(alpha=1/3)", "elu"), "mse", "none", "bracket"),
}
#: How networks learn: the network, its notation, and what is said of its learning.
LEARNING: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "momentum": ("deep", "psi", {"optimizer": "momentum(mu=0.7)", "l2": 0.3}),
    "nesterov": ("augmented", "bracket", {"optimizer": "nesterov", "l2": 0.2, "clip": 0.05}),
    "adagrad": ("one output", "delta", {"optimizer": "adagrad(epsilon=0.01)", "schedule": "step(every=2, factor=0.5)"}),
    "rmsprop": (
        "softmax",
        "psi",
        {"optimizer": "rmsprop(rho=0.6, epsilon=0.1)", "schedule": "exponential(factor=0.9)"},
    ),
    "adam": (
        "probabilities",
        "psi",
        {"optimizer": "adam(epsilon=0.01)", "l2": 0.1, "clip": 0.1, "schedule": "cosine(steps=9, warm_up=3)"},
    ),
    "adam in brackets": (
        "named",
        "bracket",
        {"optimizer": "adam(beta1=0.5, beta2=0.8)", "schedule": "warm_up(steps=20)"},
    ),
    "adamw": (
        "no bias",
        "delta",
        {"optimizer": "adamw(weight_decay=0.2, epsilon=0.1)", "clip": 0.1, "schedule": "cosine(steps=40)"},
    ),
    "penalty": ("augmented", "delta", {"l2": 0.5}),
    "penalty of sizes": ("no bias", "bracket", {"l1": 0.5}),
    "both penalties": ("augmented", "psi", {"l1": 0.5, "l2": 0.3}),
    "penalty on many": ("named", "psi", {"l2": 0.5, "schedule": "exponential(factor=0.5, warm_up=9)"}),
    "clipping": ("one layer", "psi", {"clip": 0.01}),
    "a norm below the limit": ("one layer", "bracket", {"clip": 100}),
    "one unit": ("one layer", "delta", {"optimizer": "momentum", "l2": 1, "clip": 0.01}),
}
#: So many equations of a document may have dots that cannot be filled in.
MOST_ELIDED = 1


def network(name: str, notation: str, **learning: Any) -> Network:
    layers, activation, loss, *bias = NETWORKS[name]
    return Network(layers, activation, loss, bias[0] if bias else "separate", notation, **learning)


@functools.cache
def printed(network: Network, detail: str = "full") -> str:
    """The derivation of a network in LaTeX."""
    return derive(network).latex(detail=detail)


def _assert_right(network: Network, detail: str = "full") -> None:
    for seed in range(2 if "relu" in network.activation else 1):
        _assert_right_at(network, detail, seed)


def _assert_right_at(network: Network, detail: str, seed: int) -> None:
    report = checked(printed(network, detail), network, seed)
    assert not report.wrong, "\n".join(f"{source}\n    {why}" for source, why in report.wrong)
    assert len(report.elided) <= MOST_ELIDED, report.elided
    assert len(report.checked) > 12 + 4 * network.depth


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(10)
def test_every_equation_holds(name: str, notation: str) -> None:
    _assert_right(network(name, notation))


@pytest.mark.parametrize("name", MORE)
@pytest.mark.sampled(10)
def test_every_equation_of_unusual_networks_holds(name: str) -> None:
    _assert_right(Network(*MORE[name]))


@pytest.mark.parametrize("name", LEARNING)
@pytest.mark.sampled(8)
def test_every_equation_of_a_step_holds(name: str) -> None:
    of, notation, learning = LEARNING[name]
    _assert_right(network(of, notation, **learning), "exhaustive" if name == "adam" else "full")


@pytest.mark.parametrize("detail", ["brief", "exhaustive"])
@pytest.mark.parametrize(("name", "notation"), [("augmented", "psi"), ("named", "bracket"), ("softmax", "delta")])
@pytest.mark.sampled(3)
def test_every_equation_holds_in_less_and_in_more_detail(name: str, notation: str, detail: str) -> None:
    _assert_right(network(name, notation), detail)


@pytest.mark.parametrize("notation", NOTATIONS)
def test_the_equations_of_a_batch_are_read_as_those_of_a_batch(notation: str) -> None:
    found = lr.equations(printed(network("deep", notation)))
    said = modes(found)
    assert said.count("batch") > 10 and said.count("one") > 10
    about = {mode for e, mode in zip(found, said, strict=True) if "X" in e.source}
    assert about == {"batch"}


def _of_layers(symbol: str, meaning: str, shape: str) -> Iterator[tuple[str, str]]:
    """The symbols of a row for a layer l, each with its shape; there is one shape for each layer, or one for all."""
    ranged = re.search(r"\$(\w)\$ = ([0-9, ]+)", meaning)
    if ranged is None:
        yield symbol, shape
        return
    layers, shapes = ranged[2].split(","), re.split(r",\s*(?:\\[ ,])?", shape)
    for layer, own in zip(layers, shapes * (len(layers) if len(shapes) == 1 else 1), strict=True):
        named = re.sub(rf"(?<=[(\[]){ranged[1]}(?=[)\]])", layer.strip(), symbol)
        assert named != symbol
        yield named, own


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("name", ["deep", "probabilities", "named"])
@pytest.mark.sampled(4)
def test_the_shapes_in_the_table_of_symbols_are_those_of_the_arrays(name: str, notation: str) -> None:
    chosen = network(name, notation)
    checker = Checker(lr.equations(printed(chosen)), world(chosen))
    found = re.findall(r"^\$([^$]*)\$ &(.*)& \$([^$]*\\times[^$]*)\$ ", lr.unfolded(printed(chosen)), re.MULTILINE)
    rows = [row for symbol, meaning, shape in found for row in _of_layers(symbol, meaning, shape)]
    assert len(rows) > 8
    for symbol, shape in rows:
        checker.readings["batch"].value(lr.formula(rf"\underbrace{{{symbol}}}_{{{shape}}}"), {})


# ---------------------------------------------------------------- mutants of single equations

Tokens = list[lr.Token]


def _without(tokens: Tokens, start: int, stop: int) -> Tokens:
    return [*tokens[:start], *tokens[stop:]]


def _with(tokens: Tokens, at: int, text: str) -> Tokens:
    return [*tokens[:at], replace(tokens[at], text=text), *tokens[at + 1 :]]


def _groups(tokens: Tokens, sign: str) -> Iterator[tuple[int, int]]:
    """The braces (start, end) that follow ``_`` or ``^``."""
    for n, token in enumerate(tokens[:-1]):
        if token.text == sign and tokens[n + 1].text == "{":
            yield n + 1, lr.matching(tokens, n + 1)


def _in_scripts(tokens: Tokens) -> set[int]:
    spans = [range(a, b + 1) for sign in "_^" for a, b in _groups(tokens, sign)]
    return {n for span in spans for n in span}


def lost_prime(tokens: Tokens) -> Iterator[Tokens]:
    for n, token in enumerate(tokens):
        if token.text == "'":
            yield _without(tokens, n, n + 1)


def lost_transpose(tokens: Tokens) -> Iterator[Tokens]:
    for start, end in _groups(tokens, "^"):
        inner = [t.text for t in tokens[start + 1 : end]]
        if inner[-4:] == [r"\mathsf", "{", "T", "}"]:
            yield _without(tokens, *((start - 1, end + 1) if len(inner) == 4 else (end - 4, end)))
        elif inner[-1:] == ["T"]:
            yield _without(tokens, *((start - 1, end + 1) if len(inner) == 1 else (end - 1, end)))


def swapped_indices(tokens: Tokens) -> Iterator[Tokens]:
    for start, end in _groups(tokens, "_"):
        inner = [t.text for t in tokens[start + 1 : end]]
        if len(inner) == 2 and inner[0] != inner[1] and r"\setminus" not in inner:
            yield _with(_with(tokens, start + 1, inner[1]), start + 2, inner[0])
        above = [t.text for t in tokens[end + 1 : end + 5]]
        if len(inner) == 1 and above[:2] == ["^", "{"] and above[3:] == ["}"] and above[2] != inner[0]:
            yield _with(_with(tokens, start + 1, above[2]), end + 3, inner[0])


def other_index(tokens: Tokens) -> Iterator[Tokens]:
    letters = {t.text for a, b in _groups(tokens, "_") for t in tokens[a + 1 : b] if t.text in "ijkpqr"}
    for start, end in _groups(tokens, "_"):
        for n in range(start + 1, end):
            for letter in sorted(letters - {tokens[n].text}) if tokens[n].text in letters else ():
                yield _with(tokens, n, letter)


def other_number_as_index(tokens: Tokens) -> Iterator[Tokens]:
    for start, end in _groups(tokens, "_"):
        symbol = tokens[start - 2].text not in (r"\sum", "f", "g", "}") or tokens[start - 2].text == "}"
        for n in range(start + 1, end):
            if tokens[n].text in ("1", "2") and symbol and "=" not in {t.text for t in tokens[start:end]}:
                yield _with(tokens, n, "2" if tokens[n].text == "1" else "1")


def other_sign(tokens: Tokens) -> Iterator[Tokens]:
    for n, token in enumerate(tokens):
        if token.text in ("+", "-"):
            yield _with(tokens, n, "-" if token.text == "+" else "+")


def lost_sum(tokens: Tokens) -> Iterator[Tokens]:
    for n, token in enumerate(tokens):
        if token.text == r"\sum":
            end = n + 1
            while end < len(tokens) and tokens[end].text in ("_", "^"):
                end = lr.matching(tokens, end + 1) + 1
            yield _without(tokens, n, end)


def other_limits(tokens: Tokens) -> Iterator[Tokens]:
    for n, token in enumerate(tokens):
        if token.text == r"\sum":
            end = n + 1
            while end < len(tokens) and tokens[end].text in ("_", "^"):
                close = lr.matching(tokens, end + 1)
                if tokens[close - 1].text.isdigit():
                    yield _with(tokens, close - 1, str(int(tokens[close - 1].text) + 1))
                end = close + 1


def product_for_entrywise(tokens: Tokens) -> Iterator[Tokens]:
    scripts = _in_scripts(tokens)
    for n, token in enumerate(tokens):
        if token.text in (r"\odot", "*") and n not in scripts:
            yield _without(tokens, n, n + 1)


def other_layer(tokens: Tokens) -> Iterator[Tokens]:
    for start, end in _groups(tokens, "^"):
        inner = [t.text for t in tokens[start + 1 : end]]
        if len(inner) >= 3 and inner[0] in "([" and inner[1].isdigit() and inner[2] in ")]":
            for step in (-1, 1):
                yield _with(tokens, start + 2, str(int(inner[1]) + step))


def inverted_fraction(tokens: Tokens) -> Iterator[Tokens]:
    for n, token in enumerate(tokens):
        if token.text == r"\frac":
            middle = lr.matching(tokens, n + 1) + 1
            end = lr.matching(tokens, middle) + 1
            yield [*tokens[: n + 1], *tokens[middle:end], *tokens[n + 1 : middle], *tokens[end:]]


def lost_fraction(tokens: Tokens) -> Iterator[Tokens]:
    for n, token in enumerate(tokens):
        if token.text == r"\frac":
            middle = lr.matching(tokens, n + 1) + 1
            end = lr.matching(tokens, middle) + 1
            top, bottom = ([t.text for t in part] for part in (tokens[n:middle], tokens[middle:end]))
            if not (r"\partial" in top and "E" not in top and (r"\bar" in top or "b" in bottom)):  # those are 1
                yield _without(tokens, n, end)


def lost_count(tokens: Tokens) -> Iterator[Tokens]:
    scripts = _in_scripts(tokens)
    for n, token in enumerate(tokens):
        if token.text in ("m", "n", "h", "k") and n not in scripts and tokens[n - 1].text == "{":
            yield _with(tokens, n, "1")


def lost_power(tokens: Tokens) -> Iterator[Tokens]:
    for start, end in _groups(tokens, "^"):
        if tokens[end - 1].text == "2" and end - start <= 3:
            yield _without(tokens, start - 1, end + 1)


def lost_hat(tokens: Tokens) -> Iterator[Tokens]:
    for n, token in enumerate(tokens):
        if token.text in (r"\hat", r"\bar"):
            yield [*tokens[:n], tokens[n + 2], *tokens[n + 4 :]]


def other_number(tokens: Tokens) -> Iterator[Tokens]:
    scripts = _in_scripts(tokens)
    for n, token in enumerate(tokens):
        if token.text.isdigit() and n not in scripts and tokens[n - 1].text not in ("(", "[") and token.text != "0":
            yield _with(tokens, n, str(int(token.text) + 1))


def lost_brackets(tokens: Tokens) -> Iterator[Tokens]:
    """Brackets around a sum, where they are not those of a function."""
    for n, token in enumerate(tokens):
        if token.text != "(" or n in _in_scripts(tokens):
            continue
        depth, end = 0, n
        for end in range(n, len(tokens)):
            depth += {"(": 1, ")": -1}.get(tokens[end].text, 0)
            if not depth:
                break
        outer = [t.text for m, t in enumerate(tokens[n + 1 : end]) if _depth(tokens[n + 1 : n + 1 + m]) == 0]
        around = end + 1 < len(tokens) and tokens[end + 1].text not in ("}", "+", "-", "&", ")", "]", r"\end")
        before = n and tokens[n - 1].gap is not None and tokens[n].gap and tokens[n - 1].text not in ("+", "-")
        if {"+", "-"} & set(outer[1:]) and (around or before):
            yield [*tokens[:n], *tokens[n + 1 : end], *tokens[end + 1 :]]


def _depth(tokens: Sequence[lr.Token]) -> int:
    return sum({"(": 1, "{": 1, ")": -1, "}": -1}.get(t.text, 0) for t in tokens)


RULES = (
    *(lost_prime, lost_transpose, swapped_indices, other_index, other_number_as_index, other_sign, lost_sum),
    *(other_limits, product_for_entrywise, other_layer, inverted_fraction, lost_fraction, lost_count, lost_power),
    *(lost_hat, other_number, lost_brackets),
)


def mutants(equation: Equation, rule: Callable[[Tokens], Iterator[Tokens]]) -> Iterator[Equation]:
    """The equation with one mistake, at every place where the rule can make one that is no other way to say it."""
    trees = tuple(t for side in equation.sides for t in lr.read_list(side))
    delta = any(isinstance(n, lr.Kronecker) for n in lr.nodes(trees))
    if delta and rule is other_index:
        return  # where two indices are equal or all is zero, one may stand for the other
    if delta and rule is other_limits and r"\partial" in equation.source and r"\bar" in equation.source:
        return  # a sum over nothing but deltas
    if rule is other_layer and _variable(trees):
        return  # two layers may have the same activation
    for n, side in enumerate(equation.sides):
        for changed in rule(list(side)):
            yield replace(equation, sides=(*equation.sides[:n], tuple(changed), *equation.sides[n + 1 :]))


def _bias_units_alike(tree: Any) -> Any:
    """A tree in which the units that are 1 in every layer are the same."""
    if isinstance(tree, Symbol) and tree.letter == r"\bar{x}" and tree.indices == ("0",):
        return lr.Number(1)
    return _rebuilt(tree, _bias_units_alike)


def _alike(equation: Equation, mutant: Equation) -> bool:
    """Whether a mutant differs only in the layer of a unit that is 1 in all of them."""
    try:
        before, after = ([_bias_units_alike(lr.read(side)) for side in e.sides] for e in (equation, mutant))
    except Unreadable:
        return False
    return before == after


class Proof:
    """A document, and whether its checker notices a mistake in one of its equations."""

    def __init__(self, latex: str, network: Network) -> None:
        self.equations = lr.equations(latex)
        self.modes = modes(self.equations)
        self.checker = Checker(self.equations, world(network))

    def survivors(
        self, rule: Callable[[Tokens], Iterator[Tokens]], stride: int, among: Sequence[int] = ()
    ) -> tuple[int, list[str]]:
        """How many mistakes were made (every ``stride``-th that can be), and those that nobody noticed."""
        found = [
            (number, mutant)
            for number, equation in enumerate(self.equations)
            if equation.relations and (not among or number in among)
            for mutant in mutants(equation, rule)
        ][::stride]
        made = [(n, mutant) for n, mutant in found if not _alike(self.equations[n], mutant)]
        return len(made), [mutant.source for n, mutant in made if not self._noticed(n, mutant)]

    def _noticed(self, number: int, mutant: Equation) -> bool:
        """Whether a changed equation is refused; where it is a definition, or another equation because of it."""
        if not self._defines(self.equations[number]):
            return _refused(self.checker, mutant, self.modes[number])
        changed = [*self.equations[:number], mutant, *self.equations[number + 1 :]]
        checker = Checker(changed, self.checker.world)
        order = [number, *range(number), *range(number + 1, len(changed))]
        return any(_refused(checker, changed[n], self.modes[n]) for n in order)

    def _defines(self, equation: Equation) -> bool:
        book = Checker([equation], self.checker.world).book
        return bool(book.functions or book.factors)


def _refused(checker: Checker, equation: Equation, mode: str) -> bool:
    try:
        checker.check(equation, mode)
    except (Unreadable, Differs, Elided):
        return True
    return False


@functools.cache
def proof(name: str, notation: str) -> Proof:
    return Proof(printed(network(name, notation)), network(name, notation))


#: A mistake is made at one place in so many where it can be made; with 1 it is made at all.
STRIDE = int(os.environ.get("DERIVE_MUTANT_STRIDE", "12"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.sampled(7)
def test_a_mistake_in_one_equation_is_noticed(rule: Callable[[Tokens], Iterator[Tokens]]) -> None:
    made, survivors = 0, []
    for name, notation in itertools.product(("deep", "softmax", "probabilities"), NOTATIONS):
        count, unnoticed = proof(name, notation).survivors(rule, STRIDE)
        made, survivors = made + count, [*survivors, *unnoticed]
    assert made > 2
    assert not survivors, "\n".join(survivors)


def lost_root(tokens: Tokens) -> Iterator[Tokens]:
    """A square root without its sign."""
    for at, token in enumerate(tokens):
        if token.text == r"\sqrt":
            yield _without(tokens, at, at + 1)


def other_number_of_the_step(tokens: Tokens) -> Iterator[Tokens]:
    """One number of the step in the place of another."""
    others = {
        r"\beta": r"\gamma",
        r"\kappa": r"\eta",
        r"\varepsilon": r"\kappa",
        r"\lambda": r"\eta",
        r"\eta": r"\lambda",
    }
    for at, token in enumerate(tokens):
        if token.text in others:
            yield _with(tokens, at, others[token.text])


def other_state(tokens: Tokens) -> Iterator[Tokens]:
    """What is kept of the squares in the place of what is kept of the gradients, and the other way round."""
    others = dict(zip("UVGuvg", "VGUvgu", strict=True))
    for at, token in enumerate(tokens[:-1]):
        if token.text in others and tokens[at + 1].text == "_":
            yield _with(tokens, at, others[token.text])


@pytest.mark.parametrize("name", ["nesterov", "adam", "adamw"])
@pytest.mark.sampled(3)
def test_a_mistake_in_a_step_is_noticed(name: str) -> None:
    of, notation, learning = LEARNING[name]
    chosen = network(of, notation, **learning)
    proof = Proof(printed(chosen), chosen)
    step = [n for n, e in enumerate(proof.equations) if "loop" in e.section]
    assert len(step) > 20
    made, survivors = 0, []
    for rule in (*RULES, lost_root, other_number_of_the_step, other_state):
        count, unnoticed = proof.survivors(rule, 1, step)
        made, survivors = made + count, [*survivors, *unnoticed]
    assert made > 60
    assert not survivors, "\n".join(survivors)


# ---------------------------------------------------------------- mutants of the printer


Patch = Callable[[pytest.MonkeyPatch], None]


def _kind(kind: str, change: Callable[..., str]) -> Patch:
    """A printer that writes boxes of one kind otherwise."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        before = latex_printer._KINDS[kind]
        changed = lambda write, *parts: change(functools.partial(before, write), *parts)  # noqa: E731
        monkeypatch.setitem(latex_printer._KINDS, kind, changed)

    return patch


def _sign(name: str, text: str) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        assert BESIDE[name].tex != text
        monkeypatch.setitem(BESIDE, name, replace(BESIDE[name], tex=text))

    return patch


def _method(name: str, change: Callable[..., Any]) -> Patch:
    """A page whose method ``name`` is ``change``, which is given the method as it was."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        before = getattr(Page, name)
        monkeypatch.setattr(Page, name, lambda *a, **k: change(before, *a, **k))

    return patch


def _plain(box: Any) -> str:
    return "" if box is None else latex_printer.latex(box)


def _no_transpose(before: Any, base: Any, below: Any, above: Any, left: Any) -> str:
    lost = _plain(above) in ("T", r"\mathsf{T}")
    return str(before(base, below, None if lost else above, left))


def _no_transpose_behind_a_layer(before: Any, page: Any, node: Any, mark: Any) -> Any:
    return before(page, node, None)


def _turned_indices(before: Any, base: Any, below: Any, above: Any, left: Any) -> str:
    if below is not None and below.kind == "row" and len(below.parts) == 3:
        below = replace(below, parts=(below.parts[0], *below.parts[:0:-1]))
    elif left is not None and below is not None and above is not None:
        below, above = above, below
    return str(before(base, below, above, left))


def _next_layer(before: Any, page: Any, tensor: Any) -> Any:
    sign = before(page, tensor)
    return replace(sign, number=str(int(sign.number) + 1)) if tensor.role == "weight" and sign.number else sign


def _without_m(before: Any, top: Any, bottom: Any) -> str:
    return _plain(top) if _plain(bottom) == "m" else str(before(top, bottom))


def _as_product(before: Any, sign: Any, *parts: Any) -> str:
    return str(before(BETWEEN["thin"] if sign.breaks else sign, *parts))


def _turned_shape(before: Any, inner: Any, note: Any) -> str:
    return str(before(inner, replace(note, parts=(note.parts[0], *note.parts[:0:-1]))))


def _longer(before: Any, index: Any, start: Any, stop: Any) -> str:
    return str(before(index, replace(start, parts=("2",)), stop))


def _other_letter(before: Any, page: Any, *parts: Any) -> Any:
    """The letters of one sample where those of a batch should stand."""
    return before(replace(page, batch=False), *parts)


PRINTERS: Mapping[str, Patch] = {
    "primes lost": _kind("primed", lambda before, base, order: _plain(base)),
    "transposes lost": _kind("script", _no_transpose),
    "marks behind layers lost": _method("_marked", _no_transpose_behind_a_layer),
    "indices swapped": _kind("script", _turned_indices),
    "layers of weights one too high": _method("sign", _next_layer),
    "minus before a term lost": _sign("minus", ""),
    "minus between terms a plus": _sign("binary minus", " + "),
    "plus between terms a minus": _sign("binary plus", " - "),
    "sums lost": _kind("total", lambda before, index, start, stop: ""),
    "sums from 2": _kind("total", _longer),
    "entry-wise products as products": _kind("row", _as_product),
    "fractions inverted": _kind("fraction", lambda before, top, bottom: before(bottom, top)),
    "derivatives inverted": _kind("partial", lambda before, of, wrt: before(wrt, of)),
    "1/m lost": _kind("fraction", _without_m),
    "brackets lost": _kind("group", lambda before, inner: _plain(inner)),
    "cases in the wrong order": _kind("cases", lambda before, *rows: before(*rows[::-1])),
    "blocks in the wrong order": _kind("matrix", lambda before, *rows: before(*rows[::-1])),
    "shapes turned": _kind("under", _turned_shape),
    "letters of one sample for a batch": _method("scripts", _other_letter),
}


#: The parts of a document that hold its equations.
MATHEMATICS = ("forward", "chain", "pattern", "values", "matrices", "loop")


@functools.cache
def small(network: Network) -> str:
    return derive(network).latex(only=MATHEMATICS)


@pytest.mark.parametrize("mutant", PRINTERS)
@pytest.mark.sampled(14)
def test_a_mistake_in_the_printer_is_noticed(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = [Network((2, 3, 2), ("relu", "sigmoid"), "half_mse", "augmented", n) for n in NOTATIONS]
    right = [derive(n).latex(detail="exhaustive", only=MATHEMATICS) for n in chosen]
    PRINTERS[mutant](monkeypatch)
    wrong = [derive(n).latex(detail="exhaustive", only=MATHEMATICS) for n in chosen]
    changed = [(n, w) for n, r, w in zip(chosen, right, wrong, strict=True) if r != w]
    assert changed
    for each, latex in changed:
        assert _is_refused(latex, each), f"{mutant} is not noticed in {each}"


def _is_refused(latex: str, network: Network) -> bool:
    """Whether some equation of a document is refused; it ends at the first."""
    try:
        found = lr.equations(latex)
    except Unreadable:
        return True
    checker = Checker(found, world(network))
    return any(_refused(checker, e, mode) for e, mode in zip(found, modes(found), strict=True))
