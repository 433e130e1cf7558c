"""Regression: numbers, one or several for each sample."""

from __future__ import annotations

from derive.estimators.base import NetworkEstimator
from derive.estimators.outputs import Chosen, for_numbers
from derive.targets.numpy.runtime.sklearn_base import Array
from derive.targets.numpy.runtime.sklearn_kinds import WeightedRegressorBase


class Regressor(WeightedRegressorBase, NetworkEstimator):
    """A fully connected network for numbers, one or several for each sample.

    By default the outputs are linear and the loss is half the squared error, with the same
    gradient as scikit-learn's ``MLPRegressor``. Targets should be scaled, for instance by a
    ``TransformedTargetRegressor``.

    After ``fit`` it has the attributes of a ``Classifier`` except ``classes_``.

    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> regressor = Regressor((8,), batch_size=8, max_iter=50, tol=None, random_state=0)
    >>> regressor = regressor.fit(X, np.column_stack([X**2, -X]))
    >>> regressor.predict(X).shape, regressor.network_.layers
    ((40, 2), (1, 8, 2))
    """

    def _chosen(self, targets: Array) -> Chosen:
        return for_numbers(self.output_activation, self.loss, targets.shape[1])
