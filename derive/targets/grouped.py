"""Group the parameters of a deep network, so that the number of passes of its check does not grow with depth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.targets.numpy.runtime.check import resolved

Array = NDArray[Any]
Values = Mapping[str, Array]

#: A slope smaller than this share of a group's steepest one would be lost in the rounding of that one.
SHARE = 1e-2


class Grouped:
    """A network whose parameter groups act as single vector parameters; it is checked like the network itself.

    The check then takes one random direction for each group. The slope along it is the sum of the slopes of the
    members, so an error in any of them shows: two errors cancel with probability 0, as two wrong entries of one
    parameter do. Parameters with slopes of similar size share a group, so that no member is lost in the rounding
    of a larger one, and each is judged relative to its own slopes.
    """

    def __init__(self, network: Any, parameters: Values, data: Sequence[Array], groups: int) -> None:
        """Put the parameters into about ``groups`` groups, more where the slopes are of very different size."""
        self.network, self.has_kinks, self.most = network, network.has_kinks, -(-len(parameters) // groups)
        slopes = network.differentiated(dict(parameters), *data)
        self.coarse = resolved(network, dict(parameters), data, slopes)
        self.scales = {name: max(float(np.max(np.abs(slopes[name]))), 1e-290) for name in parameters}
        self.groups: dict[str, list[str]] = {}
        part: list[str] = []
        for name in sorted(parameters, key=lambda name: -self.scales[name]):
            if not part or len(part) == self.most or self.scales[name] < SHARE * self.scales[part[0]]:
                part = self.groups[name] = []
            part.append(name)
        self.sizes = {group: sum(parameters[name].size for name in part) for group, part in self.groups.items()}
        self.places: dict[str, tuple[str, slice, tuple[int, ...]]] = {}
        for group, part in self.groups.items():
            end = 0
            for name in part:
                start, end = end, end + parameters[name].size
                self.places[name] = (group, slice(start, end), parameters[name].shape)

    def judged(self, name: str, found: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
        """The result for a parameter's group, attributed to that parameter alone."""
        group, place, _ = self.places[name]
        part = (place.stop - place.start) / self.sizes[group]  # its root is the share of the length
        one, other = self.scales[group], self.scales[name]
        times, coarse = one / other, max(one, self.coarse) / max(other, self.coarse)
        return found[group][0] * times / math.sqrt(part), found[group][1] * coarse / math.sqrt(part)

    def joined(self, values: Values) -> dict[str, Array]:
        """Join the parameter arrays into the vectors of the groups."""
        return {group: np.concatenate([values[name].ravel() for name in part]) for group, part in self.groups.items()}

    def _parted(self, vectors: Values) -> dict[str, Array]:
        """Split the vectors of the groups into the parameters."""
        return {name: vectors[group][place].reshape(shape) for name, (group, place, shape) in self.places.items()}

    # ------------------------------------------------------------ the interface that a check uses

    def check_parameters(self, vectors: Values) -> None:
        """Do nothing: the parameters were made here."""

    def stored(self, vectors: Values, data: Sequence[Array]) -> Sequence[Array]:
        """Return the data unchanged."""
        return data

    def differentiated(self, vectors: Values, *data: Array) -> dict[str, Array]:
        """The gradients."""
        return self.joined(self.network.differentiated(self._parted(vectors), *data))

    def gradients(self, vectors: Values, *others: Any) -> dict[str, Array]:
        """The gradients, from the data and the tensors of a forward pass."""
        return self.joined(self.network.gradients(self._parted(vectors), *others))

    def constants(self, vectors: Values, *data: Array) -> dict[str, Array]:
        """The values of the tensors that gradients take for constants."""
        found: dict[str, Array] = self.network.constants(self._parted(vectors), *data)
        return found

    def values(self, vectors: Values, data: Sequence[Array], **more: Any) -> dict[str, Array]:
        """Every tensor of a forward pass."""
        found: dict[str, Array] = self.network.values(self._parted(vectors), data, **more)
        return found

    def error(self, vectors: Values, *others: Any) -> Any:
        """The error, from the data and the tensors of a forward pass."""
        return self.network.error(self._parted(vectors), *others)

    def kinks(self, vectors: Values, *others: Any) -> Any:
        """On which side of each kink an argument lies."""
        return self.network.kinks(self._parted(vectors), *others)


class Some:
    """A network of which only some parameters are checked.

    The steepest one should be among them: how small a slope can be measured depends on it.
    """

    def __init__(self, network: Any, names: Sequence[str]) -> None:
        self.network, self.names = network, names

    def __getattr__(self, name: str) -> Any:
        return getattr(self.network, name)

    def differentiated(self, parameters: Values, *data: Array) -> dict[str, Array]:
        """The gradients of these parameters."""
        found = self.network.differentiated(parameters, *data)
        return {name: found[name] for name in self.names}
