"""A worked example in numbers: the generated module itself is run, and what it computes is written down.

No equation is evaluated here. The module's own ``update`` is called and watched: the
values that its stages have computed when they return are the values of the example.
The finite differences beside the gradients come from the module's own forward pass and
error, and from nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sympy import Indexed

from derive.calculus.functions import Elementwise
from derive.calculus.index import SAMPLES, Tensor
from derive.calculus.program import Program
from derive.learning.optimizers import LEARNING_RATE
from derive.targets.named import interpreted
from derive.targets.names import code_names
from derive.targets.verify import loaded
from derive.targets.watch import watched
from derive.text.errors import SpecError
from derive.worked.figures import Figure, Layout, Table, figures, layout, shown, table
from derive.worked.given import Numbers, Start, settled
from derive.worked.measured import Measured, Meter, frozen, kinks
from derive.worked.roundoff import floors

if TYPE_CHECKING:
    from derive.targets.numpy.derivation import NumPyDerivation

Array = NDArray[np.float64]
Values = dict[str, Array]

#: A larger parameter is not moved by the step of the central differences.
LARGEST_PARAMETER = 1e8

_SMALLER = "use smaller numbers, or a smaller learning_rate"

#: Which function of the module computes the statements of a stage.
_FUNCTIONS = {
    "forward": "_forward",
    "error": "_error",
    "factor": "_gradients",
    "gradient": "_gradients",
    "update": "_update",
}


@dataclass(frozen=True)
class Step:
    """One update: ``values`` holds every tensor of the program by name, as arrays of two axes.

    A tensor of one axis is a column, or a row if that is the samples; a number is one by one.
    What is kept from step to step has its value before the step under its own name.
    ``measured`` goes by the names of the gradients. ``slopes`` are the values of the
    elementwise functions in the backward equations, by function and argument: f'(z).
    ``floors`` says below which size the values of a tensor are only rounding.
    """

    number: int
    values: Mapping[str, Array]
    measured: Mapping[str, Measured]
    slopes: Mapping[tuple[str, str], Array]
    floors: Mapping[str, float]
    before: float
    after: float


@dataclass(frozen=True)
class Later:
    """After the last of many updates: how many, the error before the last and after it, the outputs."""

    rounds: int
    before_last: float
    error: float
    outputs: Array
    parameters: Mapping[str, Array]


@dataclass(frozen=True)
class Example:
    """A worked example: what it starts from, every step that is shown, and how it ends.

    ``start.drawn`` names the arrays that were drawn from the seed and not given.
    """

    program: Program
    start: Start
    steps: tuple[Step, ...]
    later: Later | None = None

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return int(self.start.X.shape[1])

    @property
    def fixed(self) -> tuple[str, ...]:
        """The parameters that are not updated; their value after an update is the one before."""
        return self.start.fixed

    def value(self, step: Step, name: str) -> Array:
        """A tensor's values, the rounding of what is zero left out."""
        values = step.values[name]
        return np.where(np.abs(values) <= step.floors.get(name, 0.0), 0.0, values)

    def entry(self, step: Step, name: str, *indices: int) -> float:
        """One entry, by its indices in the equations, which count from where their axes start."""
        return float(self.value(step, name)[position(self.program.tensors[name], indices)])

    def figures(self, step: Step, name: str) -> Table:
        """A tensor's values as they are printed, in rows; a number is a row of one."""
        return figures(self.value(step, name), self.start.digits, step.floors.get(name, 0.0))

    def figure(self, value: float) -> Figure:
        """A number on its own as it is printed, such as an error."""
        return shown(value, self.start.digits)

    def compared(self, step: Step, name: str) -> tuple[Table, Table]:
        """A gradient as it is printed, and the central differences with the digits they resolve."""
        measured, gradient, digits = step.measured[name], self.value(step, name), self.start.digits
        style = layout(gradient.ravel(), digits, step.floors[name])
        central = layout(measured.central.ravel(), digits, measured.unresolved)
        return table(gradient, style), table(measured.central, _beside(style, central, measured, digits))

    @cached_property
    def bound(self) -> int:
        """The smallest k for which no central difference is off by 10**k or more, kinks left out."""
        return max(m.bound for step in self.steps for m in step.measured.values())

    @cached_property
    def kinked(self) -> bool:
        """Whether any central difference has a kink within it, so that it is no derivative."""
        return any(bool(m.kinked.any()) for step in self.steps for m in step.measured.values())


def _beside(style: Layout, own: Layout, measured: Measured, digits: int) -> Layout:
    """The layout of a gradient for what was measured of it: more decimals where the gradient is exact, none unsure."""
    decimals = max(style.decimals, min(digits, own.decimals - own.exponent + style.exponent))
    wider = Layout(decimals, style.exponent)
    return wider if measured.decimals is None else wider.resolving(measured.decimals)


def position(tensor: Tensor, indices: tuple[int, ...]) -> tuple[int, ...]:
    """Where an entry stands in the stored array, given its indices as the equations count them."""
    offsets = tuple(i - axis.start for i, axis in zip(indices, tensor.axes, strict=True))
    if len(offsets) == 2:
        return offsets
    if not offsets:
        return 0, 0
    return (0, *offsets) if tensor.axes[0].sample else (*offsets, 0)


def work(derivation: NumPyDerivation, numbers: Numbers) -> Example:
    """Run the generated module on the numbers and write down everything that it computes.

    Raises SpecError, naming the file and the place in it, if the numbers do not fit the
    network, and if a value stops being finite.
    """
    module = loaded(derivation.listed)
    start = settled(numbers, derivation.program, derivation.forward.promises, module, derivation.targets)
    runner = _Runner(derivation.program, code_names(derivation.program, derivation.notation).tensors, module, start)
    try:
        with np.errstate(all="ignore"):
            return Example(derivation.program, start, tuple(runner.steps()), runner.later())
    except _Unfit as problem:
        raise SpecError(f"{numbers.where}: {problem}" if numbers.where else str(problem)) from None


class _Unfit(ArithmeticError):
    """Numbers of which no example can be made; the message says which and what to do."""


class _Runner:
    """Runs one module, update after update, and keeps the parameters in between."""

    def __init__(self, program: Program, names: Mapping[str, str], module: Any, start: Start) -> None:
        self.program = program
        self.names = names
        self.module = module
        self.start = start
        self.parameters = {name: value.copy() for name, value in start.parameters.items()}
        self.state: Values = module.initial_state(self.parameters) if program.states else {}
        self.done = 0
        self.meter = Meter(module, names, start.X, start.Y, tuple(kinks(program)))

    def steps(self) -> Iterator[Step]:
        """The updates that are shown, each with everything that was computed on the way."""
        for number in range(1, self.start.steps + 1):
            yield self._step(number)

    def later(self) -> Later | None:
        """The updates that are not shown, and where they lead; None if there are none."""
        if self.start.rounds == self.start.steps:
            return None
        before = math.nan
        while self.done < self.start.rounds:
            before = self._update()
        after = self._error(self.parameters)
        outputs = self.module.forward(self.parameters, self.start.X)
        return Later(self.done, before, after, frozen(outputs), _all_frozen(self.parameters))

    def _update(self) -> float:
        """One update by the module; what is fixed is put back."""
        kept = {name: self.parameters[name].copy() for name in self.start.fixed}
        more = (self.state,) if self.program.states else ()
        x, y, rate = self.start.X, self.start.Y, self.start.learning_rate
        try:
            before = float(self.module.update(self.parameters, x, y, rate, *more))
        except ArithmeticError:
            raise _Unfit(f"the numbers are out of range after update {self.done + 1}: {_SMALLER}") from None
        for name, value in kept.items():
            self.parameters[name][...] = value
        self.done += 1
        return before

    def _step(self, number: int) -> Step:
        at = {name: value.copy() for name, value in self.parameters.items()}
        kept = {name: value.copy() for name, value in self.state.items()}
        before, locals_of = watched(self.module, set(_FUNCTIONS.values()), self._update)
        values = self._values({**at, **kept}, locals_of)
        _check_range(number, values)
        _check_range(number, at, LARGEST_PARAMETER)
        measured = {t.name: self.meter.measured(at, t, values[t.name]) for t in self._gradients()}
        _check_range(number, {name: m.central + m.complex_step for name, m in measured.items()})
        after = self._error(self.parameters)
        if not math.isfinite(after):
            raise _Unfit(f"the error is out of range after step {number}: {_SMALLER}")
        low = floors(self.program, values, self._sizes(values), self.meter.applied)
        self._check_kinks(number, values, low)
        by_name = MappingProxyType(measured), MappingProxyType(dict(self._slopes(values))), MappingProxyType(low)
        return Step(number, _all_frozen(values), *by_name, before, after)

    def _check_kinks(self, number: int, values: Values, low: Mapping[str, float]) -> None:
        """Refuse what is at the kink of a function but for rounding: on which side it is, is an accident."""
        for kink in self.meter.kinks:
            found = kink.distance(values)
            size = np.abs(0.0 if found is None else found)
            floor = sum(low.get(name, 0.0) for name in kink.tensors)
            if np.any((size > 0) & (size <= floor)):
                raise _Unfit(
                    f"in step {number}, an entry of {kink.source} is {kink.point:g} but for rounding, which decides on "
                    f"which side of its kink {kink.function} is: change one of the numbers a little"
                )

    def _gradients(self) -> tuple[Tensor, ...]:
        return tuple(s.target for s in self.program.stage("gradient"))

    def _values(self, at: Values, locals_of: Mapping[str, Mapping[str, Any]]) -> Values:
        """Every tensor's value: inputs, what the update replaces before it, and what each statement computed."""
        x, y = self.program.inputs
        fixed = {name: np.array([[float(value)]]) for name, value in self.program.constants.items()}
        values = {x.name: self.start.X, y.name: self.start.Y, **fixed, **at}
        values[LEARNING_RATE.name] = np.array([[self.start.learning_rate]])
        after = {**self.parameters, **self.state}
        for statement in self.program.statements:
            target = statement.target
            if target.role == "updated":
                assert target.about is not None
                values[target.name] = after[target.about.name].copy()
                continue
            found = locals_of[_FUNCTIONS[statement.stage]].get(self.names[target.name])
            if found is None:
                found = interpreted(self.program, statement.equation, values)
            values[target.name] = np.atleast_2d(np.array(found, dtype=np.float64))
        return values

    def _sizes(self, values: Values) -> dict[str, float]:
        """The extents that have names, and the number of samples, as numbers."""
        sizes = {SAMPLES.name: float(self.start.X.shape[1])}
        for tensor in (*self.program.inputs, *self.program.parameters):
            for axis, side in zip(tensor.axes, values[tensor.name].shape, strict=False):
                for symbol in axis.extent.free_symbols - {SAMPLES}:
                    sizes.setdefault(symbol.name, float(side - (axis.extent - symbol)))
        return sizes

    def _slopes(self, values: Values) -> Iterator[tuple[tuple[str, str], Array]]:
        """The elementwise functions in the backward equations, at the tensors they are applied to."""
        seen = set()
        for statement in self.program.stage("factor", "gradient"):
            for node in sorted(statement.equation.expression.atoms(Elementwise), key=str):
                inner = node.args[0]
                key = (node.title, inner.base.label.name) if isinstance(inner, Indexed) else None
                if key is None or key in seen or len(node.args) > 1:
                    continue
                seen.add(key)
                found = self.meter.applied(key[0], values[key[1]])
                if found is not None:
                    yield key, frozen(found)

    def _error(self, parameters: Values) -> float:
        return float(self.module.error(parameters, self.start.X, self.start.Y))


def _check_range(step: int, values: Mapping[str, Array], largest: float = math.inf) -> None:
    for name, value in values.items():
        if not np.all(np.isfinite(value)) or np.any(np.abs(value) > largest):
            raise _Unfit(f"{name} is out of range in step {step}: {_SMALLER}")


def _all_frozen(values: Mapping[str, Array]) -> Mapping[str, Array]:
    return MappingProxyType({name: frozen(value) for name, value in values.items()})
