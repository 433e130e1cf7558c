"""What every trainer does."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from typing import IO, Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from derive.targets.numpy.runtime.diagnosis import _table
from derive.targets.numpy.runtime.files import (
    _COUNTS,
    _HISTORIES,
    _read_npz,
    _write_npz,
)
from derive.targets.numpy.runtime.fitting import _Fitting
from derive.targets.numpy.runtime.orders import _Orders
from derive.targets.numpy.runtime.predictor import PredictorBase
from derive.targets.numpy.runtime.stepper import _Stepper
from derive.targets.numpy.runtime.steps import Steps, _Fast, _Plain
from derive.targets.numpy.runtime.values import (
    Array,
    Parameters,
    Seed,
    _check_finite,
    _check_flag,
    _checked_dtype,
    _checked_rate,
    _described,
    _dtype,
    _positive_integer,
    _real_numbers,
    _shapes_and_types,
)


class TrainerBase(PredictorBase):
    """What every trainer does; `Trainer`, in the file beside, says what it is for.

    A subclass has the `network`, and the `steps` if there is a faster rendering of
    them. `words` say what the network is, with widths in braces. `units` are tensors
    that are functions of each entry of another one, with the name of this argument and
    of the derivative of the error with respect to it.
    """

    steps: Steps | None = None
    words: tuple[str, ...] = ()
    units: tuple[tuple[str, str, str], ...] = ()
    #: How many errors each history keeps: the last ones; None: all.
    history_length: int | None = 10_000

    def __init__(
        self,
        parameters: Mapping[str, ArrayLike] | None = None,
        seed: Seed = 0,
        dtype: DTypeLike = np.float64,
        **widths: int,
    ) -> None:
        """Draw the parameters, or copy those that are given.

        Raises ValueError or TypeError for arguments that do not fit.
        """
        kind = _checked_dtype(dtype)
        if parameters is None:
            self._check_widths(widths)
            parameters = self.network.checked_initial_parameters(seed, **widths)
        elif widths:
            raise TypeError(
                "give parameters or widths, not both: parameters have their widths"
            )
        elif not isinstance(parameters, Mapping):
            raise TypeError(
                f"parameters must be a dict of arrays, not {_described(parameters)}"
            )
        self.parameters: Parameters = {
            name: self._as_stored(
                name, _real_numbers(value, f'parameter "{name}"', kind)
            )
            for name, value in parameters.items()
        }
        self.network.check_parameters(self.parameters, in_place=True)
        self.state: Parameters = self.network.initial_state(self.parameters)
        self.orders, self.learning_rate = _Orders(seed), 0.1
        self.n_iter_ = self.n_steps_ = 0
        #: What `fit` has warned of, and does not say again.
        self.said: set[str] = set()
        self.feature_names_in_ = self.classes_ = None
        self.scaling = {}
        self.clear_history()
        self._renderings: dict[Any, _Plain] = {}
        self._steppers: dict[int, _Stepper] = {}

    def _as_stored(self, name: str, value: Array) -> Array:
        """A copy of a parameter; a vector becomes a column where one is expected."""
        column = self.network.shapes.get(name, ())[1:] == (1,)
        turned = value.reshape(-1, 1) if column and value.ndim == 1 else value
        return np.array(turned, order="C")

    @classmethod
    def from_state_dict(cls, state: Any, dtype: DTypeLike = np.float64) -> Self:
        """Return a trainer with the parameters of PyTorch's `state_dict()`.

        The weights, (units, inputs), and the biases, (units,), are those of the layers
        in their order, whatever their names are before ".weight" and ".bias". Raises
        ValueError or TypeError where they do not fit.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"state must be a dict, not {_described(state)}")
        found: dict[str, list[Any]] = {"weight": [], "bias": []}
        for name, value in state.items():
            kind = str(name).rpartition(".")[2]
            if kind not in found:
                said = f'"{name}" in the state is neither a weight nor a bias'
                raise ValueError(f"{said}: expected linear layers alone")
            plain = value.detach().cpu().numpy() if hasattr(value, "detach") else value
            found[kind].append(_real_numbers(plain, f'"{name}"'))
        return cls(cls._by_layers(found["weight"], found["bias"]), dtype=dtype)

    @classmethod
    def from_coefs(
        cls,
        coefs: Sequence[Any],
        intercepts: Sequence[Any] = (),
        dtype: DTypeLike = np.float64,
    ) -> Self:
        """Return a trainer with weights (inputs, units), and biases (units,), by layer.

        Such are the `coefs_` and `intercepts_` of scikit-learn's networks; of Keras,
        they are `model.get_weights()[::2]` and `[1::2]`. Raises ValueError or TypeError
        where they do not fit.
        """
        weights = [_real_numbers(w, f"coefs[{n}]") for n, w in enumerate(coefs)]
        biases = [
            _real_numbers(b, f"intercepts[{n}]") for n, b in enumerate(intercepts)
        ]
        return cls(cls._by_layers(weights, biases, inputs_first=True), dtype=dtype)

    @classmethod
    def _by_layers(
        cls, weights: list[Array], biases: list[Array], inputs_first: bool = False
    ) -> dict[str, Array]:
        """Parameters by name, for weights (units, inputs) and biases (units,).

        Or for weights (inputs, units), where the inputs come first.
        """
        names = list(cls.network.shapes)
        own = -1 if inputs_first else 0
        for n, (weight, bias) in enumerate(zip(weights, biases, strict=False), 1):
            if weight.ndim != 2 or bias.size != weight.shape[own]:
                found = f"weights {weight.shape} and {bias.size} biases"
                turned = weight.ndim == 2 and bias.size in weight.shape
                hint = ": the weights are transposed" if turned else ""
                axes = "(inputs, units)" if inputs_first else "(units, inputs)"
                wanted = f"expected {axes} and units"
                raise ValueError(f"layer {n} has {found}; {wanted}{hint}")
        weights = [weight.T for weight in weights] if inputs_first else weights
        if len(names) == len(weights) and len(biases) in (0, len(weights)):
            columns = [bias.reshape(-1, 1) for bias in biases]
            if columns:  # the biases are the first columns of the weights
                pairs = zip(columns, weights, strict=True)
                weights = [np.hstack(pair) for pair in pairs]
            return dict(zip(names, weights, strict=True))
        if len(weights) == len(biases) and len(names) == 2 * len(weights):
            alternating = (
                a for pair in zip(weights, biases, strict=True) for a in pair
            )
            return dict(zip(names, alternating, strict=True))
        given = f"weights of {len(weights)} layers and biases of {len(biases)}"
        raise ValueError(f"{given} are given; the parameters are {', '.join(names)}")

    @property
    def coefs_(self) -> list[Array]:
        """Views of the weights of each layer, (inputs, units), as scikit-learn's.

        Raises AttributeError unless each layer has weights and biases of its own.
        """
        return [weight.T for weight, _ in self._layers()]

    @property
    def intercepts_(self) -> list[Array]:
        """Views of the biases of each layer, (units,), as scikit-learn's."""
        return [bias[:, 0] for _, bias in self._layers()]

    def _layers(self) -> list[tuple[Array, Array]]:
        """The weights and the biases of each layer."""
        arrays = list(self.parameters.values())
        pairs = list(zip(arrays[::2], arrays[1::2], strict=False))
        fit = all(w.ndim == 2 and b.shape == (len(w), 1) for w, b in pairs)
        if len(arrays) % 2 or not fit:
            names = ", ".join(self.parameters)
            what = f"the parameters {names} are no weights and biases by layers"
            raise AttributeError(f"{what}: use trainer.parameters")
        return pairs

    def _check_widths(self, widths: Mapping[str, int]) -> None:
        """Raise unless all widths are given that the network has, and no others."""
        expected = self.network.widths
        if set(widths) != set(expected):
            given = ", ".join(f"{name}=..." for name in widths) or "none of them"
            if not expected:
                known = "expected parameters, seed or dtype"
                raise TypeError(f"Trainer has no argument {given[:-4]}; {known}")
            wanted = ", ".join(f"{name}=..." for name in expected)
            needed = f"Trainer needs the widths {wanted}, or parameters"
            raise TypeError(f"{needed}; it was given {given}")

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers that all is computed in."""
        return _dtype(self.parameters)

    def _fit(self, *data: Any, **options: Any) -> Self:
        """Train as `Trainer.fit` says."""
        known = self.feature_names_in_, self.classes_, self.scaling
        try:
            fitting = _Fitting(self, *data, **options)
        except BaseException:
            self.feature_names_in_, self.classes_, self.scaling = known
            raise
        fitting.run()
        return self

    def diagnose(self, X: Any, Y: Any = None) -> None:
        """Print where units and parameters stand: what is off, saturated, or small.

        For each tensor of units: how many there are; how many have the same output for
        all samples although their argument varies (constant: they are off), or vary by
        less than a hundredth of it (saturated); and the root mean square of the
        derivative of the error with respect to the argument. For each parameter: the
        root mean squares of its entries and of its gradient, and the ratio of what a
        step changes to the entries; about 0.001 is usual. Nothing is changed. Raises
        what `fit` does for data.
        """
        self.network.check_parameters(self.parameters)
        rows = self._data(X, Y)
        with np.errstate(all="ignore"):
            data = self.network.filled(self.parameters, rows)
            print(_table(self, data, self.learning_rate))

    def _check_own(self) -> None:
        """Raise unless what users may change of a trainer is fit for training."""
        self.network.check_parameters(self.parameters, in_place=True)
        self.network.check_state(self.parameters, self.state)
        if self.history_length is not None:
            _positive_integer(self.history_length, "history_length", least=0)

    def clear_history(self) -> None:
        """Forget the errors of all steps and epochs so far."""
        self.history: list[float] = []
        self.epoch_history: list[float] = []
        self.validation_history: list[float] = []

    def _note(self, steps: list[float], epochs: list[float]) -> None:
        """Note the errors of steps that were taken, and of completed epochs."""
        self.n_steps_ += len(steps)
        self.orders.steps += len(steps)
        self.n_iter_ += len(epochs)
        self.history.extend(steps)
        self.epoch_history.extend(epochs)
        self._forget()

    def _forget(self) -> None:
        """Keep no more errors than `history_length` says."""
        limit = self.history_length
        if limit is not None:
            for kept in (self.history, self.epoch_history, self.validation_history):
                if len(kept) > limit:
                    del kept[: len(kept) - limit]

    def _steps_for(self, sizes: set[int]) -> dict[int, _Plain]:
        """What takes the steps for batches of these sizes; the last few are kept."""
        shapes, found = _shapes_and_types(self.parameters), {}
        for size in sorted(sizes):
            key = (size, shapes)
            kept = self._renderings.pop(key, None)
            found[size] = self._renderings[key] = kept or self._memory(size)
        for key in list(self._renderings)[:-4]:
            del self._renderings[key]
        return found

    def _memory(self, size: int, most: int = 256) -> _Plain:
        """What takes steps for batches of a size, `most` of them at a time."""
        own = (self.network, self.parameters, self.state, size)
        if self.steps is None or not self.steps.fit(self.network):
            return _Plain(*own)
        return _Fast(self.steps, *own, most=most)

    def partial_fit(
        self,
        X: Any,
        Y: Any = None,
        learning_rate: float | None = None,
        batch_size: int | None = None,
        sample_weight: Any = None,
    ) -> Self:
        """Go through the samples once, in their order, a step per batch.

        By default all samples are one batch, so that this is one step. The optimizer's
        state is kept from call to call. Returns the trainer. Raises what `fit` does.
        """
        rate = self.learning_rate if learning_rate is None else learning_rate
        alone = batch_size is None and sample_weight is None
        if alone and self._step(X, Y, rate):
            return self
        how = {"learning_rate": rate, "batch_size": batch_size}
        return self._fit(X, Y, sample_weight=sample_weight, **how)

    def draws(self, X: Any = None, ahead: int = 0) -> Parameters:
        """Return what is random in the next step, or in one after it, for samples X.

        It is by name, and as the functions of the equations take it, after the inputs.
        There is nothing random in most networks. Raises what `predict` does.
        """
        data = self.network.data
        draw = self.orders.draw(_positive_integer(ahead, "ahead", least=0))
        found = self.network.filled(self.parameters, self._inputs(X), draw)
        names = (datum.name for datum in data.random)
        return dict(zip(names, found[len(data.inputs) :], strict=True))

    def stepper(self, batch_size: int = 1) -> _Stepper:
        """Return a function that takes a step with a batch, and checks no data.

        `step(X, Y)`, or `step(X, Y, learning_rate=0.01)`, returns the error before the
        step. All inputs and targets, and weights and masks where there are such, are
        given one after the other: arrays of `batch_size` samples as rows, of the
        trainer's `dtype`, classes spread out, weights with one column. Anything else
        may give wrong results. The trainer has the new parameters, and
        the error in its histories. If a number stops being finite, ArithmeticError is
        raised, and the trainer is left as it was. A new stepper is needed where arrays
        of the parameters or the state are replaced.

        Raises ValueError or TypeError if the parameters or the state do not fit.
        """
        _positive_integer(batch_size, "batch_size")
        self._check_own()
        own = (self.network, self.parameters, self.state, batch_size)
        # copies in another order of axes cost what they save where they are large
        large = sum(value.size for value in self.parameters.values()) > 10_000
        return _Stepper(
            self, _Plain(*own) if large else self._memory(batch_size, most=1)
        )

    def _step(self, X: Any, Y: Any, rate: Any) -> bool:
        """Take a step with all samples; False if it leads to no finite numbers."""
        arrays = type(X) is type(Y) is np.ndarray and X.ndim > 0 and not self.scaling
        stepper = self._steppers.get(len(X)) if arrays else None
        if stepper is not None and stepper.is_current() and stepper.fits(X, Y):
            return stepper.take((X, Y), _checked_rate(rate)) is not None
        self._check_own()
        found = self._data(X, Y)
        rows = tuple(map(np.asarray, found))
        size = self.network.data.samples(rows)
        stepper = self._steppers.pop(size, None)
        if stepper is None or not stepper.is_current():
            stepper = self.stepper(size)
        if size <= 4096:
            self._steppers[size] = stepper
        for key in list(self._steppers)[:-4]:
            del self._steppers[key]
        return stepper.take(rows, _checked_rate(rate)) is not None

    def save(
        self, path: str | os.PathLike[str] | IO[bytes], history: bool = True
    ) -> None:
        """Write everything to exactly `path`, in NumPy's .npz format without pickle.

        The file holds the parameters, the optimizer's state, the random numbers, the
        histories unless `history` is False, and the hash of the network's
        specification. It takes the place of an older one as a whole, or not at all, and
        has its permissions; a device or a pipe is written to. `path` may also be a
        binary file that is open for writing.

        Raises OSError if it cannot be written, TypeError for what is no path.
        """
        _check_flag(history, "history")
        _write_npz(path, self._content(history))

    def _content(self, history: bool = True) -> dict[str, Any]:
        """The arrays of a file, by name."""
        self.network.check_parameters(self.parameters)
        self.network.check_state(self.parameters, self.state)
        kept = {name: getattr(self, name) if history else [] for name in _HISTORIES}
        return {
            **{f"parameters/{name}": value for name, value in self.parameters.items()},
            **{f"state/{name}": value for name, value in self.state.items()},
            **{name: np.array(errors, np.float64) for name, errors in kept.items()},
            **{name: np.array(getattr(self, name)) for name in _COUNTS},
            "learning_rate": np.array(_checked_rate(self.learning_rate)),
            "orders": self.orders.stored(),
            "network": np.array(self.network.digest),
            **self._stored_knowledge(),
        }

    @classmethod
    def load(cls, path: str | os.PathLike[str] | IO[bytes]) -> Self:
        """Return a new trainer, as `save` wrote it to `path` or to an open binary file.

        Raises ValueError if the file is damaged, is none that `save` wrote, or is of
        another network; OSError if it cannot be read; TypeError for what is no path.
        """
        content, where = _read_npz(path)
        try:
            return cls._restored(content)
        except (ValueError, TypeError) as wrong:
            raise ValueError(f"{where} cannot be loaded: {wrong}") from None

    @classmethod
    def _restored(cls, content: dict[str, Array]) -> Self:
        if str(content.get("network")) != cls.network.digest:
            found = (
                f"the network {content['network']}"
                if "network" in content
                else "no trainer"
            )
            raise ValueError(
                f"it holds {found}, and this is the network {cls.network.digest}"
            )
        names = ("parameters", "state", "known", "scaling", "")
        parts: dict[str, Parameters] = {name: {} for name in names}
        for key, value in content.items():
            part, _, name = key.rpartition("/")
            if part.partition("/")[0] != "fit":  # what a checkpoint has besides
                parts.setdefault(part, {})[name] = value
        arrays, own = parts["parameters"], parts[""]
        trainer = cls(
            arrays, dtype=next(iter(arrays.values())).dtype if arrays else np.float64
        )
        cls.network.check_state(trainer.parameters, parts["state"])
        trainer.state = parts["state"]
        trainer._restore_knowledge(parts.pop("known"), parts.pop("scaling"))
        expected = {*_HISTORIES, *_COUNTS, "learning_rate", "orders", "network"}
        if set(parts) != {"parameters", "state", ""} or set(own) != expected:
            raise ValueError("it lacks an entry, or has one too many")
        for name in _HISTORIES:
            if own[name].ndim != 1 or own[name].dtype != np.float64:
                raise ValueError(f"its {name} is no list of numbers")
            _check_finite(own[name], f"its {name}")
            setattr(trainer, name, own[name].tolist())
        for name, what in _COUNTS.items():
            if own[name].shape or own[name].dtype.kind != "i":
                raise ValueError(f"its number of {what} is no whole number")
            if own[name] < 0:
                found = f"its number of {what} is {own[name]}"
                raise ValueError(f"{found}; expected at least 0")
            setattr(trainer, name, int(own[name]))
        if own["learning_rate"].shape:
            raise ValueError("its learning rate is no number")
        trainer.learning_rate = _checked_rate(own["learning_rate"].item())
        trainer.orders = _Orders.restored(own["orders"])
        return trainer

    def copy(self) -> Self:
        """A trainer that is equal and independent."""
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: all but the working memory."""
        return {**self.__dict__, "_renderings": {}, "_steppers": {}}

    def __repr__(self) -> str:
        """The network, its parameters and its steps, on one line."""
        sizes = self.network.sizes(self.parameters)
        words = (
            *(word.format(**sizes) for word in self.words),
            f"dtype={self.dtype}",
            f"parameters={sum(value.size for value in self.parameters.values())}",
            f"steps={self.n_steps_}",
        )
        return f"Trainer({', '.join(words)})"
