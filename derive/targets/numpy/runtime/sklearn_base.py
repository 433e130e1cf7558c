"""What every estimator for scikit-learn does: it checks, trains and predicts.

A subclass has the parameters, and makes a trainer for the data that it is fitted to.
"""

# mypy: disable-error-code="import-untyped, import-not-found, misc, untyped-decorator"

from __future__ import annotations

import copy
import reprlib
import warnings
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from derive.targets.numpy.runtime.sklearn_settings import (
    batch,
    count,
    flag,
    number,
    number_type,
    share,
)

Array = NDArray[Any]

#: The seeds that are drawn from `random_state` are below this.
_SEEDS = 2**31


class EstimatorBase(BaseEstimator):
    """A network for scikit-learn; these parameters say how it is trained.

    learning_rate_init      what a step is multiplied by
    batch_size              samples in a batch, at most all; "auto" is at most 200
    max_iter                how many epochs at most
    shuffle                 whether each epoch has a new order
    random_state            an integer for the same parameters and orders each time
    tol, n_iter_no_change   training ends once that many epochs in a row have gained
                            no more than `tol` of error, and the best parameters are
                            taken; None: it takes `max_iter` epochs
    early_stopping          whether it is the error on samples that are set aside that
                            must fall
    validation_fraction     the share of the samples that is set aside for it
    warm_start              whether `fit` goes on from the parameters of the last call,
                            if there was one, with a new state of the optimizer
    verbose                 whether a line is printed for each epoch
    dtype                   "float64" or "float32": what all is computed in
    """

    learning_rate_init: Any
    batch_size: Any
    max_iter: Any
    shuffle: Any
    random_state: Any
    tol: Any
    n_iter_no_change: Any
    early_stopping: Any
    validation_fraction: Any
    warm_start: Any
    verbose: Any
    dtype: Any

    trainer_: Any
    n_outputs_: int
    #: The mean weight of the samples; None: the equations read no weights.
    _mean_weight: float | None

    #: How many inputs and outputs the network has, where that is fixed.
    _fixed: ClassVar[tuple[int | None, int | None]] = (None, None)
    #: How scikit-learn is to check y.
    _checks_of_y: ClassVar[dict[str, Any]] = {}

    @abstractmethod
    def _new_trainer(self, X: Array, targets: Array, seed: int) -> Any:
        """A trainer with new parameters, for data with samples as rows."""

    @abstractmethod
    def _targets(self, y: Array, first: bool, classes: Array | None) -> Array:
        """The targets as the network takes them, (samples, outputs)."""

    def _strata(self, targets: Array) -> Array | None:
        """What is shared out evenly when samples are set aside for validation."""
        return None

    def fit(self, X: Any, y: Any) -> Self:
        """Train from new parameters on X, (samples, features), and y.

        Raises ValueError for data or parameters that do not fit, and if the error stops
        being finite, and is then as it was before; Ctrl-C leaves what is trained so
        far. Warns if the error was still falling after `max_iter` epochs, or has risen.
        """
        return self._fit(X, y)

    def _fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train as `fit` says; samples of weight 0 are left out."""
        warm = flag("warm_start", self.warm_start)
        before = getattr(self, "trainer_", None) if warm else None
        done = 0 if before is None else len(before.epoch_history)
        with _unchanged_if_refused(self):
            first = before is None
            X, targets, weights = self._read(X, y, first, given=sample_weight)
            source = check_random_state(self.random_state)
            epochs = count("max_iter", self.max_iter)
            options = self._options(epochs, source)
            self._begin(X, targets, source, weights)
            if before is not None:
                self._go_on(before)
                options["seed"] = None
            if flag("early_stopping", self.early_stopping):
                part = share("validation_fraction", self.validation_fraction)
                kept, out = train_test_split(
                    np.arange(X.shape[0]),
                    test_size=part,
                    random_state=source,
                    stratify=self._strata(targets),
                )
                options["validation"] = X[out], targets[out]
                X, targets = X[kept], targets[kept]
                if weights is not None:
                    options["validation"] += (weights[out],)
                    weights = weights[kept]
            self._train(X, targets, options, weights)
        self._warn(epochs, done)
        return self

    def _partial_fit(
        self,
        X: Any,
        y: Any,
        first: bool,
        classes: Array | None = None,
        sample_weight: Any = None,
    ) -> Self:
        """Go through the samples once, from the parameters as they are."""
        if flag("early_stopping", self.early_stopping):
            raise ValueError(
                "partial_fit has no samples to set aside: use early_stopping=False, or "
                "fit"
            )
        with _unchanged_if_refused(self):
            X, targets, weights = self._read(X, y, first, classes, sample_weight)
            source = check_random_state(self.random_state)
            options = {**self._options(1, source), "early_stopping": None}
            if first:
                self._begin(X, targets, source, weights)
            else:  # the orders go on; a seed would repeat that of the first call
                options["seed"] = None
                if weights is not None:
                    self._weigh()
            self._train(X, targets, options, weights)
        return self

    def _read(
        self,
        X: Any,
        y: Any,
        first: bool,
        classes: Array | None = None,
        given: Any = None,
    ) -> tuple[Array, Array, Array | None]:
        """The features, the targets and the weights, checked, without weights of 0."""
        dtype, inputs = number_type(self.dtype), self._fixed[0]
        how = {"accept_sparse": "csr", "dtype": _dtypes(dtype), "reset": first}
        with _column_named(X):
            X, y = validate_data(self, X, y, **how, **self._checks_of_y)
        if inputs not in (None, X.shape[1]):
            found = f"X has {X.shape[1]} features"
            raise ValueError(f"{found}, but the network has {inputs} inputs")
        weights = None if given is None else _weights(given, X, dtype)
        if weights is not None:
            kept = weights > 0
            X, y, weights = X[kept], y[kept], weights[kept]
        targets = self._targets(y, first, classes).astype(dtype, copy=False)
        return X, targets, self._by_class(y, weights)

    def _by_class(self, y: Array, weights: Array | None) -> Array | None:
        """The weights of the samples, times those of their classes."""
        return weights

    def _options(self, epochs: int, source: Any) -> dict[str, Any]:
        """What the trainer is told of how to train."""
        patience = count("n_iter_no_change", self.n_iter_no_change)
        stop = None if self.tol is None else number("tol", self.tol, 1e-4)
        if stop is None and flag("early_stopping", self.early_stopping):
            patience, stop = epochs, 0.0
        return {
            "epochs": epochs,
            "learning_rate": number("learning_rate_init", self.learning_rate_init, 0.1),
            "shuffle": flag("shuffle", self.shuffle),
            "seed": source.randint(_SEEDS),
            "early_stopping": stop
            if stop is None
            else {"patience": patience, "min_delta": stop},
            "callback": _say if self.verbose else None,
            "progress": False,
        }

    def _begin(
        self, X: Array, targets: Array, source: Any, weights: Array | None
    ) -> None:
        """Draw new parameters."""
        self.n_outputs_ = targets.shape[1]
        self._mean_weight = None if weights is None else float(np.mean(weights))
        self.trainer_ = self._new_trainer(X, targets, source.randint(_SEEDS))
        self.trainer_.history_length = None
        self.trainer_.said.add("rose")  # of which a ConvergenceWarning is given

    def _go_on(self, before: Any) -> None:
        """Take the parameters, the histories and the orders of an earlier trainer."""
        trainer = self.trainer_
        for name, value in trainer.parameters.items():
            found = before.parameters.get(name, np.empty(0))
            if found.shape != value.shape or len(before.parameters) != len(
                trainer.parameters
            ):
                what = "warm_start=True goes on from the parameters of the last fit"
                why = "the network is another one now"
                raise ValueError(f"{what}, but {why}: use warm_start=False")
            value[...] = found
        for name in ("history", "epoch_history", "validation_history"):
            getattr(trainer, name).extend(getattr(before, name))
        trainer.n_iter_, trainer.n_steps_ = before.n_iter_, before.n_steps_
        trainer.orders = copy.deepcopy(before.orders)

    def _weigh(self) -> None:
        """Get ready for weights, after training without any."""

    def _train(
        self,
        X: Array,
        targets: Array,
        options: dict[str, Any],
        weights: Array | None,
    ) -> None:
        """Train the trainer."""
        options["batch_size"] = batch(self.batch_size, X.shape[0])
        try:
            self.trainer_.fit(X, targets, sample_weight=weights, **options)
        except ArithmeticError as problem:
            advice = "or the data are not scaled, as StandardScaler does it"
            raise ValueError(f"{problem}; {advice}") from None

    def _warn(self, epochs: int, done: int) -> None:
        """Say where a training has not come to its end; `done` epochs were before."""
        first, last = self.loss_curve_[done], self.loss_curve_[-1]
        if last > first:
            problem = f"the error rose from {first:.3g} to {last:.3g}"
            advice = "try a smaller learning_rate_init, or scale the data"
        elif self.tol is not None and self.n_iter_ - done == epochs:
            problem = f"the error was still falling after max_iter={epochs} epochs"
            advice = "allow more of them"
        else:
            return
        warnings.warn(f"{problem}: {advice}", ConvergenceWarning, stacklevel=4)

    def _predicted(self, X: Any) -> Array:
        """The outputs of the network, (samples, outputs)."""
        check_is_fitted(self)
        how = {"accept_sparse": "csr", "dtype": _dtypes(self.trainer_.dtype)}
        with _column_named(X):
            X = validate_data(self, X, reset=False, **how)
        outputs: Array = self.trainer_.predict(X)
        return outputs

    def __sklearn_tags__(self) -> Any:
        """X may be sparse."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _trained(self) -> Any:
        check_is_fitted(self)
        return self.trainer_

    @property
    def n_iter_(self) -> int:
        """How many epochs there were."""
        return int(self._trained().n_iter_)

    @property
    def loss_curve_(self) -> list[float]:
        """The mean error of each epoch."""
        return list(self._trained().epoch_history)

    @property
    def validation_curve_(self) -> list[float]:
        """The error on the samples set aside, after each epoch; empty without any."""
        return list(self._trained().validation_history)

    @property
    def loss_(self) -> float:
        """The mean error of the last epoch."""
        return self.loss_curve_[-1]

    @property
    def parameters_(self) -> dict[str, Array]:
        """The parameters by name: weights are (units, inputs), biases (units, 1)."""
        return dict(self._trained().parameters)


@contextmanager
def _unchanged_if_refused(estimator: EstimatorBase) -> Iterator[None]:
    """Put the attributes back after an error; Ctrl-C leaves what was learned."""
    attributes = estimator.__dict__
    before = dict(attributes)
    try:
        yield
    except BaseException as problem:
        trainer: Any = attributes.get("trainer_")
        new = trainer is not None and trainer is not before.get("trainer_")
        interrupted = isinstance(problem, KeyboardInterrupt)
        if not (interrupted and new and trainer.epoch_history):
            attributes.clear()
            attributes.update(before)
        raise


@contextmanager
def _column_named(X: Any) -> Iterator[None]:
    """Say in which column of a table scikit-learn found what is no number."""
    try:
        yield
    except (TypeError, ValueError):
        if hasattr(X, "columns") and len(getattr(X, "shape", ())) == 2:
            by_place = getattr(X, "iloc", X)
            for place, name in enumerate(X.columns):
                _check_column(by_place[:, place], f'X, column "{name}",')
        raise


def _check_column(column: Any, name: str) -> None:
    """Raise ValueError unless all entries are finite numbers."""
    try:
        finite = np.isfinite(np.asarray(column).astype(np.float64))
    except (TypeError, ValueError):
        entries = np.asarray(column, dtype=object)
        text = next((v for v in entries if isinstance(v, str)), entries[0])
        advice = "encode it, as OneHotEncoder does, or leave the column out"
        found = f"{name} holds {reprlib.repr(text)}, which is no number"
        raise ValueError(f"{found}: {advice}") from None
    if not finite.all():
        found = f"{name} has no finite number in row {finite.argmin()} (from 0)"
        advice = "fill it, as SimpleImputer does, or leave its sample out"
        raise ValueError(f"{found}: {advice}")


def _dtypes(dtype: Any) -> list[Any]:
    """The types of X that are taken as they are; batches are converted."""
    return [dtype, np.float32, np.float64]


def _weights(given: Any, X: Array, dtype: Any) -> Array:
    """The weights of the samples, which are not negative and not all 0."""
    weights: Array = _check_sample_weight(given, X, dtype=dtype)
    if (weights < 0).any():
        found = f"sample_weight holds {weights[weights < 0][0]:g}"
        raise ValueError(f"{found}; expected weights that are not negative")
    if not weights.any():
        raise ValueError("sample_weight holds only zeros: give some sample a weight")
    return weights


def _say(trainer: Any) -> None:
    """Print what an epoch has come to, in scikit-learn's words."""
    print(f"Iteration {trainer.n_iter_}, loss = {trainer.epoch_history[-1]:.8f}")
    if trainer.validation_history:
        print(f"Validation loss: {trainer.validation_history[-1]:.8f}")
