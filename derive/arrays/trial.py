"""Trials: compare a form in double precision with the exact values of its statement.

A rewritten form is an identity; whether it is more accurate is measured. The data are small
arrays with pre-activations from 0 to 1e4. The code is that of a target, and the reference is the
stated index form, evaluated with mpmath.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from itertools import cycle
from math import prod
from typing import Any, Protocol

import mpmath
import numpy as np
from numpy.typing import NDArray
from sympy import Expr, Function, Indexed, Integer, Mul, Pow, Sum, Symbol, exp

from derive.arrays import matrix as mx
from derive.arrays.lift import formed
from derive.arrays.rewriting import Data, opened
from derive.arrays.stable import StableForm
from derive.calculus.evaluate import Arithmetic, At, Interpreter
from derive.calculus.index import SAMPLES, Equation, Index, Tensor, symbols_read
from derive.calculus.promises import SumsToOne, kept
from derive.calculus.roles import Role
from derive.calculus.shorter import Shorter
from derive.record import record

Array = NDArray[Any]

#: The scales of the pre-activations; near zero, too, a function may round to a target.
SCALES = (2**-60, 1, 30, 400, 800, 10_000)
#: Errors up to this size count as rounding.
FLOOR = 1e-13
SMALLEST, GREATEST = float(np.finfo(float).tiny), float(np.finfo(float).max)
#: The length of an axis in a trial.
LENGTH = 3
#: The minimum number of entries of a target.
MANY = 12
#: The extreme pre-activations of a sample and the targets, tried in all combinations.
_SIZES, _TARGETS = (-1, 1, 0.625), (0.0, 1.0, -1.0, 0.25)
_SHARES = ((1, 0, 0), (0, 1, 0), (0.25, 0.25, 0.5))


class Evaluator(Protocol):
    """Runs a form as a target does: in double precision, on NumPy arrays, with NumPy's warnings.

    Equal evaluators must give equal results, because results are cached.
    """

    def __hash__(self) -> int: ...

    def array(
        self, form: mx.Node, names: Sequence[str], widths: Sequence[Symbol]
    ) -> Callable[[Mapping[str, Array], Mapping[str, int]], Array]:
        """Compile a form to a function of the tensors' arrays by name and the widths by name."""

    def function(self, form: StableForm, others: tuple[Symbol, ...]) -> Callable[..., Any]:
        """Compile an elementwise function of X and ``others``."""


class Remembered:
    """mpmath's functions with a cache of their values."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, Any], Any] = {}
        self.pi = mpmath.pi

    def __getattr__(self, name: str) -> Any:
        function = getattr(mpmath, name)

        def remembered(value: Any) -> Any:
            key = (name, value)
            if key not in self._values:
                self._values[key] = function(value)
            return self._values[key]

        return remembered


def _digits(scale: float) -> int:
    """The precision that leaves sixty digits when exp(-2 * scale) is added to 1; beyond 800 entries may be unknown."""
    return 60 + min(int(scale), 800)


@record
class Sample:
    """The arrays that a statement reads, as stored in the module, and the exact value of each entry."""

    arrays: Mapping[str, Array]
    truth: Array
    sizes: Mapping[str, int]


@record
class Trial:
    """A statement, the equations of the tensors that it reads, and known properties of the data.

    Tensors with an equation in ``sources`` are computed, the others are drawn at random.
    """

    statement: Equation
    sources: tuple[Equation, ...]
    data: Data
    evaluator: Evaluator

    def errors(self, expression: Expr, beside: bool = False) -> tuple[float, ...]:
        """The relative error of each entry of each sample; infinite for NaN or where NumPy would warn.

        With ``beside``, errors are relative to the largest entry of the sample.
        """
        small = self._small
        equation = replace(self.statement, expression=expression)
        form = formed(small.equation(equation), small.tensors)
        widths = sorted((small.widths | small.extents(equation)) - {SAMPLES}, key=str)
        code = self.evaluator.array(form, tuple(small.tensors), widths)
        found: list[float] = []
        for sample in self._samples:
            found += _compared(code, sample, beside)
        return tuple(found)

    @cached_property
    def _small(self) -> _Small:
        read = [self.data.tensors[n] for e in (self.statement, *self.sources) for n in _names(e, self.data)]
        return _Small({t.name: t for t in (*read, *(e.target for e in self.sources))})

    @cached_property
    def _defined(self) -> tuple[Equation, ...]:
        """The sources and the statement over short axes, with the definitions of named functions put in."""
        short = map(self._small.equation, (*self.sources, self.statement))
        return tuple(replace(e, expression=opened(e.expression, in_sums=True)) for e in short)

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        return tuple(self._sample(scale) for scale in SCALES)

    def _sample(self, scale: float) -> Sample:
        """Draw the numbers of one scale and compute the exact values."""
        small = self._small
        named = {s.name for s in small.widths}
        named |= {s.name for e in (self.statement, *self.sources) for s in small.extents(e)}
        sizes = dict.fromkeys(named, LENGTH)
        rows = [i.axis for i in map(small.index, self.statement.indices) if not i.axis.sample]
        if SAMPLES.name in sizes and len(rows) < 2:
            units = prod(int(a.extent) if a.extent.is_Integer else LENGTH for a in rows)
            sizes[SAMPLES.name] = max(LENGTH, MANY // units)
        computed = {e.target.name for e in self.sources}
        steep = _arguments((*self.sources, self.statement))
        weights = _weights((self.statement, *self.sources))
        choose = np.random.default_rng(SCALES.index(scale))
        values = {
            t.name: _drawn(t, sizes, choose, scale if t.name in steep else 1, self.data)
            for t in small.tensors.values()
            if t.name not in computed
        }
        values |= {name: np.abs(values[name]) for name in (weights | self.data.nonnegative) & set(values)}
        values |= {name: np.abs(values[name]) + scale / 8 for name in self.data.positive & set(values)}
        values |= {name: np.asarray(number) for name, number in self.data.numbers.items() if name in values}
        with mpmath.workdps(_digits(scale)):
            machine = _Careful(
                {n: _exact(v) for n, v in values.items()}, sizes, small.tensors, Arithmetic(Remembered(), mpmath.mpf)
            )
            *sources, stated = self._defined
            machine.run(sources)
            truth = machine.tensor(stated)
            arrays = {n: _stored(small.tensors[n], _rounded(v)) for n, v in machine.values.items()}
        return Sample(arrays, _stored(small.tensor(self.statement.target), truth), sizes)


def _names(equation: Equation, data: Data) -> list[str]:
    return [n for n in symbols_read(equation.expression) if n in data.tensors]


def _arguments(equations: Sequence[Equation]) -> set[str]:
    """The names of the tensors in arguments of functions, and of those they are computed from: these may be large."""
    calls = (f for e in equations for f in e.expression.atoms(Function))
    found = {a.base.label.name for f in calls for a in f.atoms(Indexed)}
    for equation in reversed(equations):
        if equation.target.name in found:
            found |= {a.base.label.name for a in equation.expression.atoms(Indexed)}
    return found


def _weights(equations: Iterable[Equation]) -> set[str]:
    """The names of what multiplies the exponentials of a denominator; with mixed signs they would cancel there."""
    bases = (
        p.base for e in equations for p in e.expression.atoms(Pow) if p.exp.is_negative and isinstance(p.base, Sum)
    )
    products = (Mul.make_args(base.function) for base in bases if base.has(exp))
    return {f.base.label.name for factors in products for f in factors if isinstance(f, Indexed)}


class _Careful(Interpreter):
    """An interpreter that gives None for an entry that is undefined or needs more digits."""

    def value(self, expression: Expr, at: At) -> Array:
        """Evaluate an expression, once for the same indices: quotients and their derivatives repeat their sums."""
        if isinstance(expression, Indexed) or not expression.args:
            return super().value(expression, at)
        known = self._found.setdefault(id(at), (at, {}))[1]  # which keeps the indices, and so their number
        if expression not in known:
            if isinstance(expression, Pow) and not expression.exp.is_Integer:
                self._refuse_negative(self.value(expression.base, at))
            known[expression] = super().value(expression, at)
        return known[expression]

    def _refuse_negative(self, base: Array) -> None:
        """Raise ValueError for a power of a negative number: complex ones take long."""
        if any(number < 0 for number in base.flat):
            raise ValueError("a power of a negative number")

    @cached_property
    def _found(self) -> dict[int, tuple[At, dict[Expr, Array]]]:
        """The values of expressions so far, for the indices of one tensor."""
        return {}

    def tensor(self, equation: Equation) -> Array:
        """Compute all entries of an equation's target: at once if all are defined, else one by one."""
        self._found.clear()
        refused = (ZeroDivisionError, ValueError, TypeError, OverflowError, AttributeError)
        try:
            return _known(super().tensor(equation))
        except refused:
            ranges = [self.places(i) for i in equation.indices]
            out = np.empty([len(r) for r in ranges], dtype=object)
        for position in np.ndindex(out.shape):
            chosen = {i: r[p] for i, r, p in zip(equation.indices, ranges, position, strict=True)}
            with suppress(*refused):
                out[position] = self.number(equation.expression, chosen)
        return _known(out)


def _known(values: Array) -> Array:
    """Replace values that are not finite numbers by None."""
    return np.asarray(
        np.frompyfunc(lambda v: v if isinstance(v, mpmath.mpf) and mpmath.isfinite(v) else None, 1, 1)(values), object
    )


class _Small(Shorter):
    """The same tensors and expressions over short axes."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        axes = {a for t in tensors.values() for a in (*t.axes, *([] if t.places is None else [t.places]))}
        long = [a for a in axes if a.extent.is_Integer and a.extent > LENGTH + 1]
        plain = all(a.start == 1 for a in axes)
        super().__init__({a: replace(a, extent=Integer(LENGTH)) for a in long} if plain else {}, tensors)

    @property
    def widths(self) -> set[Symbol]:
        """The symbols in the extents of the tensors."""
        return {s for t in self.tensors.values() for a in t.axes for s in a.extent.free_symbols}

    def extents(self, equation: Equation) -> set[Symbol]:
        """The widths that an equation reads as numbers or that its indices run over."""
        symbols = equation.expression.atoms(Symbol)
        axes = {s.axis for s in (*symbols, *equation.indices) if isinstance(s, Index)}
        read = {s for s in symbols if s.is_integer and not isinstance(s, Index)}
        return read.union(*(a.extent.free_symbols for a in axes))


def _drawn(tensor: Tensor, sizes: Mapping[str, int], choose: np.random.Generator, scale: float, data: Data) -> Array:
    """Draw entries in eighths, so that their differences are exact; targets take admissible values."""
    shape = [int(a.extent.xreplace({s: Integer(sizes[s.name]) for s in a.extent.free_symbols})) for a in tensor.axes]
    if tensor.places is not None:
        last = tensor.places.stop.xreplace({s: Integer(sizes[s.name]) for s in tensor.places.stop.free_symbols})
        return choose.integers(tensor.places.start, int(last) + 1, size=shape).astype(float)
    own = [p for p in data.promises if p.tensor.name == tensor.name]
    promised = next((p.axis for p in own if isinstance(p, SumsToOne)), None)
    if own and (promised is None or tensor.role != Role.TARGET):
        return np.asarray(kept(own, choose.choice(range(1, 8), size=shape) / 8))
    if tensor.role != Role.TARGET or not shape or (tensor.about is not None and tensor.about.error):
        if len(shape) == 2 and shape[0] == 1:
            return np.resize(_SIZES, shape) * scale
        drawn = np.asarray(choose.choice([-8, -7, -6, -4, -1, 0, 1, 3, 5], size=shape) / 8)
        drawn[(0,) * len(shape)] = 1  # the largest of its row and column, where a target is 1
        return np.asarray(drawn * scale)
    if promised is None and (data.signs or shape[0] == 1):
        return np.resize((-1.0, 1.0) if data.signs else _TARGETS, shape[::-1]).T
    along = 0 if promised is None else promised
    others = [side for axis, side in enumerate(shape) if axis != along]
    shares = np.zeros((prod(others), shape[along]))
    for row, parts in zip(shares, cycle(_SHARES if promised is not None else (*_SHARES, _TARGETS[1:])), strict=False):
        row[: len(parts)] = parts[: len(row)]
    for row in shares[1:]:
        choose.shuffle(row)
    return np.moveaxis(shares.reshape(*others, shape[along]), -1, along)


def _exact(values: Array) -> Array:
    return np.asarray(np.vectorize(lambda v: mpmath.mpf(float(v)), otypes=[object])(values))


def _rounded(values: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(np.vectorize(lambda v: np.nan if v is None else float(v), otypes=[float])(values))


def _stored(tensor: Tensor, values: Array) -> Array:
    """Convert entries to the module's storage; the numbers of places are integers there."""
    if tensor.is_number:  # a number of Python in the module
        return values.reshape(())
    if tensor.places is not None:
        values = values.astype(int)
    if len(tensor.axes) > 2:
        order = sorted(range(len(tensor.axes)), key=lambda axis: not tensor.axes[axis].sample)
        return values.transpose(order)
    across = not tensor.axes or tensor.axes[0].sample
    return values if values.ndim == 2 else values.reshape((1, -1) if across else (-1, 1))


def _compared(code: Callable[..., Array], sample: Sample, beside: bool) -> Iterator[float]:
    """Yield the error of each entry, and inf if NumPy would warn although no exact value overflows."""
    truth = sample.truth
    with warnings.catch_warnings(record=True) as said, np.errstate(all="warn", under="ignore"):
        warnings.simplefilter("always")
        computed = np.asarray(code(sample.arrays, sample.sizes))
    # a scalar may be computed as a matrix of one entry
    found = np.broadcast_to(computed if truth.shape else computed.reshape(()), truth.shape)
    largest = max((abs(t) for t in truth.flat if t is not None), default=0)
    for got, true in zip(found.flat, truth.flat, strict=True):
        off = relative(float(got), true, largest)
        yield off if not beside or true is None or not math.isfinite(off) else float(off * abs(true) / (largest or 1))
    yield math.inf if said and largest <= GREATEST else 0.0


def relative(found: float, true: Any, largest: Any = 0) -> float:
    """The relative error; overflow is correct if the exact value overflows, tiny values if it underflows.

    If the exact value is 0, a value that is not tiny is compared with the largest exact value.
    """
    if true is None:
        return 0.0
    if abs(true) > GREATEST:
        return 0.0 if found == math.copysign(math.inf, true) else math.inf
    if not math.isfinite(found):
        return math.inf
    if abs(true) < SMALLEST:
        return 0.0 if abs(found) <= 4 * SMALLEST else float(abs(found) / largest) if largest else math.inf
    return float(abs(found - true) / abs(true))


def no_worse(one: Iterable[float], other: Iterable[float]) -> bool:
    """Whether each error in ``one`` is within rounding or at most twice that in ``other``."""
    return all(a <= FLOOR or a <= 2 * b for a, b in zip(one, other, strict=True))


def is_exact(errors: Iterable[float]) -> bool:
    """Whether all errors are within rounding."""
    return all(e <= FLOOR for e in errors)
