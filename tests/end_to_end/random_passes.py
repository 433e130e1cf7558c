"""Random forward passes: each must be refused in one sentence, or be right in all results."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import singledispatch
from typing import Any

import mpmath
import numpy as np
from helpers import load
from hypothesis import strategies as st
from reading import check_page
from sympy import (
    Abs,
    Add,
    And,
    Expr,
    Float,
    Function,
    Indexed,
    Max,
    Min,
    Mul,
    Or,
    Piecewise,
    Pow,
    Rational,
    Sum,
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
    pi,
    sign,
    sin,
    sinh,
    sqrt,
    tanh,
)

from derive.api import Derivation, derive
from derive.calculus.forward import ForwardPass
from derive.calculus.functions import Elementwise, X, elementwise
from derive.calculus.index import SAMPLE_AXIS, SAMPLES, Axis, Equation, Index, IndexSupply, Tensor, total
from derive.calculus.promises import SumsToOne
from derive.catalogue.activations import activation
from derive.text.errors import StatementError

S = SAMPLE_AXIS
Array = np.ndarray[Any, Any]

#: Names that Python, NumPy, the module, the notation or SymPy have uses for, and plain ones.
NAMES = (
    *(
        "x",
        "y",
        "z",
        "h",
        "X",
        "Y",
        "T",
        "W",
        "w",
        "U",
        "V",
        "b",
        "B",
        "c",
        "g",
        "q",
        "E",
        "L",
        "i",
        "j",
        "k",
        "u",
        "p",
    ),
    *("lambda", "class", "np", "math", "state", "dtype", "parameters", "values", "slopes", "before", "self", "errors"),
    *(
        "tanh",
        "sigmoid",
        "softmax",
        "log_softmax",
        "exp",
        "log",
        "add",
        "sum",
        "array",
        "Array",
        "Parameters",
        "Trainer",
    ),
    *(
        "é",
        "Ψ",
        "θ",
        "Psi",
        "delta",
        "eta",
        "mu",
        "sigma_2",
        "alpha",
        "pi",
        "e",
        "d",
        "f",
        "n",
        "K",
        "I",
        "S",
        "N",
        "O",
        "Q",
    ),
    *(
        "a1",
        "z1",
        "W1",
        "b1",
        "x0",
        "W_1",
        "_x",
        "t1",
        "c1",
        "X_all",
        "Y_hat",
        "step",
        "rate",
        "mean",
        "penalty",
        "norm",
    ),
    *("forward", "error", "gradients", "update", "learning_rate_", "m1", "R", "dE", "dW", "y_hat", "samples", "count"),
    *("input", "print", "None_", "sqrt", "softplus_prime", "take", "load", "store", "limit", "one", "two", "rows"),
)

#: Activations that may stand anywhere; exponential grows too fast to be put into itself.
FUNCTIONS = (
    *("tanh", "sigmoid", "softplus", "relu", "leaky_relu(slope=0.00001)", "elu(alpha=1.4)", "gelu", "silu", "softsign"),
    *("hard_tanh", "selu", "mish", "identity", "relu6", "gelu_tanh"),
)
_SLOPE = Symbol("slope", real=True)
_PRELU = elementwise("prelu", Piecewise((X, X > 0), (_SLOPE * X, True)), others=(_SLOPE,))
CONSTANTS = (
    Fraction(1, 10**8),
    Fraction(1, 10**5),
    Fraction(1, 3),
    Fraction(1, 10),
    Fraction(7),
    Fraction(30_000),
    Fraction(-3, 2),
)


@dataclass
class Maker:
    """A pass being stated: what is there to read, and how names are chosen."""

    draw: st.DrawFn
    names: list[str] = field(default_factory=list)
    equations: list[Equation] = field(default_factory=list)
    parameters: list[Tensor] = field(default_factory=list)
    constants: dict[str, Fraction] = field(default_factory=dict)
    ready: list[Tensor] = field(default_factory=list)
    counter: int = 0

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def name(self) -> str:
        self.counter += 1
        return self.names[self.counter - 1]

    def index(self, axis: Axis) -> Index:
        """An index with a name of the user's; different ones in one equation."""
        self.counter += 1
        letter = self.pick("i", "j", "k", "i0000", "u", "v")
        return Index(f"{letter}{self.counter % 7}", axis)

    def indices(self, axes: tuple[Axis, ...]) -> tuple[Index, ...]:
        found: list[Index] = []
        for axis in axes:
            index = self.index(axis)
            while index.name in {f.name for f in found}:
                index = self.index(axis)
            found.append(index)
        return tuple(found)

    def bound(self, axis: Axis, *free: Expr) -> Index:
        index = self.index(axis)
        while index in free or index.name in {str(f) for f in free}:
            index = self.index(axis)
        return index

    def learned(self, *axes: Axis) -> Tensor:
        """A new parameter, or one of the same axes that is there already."""
        fits = [p for p in self.parameters if p.axes == axes]
        if fits and self.draw(st.booleans()):
            return self.pick(*fits)
        role = "weight" if len(axes) > 1 else "bias"
        self.parameters.append(Tensor(self.name(), role, axes))
        return self.parameters[-1]

    def number(self) -> Expr:
        """A constant: written as a number, or by a name."""
        value = self.pick(*CONSTANTS)
        if self.draw(st.booleans()):
            return self.pick(Rational(value), float(value))
        name = self.name()
        self.constants[name] = value
        return Symbol(name, real=True)

    def define(self, axes: tuple[Axis, ...], formula: Callable[..., Expr], role: str = "") -> Tensor:
        name = self.name()
        target = Tensor(name, role or "tensor", axes)
        indices = self.indices(axes)
        self.equations.append(Equation(target, indices, formula(*indices)))
        self.ready.append(target)
        return target

    def function(self) -> Any:
        entry = activation(self.pick(*FUNCTIONS))
        return elementwise(entry.name, entry.formula, label=entry.text or entry.name)


def dense(m: Maker, a: Tensor, units: Axis, role: str = "") -> Tensor:
    w = m.learned(units, a.axes[0])
    b = m.learned(units) if m.draw(st.booleans()) else None

    def formula(i: Expr, u: Expr) -> Expr:
        j = m.bound(a.axes[0], i, u)
        return total(w[i, j] * a[j, u], j) + (0 if b is None else b[i,])

    return m.define((units, S), formula, role)


def _entrywise(m: Maker, a: Tensor) -> Tensor:
    f = m.function()
    return m.define(a.axes, lambda *i: f(a[i]))


def _scaled(m: Maker, a: Tensor) -> Tensor:
    number, t = m.number(), m.learned()
    made = m.pick(
        lambda *i: number * a[i],
        lambda *i: t[()] * a[i] + number,
        lambda *i: tanh(t[()] * a[i]) - number * a[i],
        lambda *i: a[i] / (1 + t[()] ** 2),
        lambda *i: a[i] / sqrt(a[i] ** 2 + Rational(1, 100)),
    )
    return m.define(a.axes, made)


def _joined(m: Maker, a: Tensor) -> Tensor:
    mates = [t for t in m.ready if t.axes == a.axes]
    b = m.pick(*mates)
    made = m.pick(
        lambda *i: a[i] + b[i],
        lambda *i: a[i] - b[i] / 2,
        lambda *i: a[i] * b[i],
        lambda *i: a[i] / (1 + b[i] ** 2),
        lambda *i: (a[i] - b[i]) ** 2 + tanh(a[i]),
    )
    return m.define(a.axes, made)


def _chosen(m: Maker, a: Tensor) -> Tensor:
    """Cases, maxima, absolute values and other functions of the entries of one array or of two."""
    b = m.pick(*(t for t in m.ready if t.axes == a.axes))
    number, t = m.number(), m.learned()
    small = tanh(m.pick(1, t[()]))
    made = m.pick(
        lambda *i: Piecewise((a[i], a[i] > 0), (t[()] * a[i], True)),
        lambda *i: Piecewise((a[i] * b[i], b[i] >= a[i]), (tanh(number * a[i]), a[i] < Rational(1, 7)), (b[i], True)),
        lambda *i: Piecewise((a[i], Or(And(a[i] > 0, b[i] > t[()]), a[i] < -1)), (sin(b[i]), True)),
        lambda *i: Max(a[i], b[i] / 3 + t[()]),
        lambda *i: Min(a[i] + Rational(1, 9), t[()] * b[i], 2),
        lambda *i: Max(a[i], 0) + Abs(a[i] - t[()]),
        lambda *i: tanh(a[i]) * sign(b[i] - t[()]),
        lambda *i: m.pick(sin, cos, erf, erfc, atan, asinh)(a[i] + small),
        lambda *i: m.pick(asin, acos, atanh)(tanh(a[i] + small) * Rational(9, 10)),
        lambda *i: m.pick(sinh, cosh)(tanh(a[i])) + acosh(1 + number**2 + a[i] ** 2),
        lambda *i: _PRELU(a[i], t[()]),
    )
    return m.define(a.axes, made)


def _spread(m: Maker, a: Tensor) -> Tensor:
    """An array of both axes with one of a single axis."""
    lines = [t for t in (*m.ready, *m.parameters) if len(t.axes) == 1 and t.axes[0] in a.axes and len(a.axes) == 2]
    line = m.pick(*lines) if lines else m.learned(a.axes[0])
    side = a.axes.index(line.axes[0])
    made = m.pick(
        lambda *i: a[i] * line[i[side],],
        lambda *i: a[i] - line[i[side],],
        lambda *i: tanh(a[i] + line[i[side],]),
        lambda *i: a[i] / (1 + line[i[side],] ** 2),
    )
    return m.define(a.axes, made)


def _summed(m: Maker, a: Tensor) -> Tensor:
    """A sum or a mean over one axis of a, of its entries or of something made of them."""
    side = m.pick(*range(len(a.axes)))
    axis = a.axes[side]
    rest = a.axes[:side] + a.axes[side + 1 :]
    scale = 1 / axis.extent if m.draw(st.booleans()) else 1
    inner = m.pick(lambda e: e, lambda e: e**2, tanh, lambda e: exp(tanh(e)))

    def formula(*free: Expr) -> Expr:
        j = m.bound(axis, *free)
        return scale * total(inner(a[(*free[:side], j, *free[side:])]), j)

    return m.define(rest, formula)


def _rows_of_a_weight(m: Maker, a: Tensor) -> Tensor:
    w = m.learned(a.axes[0], m.pick(Axis(2), Axis(3)))

    def formula(*i: Expr) -> Expr:
        j = m.bound(w.axes[1], *i)
        return a[i] * total(w[i[0], j] ** m.pick(1, 2), j)

    return m.define(a.axes, formula)


def _softmax(m: Maker, a: Tensor) -> Tensor:
    side = m.pick(*range(len(a.axes)))
    scale = m.pick(1, 2, Rational(1, 3))
    if m.draw(st.integers(0, 3)) == 0:
        return _softmax_in_steps(m, a, side)

    def formula(*i: Expr) -> Expr:
        j = m.bound(a.axes[side], *i)
        return exp(scale * a[i]) / total(exp(scale * a[(*i[:side], j, *i[side + 1 :])]), j)

    return m.define(a.axes, formula)


def _softmax_in_steps(m: Maker, a: Tensor, side: int) -> Tensor:
    e = m.define(a.axes, lambda *i: exp(a[i]))
    rest = a.axes[:side] + a.axes[side + 1 :]

    def summed(*free: Expr) -> Expr:
        j = m.bound(a.axes[side], *free)
        return total(e[(*free[:side], j, *free[side:])], j)

    t = m.define(rest, summed)
    return m.define(a.axes, lambda *i: e[i] / t[(*i[:side], *i[side + 1 :])])


def _normalised(m: Maker, a: Tensor) -> Tensor:
    side = m.pick(*range(len(a.axes)))
    axis, eps = a.axes[side], m.pick(Rational(1, 10**5), 1e-5, Rational(1, 1000))

    def mean(entry: Callable[..., Expr], *i: Expr) -> Expr:
        j = m.bound(axis, *i)
        return total(entry(*i[:side], j, *i[side + 1 :]), j) / axis.extent

    mu = m.define(
        a.axes[:side] + a.axes[side + 1 :],
        lambda *r: total(a[(*r[:side], (j := m.bound(axis, *r)), *r[side:])], j) / axis.extent,
    )
    c = m.define(a.axes, lambda *i: a[i] - mu[(*i[:side], *i[side + 1 :])])
    return m.define(a.axes, lambda *i: c[i] / sqrt(mean(lambda *k: c[k] ** 2, *i) + eps))


KINDS = (_entrywise, _entrywise, _chosen, _scaled, _joined, _spread, _summed, _rows_of_a_weight, _softmax, _normalised)


@dataclass(frozen=True)
class Case:
    """A pass, the tensor that it predicts, and sizes and values to try it with."""

    forward: ForwardPass
    prediction: str | None
    sizes: dict[str, int]


@st.composite
def cases(draw: st.DrawFn, hostile: bool = True) -> Case:
    """A random pass of about 2 to 8 equations, with names that may have other uses if ``hostile``."""
    m = Maker(draw, draw(st.permutations(NAMES)) if hostile else [f"q{n}q" for n in range(len(NAMES))])
    named = Symbol("wide", integer=True, positive=True)
    inputs, hidden, outputs = (Axis(m.pick(1, 2, 3)) for _ in range(3))
    if draw(st.integers(0, 5)) == 0:
        hidden = Axis(named)
    x, y = Tensor(m.name(), "input", (inputs, S)), Tensor(m.name(), "target", (outputs, S))
    m.ready.append(x)
    dense(m, x, hidden)
    for _ in range(draw(st.integers(0, 5))):
        last = m.ready[-1] if draw(st.booleans()) else m.pick(*m.ready)
        if len(last.axes) == 2 and draw(st.integers(0, 3)) == 0:
            dense(m, last, m.pick(hidden, outputs))
        else:
            kinds = KINDS if len(last.axes) == 2 else (_entrywise, _chosen, _scaled, _joined)
            m.pick(*kinds)(m, last)
    return _finished(m, x, y)


def _finished(m: Maker, x: Tensor, y: Tensor) -> Case:
    """Everything that was not read goes into the output or the error; then one error of several kinds."""
    outputs = y.axes[0]
    read = {str(a.base.label) for e in m.equations for a in e.expression.atoms(Indexed)}
    read |= {s.name for e in m.equations for s in e.expression.atoms(Symbol) if not isinstance(s, Index)}
    unread = [t for t in m.ready if t.name not in read and t != x]
    wide = [t for t in unread if len(t.axes) == 2] or [next(t for t in reversed(m.ready) if len(t.axes) == 2)]
    heads = [dense(m, t, outputs) for t in wide]
    out = heads[0] if len(heads) == 1 else m.define(y.axes, lambda *i: sum((h[i] for h in heads), start=0))
    rest = [t for t in unread if t not in wide]
    kind = m.pick("squares", "squares", "binary", "classes", "heads", "scaled")
    promises: tuple[SumsToOne, ...] = ()
    sums: list[Expr] = []
    if kind == "binary":
        out = m.define(y.axes, lambda *i: _named("sigmoid")(out_[i]), "prediction") if (out_ := out) else out
        term = lambda t, o: -t * log(o) - (1 - t) * log(1 - o)  # noqa: E731
    elif kind == "classes":
        before = out

        def shares(k: Expr, u: Expr) -> Expr:
            j = m.bound(outputs, k, u)
            return exp(before[k, u]) / total(exp(before[j, u]), j)

        out = m.define(y.axes, shares, "prediction")
        promises = (SumsToOne(y),)
        term = lambda t, o: -t * log(o)  # noqa: E731
    elif kind == "heads":
        mean = m.define(y.axes, lambda *i, o=out: o[i], "prediction")
        spread = m.define(y.axes, lambda *i, o=out: _named("softplus")(o[i]))
        out = mean
        k, u = m.indices(y.axes)
        sums.append(total(log(spread[k, u]) + (y[k, u] - mean[k, u]) ** 2 / (1 + spread[k, u] ** 2), k, u) / SAMPLES)
        term = None
    elif kind == "scaled":
        out = m.define(y.axes, lambda *i, o=out: o[i], "prediction")
        t = m.learned()
        term = lambda a, o: (a - t[()] * o) ** 2 + t[()] ** 2  # noqa: E731
    else:
        out = m.define(y.axes, lambda *i, o=out: o[i], "prediction") if m.draw(st.booleans()) else out
        term = lambda a, o: (a - o) ** 2  # noqa: E731
    if term is not None:
        k, u = m.indices(y.axes)
        sums.append(total(term(y[k, u], out[k, u]), k, u) / SAMPLES)
    for t in rest:
        i = m.indices(t.axes)
        sums.append(total(t[i] ** 2, *i) / 5 if i else t[()] ** 2 / 5)
    if m.draw(st.integers(0, 3)) == 0:
        w = m.pick(*m.parameters)
        i = m.indices(w.axes)
        sums.append(Rational(3, 200) * (total(w[i] ** 2, *i) if i else w[()] ** 2))
    error = Tensor(m.name(), "error")
    m.equations.append(Equation(error, (), sum(sums, start=0)))
    used = {str(a.base.label) for e in m.equations for a in e.expression.atoms(Indexed)}
    used |= {s.name for e in m.equations for s in e.expression.atoms(Symbol)}
    learned = tuple(p for p in m.parameters if p.name in used)
    given = m.pick((x, y), (x, y), (x, y), (y, x))
    if m.draw(st.integers(0, 99)) == 73:
        given = m.pick((x,), (y,), (x, y, Tensor(m.name(), "input", (x.axes[0], S))), (x, y, y))
    forward = ForwardPass(tuple(m.equations), given, learned, IndexSupply(), promises, m.constants)
    named = any(t.role == "prediction" for t in forward.tensors.values())
    return Case(forward, out.name if named else None, {"m": 3, "wide": 3})


def _named(name: str) -> Any:
    return elementwise(name, activation(name).formula)


# An interpreter of the statement as it is given, to many digits: it knows no stage of the derivation.

MP = mpmath.mp.clone()
MP.dps = 400  # of 1 - sigmoid(z) something is left as far out as a float shows it
At = dict[Any, Any]
Known = dict[str, Any]


@singledispatch
def entry(expression: Any, at: At, values: Known) -> Any:
    """The value of an expression at a place; ``values`` are arrays by name, numbers without axes."""
    raise NotImplementedError(type(expression).__name__)


@entry.register(Rational)
@entry.register(int)
def _(expression: Any, at: At, values: Known) -> Any:
    return MP.mpf(int(Rational(expression).p)) / int(Rational(expression).q)


@entry.register(float)
@entry.register(Float)
def _(expression: Any, at: At, values: Known) -> Any:
    return entry(Rational(str(expression)), at, values)


@entry.register(type(pi))
def _(expression: Expr, at: At, values: Known) -> Any:
    return MP.pi


@entry.register
def _(expression: Symbol, at: At, values: Known) -> Any:
    return at[expression] if expression in at else values[expression.name]


@entry.register
def _(expression: Indexed, at: At, values: Known) -> Any:
    return values[str(expression.base.label)][tuple(at[i] - i.axis.start for i in expression.indices)]


@entry.register
def _(expression: Add, at: At, values: Known) -> Any:
    return sum(entry(a, at, values) for a in expression.args)


@entry.register
def _(expression: Mul, at: At, values: Known) -> Any:
    return MP.fprod(entry(a, at, values) for a in expression.args)


@entry.register
def _(expression: Pow, at: At, values: Known) -> Any:
    return entry(expression.base, at, values) ** entry(expression.exp, at, values)


@entry.register(Max)
@entry.register(Min)
def _(expression: Expr, at: At, values: Known) -> Any:
    return (max if isinstance(expression, Max) else min)(entry(a, at, values) for a in expression.args)


@entry.register(Function)
def _(expression: Expr, at: At, values: Known) -> Any:
    return getattr(MP, type(expression).__name__)(entry(expression.args[0], at, values))


@entry.register
def _(expression: Abs, at: At, values: Known) -> Any:
    return abs(entry(expression.args[0], at, values))


@entry.register
def _(expression: Piecewise, at: At, values: Known) -> Any:
    for value, condition in expression.args:
        if _holds(condition, at, values):
            return entry(value, at, values)
    raise AssertionError(expression)


def _holds(condition: Any, at: At, values: Known) -> bool:
    if isinstance(condition, And | Or):
        return (all if isinstance(condition, And) else any)(_holds(part, at, values) for part in condition.args)
    return bool(condition == True or condition.func(*(Rational(str(entry(a, at, values))) for a in condition.args)))  # noqa: E712


@entry.register
def _(expression: Elementwise, at: At, values: Known) -> Any:
    arguments = dict(zip((X, *expression.others), (entry(a, at, values) for a in expression.args), strict=True))
    return entry(expression.definition, arguments, values)


@entry.register
def _(expression: Sum, at: At, values: Known) -> Any:
    (index, first, _), *more = expression.limits
    inner = expression.function if not more else Sum(expression.function, *more)
    return sum(
        entry(inner, {**at, index: int(first) + n}, values) for n in range(values[f"extent of {index.axis.extent}"])
    )


def as_stated(forward: ForwardPass, values: dict[str, Any], sizes: dict[str, int]) -> dict[str, Any]:
    """Every tensor of a pass, computed entry by entry from its equations as they were given."""
    digits = np.frompyfunc(MP.mpf, 1, 1)
    known: dict[str, Any] = {
        name: digits(value) if value.ndim else MP.mpf(float(value)) for name, value in values.items()
    }
    known |= {**{n: entry(Rational(c), {}, {}) for n, c in forward.constants.items()}, **sizes}
    extents = {a.extent for t in forward.tensors.values() for a in t.axes}
    known |= {f"extent of {e}": int(e.xreplace({s: sizes[s.name] for s in e.free_symbols})) for e in extents}
    for equation in forward.equations:
        shape = [known[f"extent of {i.axis.extent}"] for i in equation.indices]
        out = np.empty(shape, object)
        for place in np.ndindex(*shape):
            at = {i: p + i.axis.start for i, p in zip(equation.indices, place, strict=True)}
            out[place] = entry(equation.expression, at, known)
        known[equation.target.name] = out if shape else out[()]
    return known


# What must hold.


def verdict(case: Case, seed: int = 0, read: bool = True) -> str:
    """``refused`` or ``right``; raises AssertionError, or whatever went wrong.

    The printed page is read back if ``read``.
    """
    try:
        derivation = derive(case.forward)
        derivation.numpy()
    except StatementError as refusal:
        said = str(refusal)
        assert "\n" not in said and len(said) < 300, said
        return f"refused: {said}"
    right(case, derivation, seed)
    if read:
        check_page(derivation, seed)
    return "right"


def drawn(forward: ForwardPass, sizes: dict[str, int], seed: int, scale: float) -> dict[str, Array]:
    """Values for what is given and learned, one axis for each axis; targets are shares of each sample."""
    generator = np.random.default_rng(seed)
    values: dict[str, Array] = {}
    for t in forward.inputs + forward.parameters:
        shape = [int(a.extent.xreplace({s: sizes[s.name] for s in a.extent.free_symbols})) for a in t.axes]
        values[t.name] = generator.normal(size=shape) * (1 if t.role == "input" else scale)
        if t.role == "target":
            values[t.name] = np.abs(values[t.name]) + 0.1
            values[t.name] /= values[t.name].sum(axis=0)
    return values


def right(case: Case, derivation: Derivation, seed: int) -> None:
    """Check the module, both its renderings and what is measured of them against the statement as given."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = derivation.check()
        assert report.passed, report.line()
        module: Any = load(derivation.numpy())
        for scale in (0.7, 3.0):
            _agrees(case, module, seed, scale)


def _agrees(case: Case, module: Any, seed: int, scale: float) -> None:
    forward, sizes = case.forward, case.sizes
    values = drawn(forward, sizes, seed, scale)
    x, y = (next(t for t in forward.inputs if t.role == role) for role in ("input", "target"))
    stated = as_stated(forward, values, sizes)
    error = float(stated[forward.error.target.name])
    if not abs(error) <= 1e12:  # also where the statement as given has no value in floats
        return
    if len(forward.inputs) > 2:  # the check of the module has seen more data
        return
    parameters = {p.name: _stored(values[p.name]) for p in forward.parameters}
    X, Y = values[x.name], values[y.name]
    if forward.promises or all(np.all((n >= 0) & (n <= 1)) for n in (Y,)):
        found = module.error(parameters, X, Y)
        assert abs(found - error) <= 1e-9 * max(1.0, abs(error)), ("error", found, error)
        _trained(module, parameters, X, Y)
    if case.prediction is not None:
        close(module.forward(parameters, X), stated[case.prediction], "prediction")
        trainer = module.Trainer(parameters)
        try:
            close(trainer.predict(X.T), stated[case.prediction].T, "predict")
        except (NotImplementedError, RuntimeError, AttributeError) as refusal:
            assert "sample" in str(refusal), refusal


def _trained(module: Any, parameters: dict[str, Array], X: Array, Y: Array) -> None:
    """``fit`` takes the steps of ``update``, and its history holds the errors before them."""
    for size in (1, X.shape[1]):
        plain = {name: value.copy() for name, value in parameters.items()}
        state = () if not hasattr(module, "initial_state") else (module.initial_state(plain),)
        rate, errors = 1e-4, []
        order = [range(n, n + size) for n in range(0, X.shape[1], size)]
        try:
            for chosen in order * 2:
                errors.append(module.update(plain, X[:, list(chosen)], Y[:, list(chosen)], rate, *state))
        except ArithmeticError:
            return
        trainer = module.Trainer(parameters)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of outputs that are all alike, say
            trainer.fit(X.T, Y.T, epochs=2, learning_rate=rate, batch_size=size, shuffle=False, progress=False)
        close(np.array(trainer.history), np.array(errors), "history")
        for name, value in plain.items():
            close(trainer.parameters[name], value, f"fit of {name}")


def _stored(value: Array) -> Array:
    array = np.asarray(value, float)
    return array.reshape(-1, 1) if array.ndim == 1 else array.reshape(1, 1) if array.ndim == 0 else array


def close(found: Array, expected: Array, what: str) -> None:
    """Equal to nine digits of the largest entry."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    assert found.shape == expected.shape, (what, found.shape, expected.shape)
    size = max(1.0, float(np.max(np.abs(expected), initial=0)))
    off = float(np.max(np.abs(found - expected), initial=0))
    assert off <= 1e-9 * size, (what, off, found, expected)
