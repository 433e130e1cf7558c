"""What every estimator for scikit-learn does: it checks, trains and predicts.

A subclass has the parameters, and makes a trainer for the data that it is fitted to.
Only NumPy and scikit-learn, from version 1.6, are needed.
"""

# mypy: disable-error-code="import-untyped, import-not-found, misc, untyped-decorator"

from __future__ import annotations

import math
import reprlib
import warnings
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, NoReturn, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

Array = NDArray[Any]

#: The seeds that are drawn from `random_state` are below this.
_SEEDS = 2**31


class EstimatorBase(BaseEstimator):
    """A network for scikit-learn; these parameters say how it is trained.

    learning_rate           what a step is multiplied by
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
    verbose                 whether a line is printed for each epoch
    dtype                   "float64" or "float32": what all is computed in
    """

    learning_rate: Any
    batch_size: Any
    max_iter: Any
    shuffle: Any
    random_state: Any
    tol: Any
    n_iter_no_change: Any
    early_stopping: Any
    validation_fraction: Any
    verbose: Any
    dtype: Any

    trainer_: Any
    n_outputs_: int

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
        with _unchanged_if_refused(self):
            X, targets = self._read(X, y, first=True)
            source = check_random_state(self.random_state)
            epochs = count("max_iter", self.max_iter)
            options = self._options(epochs, source)
            self._begin(X, targets, source)
            if flag("early_stopping", self.early_stopping):
                part = share("validation_fraction", self.validation_fraction)
                kept, out = train_test_split(
                    np.arange(len(X)),
                    test_size=part,
                    random_state=source,
                    stratify=self._strata(targets),
                )
                options["validation"] = X[out], targets[out]
                X, targets = X[kept], targets[kept]
            self._train(X, targets, options)
        self._warn(epochs)
        return self

    def _partial_fit(
        self, X: Any, y: Any, first: bool, classes: Array | None = None
    ) -> Self:
        """Go through the samples once, from the parameters as they are."""
        if flag("early_stopping", self.early_stopping):
            raise ValueError(
                "partial_fit has no samples to set aside: use early_stopping=False, or "
                "fit"
            )
        with _unchanged_if_refused(self):
            X, targets = self._read(X, y, first, classes)
            source = check_random_state(self.random_state)
            options = {**self._options(1, source), "early_stopping": None}
            if first:
                self._begin(X, targets, source)
            self._train(X, targets, options)
        return self

    def _read(
        self, X: Any, y: Any, first: bool, classes: Array | None = None
    ) -> tuple[Array, Array]:
        """The features and the targets, checked."""
        dtype, inputs = number_type(self.dtype), self._fixed[0]
        X, y = validate_data(self, X, y, dtype=dtype, reset=first, **self._checks_of_y)
        if inputs not in (None, X.shape[1]):
            found = f"X has {X.shape[1]} features"
            raise ValueError(f"{found}, but the network has {inputs} inputs")
        return X, self._targets(y, first, classes).astype(dtype, copy=False)

    def _options(self, epochs: int, source: Any) -> dict[str, Any]:
        """What the trainer is told of how to train."""
        patience = count("n_iter_no_change", self.n_iter_no_change)
        stop = None if self.tol is None else number("tol", self.tol, 1e-4)
        if stop is None and flag("early_stopping", self.early_stopping):
            patience, stop = epochs, 0.0
        return {
            "epochs": epochs,
            "learning_rate": number("learning_rate", self.learning_rate, 0.1),
            "shuffle": flag("shuffle", self.shuffle),
            "seed": source.randint(_SEEDS),
            "early_stopping": stop
            if stop is None
            else {"patience": patience, "min_delta": stop},
            "callback": _say if self.verbose else None,
            "progress": False,
        }

    def _begin(self, X: Array, targets: Array, source: Any) -> None:
        """Draw new parameters."""
        self.n_outputs_ = targets.shape[1]
        self.trainer_ = self._new_trainer(X, targets, source.randint(_SEEDS))

    def _train(self, X: Array, targets: Array, options: dict[str, Any]) -> None:
        """Train the trainer."""
        size = batch(self.batch_size, len(X))
        try:
            self.trainer_.fit(X, targets, batch_size=size, **options)
        except ArithmeticError as problem:
            advice = "or the data are not scaled, as StandardScaler does it"
            raise ValueError(f"{problem}; {advice}") from None

    def _warn(self, epochs: int) -> None:
        """Say it where a training has not come to its end."""
        first, last = self.loss_curve_[0], self.loss_curve_[-1]
        if last > first:
            problem = f"the error rose from {first:.3g} to {last:.3g}"
            advice = "try a smaller learning_rate, or scale the data"
        elif self.tol is not None and self.n_iter_ == epochs:
            problem = f"the error was still falling after max_iter={epochs} epochs"
            advice = "allow more of them"
        else:
            return
        warnings.warn(f"{problem}: {advice}", ConvergenceWarning, stacklevel=3)

    def _predicted(self, X: Any) -> Array:
        """The outputs of the network, (samples, outputs)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=self.trainer_.dtype, reset=False)
        outputs: Array = self.trainer_.predict(X)
        return outputs

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


@dataclass(frozen=True)
class Outputs:
    """How the outputs of a network stand for classes.

    There are `units` of them. The right class is coded as 1, every other one as `off`.
    `probabilities` is "distribution", "probability", or empty where they are none.
    """

    units: int
    off: float = 0.0
    probabilities: str = ""

    @property
    def threshold(self) -> float:
        """Above which value a single output stands for the second class."""
        return (1 + self.off) / 2


def _gives_probabilities(classifier: ClassifierBase) -> bool:
    try:
        classes = len(getattr(classifier, "classes_", (0, 1)))
        return classifier._outputs(classes).probabilities != ""
    except ValueError:  # fit will say what is wrong
        return False


def _gives_scores(classifier: ClassifierBase) -> bool:
    return not _gives_probabilities(classifier)


class ClassifierBase(ClassifierMixin, EstimatorBase):
    """A network for two classes or more, with any labels."""

    classes_: Array

    @abstractmethod
    def _outputs(self, classes: int) -> Outputs:
        """How the outputs stand for so many classes."""

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Go through the samples once; the first time from new parameters.

        `classes` are all that there will be; they must be given the first time. Raises
        ValueError as `fit` does.
        """
        first = not hasattr(self, "trainer_")
        if first and classes is None:
            raise ValueError(
                "classes must be passed on the first call to partial_fit: all the "
                "classes there will be"
            )
        known = None if classes is None else unique_labels(classes)
        if not first and known is not None and not np.array_equal(known, self.classes_):
            said = f"classes is {known}, but on the first call it was {self.classes_}"
            raise ValueError(said)
        return self._partial_fit(X, y, first, known)

    def _targets(self, y: Array, first: bool, classes: Array | None) -> Array:
        check_classification_targets(y)
        wanted = np.unique(y) if classes is None else classes
        known = wanted if first else self.classes_
        fixed = None if self._fixed[1] is None else max(self._fixed[1], 2)
        if fixed not in (None, len(known)):
            found = f"there are {len(known)} classes"
            raise ValueError(f"{found}, but the network is for {fixed} classes")
        if len(known) < 2:
            found = f"y has only one class, {known[0]}"
            raise ValueError(f"{found}: a classifier needs at least two")
        if not np.isin(y, known).all():
            found = f"y has the classes {np.setdiff1d(y, known)}"
            raise ValueError(f"{found}, which are not among {known}")
        outputs = self._outputs(len(known))
        self.classes_ = known
        shown = known[1:] if outputs.units == 1 else known
        return np.where(y[:, None] == shown, 1.0, outputs.off)

    def _strata(self, targets: Array) -> Array:
        return targets[:, 0] if targets.shape[1] == 1 else targets.argmax(axis=1)

    def predict(self, X: Any) -> Array:
        """The class of each sample of X, (samples, features)."""
        outputs = self._predicted(X)
        chosen = outputs.argmax(axis=1)
        if outputs.shape[1] == 1:
            chosen = (outputs[:, 0] > self._outputs(2).threshold).astype(int)
        labels: Array = self.classes_[chosen]
        return labels

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """The probability of each class of `classes_`, (samples, classes).

        With a sigmoid for each of several classes, the outputs are divided by their
        sum. Only there if the outputs are probabilities.
        """
        outputs = self._predicted(X)
        if outputs.shape[1] == 1:
            return np.hstack([1 - outputs, outputs])
        if self._outputs(len(self.classes_)).probabilities == "distribution":
            return outputs
        sums = outputs.sum(axis=1, keepdims=True)
        shares: Array = outputs / np.where(sums > 0, sums, 1)
        return np.where(sums > 0, shares, 1 / outputs.shape[1])

    @available_if(_gives_probabilities)
    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of `predict_proba`; -inf of what has rounded to 0."""
        with np.errstate(divide="ignore"):
            logs: Array = np.log(self.predict_proba(X))
        return logs

    @available_if(_gives_scores)
    def decision_function(self, X: Any) -> Array:
        """The outputs; for two classes (samples,), positive for the second.

        Only there if the outputs are no probabilities.
        """
        outputs = self._predicted(X)
        single = outputs.shape[1] == 1
        return outputs[:, 0] - self._outputs(2).threshold if single else outputs


class RegressorBase(RegressorMixin, EstimatorBase):
    """A network for numbers, one or several for each sample."""

    _checks_of_y: ClassVar[dict[str, Any]] = {"multi_output": True, "y_numeric": True}

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Go through the samples once; the first time from new parameters.

        Raises ValueError as `fit` does.
        """
        return self._partial_fit(X, y, first=not hasattr(self, "trainer_"))

    def _read(
        self, X: Any, y: Any, first: bool, classes: Array | None = None
    ) -> tuple[Array, Array]:
        entries = np.asarray(y, dtype=object).flat
        text = next((str(v) for v in entries if isinstance(v, str)), None)
        if text is not None:
            found = f"y holds {reprlib.repr(text)}, where numbers are expected"
            raise ValueError(f"{found}: for classes use a Classifier")
        return super()._read(X, y, first, classes)

    def _targets(self, y: Array, first: bool, classes: Array | None) -> Array:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        targets, fixed = y.reshape(len(y), -1), self._fixed[1]
        units = targets.shape[1]
        if fixed not in (None, units):
            found = f"y has {units} columns"
            raise ValueError(f"{found}, but the network has {fixed} outputs")
        if not first and units != self.n_outputs_:
            found = f"y has {units} output{'s' * (units != 1)}"
            raise ValueError(f"{found}, but the first time it had {self.n_outputs_}")
        return targets

    def predict(self, X: Any) -> Array:
        """The numbers for X: (samples,), or (samples, outputs) if there are several."""
        outputs = self._predicted(X)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def __sklearn_tags__(self) -> Any:
        """Several outputs are possible, unless the network has one."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = self._fixed[1] != 1
        return tags


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


def _say(trainer: Any) -> None:
    """Print what an epoch has come to, in scikit-learn's words."""
    print(f"Iteration {trainer.n_iter_}, loss = {trainer.epoch_history[-1]:.8f}")
    if trainer.validation_history:
        print(f"Validation loss: {trainer.validation_history[-1]:.8f}")


# scikit-learn asks that a constructor checks nothing; these checks are made by `fit`.


def _refuse(name: str, value: Any, why: str) -> NoReturn:
    raise ValueError(f"{name} is {reprlib.repr(value)}, {why}")


def count(name: str, value: Any) -> int:
    """A parameter that counts something: at least 1."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        _refuse(name, value, "where a whole number such as 10 is expected")
    if value < 1:
        _refuse(name, value, "but must be at least 1")
    return int(value)


def number(name: str, value: Any, example: float) -> float:
    """A parameter that is a finite number, not negative."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        _refuse(name, value, f"where a number such as {example} is expected")
    try:
        found = float(value)
    except OverflowError:  # of an integer
        found = math.inf
    if not 0 <= found < math.inf:
        _refuse(name, value, "but must be a finite number that is not negative")
    return found


def share(name: str, value: Any) -> float:
    """A parameter that is a part of a whole."""
    found = number(name, value, 0.1)
    if not 0 < found < 1:
        _refuse(name, value, "but must be greater than 0 and less than 1")
    return found


def flag(name: str, value: Any) -> bool:
    """A parameter that is true or false."""
    if not isinstance(value, bool | np.bool_):
        _refuse(name, value, "where True or False is expected")
    return bool(value)


def batch(value: Any, samples: int) -> int:
    """`batch_size`, at most all samples; "auto" is 200."""
    if not isinstance(value, str):
        return min(count("batch_size", value), samples)
    if value != "auto":
        wanted = "where a whole number such as 32, or 'auto', is expected"
        _refuse("batch_size", value, wanted)
    return min(200, samples)


def number_type(value: Any) -> np.dtype[Any]:
    """`dtype`, by its name or as NumPy's own."""
    try:
        found: np.dtype[Any] | None = None if value is None else np.dtype(value)
    except TypeError:
        found = None
    if found is None or found.name not in ("float64", "float32"):
        _refuse("dtype", value, "but must be float64 or float32")
    return found
