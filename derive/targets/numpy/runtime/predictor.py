"""What a trainer says of inputs: outputs, other tensors, and a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from derive.targets.numpy.runtime.data import OF_CLASSES, _read_weights
from derive.targets.numpy.runtime.network import Network
from derive.targets.numpy.runtime.parts import _gradients_by_parts, _in_parts
from derive.targets.numpy.runtime.reading import _Reader
from derive.targets.numpy.runtime.scores import (
    _d2_deviance,
    _d2_pinball,
    _mean_cosine,
    _r2,
)
from derive.targets.numpy.runtime.values import (
    Array,
    Parameters,
    _are_classes,
    _described,
)


class PredictorBase(_Reader):
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
        rows = self._inputs(X)
        inputs = self.network.filled(self.parameters, rows)
        return self.network.values(self.parameters, inputs, state)

    def _predict_all(self, X: Any) -> dict[str, Array]:
        """The outputs by name, samples as rows."""
        rows = self._inputs(X)
        found = self._outputs(rows, self.network.outputs)
        name = self.network.output
        return {**found, name: self._unscaled(found[name])} if name in found else found

    def _predict(self, X: Any) -> Array:
        """The output, samples as rows."""
        network = self.network
        rows = self._inputs(X)
        found = self._outputs(rows, (network.output,))[network.output]
        return self._unscaled(found)

    def _outputs(
        self, rows: Sequence[Array], names: tuple[str, ...]
    ) -> dict[str, Array]:
        """Tensors of a prediction for checked inputs, samples as rows.

        The samples go through in parts, whose tensors stay in the cache.
        """
        network = self.network
        codes = {name: network.names.get(name, name) for name in names}
        parts: dict[str, list[Array]] = {name: [] for name in names}

        def predicted(inputs: Sequence[Array]) -> tuple[Parameters, Parameters]:
            output, values = network.with_output(self.parameters, inputs, self.state)
            found = {**values, network.output: output}
            return {name: found[code] for name, code in codes.items()}, values

        for _, found in _in_parts(network, self.parameters, rows, predicted):
            for name, code in codes.items():
                parts[name].append(network.by_sample(code, found[name]))
        return {
            name: found[0]
            if len(found) == 1 or network.axes.get(codes[name], -1) is None
            else np.concatenate(found)
            for name, found in parts.items()
        }

    def _stream(
        self, X: Any, state: Mapping[str, Any] | None
    ) -> tuple[Array, dict[str, Any]]:
        """The output for further steps, samples as rows, and the state after them."""
        wanted = "expected what stream returns, or None at the beginning"
        if state is not None and not isinstance(state, Mapping):
            raise TypeError(f"state must be a dict, not {_described(state)}: {wanted}")
        network, after = self.network, dict(state or {})
        rows = self._inputs(X)
        count = network.data.samples(rows)
        if after.get("samples", count) != count:
            what = f"the state is that of {after['samples']} samples"
            raise ValueError(f"{what}, and X has {count}")
        after["samples"] = count
        try:
            inputs = network.filled(self.parameters, rows)
            found = network.stream(self.parameters, *inputs, after)
        except (KeyError, TypeError, ValueError) as wrong:
            if state is None:
                raise
            raise ValueError(f"the state does not fit: {wanted}") from wrong
        shapes = (
            {n: np.shape(v) for n, v in s.items()} for s in (state or after, after)
        )
        if next(shapes) != next(shapes):
            raise ValueError(f"the state does not fit: {wanted}")
        return self._unscaled(network.by_sample(network.output, found)), after

    def _predict_proba(self, X: Any) -> Array:
        """The outputs, or of a single one the chances of the classes 0 and 1."""
        chance = self._predict(X)
        return np.hstack([1 - chance, chance]) if chance.shape[1] == 1 else chance

    def _input_gradients(self, X: Any, Y: Any) -> dict[str, Array]:
        """The derivative of the error with respect to each entry of inputs, by name."""
        network = self.network
        network.check_parameters(self.parameters)
        found = _gradients_by_parts(network, self.parameters, self._data(X, Y))
        scale = self.scaling.get("input_scale", 1)  # X is divided by it
        return {name: value / scale for name, value in found.items()}

    def predict_classes(self, X: Any) -> Array:
        """Return the class of each sample: its label, or its number without labels.

        Raises TypeError if the targets are no classes, and what `predict` does.
        """
        datum = self.network.data.targets[0] if self.network.data.targets else None
        if datum is None or datum.kind not in OF_CLASSES or not self.network.data.plain:
            raise TypeError("the targets of this network are no classes: use predict")
        outputs = self._predict(X)
        if self.network.score[0] == "ordinal":
            codes = np.sum(outputs > 0.5, axis=1)
        elif outputs.shape[1] == 1:
            middle = 0 if datum.kind == "signs" else 0.5
            codes = (outputs[:, 0] >= middle).astype(np.intp)
        else:
            codes = outputs.argmax(axis=1)
        labels: Array = codes if self.classes_ is None else self.classes_[codes]
        return labels

    def _score(self, X: Any, Y: Any, sample_weight: Any = None, axis: int = 1) -> float:
        """The accuracy where targets are classes, otherwise what fits the loss.

        Classes that are numbers have their outputs along an axis.
        """
        network = self.network
        network.check_parameters(self.parameters)
        data = self._data(X, Y)
        inputs, (target,) = network.data.inputs, network.data.targets
        (outputs,) = self._outputs(data[: len(inputs)], (network.output,)).values()
        targets, known = data[len(inputs)], network.data.known(data)
        weights = _read_weights(sample_weight, len(targets))
        if target.places is not None:
            chosen = outputs.argmax(axis=axis) + target.places[1]
            right = chosen == targets.reshape(chosen.shape)
            right = right.reshape(len(right), -1).mean(axis=1)
            return float(np.average(right, weights=weights))
        kind = target.kind
        outputs, targets = (a.reshape(len(a), -1) for a in (outputs, targets))
        known = np.ones(targets.shape, bool) if known is None else known
        known = known.reshape(targets.shape)
        weights = weights * known.any(axis=1)
        if not weights.any():
            raise ValueError("Y holds only NaN: there is nothing to score")
        if network.score[0] == "ordinal":
            right = np.sum(outputs > 0.5, axis=1) == targets.argmax(axis=1)
            return float(np.average(right, weights=weights))
        (given,) = Y.values() if isinstance(Y, Mapping) else (Y,)
        by_class = outputs.shape[1] > 1 and _are_classes(np.asarray(given))
        if kind == "classes" or (kind in OF_CLASSES and by_class):
            right = outputs.argmax(axis=1) == targets.argmax(axis=1)
            return float(np.average(right, weights=weights))
        if kind in OF_CLASSES:
            middle = 0 if kind == "signs" else 0.5
            right = ((outputs >= middle) == (targets >= middle)) | ~known
            return float(np.average(right.all(axis=1), weights=weights))
        measure, numbers = network.score
        if measure == "cosine":
            return _mean_cosine(targets, outputs, weights)
        if len(targets) < 2:
            named = "R^2" if measure == "R^2" else "D^2"
            raise ValueError(f"{named} needs at least two samples: there is 1")
        wide, share = targets.astype(np.float64), weights[:, None] * known
        if measure == "pinball":
            return _d2_pinball(wide, outputs, share, numbers)
        if measure == "deviance":
            return _d2_deviance(wide, outputs, share, *numbers)
        return _r2(wide, outputs[:, : wide.shape[1]], share)
