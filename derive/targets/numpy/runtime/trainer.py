"""What every trainer does."""

from __future__ import annotations

import copy
import functools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from derive.targets.numpy.runtime.course import _Bar, _Course, _Interrupts
from derive.targets.numpy.runtime.files import _HISTORIES, _read_npz, _write_npz
from derive.targets.numpy.runtime.finite import _why_not_finite
from derive.targets.numpy.runtime.predictor import PredictorBase
from derive.targets.numpy.runtime.steps import Steps, _Fast, _Plain
from derive.targets.numpy.runtime.stopping import (
    _Best,
    _best,
    _checked_batch,
    _checked_pair,
    _checked_share,
    _is_true,
)
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
    _generator,
    _positive_integer,
    _real_numbers,
    _shapes_and_types,
)


class TrainerBase(PredictorBase):
    """What every trainer does; `Trainer`, in the file beside, says what it is for.

    A subclass has the `network`, and the `steps` if there is a faster rendering of
    them. `words` say what the network is, with widths in braces.
    """

    steps: Steps | None = None
    words: tuple[str, ...] = ()

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
            name: np.array(_real_numbers(value, f'parameter "{name}"', kind), order="C")
            for name, value in parameters.items()
        }
        self.network.check_parameters(self.parameters, in_place=True)
        self.state: Parameters = self.network.initial_state(self.parameters)
        self.history: list[float] = []
        self.epoch_history: list[float] = []
        self.validation_history: list[float] = []
        self.n_iter_ = 0
        self._renderings: dict[Any, _Plain] = {}

    def _check_widths(self, widths: Mapping[str, int]) -> None:
        """Raise unless all widths are given that the network has, and no others."""
        expected = self.network.widths
        if set(widths) != set(expected):
            given = ", ".join(f"{name}=..." for name in widths) or "none of them"
            if not expected:
                raise TypeError(f"Trainer takes no widths; it was given {given}")
            wanted = ", ".join(f"{name}=..." for name in expected)
            needed = f"Trainer needs the widths {wanted}, or parameters"
            raise TypeError(f"{needed}; it was given {given}")

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers that all is computed in."""
        return _dtype(self.parameters)

    def _fit(
        self,
        X: Any,
        Y: Any = None,
        epochs: int = 1,
        learning_rate: float = 0.1,
        batch_size: int | None = None,
        shuffle: bool = False,
        seed: Seed = 0,
        validation: Any = None,
        early_stopping: int | Mapping[str, Any] | None = None,
        callback: Callable[[Any], object] | None = None,
        progress: bool | None = False,
    ) -> Self:
        """Train as `Trainer.fit` says."""
        network = self.network
        network.check_parameters(self.parameters, in_place=True)
        network.check_state(self.parameters, self.state)
        data = network.by_rows(self.parameters, X, Y)
        epochs, rate = _positive_integer(epochs, "epochs"), _checked_rate(learning_rate)
        generator, best = _generator(seed), _best(early_stopping)
        _check_flag(shuffle, "shuffle")
        if progress is not None:
            _check_flag(progress, "progress")
        if callback is not None and not callable(callback):
            raise TypeError(f"callback must be a function, not {_described(callback)}")
        samples = network.data.samples(data)
        pair = _checked_pair(validation, bool(network.data.targets))
        share = 0 if pair else _checked_share(validation, samples)
        left = samples - share
        size = left if batch_size is None else _checked_batch(batch_size, left, share)
        held_out = None
        if share:
            order = np.arange(left + share)
            order = generator.permutation(order) if shuffle else order
            kept, out = np.sort(order[:left]), np.sort(order[left:])
            held_out = network.data.chosen(data, out)
            data = network.data.chosen(data, kept)
        elif pair:
            held_out = network.by_rows(self.parameters, *pair, of="validation ")
        order_of = generator if shuffle else None
        each = held_out is not None or best is not None or callback is not None
        with _Interrupts() as interrupts, _Bar(progress, self, epochs) as bar:
            course = _Course(self, data, rate, size, interrupts, bar)
            while course.done < epochs:
                block = 1 if each else min(course.block, epochs - course.done)
                with np.errstate(all="ignore"):  # what overflows is found by its error
                    course.go(block, order_of)
                if each:
                    course.settle()
                    if self._ends(held_out, best, callback, course):
                        break
            course.settle()
            if best is not None:
                best.restore(self.parameters, self.state)
        return self

    def _ends(
        self,
        held_out: Sequence[Array] | None,
        best: _Best | None,
        callback: Callable[[Any], object] | None,
        course: _Course,
    ) -> bool:
        """What comes after an epoch; whether the training ends with it."""
        watched, place = self.epoch_history[-1], len(self.validation_history)
        if held_out is not None:
            watched = self._validation_error(held_out)
            self.validation_history.append(watched)
        told: object = None
        if callback is not None:
            told, changed = course.aside(callback)
            if held_out is not None and changed:
                watched = self._validation_error(held_out)
                if place < len(self.validation_history):
                    self.validation_history[place] = watched
        ends = best is not None and best.is_over(watched, self.parameters, self.state)
        return ends or _is_true(told)

    def _validation_error(self, held_out: Sequence[Array]) -> float:
        """The error on the samples that are held out, as one batch."""
        batch = self.network.data.turned(held_out)
        with np.errstate(all="ignore"):
            found = self.network.measured(self.parameters, *batch, state=self.state)
        if not math.isfinite(found):
            large = "the learning rate is too large, or the validation data are"
            why = _why_not_finite(
                self.network, self.parameters, batch, large, state=self.state
            )
            what = f"the validation error is {found} after epoch {self.n_iter_}"
            raise ArithmeticError(
                f"{what}: {why}; the trainer is left after that epoch"
            )
        return found

    def _steps_for(self, sizes: set[int]) -> dict[int, _Plain]:
        """What takes the steps for batches of these sizes; the last few are kept."""
        steps = self.steps
        fast = steps if steps is not None and steps.fit(self.network) else None
        shapes, found = _shapes_and_types(self.parameters), {}
        for size in sorted(sizes):
            key = (size, shapes, fast is None)
            if key not in self._renderings:
                made = _Plain if fast is None else functools.partial(_Fast, fast)
                self._renderings[key] = made(
                    self.network, self.parameters, self.state, size
                )
            found[size] = self._renderings[key] = self._renderings.pop(key)
        for key in list(self._renderings)[:-4]:
            del self._renderings[key]
        return found

    def partial_fit(
        self,
        X: Any,
        Y: Any = None,
        learning_rate: float = 0.1,
        batch_size: int | None = None,
    ) -> Self:
        """Go through the samples once, in their order, a step per batch.

        By default all samples are one batch, so that this is one step. The optimizer's
        state is kept from call to call. Returns the trainer. Raises what `fit` does.
        """
        return self._fit(X, Y, 1, learning_rate, batch_size)

    def save(self, path: str | os.PathLike[str] | IO[bytes]) -> None:
        """Write everything to exactly `path`, in NumPy's .npz format without pickle.

        The file holds the parameters, the optimizer's state, the histories and the hash
        of the network's specification. It takes the place of an older one as a whole,
        or not at all, and has its permissions; a device or a pipe is written to. `path`
        may also be a binary file that is open for writing.

        Raises OSError if it cannot be written, TypeError for what is no path.
        """
        self.network.check_parameters(self.parameters)
        self.network.check_state(self.parameters, self.state)
        content: dict[str, Any] = {
            **{f"parameters/{name}": value for name, value in self.parameters.items()},
            **{f"state/{name}": value for name, value in self.state.items()},
            **{name: np.array(getattr(self, name), np.float64) for name in _HISTORIES},
            "n_iter_": np.array(self.n_iter_),
            "network": np.array(self.network.digest),
        }
        _write_npz(path, content)

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
        parts: dict[str, Parameters] = {"parameters": {}, "state": {}, "": {}}
        for key, value in content.items():
            part, _, name = key.rpartition("/")
            parts.setdefault(part, {})[name] = value
        arrays = parts["parameters"]
        trainer = cls(
            arrays, dtype=next(iter(arrays.values())).dtype if arrays else np.float64
        )
        cls.network.check_state(trainer.parameters, parts["state"])
        trainer.state = parts["state"]
        if set(parts) != {"parameters", "state", ""} or set(parts[""]) != {
            *_HISTORIES,
            "n_iter_",
            "network",
        }:
            raise ValueError("it lacks an entry, or has one too many")
        for name in _HISTORIES:
            if parts[""][name].ndim != 1 or parts[""][name].dtype != np.float64:
                raise ValueError(f"its {name} is no list of numbers")
            _check_finite(parts[""][name], f"its {name}")
            setattr(trainer, name, parts[""][name].tolist())
        if parts[""]["n_iter_"].shape or parts[""]["n_iter_"].dtype.kind != "i":
            raise ValueError("its number of epochs is no whole number")
        if parts[""]["n_iter_"] < 0:
            raise ValueError(
                f"its number of epochs is {parts['']['n_iter_']}; expected at least 0"
            )
        trainer.n_iter_ = int(parts[""]["n_iter_"])
        return trainer

    def copy(self) -> Self:
        """A trainer that is equal and independent."""
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: all but the working memory."""
        return {**self.__dict__, "_renderings": {}}

    def __repr__(self) -> str:
        """The network, its parameters and its steps, on one line."""
        sizes = self.network.sizes(self.parameters)
        words = (
            *(word.format(**sizes) for word in self.words),
            f"dtype={self.dtype}",
            f"parameters={sum(value.size for value in self.parameters.values())}",
            f"steps={len(self.history)}",
        )
        return f"Trainer({', '.join(words)})"
