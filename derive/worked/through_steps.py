"""How much of a derivative arrives after many steps of a recurrence, measured in a worked example."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from derive.calculus.evaluate import FLOATS, Interpreter
from derive.calculus.index import Equation, Tensor
from derive.calculus.one_step import OneStep, Place
from derive.calculus.roles import Role

Array = NDArray[np.float64]


def arriving(step: OneStep, machine: Interpreter) -> dict[int, float]:
    """Return, for each step, the largest singular value of the derivative of the last step with respect to it.

    These are derivatives of all tensors together that a step reads of the step before, for the first sample; nothing if
    a step reads more than one earlier step. ``machine`` has the values of the forward pass.
    """
    if any(abs(place.moved) != 1 for place in step.earlier):
        return {}
    floats = Interpreter(
        {n: np.asarray(v, float) for n, v in machine.values.items()}, machine.sizes, machine.tensors, FLOATS
    )
    jacobians = matrices(step, floats)
    places = [*floats.places(step.step)]
    order = places if step.recurrence.backward else places[::-1]
    found, reached = {}, np.eye(jacobians.shape[1])
    for last, before in pairwise(order):
        reached = reached @ jacobians[last - places[0]]
        found[before] = float(np.linalg.norm(reached, 2))
    return found


def matrices(step: OneStep, machine: Interpreter) -> Array:
    """The Jacobian matrix of each step, from all tensors that it reads of the step before to the same tensors."""
    names = [place.tensor.name for place in step.earlier]
    shapes = {p.tensor.name: _shape(p, step, machine) for p in step.earlier}
    steps = len(machine.places(step.step))
    blocks = {(of, wrt): np.zeros((steps, shapes[of], shapes[wrt])) for of in names for wrt in names}
    for one in step.derivatives:
        indices = (step.step, *one.of_indices, *one.wrt_indices)
        whole = Tensor("jacobian", Role.PLAIN.value, tuple(i.axis for i in indices))
        values = machine.tensor(Equation(whole, indices, step.at_places(one.value)))
        first = values[tuple(0 if i.axis.sample else slice(None) for i in indices)]
        key = one.of.tensor.name, one.wrt.tensor.name
        blocks[key] = first.reshape(blocks[key].shape)
    return np.concatenate([np.concatenate([blocks[of, wrt] for wrt in names], axis=2) for of in names], axis=1)


def _shape(place: Place, step: OneStep, machine: Interpreter) -> int:
    """The number of entries of a tensor at a step."""
    indices = step.supply.several(place.held.axes)
    return int(np.prod([len(machine.places(i)) for i in indices if not i.axis.sample], dtype=int))
