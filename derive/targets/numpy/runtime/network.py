"""A network: its functions, and the checks of their arguments."""

from __future__ import annotations

import functools
import inspect
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from derive.targets.numpy.runtime.data import _Data, _Datum, _Shape
from derive.targets.numpy.runtime.finite import _why_not_finite
from derive.targets.numpy.runtime.parameters import _Learned
from derive.targets.numpy.runtime.parts import Result, _error_by_parts
from derive.targets.numpy.runtime.values import (
    Array,
    Extent,
    Parameters,
    Seed,
    _all_finite,
    _check_lengths,
    _checked_rate,
    _copied,
    _copy_into,
    _described,
    _dtype,
    _generator,
    _is_finite,
    _positive_integer,
)


class Network(_Learned):
    """The functions of a network without checks, and the facts that checks need.

    `door` gives it `initial_parameters`, `forward`, `error`, `gradients`, `update`,
    and where there are such, `initial_state`, `input_gradients`, `predict` and `kinks`,
    as they are in `network.py`.
    `values` in their arguments holds every tensor by its name. An extent is a number,
    or a named width such as "n" or "n + 1".

    digest       a hash of the specification, by which a saved file names its network
    parameters   the shapes of the parameters, in order
    data         the shapes of the inputs and then of the targets, None being the axis
                 of the samples; an extent alone is that of rows, samples being columns
    inputs       how many of the data the forward pass takes
    targets_end  how many are inputs or targets, if weights or masks come after them
    places       of integer data, the axis that they number: its extent and its start
    kinds        what the numbers of data and of parameters are, where they are not any
                 real numbers: unit, classes, signs, counts, mask, positive, chances,
                 shares, weights (their sum divides) or factors
    random       the distributions of what is random: bernoulli and the probability of
                 1, or normal, the mean and the standard deviation
    over         of what sums to 1, the axis of the sum, if it is not the first
    output       the tensor that is predicted
    outputs      all that are predicted, if there are several
    axes         the axis of the samples (None: there is none) of those tensors of the
                 forward pass of which it is not the last
    names        the names that the user has given, where code needs another name
    targets      what targets may be: real, or a kind as in `kinds`
    equations    the number of the equation of each tensor
    gradients    the number of the equation of the gradient of what is trained
    updates      the same for what replaces each array, in the order of a step
    error_name   the name of the error among the equations
    division     how the error follows from those of parts of the samples: the mean of
                 them, by their "samples" or "weights", their "sum", or "": not at all
    undefined    the equations that may divide by 0, or have no root or logarithm
    stopped      the tensors that gradients take for constants
    score        the measure of outputs that are numbers, and its options
    """

    forward: Callable[..., Array]
    error: Callable[..., Any]
    gradients: Callable[..., Parameters]
    input_gradients: Callable[..., Parameters]
    stream: Callable[..., Array]
    update: Callable[..., float]
    predict: Callable[..., Array]
    initial_parameters: Callable[..., Parameters]

    def __init__(
        self,
        *,
        digest: str,
        parameters: Mapping[str, tuple[Extent, ...]],
        data: Mapping[str, Extent | _Shape],
        output: str,
        equations: Mapping[str, int],
        gradients: Mapping[str, int],
        updates: Mapping[str, int],
        inputs: int = 1,
        targets_end: int | None = None,
        places: Mapping[str, tuple[Extent, int]] | None = None,
        kinds: Mapping[str, str] | None = None,
        over: Mapping[str, int] | None = None,
        random: Mapping[str, tuple[Any, ...]] | None = None,
        outputs: tuple[str, ...] = (),
        axes: Mapping[str, int | None] | None = None,
        names: Mapping[str, str] | None = None,
        targets: str = "real",
        error_name: str = "E",
        division: str = "samples",
        undefined: frozenset[int] = frozenset(),
        stopped: tuple[str, ...] = (),
        score: tuple[str, tuple[float, ...]] = ("R^2", ()),
    ) -> None:
        """Keep the facts; the functions come through `door`."""
        super().__init__(parameters)
        self.digest, self.kinds, self.over = digest, kinds or {}, over or {}
        self.output, self.outputs = output, outputs or (output,)
        self.axes, self.names = axes or {}, names or {}
        self.equations, self.slopes, self.updates = equations, gradients, updates
        self.error_name, self.division = error_name, division
        self.undefined = undefined
        self.stopped, self.score = stopped, score
        end = len(data) if targets_end is None else targets_end
        self.data = _Data(
            [
                _Datum(
                    name,
                    shape if isinstance(shape, tuple) else (shape, None),
                    self.kinds.get(name, targets if inputs <= number < end else "real"),
                    (places or {}).get(name),
                    self.over.get(name, 0),
                    inputs <= number < end,
                    number >= end,
                    (random or {}).get(name, ()),
                )
                for number, (name, shape) in enumerate(data.items())
            ]
        )
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

    def kinks(self, parameters: Parameters, *others: Any) -> list[Array]:
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
        shaped = [n for n, name in enumerate(names) if name != "state"]
        differentiates = function.__name__ == "gradients"

        @functools.wraps(function)
        def checked(*arguments: Any, **named: Any) -> Any:
            if len(arguments) == inside:
                of_shape = [arguments[n] for n in shaped]
                try:
                    self._check_shapes(*of_shape)
                    found = function(*arguments)
                except FAILURES as wrong:
                    self._explain(wrong, *of_shape)
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
        sizes = self.sizes(parameters) if self.places else {}
        samples = self.data.check_shapes(data, sizes)
        output, axis = values.get(self.output), self.axes.get(self.output, -1)
        if output is not None and axis is not None and samples is not None:
            found = np.shape(output)[axis]
            _check_lengths(samples, found, self.data.all[0].name, "values")

    def _check_slopes(self, parameters: Parameters, slopes: Any) -> None:
        """Raise unless what is trained has gradients, each of its parameter's shape."""
        for name in self.slopes:
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
        self.stored(parameters, data)
        if not isinstance(values, dict):
            what = f"values must be a dict, not {_described(values)}"
            raise TypeError(f"{what}; leave values out in your own calls")
        lacking = wrong.args[0] if isinstance(wrong, KeyError) else None
        if lacking in self.equations and lacking not in values:
            what = f'"{lacking}" is missing in values: forward in {self.file} must'
            raise ValueError(f"{what} add it; leave values out in your own calls")

    # What users call: the functions with all checks.

    def checked_initial_parameters(self, seed: Seed = 0, **widths: int) -> Parameters:
        """Parameters of a seed, for widths that count something."""
        for name, value in widths.items():
            _positive_integer(value, name)
        return self.initial_parameters(_generator(seed), **widths)

    def checked_initial_state(self, parameters: Parameters) -> Parameters:
        """The state before the first step."""
        self.check_parameters(parameters)
        return self.initial_state(parameters)

    def checked_forward(self, parameters: Parameters, *inputs: ArrayLike) -> Array:
        """The output."""
        self.check_parameters(parameters)
        return self.predicted(parameters, *self.stored(parameters, inputs))

    def checked_predict(self, parameters: Parameters, *others: Any) -> Array:
        """The output with running averages: the inputs and the state are given."""
        *inputs, state = others
        self.check_parameters(parameters)
        self.check_state(parameters, state)
        return self.predicted(parameters, *self.stored(parameters, inputs), state=state)

    def checked_error(self, parameters: Parameters, *data: ArrayLike) -> float:
        """The error, after a forward pass."""
        self.check_parameters(parameters)
        stored = self.stored(parameters, data)
        if self.data.random:
            return self.measured(parameters, *stored)
        rows = self.data.rows(stored)
        return sum(part for _, part in _error_by_parts(self, parameters, rows))

    def checked_gradients(self, parameters: Parameters, *data: ArrayLike) -> Parameters:
        """The gradients, after a forward pass."""
        self.check_parameters(parameters)
        return self.differentiated(parameters, *self.stored(parameters, data))

    def checked_input_gradients(
        self, parameters: Parameters, *data: ArrayLike
    ) -> Parameters:
        """The gradients of inputs, after a forward and a backward pass."""
        self.check_parameters(parameters)
        return self.sensitivities(parameters, *self.stored(parameters, data))

    def checked_update(self, parameters: Parameters, *others: Any) -> float:
        """A step on copies, which take their places if all numbers are finite.

        The others are the data, the learning rate, and the state if there is one.
        """
        given, (rate, *kept) = others[: len(self.data)], others[len(self.data) :]
        self.check_parameters(parameters, in_place=True, finite=False)
        state = kept[0] if kept else {}
        self.check_state(parameters, state)
        data, rate = self.stored(parameters, given), _checked_rate(rate)
        after = _copied(parameters), _copied(state)
        with np.errstate(all="ignore"):  # what overflows is found below
            before = self.step(*after, data, rate)
        if not (math.isfinite(before) and all(map(_all_finite, after))):
            self._refuse_step(parameters, data, rate, before, after[0] | after[1])
        _copy_into(parameters, after[0])
        _copy_into(state, after[1])
        return before

    def _refuse_step(
        self,
        parameters: Parameters,
        data: Sequence[Array],
        rate: float,
        before: float,
        after: Parameters,
    ) -> NoReturn:
        """Say where a step leaves the finite numbers."""
        self.check_parameters(parameters)
        if not math.isfinite(before):
            large = "the parameters or the data are too large"
            why = _why_not_finite(self, parameters, data, large)
            raise ArithmeticError(f"the error is {before}: {why}; nothing has changed")
        large = f"the learning rate {rate:g} is too large, or the data are"
        name = next(n for n, value in after.items() if not _is_finite(value))
        why = _why_not_finite(self, parameters, data, large, name)
        what = f'"{name}" stops being finite'
        raise ArithmeticError(f"{what}: {why}; nothing has changed")

    # What is called from inside, with data that were checked.

    @property
    def has_kinks(self) -> bool:
        """Whether a function has a kink."""
        return "kinks" in vars(self)

    @property
    def has_input_gradients(self) -> bool:
        """Whether the error is differentiated with respect to inputs, too."""
        return "input_gradients" in vars(self)

    def stored(
        self, parameters: Parameters, data: Sequence[ArrayLike]
    ) -> tuple[Array, ...]:
        """Checked data, or inputs alone, as they are computed with."""
        return self.data.stored(data, self.sizes(parameters), _dtype(parameters))

    def by_rows(
        self,
        parameters: Parameters,
        X: Any,
        Y: Any,
        sample_weight: Any = None,
        *,
        of: str = "",
    ) -> tuple[Array, ...]:
        """Checked data that come with samples as rows, classes spread out."""
        sizes, dtype = self.sizes(parameters), _dtype(parameters)
        return self.data.by_rows(X, Y, sizes, dtype, of, sample_weight=sample_weight)

    def filled(
        self,
        parameters: Parameters,
        rows: Sequence[Array],
        draw: np.random.Generator | None = None,
    ) -> tuple[Array, ...]:
        """Rows, or those of the inputs alone, as data that are computed with.

        What is random is drawn, or has its mean where there is nothing to `draw` from.
        """
        sizes = self.sizes(parameters) if self.data.random else {}
        return self.data.filled(rows, sizes, _dtype(parameters), draw)

    def inputs_by_rows(self, parameters: Parameters, X: Any) -> tuple[Array, ...]:
        """The same for inputs alone."""
        sizes, dtype = self.sizes(parameters), _dtype(parameters)
        return self.data.by_rows(X, None, sizes, dtype, inputs_only=True)

    def constants(self, parameters: Parameters, *data: Array) -> Parameters:
        """The values of the tensors that gradients take for constants."""
        if not self.stopped:
            return {}
        values = self.values(parameters, data)
        self.error(parameters, *data, values)
        return {name: values[name] for name in self.stopped if name in values}

    @property
    def keeps_averages(self) -> bool:
        """Whether a prediction reads running averages of the state."""
        return "predict" in vars(self)

    def values(
        self,
        parameters: Parameters,
        data: Sequence[Array],
        state: Parameters | None = None,
        held: Parameters | None = None,
    ) -> Parameters:
        """Every tensor of the forward pass, by its name in the code.

        With a `state`, it is the pass of a prediction, which reads running averages.
        What is `held` is taken for a constant.
        """
        return self._passed(parameters, data, state, held)[1]

    def predicted(
        self, parameters: Parameters, *inputs: Array, state: Parameters | None = None
    ) -> Array:
        """The output; with a `state`, that of a prediction."""
        return self.with_output(parameters, inputs, state)[0]

    def with_output(
        self,
        parameters: Parameters,
        inputs: Sequence[Array],
        state: Parameters | None = None,
    ) -> tuple[Array, Parameters]:
        """The output as it is returned, and every tensor of the pass."""
        output, values = self._passed(parameters, inputs, state)
        if not isinstance(output, np.ndarray):
            averaged = state is not None and self.keeps_averages
            name = "predict" if averaged else "forward"
            what = f"must return an array, not {_described(output)}"
            raise TypeError(f"{name} in {self.file} {what}")
        return output, values

    def _passed(
        self,
        parameters: Parameters,
        data: Sequence[Array],
        state: Parameters | None = None,
        held: Parameters | None = None,
    ) -> tuple[Any, Parameters]:
        values: Parameters = dict(held or {})
        inputs = data[: self.data.passed]
        if state is not None and self.keeps_averages:
            return self.predict(parameters, *inputs, state, values), values
        return self.forward(parameters, *inputs, values), values

    def measured(
        self, parameters: Parameters, *data: Array, state: Parameters | None = None
    ) -> float:
        """The error; with a `state`, that of a prediction."""
        return self.with_error(parameters, data, state)[0]

    def with_error(
        self,
        parameters: Parameters,
        data: Sequence[Array],
        state: Parameters | None = None,
    ) -> tuple[float, Parameters]:
        """The error, and every tensor that it needs."""
        values = self.values(parameters, data, state)
        return self._number(self.error(parameters, *data, values), "error"), values

    def differentiated(self, parameters: Parameters, *data: Array) -> Parameters:
        """The gradients, after a forward pass."""
        slopes = self.gradients(parameters, *data, self.values(parameters, data))
        self._check_slopes(parameters, slopes)
        return slopes

    def sensitivities(self, parameters: Parameters, *data: Array) -> Parameters:
        """The gradients of inputs, after a forward and a backward pass."""
        return self.with_sensitivities(parameters, data)[0]

    def with_sensitivities(
        self, parameters: Parameters, data: Sequence[Array]
    ) -> tuple[Parameters, Parameters]:
        """The gradients of inputs, and every tensor that they need."""
        values = self.values(parameters, data)
        self.gradients(parameters, *data, values)
        return self.input_gradients(parameters, *data, values), values

    def step(
        self,
        parameters: Parameters,
        state: Parameters,
        data: Sequence[Array],
        learning_rate: float,
    ) -> float:
        """A step in place; the error before it."""
        kept = (state,) if self.keeps_state else ()
        before = self.update(parameters, *data, learning_rate, *kept)
        return self._number(before, "update")

    def _number(self, value: Any, name: str) -> float:
        try:
            return float(value)
        except TypeError:
            what = f"must return the error, a number, not {_described(value)}"
            raise TypeError(f"{name} in {self.file} {what}") from None

    def by_sample(self, name: str, value: Array) -> Array:
        """A tensor of the forward pass with samples as rows."""
        axis = self.axes.get(name, -1)
        return value.T if axis == -1 and np.ndim(value) == 2 else value


#: What a call with `values` fails with where its arguments do not fit.
FAILURES = (AttributeError, IndexError, KeyError, TypeError, ValueError)
#: What the file of the equations defines.
FUNCTIONS = ("initial_parameters", "forward", "error", "gradients", "update")
