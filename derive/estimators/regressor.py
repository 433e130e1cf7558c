"""Regression: numbers, one or several for each sample."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d

from derive.estimators.base import NetworkEstimator
from derive.estimators.outputs import Outputs, for_numbers
from derive.estimators.training import Array
from derive.text.user_text import shown


class Regressor(RegressorMixin, NetworkEstimator):
    """A fully connected network for numbers, one or several for each sample.

    The outputs are sums, and half their squared error is what is minimised, unless ``loss`` or
    ``output_activation`` say otherwise: its gradient is that of scikit-learn's ``MLPRegressor``.
    Targets should be scaled, for instance by a ``TransformedTargetRegressor``.

    Fitted, it has the attributes of a ``Classifier`` but ``classes_``.

    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> regressor = Regressor((8,), batch_size=8, max_iter=50, tol=None, random_state=0)
    >>> regressor = regressor.fit(X, np.column_stack([X**2, -X]))
    >>> regressor.predict(X).shape, regressor.network_.layers
    ((40, 2), (1, 8, 2))
    """

    _wanted_of_y: ClassVar[dict[str, Any]] = {"multi_output": True, "y_numeric": True}

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Go through the samples once, from the parameters as they are; the first time, from new ones.

        Raises ValueError as ``fit`` does.
        """
        return self._partial_fit(X, y, first=not hasattr(self, "trainer_"))

    def predict(self, X: Any) -> Array:
        """The numbers for X, (samples, features): (samples,), or (samples, outputs) if there are several."""
        outputs = self._predicted(X)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def _read(self, X: Any, y: Any, first: bool, classes: Array | None = None) -> tuple[Array, Array]:
        text = next((v for v in np.asarray(y, dtype=object).flat if isinstance(v, str)), None)
        if text is not None:
            raise ValueError(f"y holds {shown(str(text))}, where numbers are expected: for classes use the Classifier")
        return super()._read(X, y, first, classes)

    def _targets(self, y: Array, first: bool, classes: Array | None) -> Array:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        targets = y.reshape(len(y), -1).astype(np.dtype(self.dtype), copy=False)
        if not first and targets.shape[1] != self.n_outputs_:
            units = targets.shape[1]
            raise ValueError(f"y has {units} output{'s' * (units != 1)}, but the first time it had {self.n_outputs_}")
        return targets

    def _outputs(self, targets: Array) -> Outputs:
        return for_numbers(self.output_activation, self.loss, targets.shape[1])

    def __sklearn_tags__(self) -> Any:
        """Several outputs are possible."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
