"""Every tensor that a generated module computes in one step, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.calculus.index import Tensor
from derive.calculus.program import Program
from derive.learning.optimizers import LEARNING_RATE
from derive.record import record

Array = NDArray[Any]
Values = Mapping[str, Array]

#: Number of examples drawn before giving up on a finite error.
DRAWS = 20


@record
class Point:
    """Parameters, optimizer state and data of a step, stored as the module takes them."""

    parameters: Values
    state: Values
    X: Array
    Y: Array
    learning_rate: float = 0.5

    @property
    def data(self) -> tuple[dict[str, Array], Array, Array]:
        """The parameters, the inputs and the targets."""
        return dict(self.parameters), self.X, self.Y

    def given(self, program: Program) -> dict[str, Array]:
        """Every given (not computed) tensor by name, with one axis for each axis in the equations."""
        data = dict(zip((t.name for t in program.inputs), (self.X, self.Y), strict=True))
        stored = {**data, **self.parameters, **self.state}
        entries = {name: in_axes(program.tensors[name], value) for name, value in stored.items()}
        return {**entries, LEARNING_RATE.name: np.array(self.learning_rate)}

    def nudged(self) -> Point:
        """The same point with every parameter and state moved by one unit in the last place."""
        signs = np.random.default_rng(0)

        def moved(values: Values) -> Values:
            steps = {n: 2.0**-52 * signs.choice([-1.0, 1.0], v.shape) for n, v in values.items()}
            return {n: v if n == "step" else v * (1 + steps[n]) for n, v in values.items()}

        return replace(self, parameters=moved(self.parameters), state=moved(self.state))


def example(module: Any, samples: int, seed: int) -> tuple[int, tuple[dict[str, Array], Array, Array]]:
    """The module's example for a seed, or for the first later seed with a finite error."""
    with np.errstate(all="ignore"):
        for tried in range(seed, seed + DRAWS):
            drawn = module.example(samples=samples, seed=tried)
            if np.isfinite(module.error(*drawn)):
                return tried, drawn
    return seed, module.example(samples=samples, seed=seed)


def sizes(program: Program, given: Values) -> dict[str, int]:
    """Named extents and the number of samples, as numbers."""
    found: dict[str, int] = {}
    for tensor in (*program.inputs, *program.parameters):
        for axis, side in zip(tensor.axes, given[tensor.name].shape, strict=True):
            for symbol in axis.extent.free_symbols:
                found.setdefault(symbol.name, int(side - (axis.extent - symbol)))
    return found


def in_axes(tensor: Tensor, value: Any) -> Array:
    """Reshape a stored array to one axis for each axis in the equations."""
    array = np.asarray(value)
    return array if len(tensor.axes) == 2 else array.reshape(-1 if tensor.axes else ())


def computed(module: Any, program: Program, names: Mapping[str, str], point: Point) -> dict[str, Array]:
    """Return every statement's target that the module's functions return in one step, by name.

    Parameters and states have their values after the step. Intermediate results of `update` are only seen in these.
    """
    parameters = {name: value.copy() for name, value in point.parameters.items()}
    state = {name: value.copy() for name, value in point.state.items()}
    with np.errstate(all="ignore"):  # no checks: infinite values are compared too
        network = module.NETWORK
        values: dict[str, Array] = {}
        network.forward(parameters, point.X, values)
        error = network.error(parameters, point.X, point.Y, values)
        slopes = network.gradients(parameters, point.X, point.Y, values)
        network.step(parameters, state, point.X, point.Y, point.learning_rate)
    values = {**values, names[program.stage("error")[-1].target.name]: error}
    found = {}
    for statement in program.statements:
        name, about = statement.target.name, statement.target.about
        if about is not None and statement.target.role == "updated":
            found[name] = {**parameters, **state}[about.name]
        elif about is not None and statement.stage == "gradient":
            found[name] = slopes[about.name]
        elif names[name] in values:
            found[name] = values[names[name]]
    return found


def offered(module: Any, program: Program, point: Point) -> Iterator[tuple[str, str, Any]]:
    """Results of the public functions and the class: the public name, the tensor's name, and the value."""
    parameters = dict(point.parameters)
    gradients = {s.target.about.name: s.target.name for s in program.stage("gradient") if s.target.about}
    with np.errstate(all="ignore"):
        yield "error()", program.stage("error")[-1].target.name, module.error(parameters, point.X, point.Y)
        for name, value in module.gradients(parameters, point.X, point.Y).items():
            yield "gradients()", gradients[name], value
        yield "forward()", program.predicted, module.forward(parameters, point.X)
        yield from _predicted(module, program.prediction, point)


def _predicted(module: Any, tensor: Tensor, point: Point) -> Iterator[tuple[str, str, Any]]:
    """The trainer's prediction; empty if samples are coupled, since `predict` then refuses."""
    try:
        rows = module.Trainer(point.parameters).predict(np.ascontiguousarray(point.X.T))
    except NotImplementedError:
        return
    first = len(tensor.axes) == 2 and tensor.axes[0].sample
    yield "Trainer.predict()", tensor.name, rows if first else rows.T
