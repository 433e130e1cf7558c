"""Numbers that are not finite: the equation in which they first appear, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from derive.targets.numpy.runtime.values import Array, Parameters


def _why_not_finite(
    network: Any,
    parameters: Parameters,
    data: Sequence[Array],
    large: str,
    broken: str = "",
    state: Parameters | None = None,
) -> str:
    """Why a step comes to a number that is not finite, and in which equation.

    `large` says what is wrong where a finite number becomes too large. `broken` is
    the array that is not finite after the step, if only the update broke it. With a
    `state`, the forward pass is that of a prediction.
    """
    events: list[str] = []
    undefined = "an equation is not defined at these numbers"
    noted = np.errstate(
        all="call", under="ignore", call=lambda kind, _: events.append(kind)
    )
    with noted:
        values = network.values(parameters, data, state)
        found = _first_not_finite(values, network.equations)
        if not found:
            events.clear()
            error = network.error(parameters, *data, values)
            found = _first_not_finite(
                {**values, network.error_name: error}, network.equations
            )
        if not found:
            events.clear()
            undefined = "the error has no derivative at these numbers"
            slopes = network.gradients(parameters, *data, values)
            found = _first_not_finite(values, network.equations)
            for name, slope in slopes.items():
                what = f"the gradient of {name}"
                found = found or _not_finite(slope, what, network.slopes.get(name))
    if not found:
        where = f"equation ({network.updates.get(broken)}), the update of {broken}"
        return f"{large} (in {where})" if broken else large
    number, where = found
    cause = _CAUSES.get(events[0]) if number in network.undefined and events else None
    return f"{undefined} ({where}: {cause})" if cause else f"{large} ({where})"


def _first_not_finite(
    values: Parameters, equations: Mapping[str, int]
) -> tuple[int | None, str] | None:
    """The first equation whose result is not finite: its number, what to say."""
    for name, value in values.items():
        found = _not_finite(value, name, equations.get(name))
        if found:
            return found
    return None


#: Why a number is not finite, in the words of NumPy and in ours.
_CAUSES = {
    "divide by zero": "a division by 0, or a logarithm of 0",
    "invalid value": "0/0, or a root or a logarithm of a negative number",
}


def _not_finite(
    value: Any, name: str, number: int | None
) -> tuple[int | None, str] | None:
    """The number of an equation and what to say of it, if its result is not finite."""
    entries = np.ravel(value)
    wrong = entries[~np.isfinite(entries)]
    if not wrong.size:
        return None
    kind = "NaN" if np.isnan(wrong[0]) else "infinity"
    return number, f"{kind} first appears in equation ({number}), {name}"
