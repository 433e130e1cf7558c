"""Every tensor that a generated module computes in one step, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.calculus.index import SAMPLES, Tensor
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
    data: tuple[Array, ...]
    learning_rate: float = 0.5

    @property
    def drawn(self) -> tuple[Any, ...]:
        """The parameters, the inputs and the targets."""
        return dict(self.parameters), *self.data

    def given(self, program: Program) -> dict[str, Array]:
        """Every given (not computed) tensor by name, with one axis for each axis in the equations."""
        data = dict(zip((t.name for t in program.inputs), self.data, strict=True))
        stored = {**data, **self.parameters, **self.state}
        entries = {name: in_axes(program.tensors[name], value) for name, value in stored.items()}
        return {**entries, LEARNING_RATE.name: np.array(self.learning_rate)}

    def samples(self, program: Program) -> int:
        """The number of samples; 1 if no data have an axis of samples."""
        return sizes(program, self.given(program)).get(SAMPLES.name, 1)

    def at_means(self, module: Any) -> Point:
        """The same point with the means of what is random."""
        network = module.NETWORK
        return replace(self, data=network.filled(self.parameters, network.data.rows(self.data)))

    def nudged(self) -> Point:
        """The same point with every parameter and state moved by one unit in the last place."""
        signs = np.random.default_rng(0)

        def moved(values: Values) -> dict[str, Array]:
            return {n: v * (1 + 2.0**-52 * signs.choice([-1.0, 1.0], v.shape)) for n, v in values.items()}

        parameters, state = moved(self.parameters), moved(self.state)
        return replace(self, parameters=parameters, state=state | {n: v for n, v in self.state.items() if n == "step"})


def example(module: Any, samples: int, seed: int) -> tuple[int, tuple[Any, ...]]:
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
    if len(tensor.axes) > 2:
        return np.transpose(array, np.argsort(store_order(tensor)))
    return array if len(tensor.axes) == 2 else array.reshape(-1 if tensor.axes else ())


def store_order(tensor: Tensor) -> list[int]:
    """The positions of a tensor's axes in the order of its stored ones."""
    if len(tensor.axes) < 3:
        return [*range(len(tensor.axes))]
    return sorted(range(len(tensor.axes)), key=lambda place: not tensor.axes[place].sample)


def in_store(tensor: Tensor, entries: Array) -> Array:
    """Reshape an array with one axis for each axis in the equations to the stored one: at least two axes.

    With three or more, the samples come first; a vector is a column, or a row if its axis is the samples.
    """
    if entries.ndim > 2:
        return np.transpose(entries, store_order(tensor))
    row = not tensor.axes or tensor.axes[0].sample
    return entries.reshape(entries.shape if entries.ndim == 2 else (1, -1) if row else (-1, 1))


def first_samples(tensor: Tensor, array: Array, count: int) -> Array:
    """The first samples of stored data; all of data without samples."""
    if not any(axis.sample for axis in tensor.axes):
        return array
    return array[:count] if len(tensor.axes) > 2 else array[:, :count]


def computed(module: Any, program: Program, names: Mapping[str, str], point: Point) -> dict[str, Array]:
    """Return every statement's target that the module's functions return in one step, by name.

    Parameters and states have their values after the step. Intermediate results of `update` are only seen in these.
    """
    parameters = {name: value.copy() for name, value in point.parameters.items()}
    state = {name: value.copy() for name, value in point.state.items()}
    with np.errstate(all="ignore"):  # no checks: infinite values are compared too
        network = module.NETWORK
        values = network.values(parameters, point.data)
        error = network.error(parameters, *point.data, values)
        slopes = network.gradients(parameters, *point.data, values)
        if program.sought:
            slopes |= network.input_gradients(parameters, *point.data, values)
        network.step(parameters, state, point.data, point.learning_rate)
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
        yield "error()", program.stage("error")[-1].target.name, module.error(parameters, *point.data)
        for function in ("gradients", *(["input_gradients"] if program.sought else [])):
            for name, value in getattr(module, function)(parameters, *point.data).items():
                yield f"{function}()", gradients[name], value
        inputs = point.data[: module.NETWORK.data.passed]
        yield "forward()", program.predicted, module.forward(parameters, *inputs)
        if not (program.averages or program.is_random):
            yield from predictions(module, program, point)


def predictions(module: Any, program: Program, point: Point) -> Iterator[tuple[str, str, Any]]:
    """Results of the functions that predict: the public name, the tensor's name, and the value."""
    inputs = point.data[: module.NETWORK.data.passed]
    with np.errstate(all="ignore"):
        if program.averages:
            yield "predict()", program.predicted, module.predict(dict(point.parameters), *inputs, dict(point.state))
        for name, value in _predicted(module, program, inputs, point).items():
            yield "Trainer.predict()", name, value


def _predicted(module: Any, program: Program, inputs: tuple[Array, ...], point: Point) -> dict[str, Array]:
    """The trainer's predictions; empty if samples are coupled, since `predict` then refuses."""
    data = module.NETWORK.data
    rows = [np.ascontiguousarray(array) for array in data.rows(inputs)]
    named = dict(zip((datum.name for datum in data.inputs), rows, strict=True))
    trainer = module.Trainer(point.parameters)
    trainer.state = dict(point.state)
    try:
        found = trainer.predict(*rows if len(rows) == 1 else [named])
    except NotImplementedError:
        return {}
    found = found if isinstance(found, dict) else {program.predicted: found}
    return {name: _as_stored(program.tensors[name], value) for name, value in found.items()}


def _as_stored(tensor: Tensor, rows: Array) -> Array:
    """A tensor as it is stored, from one with samples as rows."""
    columns = [axis.sample for axis in tensor.axes] in ([True], [False, True])
    return rows.T if columns else rows
