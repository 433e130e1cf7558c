"""Reject forward passes that cannot be derived, printed and run, with messages in the user's own names."""

from __future__ import annotations

from derive.calculus.equation_checks import EquationChecks
from derive.calculus.index import Equation
from derive.calculus.normal_form import Stated, exact
from derive.calculus.prediction import predictions_of
from derive.calculus.recurrence import components, recurrences
from derive.calculus.running import check_running
from derive.calculus.starts import check_starts
from derive.calculus.tensor_checks import check_size, check_tensors
from derive.text.errors import StatementError


def check(forward: Stated) -> tuple[Equation, ...]:
    """Check a forward pass, and return its equations as ``exact`` gives them.

    Raises StatementError for the first failure, in one sentence.
    """
    check_tensors(forward)
    checks = EquationChecks(forward.constants, forward.tensors.values(), forward.promises)
    known = {t.name for t in forward.inputs + forward.parameters}
    reads = {e.target.name: [*checks.names_read(e)] for e in forward.equations}
    circles = components({name: [r for r in found if r in reads] for name, found in reads.items()})
    together = {name: circle for circle in circles for name in circle if len(circle) > 1 or name in reads[name]}
    checks.recurring |= together.keys()
    for equation in forward.equations:
        circle = together.get(equation.target.name)
        checks.check(equation, known.union(circle) if circle else known)
        known.add(equation.target.name)
    equations = exact(forward)
    recurrences(equations)
    *_, last = forward.equations
    if last.target.axes:
        raise StatementError(f"the last equation, of {last.target.name}, is the error and must be one number")
    if not set(checks.names_read(last)) & set(checks.tensors):
        raise StatementError(f"the error, {last.target.name}, reads no tensor: it must depend on the prediction")
    check_starts(forward, equations)
    predictions_of(equations, forward.inputs, forward.outputs)
    for kept in forward.running:
        check_size(kept.start, f"the start of the running average of {kept.name}")
    check_running(forward.running, equations, forward.inputs, forward.parameters)
    return equations
