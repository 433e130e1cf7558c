"""Compare every named tensor of a generated module with the interpreter's value.

The gradient checks show that the gradients belong to the error that the module computes.
This comparison shows that the error, and every tensor computed before and after it, agrees
with the equations.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

from derive.calculus.evaluate import FLOATS, JUMPING, Arithmetic, as_floats, followed, interpret
from derive.calculus.index import Tensor
from derive.calculus.program import STAGES, Program
from derive.learning.descent import CLIP, SQUARE_NORM, WEIGHT_LIMIT
from derive.record import record
from derive.targets.named import Point, computed, example, in_axes, offered, predictions, sizes
from derive.targets.numpy.runtime.check import sides_of_kinks
from derive.targets.numpy.runtime.example import draw_example

Array = NDArray[Any]

#: Largest accepted difference from the interpreter, relative to the largest entry of the tensor. Both add
#: the same numbers in a different order, so they differ by a few units in the last place of the largest
#: term, 1e-15; a small entry may be the result of cancellation between larger terms.
TOLERANCE = 1e-11
#: A tensor moves when all parameters move by one unit in the last place. This many times that distance
#: still counts as rounding; it exceeds TOLERANCE in deep networks and under cancellation.
ROUNDING = 1e3

#: Number of samples in the module's own example, and in the example with larger numbers.
SAMPLES, FEW = 7, 4
#: Number of samples for comparing the two renderings of a step at larger numbers.
MANY = 60
#: Factor by which the parameters of the second example are larger, while values stay in range.
SCALES = (4.0, 2.0, 1.0)
IN_RANGE = 300.0
#: Factors by which those of the first example are scaled down until its exact values can be computed.
SMALLER = (1e-2, 1e-4)
#: Digits for mpmath: enough for 1 - exp(-x) with any x in that range.
DIGITS = 200
#: A smaller number may be the rounding error of 0 at that many digits.
NOISE = 1e-150
#: Exceptions that mpmath raises where a value is undefined.
_NONE = (ZeroDivisionError, ValueError, OverflowError)
#: Largest number of parameters times samples in the second example.
MOST_EXACT = 8_000


@record
class Difference:
    """A tensor that differs from the interpreter's: its equation, where it was found, and the difference.

    ``code`` is its name in the module; ``is_error`` says whether it is the error E.
    """

    number: int
    name: str
    code: str
    where: str
    off: float
    is_error: bool = False

    def __str__(self) -> str:
        where = f" from {self.where}" if self.where else ""
        return f"{self.code}{where}, equation ({self.number}), is off by {self.off:.1e}"


@record
class Compared:
    """Number of tensors compared, the worst relative difference of the correct ones, and the wrong ones.

    ``overflow`` is the factor on the example's parameters at which a value is no longer finite, if known.
    """

    tensors: int = 0
    worst: float = 0.0
    wrong: tuple[Difference, ...] = ()
    overflow: float | None = None


def compared(module: Any, names: Mapping[str, str], cases: Iterable[Case]) -> Compared:
    """Compare every named tensor, and every public result, with the interpreter at several points.

    ``names`` are the names of the tensors in the module's code.
    """
    seen: dict[str, float] = {}
    wrong: dict[str, Difference] = {}
    overflow: float | None = None
    for case in cases:
        overflow = case.overflow or overflow
        for difference, fits in case.differences(module, names):
            seen[difference.name] = max(seen.get(difference.name, 0.0), difference.off if fits else 0.0)
            if not fits:
                wrong.setdefault(difference.name, difference)
    ordered = tuple(sorted(wrong.values(), key=lambda difference: difference.number))
    return Compared(len(seen), max(seen.values(), default=0.0), ordered, overflow)


def cases(module: Any, program: Program, names: Mapping[str, str]) -> tuple[Case, ...]:
    """The module's own example, one with optimizer state, gradients within and beyond a clip, larger numbers."""
    return tuple(_Cases(module, program, names).all())


def further_points(module: Any, program: Program, names: Mapping[str, str], cases: Iterable[Case]) -> list[Case]:
    """Points, other than the module's own example (the first case), at which the two renderings are compared."""
    busy = _Cases(module, program, names).busy()
    return [*list(cases)[1:], *([] if busy is None else [busy])]


@record
class _Cases:
    """Draws the points at which a module is compared with its program."""

    module: Any
    program: Program
    names: Mapping[str, str]

    def all(self) -> Iterator[Case]:
        """All cases that apply to the program."""
        first = self._drawn(SAMPLES, 0)
        known = Case(self.program, first)
        smaller = (Case(self.program, self._drawn(SAMPLES, 0, scale=scale)) for scale in SMALLER)
        if not known.has_truth and np.isfinite(self.module.error(*first.drawn)):  # exact values need more digits
            known = next((case for case in smaller if case.has_truth), known)
        yield known
        if self.program.states:
            yield Case(self.program, self._drawn(SAMPLES, 1, self._longest // 2))
        if SQUARE_NORM.name in self.program.tensors:
            yield from self._clipped(first)
        elif changed := self._limited(first):
            yield Case(self.program, first, changed)
        larger = self._larger(FEW, 2 * self._longest + 2)
        if larger is not None:
            yield larger

    def busy(self) -> Case | None:
        """Larger numbers and many samples, so that every branch is taken on both sides."""
        return self._larger(MANY, 1)

    @property
    def _longest(self) -> int:
        """The largest constant: a number of steps if the learning rate has a schedule."""
        return max((int(value) for value in self.program.constants.values()), default=0)

    def _drawn(self, samples: int, seed: int, step: int = 0, scale: float = 1.0) -> Point:
        """Random numbers, and the optimizer state after some steps; moving averages of squares are positive."""
        _, (parameters, *data) = example(self.module, samples, seed)
        parameters = self.module.NETWORK.scaled(parameters, scale)
        state = self.module.initial_state(parameters) if self.program.states else {}
        if step or seed:
            draw = np.random.default_rng(seed)
            kept = {name: draw.uniform(0.1, 1, value.shape) for name, value in state.items()}
            state = {n: np.full(v.shape, float(step)) if n == "step" else v for n, v in kept.items()}
        return Point(parameters, state, self.module.NETWORK.data.scaled(data, 1 if scale == 1 else 2))

    def _clipped(self, point: Point) -> Iterator[Case]:
        square = as_floats(Case(self.program, point).truth[SQUARE_NORM.name]).item()
        for share in (0.5, 2.0) if np.isfinite(square) and square > 0 else ():
            yield Case(self.program, point, {CLIP: Fraction(share * square**0.5)})

    def _limited(self, point: Point) -> dict[str, Fraction]:
        """Limits of single entries, and of weights, that some of them are above and others below."""
        truth = Case(self.program, point).truth
        found = dict[str, Fraction]()
        for limit, role in ((CLIP, "gradient"), (WEIGHT_LIMIT, "stepped")):
            arrays = (truth[n] for n, t in self.program.tensors.items() if t.role == role and n in truth)
            largest = max((float(np.max(np.abs(as_floats(a)))) for a in arrays), default=0.0)
            if limit in self.program.constants and 0 < largest < math.inf:
                found[limit] = Fraction(largest / 2)
        return found

    def _larger(self, most: int, step: int) -> Case | None:
        """Numbers that reach both sides of piecewise functions; None if the network is too large.

        They are reduced while something overflows although the forward pass is in range.
        """
        weights = sum(value.size for value in draw_example(self.module.NETWORK, samples=1)[0].values())
        samples = max(1, min(most, MOST_EXACT // max(weights, 1)))
        overflow: float | None = None
        for scale in SCALES if weights <= MOST_EXACT else ():
            drawn = (self._drawn(samples, seed, step, scale) for seed in self._seeds)
            points = [point for point in drawn if self._in_range(point)]
            kept = points if scale == 1 else [point for point in points if self._is_finite(point)]
            if kept:
                return Case(self.program, max(kept, key=self._met), exact=True, overflow=overflow)
            overflow = scale if points else overflow
        return None

    @property
    def _seeds(self) -> range:
        return range(2, 10) if self.module.NETWORK.has_kinks else range(2, 3)

    def _in_range(self, point: Point) -> bool:
        """Whether every finite value of the forward pass is in range."""
        forward = {s.target.name for s in self.program.stage("forward")}
        values = [v for n, v in computed(self.module, self.program, self.names, point).items() if n in forward]
        return all(np.all(np.abs(v[np.isfinite(v)]) < IN_RANGE) for v in values)

    def _is_finite(self, point: Point) -> bool:
        """Whether every value is finite, including squared gradients if a step adds them up."""
        found = computed(self.module, self.program, self.names, point)
        gradients = self.program.stage("gradient") if SQUARE_NORM.name in self.program.tensors else ()
        with np.errstate(over="ignore"):
            squares = [np.sum(found[s.target.name] ** 2) for s in gradients]
        return all(np.all(np.isfinite(v)) for v in (*found.values(), *squares))

    def _met(self, point: Point) -> int:
        """Number of sides of kinks that a point reaches."""
        sides = sides_of_kinks(self.module.NETWORK, *point.drawn)
        return sum(bool(np.any(side < 0)) + bool(np.any(side > 0)) for side in sides)


@record
class Case:
    """A point, whether its reference needs exact arithmetic, and replacements for constants.

    ``overflow`` is the factor on its parameters at which a value is no longer finite, if known.
    """

    program: Program
    point: Point
    changed: Mapping[str, Fraction] = field(default_factory=dict)
    exact: bool = False
    overflow: float | None = None

    def differences(self, module: Any, names: Mapping[str, str]) -> Iterator[tuple[Difference, bool]]:
        """The difference of each computed and each public tensor, and whether it is rounding."""
        with self.constants(module, names):
            found = computed(module, self.program, names, self.point)
            moved = computed(module, self.program, names, self.point.nudged())
            shown = [*offered(module, self.program, self.point)]
        values = [("", *item) for item in found.items()] + [item for item in shown if item[1] in found]
        numbers = {s.target.name: s.number for s in self.program.statements}
        errors = {s.target.name for s in self.program.stage("error")}

        def against(truth: Mapping[str, Array], terms: Mapping[str, float]) -> list[tuple[Difference, bool]]:
            judged = []
            for where, name, value in values:
                true = as_floats(truth[name])
                limit = _limit(found[name], moved[name], max(_size(true), terms.get(name, 0.0)))
                off, fits = _off(self.program.tensors[name], value, true, limit)
                judged.append((Difference(numbers[name], name, names[name], where, off, name in errors), fits))
            return judged

        judged = against(self.truth, {})
        if not all(fits for _, fits in judged):
            small = self.exact or self._is_small
            judged = _better(judged, against(self._truth(exact=small), {}))
            if not all(fits for _, fits in judged):  # digits lost in one equation do not count against the next
                followed = self._followed(found, small)
                judged = _better(judged, against(*followed)) if followed else judged
            selecting = {s.target.name for s in self.program.statements if s.equation.expression.has(*JUMPING)}
            if small and any(not fits and difference.name in selecting for difference, fits in judged):
                followed = self._followed(found, exact=False)  # what rounds to equal numbers is equal in the module
                rounded = against(*followed) if followed else judged
                judged = _better(
                    judged, [r if r[0].name in selecting else j for r, j in zip(rounded, judged, strict=True)]
                )
        yield from judged
        if self.program.averages or self.program.is_random:
            case = replace(self, point=self.point.at_means(module))
            with self.constants(module, names):
                yield from case._predictions(module, names, numbers)

    def _predictions(
        self, module: Any, names: Mapping[str, str], numbers: Mapping[str, int]
    ) -> Iterator[tuple[Difference, bool]]:
        """The same for the predictions, with running averages and with the means of what is random."""
        truth = self._truth(self.exact or self._is_small, self._program.predicting)
        nudged = predictions(module, self.program, self.point.nudged())
        for (where, name, value), (_, _, moved) in zip(
            predictions(module, self.program, self.point), nudged, strict=True
        ):
            true = as_floats(truth[name])
            off, fits = _off(self.program.tensors[name], value, true, _limit(value, moved, _size(true)))
            yield Difference(numbers[name], name, names[name], where, off), fits

    @contextmanager
    def constants(self, module: Any, names: Mapping[str, str]) -> Iterator[None]:
        """Set the module's constants to the replacements."""
        values = {names[name]: float(value) for name, value in self.changed.items()}
        steps = module.Trainer.steps
        places = [vars(module), *([] if steps is None else [getattr(steps.line, "__globals__", {})])]
        before = [{name: place[name] for name in values if name in place} for place in places]
        for place, old in zip(places, before, strict=True):
            place.update({name: values[name] for name in old})
        try:
            yield
        finally:
            for place, old in zip(places, before, strict=True):
                place.update(old)

    @property
    def _is_small(self) -> bool:
        """Whether exact arithmetic takes at most a few seconds."""
        weights = sum(value.size for value in self.point.parameters.values())
        return bool(self.point.samples(self.program) * weights <= MOST_EXACT)

    @property
    def has_truth(self) -> bool:
        """Whether the interpreter has a value for every entry."""
        return not any(np.any(np.isnan(as_floats(value))) for value in self.truth.values())

    @cached_property
    def truth(self) -> Mapping[str, Array]:
        """Every tensor as computed by the interpreter."""
        return self._truth(self.exact)

    @cached_property
    def _program(self) -> Program:
        """The program with its constants replaced."""
        return replace(self.program, constants={**self.program.constants, **self.changed})

    def _truth(self, exact: bool, program: Program | None = None) -> Mapping[str, Array]:
        """Every tensor as computed by the interpreter, with more digits where floats overflow or are too coarse."""
        program = program or self._program
        given = self.point.given(program)
        counts = sizes(program, given)
        if not exact:
            found = interpret(program, given, counts, FLOATS, STAGES)
            if all(np.all(np.isfinite(value)) for value in found.values()):
                return found
        try:
            with mpmath.workdps(DIGITS):
                return interpret(program, given, counts, Arithmetic(mpmath, mpmath.mpf), STAGES)
        except _NONE:  # not enough digits
            found = interpret(program, given, counts, FLOATS, STAGES)
            return {name: np.where(np.isfinite(value), value, np.nan) for name, value in found.items()}

    def _followed(self, found: Mapping[str, Any], exact: bool) -> tuple[dict[str, Array], dict[str, float]] | None:
        """The value of each equation given the module's values of its operands, and the size of its terms."""
        given = self.point.given(self._program)
        tensors = self._program.tensors
        entries = {name: in_axes(tensors[name], np.asarray(value, float)) for name, value in found.items()}
        kind = Arithmetic(mpmath, mpmath.mpf) if exact else FLOATS
        try:
            with mpmath.workdps(DIGITS):
                steps = [*followed(self._program, given, sizes(self._program, given), entries, kind)]
        except _NONE:
            return None
        return {name: value for name, value, _ in steps}, {name: size for name, _, size in steps}


def _better(
    before: list[tuple[Difference, bool]], after: list[tuple[Difference, bool]]
) -> list[tuple[Difference, bool]]:
    """The better of two judgements of each value."""
    return [one if one[1] or not other[1] else other for one, other in zip(before, after, strict=True)]


def _limit(found: Any, moved: Any, size: float) -> float:
    """Largest accepted difference of a tensor: the effect of rounding on numbers of this size."""
    grown = _distance(np.asarray(found, float), np.asarray(moved, float))
    return max(TOLERANCE * size, ROUNDING * grown, NOISE)


def _off(tensor: Tensor, found: Any, truth: Array, limit: float) -> tuple[float, bool]:
    """Difference relative to the largest entry of the reference, and whether it is within the limit.

    NaN if there is no reference, infinity if there is one but the value is not a number.
    """
    value = np.asarray(found, dtype=float)
    entries = in_axes(tensor, value) if value.size == truth.size else value
    if entries.shape != truth.shape:
        return float("inf"), False
    distance = _distance(entries, truth)
    if np.isnan(distance) and not np.any(np.isnan(truth)):
        return float("inf"), False
    return distance / (_size(truth) or 1.0), bool(distance <= limit)


def _size(value: Array) -> float:
    """The largest finite entry."""
    return float(np.max(np.abs(value), where=np.isfinite(value), initial=0.0))


def _distance(one: Array, other: Array) -> float:
    """The largest difference; equal infinities differ by 0; NaN if an entry is NaN."""
    with np.errstate(invalid="ignore"):
        return float(np.max(np.where(one == other, 0.0, np.abs(one - other))))
