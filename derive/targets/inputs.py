"""Inputs that count as parameters, so that their gradients are checked like those of parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Values = Mapping[str, Array]


class WithInputs:
    """A network some of whose inputs are among the parameters; it is checked like the network itself."""

    def __init__(self, network: Any, names: Sequence[str]) -> None:
        """``names`` are those of the inputs; the network has the function ``input_gradients``."""
        self.network, self.has_kinks = network, network.has_kinks
        self.places = {datum.name: n for n, datum in enumerate(network.data.all) if datum.name in names}

    def joined(self, parameters: Values, data: Sequence[Array]) -> dict[str, Array]:
        """The parameters, and the inputs that count as such."""
        return {**parameters, **{name: np.asarray(data[place]) for name, place in self.places.items()}}

    def _parted(self, joined: Values, data: Sequence[Array]) -> tuple[dict[str, Array], list[Array]]:
        """The parameters and the data."""
        found = [*data]
        for name, place in self.places.items():
            found[place] = joined[name]
        return {name: value for name, value in joined.items() if name not in self.places}, found

    # ------------------------------------------------------------ the interface that a check uses

    def check_parameters(self, joined: Values) -> None:
        """Do nothing: the values were made here."""

    def stored(self, joined: Values, data: Sequence[Array]) -> Sequence[Array]:
        """Return the data unchanged."""
        return data

    def differentiated(self, joined: Values, *data: Array) -> dict[str, Array]:
        """The gradients."""
        return self.gradients(joined, *data, self.values(joined, data))

    def gradients(self, joined: Values, *others: Any) -> dict[str, Array]:
        """The gradients, from the data and the tensors of a forward pass."""
        *data, values = others
        parameters, given = self._parted(joined, data)
        slopes = self.network.gradients(parameters, *given, values)
        return {**slopes, **self.network.input_gradients(parameters, *given, values)}

    def constants(self, joined: Values, *data: Array) -> dict[str, Array]:
        """The values of the tensors that gradients take for constants."""
        parameters, given = self._parted(joined, data)
        found: dict[str, Array] = self.network.constants(parameters, *given)
        return found

    def values(self, joined: Values, data: Sequence[Array], **more: Any) -> dict[str, Array]:
        """Every tensor of a forward pass."""
        found: dict[str, Array] = self.network.values(*self._parted(joined, data), **more)
        return found

    def forward(self, joined: Values, *others: Any) -> Any:
        """The output, from the inputs; the tensors of the forward pass are put into the last argument."""
        *inputs, values = others
        parameters, given = self._parted(joined, inputs)
        return self.network.forward(parameters, *given, values)

    def error(self, joined: Values, *others: Any) -> Any:
        """The error, from the data and the tensors of a forward pass."""
        *data, values = others
        parameters, given = self._parted(joined, data)
        return self.network.error(parameters, *given, values)

    def kinks(self, joined: Values, *others: Any) -> Any:
        """On which side of each kink an argument lies."""
        *data, values = others
        parameters, given = self._parted(joined, data)
        return self.network.kinks(parameters, *given, values)
