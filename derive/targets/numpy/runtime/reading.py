"""What a trainer knows of the data it was trained on: names, labels, scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from derive.targets.numpy.runtime.data import OF_CLASSES, _resolved
from derive.targets.numpy.runtime.network import Network
from derive.targets.numpy.runtime.rows import _parts, _Rows
from derive.targets.numpy.runtime.values import (
    Array,
    Parameters,
    _column_names,
    _described,
)

#: What a trainer may know, and stores in a file.
_KNOWN = ("feature_names_in_", "classes_")
_SCALINGS = ("input_mean", "input_scale", "target_mean", "target_scale")


class _Reader:
    """Data as users have them become those of a network, samples as rows.

    feature_names_in_  the names of the columns of X, if X was a table with names
    classes_           the label of each class, if the targets were labels
    scaling            the mean and the scale of each input, and of each target, if
                       they are standardised
    """

    network: Network
    parameters: Parameters
    feature_names_in_: Array | None
    classes_: Array | None
    scaling: Parameters

    def _inputs(self, X: Any) -> tuple[Array, ...]:
        """Checked inputs, standardised if those of the training were."""
        self.network.check_parameters(self.parameters)
        self._check_names(X, "")
        return self._scaled(self.network.inputs_by_rows(self.parameters, X))

    def _data(
        self, X: Any, Y: Any, sample_weight: Any = None, of: str = ""
    ) -> tuple[Array, ...]:
        """Checked data, classes spread out, standardised as `_inputs` are."""
        self._check_names(X, of)
        given = self._coded(Y, of)
        rows = self.network.by_rows(self.parameters, X, given, sample_weight, of=of)
        return self._scaled(rows)

    def _meet(self, X: Any, Y: Any) -> None:
        """Note names and labels, if there are any, and none were noted before."""
        if self.feature_names_in_ is None and self.network.data.plain:
            self.feature_names_in_ = _column_names(X)
        if self.classes_ is None and (labels := self._labels(Y)) is not None:
            self.classes_ = self._found(np.unique(labels))

    def _check_names(self, X: Any, of: str) -> None:
        """Raise ValueError if X has other columns than the data of the training."""
        names, known = _column_names(X), self.feature_names_in_
        if known is None or names is None or np.array_equal(names, known):
            return
        absent, more = (
            [str(n) for n in some if n not in other]
            for some, other in ((known, names), (names, known))
        )
        what = f"{of}X lacks the column {absent[0]!r}" if absent else ""
        if more and not absent:
            what = f"{of}X has the column {more[0]!r}, which is new"
        what = what or f"the columns of {of}X are in another order"
        raise ValueError(f"{what}; expected {', '.join(known[:20])}")

    def _labels(self, Y: Any) -> Array | None:
        """The labels of classes, one for each sample, if Y has such."""
        data = self.network.data
        if not data.plain or data.targets[0].kind not in OF_CLASSES or Y is None:
            return None
        a_list = isinstance(Y, (list, tuple)) and any(isinstance(y, str) for y in Y)
        if isinstance(Y, Mapping) or not (a_list or hasattr(Y, "shape")):
            return None
        labels: Array = np.asarray(Y, object if a_list else None)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.ndim != 1 or not labels.size or labels.dtype.kind not in "UTO":
            return None
        if labels.dtype == object:
            text = [isinstance(label, str) for label in labels]
            if not any(text):
                return None
            if not all(text):
                row = text.index(False)
                found = f"{labels[row]!r:.60} in row {row} (from 0)"
                what = f"Y has labels of text, and {found}, which is none"
                raise TypeError(f"{what}: give each sample a label, or leave it out")
        return labels.astype(str)

    def _width(self) -> int:
        """How many columns the targets have."""
        datum = self.network.data.targets[0]
        return int(
            _resolved(datum.shape, (), self.network.sizes(self.parameters))[0] or 1
        )

    def _found(self, labels: Array) -> Array:
        """The labels, if there are as many as classes."""
        wanted = max(self._width(), 2)
        ordered = self.network.score[0] == "ordinal"
        if len(labels) != wanted or ordered:
            what = f"Y has {len(labels)} labels, and the network {wanted} classes"
            what = "the classes are in order" if ordered else what
            raise ValueError(f"{what}: set trainer.classes_ to all labels first")
        return labels

    def _coded(self, Y: Any, of: str) -> Any:
        """The numbers of the classes for their labels; anything else as it is."""
        if self.classes_ is None or (labels := self._labels(Y)) is None:
            return Y
        places = {label: place for place, label in enumerate(self.classes_.tolist())}
        for row, label in enumerate(labels.tolist()):
            if label not in places:
                known = ", ".join(map(str, self.classes_[:20]))
                said = f"{of}Y holds {label!r} in row {row} (from 0)"
                raise ValueError(f"{said}, which is no class; expected {known}")
        codes = np.array([places[label] for label in labels.tolist()])
        signs = self._width() == 1 and self.network.data.targets[0].kind == "signs"
        return 2 * codes - 1 if signs else codes

    def _standardise(self, how: Any, rows: tuple[Array, ...]) -> bool:
        """Find the scales of the data, unless they are known; whether they are new."""
        if how is False or self.scaling:
            return False
        network, data = self.network, self.network.data
        if how is not True and not (isinstance(how, str) and how == "both"):
            wanted = 'True for the inputs, or "both" for the targets, too'
            raise ValueError(f"standardise must be {wanted}, not {_described(how)}")
        if not data.plain or not data.inputs[0].may_wait:
            wanted = "the network must have one input, of real numbers in columns"
            raise ValueError(f"standardise: {wanted}")
        found = dict(zip(_SCALINGS[:2], _mean_and_scale(rows[0], None), strict=True))
        if how == "both":
            real = data.targets[0].kind == "real" and rows[1].ndim == 2
            first = network.data.chosen(rows[:1], slice(0, 1))
            inputs = network.filled(self.parameters, first)
            values = network.values(self.parameters, inputs)
            output = network.by_sample(network.output, values[network.output])
            if (
                not real
                or network.score[0] != "R^2"
                or output.shape != rows[1][:1].shape
            ):
                wanted = "the outputs must be real numbers like the targets"
                raise ValueError(f'standardise="both": {wanted}')
            scales = _mean_and_scale(rows[1], data.known(rows))
            found |= dict(zip(_SCALINGS[2:], scales, strict=True))
        dtype = next(iter(self.parameters.values())).dtype
        self.scaling = {name: value.astype(dtype) for name, value in found.items()}
        return True

    def _scaled(self, rows: Sequence[Array]) -> tuple[Array, ...]:
        """The rows as the network takes them: standardised if there are scales."""
        if not self.scaling:
            return tuple(rows)
        found: list[Any] = list(rows)
        pairs = (_SCALINGS[:2], _SCALINGS[2:])
        for place, (mean, scale) in enumerate(pairs[: len(found)]):
            if mean in self.scaling:
                by, array = (self.scaling[mean], self.scaling[scale]), found[place]
                lazy = isinstance(array, _Rows)
                found[place] = array.scaled(*by) if lazy else (array - by[0]) / by[1]
        return tuple(found)

    def _unscaled(self, outputs: Array) -> Array:
        """The outputs in the units of the targets."""
        if "target_mean" not in self.scaling:
            return outputs
        scaled: Array = outputs * self.scaling["target_scale"]
        return scaled + self.scaling["target_mean"]

    def _stored_knowledge(self) -> dict[str, Array]:
        """What is known of the data, as arrays for a file."""
        known = {name: getattr(self, name) for name in _KNOWN}
        found = {f"known/{n}": np.array(v) for n, v in known.items() if v is not None}
        return found | {f"scaling/{name}": v for name, v in self.scaling.items()}

    def _restore_knowledge(self, known: Parameters, scaling: Parameters) -> None:
        """Take what a file has; ValueError if it does not fit."""
        counts = {"input": 0, "target": 0}
        if not set(known) <= {*_KNOWN} or set(scaling) not in (
            set(),
            {*_SCALINGS[:2]},
            {*_SCALINGS},
        ):
            raise ValueError("it lacks an entry, or has one too many")
        for name, value in known.items():
            if value.ndim != 1:
                raise ValueError(f"its {name} is no list")
            setattr(self, name, value)
        for name, value in scaling.items():
            part, _, what = name.partition("_")
            positive = what == "mean" or (value.dtype.kind == "f" and (value > 0).all())
            counts[part] = counts[part] or len(np.atleast_1d(value))
            whole = value.ndim == 1 and len(value) == counts[part]
            if not (whole and positive and np.isfinite(value).all()):
                raise ValueError(f"its {name} is no list of scales")
        self.scaling = dict(scaling)


def _mean_and_scale(rows: Any, known: Array | None) -> tuple[Array, Array]:
    """The mean and the standard deviation of each column; 1 if all are alike."""
    mean = _moment(rows, 0.0, 1, known)
    scale = np.sqrt(_moment(rows, mean, 2, known))
    return mean, np.where(scale > 1e-12 * np.abs(mean), scale, 1.0)


def _moment(rows: Any, center: Any, power: int, known: Array | None) -> Array:
    """The mean of a power of each column, from a center; of known entries alone."""
    total: Array = np.zeros(rows.shape[1])
    count: Any = len(rows) if known is None else np.maximum(known.sum(axis=0), 1)
    for part in _parts(rows):
        powers = (part.astype(np.float64) - center) ** power
        total += powers.sum(axis=0) if known is None else (powers * known).sum(axis=0)
    mean: Array = total / count
    return mean
