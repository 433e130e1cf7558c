"""The check of a generated module: gradients against numerical ones, and every tensor against the interpreter."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import replace
from math import isnan
from types import ModuleType
from typing import Any, cast

import numpy as np

from derive.calculus.diagonal import DIAGONAL
from derive.calculus.program import Program
from derive.paper.notation import Notation
from derive.record import record
from derive.targets.compare import Compared, cases, compared, further_points
from derive.targets.compare_functions import TOLERANCE as FUNCTION_TOLERANCE
from derive.targets.compare_functions import digits_lost, worst_function
from derive.targets.diagonal_check import TOLERANCE as DIAGONAL_TOLERANCE
from derive.targets.diagonal_check import diagonal_off
from derive.targets.grouped import Grouped, Some
from derive.targets.inputs import WithInputs
from derive.targets.named import example
from derive.targets.names import code_names
from derive.targets.numpy.package import Rendered
from derive.targets.numpy.runtime.check import gradient_report
from derive.targets.numpy.runtime.check_steps import compare_steps
from derive.targets.numpy.runtime.example import draw_example
from derive.text.errors import ModuleError, StatementError

#: The largest accepted difference of a gradient from each numerical one, relative to its own largest entry.
COMPLEX_STEP_TOLERANCE = 1e-12
DIFFERENCE_TOLERANCE = 1e-6
#: The largest accepted difference between the two renderings of a step, relative to the largest numbers.
RENDERINGS_TOLERANCE = 1e-11
#: The step of the central differences.
DIFFERENCE_STEP = 1e-6

#: The powers of ten that a document states as bounds of the worst errors. The errors are rounding
#: errors and differ between machines (1e-16 to 5e-15, and 6e-11 to 3e-7, over many networks), so the
#: bounds are few and far above them: the text is the same on every machine.
COMPLEX_STEP_POWERS = (-13, -12)
DIFFERENCE_POWERS = (-6,)

#: The file name of a generated module when it is executed.
_GENERATED = "generated module"

#: The random example on which a module is checked.
SAMPLES = 7
SEED = 0

#: The largest number of parameters of a module that is checked itself, not a smaller one of the same form.
LARGEST = 300_000
#: The largest number of steps of a recurrence that is checked itself, and the number of steps of a shorter one.
MOST_STEPS, FEW_STEPS = 20, 7
#: The least number of steps of an example whose number of steps is a name.
LEAST_STEPS = 3
#: The largest number of parameters of a module whose entries are checked one by one.
ENTRYWISE = 10_000
#: The number of entries that are checked one by one, spread over the parameters; a random direction
#: for each parameter covers the others.
ENTRIES = 64


@record
class GradientReport:
    """The results of the check of a module.

    ``parameters`` maps each parameter, and each input with a gradient, to the worst relative differences of its
    gradient from the complex step and from central differences. ``layers`` are the layers of the network that was
    checked, if it is a smaller one, ``steps`` the number of steps of the recurrence, if it is a shorter one,
    ``windows`` that of the windows of truncated back-propagation, if these are shorter. The example has ``samples``
    samples and was drawn from ``seed``. ``entries`` is the number of entries of each parameter that were checked one by
    one (None: all), in addition to a random direction; up to ``together`` parameters shared a direction. ``left_out``
    of the ``slopes`` were not compared with central differences, because
    a kink lies within the step. ``renderings`` is the difference between the two renderings of a step, NaN if the
    second one fails with the message ``broken``. ``tensors`` is the comparison with the interpreter (None without
    equations). ``function`` is the elementwise function with the largest error, and that error; ``lost`` says where
    functions lose digits that no form keeps. ``diagonal`` is the difference of the diagonal of the Gauss-Newton matrix
    from the complex step, if that is what is computed. ``finite`` is false if no random numbers with a finite error
    were found.
    """

    parameters: dict[str, tuple[float, float]]
    layers: tuple[int | str, ...] | None = None
    steps: int | None = None
    windows: int | None = None
    samples: int = SAMPLES
    seed: int = SEED
    entries: int | None = None
    together: int = 1
    renderings: float = 0.0
    left_out: int = 0
    slopes: int = 0
    tensors: Compared | None = None
    function: tuple[str, float] = ("", 0.0)
    lost: tuple[str, ...] = ()
    broken: str = ""
    finite: bool = True
    diagonal: float | None = None

    def require(self) -> None:
        """Raise StatementError or ModuleError if the check has not passed.

        StatementError: an equation has no value at the random numbers of the check, or the error overflows.
        ModuleError: the module computes a wrong value, which is a bug of this program.
        """
        wrong = self.tensors.wrong if self.tensors else ()
        undefined = next((d.name for d in wrong if isnan(d.off)), None)
        if undefined is not None:
            raise StatementError(
                f"the equation of {undefined} has no value at the random numbers of the check: a logarithm or a "
                "root of a number that may be negative, or a division by one that may be 0, cannot be checked so far"
            )
        if not self.finite and self.tensors and not any(d.is_error for d in wrong):
            raise StatementError(
                "the error is too large for float64 at the random numbers of the check, even at small ones, "
                "so its gradients cannot be checked"
            )
        if not self.passed:
            raise ModuleError(f"the check of the module failed: {self.line()}")

    @property
    def worst(self) -> float:
        """The worst difference from the complex step; NaN if any is NaN."""
        return _worst(c for c, _ in self.parameters.values())

    @property
    def worst_central(self) -> float:
        """The worst difference from central differences; NaN if any is NaN."""
        return _worst(d for _, d in self.parameters.values())

    @property
    def right(self) -> bool:
        """Whether every gradient is within tolerance of both numerical ones; NaN is not."""
        return all(is_right(*differences) for differences in self.parameters.values())

    @property
    def faults(self) -> tuple[str, ...]:
        """Descriptions of all faults except those of the gradients."""
        wrong = [str(difference) for difference in self.tensors.wrong] if self.tensors else []
        name, off = self.function
        if not off <= FUNCTION_TOLERANCE:
            wrong.append(f"{name} is off by {off:.1e} from its definition")
        if not self.renderings <= RENDERINGS_TOLERANCE:
            failed = f" ({self.broken})" if self.broken else ""
            wrong.append(f"the two renderings of a step differ by {self.renderings:.1e}{failed}")
        if self.diagonal is not None and not self.diagonal <= DIAGONAL_TOLERANCE:
            wrong.append(f"the diagonal is off by {self.diagonal:.1e} from the complex step")
        return tuple(wrong)

    @property
    def passed(self) -> bool:
        """Whether every gradient and everything else that was compared is right."""
        return self.right and not self.faults

    @property
    def below(self) -> int:
        """A k such that the worst difference from the complex step is at most 10**k, for a document.

        It is the same on every machine if the check passes. Raises ValueError if the check has failed.
        """
        return _power(self.worst, COMPLEX_STEP_POWERS)

    @property
    def below_central(self) -> int:
        """The same for central differences."""
        return _power(self.worst_central, DIFFERENCE_POWERS)

    def line(self) -> str:
        """Return the report as one line."""
        verdict = "right" if self.right else "WRONG"
        fewer = [f"{self.steps} steps"] if self.steps is not None else []
        fewer += [f"windows of {self.windows} steps"] if self.windows is not None else []
        verdict += f" (with {' and '.join(fewer)})" if fewer else ""
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
        """A sentence about the slopes that were not compared with central differences."""
        lie = "lies" if self.left_out == 1 else "lie"
        return (
            f"{self.left_out} of {self.slopes} slopes {lie} within {DIFFERENCE_STEP:g} of a kink and "
            f"{'was' if self.left_out == 1 else 'were'} not compared with central differences"
        )

    @property
    def range(self) -> str:
        """A sentence about overflow at larger parameters and lost digits; empty if there are none."""
        overflow = self.tensors.overflow if self.tensors else None
        large = (f"values overflow where parameters are {overflow:g} times as large",) if overflow else ()
        return "; ".join((*large, *self.lost))

    def table(self) -> list[str]:
        """Return a line for each parameter, and the line of ``seen``."""
        head = f"{'':8}{'complex step':>14}{'central differences':>22}"
        rows = (f"{n:8}{c:>14.1e}{d:>22.1e}" for n, (c, d) in self.parameters.items())
        return [head, *rows, self.seen()]

    def seen(self) -> str:
        """Return a sentence about the tensors that were compared with the interpreter."""
        if self.tensors is None:
            return "only the gradients were checked, because the equations of the network are not available"
        right = self.tensors.tensors - len(self.tensors.wrong)
        return (
            f"{right} of {self.tensors.tensors} tensors agree with the equations, to {self.tensors.worst:.1e}"
            if self.tensors.wrong
            else f"all {right} tensors agree with the equations: off by at most {self.tensors.worst:.1e}"
        )


def is_right(complex_step: float, central: float) -> bool:
    """Whether the differences of a gradient from both numerical ones are within tolerance; NaN is not."""
    return complex_step <= COMPLEX_STEP_TOLERANCE and central <= DIFFERENCE_TOLERANCE


def _worst(differences: Iterable[float]) -> float:
    listed = list(differences)
    return float("nan") if any(d != d for d in listed) else max(listed)


def _power(worst: float, powers: tuple[int, ...]) -> int:
    for power in powers:
        if worst <= 10.0**power:
            return power
    raise ValueError(f"the gradients are off by {worst:.1e}: there is no bound to print")


def loaded(source: str) -> ModuleType:
    """Execute the source of a generated module, which is output of this program, not text of a user.

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
    """Check a module against numerical gradients, and against the program that it was generated from.

    Raises ModuleError, naming the equation, if it does not run.
    """
    module: Any = loaded(rendered.linked)
    try:
        report = check_gradients(module, _entries(module))
        found = compare_named(report, module, rendered, program, notation)
        if rendered.function == DIAGONAL:
            found = replace(found, diagonal=_of_diagonal(rendered, module, program, notation))
        return replace(found, renderings=_of_layer(rendered, module)) if program.upstream else found
    except Exception as problem:
        raise _failed(rendered.linked, problem) from problem


def _of_layer(rendered: Rendered, module: Any) -> float:
    """The difference between the gradients of the file of a layer alone and those of a module."""
    layer: Any = loaded(rendered.layer)
    parameters, *data = draw_example(module.NETWORK, SAMPLES, SEED)
    expected = module.NETWORK.differentiated(parameters, *data)
    if module.NETWORK.has_input_gradients:
        expected |= module.NETWORK.sensitivities(parameters, *data)
    values: dict[str, Any] = {}
    layer.forward(parameters, *data[: module.NETWORK.data.passed], values)
    found = getattr(layer, rendered.function)(parameters, *data, values)
    return max(float(np.max(np.abs(found[n] - e)) / max(np.max(np.abs(e)), 1e-290)) for n, e in expected.items())


def _of_diagonal(rendered: Rendered, module: Any, program: Program, notation: Notation) -> float:
    """The difference of the diagonal of the Gauss-Newton matrix from the complex step."""
    _, *drawn = draw_example(module.NETWORK, SAMPLES, SEED)
    return diagonal_off(loaded(rendered.layer), program, code_names(program, notation).tensors, drawn, SEED)


def compare_named(
    report: GradientReport, module: Any, rendered: Rendered, program: Program, notation: Notation
) -> GradientReport:
    """Return the report, completed by the comparison of every named tensor and every elementwise function."""
    names = code_names(program, notation).tensors
    points = cases(module, program, names)
    apart, broken = report.renderings, report.broken
    for case in further_points(module, program, names, points) if not broken else ():
        with case.constants(module, names):
            more, broken = _renderings(module, *case.point.drawn, state=case.point.state)
        apart = float(np.maximum(apart, more))
    tensors, function = compared(module, names, points), worst_function(module, rendered.functions)
    lost = digits_lost(module, rendered.functions)
    return replace(report, tensors=tensors, function=function, lost=lost, renderings=apart, broken=broken)


def check_gradients(module: Any, entries: int | None) -> GradientReport:
    """Run the check of a generated module on its own example; all entries if ``entries`` is None."""
    seed, drawn = example(module, SAMPLES, SEED)
    network = module.NETWORK
    parameters, *data = drawn
    if network.has_input_gradients:
        network = WithInputs(network, [*network.sensitivities(*drawn)])
        parameters = network.joined(parameters, data)
    report = _measured(network, (parameters, *data), entries)
    apart, broken = _renderings(module, *drawn)
    with np.errstate(all="ignore"):
        finite = bool(np.isfinite(module.error(*drawn)))
    return replace(report, seed=seed, renderings=apart, broken=broken, finite=finite)


def _measured(network: Any, drawn: tuple[Any, ...], entries: int | None) -> GradientReport:
    """Compare the gradients with numerical ones: each parameter alone if there are few or if its group is wrong."""
    if entries != 0 or len(drawn[0]) <= ENTRIES:
        parameters, left_out, slopes = gradient_report(network, *drawn, entries=entries)
        return GradientReport(parameters, entries=entries, left_out=left_out, slopes=slopes)
    grouped = Grouped(network, drawn[0], drawn[1:], ENTRIES)
    found, left_out, slopes = gradient_report(cast(Any, grouped), grouped.joined(drawn[0]), *drawn[1:], entries=0)
    each = {name: grouped.judged(name, found) for name in drawn[0]}
    if wrong := [name for name, off in each.items() if not is_right(*off)]:
        some = Some(network, [*wrong, max(grouped.scales, key=grouped.scales.__getitem__)])
        alone, more_left_out, more = gradient_report(cast(Any, some), *drawn, entries=0)
        each |= alone
        left_out, slopes = left_out + more_left_out, slopes + more
    return GradientReport(each, entries=0, together=grouped.most, left_out=left_out, slopes=slopes)


def _renderings(module: Any, *drawn: Any, **more: Any) -> tuple[float, str]:
    """The difference between the two renderings of a step, and the message if the second one fails."""
    try:
        return compare_steps(module.NETWORK, module.Trainer.steps, *drawn, **more), ""
    except Exception as problem:
        return float("nan"), f"{type(problem).__name__}: {problem}"


def _entries(module: Any) -> int:
    parameters, *_ = draw_example(module.NETWORK)
    return 0 if sum(p.size for p in parameters.values()) > ENTRYWISE else ENTRIES // max(len(parameters), 1)


def _failed(source: str, problem: Exception) -> ModuleError:
    """An error with the exception that a module raised, and the equation where it did."""
    lines = [frame.lineno for frame in traceback.extract_tb(problem.__traceback__) if frame.filename == _GENERATED]
    at = next((found for number in reversed(lines) if (found := _at(source, number))), "")
    return ModuleError(f"the module does not run: {at}{type(problem).__name__}: {problem}")


def _at(source: str, line: int | None) -> str:
    """The equation that a line of a module computes, as the beginning of a message; empty without one."""
    lines = source.splitlines()
    if line is None or not 0 < line <= len(lines):
        return ""
    _, mark, number = lines[line - 1].rpartition("  # (")
    return f"equation ({number.rstrip(')')}): " if mark else ""
