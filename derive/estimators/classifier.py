"""Classification: two classes or more."""

from __future__ import annotations

from derive.estimators.base import NetworkEstimator
from derive.estimators.outputs import Chosen, for_classes
from derive.targets.numpy.runtime.sklearn_base import Array
from derive.targets.numpy.runtime.sklearn_kinds import ClassifierBase


class Classifier(ClassifierBase, NetworkEstimator):
    """A fully connected network for two classes or more, with any labels.

    Two classes have one sigmoid output with binary cross-entropy; more classes have a softmax
    output with cross-entropy, unless ``loss`` or ``output_activation`` are given. Classes are
    coded as -1 and 1 for hinge losses, and as 0 and 1 for all others.

    After ``fit`` it has ``classes_``, ``n_features_in_``, ``feature_names_in_`` (if the data
    have names), ``n_outputs_``, ``n_layers_``, ``n_iter_``, ``loss_``, ``loss_curve_``,
    ``validation_curve_``, ``out_activation_``, ``parameters_``, ``coefs_``, ``intercepts_``,
    ``network_``, ``derivation_``, ``source_`` and ``trainer_``.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = Classifier((8,), max_iter=20, tol=None, random_state=0).fit(X, y)
    >>> classifier.predict_proba(X).shape, classifier.n_iter_
    ((150, 3), 20)
    >>> print(classifier.derivation_.summary()[2])
    Ψ⁽²⁾ = 1/m (Ŷ − Y)
    """

    def _outputs(self, classes: int) -> Chosen:
        return for_classes(self.output_activation, self.loss, classes)

    def _chosen(self, targets: Array) -> Chosen:
        return self._outputs(len(self.classes_))
