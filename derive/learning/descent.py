"""Gradient descent: the equations of a step, from the gradients to the new parameters.

The scalars computed once per step come first: its number, its learning rate and the factor
of gradient clipping. The optimizer's equations for each parameter follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from fractions import Fraction

from sympy import Add, Expr, Max, sqrt

from derive.calculus.index import Equation, IndexSupply, Tensor, refreshed, total
from derive.calculus.program import Updates, constant
from derive.learning.optimizers import LEARNING_RATE, OPTIMIZERS, Optimizer
from derive.learning.schedules import SCHEDULES, Schedule
from derive.record import record

#: The number of the step, counted from 1; a state that starts at 0.
STEP = Tensor("step", "step")
RATE = Tensor("rate", "rate")
SQUARE_NORM = Tensor("square_norm", "square_norm")
CLIP_SCALE = Tensor("clip_scale", "clip_scale")

#: An option of schedules that does not appear in the equations if it is 0.
_WARM_UP = "warm_up"


@record
class Descent:
    """An optimizer and a schedule with their options, and the norm for gradient clipping (None: no clipping)."""

    optimizer: Optimizer = OPTIMIZERS["sgd"]
    options: Mapping[str, Fraction] = field(default_factory=dict)
    schedule: Schedule = SCHEDULES["constant"]
    timing: Mapping[str, Fraction] = field(default_factory=dict)
    clip: Fraction | None = None

    @property
    def is_plain(self) -> bool:
        """Whether a step is the gradient times the learning rate, without any state."""
        return self.optimizer.is_plain and not self.timed and self.clip is None

    @property
    def counts(self) -> bool:
        """Whether the equations read the number of the step."""
        return self.timed or bool(self.optimizer.once)

    @property
    def timed(self) -> bool:
        """Whether the learning rate changes from step to step."""
        return self.schedule.factor is not None or _WARM_UP in self._used

    @property
    def _used(self) -> dict[str, Fraction]:
        """The options of the schedule, without a warm-up of 0 steps."""
        return {name: value for name, value in self.timing.items() if name != _WARM_UP or value}

    @property
    def constants(self) -> dict[str, Fraction]:
        """The constants that the equations read, by name."""
        clipped = {} if self.clip is None else {"clip": self.clip}
        return {**self._used, **clipped, **self.options}

    def updates(self, parameters: Iterable[Tensor], gradients: Iterable[Tensor], supply: IndexSupply) -> Updates:
        """Return the equations of a step; ``gradients`` are in the order of ``parameters``."""
        slopes = dict(zip(parameters, gradients, strict=True))
        equations, states = self._once(slopes.values(), supply), [STEP] if self.counts else []
        for parameter, gradient in slopes.items():
            found, kept = self._of(parameter, gradient, supply)
            equations, states = [*equations, *found], [*states, *kept]
        return Updates(tuple(equations), tuple(states), (LEARNING_RATE,), self.constants)

    @property
    def _rate(self) -> Tensor:
        return RATE if self.timed else LEARNING_RATE

    @property
    def _numbers(self) -> dict[str, Expr]:
        names = (*self.constants, *(once.name for once in self.optimizer.once))
        return {name: constant(name)[()] for name in names}

    def _once(self, gradients: Iterable[Tensor], supply: IndexSupply) -> list[Equation]:
        """The equations computed once per step."""
        found, t, n = [], updated(STEP)[()], self._numbers
        if self.counts:
            found.append(Equation(updated(STEP), (), STEP[()] + 1, "step"))
        if self.timed:
            found.append(Equation(RATE, (), LEARNING_RATE[()] * self.schedule.multiplier(t, n), "rate"))
        if self.clip is not None:
            found += _clipping(gradients, n["clip"], supply)
        for once in self.optimizer.once:
            found.append(Equation(Tensor(once.name, "correction"), (), once.value(t, n), "correction"))
        return found

    def _of(self, parameter: Tensor, gradient: Tensor, supply: IndexSupply) -> tuple[list[Equation], list[Tensor]]:
        """The equations for one parameter, and its states."""
        i, n, eta = supply.several(parameter.axes), self._numbers, self._rate[()]
        found, states, after, g = [], [], dict[str, Expr](), gradient[i]
        if self.clip is not None:
            clipped = _about(parameter, "clipped")
            found.append(Equation(clipped, i, CLIP_SCALE[()] * g, "clipped"))
            g = clipped[i]
        for entry in self.optimizer.kept:
            state = _about(parameter, entry.role)
            states.append(state)
            found.append(Equation(updated(state), i, entry.after(state[i], g, eta, n), "state"))
            after[entry.role] = updated(state)[i]
        value = self.optimizer.step(parameter[i], g, eta, after, n)
        found.append(Equation(updated(parameter), i, value, "update"))
        return [refreshed(equation, supply) for equation in found], states


def names_taken(descent: Descent) -> set[str]:
    """The names of all numbers and arrays of a step, in equations and in code, except those of parameters."""
    names = {*descent.constants, *(entry.role for entry in descent.optimizer.kept)}
    names |= {STEP.name, *(once.name for once in descent.optimizer.once)} if descent.counts else set()
    names |= {RATE.name} if descent.timed else set()
    names |= {SQUARE_NORM.name, CLIP_SCALE.name, "clipped"} if descent.clip is not None else set()
    return names | {name.upper() for name in names}


def _about(parameter: Tensor, role: str) -> Tensor:
    """Return a tensor that belongs to a parameter and has its shape."""
    return replace(parameter, name=f"{role}_{parameter.name}", role=role, about=parameter)


def updated(tensor: Tensor) -> Tensor:
    """Return the tensor of a parameter or a state after the step."""
    return replace(tensor, name=f"{tensor.name}_next", role="updated", about=tensor)


def _clipping(gradients: Iterable[Tensor], limit: Expr, supply: IndexSupply) -> list[Equation]:
    """The squared norm of all gradients together, and the factor that clips the norm to the limit.

    min(1, limit / norm) is written limit / max(limit, norm), which avoids a division by a norm of 0.
    """
    squares = []
    for gradient in gradients:
        indices = supply.several(gradient.axes)
        squares.append(
            total(gradient[indices] ** 2, *indices) if indices else gradient[()] ** 2
        )  # a parameter may be a number
    scale = limit / Max(limit, sqrt(SQUARE_NORM[()]))
    return [
        Equation(SQUARE_NORM, (), Add(*squares), "norm"),
        Equation(CLIP_SCALE, (), scale, "clip scale"),
    ]
