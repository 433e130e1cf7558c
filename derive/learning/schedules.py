"""Learning-rate schedules: one entry with one formula for the multiplier each.

To add a schedule, add an entry to ``SCHEDULES``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from sympy import Expr, Integer, Max, Min, cos, floor, pi

from derive.record import record
from derive.text.entry_text import Option

#: The largest number of steps; it is exact as a float.
MOST_STEPS = 10**12


@record
class Schedule:
    """A schedule; ``factor(done, n)`` multiplies the learning rate after ``done`` steps (None: no factor).

    ``n`` maps the options' names to values. With the option ``warm_up``, the rate first grows
    linearly to its full size in that number of steps; ``done`` then counts the steps after the warm-up.
    ``synonyms`` are names of the same schedule elsewhere.
    """

    name: str
    what: str
    source: str
    factor: Callable[[Expr, Mapping[str, Expr]], Expr] | None = None
    options: tuple[Option, ...] = ()
    synonyms: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """Its description and its source."""
        return f"{self.what} ({self.source})" if self.source else self.what

    def multiplier(self, t: Expr, n: Mapping[str, Expr]) -> Expr:
        """The multiplier of the rate at step ``t``, from 1; ``n`` has no ``warm_up`` if there is none."""
        warm_up = n.get("warm_up")
        done = t - 1 if warm_up is None else Max(0, t - 1 - warm_up)
        value = Integer(1) if self.factor is None else self.factor(done, n)
        return value if warm_up is None else Min(1, t / warm_up) * value


def _count(name: str, meaning: str, default: int | None = None) -> Option:
    return Option(name, default, meaning, least=1 if default is None else 0, most=MOST_STEPS, whole=True)


_WARM_UP = _count("warm_up", "steps in which the rate first grows linearly to its full size", default=0)

SCHEDULES = {
    entry.name: entry
    for entry in (
        Schedule("constant", "the same rate at every step", ""),
        Schedule(
            "step",
            "multiplied by a factor after a fixed number of steps",
            "Goyal et al. 2017",
            lambda done, n: n["factor"] ** floor(done / n["every"]),
            (
                _count("every", "number of steps between two multiplications"),
                Option("factor", Fraction("0.1"), "factor of the learning rate", above=0, most=1),
                _WARM_UP,
            ),
        ),
        Schedule(
            "exponential",
            "multiplied by a factor after every step",
            "Senior et al. 2013",
            lambda done, n: n["factor"] ** done,
            (Option("factor", None, "factor of the learning rate, such as 0.999", above=0, most=1), _WARM_UP),
        ),
        Schedule(
            "cosine",
            "falls to 0 along half a cosine, and stays there",
            "Loshchilov and Hutter 2017, without restarts",
            lambda done, n: (1 + cos(pi * Min(done, n["steps"]) / n["steps"])) / 2,
            (_count("steps", "number of steps until the rate is 0"), _WARM_UP),
            synonyms=("cosine_decay",),  # not cosine_annealing, whose rate increases again
        ),
        Schedule(
            "warm_up",
            "grows linearly to its full size, and stays there",
            "Goyal et al. 2017",
            lambda done, n: Min(1, (done + 1) / n["steps"]),
            (_count("steps", "number of steps until the rate has its full size"),),
        ),
    )
}
