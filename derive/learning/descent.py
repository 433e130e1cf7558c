"""Gradient descent: the equations of a step, from the gradients to the new parameters.

The scalars computed once per step come first: its number, its learning rate and the factor
of gradient clipping. The optimizer's equations for each parameter follow, and the projection of a constraint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from fractions import Fraction

from sympy import Add, Expr, Max, Rational, sqrt

from derive.calculus.index import Equation, Index, IndexSupply, Tensor, refreshed, total
from derive.calculus.program import Updates, constant
from derive.calculus.roles import Role
from derive.learning.clippings import CLIPPINGS, Clipping
from derive.learning.constraints import Constraint
from derive.learning.optimizers import LEARNING_RATE, OPTIMIZERS, Optimizer
from derive.learning.schedules import SCHEDULES, Schedule
from derive.record import record

#: The number of the step, counted from 1; a state that starts at 0.
STEP = Tensor("step", "step")
RATE = Tensor("rate", "rate")
SQUARE_NORM = Tensor("square_norm", "square_norm")
CLIP_SCALE = Tensor("clip_scale", "clip_scale")

#: The constants of limits: of the gradients, and of weights by a constraint.
CLIP, WEIGHT_LIMIT = "clip", "weight_limit"
#: An option of schedules that does not appear in the equations if it is 0.
_WARM_UP = "warm_up"


@record
class Descent:
    """An optimizer and a schedule with their options, and what may be done before and after: clipping and a constraint.

    ``limit`` is that of the ``clipping``; None turns it off. ``bounds`` are the options of the ``constraint``, and
    ``rates`` the factors by which the learning rates of single parameters are multiplied.
    """

    optimizer: Optimizer = OPTIMIZERS["sgd"]
    options: Mapping[str, Fraction] = field(default_factory=dict)
    schedule: Schedule = SCHEDULES["constant"]
    timing: Mapping[str, Fraction] = field(default_factory=dict)
    limit: Fraction | None = None
    clipping: Clipping = CLIPPINGS["norm"]
    constraint: Constraint | None = None
    bounds: Mapping[str, Fraction] = field(default_factory=dict)
    rates: Mapping[str, Fraction] = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Whether a step is the gradient times the learning rate, without any state."""
        return self.optimizer.is_plain and not self.timed and self.limit is None and self.constraint is None

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
        clipped = {} if self.limit is None else {CLIP: self.limit}
        return {**self._used, **clipped, **self.options, **{_bound(name): value for name, value in self.bounds.items()}}

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
        if self.limit is not None and self.clipping.entry is None:
            found += _clipping(gradients, n[CLIP], supply)
        for once in self.optimizer.once:
            found.append(Equation(Tensor(once.name, "correction"), (), once.value(t, n), "correction"))
        return found

    def _of(self, parameter: Tensor, gradient: Tensor, supply: IndexSupply) -> tuple[list[Equation], list[Tensor]]:
        """The equations for one parameter, and its states."""
        i, n, eta = supply.several(parameter.axes), self._numbers, self._rate[()]
        eta *= Rational(self.rates.get(parameter.name, 1))
        found, states, after, g = [], [], dict[str, Expr](), gradient[i]
        if self.limit is not None:
            clipped, by_entry = _about(parameter, "clipped"), self.clipping.entry
            value = CLIP_SCALE[()] * g if by_entry is None else by_entry(g, n[CLIP])
            found.append(Equation(clipped, i, value, "clipped"))
            g = clipped[i]
        for entry in self.optimizer.kept:
            state = _about(parameter, entry.role)
            states.append(state)
            found.append(Equation(updated(state), i, entry.after(state[i], g, eta, n), "state"))
            after[entry.role] = updated(state)[i]
        value = self.optimizer.step(parameter[i], g, eta, after, n)
        if self.constraint is not None and parameter.role == Role.WEIGHT:
            stepped = _about(parameter, "stepped")
            found.append(Equation(stepped, i, value, "update"))
            value = self._projected(self.constraint, stepped, i, supply)
        found.append(Equation(updated(parameter), i, value, "update"))
        return [refreshed(equation, supply) for equation in found], states

    def _projected(self, constraint: Constraint, stepped: Tensor, i: tuple[Index, ...], supply: IndexSupply) -> Expr:
        """The weight to which a constraint takes that after the step; a weight without axes is a unit of its own."""
        n = {name: constant(_bound(name))[()] for name in self.bounds}
        others = supply.several(stepped.axes[1:])
        square = stepped[(*i[:1], *others)] ** 2
        return constraint.projected(stepped[i], total(square, *others) if others else square, n)


def names_taken(descent: Descent) -> set[str]:
    """The names of all numbers and arrays of a step, in equations and in code, except those of parameters."""
    names = {*descent.constants, *(entry.role for entry in descent.optimizer.kept)}
    names |= {STEP.name, *(once.name for once in descent.optimizer.once)} if descent.counts else set()
    names |= {RATE.name} if descent.timed else set()
    names |= {SQUARE_NORM.name, CLIP_SCALE.name, "clipped"} if descent.limit is not None else set()
    names |= {"stepped"} if descent.constraint is not None else set()
    return names | {name.upper() for name in names}


def _bound(option: str) -> str:
    """The name of the constant of an option of a constraint, which no option of an optimizer has."""
    return f"weight_{option}"


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
