"""What a trainer says of inputs: outputs, other tensors, and a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from derive.targets.numpy.runtime.data import OF_CLASSES
from derive.targets.numpy.runtime.network import Network
from derive.targets.numpy.runtime.values import (
    Array,
    Parameters,
    _are_classes,
    _described,
)


class PredictorBase:
    """A network with its parameters and state, for inputs with samples as rows."""

    network: Network
    parameters: Parameters
    state: Parameters

    def compute(self, name: str, X: Any = None) -> Array:
        """Return a tensor of the forward pass for inputs X, samples as rows.

        The names are those of the equations. All samples are one batch. Raises
        ValueError or TypeError for another name, or for data that do not fit.
        """
        if not isinstance(name, str):
            raise TypeError(f"name must be a string, not {_described(name)}")
        found = self._values(X)
        code = self.network.names.get(name, name)
        if code not in found:
            users = {code: name for name, code in self.network.names.items()}
            computed = ", ".join(users.get(code, code) for code in found)
            raise ValueError(f'forward computes no "{name}"; expected {computed}')
        return self.network.by_sample(code, found[code])

    def _values(self, X: Any, state: Parameters | None = None) -> Parameters:
        """Every tensor of a forward pass, or of a prediction's, as it is stored."""
        self.network.check_parameters(self.parameters)
        rows = self.network.inputs_by_rows(self.parameters, X)
        inputs = self.network.data.turned(rows)
        return self.network.values(self.parameters, inputs, state)

    def _predict_all(self, X: Any) -> dict[str, Array]:
        """The outputs by name, samples as rows."""
        values, network = self._values(X, self.state), self.network
        codes = {name: network.names.get(name, name) for name in network.outputs}
        return {
            name: network.by_sample(code, values[code]) for name, code in codes.items()
        }

    def _predict(self, X: Any) -> Array:
        """The output, samples as rows."""
        self.network.check_parameters(self.parameters)
        return self._outputs(self.network.inputs_by_rows(self.parameters, X))

    def _stream(
        self, X: Any, state: Mapping[str, Any] | None
    ) -> tuple[Array, dict[str, Any]]:
        """The output for further steps, samples as rows, and the state after them."""
        network, after = self.network, dict(state or {})
        network.check_parameters(self.parameters)
        rows = network.inputs_by_rows(self.parameters, X)
        for name, value in after.items():
            axis = network.axes.get(network.names.get(name, name), -1)
            if name != "steps" and axis is not None:
                count = value.shape[axis]
                if count != len(rows[0]):
                    what = f"the state is that of {count} samples"
                    raise ValueError(f"{what}, and X has {len(rows[0])}")
        found = network.stream(self.parameters, *network.data.turned(rows), after)
        return network.by_sample(network.output, found), after

    def _outputs(self, rows: Sequence[Array]) -> Array:
        network = self.network
        inputs = network.data.turned(rows)
        found = network.predicted(self.parameters, *inputs, state=self.state)
        return network.by_sample(network.output, found)

    def _predict_proba(self, X: Any) -> Array:
        """The outputs, or of a single one the chances of the classes 0 and 1."""
        chance = self._predict(X)
        return np.hstack([1 - chance, chance]) if chance.shape[1] == 1 else chance

    def _score(self, X: Any, Y: Any) -> float:
        """The accuracy where targets are classes, R^2 otherwise."""
        network = self.network
        network.check_parameters(self.parameters)
        *inputs, targets = network.by_rows(self.parameters, X, Y)
        outputs, (target,) = self._outputs(inputs), network.data.targets
        if target.places is not None:
            chosen = outputs.argmax(axis=1) + target.places[1]
            return float(np.mean(chosen == targets.reshape(-1)))
        kind = target.kind
        outputs, targets = (a.reshape(len(a), -1) for a in (outputs, targets))
        (given,) = Y.values() if isinstance(Y, Mapping) else (Y,)
        by_class = outputs.shape[1] > 1 and _are_classes(np.asarray(given))
        if kind == "classes" or (kind in OF_CLASSES and by_class):
            return float(np.mean(outputs.argmax(axis=1) == targets.argmax(axis=1)))
        if kind in OF_CLASSES:
            middle = 0 if kind == "signs" else 0.5
            right = (outputs >= middle) == (targets >= middle)
            return float(np.mean(right.all(axis=1)))
        if len(targets) < 2:
            raise ValueError("R^2 needs at least two samples: there is 1")
        wide = targets.astype(np.float64)
        lost = np.sum((wide - outputs) ** 2, axis=0)
        spread = np.sum((wide - wide.mean(axis=0)) ** 2, axis=0)
        alike = np.where(lost == 0, 1.0, 0.0)
        explained = 1 - lost / np.where(spread == 0, 1, spread)
        return float(np.mean(np.where(spread == 0, alike, explained)))
