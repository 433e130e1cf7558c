"""Running averages: training uses the value that a batch gives a tensor, prediction the average over the batches.

A step replaces the average r of a tensor v by (1 - p) r + p v, with the momentum p.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Sequence
from dataclasses import replace
from fractions import Fraction

from sympy import Rational

from derive.calculus.index import Axis, Equation, IndexSupply, Tensor, symbols_read
from derive.calculus.prediction import stages
from derive.calculus.roles import Role
from derive.record import record
from derive.text.entry_text import number_text
from derive.text.errors import StatementError

#: The default momentum, that of PyTorch.
MOMENTUM = Fraction(1, 10)


@record
class Running:
    """The name of a tensor in whose place a prediction reads a running average, its momentum, and what it starts with.

    The average is that of the tensor itself, or ``of`` another one with the same axes.
    """

    name: str
    momentum: Fraction = MOMENTUM
    start: Fraction = Fraction(0)
    of: str = ""

    @property
    def source(self) -> str:
        """The name of the tensor of which the average is kept."""
        return self.of or self.name


def check_running(
    running: Sequence[Running],
    equations: Sequence[Equation],
    inputs: Sequence[Tensor],
    parameters: Sequence[Tensor] | None = None,
) -> None:
    """Raise StatementError for a tensor of which no running average can be kept.

    It is computed from samples, has no axis of samples, and does not depend on a target. Its sizes are numbers or
    those of parameters, which are not checked if they are not known yet.
    """
    forward, _ = stages(equations, inputs)
    computed = {e.target.name: e.target for e in equations[:-1]}
    predicting = {e.target.name for e in forward}
    by_sample = {t.name for t in inputs if any(axis.sample for axis in t.axes)}
    for equation in equations:
        if by_sample.intersection(symbols_read(equation.expression)):
            by_sample.add(equation.target.name)
    known = {symbol for p in parameters or () for axis in p.axes for symbol in axis.extent.free_symbols}
    names = [entry.name for entry in running]
    for number, entry in enumerate(running):
        name = entry.name
        if name in names[:number]:
            raise StatementError(f"the running average of {name} is stated twice: leave one of them out")
        if not 0 < entry.momentum <= 1:
            raise StatementError(
                f"the momentum of {name} is {number_text(entry.momentum)}: give a number above 0, 1 at most"
            )
        for read in (name, entry.source):
            if read not in computed:
                raise StatementError(f"{read} has no equation, so that there is no running average of it")
            why = _why_not(computed[read].axes, read in by_sample, read in predicting)
            if why:
                raise StatementError(f"there is no running average of {read}, which {why}")
        if computed[name].axes != computed[entry.source].axes:
            raise StatementError(f"the running average of {entry.source} cannot stand for {name}: their axes differ")
        if parameters is None:
            continue
        if not parameters:
            raise StatementError(f"a step keeps the running average of {name}, but there is nothing to learn")
        if lacking := sorted(str(s) for axis in computed[name].axes for s in axis.extent.free_symbols - known):
            raise StatementError(
                f"the running average of {name} has the size {lacking[0]}, which no parameter has: "
                f"give {lacking[0]} a number"
            )


def _why_not(axes: tuple[Axis, ...], by_sample: bool, predicting: bool) -> str:
    """What keeps a tensor from having a running average; empty if nothing does."""
    if any(axis.sample for axis in axes):
        return "has a value for each sample: take its mean over the samples first"
    if not by_sample:
        return "reads no samples: it is the same for every batch"
    return "" if predicting else "depends on a target, or on nothing that is predicted"


@record
class Averages:
    """The equations of a step that replace the running averages, these as states, and what each starts with."""

    equations: tuple[Equation, ...]
    states: tuple[Tensor, ...]
    starts: tuple[Fraction, ...]


def averages(
    running: Sequence[Running], equations: Sequence[Equation], supply: IndexSupply, taken: Container[str]
) -> Averages:
    """Return the running averages of a forward pass, with names that are not ``taken``."""
    computed = {e.target.name: e.target for e in equations}
    found, states = list[Equation](), list[Tensor]()
    for entry in running:
        tensor, source = computed[entry.name], computed[entry.source]
        momentum = Rational(entry.momentum.numerator, entry.momentum.denominator)
        numbered = (f"running_{entry.name}{'_' * n}" for n in itertools.count())
        name = next(n for n in numbered if n not in taken and f"{n}_next" not in taken)
        state = replace(tensor, name=name, role=Role.RUNNING.value, about=tensor)
        after = replace(state, name=f"{name}_next", role=Role.UPDATED.value, about=state)
        at = supply.several(tensor.axes)
        found.append(Equation(after, at, (1 - momentum) * state[at] + momentum * source[at], "running average"))
        states.append(state)
    return Averages(tuple(found), tuple(states), tuple(entry.start for entry in running))
