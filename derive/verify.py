"""Gradient checks: the generated module against the complex step and central differences."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

#: How far a gradient may be from each oracle, relative to its own largest entry.
COMPLEX_STEP_TOLERANCE = 1e-12
DIFFERENCE_TOLERANCE = 1e-6

#: Entries that are checked one by one, spread over the parameters; for each, a random
#: direction covers the rest.
ENTRIES = 64


class CheckError(ValueError):
    """A path at which there is no generated module."""


@dataclass(frozen=True)
class GradientReport:
    """The worst relative difference of each parameter's gradient from the two oracles."""

    parameters: dict[str, tuple[float, float]]

    @property
    def worst(self) -> float:
        """The worst difference from the complex step."""
        return max(c for c, _ in self.parameters.values())

    @property
    def worst_central(self) -> float:
        """The worst difference from central differences."""
        return max(d for _, d in self.parameters.values())

    @property
    def passed(self) -> bool:
        """Whether every gradient is within tolerance of both oracles (NaN is not)."""
        return all(c <= COMPLEX_STEP_TOLERANCE and d <= DIFFERENCE_TOLERANCE for c, d in self.parameters.values())

    def line(self) -> str:
        """One line of text."""
        verdict = "right" if self.passed else "WRONG"
        return (
            f"gradients {verdict}: off by at most {self.worst:.1e} from the complex step, "
            f"{self.worst_central:.1e} from central differences"
        )

    def table(self) -> list[str]:
        """A line for each parameter."""
        head = f"{'':8}{'complex step':>14}{'central differences':>22}"
        return [head, *(f"{n:8}{c:>14.1e}{d:>22.1e}" for n, (c, d) in self.parameters.items())]


def check_source(source: str) -> GradientReport:
    """Check the gradients of a module given as source text."""
    module = ModuleType("trainer")
    exec(compile(source, "trainer.py", "exec"), module.__dict__)  # our own output, not a user's text
    parameters, _, _ = module.example()
    return check_gradients(module, ENTRIES // len(parameters))


def check_module(path: Path) -> GradientReport:
    """Check every gradient entry of a generated module, given its file or its folder.

    Raises CheckError if there is no generated module at ``path``.
    """
    file = path / "trainer.py" if path.is_dir() else path
    if not file.is_file():
        raise CheckError(f"{path} holds no trainer.py: give a generated folder, or the trainer.py in it")
    module = _imported(file)
    missing = [n for n in ("check_gradients", "example") if not callable(getattr(module, n, None))]
    if missing:
        raise CheckError(f"{file} is no generated module: it has no {missing[0]}()")
    return check_gradients(module, None)


def check_gradients(module: Any, entries: int | None) -> GradientReport:
    """Run a generated module's check on its own example."""
    return GradientReport(module.check_gradients(*module.example(), entries=entries))


def _imported(file: Path) -> ModuleType:
    found = importlib.util.spec_from_file_location("derive_checked_trainer", file)
    if found is None or found.loader is None:
        raise CheckError(f"{file} is no Python file: give a generated folder, or the trainer.py in it")
    module = importlib.util.module_from_spec(found)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        found.loader.exec_module(module)
    except Exception as problem:
        raise CheckError(f"{file} cannot be imported: {type(problem).__name__}: {problem}") from problem
    finally:
        sys.dont_write_bytecode = writes
    return module
