"""Find the tensor that is the prediction, from the forward equations alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from derive.calculus.index import Equation, Tensor, symbols_read
from derive.calculus.roles import Role
from derive.text.errors import StatementError
from derive.text.user_text import listed


def stages(equations: Sequence[Equation], inputs: Iterable[Tensor]) -> tuple[list[Equation], list[Equation]]:
    """Split the equations into those of the forward stage and those of the error.

    Equations that depend on the targets, or that only the error uses, belong to the error.
    """
    compared = {t.name for t in inputs if t.role == Role.TARGET}
    forward: list[Equation] = []
    error: list[Equation] = []
    for equation in equations[:-1]:
        if equation.target.role == Role.PENALTY or compared & set(symbols_read(equation.expression)):
            compared.add(equation.target.name)
            error.append(equation)
        else:
            forward.append(equation)
    return forward, [*error, *equations[-1:]]


def prediction_of(equations: Sequence[Equation], inputs: Sequence[Tensor]) -> Tensor:
    """Return the tensor that the network predicts.

    It is the tensor with the role ``prediction``. Without such a tensor, it is the only tensor of the
    forward stage that the error reads and that has the axes of a target; failing that, the only one
    that the error reads and that has a sample axis. Raises StatementError if there is none or
    more than one.
    """
    forward, error = stages(equations, inputs)
    named = [e.target for e in equations if e.target.role == Role.PREDICTION]
    if named:
        return _named(named, [e.target for e in error])
    read = set().union(*(symbols_read(e.expression) for e in error))
    candidates = [e.target for e in forward if e.target.name in read]
    shapes = {t.axes for t in inputs if t.role == Role.TARGET}
    like_targets = [t for t in candidates if t.axes in shapes]
    found = like_targets or [t for t in candidates if any(a.sample for a in t.axes)]
    if not found:
        raise StatementError(
            "the error reads no tensor with an entry for each sample: "
            "state what the network predicts in an equation of its own, with the role 'prediction'"
        )
    if len(found) > 1:
        names, which = listed(t.name for t in found), "either" if len(found) == 2 else "each"
        raise StatementError(
            f"the error reads {names}, and {which} may be what the network predicts: "
            "give one of them the role 'prediction'"
        )
    return found[0]


def _named(named: list[Tensor], of_the_error: list[Tensor]) -> Tensor:
    if len(named) > 1:
        raise StatementError(f"{listed(t.name for t in named)} have the role 'prediction': give it to one of them")
    if named[0] in of_the_error:
        raise StatementError(f"{named[0].name} has the role 'prediction', but is computed from a target")
    return named[0]
