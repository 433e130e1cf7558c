"""Classification: two classes or more."""

from __future__ import annotations

from typing import Any, ClassVar

from derive.estimators.base import NetworkEstimator
from derive.estimators.outputs import Chosen, for_classes, for_labels
from derive.targets.numpy.runtime.sklearn_base import Array
from derive.targets.numpy.runtime.sklearn_kinds import WeightedClassifierBase


class Classifier(WeightedClassifierBase, NetworkEstimator):
    """A fully connected network for two classes or more, with any labels.

    Two classes have one sigmoid output with binary cross-entropy; more classes have a softmax
    output with cross-entropy, unless ``loss`` or ``output_activation`` are given. Classes are
    coded as -1 and 1 for hinge losses, and as 0 and 1 for all others. If y is an array
    (samples, labels) of 0 and 1, a sample may have several labels: each has a sigmoid output.

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

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "tanh",
        *,
        output_activation: Any = None,
        loss: Any = None,
        class_weight: Any = None,
        solver: Any = "adam",
        l1: Any = 0.0,
        alpha: Any = 0.0,
        clip: Any = None,
        constraint: Any = None,
        learning_rate: Any = "constant",
        initialisation: Any = "glorot_uniform",
        learning_rate_init: Any = 0.001,
        batch_size: Any = "auto",
        max_iter: Any = 200,
        shuffle: Any = True,
        random_state: Any = None,
        tol: Any = 1e-4,
        n_iter_no_change: Any = 10,
        early_stopping: Any = False,
        validation_fraction: Any = 0.1,
        warm_start: Any = False,
        verbose: Any = False,
        dtype: Any = "float64",
    ) -> None:
        """Store the parameters, those of a ``NetworkEstimator`` and ``class_weight``; ``fit`` checks them."""
        super().__init__(
            hidden_layer_sizes,
            activation,
            output_activation=output_activation,
            loss=loss,
            solver=solver,
            l1=l1,
            alpha=alpha,
            clip=clip,
            constraint=constraint,
            learning_rate=learning_rate,
            initialisation=initialisation,
            learning_rate_init=learning_rate_init,
            batch_size=batch_size,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            n_iter_no_change=n_iter_no_change,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            warm_start=warm_start,
            verbose=verbose,
            dtype=dtype,
        )
        self.class_weight = class_weight

    _checks_of_y: ClassVar[dict[str, Any]] = {"multi_output": True}

    def __sklearn_tags__(self) -> Any:
        """A sample may have several labels if each of them can have an output of its own."""
        tags = super().__sklearn_tags__()
        try:
            for_labels(self.output_activation, self.loss, 2)
        except (TypeError, ValueError):  # fit will say what is wrong
            tags.classifier_tags.multi_label = False
        else:
            tags.classifier_tags.multi_label = self.class_weight is None
        return tags

    def _outputs(self, classes: int) -> Chosen:
        if self._several:
            return for_labels(self.output_activation, self.loss, classes)
        return for_classes(self.output_activation, self.loss, classes)

    def _chosen(self, targets: Array) -> Chosen:
        return self._outputs(len(self.classes_))
