"""Judge the code of a derivation by the statement alone: every tensor, and every gradient by the complex step."""

from __future__ import annotations

from typing import Any

import numpy as np
from forward_values import Values

from derive.api import Derivation
from derive.calculus.forward import ForwardPass
from derive.statement.statement import Statement
from derive.targets.named import in_axes, sizes
from derive.targets.verify import loaded

Array = np.ndarray[Any, Any]
#: A gradient this much smaller than the largest one may be what is left of terms that cancel.
CANCELLED = 1e-3


def judge(derivation: Derivation, forward: ForwardPass) -> None:
    """Check the module, and compare it and the text of the equations with the forward pass as it was stated."""
    report = derivation.check()
    assert report.passed, report.line()
    network: Any = loaded(derivation.numpy_target.readable.linked)
    parameters, *data = network.example(samples=4, seed=3)
    network = network.NETWORK
    program = derivation.program
    given = dict(zip((t.name for t in program.inputs), data, strict=True)) | parameters
    arrays = {name: in_axes(program.tensors[name], value) for name, value in given.items()}
    counts = sizes(program, arrays)
    arrays |= {name: np.asarray(float(value)) for name, value in forward.constants.items()}
    stated = Values(forward, arrays, counts)
    error = forward.error.target.name
    with np.errstate(all="ignore"):
        if not np.all(np.isfinite(stated.values[error])):
            return
        values = network.values(parameters, data)
        close(network.error(parameters, *data, values), stated.values[error], error)
        written = Statement(derivation.equations()).forward_pass()
        close(Values(written, arrays, counts).values[error], stated.values[error], f"{error} of the written text")
        slopes = network.differentiated(parameters, *data)
        if network.has_input_gradients:
            slopes |= network.sensitivities(parameters, *data)
        largest = max(float(np.max(np.abs(slope))) for slope in slopes.values())
        terms = max(float(np.max(np.abs(value), initial=0)) for value in stated.values.values())
        least = max(CANCELLED * largest, 1e-6 * abs(float(stated.values[error])))
        if largest <= 1e-9 * terms:  # all of them are 0 but for rounding
            least = max(least, 1e-2 * terms)
        for name, slope in slopes.items():
            expected = stated.slopes(error, name)
            close(in_axes(program.tensors[name], slope), expected, f"the gradient of {name}", least)


def close(found: Any, expected: Array, what: str, least: float = 1e-6) -> None:
    """Equal to nine digits of the largest entry, or of a number that is ``least`` as large as it."""
    found = np.asarray(found, float)
    assert found.shape == expected.shape, (what, found.shape, expected.shape)
    if not np.all(np.isfinite(expected)):
        return
    size = max(least, float(np.max(np.abs(expected), initial=0)))
    off = float(np.max(np.abs(found - expected), initial=0))
    assert off <= 1e-9 * size, f"{what} is off by {off / size:.1e}"
