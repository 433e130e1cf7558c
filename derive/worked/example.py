"""A worked example: evaluate the equations on numbers, step by step, and record all values.

The values come from the program, with more digits than are printed. Gradients are compared with
finite differences of the generated module's forward pass and error. Steps that are not shown are
run by the module, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
from numpy.typing import NDArray
from sympy import Indexed

from derive.calculus.evaluate import FLOATS, Arithmetic, Interpreter, as_floats, interpret
from derive.calculus.functions import Elementwise
from derive.calculus.index import Equation, IndexSupply, Tensor
from derive.calculus.program import STAGES, Program
from derive.record import record
from derive.targets.named import Point, sizes, store_order
from derive.targets.names import code_names
from derive.text.errors import SpecError
from derive.worked.exact import DIGITS, EXACT, frozen, stored
from derive.worked.figures import Figure, Layout, Table, figures, layout, shown, table
from derive.worked.given import Numbers, Start, settled
from derive.worked.measured import Measured, Meter, kinks

if TYPE_CHECKING:
    from derive.targets.registry import Runnable

Array = NDArray[np.float64]
Values = Mapping[str, Array]

#: The step of the central differences would not change a larger parameter.
LARGEST_PARAMETER = 1e8

#: The most decimals that a gradient loses so that all gradients of a table have the same number of decimals.
MOST_LOST = 2

_SMALLER = "use smaller numbers, or a smaller learning_rate"


@record
class Step:
    """One update: ``values`` maps the name of every tensor to an array of two or more axes.

    A vector is a column, or a row if its axis is the samples; a number has shape (1, 1). Of three or more axes, the
    samples are the first.
    A parameter or state has its value before the step under its own name. ``measured`` has the
    names of the gradients as keys. ``slopes`` are the values of the elementwise functions
    in the backward equations, such as f'(z), by function and argument.
    """

    number: int
    values: Values
    measured: Mapping[str, Measured]
    slopes: Mapping[tuple[str, str], Array]
    before: float
    after: float


@record
class Later:
    """The end of many updates: their number, the error before and after the last one, the outputs."""

    rounds: int
    before_last: float
    error: float
    outputs: Array
    parameters: Values


@record
class Example:
    """A worked example: its start, every step shown, and its end.

    ``start.drawn`` names the arrays that were drawn from the seed.
    """

    program: Program
    start: Start
    steps: tuple[Step, ...]
    later: Later | None = None

    @property
    def samples(self) -> int:
        """The number of samples."""
        return self.start.samples

    @property
    def fixed(self) -> tuple[str, ...]:
        """The parameters that are not updated."""
        return self.start.fixed

    def figures(self, step: Step, name: str) -> Table:
        """A tensor's values as printed, in rows; a number is a row of one."""
        return figures(step.values[name], self.start.digits)

    def style(self, step: Step, name: str) -> Layout:
        """The layout of a tensor's numbers; all gradients of a step have the same number of decimals if they can."""
        if name not in step.measured:
            return layout(step.values[name].ravel(), self.start.digits)
        return self._own(step)[name]

    def figure(self, value: float) -> Figure:
        """A single number as printed, such as an error."""
        return shown(value, self.start.digits)

    def compared(self, step: Step, name: str) -> tuple[Table, Table]:
        """A gradient with two axes as printed, and its central differences with the digits that they resolve."""
        styles = self.style(step, name), self.central_style(step, name)
        return table(step.values[name], styles[0]), table(step.measured[name].central, styles[1])

    def central_style(self, step: Step, name: str) -> Layout:
        """The layout of the central differences of a gradient."""
        digits, style = self.start.digits, self._own(step)
        central = {
            n: _beside(style[n], layout(m.central.ravel(), digits, m.unresolved), m, digits)
            for n, m in step.measured.items()
        }
        return _aligned(central)[name]

    def _own(self, step: Step) -> Mapping[str, Layout]:
        """The layouts of the gradients of a step."""
        return _aligned({n: layout(step.values[n].ravel(), self.start.digits) for n in step.measured})

    @cached_property
    def bound(self) -> int:
        """The smallest k such that all central differences, except at kinks, are off by less than 10**k."""
        return max(m.bound for step in self.steps for m in step.measured.values())

    @cached_property
    def kinked(self) -> bool:
        """Whether any central difference spans a kink, so that it is not a derivative."""
        return any(bool(m.kinked.any()) for step in self.steps for m in step.measured.values())


def _aligned(layouts: Mapping[str, Layout]) -> Mapping[str, Layout]:
    """Give layouts the same number of decimals, unless they differ in many or have powers of ten."""
    decimals = [x.decimals for x in layouts.values()]
    if any(x.exponent for x in layouts.values()) or max(decimals) - min(decimals) > MOST_LOST:
        return layouts
    return dict.fromkeys(layouts, Layout(min(decimals)))


def _beside(style: Layout, own: Layout, measured: Measured, digits: int) -> Layout:
    """The layout of measured values: a gradient's layout, with more decimals if it is exact, but only reliable ones."""
    decimals = max(style.decimals, min(digits, own.decimals - own.exponent + style.exponent))
    wider = Layout(decimals, style.exponent)
    return wider if measured.decimals is None else wider.resolving(measured.decimals)


def position(tensor: Tensor, indices: tuple[int, ...]) -> tuple[int, ...]:
    """Convert the indices of an entry, as counted in the equations, to its position in the stored array."""
    offsets = tuple(i - axis.start for i, axis in zip(indices, tensor.axes, strict=True))
    if len(offsets) > 2:
        return tuple(offsets[place] for place in store_order(tensor))
    if len(offsets) == 2:
        return offsets
    if not offsets:
        return 0, 0
    return (0, *offsets) if tensor.axes[0].sample else (*offsets, 0)


def work(derivation: Runnable, numbers: Numbers) -> Example:
    """Evaluate the equations of a derivation on the numbers, step by step.

    Raises SpecError, naming the file and the place in it, if the numbers do not match the
    network or if a value overflows.
    """
    module = derivation.numpy_target.module
    start = settled(numbers, derivation)
    runner = _Runner(derivation.program, code_names(derivation.program, derivation.notation).tensors, module, start)
    try:
        with np.errstate(all="ignore"), mpmath.workdps(DIGITS):
            return Example(derivation.program, start, tuple(runner.steps()), runner.later())
    except _Unfit as problem:
        raise SpecError(f"{numbers.where}: {problem}" if numbers.where else str(problem)) from None


class _Unfit(ArithmeticError):
    """The numbers cannot be used for an example; the message says which and what to do."""


class _Runner:
    """Runs the steps one after another and keeps the parameters and states between them."""

    def __init__(self, program: Program, names: Mapping[str, str], module: Any, start: Start) -> None:
        state = module.NETWORK.initial_state(start.parameters)
        self.program = program
        self.module = module
        self.start = start
        self.point = Point(start.parameters, state, tuple(start.data.values()), start.learning_rate)
        self.sizes = sizes(program, self.point.given(program))
        self.meter = Meter(module.NETWORK, program, names, self.sizes, self.point.data, tuple(kinks(program)))

    def steps(self) -> Iterator[Step]:
        """Yield the updates to show, each with all computed values."""
        for number in range(1, self.start.steps + 1):
            yield self._step(number)

    def later(self) -> Later | None:
        """Run the updates that are not shown with the module and return their end; None if there are none."""
        if self.start.rounds == self.start.steps:
            return None
        parameters, state = (self._stored(part) for part in (self.point.parameters, self.point.state))
        before = math.nan
        for number in range(self.start.steps + 1, self.start.rounds + 1):
            kept = {name: parameters[name].copy() for name in self.start.fixed}
            before = self.module.NETWORK.step(parameters, state, self.point.data, self.start.learning_rate)
            if not all(np.all(np.isfinite(value)) for value in (before, *parameters.values(), *state.values())):
                raise _out_of_range(number)
            for name, value in kept.items():
                parameters[name][...] = value
        error, values = self.meter.run(parameters)
        outputs = frozen(values[self.meter.names[self.program.predicted]])
        at_the_end = MappingProxyType({name: frozen(value) for name, value in parameters.items()})
        return Later(self.start.rounds, before, error.real, outputs, at_the_end)

    def _stored(self, entries: Mapping[str, Any]) -> dict[str, Array]:
        """Writable arrays in the module's storage."""
        return {name: stored(self.program.tensors[name], value).copy() for name, value in entries.items()}

    def _step(self, number: int) -> Step:
        at = self._stored(self.point.parameters)
        exact = self._evaluated(number)
        values = {name: stored(self.program.tensors[name], value) for name, value in exact.items()}
        _check_range(number, values)
        _check_range(number, at, LARGEST_PARAMETER)
        measured = {t.name: self.meter.measured(at, t, values[t.name]) for t in self._gradients()}
        _check_range(number, {name: m.central + m.complex_step for name, m in measured.items()})
        machine = Interpreter(exact, self.sizes, self.program.tensors, EXACT)
        self._check_kinks(number, machine)
        self._go_on(exact)
        after = self._error_after(number)
        by_name = MappingProxyType(values), MappingProxyType(measured), MappingProxyType(self._slopes(machine))
        return Step(number, *by_name, values[self._error].item(), after)

    @property
    def _error(self) -> str:
        return self.program.stage("error")[-1].target.name

    @cached_property
    def _replaced(self) -> dict[str, str]:
        """Map each parameter and state to the tensor that replaces it."""
        targets = (s.target for s in self.program.stage("update") if s.target.role == "updated")
        return {target.about.name: target.name for target in targets if target.about}

    def _evaluated(self, number: int) -> dict[str, Any]:
        """Every tensor's entries; fixed parameters keep their values."""
        try:
            exact = self._run(STAGES)
        except (ArithmeticError, ValueError):
            _check_range(number, self._run(STAGES, FLOATS))
            raise _out_of_range(number) from None
        exact |= {self._replaced[name]: exact[name] for name in self.start.fixed}
        if not all(np.all(np.isfinite(as_floats(exact[name]))) for name in self._replaced.values()):
            raise _out_of_range(number)
        return exact

    def _error_after(self, number: int) -> float:
        """The error after a step."""
        try:
            after = float(as_floats(self._run(("forward", "error"))[self._error]))
        except (ArithmeticError, ValueError):
            after = math.nan
        if not math.isfinite(after):
            raise _Unfit(f"the error is out of range after step {number}: {_SMALLER}")
        return after

    def _run(self, stages: tuple[str, ...], kind: Arithmetic = EXACT) -> dict[str, Any]:
        return interpret(self.program, self.point.given(self.program), self.sizes, kind, stages)

    def _go_on(self, exact: Mapping[str, Any]) -> None:
        """Replace the parameters and the state."""
        parameters, state = (
            {name: exact[self._replaced[name]] if name in self._replaced else value for name, value in part.items()}
            for part in (self.point.parameters, self.point.state)
        )
        self.point = replace(self.point, parameters=parameters, state=state)

    def _check_kinks(self, number: int, machine: Interpreter) -> None:
        """Raise if an argument is within rounding of a kink, where rounding would decide on its side."""
        for kink in self.meter.kinks:
            distance = kink.distance(machine)
            if np.any((distance != 0) & (as_floats(distance) == 0)):
                raise _Unfit(
                    f"in step {number}, an entry of {kink.source} is {kink.point:g} up to rounding, which decides on "
                    f"which side of its kink {kink.function} is: change one of the numbers a little"
                )

    def _gradients(self) -> tuple[Tensor, ...]:
        return tuple(s.target for s in self.program.stage("gradient") if s.target.about in self.program.parameters)

    def _slopes(self, machine: Interpreter) -> dict[tuple[str, str], Array]:
        """The values of the elementwise functions in the backward equations, by function and argument."""
        found: dict[tuple[str, str], Array] = {}
        for statement in self.program.stage("factor", "gradient"):
            for node in sorted(statement.equation.expression.atoms(Elementwise), key=str):
                inner = node.args[0]
                source = self.program.tensors[inner.base.label.name] if isinstance(inner, Indexed) else None
                if source and len(node.args) == 1 and (node.title, source.name) not in found:
                    at = IndexSupply().several(source.axes)
                    slope = Equation(source, at, node.func(source[at]))
                    found[node.title, source.name] = stored(source, machine.tensor(slope))
        return found


def _out_of_range(number: int) -> _Unfit:
    return _Unfit(f"the numbers are out of range after update {number}: {_SMALLER}")


def _check_range(step: int, values: Values, largest: float = math.inf) -> None:
    for name, value in values.items():
        if not np.all(np.isfinite(value)) or np.any(np.abs(value) > largest):
            raise _Unfit(f"{name} is out of range in step {step}: {_SMALLER}")
