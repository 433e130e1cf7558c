"""The check of a generated module: gradients against what is measured, and every tensor against the interpreter."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isnan
from types import ModuleType
from typing import Any, cast

import numpy as np

from derive.calculus.program import Program
from derive.paper.notation import Notation
from derive.targets.compare import Compared, cases, compared, further_points
from derive.targets.compare_functions import TOLERANCE as FUNCTION_TOLERANCE
from derive.targets.compare_functions import worst_function
from derive.targets.grouped import Grouped
from derive.targets.named import example
from derive.targets.names import code_names
from derive.targets.numpy.package import Rendered
from derive.targets.numpy.runtime.check import compare_steps, draw_example, gradient_report
from derive.text.errors import ModuleError, StatementError

#: How far a gradient may be from each oracle, relative to its own largest entry.
COMPLEX_STEP_TOLERANCE = 1e-12
DIFFERENCE_TOLERANCE = 1e-6
#: How far the two renderings of a step may be apart, relative to the largest numbers and to what rounding does.
RENDERINGS_TOLERANCE = 1e-11
#: The step of the central differences.
DIFFERENCE_STEP = 1e-6

#: The powers of ten below which a document says that the worst errors were. The errors
#: themselves are rounding and differ between machines (1e-16 to 5e-15, and 6e-11 to 3e-7,
#: over many networks), so the powers are few and far from those: the text stays the same.
COMPLEX_STEP_POWERS = (-13, -12)
DIFFERENCE_POWERS = (-6,)

#: What a generated module is called where it is executed.
_GENERATED = "generated module"

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


@dataclass(frozen=True)
class GradientReport:
    """The worst relative difference of each parameter's gradient from the two oracles, and what else was compared.

    The example was drawn from ``seed`` and has ``samples`` samples. ``entries`` says how many
    entries of each parameter were checked one by one (None: all); a random direction through all of them was checked
    besides, up to ``together`` parameters sharing one. ``left_out`` of the ``slopes`` so measured were not compared
    with central differences, as a kink lies within their step. ``renderings`` is how far apart the two renderings of a
    step are, NaN where the second one fails as ``broken`` says.
    ``tensors`` are those that were compared with the interpreter of the equations (None: they were not, for want of
    the equations), ``function`` is the elementwise function farthest from its definition, and how far.
    ``finite`` says whether the error is; it is not where no random numbers were found at which it is.
    ``layers`` are those of the network that was checked, if it is a smaller one.
    """

    parameters: dict[str, tuple[float, float]]
    layers: tuple[int | str, ...] | None = None
    samples: int = SAMPLES
    seed: int = SEED
    entries: int | None = None
    together: int = 1
    renderings: float = 0.0
    left_out: int = 0
    slopes: int = 0
    tensors: Compared | None = None
    function: tuple[str, float] = ("", 0.0)
    broken: str = ""
    finite: bool = True

    def require(self) -> None:
        """Raise StatementError or ModuleError if the check has not passed.

        The first says that an equation has no value at the numbers of the check, or that the error overflows there;
        the second names what the module computes wrong, which is a fault of this program.
        """
        wrong = self.tensors.wrong if self.tensors else ()
        undefined = next((d.name for d in wrong if isnan(d.off)), None)
        if undefined is not None:
            raise StatementError(
                f"the equation of {undefined} has no value at the random numbers of the check: a logarithm or a "
                "root of what may be negative, or a division by what may be 0, cannot be checked so far"
            )
        if not self.finite and self.tensors and not any(d.is_error for d in wrong):
            raise StatementError(
                "the error is too large for a number of float64 at the random numbers of the check, even at small "
                "ones, so that its gradients cannot be checked"
            )
        if not self.passed:
            raise ModuleError(f"the check of the module failed: {self.line()}")

    @property
    def worst(self) -> float:
        """The worst difference from the complex step; NaN if one is."""
        return _worst(c for c, _ in self.parameters.values())

    @property
    def worst_central(self) -> float:
        """The worst difference from central differences; NaN if one is."""
        return _worst(d for _, d in self.parameters.values())

    @property
    def right(self) -> bool:
        """Whether every gradient is within tolerance of both oracles (NaN is not)."""
        return all(c <= COMPLEX_STEP_TOLERANCE and d <= DIFFERENCE_TOLERANCE for c, d in self.parameters.values())

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong beside the gradients, each in some words."""
        wrong = [str(difference) for difference in self.tensors.wrong] if self.tensors else []
        name, off = self.function
        if not off <= FUNCTION_TOLERANCE:
            wrong.append(f"{name} is off by {off:.1e} from its definition")
        if not self.renderings <= RENDERINGS_TOLERANCE:
            failed = f" ({self.broken})" if self.broken else ""
            wrong.append(f"the two renderings of a step differ by {self.renderings:.1e}{failed}")
        return tuple(wrong)

    @property
    def passed(self) -> bool:
        """Whether every gradient is right, and all else that was compared."""
        return self.right and not self.faults

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
        verdict = "right" if self.right else "WRONG"
        if self.layers is not None:
            verdict += f" (with layers of {'-'.join(map(str, self.layers))} units)"
        measured = (
            f"gradients {verdict}: off by at most {self.worst:.1e} from the complex step, "
            f"{self.worst_central:.1e} from central differences"
        )
        left_out = (f"; {self.apart}",) if self.left_out else ()
        range_ = (f"; {self.range}",) if self.range else ()
        return "".join((measured, *left_out, *range_, *(f"; WRONG: {fault}" for fault in self.faults)))

    @property
    def apart(self) -> str:
        """What was not compared with central differences, in a sentence."""
        lie = "lies" if self.left_out == 1 else "lie"
        return (
            f"{self.left_out} of {self.slopes} slopes {lie} within {DIFFERENCE_STEP:g} of a kink and "
            f"{'was' if self.left_out == 1 else 'were'} not compared with central differences"
        )

    @property
    def range(self) -> str:
        """How far the module can be used, in a sentence; empty where nothing overflowed."""
        overflow = self.tensors.overflow if self.tensors else None
        return f"values overflow where parameters are {overflow:g} times as large" if overflow else ""

    def table(self) -> list[str]:
        """A line for each parameter, and one that says what else was seen."""
        head = f"{'':8}{'complex step':>14}{'central differences':>22}"
        rows = (f"{n:8}{c:>14.1e}{d:>22.1e}" for n, (c, d) in self.parameters.items())
        return [head, *rows, self.seen()]

    def seen(self) -> str:
        """How many tensors were compared with the interpreter."""
        if self.tensors is None:
            return "only the gradients were checked: the equations of the network are not at hand"
        right = self.tensors.tensors - len(self.tensors.wrong)
        return (
            f"{right} of {self.tensors.tensors} tensors are those of the equations, to {self.tensors.worst:.1e}"
            if self.tensors.wrong
            else f"all {right} tensors are those of the equations: off by at most {self.tensors.worst:.1e}"
        )


def _worst(differences: Iterable[float]) -> float:
    listed = list(differences)
    return float("nan") if any(d != d for d in listed) else max(listed)


def _power(worst: float, powers: tuple[int, ...]) -> int:
    for power in powers:
        if worst <= 10.0**power:
            return power
    raise ValueError(f"the gradients are off by {worst:.1e}: there is no bound to print")


def loaded(source: str) -> ModuleType:
    """Execute the source of a generated module: our own output, not a user's text.

    Raises ModuleError, naming the equation, if it does not parse or cannot be executed.
    """
    module = ModuleType(_GENERATED)
    try:
        exec(compile(source, _GENERATED, "exec"), module.__dict__)
    except SyntaxError as problem:
        raise ModuleError(f"the module does not parse: {_at(source, problem.lineno)}{problem.msg}") from problem
    except Exception as problem:
        raise _failed(source, problem) from problem
    return module


def check_rendered(rendered: Rendered, program: Program, notation: Notation) -> GradientReport:
    """Check a module against what is measured, and against the program that it was made from.

    Raises ModuleError, naming the equation, if it does not run.
    """
    module: Any = loaded(rendered.linked)
    try:
        report = check_gradients(module, _entries(module))
        return compare_named(report, module, rendered, program, notation)
    except Exception as problem:
        raise _failed(rendered.linked, problem) from problem


def compare_named(
    report: GradientReport, module: Any, rendered: Rendered, program: Program, notation: Notation
) -> GradientReport:
    """The report with every named tensor and every elementwise function of a module compared."""
    names = code_names(program, notation).tensors
    points = cases(module, program, names)
    apart, broken = report.renderings, report.broken
    for case in further_points(module, program, names, points) if not broken else ():
        with case.constants(module, names):
            more, broken = _renderings(module, *case.point.data, state=case.point.state)
        apart = float(np.maximum(apart, more))
    tensors, function = compared(module, names, points), worst_function(module, rendered.functions)
    return replace(report, tensors=tensors, function=function, renderings=apart, broken=broken)


def check_gradients(module: Any, entries: int | None) -> GradientReport:
    """Run a generated module's own check on its own example; all entries if ``entries`` is None."""
    seed, drawn = example(module, SAMPLES, SEED)
    report = _measured(module.NETWORK, drawn, entries)
    apart, broken = _renderings(module, *drawn)
    with np.errstate(all="ignore"):
        finite = bool(np.isfinite(module.error(*drawn)))
    return replace(report, seed=seed, renderings=apart, broken=broken, finite=finite)


def _measured(network: Any, drawn: tuple[dict[str, Any], Any, Any], entries: int | None) -> GradientReport:
    """The gradients beside what is measured; each parameter alone if there are few, or if a group is not right."""
    if entries == 0 and len(drawn[0]) > ENTRIES:
        grouped = Grouped(network, *drawn, ENTRIES)
        found, left_out, slopes = gradient_report(cast(Any, grouped), grouped.joined(drawn[0]), *drawn[1:], entries=0)
        each = {name: grouped.judged(name, found) for name in drawn[0]}
        report = GradientReport(each, entries=0, together=grouped.most, left_out=left_out, slopes=slopes)
        if report.right:
            return report
    parameters, left_out, slopes = gradient_report(network, *drawn, entries=entries)
    return GradientReport(parameters, entries=entries, left_out=left_out, slopes=slopes)


def _renderings(module: Any, *drawn: Any, **more: Any) -> tuple[float, str]:
    """How far the two renderings of a step are apart; if the second one fails, that is no fault of the gradients."""
    try:
        steps = module.Trainer.steps
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where the equations were edited, fit does without the second rendering
            steps = steps if steps is None or steps.fit(module.NETWORK) else None
        return compare_steps(module.NETWORK, steps, *drawn, **more), ""
    except Exception as problem:
        return float("nan"), f"{type(problem).__name__}: {problem}"


def _entries(module: Any) -> int:
    parameters, _, _ = draw_example(module.NETWORK)
    return 0 if sum(p.size for p in parameters.values()) > ENTRYWISE else ENTRIES // len(parameters)


def _failed(source: str, problem: Exception) -> ModuleError:
    """What stopped a module, with the equation that it was at."""
    lines = [frame.lineno for frame in traceback.extract_tb(problem.__traceback__) if frame.filename == _GENERATED]
    at = next((found for number in reversed(lines) if (found := _at(source, number))), "")
    return ModuleError(f"the module does not run: {at}{type(problem).__name__}: {problem}")


def _at(source: str, line: int | None) -> str:
    """The equation that a line of a module computes, as the beginning of a message."""
    lines = source.splitlines()
    if line is None or not 0 < line <= len(lines):
        return ""
    _, mark, number = lines[line - 1].rpartition("  # (")
    return f"equation ({number.rstrip(')')}): " if mark else ""
