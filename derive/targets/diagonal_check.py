"""The diagonal of the Gauss-Newton matrix, compared with the complex step of the outputs and of ∂E/∂q."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from derive.calculus.program import Program
from derive.calculus.roles import Role

#: The complex step, the number of entries of each parameter, and the largest accepted relative difference.
STEP, ENTRIES, TOLERANCE = 1e-30, 6, 1e-10


def diagonal_off(layer: Any, program: Program, codes: Mapping[str, str], drawn: list[Any], seed: int) -> float:
    """Return the largest difference of some entries, relative to the largest entry.

    As one parameter moves, the outputs q move by a column of J, and ∂E/∂q by H times it. ``layer`` is the module,
    ``codes`` are the names of its tensors, ``drawn`` the inputs. What is taken for a constant moves, too, so that the
    difference is 0, for want of a comparison, if there is any.
    """
    if program.stopped:
        return 0.0
    given = [t.name for t in program.inputs if t.role != Role.TARGET]
    data, owners = dict(zip(given, drawn, strict=False)), dict[str, str]()
    (weight,) = program.sought
    data[weight.name] = np.ones_like(data[weight.name])
    for statement in program.stage("forward"):
        if statement.target.role == Role.STATED_GRADIENT:
            owners[statement.target.owner.name] = codes[statement.target.name]

    def computed(moved: dict[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        layer.forward({}, *moved.values(), values)
        return values

    values, choose = computed(data), np.random.default_rng(seed)
    found = {t.name.removeprefix("v_"): values[codes[t.about.name]] for t in program.upstream if t.about is not None}
    largest, worst = max(np.max(np.abs(d)) for d in found.values()), 0.0
    for name, diagonal in found.items():
        for number in choose.choice(diagonal.size, min(ENTRIES, diagonal.size), replace=False):
            entry = np.unravel_index(number, data[name].shape)
            array = data[name].astype(complex)
            array[entry] += STEP * 1j
            slopes = {n: np.imag(v) / STEP for n, v in computed({**data, name: array}).items()}
            parts = (np.sum(slopes[codes[owner]] * slopes[code]) for owner, code in owners.items() if owner not in data)
            expected = sum(parts) + (slopes[owners[name]][entry] if name in owners else 0)
            worst = max(worst, float(np.abs(diagonal.reshape(array.shape)[entry] - expected)))
    return worst / max(float(largest), 1e-290)
