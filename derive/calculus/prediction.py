"""Find the tensor that is the prediction, from the forward equations alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from derive.calculus.functions import STOP
from derive.calculus.index import Equation, Tensor, symbols_read
from derive.calculus.roles import Role
from derive.text.errors import StatementError
from derive.text.user_text import listed


def stages(equations: Sequence[Equation], inputs: Iterable[Tensor]) -> tuple[list[Equation], list[Equation]]:
    """Split the equations into those of the forward stage and those of the error.

    Equations that depend on the targets, or that only the error uses, belong to the error.
    """
    compared = {t.name for t in inputs if t.is_compared}
    forward: list[Equation] = []
    error: list[Equation] = []
    for equation in equations[:-1]:
        if equation.target.role == Role.PENALTY or compared & set(symbols_read(equation.expression)):
            compared.add(equation.target.name)
            error.append(equation)
        else:
            forward.append(equation)
    return forward, [*error, *equations[-1:]]


def predictions_of(
    equations: Sequence[Equation], inputs: Sequence[Tensor], outputs: Sequence[str] = ()
) -> tuple[Tensor, ...]:
    """Return the tensors that the network predicts: those called ``outputs``, if any, or else what the equations tell.

    They tell the tensor with the role ``prediction``. Without such a tensor, they are the tensors of the
    forward stage that the error reads and that have the axes of a target; failing that, those
    that the error reads and that have a sample axis; failing that, the last tensor with a sample axis.
    Raises StatementError if an output is not computed, or depends on a target.
    """
    forward, error = stages(equations, inputs)
    computed = {e.target.name: e.target for e in forward}
    named = [*outputs] or [e.target.name for e in equations if e.target.role == Role.PREDICTION]
    if not outputs and len(named) > 1:
        raise StatementError(f"{listed(named)} have the role 'prediction': give it to one of them, or name the outputs")
    for name in named:
        if name not in computed:
            late = any(e.target.name == name for e in error)
            problem = "it is computed from a target" if late else "no equation states it"
            raise StatementError(f"{name} cannot be predicted, because {problem}: predict {listed(computed)}")
    if named:
        return tuple(computed[name] for name in named)
    read = set().union(*(symbols_read(e.expression) for e in error))
    stopped = {e.target.name for e in forward if isinstance(e.expression, STOP)}
    candidates = [tensor for name, tensor in computed.items() if name in read - stopped]
    shapes = {t.axes for t in inputs if t.role == Role.TARGET}
    by_sample = [t for t in candidates if any(a.sample for a in t.axes)]
    last = [e.target for e in forward if any(a.sample for a in e.target.axes)][-1:]
    found = [t for t in candidates if t.axes in shapes] or by_sample or last
    if not found and not any(a.sample for t in inputs for a in t.axes):  # there are no samples
        found = candidates or [e.target for e in forward][-1:]
    if not found:
        raise StatementError(
            "no equation states a tensor with an entry for each sample: "
            "state what the network predicts in an equation of its own"
        )
    return tuple(found)
