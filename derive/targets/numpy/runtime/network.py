"""A network: its functions, and the checks of their arguments."""

from __future__ import annotations

import functools
import inspect
import math
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from derive.targets.numpy.runtime.values import (
    Array,
    Extent,
    Parameters,
    Seed,
    _are_classes,
    _check_finite,
    _check_lengths,
    _check_values,
    _checked_rate,
    _copied,
    _copy_into,
    _described,
    _dtype,
    _generator,
    _positive_integer,
    _real_numbers,
)

Result = TypeVar("Result")


class Network:
    """The functions of a network without checks, and the facts that checks need.

    `door` gives it `initial_parameters`, `forward`, `error`, `gradients`, `update`,
    and where there are such, `initial_state` and `kinks`, as they are in `network.py`.
    `values` in their arguments holds every tensor by its name. An extent is a number,
    or a named width such as "n" or "n + 1".

    digest       a hash of the specification, by which a saved file names its network
    parameters   the shapes of the parameters, in order
    data         how many rows the inputs and the targets have, samples being columns
    output       the tensor that is predicted
    by_sample    whether its first axis is that of the samples
    targets      what targets may be: real, unit, classes, signs or counts
    equations    the number of the equation of each tensor
    gradients    the number of the equation of each parameter's gradient
    updates      the same for what replaces each array, in the order of a step
    undefined    the equations that may divide by 0, or have no root or logarithm
    """

    forward: Callable[..., Array]
    error: Callable[..., Any]
    gradients: Callable[..., Parameters]
    update: Callable[..., float]
    initial_parameters: Callable[..., Parameters]

    def __init__(
        self,
        *,
        digest: str,
        parameters: Mapping[str, tuple[Extent, Extent]],
        data: Mapping[str, Extent],
        output: str,
        equations: Mapping[str, int],
        gradients: Mapping[str, int],
        updates: Mapping[str, int],
        targets: str = "real",
        by_sample: bool = False,
        undefined: frozenset[int] = frozenset(),
    ) -> None:
        """Keep the facts; the functions come through `door`."""
        self.digest, self.shapes, self.data = digest, parameters, data
        self.output, self.by_sample, self.targets = output, by_sample, targets
        self.equations, self.slopes, self.updates = equations, gradients, updates
        self.undefined = undefined
        #: Where each named width is read off: a parameter, its axis, what is added.
        self._places: dict[str, tuple[str, int, int]] = {}
        for name, shape in parameters.items():
            for axis, extent in enumerate(shape):
                if isinstance(extent, str):
                    width, more = _width(extent)
                    self._places.setdefault(width, (name, axis, more))
        #: The named widths, in the order in which `initial_parameters` takes them.
        self.widths: tuple[str, ...] = ()
        #: Whether it was said that the equations were edited.
        self.said = False
        #: The name of the file with the equations.
        self.file = ""

    def __getattr__(self, name: str) -> Any:
        """Say which function an edited file lacks."""
        if name not in FUNCTIONS:
            raise AttributeError(f"a Network has no {name}")
        what = f"has no function {name} with @NETWORK.door above it"
        raise AttributeError(f"{self.file} {what}")

    def initial_state(self, parameters: Parameters) -> Parameters:
        """What the optimizer keeps from step to step, before the first: nothing."""
        return {}

    def kinks(
        self, parameters: Parameters, X: Array, Y: Array, values: Parameters
    ) -> list[Array]:
        """On which side of each kink an argument lies: there are none."""
        return []

    def door(self, function: Callable[..., Result]) -> Callable[..., Result]:
        """Add a function of the equations; return it with checks of its arguments.

        A call with `values` comes from inside. Of its arguments only the shapes are
        checked, and the rest if it fails.
        """
        setattr(self, function.__name__, function)
        self.file = os.path.basename(function.__code__.co_filename)
        check = getattr(self, f"checked_{function.__name__}", function)
        whole = inspect.signature(function)
        names = tuple(whole.parameters)
        kept = [whole.parameters[name] for name in names if name != "values"]
        outside = whole.replace(parameters=kept)
        if function.__name__ == "initial_parameters":
            self.widths = tuple(name for name in names if name != "seed")
        inside = len(names) if "values" in names else math.inf
        differentiates = function.__name__ == "gradients"

        @functools.wraps(function)
        def checked(*arguments: Any, **named: Any) -> Any:
            if len(arguments) == inside:
                try:
                    self._check_shapes(*arguments)
                    found = function(*arguments)
                except FAILURES as wrong:
                    self._explain(wrong, *arguments)
                    raise
                if differentiates:
                    self._check_slopes(arguments[0], found)
                return found
            if len(arguments) == len(kept) and not named:
                return check(*arguments)
            try:
                given = outside.bind(*arguments, **named)
            except TypeError as wrong:
                raise TypeError(f"{function.__name__}(): {wrong}") from None
            return check(*given.args, **given.kwargs)

        vars(checked)["__signature__"] = outside
        return checked

    def _check_shapes(self, parameters: Parameters, *others: Any) -> None:
        """Raise ValueError if NumPy might broadcast what a call with `values` gives."""
        *data, values = others
        samples = np.shape(data[0])[-1:]
        for which, value in enumerate(data):
            if np.shape(value) != (self.rows(parameters, which), *samples):
                raise ValueError("the data do not fit")  # _explain says how
        output = values.get(self.output)
        if output is not None:
            found = np.shape(output)[0 if self.by_sample else -1]
            _check_lengths(samples[0], found, next(iter(self.data)), "values")

    def _check_slopes(self, parameters: Parameters, slopes: Any) -> None:
        """Raise unless there is a gradient of each parameter, and of its shape."""
        for name in self.shapes:
            where = f"gradients in {self.file} returns"
            if name not in slopes:
                raise ValueError(f"{where} no gradient of {name}")
            found, shape = np.shape(slopes[name]), parameters[name].shape
            if found != shape:
                what = f"a gradient of {name} of shape {found}"
                raise ValueError(f"{where} {what}; expected {shape}")

    def _explain(self, wrong: Exception, parameters: Parameters, *others: Any) -> None:
        """Say what is wrong with the arguments of a call with `values` that failed."""
        *data, values = others
        self.check_parameters(parameters)
        if len(data) == 1:
            self.columns(parameters, data[0], 0)
        else:
            self.pair(parameters, *data)
        if not isinstance(values, dict):
            what = f"values must be a dict, not {_described(values)}"
            raise TypeError(f"{what}; leave values out in your own calls")
        lacking = wrong.args[0] if isinstance(wrong, KeyError) else None
        if lacking in self.equations and lacking not in values:
            what = f'"{lacking}" is missing in values: forward in {self.file} must'
            raise ValueError(f"{what} add it; leave values out in your own calls")

    def checked_initial_parameters(self, seed: Seed = 0, **widths: int) -> Parameters:
        """Parameters of a seed, for widths that count something."""
        for name, value in widths.items():
            _positive_integer(value, name)
        return self.initial_parameters(_generator(seed), **widths)

    def checked_initial_state(self, parameters: Parameters) -> Parameters:
        """The state before the first step."""
        self.check_parameters(parameters)
        return self.initial_state(parameters)

    def checked_forward(self, parameters: Parameters, X: ArrayLike) -> Array:
        """The output."""
        self.check_parameters(parameters)
        return self.predicted(parameters, self.columns(parameters, X, 0))

    def checked_error(
        self, parameters: Parameters, X: ArrayLike, Y: ArrayLike
    ) -> float:
        """The error, after a forward pass."""
        self.check_parameters(parameters)
        return self.measured(parameters, *self.pair(parameters, X, Y))

    def checked_gradients(
        self, parameters: Parameters, X: ArrayLike, Y: ArrayLike
    ) -> Parameters:
        """The gradients, after a forward pass."""
        self.check_parameters(parameters)
        return self.differentiated(parameters, *self.pair(parameters, X, Y))

    def checked_update(
        self,
        parameters: Parameters,
        X: ArrayLike,
        Y: ArrayLike,
        learning_rate: float,
        state: Any = None,
    ) -> float:
        """A step on copies, which take their places if all numbers are finite."""
        self.check_parameters(parameters, in_place=True)
        state = {} if state is None and not self.keeps_state else state
        self.check_state(parameters, state)
        inputs, targets = self.pair(parameters, X, Y)
        rate = _checked_rate(learning_rate)
        after = _copied(parameters), _copied(state)
        with np.errstate(all="ignore"):  # what overflows is found below
            before = self.step(*after, inputs, targets, rate)
        if not math.isfinite(before):
            large = "the parameters or the data are too large"
            why = self.why_not_finite(parameters, inputs, targets, large)
            raise ArithmeticError(f"the error is {before}: {why}; nothing has changed")
        large = f"the learning rate {rate:g} is too large, or the data are"
        for name, value in (after[0] | after[1]).items():
            if not np.isfinite(value).all():
                why = self.why_not_finite(parameters, inputs, targets, large, name)
                raise ArithmeticError(
                    f'"{name}" stops being finite: {why}; nothing has changed'
                )
        _copy_into(parameters, after[0])
        _copy_into(state, after[1])
        return before

    @property
    def keeps_state(self) -> bool:
        """Whether the optimizer keeps something from step to step."""
        return "initial_state" in vars(self)

    @property
    def has_kinks(self) -> bool:
        """Whether a function has a kink."""
        return "kinks" in vars(self)

    def predicted(self, parameters: Parameters, X: Array) -> Array:
        """The output, without checks of the arguments."""
        output = self.forward(parameters, X, {})
        if not isinstance(output, np.ndarray):
            what = f"must return an array, not {_described(output)}"
            raise TypeError(f"forward in {self.file} {what}")
        return output

    def measured(self, parameters: Parameters, X: Array, Y: Array) -> float:
        """The error, after a forward pass, without checks of the arguments."""
        values: Parameters = {}
        self.forward(parameters, X, values)
        return self._number(self.error(parameters, X, Y, values), "error")

    def differentiated(self, parameters: Parameters, X: Array, Y: Array) -> Parameters:
        """The gradients, after a forward pass, without checks of the arguments."""
        values: Parameters = {}
        self.forward(parameters, X, values)
        slopes = self.gradients(parameters, X, Y, values)
        self._check_slopes(parameters, slopes)
        return slopes

    def step(
        self,
        parameters: Parameters,
        state: Parameters,
        X: Array,
        Y: Array,
        learning_rate: float,
    ) -> float:
        """A step in place, without checks of the arguments; the error before it."""
        kept = (state,) if self.keeps_state else ()
        before = self.update(parameters, X, Y, learning_rate, *kept)
        return self._number(before, "update")

    def _number(self, value: Any, name: str) -> float:
        try:
            return float(value)
        except TypeError:
            what = f"must return the error, a number, not {_described(value)}"
            raise TypeError(f"{name} in {self.file} {what}") from None

    def rows(self, parameters: Parameters, which: int) -> int:
        """How many rows the inputs (0) or the targets (1) have."""
        extent = [*self.data.values()][which]
        named = isinstance(extent, str)
        return _at(extent, self.sizes(parameters) if named else {})

    def sizes(self, parameters: Parameters) -> dict[str, int]:
        """The named widths, each read off the first parameter that has it."""
        return {
            width: parameters[name].shape[axis] - more
            for width, (name, axis, more) in self._places.items()
        }

    def check_parameters(self, parameters: Parameters, in_place: bool = False) -> None:
        """Raise unless all parameters are there, finite and of the right shapes."""
        if not isinstance(parameters, dict):
            raise TypeError(
                f"parameters must be a dict of arrays, not {_described(parameters)}"
            )
        expected = ", ".join(self.shapes)
        for name in self.shapes:
            if name not in parameters:
                raise ValueError(f'parameter "{name}" is missing; expected {expected}')
        dtype = _dtype(parameters)
        for name, value in parameters.items():
            if name not in self.shapes:
                raise ValueError(f'unknown parameter "{name}"; expected {expected}')
            self._check_parameter(name, value, dtype)
            if in_place and not value.flags.writeable:
                raise ValueError(
                    f'parameter "{name}" is read-only, so it cannot be updated in place'
                )
        sizes = self.sizes(parameters)
        for name, extents in self.shapes.items():
            shape, found = tuple(_at(e, sizes) for e in extents), parameters[name].shape
            where = f'parameter "{name}"'
            if found != shape:
                raise ValueError(f"{where} has shape {found}; expected {shape}")
            if 0 in shape:
                raise ValueError(
                    f"{where} has shape {shape}; expected no width to be 0"
                )
            _check_finite(parameters[name], where)

    def _check_parameter(self, name: str, value: Any, dtype: Any) -> None:
        """Raise unless a parameter is a plain array of real numbers, of this type."""
        where = f'parameter "{name}"'
        if not isinstance(value, np.ndarray) or value.ndim != 2:
            what = f"a two-dimensional array, not {_described(value)}"
            raise TypeError(f"{where} must be {what}")
        if isinstance(value, np.matrix) or hasattr(value, "mask"):
            kind = type(value).__name__
            raise TypeError(f"{where} must be a plain array, not a {kind}")
        if value.dtype not in (np.float64, np.float32):
            kinds = f"float64 numbers, not {value.dtype}; float32 will do if all are"
            raise TypeError(f"{where} must hold {kinds}")
        if value.dtype != dtype:
            kinds = f"{value.dtype} numbers and others {dtype}"
            raise TypeError(f"{where} holds {kinds}; expected one type")

    def check_state(self, parameters: Parameters, state: Any) -> None:
        """Raise unless the state is that of the parameters: writeable, and finite."""
        if not isinstance(state, dict):
            raise TypeError(f"state must be a dict of arrays, not {_described(state)}")
        wanted = "expected what initial_state returns"
        if not self.keeps_state:
            wanted = "the optimizer of this network keeps none"
        expected = self.initial_state(parameters)
        for name in expected:
            if name not in state:
                raise ValueError(f'"{name}" is missing in the state; {wanted}')
        for name, value in state.items():
            if name not in expected:
                raise ValueError(f'unknown "{name}" in the state; {wanted}')
            like, where = expected[name], f'"{name}" in the state'
            if not isinstance(value, np.ndarray):
                raise TypeError(f"{where} must be an array, not {_described(value)}")
            if value.shape != like.shape:
                found = f"has shape {value.shape}; expected {like.shape}"
                raise ValueError(f"{where} {found}")
            counts = name == "step"
            if value.dtype != like.dtype and not (counts and value.dtype == np.float32):
                kinds = f"{like.dtype} numbers, not {value.dtype}"
                raise TypeError(f"{where} must hold {kinds}")
            if not value.flags.writeable:
                raise ValueError(
                    f"{where} is read-only, so it cannot be updated in place"
                )
            negative = np.min(value) < 0 and (counts or "square" in name)
            broken = counts and np.any(value != np.floor(value))
            if negative or broken or not np.all(np.isfinite(value)):
                raise ValueError(f"{where} holds a number that no step leaves there")

    def columns(self, parameters: Parameters, values: ArrayLike, which: int) -> Array:
        """Inputs (0) or targets (1) as they are computed with: samples as columns."""
        name, rows = [*self.data][which], self.rows(parameters, which)
        array = _real_numbers(values, name, _dtype(parameters))
        if array.ndim != 2 or array.shape[0] != rows:
            turned = array.ndim == 2 and array.shape[1] == rows
            hint = "; samples are columns here" if turned else ""
            wanted = f"expected ({rows}, samples){hint}"
            raise ValueError(f"{name} has shape {array.shape}; {wanted}")
        _check_values(array, name)
        return array

    def pair(
        self, parameters: Parameters, X: ArrayLike, Y: ArrayLike
    ) -> tuple[Array, Array]:
        """Inputs and targets with samples as columns, equally many."""
        inputs = self.columns(parameters, X, 0)
        targets = self.columns(parameters, Y, 1)
        _check_lengths(inputs.shape[1], targets.shape[1], *self.data)
        self.check_targets(targets, [*self.data][1])
        return inputs, targets

    def row_pair(
        self, parameters: Parameters, X: ArrayLike, Y: ArrayLike, of: str = ""
    ) -> tuple[Array, Array]:
        """Inputs and targets with samples as rows, in one piece, classes spread out."""
        inputs = self.rows_of(parameters, X, f"{of}X", 0)
        targets = self.target_rows(parameters, Y, f"{of}Y")
        _check_lengths(len(inputs), len(targets), f"{of}X", f"{of}Y")
        self.check_targets(targets.T, f"{of}Y")
        return np.ascontiguousarray(inputs), np.ascontiguousarray(targets)

    def rows_of(
        self, parameters: Parameters, values: ArrayLike, name: str, which: int
    ) -> Array:
        """Samples as rows; for a single feature or output a list of numbers will do."""
        array = _real_numbers(values, name, _dtype(parameters))
        columns = self.rows(parameters, which)
        if array.ndim == 1 and columns == 1:
            array = array.reshape(-1, 1)
        if array.ndim != 2 or array.shape[1] != columns:
            turned = array.ndim == 2 and array.shape[0] == columns
            hint = "; samples are rows here" if turned else ""
            wanted = f"expected (samples, {columns}){hint}"
            raise ValueError(f"{name} has shape {array.shape}; {wanted}")
        _check_values(array, name)
        return array

    def target_rows(self, parameters: Parameters, Y: ArrayLike, name: str) -> Array:
        """Targets as rows; a class becomes a row with 1 there and 0 or -1 elsewhere."""
        classes = self.rows(parameters, 1)
        if classes == 1 or self.targets not in OF_CLASSES:
            return self.rows_of(parameters, Y, name, 1)
        labels = _real_numbers(Y, name)
        if not _are_classes(labels):
            return self.rows_of(parameters, Y, name, 1)
        labels = labels.reshape(-1)
        _check_values(labels, name)
        wanted = f"classes from 0 to {classes - 1}, or rows of {classes} numbers"
        for wrong in (labels != np.floor(labels), (labels < 0) | (labels >= classes)):
            if wrong.any():
                found = f"{labels[wrong][0]:g}, which is no class"
                raise ValueError(f"{name} holds {found}; expected {wanted}")
        elsewhere = -1 if self.targets == "signs" else 0
        rows = np.full((len(labels), classes), elsewhere, _dtype(parameters))
        rows[np.arange(len(labels)), labels.astype(np.intp)] = 1
        return rows

    def check_targets(self, targets: Array, name: str) -> None:
        """Raise unless the targets, samples being columns, are what the loss takes."""
        if self.targets in _WRONG:
            is_wrong, wanted = _WRONG[self.targets]
            wrong = is_wrong(targets)
            if wrong.any():
                found = f"{targets[wrong][0]:g}"
                raise ValueError(f"{name} holds {found}; expected {wanted}")
        sums = np.sum(targets, axis=0, dtype=np.float64)
        if self.targets == "classes" and np.max(np.abs(sums - 1)) > 1e-6:
            wanted = "sum to 1 over the classes (one-hot, or probabilities)"
            raise ValueError(
                f"{name} does not fit: the targets of each sample must {wanted}"
            )

    def why_not_finite(
        self, parameters: Parameters, X: Array, Y: Array, large: str, broken: str = ""
    ) -> str:
        """Why a step comes to a number that is not finite, and in which equation.

        `large` says what is wrong where a finite number becomes too large. `broken` is
        the array that is not finite after the step, if only the update broke it.
        """
        events: list[str] = []
        undefined = "an equation is not defined at these numbers"
        values: Parameters = {}
        noted = np.errstate(
            all="call", under="ignore", call=lambda kind, _: events.append(kind)
        )
        with noted:
            self.forward(parameters, X, values)
            found = self._first_not_finite(values)
            if not found:
                events.clear()
                error = self.error(parameters, X, Y, values)
                found = self._first_not_finite({**values, "E": error})
            if not found:
                events.clear()
                undefined = "the error has no derivative at these numbers"
                slopes = self.gradients(parameters, X, Y, values)
                found = self._first_not_finite(values)
                for name, slope in slopes.items():
                    what = f"the gradient of {name}"
                    found = found or _not_finite(slope, what, self.slopes.get(name))
        if not found:
            where = f"equation ({self.updates.get(broken)}), the update of {broken}"
            return f"{large} (in {where})" if broken else large
        number, where = found
        cause = _CAUSES.get(events[0]) if number in self.undefined and events else None
        return f"{undefined} ({where}: {cause})" if cause else f"{large} ({where})"

    def _first_not_finite(self, values: Parameters) -> tuple[int | None, str] | None:
        """The first equation whose result is not finite: its number, what to say."""
        for name, value in values.items():
            found = _not_finite(value, name, self.equations.get(name))
            if found:
                return found
        return None


def _width(extent: str) -> tuple[str, int]:
    """A named width such as "n + 1" as its name and what is added."""
    name, _, more = extent.partition(" + ")
    return name, int(more or 0)


def _at(extent: Extent, sizes: Mapping[str, int]) -> int:
    """An extent as a number."""
    if isinstance(extent, int):
        return extent
    name, more = _width(extent)
    return sizes[name] + more


#: What a call with `values` fails with where its arguments do not fit.
FAILURES = (AttributeError, IndexError, KeyError, TypeError, ValueError)
#: What the file of the equations defines.
FUNCTIONS = ("initial_parameters", "forward", "error", "gradients", "update")
#: Kinds of targets that may be given as the indices of classes.
OF_CLASSES = ("classes", "unit", "signs")
#: Which targets are wrong, for a kind, and what is expected.
_WRONG: dict[str, tuple[Callable[[Array], Array], str]] = {
    "unit": (lambda Y: (Y < 0) | (Y > 1), "numbers from 0 to 1"),
    "classes": (lambda Y: Y < 0, "shares, which are not negative"),
    "signs": (lambda Y: np.abs(Y) != 1, "-1 or +1"),
    "counts": (lambda Y: Y < 0, "numbers from 0"),
}
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
