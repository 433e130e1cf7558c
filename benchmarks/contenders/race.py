"""The contenders take turns at one case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter, process_time

import numpy as np

from contenders import FLOOR, OURS, RIVALS, Contender, Maker
from contenders.cases import Case, NotApplicable

#: How far one step may be from that of the loop written by hand.
AGREEMENT = {"float64": 1e-9, "float32": 1e-4}
#: scikit-learn has no sigmoid output with a squared error; it is timed with a linear one.
OTHER_NETWORK = "scikit-learn"


@dataclass(frozen=True)
class Result:
    """The least time of a step of each contender, in microseconds, and why others are absent.

    It is time of the processor, since a busy machine takes that from no one; with more than one
    thread, time of the clock. ``cores`` is how many each kept busy, the most in any turn: time of the
    processor by time of the clock.
    """

    case: Case
    times: Mapping[str, float]
    cores: Mapping[str, float]
    absent: Mapping[str, str]


def race(case: Case, rounds: int, turn: float, only: list[str], clock: Callable[[], float]) -> Result:
    """Measure those contenders whose names hold one of ``only``, by a clock."""
    makers = {**OURS, **RIVALS, "floor": FLOOR}
    field: dict[str, Contender] = {}
    absent: dict[str, str] = {}
    for name, maker in makers.items():
        if any(part in name for part in only):
            try:
                _check(name, maker, case)
                field[name] = maker(case, case.samples)
            except NotApplicable as reason:
                absent[name] = str(reason)
            except ImportError as missing:
                absent[name] = f"{missing.name} is not installed"
    steps = {name: _steps(contender, turn, clock) for name, contender in field.items()}
    times, cores = dict.fromkeys(field, float("inf")), dict.fromkeys(field, 0.0)
    for _ in range(rounds):
        for name, contender in field.items():
            seconds, busy = _turn(contender, steps[name], clock)
            times[name] = min(times[name], seconds * 1e6)
            cores[name] = max(cores[name], busy)
    for name, contender in field.items():
        if not all(np.isfinite(p).all() for p in contender.parameters()):
            raise ArithmeticError(f"{name} diverged on {case.title}: choose a lower rate")
    return Result(case, times, cores, absent)


def _check(name: str, maker: Maker, case: Case) -> None:
    """Raise AssertionError unless one step gives the parameters of the loop written by hand."""
    taker, by_hand = maker(case, case.batch), RIVALS["NumPy by hand"](case, case.batch)
    if name == "floor" or (name == OTHER_NETWORK and not case.classifies):
        return
    for contender in (taker, by_hand):
        assert contender.run(1) == 1
    for got, wanted in zip(taker.parameters(), by_hand.parameters(), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=AGREEMENT[case.dtype], err_msg=f"{name}, {case.title}")


def _steps(contender: Contender, turn: float, clock: Callable[[], float]) -> int:
    """How many steps last about one turn; what is compiled or allocated once has been by then."""
    contender.run(2)
    steps, least = 1, turn / 4
    while True:
        seconds, _ = _turn(contender, steps, clock)
        if seconds * steps >= least:
            return max(1, round(turn / seconds))
        steps *= 4


def _turn(contender: Contender, steps: int, clock: Callable[[], float]) -> tuple[float, float]:
    """The time of one step, of so many, and how many cores were busy meanwhile."""
    start, begun, busy = clock(), perf_counter(), process_time()
    done = contender.run(steps)
    taken, seconds = clock() - start, perf_counter() - begun
    return taken / done, (process_time() - busy) / seconds
