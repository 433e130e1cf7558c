"""Classification: two classes or more."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, unique_labels

from derive.estimators.base import NetworkEstimator
from derive.estimators.outputs import Outputs, for_classes
from derive.estimators.training import Array
from derive.statement.network import SpecError


def _gives_probabilities(classifier: Classifier) -> bool:
    try:
        return classifier._outputs_of(len(getattr(classifier, "classes_", (0, 1)))).are_probabilities
    except SpecError:  # fit will say what is wrong
        return False


def _gives_scores(classifier: Classifier) -> bool:
    return not _gives_probabilities(classifier)


class Classifier(ClassifierMixin, NetworkEstimator):
    """A fully connected network for two classes or more, with any labels.

    Two classes have one output, a sigmoid with binary cross-entropy, and more of them have one
    each, a softmax with cross-entropy, unless ``loss`` or ``output_activation`` say otherwise.
    Of hinge losses the classes are coded as -1 and 1, of all others as 0 and 1.

    Fitted, it has ``classes_``, ``n_features_in_``, ``feature_names_in_`` (where there are
    names), ``n_outputs_``, ``n_layers_``, ``n_iter_``, ``loss_``, ``loss_curve_``,
    ``validation_curve_``, ``out_activation_``, ``parameters_``, ``coefs_`` and
    ``intercepts_``; and, of what was derived, ``network_``, ``derivation_``, ``source_`` and
    ``trainer_``.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = Classifier((8,), max_iter=20, tol=None, random_state=0).fit(X, y)
    >>> classifier.predict_proba(X).shape, classifier.n_iter_
    ((150, 3), 20)
    >>> print(classifier.derivation_.summary()[2])
    Ψ⁽²⁾ = 1/m (Ŷ − Y)
    """

    classes_: Array

    _wanted_of_y: ClassVar[dict[str, Any]] = {}

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Go through the samples once, from the parameters as they are; the first time, from new ones.

        ``classes`` are all that there will be; they must be given the first time. Raises
        ValueError as ``fit`` does.
        """
        first = not hasattr(self, "trainer_")
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit: all the classes there will be")
        known = None if classes is None else unique_labels(classes)
        if not first and known is not None and not np.array_equal(known, self.classes_):
            raise ValueError(f"classes is {known}, but on the first call it was {self.classes_}")
        return self._partial_fit(X, y, first, known)

    def predict(self, X: Any) -> Array:
        """The class of each sample of X, (samples, features)."""
        outputs = self._predicted(X)
        if outputs.shape[1] > 1:
            chosen = outputs.argmax(axis=1)
        else:
            chosen = (outputs[:, 0] > self._outputs_of(2).threshold).astype(int)
        labels: Array = self.classes_[chosen]
        return labels

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, (samples, classes), in the order of ``classes_``.

        With a sigmoid for each of several classes, the outputs are divided by their sum. Only
        there if the outputs are probabilities.
        """
        outputs = self._predicted(X)
        if outputs.shape[1] == 1:
            return np.hstack([1 - outputs, outputs])
        if self._outputs_of(len(self.classes_)).sum_to_one:
            return outputs
        sums = outputs.sum(axis=1, keepdims=True)
        return np.where(sums > 0, outputs / np.where(sums > 0, sums, 1), 1 / outputs.shape[1])

    @available_if(_gives_probabilities)
    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of ``predict_proba``; of a probability that has rounded to 0 it is -inf."""
        with np.errstate(divide="ignore"):
            found: Array = np.log(self.predict_proba(X))
        return found

    @available_if(_gives_scores)
    def decision_function(self, X: Any) -> Array:
        """The outputs, (samples, classes); for two classes (samples,), positive for the second.

        Only there if the outputs are no probabilities.
        """
        outputs = self._predicted(X)
        return outputs if outputs.shape[1] > 1 else outputs[:, 0] - self._outputs_of(2).threshold

    def _targets(self, y: Array, first: bool, classes: Array | None) -> Array:
        check_classification_targets(y)
        if first:
            known = np.unique(y) if classes is None else classes
            if len(known) < 2:
                raise ValueError(f"y has only one class, {known[0]}: a classifier needs at least two")
            outputs = self._outputs_of(len(known))
        else:
            known, outputs = self.classes_, self._outputs_of(len(self.classes_))
        if not np.isin(y, known).all():
            raise ValueError(f"y has the classes {np.setdiff1d(y, known)}, which are not among {known}")
        if first:
            self.classes_ = known
        shown = known[1:] if outputs.units == 1 else known
        coded: Array = np.where(y[:, None] == shown, 1.0, outputs.off).astype(self.dtype)
        return coded

    def _outputs(self, targets: Array) -> Outputs:
        return self._outputs_of(len(self.classes_))

    def _outputs_of(self, classes: int) -> Outputs:
        return for_classes(self.output_activation, self.loss, classes)

    def _strata(self, targets: Array) -> Array:
        return targets[:, 0] if targets.shape[1] == 1 else targets.argmax(axis=1)
