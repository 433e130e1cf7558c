"""Estimators for scikit-learn that classify, and those that predict numbers."""

# mypy: disable-error-code="import-untyped, import-not-found, misc, untyped-decorator"

from __future__ import annotations

import reprlib
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, unique_labels

from derive.targets.numpy.runtime.sklearn_base import Array, EstimatorBase
from derive.targets.numpy.runtime.sklearn_settings import number, refuse


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


def _check_labels(y: Array) -> None:
    """Raise ValueError for labels of which some are text and others are not."""
    if y.dtype != object or y.ndim != 1:
        return
    text = [isinstance(label, str) for label in y]
    if not any(text) or all(text):
        return
    row = text.index(False)
    found = f"{reprlib.repr(y[row])} in row {row} (from 0)"
    what = f"y has labels of text, and {found}, which is none"
    raise ValueError(f"{what}: give each sample a label of one kind, or leave it out")


class ClassifierBase(ClassifierMixin, EstimatorBase):
    """A network for two classes or more, with any labels."""

    classes_: Array
    #: Whether a sample may have several of the classes.
    _several: bool = False

    @abstractmethod
    def _outputs(self, classes: int) -> Outputs:
        """How the outputs stand for so many classes."""

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Go through the samples once; the first time from new parameters.

        `classes` are all that there will be; they must be given the first time. Raises
        ValueError as `fit` does.
        """
        first, known = self._known(classes)
        return self._partial_fit(X, y, first, known)

    def _known(self, classes: Any) -> tuple[bool, Array | None]:
        """Whether `partial_fit` is called for the first time; the classes, checked."""
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
        return first, known

    def _targets(self, y: Array, first: bool, classes: Array | None) -> Array:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        _check_labels(y)
        check_classification_targets(y)
        several = y.ndim == 2
        if not first and several != self._several:
            was = "(samples, labels)" if self._several else "(samples,)"
            raise ValueError(f"y has shape {y.shape}, but the first time it was {was}")
        self._several = several
        if several:
            return self._labels(y, first)
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

    def _labels(self, y: Array, first: bool) -> Array:
        """The targets where a sample may have several labels."""
        y = y.toarray() if hasattr(y, "toarray") else y
        if not np.isin(y, (0, 1)).all():
            raise ValueError("y has several columns, which must hold 0 and 1 alone")
        if not first and y.shape[1] != len(self.classes_):
            found = f"y has {y.shape[1]} labels"
            raise ValueError(f"{found}, but the first time it had {len(self.classes_)}")
        self.classes_ = np.arange(y.shape[1])
        return np.where(y == 1, 1.0, self._outputs(y.shape[1]).off)

    def _strata(self, targets: Array) -> Array | None:
        if self._several:
            return None
        return targets[:, 0] if targets.shape[1] == 1 else targets.argmax(axis=1)

    def predict(self, X: Any) -> Array:
        """The class of each sample of X, (samples, features), or 0 and 1 by label."""
        outputs = self._predicted(X)
        if self._several:
            threshold = self._outputs(outputs.shape[1]).threshold
            return (outputs > threshold).astype(int)
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
        if self._several:
            return outputs
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
        if self._several:
            scores: Array = outputs - self._outputs(outputs.shape[1]).threshold
            return scores
        if outputs.shape[1] == 1:
            return outputs[:, 0] - self._outputs(2).threshold
        two = outputs.shape[1] == 2
        return outputs[:, 1] - outputs[:, 0] if two else outputs


class WeightedClassifierBase(ClassifierBase):
    """A classifier whose equations take a weight for each sample.

    class_weight   a dict of weights by class, 1 for those that are not in it, by which
                   those of the samples are multiplied; "balanced": weights by which
                   all classes count alike in sum; None: 1 for all classes
    """

    class_weight: Any

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train from new parameters on X, (samples, features), and y.

        Samples count as their weights, (samples,), all alike by default; a weight of 0
        leaves a sample out. Raises and warns as `EstimatorBase.fit` does.
        """
        return self._fit(X, y, sample_weight)

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> Self:
        """Go through the samples once; the first time from new parameters.

        `classes` are all that there will be; they must be given the first time. Raises
        ValueError as `fit` does, and for balanced classes, which need all samples.
        """
        first, known = self._known(classes)
        return self._partial_fit(X, y, first, known, sample_weight)

    def _partial_fit(
        self,
        X: Any,
        y: Any,
        first: bool,
        classes: Array | None = None,
        sample_weight: Any = None,
    ) -> Self:
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            raise ValueError(
                "class_weight is 'balanced', which needs all samples: use fit, or give "
                "the weights as a dict"
            )
        return super()._partial_fit(X, y, first, classes, sample_weight)

    def _by_class(self, y: Array, weights: Array | None) -> Array | None:
        if self.class_weight is None:
            return weights
        if self._several:
            wanted = "where each sample has one class; give sample_weight instead"
            refuse("class_weight", self.class_weight, wanted)
        weights = np.ones(len(y)) if weights is None else weights
        place = np.searchsorted(self.classes_, y.ravel())
        return weights * self._class_weights(np.bincount(place, weights))[place]

    def _class_weights(self, sums: Array) -> Array:
        """The weight of each class, of which the weights of samples have these sums."""
        given, known = self.class_weight, list(self.classes_)
        if isinstance(given, str) and given == "balanced":
            balanced: Array = np.sum(sums) / (len(known) * sums)
            return balanced
        if not isinstance(given, Mapping):
            wanted = "where a dict of weights by class, 'balanced' or None is expected"
            refuse("class_weight", given, wanted)
        for label in given:
            if label not in known:
                found = f"class_weight has the class {reprlib.repr(label)}"
                raise ValueError(f"{found}, which is not among {self.classes_}")
        name = "the weight of a class in class_weight"
        return np.array([number(name, given.get(label, 1), 1) for label in known])


class RegressorBase(RegressorMixin, EstimatorBase):
    """A network for numbers, one or several for each sample."""

    _checks_of_y: ClassVar[dict[str, Any]] = {"multi_output": True, "y_numeric": True}

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Go through the samples once; the first time from new parameters.

        Raises ValueError as `fit` does.
        """
        return self._partial_fit(X, y, first=not hasattr(self, "trainer_"))

    def _read(
        self,
        X: Any,
        y: Any,
        first: bool,
        classes: Array | None = None,
        given: Any = None,
    ) -> tuple[Array, Array, Array | None]:
        entries = np.asarray(y, dtype=object).flat
        text = next((str(v) for v in entries if isinstance(v, str)), None)
        if text is not None:
            found = f"y holds {reprlib.repr(text)}, where numbers are expected"
            raise ValueError(f"{found}: for classes use a Classifier")
        return super()._read(X, y, first, classes, given)

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


class WeightedRegressorBase(RegressorBase):
    """A regressor whose equations take a weight for each sample."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train from new parameters on X, (samples, features), and y.

        Samples count as their weights, (samples,), all alike by default; a weight of 0
        leaves a sample out. Raises and warns as `EstimatorBase.fit` does.
        """
        return self._fit(X, y, sample_weight)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go through the samples once; the first time from new parameters.

        Raises ValueError as `fit` does.
        """
        first = not hasattr(self, "trainer_")
        return self._partial_fit(X, y, first, sample_weight=sample_weight)
