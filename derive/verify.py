"""Gradient checks: the generated module against the complex step and central differences."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from derive.user_text import cut, shown_path

#: How far a gradient may be from each oracle, relative to its own largest entry.
COMPLEX_STEP_TOLERANCE = 1e-12
DIFFERENCE_TOLERANCE = 1e-6
#: How far the two renderings of a step may be apart, relative to the largest numbers.
RENDERINGS_TOLERANCE = 1e-11

#: The powers of ten below which a document says that the worst errors were. The errors
#: themselves are rounding and differ between machines (1e-16 to 5e-15, and 6e-11 to 3e-7,
#: over many networks), so the powers are few and far from those: the text stays the same.
COMPLEX_STEP_POWERS = (-13, -12)
DIFFERENCE_POWERS = (-6,)

#: The random example that a module is checked on.
SAMPLES = 7
SEED = 0

#: Up to how many parameters a module is checked as it is.
LARGEST = 300_000
#: Up to how many parameters entries are checked one by one.
ENTRYWISE = 10_000
#: Entries that are checked one by one, spread over the parameters; for each, a random
#: direction covers the rest.
ENTRIES = 64


class CheckError(ValueError):
    """A path at which there is no generated module."""


@dataclass(frozen=True)
class GradientReport:
    """The worst relative difference of each parameter's gradient from the two oracles.

    The example was drawn from ``seed`` and has ``samples`` samples. ``entries`` says how many
    entries of each parameter were checked one by one (None: all); a random direction through
    all of them was checked besides; ``renderings`` is how far apart the two renderings of a step
    are. ``layers`` are those of the network that was checked, if
    it is a smaller one.
    """

    parameters: dict[str, tuple[float, float]]
    layers: tuple[int | str, ...] | None = None
    samples: int = SAMPLES
    seed: int = SEED
    entries: int | None = None
    renderings: float = 0.0

    @property
    def worst(self) -> float:
        """The worst difference from the complex step; NaN if one is."""
        return _worst(c for c, _ in self.parameters.values())

    @property
    def worst_central(self) -> float:
        """The worst difference from central differences; NaN if one is."""
        return _worst(d for _, d in self.parameters.values())

    @property
    def passed(self) -> bool:
        """Whether every gradient is within tolerance of both oracles (NaN is not)."""
        pairs = self.parameters.values()
        right = all(c <= COMPLEX_STEP_TOLERANCE and d <= DIFFERENCE_TOLERANCE for c, d in pairs)
        return right and self.renderings <= RENDERINGS_TOLERANCE

    @property
    def below(self) -> int:
        """A k for which the worst difference from the complex step is at most 10**k, for a document.

        It is the same on every machine that passes. Raises ValueError if the check has failed.
        """
        return _power(self.worst, COMPLEX_STEP_POWERS)

    @property
    def below_central(self) -> int:
        """The same for central differences."""
        return _power(self.worst_central, DIFFERENCE_POWERS)

    def line(self) -> str:
        """One line of text."""
        verdict = "right" if self.passed else "WRONG"
        if self.layers is not None:
            verdict += f" (with layers of {'-'.join(map(str, self.layers))} units)"
        if self.renderings > RENDERINGS_TOLERANCE:
            verdict += f" (its two renderings are {self.renderings:.1e} apart)"
        return (
            f"gradients {verdict}: off by at most {self.worst:.1e} from the complex step, "
            f"{self.worst_central:.1e} from central differences"
        )

    def table(self) -> list[str]:
        """A line for each parameter."""
        head = f"{'':8}{'complex step':>14}{'central differences':>22}"
        return [head, *(f"{n:8}{c:>14.1e}{d:>22.1e}" for n, (c, d) in self.parameters.items())]


def _worst(differences: Iterable[float]) -> float:
    listed = list(differences)
    return float("nan") if any(d != d for d in listed) else max(listed)


def _power(worst: float, powers: tuple[int, ...]) -> int:
    for power in powers:
        if worst <= 10.0**power:
            return power
    raise ValueError(f"the gradients are off by {worst:.1e}: there is no bound to print")


def loaded(source: str) -> ModuleType:
    """Execute the source of a generated module: our own output, not a user's text."""
    module = ModuleType("trainer")
    exec(compile(source, "trainer.py", "exec"), module.__dict__)
    return module


def check_source(source: str) -> GradientReport:
    """Check the gradients of a module given as source text."""
    module: Any = loaded(source)
    parameters, _, _ = module.example()
    entries = 0 if sum(p.size for p in parameters.values()) > ENTRYWISE else ENTRIES // len(parameters)
    return check_gradients(module, entries)


def check_module(path: Path) -> GradientReport:
    """Check every gradient entry of a generated module, given its file or its folder.

    Raises CheckError if there is no generated module at ``path``.
    """
    try:
        file = path / "trainer.py" if path.is_dir() else path
        found = file.is_file()
    except OSError as error:  # of a name that is too long, or a folder that may not be entered
        raise CheckError(f"{shown_path(path)} cannot be read: {(error.strerror or str(error)).lower()}") from None
    if not found:
        raise CheckError(f"{shown_path(path)} holds no trainer.py: give a generated folder, or the trainer.py in it")
    module = _imported(file)
    missing = [n for n in ("check_gradients", "example") if not callable(getattr(module, n, None))]
    if missing:
        raise CheckError(f"{shown_path(file)} is no generated module: it has no {missing[0]}()")
    try:
        small = sum(p.size for p in module.example()[0].values()) <= ENTRYWISE
        return check_gradients(module, None if small else ENTRIES)
    except (Exception, SystemExit) as problem:
        raise CheckError(f"{shown_path(file)} cannot be checked: {_reason(problem)}") from problem


def check_gradients(module: Any, entries: int | None) -> GradientReport:
    """Run a generated module's check on its own example; all entries if ``entries`` is None."""
    drawn = module.example(samples=SAMPLES, seed=SEED)
    apart = module.check_steps(*drawn) if hasattr(module, "check_steps") else 0.0
    return GradientReport(module.check_gradients(*drawn, entries=entries), entries=entries, renderings=apart)


def _reason(problem: BaseException) -> str:
    """What went wrong in a module, on one line."""
    return cut(" ".join(f"{type(problem).__name__}: {problem}".split()))


def _imported(file: Path) -> ModuleType:
    found = importlib.util.spec_from_file_location("derive_checked_trainer", file)
    if found is None or found.loader is None:
        raise CheckError(f"{shown_path(file)} is no Python file: give a generated folder, or the trainer.py in it")
    module = importlib.util.module_from_spec(found)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        found.loader.exec_module(module)
    except (Exception, SystemExit) as problem:
        raise CheckError(f"{shown_path(file)} cannot be imported: {_reason(problem)}") from problem
    finally:
        sys.dont_write_bytecode = writes
    return module
